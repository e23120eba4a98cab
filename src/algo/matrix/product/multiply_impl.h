/* multiply_impl.h: a product under way, and what its ways take. */
#ifndef TRN_ALGO_MATRIX_PRODUCT_MULTIPLY_IMPL_H
#define TRN_ALGO_MATRIX_PRODUCT_MULTIPLY_IMPL_H

#include "algo/matrix/matrix_file_plan.h"
#include "algo/matrix/overflow.h"
#include "algo/matrix/product/multiply.h"
#include "mpi/sparse/spmm.h"

enum { A, B, C };

/* A product under way: files, layouts and whatever has been loaded of each matrix. */
typedef struct trn_multiply {
    MPI_Comm comm;
    int ranks;
    const trn_multiply_options_t *want;
    json_t *result;
    trn_matrix_info_t info[3];
    const char *path[3];
    bool transpose[3];
    int64_t rows[3], cols[3]; /* of op(A), op(B) and C */
    trn_matrix_type_t type;
    trn_dist_t *stored[3], *dist[3]; /* as in the file, as used: the same unless transposed */
    trn_bands_t bands[3];            /* as stored, where there is a file */
    trn_matrix_t *dense[3];
    trn_sparse_t *sparse[3];
    trn_marks_t added;   /* where C0 is not finite, see overflow.h */
    trn_choice_t choice; /* of two dense operands; bytes 0: not yet */
    bool narrow;         /* plan with few columns under way, of a sparse and a dense operand */
} trn_multiply_t;

/* The type of sparse operands in memory. Local. */
trn_sparse_type_t trn_multiply_sparse_type(const trn_multiply_t *job);

/* Sizes of the product of a sparse and a dense operand on a rank. Local. */
trn_spmm_size_t trn_multiply_spmm_size(const trn_multiply_t *job, int ranks, int rank);

/* Plans (algo/common/estimate.h) of a trn_multiply_t: of two dense operands, where choice.bytes, if
 * it is there, counts buffers with the shares of A, B and C; of one sparse one; of two. Local. */
void trn_multiply_plan_dense(const void *job, int ranks, int rank, trn_ledger_t *ledger);
void trn_multiply_plan_mixed(const void *job, int ranks, int rank, trn_ledger_t *ledger);
void trn_multiply_plan_sparse(const void *job, int ranks, int rank, trn_ledger_t *ledger);

#endif
