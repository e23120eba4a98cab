/* matrix.h: dense matrices, one row-major block a rank.
 *
 * A rank's block holds its share of the distribution, rows and columns ascending; mpi/dist.h walks
 * from their global numbers to those in the block. Ranks beyond the distribution hold an empty
 * block. */
#ifndef TRN_MPI_MATRIX_H
#define TRN_MPI_MATRIX_H

#include "base/dtype.h"
#include "base/rng.h"
#include "base/status.h"
#include "mpi/dist.h"
#include "mpi/shared.h"

#include <mpi.h>
#include <stdint.h>

/* Numbers of matrices are TRN_F32 or TRN_F64; under these names, too, above mpi. */
typedef trn_dtype_t trn_matrix_type_t;
#define TRN_MATRIX_F32 TRN_F32
#define TRN_MATRIX_F64 TRN_F64

/* A rectangle of numbers somewhere in memory: element (i, j) is number i x stride + j. A view owns
 * nothing; copy it freely. */
typedef struct trn_view {
    trn_dtype_t type;
    int64_t rows, cols;
    int64_t stride; /* elements from row to row: BLAS's leading dimension */
    void *data;
} trn_view_t;

/* Bytes of one element. Local. */
int64_t trn_matrix_type_size(trn_dtype_t type);

/* The part of a view from (row, col) on, rows x cols large, which must lie inside. Local. */
trn_view_t trn_view_part(trn_view_t view, int64_t row, int64_t rows, int64_t col, int64_t cols);

/* The rows of `to` become the columns of `from`: to.rows = from.cols and to.cols = from.rows, both
 * of one type and apart in memory. Local. */
void trn_view_transpose(trn_view_t from, trn_view_t to);

/* A distributed matrix. Opaque. */
typedef struct trn_matrix trn_matrix_t;

/* Create with uninitialized numbers; `comm` and `dist` are borrowed and must outlive the matrix.
 * The local block is contiguous (stride = its columns) and 64-byte aligned. Collective, equal
 * arguments. Fails (agreed) with TRN_MEMORY, TRN_USAGE (more holders than ranks, blocks of more
 * than 2^31 - 1 rows or columns). */
trn_status_t trn_matrix_create(trn_matrix_t **matrix, MPI_Comm comm, trn_dtype_t type,
                               const trn_dist_t *dist);

/* The same with zeros in memory that the ranks of a node share (mpi/shared.h), for operands of
 * plans that read in place. Collective, equal arguments. Fails (agreed) as trn_matrix_create does,
 * with TRN_MEMORY also where /dev/shm is too small. */
trn_status_t trn_matrix_create_shared(trn_matrix_t **matrix, MPI_Comm comm, trn_dtype_t type,
                                      const trn_dist_t *dist);

/* The shared blocks, borrowed; NULL if memory is not shared. Local. */
const trn_shared_t *trn_matrix_shared(const trn_matrix_t *matrix);

/* Free and set the pointer to NULL; NULL is fine. Local. */
void trn_matrix_destroy(trn_matrix_t **matrix);

/* All of the local block. Local. */
trn_view_t trn_matrix_block(const trn_matrix_t *matrix);

/* The distribution and the communicator, borrowed. Local. */
const trn_dist_t *trn_matrix_dist(const trn_matrix_t *matrix);
MPI_Comm trn_matrix_comm(const trn_matrix_t *matrix);

/* Global number of the first row that this rank holds; all rows if it holds none. Local. */
int64_t trn_matrix_first_row(const trn_matrix_t *matrix);

/* Fill with scale x standard normal float32 numbers (also in float64 matrices) that depend on seed,
 * stream, step and the global row and column alone. Local; never fails. Cost: one draw a number. */
void trn_matrix_fill_normal(trn_matrix_t *matrix, uint64_t seed, trn_rng_stream_t stream,
                            uint32_t step, double scale);

/* Bring the whole matrix to `whole` [rows x cols] on rank 0 (ignored elsewhere). For tests and
 * small results. Collective. Cost: every other block travels once, in rank order, one message for
 * each stretch of rows in each stretch of columns. */
void trn_matrix_gather(const trn_matrix_t *matrix, void *whole);

#endif
