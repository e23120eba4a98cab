/* kmeans.c: Lloyd's steps. A pass gives every row its nearest center and adds it to that center's
 * whole sum; whole sums are exact, so neither blocks nor ranks nor threads show in them. The
 * objective is summed in float64 by the tree over blocks. */
#include "algo/cluster/kmeans.h"

#include "algo/cluster/kmeans_impl.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "kern/search/nearest.h"
#include "mpi/agree.h"
#include "mpi/large.h"
#include "mpi/reduce.h"

#include <limits.h>
#include <math.h>
#include <string.h>

void trn_kmeans_free(trn_kmeans_t *result) {
    trn_free(&result->center);
    trn_free(&result->size);
    trn_free(&result->start);
    trn_free(&result->label);
    trn_free(&result->square);
    trn_free(&result->objective);
}

/* A result of its own for each start that is under way: at most two, the best and the present one.
 */
static trn_status_t create_result(trn_kmeans_t *r, const trn_cluster_rows_t *rows,
                                  const trn_kmeans_options_t *o) {
    *r = (trn_kmeans_t){.k = o->k, .cols = rows->cols, .rows = rows->tall.block.rows};
    int64_t numbers = o->starts > 1 ? r->k * r->cols : 0; /* one start gives its centers away */
    TRN_TRY(trn_alloc(&r->center, numbers, sizeof *r->center, "centers"));
    TRN_TRY(trn_alloc(&r->size, r->k, sizeof *r->size, "sizes of clusters"));
    TRN_TRY(trn_alloc(&r->start, r->k, sizeof *r->start, "rows to start from"));
    TRN_TRY(trn_alloc(&r->label, r->rows, sizeof *r->label, "labels"));
    TRN_TRY(trn_alloc(&r->square, r->rows, sizeof *r->square, "distances"));
    return trn_alloc(&r->objective, o->steps + 1, sizeof *r->objective, "objectives");
}

static void plan_result(trn_ledger_t *ledger, int64_t own, int64_t cols,
                        const trn_kmeans_options_t *o) {
    trn_ledger_take(ledger, "centers", o->k * cols, sizeof(double));
    trn_ledger_take(ledger, "centers", o->k, 2 * sizeof(int64_t));
    trn_ledger_take(ledger, "labels", own, sizeof(int32_t) + sizeof(double));
    trn_ledger_take(ledger, "labels", o->steps + 1, sizeof(double));
}

void trn_kmeans_plan(trn_ledger_t *ledger, int64_t own, int64_t cols,
                     const trn_kmeans_options_t *o) {
    enum { MESSAGE = 1 << 23 /* what MPI takes to sum a piece */ };
    plan_result(ledger, own, cols, o);
    trn_ledger_t before = *ledger;
    if (o->starts > 1) plan_result(ledger, own, cols, o);
    trn_assign_plan(ledger, o->k, cols, o->threads);
    if (o->starts == 1) trn_ledger_give(ledger, "centers", o->k * cols, sizeof(double));
    if (o->steps > 0) trn_ledger_take(ledger, "sums", o->k * cols, sizeof(int64_t));
    trn_ledger_take(ledger, "sums", cols, sizeof(double));
    int64_t sum = o->steps > 0 ? o->k * cols * (int64_t)sizeof(int64_t) : 0;
    trn_ledger_take(ledger, "sums", sum < MESSAGE ? sum : MESSAGE, 1);
    trn_ledger_back(ledger, &before);
}

/* Threads have columns of their own, which is all the same to whole sums. */
static void add_rows(trn_lloyd_t *l, trn_view_t rows, const int32_t *label) {
    const trn_nearest_kernels_t *kernels = trn_nearest_kernels();
    int64_t size = trn_matrix_type_size(rows.type), cols = rows.cols;
    int threads = l->options->threads;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int t = 0; t < threads; t++) {
        int64_t first = cols * t / threads, count = cols * (t + 1) / threads - first;
        for (int64_t i = 0; i < rows.rows && count > 0; i++) {
            trn_nearest_row_t row = trn_lloyd_row(l, rows, i);
            row.x = (const char *)row.x + first * size;
            row.width = count;
            kernels->add(&row, l->unit + first, l->sum + label[i] * cols + first);
        }
    }
}

/* One block of rows: a leaf of the tree of the objective. */
static void pass_block(void *user, int64_t block, double *values) {
    trn_lloyd_t *l = user;
    trn_view_t rows = trn_cluster_block(l->rows, block);
    int64_t at = block * l->span.block - l->span.first_row;
    int32_t *label = l->now.label + at;
    double *square = l->now.square + at;
    trn_assign_rows(&l->assign, rows, label, square);
    if (l->sums) add_rows(l, rows, label);
    values[0] = 0;
    for (int64_t i = 0; i < rows.rows; i++) {
        values[0] += square[i];
        l->now.size[label[i]]++;
    }
}

/* Labels, sizes and the objective with the present centers, and of whole sums this rank's.
 * Collective. */
static trn_status_t pass(trn_lloyd_t *l, bool sums, double *objective) {
    MPI_Comm comm = l->rows->tall.comm;
    trn_kmeans_t *now = &l->now;
    l->sums = sums;
    memset(now->size, 0, sizeof *now->size * (size_t)now->k);
    if (sums) memset(l->sum, 0, sizeof *l->sum * (size_t)(now->k * now->cols));
    trn_assign_ready(&l->assign);
    trn_status_t status = trn_reduce_tree(comm, l->span.blocks, 1, pass_block, l, objective);
    TRN_TRY(trn_cluster_outcome(l->rows, status));
    trn_sum_large(comm, now->k, MPI_INT64_T, now->size);
    if (isfinite(*objective)) return TRN_OK;
    return trn_fail(TRN_NUMERIC,
                    "%s: distances from the centers are too large for float64; scale "
                    "the matrix first (transform --scale)",
                    l->rows->name);
}

/* Centers become means. One whose cluster is empty, or sums to 0 where only directions count,
 * stays. */
static trn_status_t step(trn_lloyd_t *l) {
    trn_kmeans_t *now = &l->now;
    trn_sum_large(l->rows->tall.comm, now->k * now->cols, MPI_INT64_T, l->sum);
    if (l->options->split) TRN_TRY(trn_lloyd_split(l));
    for (int64_t c = 0; c < now->k; c++) {
        const int64_t *sum = l->sum + c * now->cols;
        bool any = !l->options->unit;
        for (int64_t j = 0; j < now->cols; j++)
            any |= sum[j] != 0;
        if (now->size[c] == 0 || !any) continue;
        for (int64_t j = 0; j < now->cols; j++)
            l->assign.center[c * now->cols + j] =
                (double)sum[j] / (double)now->size[c] / l->unit[j];
        trn_lloyd_normalize(l, c);
    }
    return TRN_OK;
}

/* Whether the last step is worth no more: with tolerance 0, whether it changed nothing. Rounding
 * may make the objective rise by a hair where nothing changes, which counts as no fall. */
static bool settled(const trn_lloyd_t *l, int64_t moved) {
    const trn_kmeans_t *now = &l->now;
    if (now->steps == 0 || now->moved > moved) return false; /* a row moved: nothing is settled */
    double last = now->objective[now->steps - 1], fall = last - now->objective[now->steps];
    return fall <= l->options->tolerance * last;
}

/* One start to its end. Collective. */
static trn_status_t run(trn_lloyd_t *l, int start) {
    trn_kmeans_t *now = &l->now;
    const trn_kmeans_options_t *o = l->options;
    now->chosen = start;
    TRN_TRY(trn_lloyd_start(l, start));
    double began = trn_seconds();
    for (now->steps = 0, now->moved = 0;; now->steps++) {
        int64_t moved = now->moved;
        TRN_TRY(pass(l, now->steps < o->steps, &now->objective[now->steps]));
        if (!o->quiet)
            trn_log(TRN_LOG_PROGRESS, "kmeans", "%lld clusters, step %lld: objective %.10g",
                    (long long)now->k, (long long)now->steps, now->objective[now->steps]);
        if (now->steps == o->steps || settled(l, moved)) break;
        TRN_TRY(step(l));
    }
    now->seconds = (trn_seconds() - began) / (double)(now->steps + 1);
    double *other = now->center; /* the next start fills its own */
    now->center = l->assign.center;
    l->assign.center = other;
    now->empty = 0;
    for (int64_t c = 0; c < now->k; c++)
        now->empty += now->size[c] == 0;
    now->again = l->assign.again;
    return TRN_OK;
}

/* A number is below 2^bits when it is times its column's unit, and the rows together stay below
 * 2^62. Rows of length 1 have no number above 1. Collective. */
static trn_status_t choose_units(trn_lloyd_t *l) {
    enum { MOST_BITS = 50, SUM_BITS = 62, LEAST_UNIT = -1000, MOST_UNIT = 1000 };
    int bits = SUM_BITS;
    if (l->options->steps == 0) return TRN_OK; /* nothing is summed */
    for (int64_t rows = 1; rows < l->rows->tall.rows; rows *= 2)
        bits--;
    if (bits > MOST_BITS) bits = MOST_BITS;
    if (!l->options->unit) TRN_TRY(trn_cluster_peak(l->rows, l->unit));
    for (int64_t j = 0; j < l->rows->cols; j++) {
        double peak = l->options->unit ? 1 : l->unit[j];
        int power = peak > 0 ? bits - ilogb(peak) - 1 : 0;
        l->unit[j] = ldexp(1, power < LEAST_UNIT  ? LEAST_UNIT
                              : power > MOST_UNIT ? MOST_UNIT
                                                  : power);
    }
    return TRN_OK;
}

/* What only the sizes tell; equal on all ranks. */
static trn_status_t check(const trn_cluster_rows_t *rows, const trn_kmeans_options_t *o) {
    if (rows->cols == 0)
        return trn_fail(TRN_INPUT, "%s: has no columns, so nothing to cluster", rows->name);
    if (o->k > INT32_MAX)
        return trn_fail(TRN_INPUT, "%s: %lld clusters; at most %d are numbered", rows->name,
                        (long long)o->k, INT32_MAX);
    if (o->start == TRN_KMEANS_GIVEN || o->k <= rows->tall.rows) return TRN_OK;
    return trn_fail(TRN_INPUT,
                    "%s: %lld clusters of %lld rows; ask for no more than there are rows",
                    rows->name, (long long)o->k, (long long)rows->tall.rows);
}

/* Sums are needed only where centers move. */
static trn_status_t create(trn_lloyd_t *l) {
    const trn_kmeans_options_t *o = l->options;
    int64_t cols = l->rows->cols;
    TRN_TRY(create_result(&l->now, l->rows, o));
    TRN_TRY(trn_assign_create(&l->assign, o->k, cols, o->threads));
    l->assign.unit = o->unit;
    TRN_TRY(trn_alloc(&l->unit, cols, sizeof *l->unit, "largest numbers of columns"));
    return trn_alloc(&l->sum, o->steps > 0 ? o->k * cols : 0, sizeof *l->sum, "sums of clusters");
}

/* All starts; the best so far is in *result. Collective. */
static trn_status_t run_all(trn_lloyd_t *l, trn_kmeans_t *result) {
    const trn_kmeans_options_t *o = l->options;
    MPI_Comm comm = l->rows->tall.comm;
    TRN_TRY(choose_units(l));
    for (int start = 0; start < o->starts; start++) {
        if (start == 1) TRN_AGREE(comm, create_result(&l->now, l->rows, o));
        TRN_TRY(run(l, start));
        bool better =
            start == 0 || l->now.objective[l->now.steps] < result->objective[result->steps];
        trn_kmeans_t worse = *result;
        if (!better) continue;
        *result = l->now;
        l->now = worse;
    }
    return TRN_OK;
}

/* What was taken for a start that came out worse goes with the rest. */
trn_status_t trn_kmeans(trn_kmeans_t *result, const trn_cluster_rows_t *rows,
                        const trn_kmeans_options_t *options) {
    trn_lloyd_t l = {.rows = rows, .options = options, .span = trn_cluster_span(rows)};
    *result = (trn_kmeans_t){0};
    trn_status_t status = trn_agree(rows->tall.comm, check(rows, options));
    if (status == TRN_OK) status = trn_agree(rows->tall.comm, create(&l));
    if (status == TRN_OK) status = run_all(&l, result);
    trn_assign_free(&l.assign);
    trn_free(&l.unit);
    trn_free(&l.sum);
    trn_kmeans_free(&l.now);
    return status;
}
