/* kmeans_start.c: the centers that k-means begins with. What is drawn depends on the seed, the
 * number of the start and of the center, never on who has which rows. */
#include "algo/cluster/kmeans_impl.h"

#include "base/mem.h"
#include "base/rng.h"
#include "kern/search/nearest.h"
#include "mpi/agree.h"
#include "mpi/large.h"

#include <math.h>
#include <string.h>

/* With the factor that makes it of length 1, where that is asked for. */
trn_nearest_row_t trn_lloyd_row(const trn_lloyd_t *l, trn_view_t rows, int64_t i) {
    const char *x = (const char *)rows.data + i * rows.stride * trn_matrix_type_size(rows.type);
    double factor = trn_assign_factor(l->options->unit, rows.type, rows.cols, x);
    return (trn_nearest_row_t){rows.type, rows.cols, x, factor};
}

/* The mean of directions is no direction until it is scaled. */
void trn_lloyd_normalize(trn_lloyd_t *l, int64_t c) {
    double *center = l->assign.center + c * l->now.cols;
    double factor = trn_assign_factor(l->options->unit, TRN_F64, l->now.cols, center);
    for (int64_t j = 0; j < l->now.cols; j++)
        center[j] *= factor;
}

/* A uniform number in (0, 1) for center `c`. */
static double draw(const trn_lloyd_t *l, int start, int64_t c) {
    double uniform[4];
    trn_rng_uniform(l->options->seed, (uint64_t)c, 0, (uint32_t)start, TRN_RNG_KMEANS, uniform);
    return uniform[0];
}

/* The first of k-means++: any row, each as likely. */
static int64_t drawn_row(const trn_lloyd_t *l, int start, int64_t c) {
    int64_t rows = l->rows->tall.rows, row = (int64_t)(draw(l, start, c) * (double)rows);
    return row < rows ? row : rows - 1;
}

/* Every stride-th row; start i of n begins i/n of a stride further on. */
static void spread(trn_lloyd_t *l, int start) {
    int64_t stride = l->rows->tall.rows / l->now.k;
    for (int64_t c = 0; c < l->now.k; c++)
        l->now.start[c] = c * stride + stride * start / l->options->starts;
}

/* The first k of a permutation of the rows: each at most once. */
static void draw_different(trn_lloyd_t *l, int start) {
    uint32_t words[4];
    trn_rng_words(l->options->seed, 0, 1, (uint32_t)start, TRN_RNG_KMEANS, words);
    uint64_t seed = (uint64_t)words[0] << 32 | words[1];
    for (int64_t c = 0; c < l->now.k; c++)
        l->now.start[c] = trn_rng_permuted(seed, l->rows->tall.rows, c);
}

/* Squares of own rows become no more than those from center `c`; part[block] = their sums, for the
 * blocks of this rank. Collective: the others' sums come, too. */
static trn_status_t come_nearer(trn_lloyd_t *l, int64_t c, double *part) {
    const double *center = l->assign.center + c * l->now.cols;
    memset(part, 0, sizeof *part * (size_t)l->span.blocks);
    for (int64_t b = l->span.first; b < l->span.first + l->span.count; b++) {
        trn_view_t rows = trn_cluster_block(l->rows, b);
        double *square = l->now.square + (b * l->span.block - l->span.first_row);
#pragma omp parallel for num_threads(l->options->threads) schedule(static)
        for (int64_t i = 0; i < rows.rows; i++) {
            trn_nearest_row_t row = trn_lloyd_row(l, rows, i);
            double d = trn_nearest_kernels()->distance(&row, center);
            if (c == 0 || d < square[i]) square[i] = d;
        }
        for (int64_t i = 0; i < rows.rows; i++)
            part[b] += square[i];
    }
    TRN_TRY(trn_cluster_outcome(l->rows, TRN_OK));
    trn_sum_large(l->rows->tall.comm, l->span.blocks, MPI_DOUBLE, part);
    return TRN_OK;
}

/* The row at which the sum of squares over rows passes `share` of all: the block by sums of blocks,
 * the row by its owner. Without a distance left, row `c`. Collective. */
static int64_t row_at(const trn_lloyd_t *l, const double *part, double share, int64_t c) {
    double total = 0, before = 0;
    int64_t block = -1, row = c;
    for (int64_t b = 0; b < l->span.blocks; b++)
        total += part[b];
    if (!(total > 0)) return c;
    for (int64_t b = 0; b < l->span.blocks; b++) {
        if (part[b] > 0) block = b; /* rounding may leave the last one short of the share */
        if (part[b] > 0 && before + part[b] > share * total) break;
        before += part[b];
    }
    row = -1;
    if (block >= l->span.first && block < l->span.first + l->span.count) {
        int64_t at = block * l->span.block - l->span.first_row, left = l->now.rows - at;
        const double *square = l->now.square + at;
        double rest = share * total - before, sum = 0;
        for (int64_t i = 0; i < l->span.block && i < left; i++) {
            if (square[i] > 0) row = block * l->span.block + i;
            sum += square[i];
            if (square[i] > 0 && sum > rest) break;
        }
    }
    MPI_Allreduce(MPI_IN_PLACE, &row, 1, MPI_INT64_T, MPI_MAX, l->rows->tall.comm);
    return row;
}

/* k-means++, a pass for each center. Collective. */
static trn_status_t draw_far(trn_lloyd_t *l, int start) {
    double *part;
    trn_status_t status =
        trn_agree(l->rows->tall.comm,
                  trn_alloc(&part, l->span.blocks, sizeof *part, "sums of squares by block"));
    for (int64_t c = 0; c < l->now.k && status == TRN_OK; c++) {
        if (c > 0) status = come_nearer(l, c - 1, part);
        if (status != TRN_OK) break;
        l->now.start[c] = c == 0 ? drawn_row(l, start, 0) : row_at(l, part, draw(l, start, c), c);
        status =
            trn_cluster_fetch(l->rows, 1, &l->now.start[c], l->assign.center + c * l->now.cols);
        trn_lloyd_normalize(l, c);
    }
    trn_free(&part);
    return status;
}

/* Centers of rows are fetched in one pass, but for k-means++, where each depends on those before.
 */
trn_status_t trn_lloyd_start(trn_lloyd_t *l, int start) {
    const trn_kmeans_options_t *o = l->options;
    int64_t numbers = l->now.k * l->now.cols;
    if (o->start == TRN_KMEANS_PLUS) return draw_far(l, start);
    if (o->start == TRN_KMEANS_GIVEN) {
        memcpy(l->assign.center, o->given, sizeof *o->given * (size_t)numbers);
        for (int64_t c = 0; c < l->now.k; c++)
            l->now.start[c] = -1;
    } else {
        if (o->start == TRN_KMEANS_ROWS)
            spread(l, start);
        else
            draw_different(l, start);
        TRN_TRY(trn_cluster_fetch(l->rows, l->now.k, l->now.start, l->assign.center));
    }
    for (int64_t c = 0; c < l->now.k; c++)
        trn_lloyd_normalize(l, c);
    return TRN_OK;
}
