/* nearest_tile.c: queries against a block of rows: products in float32 say which pairs may matter,
 * float64 what they come to. */
#include "algo/vectors/nearest_tile.h"

#include "base/mem.h"
#include "kern/dense/blas.h"
#include "kern/search/scan.h"

#include <cblas.h>
#include <omp.h>
#include <string.h>

enum { CHUNK = TRN_NEAREST_CHUNK, TILE = TRN_NEAREST_TILE };

/* Memory --------------------------------------------------------------------------------------- */

static int64_t width_of(trn_nearness_t metric, int64_t cols) {
    return cols + (metric == TRN_NEAREST_L2);
}

/* For plans any metric takes what l2 does. */
int64_t trn_nearest_query_bytes(const trn_nearest_rows_size_t *size) {
    int64_t numbers = size->cols * (int64_t)sizeof(double);
    int64_t narrow = (size->cols + 1) * (int64_t)sizeof(float);
    return numbers + narrow + size->listed * (int64_t)sizeof(trn_best_t) +
           (int64_t)(sizeof(double) + sizeof(int64_t));
}

int64_t trn_nearest_tile_bytes(const trn_nearest_rows_size_t *size, int64_t most, int64_t bans) {
    int64_t block = trn_tall_block(size->rows), threads = size->threads > 1 ? size->threads : 1;
    if (block > size->rows) block = size->rows;
    return trn_ledger_bytes(most, trn_nearest_query_bytes(size)) +
           block * ((size->cols + 1) * (int64_t)sizeof(float) + (int64_t)sizeof(double)) +
           threads * TILE * (int64_t)(CHUNK * sizeof(float) + sizeof(int32_t)) +
           (int64_t)sizeof(double) * size->cols + (int64_t)sizeof(int32_t) * bans;
}

static int threads_of(const trn_nearest_tile_t *t) {
    return t->how->threads > 1 ? t->how->threads : 1;
}

trn_status_t trn_nearest_tile_create(trn_nearest_tile_t *t, const trn_nearest_rows_t *how,
                                     int64_t cols, int64_t most, int64_t block, int64_t bans) {
    *t = (trn_nearest_tile_t){.how = how,
                              .cols = cols,
                              .width = width_of(how->metric, cols),
                              .listed = how->k + how->skip,
                              .most = most,
                              .block = block,
                              .usual = 1};
    int threads = threads_of(t);
    TRN_TRY(trn_alloc_zero(&t->center, cols, sizeof *t->center, "a center"));
    TRN_TRY(trn_alloc(&t->query, most * cols, sizeof *t->query, "queries"));
    TRN_TRY(trn_alloc(&t->length, most, sizeof *t->length, "queries"));
    TRN_TRY(trn_alloc(&t->narrow, most * t->width, sizeof *t->narrow, "queries"));
    TRN_TRY(trn_alloc(&t->best, most * t->listed, sizeof *t->best, "best rows"));
    TRN_TRY(trn_alloc_zero(&t->ban, most + 1, sizeof *t->ban, "excluded rows"));
    TRN_TRY(trn_alloc(&t->banned, bans, sizeof *t->banned, "excluded rows"));
    TRN_TRY(trn_alloc(&t->row_length, block, sizeof *t->row_length, "lengths"));
    TRN_TRY(trn_alloc(&t->narrow_rows, block * t->width, sizeof *t->narrow_rows, "rows"));
    TRN_TRY(trn_alloc(&t->score, (int64_t)threads * CHUNK * TILE, sizeof *t->score, "scores"));
    return trn_alloc(&t->place, (int64_t)threads * TILE, sizeof *t->place, "scores");
}

void trn_nearest_tile_free(trn_nearest_tile_t *t) {
    trn_free(&t->center);
    trn_free(&t->query);
    trn_free(&t->length);
    trn_free(&t->narrow);
    trn_free(&t->best);
    trn_free(&t->ban);
    trn_free(&t->banned);
    trn_free(&t->row_length);
    trn_free(&t->narrow_rows);
    trn_free(&t->score);
    trn_free(&t->place);
}

/* Rows made ready ------------------------------------------------------------------------------ */

static const double *row_of(trn_view_t rows, int64_t i) {
    return (const double *)rows.data + i * rows.stride;
}

/* Of x, or for l2 of x less the center, so that rows far from the origin keep their digits. */
static double length_of(const trn_nearest_tile_t *t, const double *x) {
    const trn_scan_kernels_t *kernels = trn_scan_kernels();
    bool l2 = t->how->metric == TRN_NEAREST_L2;
    return sqrt(l2 ? kernels->apart(t->cols, x, t->center) : kernels->dot(t->cols, x, x));
}

/* to[width] = x, less the center for l2, times scale, and what l2 has behind it. */
static void narrow_row(const trn_nearest_tile_t *t, const double *x, double scale, double last,
                       float *to) {
    if (t->how->metric != TRN_NEAREST_L2) {
        trn_scan_kernels()->narrow(t->cols, x, scale, to);
        return;
    }
    for (int64_t j = 0; j < t->cols; j++)
        to[j] = (float)((x[j] - t->center[j]) * scale);
    to[t->cols] = (float)last;
}

/* What a query of l2 is divided by: so that neither it nor the 1 behind it is above 1. */
static double query_scale(const trn_nearest_tile_t *t, int64_t i) {
    return fmax(t->length[i], t->usual);
}

void trn_nearest_tile_center(trn_nearest_tile_t *t, trn_view_t rows) {
    double longest = 0;
    if (t->how->metric != TRN_NEAREST_L2 || rows.rows == 0) return;
    for (int64_t i = 0; i < rows.rows; i++)
        for (int64_t j = 0; j < t->cols; j++)
            t->center[j] += row_of(rows, i)[j] / (double)rows.rows;
    for (int64_t i = 0; i < rows.rows; i++)
        longest = fmax(longest, length_of(t, row_of(rows, i)));
    if (longest > 0) t->usual = longest;
}

void trn_nearest_tile_begin(trn_nearest_tile_t *t, int64_t first, int64_t n) {
    bool l2 = t->how->metric == TRN_NEAREST_L2, finite = true;
    t->first = first;
    t->n = n;
    trn_topk_clear(n * t->listed, t->best);
#pragma omp parallel for num_threads(threads_of(t)) reduction(&& : finite)
    for (int64_t i = 0; i < n; i++) {
        const double *x = t->query + i * t->cols;
        t->length[i] = length_of(t, x);
        finite = finite && isfinite(t->length[i]);
        double by = l2 ? query_scale(t, i) : t->length[i] > 0 ? t->length[i] : 1;
        narrow_row(t, x, 1 / by, l2 ? t->usual / by : 0, t->narrow + i * t->width);
    }
    t->overflows |= !finite;
}

/* The scale of a block is its longest row, or for l2 what bounds |e|^2 / usual as well. */
static void take_rows(trn_nearest_tile_t *t, int64_t first_row, trn_view_t rows) {
    trn_nearness_t metric = t->how->metric;
    double longest = 0;
    t->rows = rows;
    t->first_row = first_row;
#pragma omp parallel for num_threads(threads_of(t)) reduction(max : longest)
    for (int64_t i = 0; i < rows.rows; i++) {
        t->row_length[i] = length_of(t, row_of(rows, i));
        longest = fmax(longest, t->row_length[i]);
    }
    t->overflows |= !isfinite(longest);
    if (metric == TRN_NEAREST_L2) longest = fmax(longest, longest * longest / t->usual);
    t->scale = longest > 0 ? longest : 1;
#pragma omp parallel for num_threads(threads_of(t))
    for (int64_t i = 0; i < rows.rows; i++) {
        double length = t->row_length[i];
        double by = metric == TRN_NEAREST_COSINE ? (length > 0 ? length : 1) : t->scale;
        double last = -length * length / (2 * t->scale * t->usual);
        narrow_row(t, row_of(rows, i), 1 / by, last, t->narrow_rows + i * t->width);
    }
}

/* Scores and bounds ---------------------------------------------------------------------------- */

/* What the tile would hold for a pair of this score, if nothing were rounded. */
static double tile_value(const trn_nearest_tile_t *t, int64_t i, double score) {
    double length = t->length[i];
    if (t->how->metric == TRN_NEAREST_L2)
        return (length * length - score * score) / (2 * query_scale(t, i) * t->scale);
    if (t->how->metric == TRN_NEAREST_DOT && length > 0) return score / (length * t->scale);
    return score;
}

/* How far the tile may be from that. A sum of n products errs by n units of float32 of the sum of
 * their moduli, which by Cauchy and Schwarz is within the product of lengths: 1, or for l2 sqrt 2 x
 * sqrt 1.25; sixteen units more stand for what rounds the factors, the value and the bar. What
 * float64 loses counts for l2, where the query may be far longer than the block's scale. */
static double tile_error(const trn_nearest_tile_t *t, int64_t i, double score) {
    double n = (double)t->width + 16, length = t->length[i], unit = n * 0x1p-24;
    if (t->how->metric != TRN_NEAREST_L2) return length > 0 ? unit : 0;
    double squares = length * length + (isfinite(score) ? score * score : 0);
    return 2 * unit + n * 0x1p-50 * squares / (query_scale(t, i) * t->scale);
}

/* The score of query i and row x of the block by the definition. */
static double exact(const trn_nearest_tile_t *t, int64_t i, int64_t x) {
    const trn_scan_kernels_t *kernels = trn_scan_kernels();
    const double *q = t->query + i * t->cols, *e = row_of(t->rows, x);
    if (t->how->metric == TRN_NEAREST_L2) return 0 - sqrt(kernels->apart(t->cols, q, e));
    double product = kernels->dot(t->cols, q, e);
    if (t->how->metric == TRN_NEAREST_DOT) return product;
    double lengths = t->length[i] * t->row_length[x];
    return lengths > 0 ? product / lengths : 0;
}

/* What must be exceeded in the tile to matter to query i, whose worst answer has score `worst`. */
static float bar_of(const trn_nearest_tile_t *t, int64_t i, double worst) {
    double score = fmax(worst, t->how->least);
    double bar = tile_value(t, i, score) - tile_error(t, i, score);
    /* The least that is asked for is an answer itself, and is met from just below. */
    if (!(worst >= t->how->least)) bar -= 0x1p-24;
    if (isinf(score) || bar < -4) return -INFINITY;
    return bar > 4 ? 4 : (float)bar;
}

static bool is_banned(const trn_nearest_tile_t *t, int64_t i, int64_t row) {
    int64_t low = t->ban[i], high = t->ban[i + 1];
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (t->banned[middle] == row) return true;
        if (t->banned[middle] < row)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* Whether row x of the block may answer query i, whatever its score. */
static bool admitted(const trn_nearest_tile_t *t, int64_t i, int64_t x) {
    const trn_nearest_rows_t *how = t->how;
    int64_t row = t->first_row + x, query = t->first + i;
    if (how->self && row == query) return false;
    if (how->exclude && how->exclude[query] == row) return false;
    if (how->group && how->group[row] == how->query_group[query]) return false;
    const double *e = row_of(t->rows, x);
    if (how->zeros_apart && trn_scan_kernels()->dot(t->cols, e, e) == 0) return false;
    return !how->excluded || !is_banned(t, i, row);
}

/* Tiles ---------------------------------------------------------------------------------------- */

/* Row i of a tile, rows [at, at + n) of the block. The bar rises as answers enter. */
static void search_row(const trn_nearest_tile_t *t, int64_t i, int64_t at, int64_t n,
                       const float *score, int32_t *place) {
    trn_best_t *best = t->best + i * t->listed;
    double *worst = &best[t->listed - 1].score;
    float bar = bar_of(t, i, *worst);
    /* Scores of zero queries are 0 exactly, and may be all above a bar of -infinity. */
    int64_t hits = trn_scan_kernels()->above(n, score, bar, place);
    for (int64_t h = 0; h < hits; h++) {
        int64_t x = at + place[h];
        if (!(score[place[h]] > bar) || !admitted(t, i, x)) continue;
        double value = exact(t, i, x);
        if (!(value >= t->how->least && value <= t->how->most)) continue;
        trn_best_t entry = {.index = t->first_row + x, .score = value};
        if (trn_topk_enter(entry, t->listed, best)) bar = bar_of(t, i, *worst);
    }
}

/* Queries of a chunk against rows of the block, some at a time. */
static void search_chunk(const trn_nearest_tile_t *t, int64_t chunk, float *score, int32_t *place) {
    int64_t first = chunk * CHUNK, left = t->n - first, count = left < CHUNK ? left : CHUNK;
    for (int64_t at = 0; at < t->rows.rows; at += TILE) {
        int64_t n = t->rows.rows - at < TILE ? t->rows.rows - at : TILE;
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)count, (int)n, (int)t->width, 1,
                    t->narrow + first * t->width, (int)t->width, t->narrow_rows + at * t->width,
                    (int)t->width, 0, score, (int)n);
        for (int64_t i = 0; i < count; i++)
            search_row(t, first + i, at, n, score + i * n, place);
    }
}

/* Threads share out the chunks, so each list has one thread. */
void trn_nearest_tile_meet(trn_nearest_tile_t *t, int64_t first_row, trn_view_t rows) {
    if (rows.rows == 0) return;
    take_rows(t, first_row, rows);
#pragma omp parallel for num_threads(threads_of(t)) schedule(dynamic, 1)
    for (int64_t chunk = 0; chunk < (t->n + CHUNK - 1) / CHUNK; chunk++) {
        int thread = omp_get_thread_num();
        search_chunk(t, chunk, t->score + (int64_t)thread * CHUNK * TILE,
                     t->place + (int64_t)thread * TILE);
    }
}
