/* apply.c: (x - mean) matrix + bias, block by block. */
#include "algo/map/apply.h"

#include "base/mem.h"
#include "kern/dense/blas.h"
#include "kern/dense/finite.h"
#include "kern/dense/gemm.h"
#include "mpi/agree.h"

#include <math.h>

/* x [rows x in] less mean [in]: first, as it was in the fit, so that a mean far off costs no digits
 * of what rows differ by. */
static void take_mean(trn_view_t x, const double *mean) {
    for (int64_t i = 0; i < x.rows; i++) {
        double *row = (double *)x.data + i * x.stride;
        for (int64_t j = 0; j < x.cols; j++)
            row[j] -= mean[j];
    }
}

/* Pieces of TRN_TALL_BLOCK rows, so that BLAS sees the same whatever the threads; products are in
 * float64 also of float32 rows: entries of a map that whitens may differ by its condition number,
 * of which a float32 product loses as many digits. */
static void multiply(const trn_apply_t *apply, trn_view_t x, double *y) {
    const trn_map_t *map = apply->map;
    int threads = apply->threads > 1 ? apply->threads : 1;
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
    for (int64_t at = 0; at < x.rows; at += TRN_TALL_BLOCK) {
        int64_t rows = x.rows - at < TRN_TALL_BLOCK ? x.rows - at : TRN_TALL_BLOCK;
        trn_gemm(&(trn_gemm_t){.type = TRN_F64,
                               .m = rows,
                               .n = map->out,
                               .k = map->in,
                               .alpha = 1,
                               .a = {(const double *)x.data + at * x.stride, x.stride, false},
                               .b = {map->matrix, map->out, false},
                               .c = y + at * map->out,
                               .ldc = map->out});
    }
}

/* Of whitened rows y [rows x out], at their places among this rank's. */
static void note_likelihood(trn_apply_t *apply, int64_t first, int64_t rows, const double *y) {
    static const double log_two_pi = 1.8378770664093454836;
    int64_t cols = apply->map->out;
    for (int64_t i = 0; i < rows; i++) {
        double squares = 0;
        for (int64_t j = 0; j < cols; j++)
            squares += y[i * cols + j] * y[i * cols + j];
        apply->loglik[first - apply->first + i] = -((double)cols * log_two_pi + squares) / 2;
    }
}

/* values [rows x out], float64 whatever the file will hold: trn_tall_save converts. A block of
 * `rows` is the first view's; the other views read theirs here, at the same block number. */
static void make(void *user, int64_t first, trn_view_t rows, void *values) {
    trn_apply_t *apply = user;
    const trn_map_t *map = apply->map;
    double *y = values;
    int64_t block = first / trn_tall_block(apply->views.tall.rows);
    trn_view_t x = trn_views_rows(&apply->views, block, rows);
    if (map->mean) take_mean(x, map->mean);
    multiply(apply, x, y);
    for (int64_t i = 0; i < x.rows && map->bias; i++)
        for (int64_t j = 0; j < map->out; j++)
            y[i * map->out + j] += map->bias[j];
    if (apply->wants_loglik) note_likelihood(apply, first, x.rows, y);
    int64_t bad = trn_not_finite_f64(x.rows * map->out, y);
    if (bad >= 0 && apply->bad < 0) apply->bad = first + bad / map->out;
}

/* Other views' reading first, for it explains numbers. */
trn_status_t trn_apply_outcome(void *user, trn_status_t status) {
    trn_apply_t *apply = user;
    for (int v = 1; v < apply->views.count; v++)
        status = trn_tall_in_outcome(apply->views.in[v], status);
    TRN_TRY(status);
    if (apply->bad >= 0)
        status = trn_fail(TRN_NUMERIC,
                          "%s: row %lld (from 0) becomes too large for float64; scale the matrix "
                          "(transform --scale)",
                          apply->views.in[0]->in.path, (long long)apply->bad);
    return trn_agree(apply->views.tall.comm, status);
}

trn_tall_made_t trn_apply_made(trn_apply_t *apply, int64_t cols) {
    return (trn_tall_made_t){.cols = cols, .type = TRN_F64, .make = make, .user = apply};
}

/* All that may fail before the pass. Local. */
static trn_status_t create(trn_apply_t *apply, int count, trn_tall_in_t **in) {
    TRN_TRY(trn_views_open(&apply->views, count, in));
    if (!apply->wants_loglik) return TRN_OK;
    return trn_alloc(&apply->loglik, in[0]->tall.block.rows, sizeof *apply->loglik,
                     "log-likelihoods");
}

trn_status_t trn_apply_open(trn_apply_t *apply, int count, trn_tall_in_t **in) {
    int rank;
    MPI_Comm_rank(in[0]->tall.comm, &rank);
    apply->bad = -1;
    apply->first = trn_tall_start(in[0]->tall.comm, in[0]->tall.rows, rank);
    return trn_agree(in[0]->tall.comm, create(apply, count, in));
}

trn_status_t trn_apply_save_loglik(trn_apply_t *apply, const char *path,
                                   const trn_rows_make_t *make_like) {
    trn_tall_t x = apply->views.tall;
    trn_rows_out_t *out;
    trn_rows_make_t whole = *make_like;
    whole.rows = x.rows;
    whole.cols = 1;
    whole.type = TRN_F64;
    whole.own_first = apply->first;
    whole.own_rows = x.block.rows;
    TRN_TRY(trn_rows_create(&out, x.comm, path, &whole));
    return trn_rows_commit(&out,
                           trn_rows_write(out, apply->first, x.block.rows, TRN_F64, apply->loglik));
}

void trn_apply_close(trn_apply_t *apply) {
    trn_views_close(&apply->views);
    trn_free(&apply->loglik);
}

void trn_apply_plan(trn_ledger_t *ledger, const trn_apply_t *apply, int count, int64_t rows,
                    int64_t cols, int ranks, int rank) {
    trn_ledger_take(ledger, "work", trn_views_numbers(count, rows, cols), sizeof(double));
    trn_ledger_take(ledger, "libraries", trn_blas_bytes(sizeof(double), TRN_TALL_BLOCK, cols), 1);
    if (apply->wants_loglik)
        trn_ledger_take(ledger, "loglik", trn_tall_rows(rows, ranks, rank), sizeof(double));
}
