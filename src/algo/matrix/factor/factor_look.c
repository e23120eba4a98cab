/* factor_look.c: a first look at a matrix to be factored: its size, and what NMF refuses. */
#include "algo/matrix/factor/factor.h"

#include "mpi/agree.h"
#include "mpi/reduce.h"

#include <math.h>

/* Sums of squares and of sizes, and the first negative number that was seen. */
typedef struct look {
    const trn_factor_matrix_t *x;
    int64_t row, col; /* -1: none */
    double value;
} look_t;

static void see(look_t *look, int64_t row, int64_t col, double x, double *values) {
    values[0] += x * x;
    values[1] += fabs(x);
    if (x >= 0 || look->row >= 0) return;
    look->row = row, look->col = col, look->value = x;
}

static void look_at_dense(void *user, int64_t block, double *values) {
    look_t *look = user;
    trn_view_t x = trn_tall_block_rows(look->x->dense->tall, block);
    int64_t first = block * trn_tall_block(look->x->rows);
    values[0] = values[1] = 0;
    for (int64_t i = 0; i < x.rows; i++)
        for (int64_t j = 0; j < x.cols; j++)
            see(look, first + i, j, ((double *)x.data)[i * x.stride + j], values);
}

static void look_at_sparse(void *user, int64_t block, double *values) {
    look_t *look = user;
    const trn_sparse_t *x = look->x->sparse;
    trn_extent_t extent = trn_sparse_extent(x);
    int64_t size = trn_tall_block(look->x->rows), first = block * size - extent.first_row;
    values[0] = values[1] = 0;
    for (int64_t i = first; i < first + size && i < extent.rows; i++)
        for (int64_t e = trn_sparse_start(x)[i]; e < trn_sparse_start(x)[i + 1]; e++)
            see(look, extent.first_row + i, trn_sparse_column(x)[e], trn_sparse_value(x, e),
                values);
}

trn_status_t trn_factor_look(const trn_factor_matrix_t *x, bool nonnegative, double sums[2]) {
    int64_t block = trn_tall_block(x->rows);
    look_t look = {.x = x, .row = -1};
    trn_status_t status = trn_reduce_tree(x->comm, (x->rows + block - 1) / block, 2,
                                          x->dense ? look_at_dense : look_at_sparse, &look, sums);
    if (x->dense) status = trn_tall_in_outcome(x->dense, status);
    TRN_TRY(status);
    if (!isfinite(sums[0]))
        return trn_fail(TRN_NUMERIC, "%s: squares of its numbers overflow, or are not finite",
                        x->name);
    if (nonnegative && look.row >= 0)
        status = trn_fail(TRN_INPUT,
                          "%s: row %lld, column %lld (from 0) is %g; --nmf takes no "
                          "negative numbers (--snmf does)",
                          x->name, (long long)look.row, (long long)look.col, look.value);
    return trn_agree(x->comm, status);
}
