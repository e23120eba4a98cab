/* operator.h: a matrix, dense or sparse, as what it does to blocks of columns; the face that the
 * search for singular vectors sees. Bits do not depend on the number of ranks. */
#ifndef TRN_ALGO_MATRIX_OPERATOR_H
#define TRN_ALGO_MATRIX_OPERATOR_H

#include "algo/matrix/tall.h"
#include "mpi/sparse/sparse.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct trn_operator trn_operator_t;

/* An operator on a dense matrix, which is borrowed. Local. Fails with TRN_MEMORY. */
trn_status_t trn_operator_dense(trn_operator_t **op, trn_tall_t matrix);

/* An operator on a sparse float64 matrix of `rows` x `cols`, of which this rank has the rows that
 * trn_tall_start says, as one block; the block is borrowed. The transpose is made and kept, so that
 * both products sum along rows. Collective. Fails (agreed) with TRN_MEMORY, TRN_USAGE (2^31 rows
 * or columns). Memory: 12 bytes an entry, and 40 more while the transpose is made. */
trn_status_t trn_operator_sparse(trn_operator_t **op, MPI_Comm comm, int64_t rows, int64_t cols,
                                 const trn_sparse_t *sparse);

/* Free and set the pointer to NULL; NULL is fine. Local. */
void trn_operator_destroy(trn_operator_t **op);

/* From now on the matrix counts as having its column means taken off; nothing is filled in.
 * Collective. Fails (agreed) with TRN_MEMORY, TRN_NUMERIC (not finite). */
trn_status_t trn_operator_center(trn_operator_t *op);

/* The column means, this rank's part [cols x 1], borrowed; {0} if not centered. Local. */
trn_tall_t trn_operator_mean(const trn_operator_t *op);

/* From now on the matrix counts as A (I - V V^T), V = `directions` [cols x any] orthonormal and
 * borrowed; none ({0}) ends that. Local. */
void trn_operator_deflate(trn_operator_t *op, trn_tall_t directions);

/* Let the operator be the transpose of what it was. Local. */
void trn_operator_flip(trn_operator_t *op);

/* Sizes and communicator. Local. */
int64_t trn_operator_rows(const trn_operator_t *op);
int64_t trn_operator_cols(const trn_operator_t *op);
MPI_Comm trn_operator_comm(const trn_operator_t *op);

/* y = A x, or y = A^T x if `transposed`. Collective. Fails (agreed) with TRN_MEMORY.
 * Cost: 2 x entries x columns flop; sparse: the rows of x that entries meet travel
 * (mpi/sparse/spmm.h; another number of columns than last time costs a new plan); dense: all of x,
 * or a sum of products.
 */
trn_status_t trn_operator_apply(trn_operator_t *op, bool transposed, trn_tall_t x, trn_tall_t y);

/* An operator before there is data. */
typedef struct trn_operator_size {
    int64_t rows, cols; /* of the matrix, not flipped */
    bool sparse, center;
    int64_t entries, back; /* sparse: in this rank's band, and in its band of the transpose */
} trn_operator_size_t;

/* Plans: what an operator holds beside the matrix; what it goes on holding between products with
 * blocks of `width` columns; what these take, beside vectors, `away` directions being cut off.
 * Local. */
void trn_operator_plan(trn_ledger_t *ledger, const trn_operator_size_t *size, int ranks, int rank);
void trn_operator_routes_plan(trn_ledger_t *ledger, const trn_operator_size_t *size, int64_t width,
                              int ranks, int rank);
void trn_operator_apply_plan(trn_ledger_t *ledger, const trn_operator_size_t *size, int64_t width,
                             int64_t away, int ranks, int rank);

#endif
