/* spread.c: sums of squares over the blocks of a tall matrix, dense or sparse, so that singular
 * values can be told as shares of all. */
#include "algo/matrix/spectral/spread.h"

#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/reduce.h"

#include <math.h>

static int64_t blocks_of(int64_t rows) {
    int64_t block = trn_tall_block(rows);
    return (rows + block - 1) / block;
}

/* Of one block: a leaf of the tree. */
static void dense_block(void *user, int64_t block, double *sum) {
    trn_view_t x = trn_tall_block_rows(*(const trn_tall_t *)user, block);
    *sum = 0;
    for (int64_t i = 0; i < x.rows; i++)
        for (int64_t j = 0; j < x.cols; j++) {
            double value = ((const double *)x.data)[i * x.stride + j];
            *sum += value * value;
        }
}

trn_status_t trn_spread_dense(trn_tall_t x, double *spread) {
    double sum = 0;
    TRN_TRY(trn_reduce_tree(x.comm, blocks_of(x.rows), 1, dense_block, &x, &sum));
    *spread = sqrt(sum);
    return TRN_OK;
}

/* Sparse rows ---------------------------------------------------------------------------------- */

typedef struct entries {
    const trn_sparse_t *sparse;
    int64_t rows;       /* on all ranks */
    const double *mean; /* [cols] */
    double squares;     /* |mean|^2: of a row without entries */
} entries_t;

/* Entries (x - m)^2 - m^2, beside m^2 in all places. */
static void sparse_block(void *user, int64_t block, double *sum) {
    const entries_t *e = user;
    int64_t first = trn_sparse_extent(e->sparse).first_row, size = trn_tall_block(e->rows);
    int64_t from = block * size, to = from + size < e->rows ? from + size : e->rows;
    const int64_t *start = trn_sparse_start(e->sparse);
    const int32_t *column = trn_sparse_column(e->sparse);
    *sum = (double)(to - from) * e->squares;
    for (int64_t at = start[from - first]; at < start[to - first]; at++) {
        double value = trn_sparse_value(e->sparse, at);
        *sum += value * (value - 2 * e->mean[column[at]]);
    }
}

trn_status_t trn_spread_sparse(trn_tall_t mean, int64_t rows, const trn_sparse_t *sparse,
                               double *spread) {
    entries_t entries = {.sparse = sparse, .rows = rows};
    double *means, sum = 0;
    trn_status_t status =
        trn_agree(mean.comm, trn_alloc(&means, mean.rows, sizeof *means, "column means"));
    if (status == TRN_OK) status = trn_tall_gather(mean, means);
    for (int64_t j = 0; j < mean.rows && status == TRN_OK; j++)
        entries.squares += means[j] * means[j];
    entries.mean = means;
    if (status == TRN_OK)
        status = trn_reduce_tree(mean.comm, blocks_of(rows), 1, sparse_block, &entries, &sum);
    *spread = sqrt(sum > 0 ? sum : 0);
    trn_free(&means);
    return status;
}

void trn_spread_sparse_plan(trn_ledger_t *ledger, int64_t cols) {
    trn_ledger_pass(ledger, "work", cols, sizeof(double));
}
