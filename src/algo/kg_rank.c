#include "algo/kg_rank.h"

#include "algo/kg_score.h"
#include "base/mem.h"
#include "kern/blas.h"
#include "mpi/agree.h"
#include "mpi/watch.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 256 /* queries */, TILE = 512 /* entities */ };

static const double unit = 0x1p-24; /* rounding of float32 */

/* One query of a chunk: what its candidates are held against. */
typedef struct against {
    double exact;               /* the target's score by the definition */
    double value;               /* what float32 would give without rounding */
    double query, known, error; /* lengths of q and of the known entity; error of q */
} against_t;

typedef struct ranker {
    const trn_kg_model_t *model;
    const trn_known_t *known;
    const trn_kg_query_t *queries;
    trn_kg_count_t *counts;
    int threads;
    trn_metric_t metric; /* L2 is compared by products */
    bool l2, torus;
    int64_t dim, width;
    int64_t *order;        /* [queries] by side and relation row */
    float *rows;           /* [2 CHUNK x dim] known entities, targets */
    float *x;              /* [CHUNK x width] known entities, projected */
    float *relation;       /* [CHUNK x relation width] */
    float *q;              /* [CHUNK x width] */
    const float *band;     /* [count x width] candidates, perhaps projected */
    float *projected;      /* the same, owned; empty if the model does not project */
    float *half;           /* [count] half squares, or 0 */
    double *length;        /* [2 x tiles] greatest of candidates and of their projections */
    double stretch;        /* of the projection: what its rounding error grows by */
    float *score;          /* [threads x CHUNK x TILE] */
    against_t *against;    /* [CHUNK] */
    trn_kg_exact_t *exact; /* [threads] */
    bool overflow;
} ranker_t;

/* Where a query lies among the others: equal places make a group. */
static int64_t place_of(const trn_kg_header_t *header, const trn_kg_query_t *query) {
    trn_side_t side = query->side;
    int64_t row = trn_kg_query_row(header, query->relation, &side);
    return (side == TRN_SIDE_HEAD ? trn_kg_relation_rows(header) : 0) + row;
}

/* Sort queries by place, stably: a counting sort. */
static trn_status_t sort_queries(ranker_t *k, int64_t count) {
    const trn_kg_header_t *header = &k->model->header;
    int64_t places = 2 * trn_kg_relation_rows(header), *start;
    TRN_TRY(trn_alloc_zero(&start, places + 1, sizeof *start, "relations"));
    for (int64_t i = 0; i < count; i++)
        start[place_of(header, &k->queries[i]) + 1]++;
    for (int64_t p = 0; p < places; p++)
        start[p + 1] += start[p];
    for (int64_t i = 0; i < count; i++)
        k->order[start[place_of(header, &k->queries[i])]++] = i;
    trn_free(&start);
    return TRN_OK;
}

static int64_t tiles_of(int64_t entities) {
    return (entities + TILE - 1) / TILE;
}

int64_t trn_kg_rank_bytes(const trn_kg_header_t *header, int64_t entities, int64_t count,
                          int threads) {
    const trn_model_t *m = header->model;
    int64_t width = m->query_width(&header->shape), dim = header->shape.dim;
    int64_t floats = CHUNK * (2 * dim + 2 * width + m->relation_width(&header->shape)) +
                     (m->project ? entities * width : 0) + entities +
                     (int64_t)threads * CHUNK * TILE;
    return floats * 4 + count * 8 + tiles_of(entities) * 16 +
           (2 * trn_kg_relation_rows(header) + 1) * 8;
}

static trn_status_t allocate(ranker_t *k, int64_t count) {
    const trn_kg_header_t *h = &k->model->header;
    int64_t entities = k->model->count, relation = h->model->relation_width(&h->shape);
    TRN_TRY(trn_alloc(&k->order, count, sizeof(int64_t), "queries"));
    TRN_TRY(trn_alloc(&k->rows, 2 * CHUNK * k->dim, sizeof(float), "query rows"));
    TRN_TRY(trn_alloc(&k->x, CHUNK * k->width, sizeof(float), "query rows"));
    TRN_TRY(trn_alloc(&k->relation, CHUNK * relation, sizeof(float), "query relations"));
    TRN_TRY(trn_alloc(&k->q, CHUNK * k->width, sizeof(float), "queries"));
    TRN_TRY(trn_alloc(&k->projected, h->model->project ? entities * k->width : 0, sizeof(float),
                      "projected entities"));
    TRN_TRY(trn_alloc_zero(&k->half, entities, sizeof(float), "lengths"));
    TRN_TRY(trn_alloc(&k->length, 2 * tiles_of(entities), sizeof(double), "lengths"));
    TRN_TRY(trn_alloc(&k->score, (int64_t)k->threads * CHUNK * TILE, sizeof(float), "scores"));
    TRN_TRY(trn_alloc(&k->against, CHUNK, sizeof *k->against, "targets"));
    TRN_TRY(trn_alloc_zero(&k->exact, k->threads, sizeof *k->exact, "exact scores"));
    for (int t = 0; t < k->threads; t++)
        TRN_TRY(trn_kg_exact_create(&k->exact[t], k->model));
    return sort_queries(k, count);
}

static void release(ranker_t *k) {
    for (int t = 0; k->exact && t < k->threads; t++)
        trn_kg_exact_free(&k->exact[t]);
    trn_free(&k->exact);
    trn_free(&k->order);
    trn_free(&k->rows);
    trn_free(&k->x);
    trn_free(&k->relation);
    trn_free(&k->q);
    trn_free(&k->projected);
    trn_free(&k->half);
    trn_free(&k->length);
    trn_free(&k->score);
    trn_free(&k->against);
}

static double square_of(int64_t count, const float *x) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += (double)x[i] * x[i];
    return sum;
}

/* Make the candidates of a relation row and measure them. */
static void prepare_band(ranker_t *k, int64_t row) {
    const trn_kg_header_t *h = &k->model->header;
    k->band = k->model->entity;
    if (h->model->project) {
        int64_t second = h->model->second_width(&h->shape);
        const float *map = k->model->second + row * second;
        h->model->project(&h->shape, map, k->model->count, k->model->entity, k->projected);
        k->band = k->projected;
        /* A map of one normal vector cuts something off; another stretches by its norm at most. */
        bool cuts = second == k->dim && k->width == k->dim;
        k->stretch = cuts ? 2 : 1 + sqrt(square_of(second, map));
    }
    for (int64_t t = 0; t < tiles_of(k->model->count); t++) {
        double entity = 0, candidate = 0;
        for (int64_t i = t * TILE; i < (t + 1) * TILE && i < k->model->count; i++) {
            double square = square_of(k->width, k->band + i * k->width);
            if (k->l2) k->half[i] = (float)(square / 2);
            candidate = fmax(candidate, square);
            entity = fmax(entity, square_of(k->dim, k->model->entity + i * k->dim));
        }
        k->length[2 * t] = sqrt(entity);
        k->length[2 * t + 1] = sqrt(candidate);
    }
}

/* How far rounding can move one number of a projected vector of that length, all numbers
 * together. */
static double projection_error(const ranker_t *k, double length) {
    return unit * (double)(k->dim + 16) * k->stretch * length;
}

/* Make the query vectors of order[first .. first + n) and what their candidates are held against.
 * Collective. */
static void prepare_chunk(ranker_t *k, MPI_Comm comm, int64_t first, int64_t n) {
    const trn_kg_header_t *h = &k->model->header;
    int64_t width = h->model->relation_width(&h->shape);
    int32_t entity[2 * CHUNK];
    trn_side_t side = TRN_SIDE_TAIL;
    int64_t row = 0;
    for (int64_t i = 0; i < n; i++) {
        const trn_kg_query_t *query = &k->queries[k->order[first + i]];
        entity[i] = query->entity;
        entity[n + i] = query->target;
        side = query->side;
        row = trn_kg_query_row(h, query->relation, &side);
        memcpy(k->relation + i * width, k->model->relation + row * width,
               (size_t)width * sizeof(float));
    }
    trn_kg_model_gather(k->model, comm, 2 * n, entity, k->rows);
    const float *x = k->rows;
    if (h->model->project) {
        const float *map = k->model->second + row * h->model->second_width(&h->shape);
        h->model->project(&h->shape, map, n, k->rows, k->x);
        x = k->x;
    }
    h->model->query(&h->shape, side, n, x, k->relation, k->q);
    for (int64_t i = 0; i < n; i++) {
        against_t *a = &k->against[i];
        const trn_kg_query_t *query = &k->queries[k->order[first + i]];
        side = query->side;
        row = trn_kg_query_row(h, query->relation, &side);
        double square = square_of(k->width, k->q + i * k->width);
        double relation = sqrt(square_of(width, k->relation + i * width));
        a->exact =
            trn_kg_exact(&k->exact[0], side, row, k->rows + i * k->dim, k->rows + (n + i) * k->dim);
        a->value = k->l2 ? (square - a->exact * a->exact) / 2 : a->exact;
        a->query = sqrt(square);
        a->known = sqrt(square_of(k->dim, k->rows + i * k->dim));
        a->error = 4 * unit * (a->query + a->known + relation) +
                   (k->torus ? 4 * unit * sqrt((double)k->width) : 0) +
                   (h->model->project ? projection_error(k, a->known) : 0);
        if (!isfinite(a->exact) || !isfinite(a->value)) k->overflow = true;
    }
}

/* A bound of what rounding does to a score in tile t: sums of n terms err by n units of the sum of
 * their moduli at most, which by Cauchy and Schwarz is within the product of lengths. The factors
 * are generous: a candidate scored again costs little, a wrong rank much. */
static double bound(const ranker_t *k, const against_t *a, int64_t t) {
    double n = (double)k->width, entity = k->length[2 * t], candidate = k->length[2 * t + 1];
    double sum = unit * (n + 16);
    double moved = a->error + (k->model->header.model->project ? projection_error(k, entity) : 0);
    if (k->l2)
        return (sum * candidate + moved) * (a->query + candidate) +
               (sum * a->query + moved) * a->query;
    if (k->metric == TRN_METRIC_DOT)
        return sum * a->query * candidate + moved * (a->query + candidate);
    double slope = k->torus ? 4 : 1;
    return sum * fabs(a->value) + 4 * unit * sqrt(n) * (a->query + candidate) +
           slope * sqrt(n) * moved + (k->torus ? 32 * unit * n : 0);
}

/* Candidates above `high`, and those not below `low`. One pass without branches. */
static void count_row(int64_t n, const float *score, const float *half, float low, float high,
                      int32_t *above, int32_t *not_below) {
    int32_t a = 0, b = 0;
    for (int64_t j = 0; j < n; j++) {
        float value = score[j] - half[j];
        a += value > high;
        b += value >= low;
    }
    *above = a;
    *not_below = b;
}

typedef struct tile {
    int64_t first, n; /* candidates of the band */
    float *score;     /* [CHUNK x TILE] */
    trn_kg_exact_t *exact;
} tile_t;

/* Whether candidate j of a tile is better (1) or equal (0) or worse (-1) by the definition. */
static int decide(const ranker_t *k, const tile_t *tile, const trn_kg_query_t *query,
                  const against_t *a, const float *known, int64_t j) {
    trn_side_t side = query->side;
    int64_t row = trn_kg_query_row(&k->model->header, query->relation, &side);
    double score =
        trn_kg_exact(tile->exact, side, row, known, k->model->entity + (tile->first + j) * k->dim);
    return (score > a->exact) - (score < a->exact);
}

/* Leave known answers out of the tile's row, but for what they do to the raw rank. */
static void leave_out(const ranker_t *k, const tile_t *tile, const trn_kg_query_t *query,
                      const against_t *a, const float *known, float *score, double error,
                      trn_kg_count_t *count) {
    const int32_t *answers;
    int64_t from = k->model->first + tile->first;
    int64_t n = trn_known_answers(k->known, query->side == TRN_SIDE_HEAD, query->entity,
                                  query->relation, &answers);
    for (int64_t i = 0; i < n; i++) {
        int64_t j = answers[i] - from;
        if (j < 0 || j >= tile->n || answers[i] == query->target) continue;
        double value = (double)score[j] - k->half[tile->first + j];
        int better = (value > a->value) - (value < a->value);
        if (fabs(value - a->value) <= error) better = decide(k, tile, query, a, known, j);
        count->raw_better += better > 0;
        count->raw_equal += better == 0;
        score[j] = -INFINITY;
    }
    int64_t target = query->target - from;
    if (target >= 0 && target < tile->n) score[target] = -INFINITY;
}

/* Other threads count other tiles for the same query. */
static void add(int64_t *sum, int64_t value) {
#pragma omp atomic
    *sum += value;
}

/* Count the candidates of one tile for query i of the chunk. */
static void count_tile(const ranker_t *k, const tile_t *tile, int64_t i, int64_t index) {
    const trn_kg_query_t *query = &k->queries[index];
    const against_t *a = &k->against[i];
    const float *half = k->half + tile->first, *known = k->rows + i * k->dim;
    float *score = tile->score + i * TILE;
    double error = bound(k, a, tile->first / TILE);
    trn_kg_count_t count = {0};
    leave_out(k, tile, query, a, known, score, error, &count);
    /* Rounded outwards, so that nothing within the bound is counted without a second look. */
    float low = nextafterf((float)(a->value - error), -INFINITY);
    float high = nextafterf((float)(a->value + error), INFINITY);
    int32_t above, not_below;
    count_row(tile->n, score, half, low, high, &above, &not_below);
    count.better = above;
    if (above != not_below)
        for (int64_t j = 0; j < tile->n; j++) {
            float value = score[j] - half[j];
            if (value > high || !(value >= low)) continue;
            int better = decide(k, tile, query, a, known, j);
            count.better += better > 0;
            count.equal += better == 0;
        }
    count.raw_better += count.better;
    count.raw_equal += count.equal;
    add(&k->counts[index].better, count.better);
    add(&k->counts[index].equal, count.equal);
    add(&k->counts[index].raw_better, count.raw_better);
    add(&k->counts[index].raw_equal, count.raw_equal);
}

/* Hold the chunk order[first .. first + n) against the band, tile by tile. */
static void count_chunk(ranker_t *k, int64_t first, int64_t n) {
#pragma omp parallel for num_threads(k->threads) schedule(dynamic, 1)
    for (int64_t t = 0; t < tiles_of(k->model->count); t++) {
        int thread = omp_get_thread_num();
        tile_t tile = {.first = t * TILE, .n = k->model->count - t * TILE};
        if (tile.n > TILE) tile.n = TILE;
        tile.score = k->score + (int64_t)thread * CHUNK * TILE;
        tile.exact = &k->exact[thread];
        trn_compare(k->metric, k->width, n, k->q, tile.n, k->band + tile.first * k->width, NULL,
                    tile.score, TILE);
        for (int64_t i = 0; i < n; i++)
            count_tile(k, &tile, i, k->order[first + i]);
    }
}

/* Whether queries of two places may share a chunk: of one side, and of one projection. */
static bool together(const trn_kg_header_t *header, int64_t a, int64_t b) {
    int64_t rows = trn_kg_relation_rows(header);
    return a == b || (!header->model->project && (a < rows) == (b < rows));
}

static void run(ranker_t *k, MPI_Comm comm, int64_t count) {
    const trn_kg_header_t *header = &k->model->header;
    int64_t rows = trn_kg_relation_rows(header), last_row = -1;
    for (int64_t first = 0, n; first < count; first += n) {
        int64_t place = place_of(header, &k->queries[k->order[first]]);
        for (n = 1; n < CHUNK && first + n < count; n++)
            if (!together(header, place, place_of(header, &k->queries[k->order[first + n]]))) break;
        int64_t row = header->model->project ? place % rows : 0;
        if (row != last_row) prepare_band(k, row);
        last_row = row;
        prepare_chunk(k, comm, first, n);
        count_chunk(k, first, n);
        trn_watch_tick();
    }
    /* Plain sums of integers: the same for any cut of the entities. */
    for (int64_t at = 0, n; at < count; at += n) {
        n = count - at < INT32_MAX / 8 ? count - at : INT32_MAX / 8;
        MPI_Allreduce(MPI_IN_PLACE, k->counts + at, (int)(4 * n), MPI_INT64_T, MPI_SUM, comm);
    }
}

trn_status_t trn_kg_rank(const trn_kg_model_t *model, MPI_Comm comm, const trn_known_t *known,
                         int64_t count, const trn_kg_query_t *queries, int threads,
                         trn_kg_count_t *counts) {
    const trn_kg_header_t *h = &model->header;
    ranker_t k = {.model = model, .known = known, .queries = queries, .counts = counts};
    k.threads = threads;
    k.dim = h->shape.dim;
    k.width = h->model->query_width(&h->shape);
    k.metric = h->model->metric(&h->shape);
    k.torus = k.metric == TRN_METRIC_TORUS1 || k.metric == TRN_METRIC_TORUS2 ||
              k.metric == TRN_METRIC_TORUSE;
    k.l2 = k.metric == TRN_METRIC_L2;
    if (k.l2) k.metric = TRN_METRIC_DOT;
    memset(counts, 0, (size_t)count * sizeof *counts);
    trn_status_t status = trn_agree(comm, allocate(&k, count));
    if (status == TRN_OK) {
        trn_blas_single();
        run(&k, comm, count);
        if (k.overflow)
            status = trn_fail(TRN_NUMERIC, "%s: a score is not finite; train with a lower rate",
                              model->store ? trn_store_path(model->store) : "model");
        status = trn_agree(comm, status);
    }
    release(&k);
    return status;
}
