/* multiply.h: the product of two matrices in files, dense or sparse, into a third. */
#ifndef TRN_ALGO_MATRIX_PRODUCT_MULTIPLY_H
#define TRN_ALGO_MATRIX_PRODUCT_MULTIPLY_H

#include "algo/matrix/matrix_file.h"
#include "base/status.h"
#include "mpi/dense/plan.h"

#include <jansson.h>
#include <mpi.h>
#include <stdbool.h>

typedef struct trn_multiply_options {
    const char *a, *b; /* files */
    const char *output;
    const char *add; /* file of C0, NULL: none */
    bool transpose_a, transpose_b;
    bool boolean; /* or-and instead of plus-times; for sparse operands */
    double alpha, beta;
    trn_algorithm_t algorithm; /* of dense products */
    bool typed;                /* `type` was asked for; else float32 if both operands are that */
    trn_matrix_type_t type;
    int64_t memory; /* bytes a rank; 0: any */
    int threads;
    bool dry;  /* plan and report, read no numbers, write nothing */
    int ranks; /* dry: plan for so many; 0: for those of the communicator */
    const char *created_by;
    const json_t *params;
} trn_multiply_options_t;

/* C = alpha op(A) op(B) + beta C0 in row bands on all ranks; two sparse operands give a sparse C
 * (alpha 1, no C0), any other pair a dense one. Adds to the object `result` on every rank what was
 * chosen and what it took. Dense by dense is planned by mpi/dense/plan.h, and its bits depend on
 * the number of ranks; the others are mpi/sparse/spmm.h and mpi/sparse/spgemm.h, and theirs do not.
 * Collective, equal arguments. Fails (agreed) with TRN_USAGE (shapes, what sparse products cannot
 * do), TRN_INPUT, TRN_MEMORY (names what would be enough), TRN_NUMERIC (a number of C is not finite
 * though all it is made of is), TRN_IO. */
trn_status_t trn_multiply(MPI_Comm comm, const trn_multiply_options_t *options, json_t *result);

#endif
