/* assign.c: rows against centers: float32 products a tile at a time, then float64 where two centers
 * are within what rounding may do. */
#include "algo/cluster/assign.h"

#include "base/mem.h"
#include "kern/dense/blas.h"
#include "kern/dense/gemm.h"
#include "kern/search/nearest.h"

#include <math.h>
#include <omp.h>
#include <string.h>

/* A tile of scores is 1 MiB, made and read while it is in the cache. */
enum { ROWS = 512, CENTERS = 512 };

static const double unit = 0x1p-24; /* rounding of float32 */

/* One row on its way. */
typedef struct state {
    double factor;
    float best, slack; /* the best score so far; twice the bound of what rounding may do to one */
    bool near;         /* another score is within the slack of the best */
    int32_t index;     /* of the best, unless `near` */
} state_t;

/* What a thread works with. */
typedef struct trn_assign_desk {
    float *row;     /* [ROWS x width] moved and scaled as the centers are */
    float *tile;    /* [ROWS x CENTERS] */
    state_t *state; /* [ROWS] */
    int32_t *again; /* [ROWS] rows that float64 must decide */
    int64_t count;  /* of those, over all calls */
} desk_t;

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* The tile is as narrow as the centers are few. */
static trn_status_t create_desk(desk_t *desk, int64_t k, int64_t width) {
    TRN_TRY(trn_alloc(&desk->row, ROWS * width, sizeof *desk->row, "rows to compare"));
    TRN_TRY(trn_alloc(&desk->tile, ROWS * least(k, CENTERS), sizeof *desk->tile, "scores"));
    TRN_TRY(trn_alloc(&desk->state, ROWS, sizeof *desk->state, "best scores"));
    return trn_alloc(&desk->again, ROWS, sizeof *desk->again, "rows to compare again");
}

/* Everything is taken before the first row: nothing below can fail. */
trn_status_t trn_assign_create(trn_assign_t *assign, int64_t k, int64_t width, int threads) {
    *assign = (trn_assign_t){.k = k, .width = width, .threads = threads};
    trn_blas_single();
    TRN_TRY(trn_alloc(&assign->center, k * width, sizeof *assign->center, "centers"));
    TRN_TRY(trn_alloc(&assign->moved, k * width, sizeof *assign->moved, "centers in float32"));
    TRN_TRY(trn_alloc(&assign->half, k, sizeof *assign->half, "squares of centers"));
    TRN_TRY(trn_alloc(&assign->mean, width, sizeof *assign->mean, "mean of centers"));
    TRN_TRY(trn_alloc_zero(&assign->desk, threads, sizeof *assign->desk, "threads that compare"));
    for (int t = 0; t < threads; t++)
        TRN_TRY(create_desk(&assign->desk[t], k, width));
    return TRN_OK;
}

void trn_assign_free(trn_assign_t *assign) {
    for (int t = 0; assign->desk && t < assign->threads; t++) {
        trn_free(&assign->desk[t].row);
        trn_free(&assign->desk[t].tile);
        trn_free(&assign->desk[t].state);
        trn_free(&assign->desk[t].again);
    }
    trn_free(&assign->desk);
    trn_free(&assign->center);
    trn_free(&assign->moved);
    trn_free(&assign->half);
    trn_free(&assign->mean);
}

/* The same walk as trn_assign_create, and what BLAS packs for each thread. */
void trn_assign_plan(trn_ledger_t *ledger, int64_t k, int64_t width, int threads) {
    const int64_t wide = sizeof(double), narrow = sizeof(float);
    trn_ledger_take(ledger, "centers", k * width, wide + narrow);
    trn_ledger_take(ledger, "centers", k, narrow);
    trn_ledger_take(ledger, "centers", width, wide);
    trn_ledger_take(ledger, "scores", threads * ROWS, (width + least(k, CENTERS)) * narrow);
    trn_ledger_take(ledger, "scores", threads * ROWS, sizeof(state_t) + sizeof(int32_t));
    trn_ledger_take(ledger, "libraries", threads, trn_blas_bytes(narrow, ROWS, width));
}

/* Distances do not change when rows and centers move by the same vector, and products lose least
 * when that is the middle of the centers. The scale keeps float32 from overflow. */
void trn_assign_ready(trn_assign_t *a) {
    const trn_nearest_kernels_t *kernels = trn_nearest_kernels();
    double greatest = 0, offset = 0, longest = 0;
    memset(a->mean, 0, sizeof *a->mean * (size_t)a->width);
    for (int64_t c = 0; c < a->k; c++)
        for (int64_t j = 0; j < a->width; j++)
            a->mean[j] += a->center[c * a->width + j] / (double)a->k;
    for (int64_t c = 0; c < a->k; c++)
        for (int64_t j = 0; j < a->width; j++) {
            double size = fabs(a->center[c * a->width + j] - a->mean[j]);
            greatest = size > greatest ? size : greatest;
        }
    a->scale = greatest > 0 && isfinite(greatest) ? ldexp(1, -ilogb(greatest)) : 1;
    if (!isfinite(a->scale)) a->scale = 0x1p1000;
    for (int64_t j = 0; j < a->width; j++)
        offset += a->mean[j] * a->scale * (a->mean[j] * a->scale);
    for (int64_t c = 0; c < a->k; c++) {
        trn_nearest_row_t row = {TRN_F64, a->width, a->center + c * a->width, 1};
        double square = kernels->shift(&row, a->mean, a->scale, a->moved + c * a->width);
        a->half[c] = (float)(square / 2);
        longest = fmax(longest, square);
    }
    a->offset = sqrt(offset);
    a->length = sqrt(longest);
}

/* Each score is off by its product's rounding (width terms, operands that are rounded themselves),
 * by that of half the square and of the difference, and by what float64 lost when the mean went
 * off: all worst cases, with a few terms to spare. A difference of scores is off by twice that. */
static float slack_of(const trn_assign_t *a, double length) {
    double terms = (double)(a->width + 16) * unit;
    double error = 1.05 * terms * length * a->length + 4 * unit * a->length * a->length;
    error += 0x1p-49 * (length + a->length + 2 * a->offset) * (length + a->length);
    bool bounded = terms < 0.01 && length < 1e15 && a->length < 1e15 && isfinite(error);
    return bounded ? (float)(2.01 * error) : INFINITY;
}

/* A row of zeros has no direction and stays what it is. */
double trn_assign_factor(bool unit_rows, trn_dtype_t type, int64_t width, const void *row) {
    if (!unit_rows) return 1;
    trn_nearest_row_t whole = {type, width, row, 1};
    double square = trn_nearest_kernels()->square(&whole);
    return square > 0 ? 1 / sqrt(square) : 1;
}

/* Row i of a view as the loops want it; no copy. */
static trn_nearest_row_t row_of(trn_view_t rows, int64_t i, double factor) {
    const char *x = (const char *)rows.data + i * rows.stride * trn_matrix_type_size(rows.type);
    return (trn_nearest_row_t){rows.type, rows.cols, x, factor};
}

/* Row i moved and scaled, and the bound that follows from its length. Without a bound no score
 * counts, and float64 sees all centers. */
static void begin_row(const trn_assign_t *a, trn_view_t rows, int64_t i, desk_t *desk) {
    trn_nearest_row_t row = row_of(rows, i, 1);
    row.factor = trn_assign_factor(a->unit, rows.type, rows.cols, row.x);
    double square = trn_nearest_kernels()->shift(&row, a->mean, a->scale, desk->row + i * a->width);
    desk->state[i] = (state_t){row.factor, -INFINITY, slack_of(a, sqrt(square)), false, 0};
    if (desk->state[i].slack == INFINITY) desk->state[i].near = true;
}

/* The products of `count` rows and the centers from `first` on. */
static void multiply(const trn_assign_t *a, const desk_t *desk, int64_t count, int64_t first,
                     int64_t n) {
    trn_gemm(&(trn_gemm_t){.type = TRN_F32,
                           .m = count,
                           .n = n,
                           .k = a->width,
                           .alpha = 1,
                           .a = {desk->row, a->width, false},
                           .b = {a->moved + first * a->width, a->width, true},
                           .c = desk->tile,
                           .ldc = n});
}

/* Rounded down, so that nothing within the slack falls short. */
static float bar_of(const state_t *s) {
    return nextafterf(s->best - s->slack, -INFINITY);
}

/* What scores of centers [first, first + n) do to a row. */
static void examine(state_t *s, const float *score, const float *half, int64_t first, int64_t n) {
    const trn_nearest_kernels_t *kernels = trn_nearest_kernels();
    float most = kernels->most(n, score, half);
    int64_t place;
    if (most < bar_of(s)) return;
    bool alone = s->best < nextafterf(most - s->slack, -INFINITY);
    if (most > s->best) s->best = most;
    s->near = !alone || kernels->reach(n, score, half, bar_of(s), &place) > 1;
    if (!s->near) s->index = (int32_t)(first + place);
}

/* Of all centers within the slack the nearest by float64; of equals the first. */
static void decide(const trn_assign_t *a, const trn_nearest_row_t *row, const state_t *s,
                   const float *score, int64_t first, int64_t n, int32_t *label, double *square) {
    float bar = bar_of(s);
    for (int64_t j = 0; j < n; j++) {
        if (s->slack < INFINITY && !(score[j] - a->half[first + j] >= bar)) continue;
        double d = trn_nearest_kernels()->distance(row, a->center + (first + j) * a->width);
        if (*label >= 0 && !(d < *square)) continue;
        *label = (int32_t)(first + j);
        *square = d;
    }
}

/* Rows that are left open, moved together, meet all centers once more. */
static void compare_again(const trn_assign_t *a, trn_view_t rows, desk_t *desk, int32_t *label,
                          double *square) {
    int64_t count = 0;
    for (int64_t i = 0; i < rows.rows; i++) {
        if (!desk->state[i].near) continue;
        if (count < i)
            memcpy(desk->row + count * a->width, desk->row + i * a->width,
                   sizeof *desk->row * (size_t)a->width);
        label[i] = -1;
        desk->again[count++] = (int32_t)i;
    }
    desk->count += count;
    for (int64_t first = 0; count > 0 && first < a->k; first += CENTERS) {
        int64_t n = least(CENTERS, a->k - first);
        multiply(a, desk, count, first, n);
        for (int64_t r = 0; r < count; r++) {
            int64_t i = desk->again[r];
            trn_nearest_row_t row = row_of(rows, i, desk->state[i].factor);
            decide(a, &row, &desk->state[i], desk->tile + r * n, first, n, &label[i], &square[i]);
        }
    }
}

/* At most ROWS rows, by one thread. */
static void assign_piece(const trn_assign_t *a, trn_view_t rows, desk_t *desk, int32_t *label,
                         double *square) {
    for (int64_t i = 0; i < rows.rows; i++)
        begin_row(a, rows, i, desk);
    for (int64_t first = 0; first < a->k; first += CENTERS) {
        int64_t n = least(CENTERS, a->k - first);
        multiply(a, desk, rows.rows, first, n);
        for (int64_t i = 0; i < rows.rows; i++)
            if (desk->state[i].slack < INFINITY)
                examine(&desk->state[i], desk->tile + i * n, a->half + first, first, n);
    }
    for (int64_t i = 0; i < rows.rows; i++) {
        trn_nearest_row_t row = row_of(rows, i, desk->state[i].factor);
        if (desk->state[i].near) continue;
        label[i] = desk->state[i].index;
        square[i] = trn_nearest_kernels()->distance(&row, a->center + label[i] * a->width);
    }
    compare_again(a, rows, desk, label, square);
}

/* Labels are exact, so threads may share rows out as suits them. */
void trn_assign_rows(trn_assign_t *a, trn_view_t rows, int32_t *label, double *square) {
    int64_t share = (rows.rows + a->threads - 1) / a->threads, piece = least(ROWS, share);
    if (rows.rows == 0) return;
    int64_t pieces = (rows.rows + piece - 1) / piece;
#pragma omp parallel for num_threads(a->threads) schedule(dynamic, 1)
    for (int64_t p = 0; p < pieces; p++) {
        int64_t first = p * piece, count = least(piece, rows.rows - first);
        assign_piece(a, trn_view_part(rows, first, count, 0, rows.cols),
                     &a->desk[omp_get_thread_num()], label + first, square + first);
    }
    a->again = 0;
    for (int t = 0; t < a->threads; t++)
        a->again += a->desk[t].count;
}
