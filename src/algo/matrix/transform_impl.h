/* transform_impl.h: going through a matrix in bands, and norms that neither end of float64 spoils.
 */
#ifndef TRN_ALGO_MATRIX_TRANSFORM_IMPL_H
#define TRN_ALGO_MATRIX_TRANSFORM_IMPL_H

#include "algo/matrix/transform.h"
#include "mpi/matrix.h"
#include "mpi/reduce.h"

#include <stdbool.h>
#include <stdint.h>

typedef void (*trn_visit_t)(void *user, int64_t row, int64_t col, double value);

/* Number `at` of a block, by its place in memory. */
static inline double trn_view_number(trn_view_t block, int64_t at) {
    return block.type == TRN_MATRIX_F32 ? (double)((const float *)block.data)[at]
                                        : ((const double *)block.data)[at];
}

/* Set it, rounded to the block's type. */
static inline void trn_view_set(trn_view_t block, int64_t at, double value) {
    if (block.type == TRN_MATRIX_F32)
        ((float *)block.data)[at] = (float)value;
    else
        ((double *)block.data)[at] = value;
}

/* This rank's rows, and the first of them. Local. */
int64_t trn_banded_rows(const trn_banded_t *m);
int64_t trn_banded_first(const trn_banded_t *m);

/* Show every number that is stored in local rows [from, end), row by row, by its global place.
 * Local. */
void trn_banded_each(const trn_banded_t *m, int64_t from, int64_t end, trn_visit_t visit,
                     void *user);

/* How many blocks so many rows are cut into; the first row of a rank (of rank = ranks: all rows)
 * where blocks are dealt evenly. Local. */
int64_t trn_transform_blocks(int64_t rows);
int64_t trn_transform_start(int64_t rows, int ranks, int rank);

/* The blocks of rows over which columns are summed. Local. */
trn_blocks_t trn_banded_blocks(const trn_banded_t *m);

/* Of each line its norm as value 2^exponent. The exponent is 0, and the sum that of the numbers as
 * they are, unless this would overflow or is so small that squares have lost digits. Infinities and
 * NaN spread. */
typedef struct trn_norms {
    double *value;
    int *exponent;
} trn_norms_t;

/* Room for so many lines; `what` for messages. Fails with TRN_MEMORY. Local. */
trn_status_t trn_norms_alloc(trn_norms_t *norms, int64_t count, const char *what);
void trn_norms_free(trn_norms_t *norms);

/* What that takes. Local. */
void trn_norms_plan(trn_ledger_t *ledger, int64_t count);

/* norms[rows of this rank]. Local. Cost: a pass; two more over rows of extreme numbers. */
void trn_banded_row_norms(const trn_banded_t *m, trn_norm_t norm, trn_norms_t norms);

/* norms[cols] on every rank, of finite numbers. Collective, equal arguments. Fails (agreed) with
 * TRN_MEMORY. Cost: a pass and trn_reduce_tree_of; twice that if there are extreme columns. */
trn_status_t trn_banded_col_norms(const trn_banded_t *m, trn_norm_t norm, trn_norms_t norms);

/* x / (value 2^exponent), the quotient not smaller than 2^-1022 being right to rounding. Local. */
double trn_norm_divide(double x, double value, int exponent);

#endif
