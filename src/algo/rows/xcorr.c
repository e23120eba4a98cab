/* xcorr.c: means, then variances and products of deviations: never E[xy] - E[x] E[y], of which
 * nothing would be left where means are large. */
#include "algo/rows/xcorr.h"

#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/reduce.h"

#include <math.h>

static int64_t blocks_of(int64_t rows) {
    int64_t block = trn_tall_block(rows);
    return (rows + block - 1) / block;
}

/* values[cols] = squares of a block, by columns: a leaf of the tree. */
static void square_block(void *user, int64_t block, double *values) {
    const trn_tall_t *x = user;
    trn_view_t rows = trn_tall_block_rows(*x, block);
    for (int64_t j = 0; j < rows.cols; j++)
        values[j] = 0;
    for (int64_t i = 0; i < rows.rows; i++) {
        const double *row = (const double *)rows.data + i * rows.stride;
        for (int64_t j = 0; j < rows.cols; j++)
            values[j] += row[j] * row[j];
    }
}

/* deviation[j] from sums of squares of deviations. A column whose deviation is but the rounding of
 * its mean is constant. */
static trn_status_t deviations(const trn_tall_in_t *in, const double *mean, double epsilon,
                               double *deviation) {
    static const double ROUNDING = 1e-14; /* of a mean, over its size */
    for (int64_t j = 0; j < in->tall.block.cols; j++) {
        double variance = deviation[j] / (double)in->tall.rows;
        if (!isfinite(variance))
            return trn_fail(TRN_NUMERIC,
                            "%s: column %lld (from 0): its squares are too large for float64; "
                            "scale the matrix down before (transform --scale)",
                            in->in.path, (long long)j);
        double least = ROUNDING * fabs(mean[j]);
        if (epsilon == 0 && !(variance > least * least))
            return trn_fail(TRN_INPUT,
                            "%s: column %lld (from 0) is constant and has no correlation; leave "
                            "it out or give --epsilon",
                            in->in.path, (long long)j);
        deviation[j] = sqrt(variance + epsilon);
    }
    return TRN_OK;
}

/* Center a matrix, and find its columns' deviations. Collective. */
static trn_status_t standardize(trn_tall_in_t *in, double epsilon, double *mean,
                                double *deviation) {
    trn_tall_t x = in->tall;
    TRN_TRY(trn_tall_center(x, mean));
    TRN_TRY(trn_reduce_tree(x.comm, blocks_of(x.rows), x.block.cols, square_block, &x, deviation));
    TRN_TRY(trn_tall_in_outcome(in, TRN_OK));
    return trn_agree(x.comm, deviations(in, mean, epsilon, deviation));
}

/* From sums of products to correlations, and the sums over these, row by row. */
static trn_barlow_t scale(int64_t rows, int64_t d, const double *da, const double *db, double *c) {
    trn_barlow_t loss = {0};
    for (int64_t i = 0; i < d; i++)
        for (int64_t j = 0; j < d; j++) {
            double x = c[i * d + j] / (double)rows / (da[i] * db[j]);
            c[i * d + j] = x;
            if (i == j)
                loss.on += (1 - x) * (1 - x);
            else
                loss.off += x * x;
        }
    return loss;
}

trn_status_t trn_xcorr(trn_tall_in_t *a, trn_tall_in_t *b, double epsilon, double *c,
                       trn_barlow_t *loss) {
    MPI_Comm comm = a->tall.comm;
    int64_t d = a->tall.block.cols;
    double *space = NULL;
    TRN_AGREE(comm, trn_alloc(&space, 3 * d, sizeof *space, "means and deviations"));
    double *mean = space, *da = space + d, *db = da + d; /* [d] each; the means in turn */
    trn_status_t status = standardize(a, epsilon, mean, da);
    TRN_OR(done, status);
    TRN_OR(done, standardize(b, epsilon, mean, db));
    TRN_OR(done, trn_tall_cross(a->tall, b->tall, c));
    TRN_OR(done, trn_tall_in_outcome(a, TRN_OK));
    TRN_OR(done, trn_tall_in_outcome(b, TRN_OK));
    *loss = scale(a->tall.rows, d, da, db, c);
    if (!isfinite(loss->on + loss->off))
        status = trn_fail(TRN_NUMERIC, "correlations are not finite: scale the matrices down");
done:
    trn_free(&space);
    return status;
}

/* Means are with the sources, too. */
void trn_xcorr_plan(trn_ledger_t *ledger, int64_t rows, int64_t cols, int ranks, int rank) {
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "sums", 5 * cols, sizeof(double));
    trn_tall_cross_plan(ledger, rows, cols, cols, ranks, rank);
    trn_ledger_back(ledger, &before);
}
