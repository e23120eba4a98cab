/* lowpass.c: singular vectors of the normalized matrix of interactions, made into factors. */
#include "algo/graph/recommend/lowpass.h"

#include "algo/matrix/spectral/operator.h"
#include "base/mem.h"
#include "mpi/agree.h"

#include <math.h>
#include <string.h>

enum { GATHERED = 16 /* columns of V that travel at a time: bounds what they take as float64 */ };

static const double NOTHING = 1e-6; /* values below this part of the largest */

/* This rank's rows of Rn. Local. */
static trn_status_t normalize(trn_sparse_t **normal, const trn_interactions_t *in) {
    const trn_sparse_t *train = in->part[TRN_TO_TRAIN];
    trn_extent_t extent = trn_sparse_extent(train);
    int64_t count = trn_sparse_count(train), *start = NULL;
    int32_t *column = NULL;
    double *value = NULL;
    trn_status_t status = trn_alloc(&start, extent.rows + 1, sizeof *start, "a matrix");
    if (status == TRN_OK) status = trn_alloc(&column, count, sizeof *column, "a matrix");
    if (status == TRN_OK) status = trn_alloc(&value, count, sizeof *value, "a matrix");
    if (status == TRN_OK) {
        memcpy(start, trn_sparse_start(train), sizeof *start * (size_t)(extent.rows + 1));
        memcpy(column, trn_sparse_column(train), sizeof *column * (size_t)count);
        for (int64_t i = 0; i < extent.rows; i++)
            for (int64_t e = start[i]; e < start[i + 1]; e++)
                value[e] = 1 / sqrt((double)(start[i + 1] - start[i]) * in->degree[column[e]]);
        status = trn_sparse_adopt(normal, TRN_SPARSE_F64, extent, start, column, value);
    }
    if (status == TRN_OK) return TRN_OK;
    trn_free(&start);
    trn_free(&column);
    trn_free(&value);
    return status;
}

/* Collective. */
static trn_status_t decompose(trn_svd_t *svd, const trn_interactions_t *in, int64_t rank,
                              trn_svd_stop_t stop) {
    trn_sparse_t *normal = NULL;
    trn_operator_t *op = NULL;
    trn_status_t status = trn_agree(in->comm, normalize(&normal, in));
    if (status == TRN_OK) status = trn_operator_sparse(&op, in->comm, in->users, in->items, normal);
    if (status == TRN_OK) status = trn_svd_krylov(svd, op, rank, stop);
    trn_operator_destroy(&op);
    trn_sparse_destroy(&normal);
    return status;
}

/* The factors of this rank's users: row u of U S, times the root of u's degree. Local. */
static void users_of(trn_lowpass_t *lowpass, const trn_svd_t *svd, const trn_sparse_t *train) {
    const int64_t *start = trn_sparse_start(train);
    int64_t k = lowpass->width;
    for (int64_t i = 0; i < svd->u.block.rows; i++) {
        const double *u = (const double *)svd->u.block.data + i * svd->u.block.stride;
        double root = sqrt((double)(start[i + 1] - start[i]));
        for (int64_t j = 0; j < k; j++)
            lowpass->user[i * k + j] = (float)(root * svd->values[j] * u[j]);
    }
}

/* The factors of all items, out of the ranks' rows of V. Collective. */
static trn_status_t items_of(trn_lowpass_t *lowpass, const trn_svd_t *svd, const int32_t *degree,
                             double mix, double *some) {
    int64_t k = lowpass->width, items = svd->v.rows;
    for (int64_t first = 0; first < k; first += GATHERED) {
        int64_t width = k - first < GATHERED ? k - first : GATHERED;
        TRN_TRY(trn_tall_gather(trn_tall_cols(svd->v, first, width), some));
        for (int64_t i = 0; i < items; i++)
            for (int64_t j = 0; j < width; j++)
                lowpass->item[i * k + first + j] =
                    (float)(mix * sqrt((double)degree[i]) * some[i * width + j]);
    }
    return TRN_OK;
}

/* Collective. */
static trn_status_t factors_of(trn_lowpass_t *lowpass, const trn_interactions_t *in,
                               const trn_svd_t *svd, double mix) {
    int64_t k = 0;
    double *some = NULL;
    while (k < svd->rank && svd->values[k] >= NOTHING * svd->values[0])
        k++;
    lowpass->width = k;
    trn_status_t status = trn_alloc(&lowpass->values, k, sizeof(double), "factors");
    if (status == TRN_OK)
        status = trn_alloc(&lowpass->user, svd->u.block.rows * k, sizeof(float), "factors");
    if (status == TRN_OK)
        status = trn_alloc(&lowpass->item, in->items * k, sizeof(float), "factors");
    if (status == TRN_OK)
        status = trn_alloc(&some, in->items * GATHERED, sizeof *some, "some columns of factors");
    status = trn_agree(in->comm, status);
    if (status == TRN_OK) {
        memcpy(lowpass->values, svd->values, sizeof(double) * (size_t)k);
        users_of(lowpass, svd, in->part[TRN_TO_TRAIN]);
        status = items_of(lowpass, svd, in->degree, mix, some);
    }
    trn_free(&some);
    return status;
}

trn_status_t trn_lowpass_create(trn_lowpass_t *lowpass, const trn_interactions_t *in, int64_t rank,
                                double mix, trn_svd_stop_t stop) {
    trn_svd_t svd = {0};
    *lowpass = (trn_lowpass_t){0};
    trn_status_t status = decompose(&svd, in, rank, stop);
    if (status == TRN_OK) status = factors_of(lowpass, in, &svd, mix);
    lowpass->steps = svd.steps;
    lowpass->residual = svd.residual;
    trn_svd_free(&svd);
    if (status != TRN_OK) trn_lowpass_free(lowpass);
    return status;
}

void trn_lowpass_free(trn_lowpass_t *lowpass) {
    trn_free(&lowpass->values);
    trn_free(&lowpass->user);
    trn_free(&lowpass->item);
}

/* Entries of the transposed matrix: an even share of all, for what has most users may be anywhere.
 */
static trn_operator_size_t size_of(const trn_interactions_t *in, int ranks, int rank) {
    trn_operator_size_t size = {.rows = in->users, .cols = in->items, .sparse = true};
    double all = 0;
    for (int r = 0; r < ranks; r++)
        all += (double)trn_interactions_share(in, TRN_TO_TRAIN, ranks, r);
    size.entries = trn_interactions_share(in, TRN_TO_TRAIN, ranks, rank);
    size.back = (int64_t)(all * (double)trn_tall_rows(in->items, ranks, rank) / (double)in->items);
    return size;
}

void trn_lowpass_plan(trn_ledger_t *ledger, const trn_interactions_t *in, int64_t rank, int ranks,
                      int rank_at) {
    int64_t users = trn_tall_rows(in->users, ranks, rank_at);
    trn_operator_size_t size = size_of(in, ranks, rank_at);
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "matrix", size.entries, sizeof(int32_t) + sizeof(double));
    trn_ledger_take(ledger, "matrix", users + 1, sizeof(int64_t));
    trn_operator_plan(ledger, &size, ranks, rank_at);
    trn_svd_krylov_plan(ledger, &size, rank, 0, ranks, rank_at);
    trn_ledger_back(ledger, &before);
    /* the vectors are still there when factors are made of them */
    int64_t vectors = (users + trn_tall_rows(in->items, ranks, rank_at)) * rank;
    trn_ledger_take(ledger, "factors", (users + in->items) * rank, sizeof(float));
    trn_ledger_take(ledger, "vectors", vectors, sizeof(double));
    trn_ledger_pass(ledger, "work", in->items * GATHERED, sizeof(double));
    trn_ledger_give(ledger, "vectors", vectors, sizeof(double));
}
