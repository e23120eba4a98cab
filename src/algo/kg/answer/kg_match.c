/* kg_match.c: see kg_match.h. Queries in chunks against tiles of entities. */
#include "algo/kg/answer/kg_match.h"

#include "base/mem.h"
#include "kern/dense/blas.h"
#include "kern/search/compare.h"

#include <math.h>
#include <omp.h>
#include <string.h>

static const double unit = 0x1p-24; /* rounding of float32 */

/* Where a query lies among the others: equal places make a group. */
static int64_t place_of(const trn_kg_header_t *header, const trn_kg_query_t *query) {
    trn_side_t side = query->side;
    int64_t row = trn_kg_query_row(header, query->relation, &side);
    return (side == TRN_SIDE_HEAD ? trn_kg_relation_rows(header) : 0) + row;
}

/* Sort queries by place, stably: a counting sort. */
static trn_status_t sort_queries(trn_kg_match_t *m) {
    const trn_kg_header_t *header = &m->model->header;
    int64_t places = 2 * trn_kg_relation_rows(header), *start;
    TRN_TRY(trn_alloc_zero(&start, places + 1, sizeof *start, "relations"));
    for (int64_t i = 0; i < m->count; i++)
        start[place_of(header, &m->queries[i]) + 1]++;
    for (int64_t p = 0; p < places; p++)
        start[p + 1] += start[p];
    for (int64_t i = 0; i < m->count; i++)
        m->order[start[place_of(header, &m->queries[i])]++] = i;
    trn_free(&start);
    return TRN_OK;
}

static int64_t tiles_of(int64_t entities) {
    return (entities + TRN_KG_TILE - 1) / TRN_KG_TILE;
}

void trn_kg_match_plan(trn_ledger_t *ledger, const trn_kg_header_t *header,
                       const trn_kg_match_size_t *size) {
    const trn_model_t *model = header->model;
    int64_t width = model->query_width(&header->shape), dim = header->shape.dim, n = size->most;
    int64_t each = dim + 2 * width + model->relation_width(&header->shape);
    const int64_t number = (int64_t)sizeof(float);
    trn_ledger_take(ledger, "queries", size->count, (int64_t)sizeof(int64_t));
    trn_ledger_take(ledger, "queries", n * each, number);
    trn_ledger_take(ledger, "queries", n, (int64_t)sizeof(trn_kg_lengths_t));
    if (model->project) trn_ledger_take(ledger, "projected", size->entities * width, number);
    trn_ledger_take(ledger, "scoring", size->entities, number);
    trn_ledger_take(ledger, "scoring", 2 * tiles_of(size->entities), (int64_t)sizeof(double));
    trn_ledger_take(ledger, "scoring", size->threads * n * TRN_KG_TILE, number);
    for (int t = 0; t < size->threads; t++)
        trn_kg_exact_plan(ledger, header);
    trn_ledger_take(ledger, "libraries", size->threads, trn_blas_bytes(number, TRN_KG_TILE, width));
    trn_kg_model_gather_plan(ledger, header, n, size->ranks);
}

static trn_status_t allocate(trn_kg_match_t *m) {
    const trn_kg_header_t *h = &m->model->header;
    int64_t entities = m->model->count, relation = h->model->relation_width(&h->shape);
    TRN_TRY(trn_alloc(&m->order, m->count, sizeof(int64_t), "queries"));
    TRN_TRY(trn_alloc(&m->rows, m->most * m->dim, sizeof(float), "query rows"));
    TRN_TRY(trn_alloc(&m->x, m->most * m->width, sizeof(float), "query rows"));
    TRN_TRY(trn_alloc(&m->relation, m->most * relation, sizeof(float), "query relations"));
    TRN_TRY(trn_alloc(&m->q, m->most * m->width, sizeof(float), "queries"));
    TRN_TRY(trn_alloc(&m->projected, h->model->project ? entities * m->width : 0, sizeof(float),
                      "projected entities"));
    TRN_TRY(trn_alloc_zero(&m->half, entities, sizeof(float), "lengths"));
    TRN_TRY(trn_alloc(&m->length, 2 * tiles_of(entities), sizeof(double), "lengths"));
    TRN_TRY(trn_alloc(&m->score, m->threads * m->most * TRN_KG_TILE, sizeof(float), "scores"));
    TRN_TRY(trn_alloc(&m->lengths, m->most, sizeof *m->lengths, "lengths"));
    TRN_TRY(trn_alloc_zero(&m->exact, m->threads, sizeof *m->exact, "exact scores"));
    for (int t = 0; t < m->threads; t++)
        TRN_TRY(trn_kg_exact_create(&m->exact[t], m->model));
    return sort_queries(m);
}

trn_status_t trn_kg_match_create(trn_kg_match_t *match, const trn_kg_model_t *model, MPI_Comm comm,
                                 int64_t count, const trn_kg_query_t *queries, int64_t most,
                                 int threads) {
    const trn_kg_header_t *h = &model->header;
    trn_metric_t metric = h->model->metric(&h->shape);
    *match = (trn_kg_match_t){.model = model,
                              .comm = comm,
                              .count = count,
                              .queries = queries,
                              .threads = threads,
                              .most = most,
                              .row = -1,
                              .dim = h->shape.dim,
                              .width = h->model->query_width(&h->shape),
                              .l2 = metric == TRN_METRIC_L2,
                              .torus = metric == TRN_METRIC_TORUS1 || metric == TRN_METRIC_TORUS2 ||
                                       metric == TRN_METRIC_TORUSE};
    match->metric = match->l2 ? TRN_METRIC_DOT : metric;
    trn_blas_single();
    return allocate(match);
}

void trn_kg_match_free(trn_kg_match_t *match) {
    for (int t = 0; match->exact && t < match->threads; t++)
        trn_kg_exact_free(&match->exact[t]);
    trn_free(&match->exact);
    trn_free(&match->order);
    trn_free(&match->rows);
    trn_free(&match->x);
    trn_free(&match->relation);
    trn_free(&match->q);
    trn_free(&match->projected);
    trn_free(&match->half);
    trn_free(&match->length);
    trn_free(&match->score);
    trn_free(&match->lengths);
}

static double square_of(int64_t count, const float *x) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += (double)x[i] * x[i];
    return sum;
}

/* Make the candidates of a relation row and measure them. */
static void prepare_band(trn_kg_match_t *m, int64_t row) {
    const trn_kg_header_t *h = &m->model->header;
    m->row = row;
    m->band = m->model->entity;
    if (h->model->project) {
        int64_t second = h->model->second_width(&h->shape);
        const float *map = m->model->second + row * second;
        h->model->project(&h->shape, map, m->model->count, m->model->entity, m->projected);
        m->band = m->projected;
        /* A map of one normal vector cuts something off; another stretches by its norm at most. */
        bool cuts = second == m->dim && m->width == m->dim;
        m->stretch = cuts ? 2 : 1 + sqrt(square_of(second, map));
    }
    for (int64_t t = 0; t < tiles_of(m->model->count); t++) {
        double entity = 0, candidate = 0;
        for (int64_t i = t * TRN_KG_TILE; i < (t + 1) * TRN_KG_TILE && i < m->model->count; i++) {
            double square = square_of(m->width, m->band + i * m->width);
            if (m->l2) m->half[i] = (float)(square / 2);
            candidate = fmax(candidate, square);
            entity = fmax(entity, square_of(m->dim, m->model->entity + i * m->dim));
        }
        m->length[2 * t] = sqrt(entity);
        m->length[2 * t + 1] = sqrt(candidate);
    }
}

/* How far rounding can move one number of a projected vector of that length, all numbers
 * together. */
static double projection_error(const trn_kg_match_t *m, double length) {
    return unit * (double)(m->dim + 16) * m->stretch * length;
}

/* Side and relation row that query i of the chunk is asked with. */
static int64_t row_of(const trn_kg_match_t *m, int64_t i, trn_side_t *side) {
    const trn_kg_query_t *query = &m->queries[m->order[m->first + i]];
    *side = query->side;
    return trn_kg_query_row(&m->model->header, query->relation, side);
}

/* Lengths and error of query i, whose vectors are made. */
static void measure(trn_kg_match_t *m, int64_t i) {
    const trn_kg_header_t *h = &m->model->header;
    trn_kg_lengths_t *l = &m->lengths[i];
    int64_t width = h->model->relation_width(&h->shape);
    double relation = sqrt(square_of(width, m->relation + i * width));
    l->query = sqrt(square_of(m->width, m->q + i * m->width));
    l->known = sqrt(square_of(m->dim, m->rows + i * m->dim));
    l->error = 4 * unit * (l->query + l->known + relation) +
               (m->torus ? 4 * unit * sqrt((double)m->width) : 0) +
               (h->model->project ? projection_error(m, l->known) : 0);
}

/* Make the query vectors of the chunk. Collective. */
static void prepare_chunk(trn_kg_match_t *m) {
    const trn_kg_header_t *h = &m->model->header;
    int64_t width = h->model->relation_width(&h->shape), row = 0;
    int32_t entity[TRN_KG_CHUNK];
    trn_side_t side = TRN_SIDE_TAIL;
    for (int64_t i = 0; i < m->n; i++) {
        entity[i] = m->queries[m->order[m->first + i]].entity;
        row = row_of(m, i, &side);
        memcpy(m->relation + i * width, m->model->relation + row * width,
               (size_t)width * sizeof(float));
    }
    trn_kg_model_gather(m->model, m->comm, m->n, entity, m->rows);
    const float *x = m->rows;
    if (h->model->project) {
        if (row != m->row) prepare_band(m, row);
        const float *map = m->model->second + row * h->model->second_width(&h->shape);
        h->model->project(&h->shape, map, m->n, m->rows, m->x);
        x = m->x;
    } else if (m->row < 0)
        prepare_band(m, 0);
    h->model->query(&h->shape, side, m->n, x, m->relation, m->q);
    for (int64_t i = 0; i < m->n; i++)
        measure(m, i);
}

/* Whether queries of two places may share a chunk: of one side, and of one projection. */
static bool together(const trn_kg_header_t *header, int64_t a, int64_t b) {
    int64_t rows = trn_kg_relation_rows(header);
    return a == b || (!header->model->project && (a < rows) == (b < rows));
}

bool trn_kg_match_next(trn_kg_match_t *m) {
    const trn_kg_header_t *header = &m->model->header;
    m->first += m->n;
    m->n = 0;
    if (m->first >= m->count) return false;
    const int64_t *order = m->order + m->first;
    int64_t left = m->count - m->first, place = place_of(header, &m->queries[order[0]]);
    for (m->n = 1; m->n < m->most && m->n < left; m->n++)
        if (!together(header, place, place_of(header, &m->queries[order[m->n]]))) break;
    prepare_chunk(m);
    return true;
}

void trn_kg_match_tiles(trn_kg_match_t *m, trn_kg_visit_t visit, void *self) {
#pragma omp parallel for num_threads(m->threads) schedule(dynamic, 1)
    for (int64_t t = 0; t < tiles_of(m->model->count); t++) {
        int64_t first = t * TRN_KG_TILE, left = m->model->count - first;
        trn_kg_tile_t tile = {.first = first,
                              .n = left < TRN_KG_TILE ? left : TRN_KG_TILE,
                              .half = m->half + first,
                              .thread = omp_get_thread_num()};
        tile.score = m->score + tile.thread * m->most * TRN_KG_TILE;
        trn_compare(m->metric, m->width, m->n, m->q, tile.n, m->band + first * m->width, NULL,
                    tile.score, TRN_KG_TILE);
        visit(self, m, &tile);
    }
}

double trn_kg_match_exact(const trn_kg_match_t *m, int thread, int64_t i, const float *candidate) {
    trn_side_t side;
    int64_t row = row_of(m, i, &side);
    return trn_kg_exact(&m->exact[thread], side, row, m->rows + i * m->dim, candidate);
}

double trn_kg_match_value(const trn_kg_match_t *m, int64_t i, double exact) {
    double query = m->lengths[i].query;
    return m->l2 ? (query * query - exact * exact) / 2 : exact;
}

/* Sums of n terms err by n units of the sum of their moduli at most, which by Cauchy and Schwarz is
 * within the product of lengths. The factors are generous: a candidate scored again costs little, a
 * wrong rank much. */
double trn_kg_match_error(const trn_kg_match_t *m, const trn_kg_tile_t *tile, int64_t i,
                          double value) {
    const trn_kg_lengths_t *l = &m->lengths[i];
    const double *length = m->length + 2 * (tile->first / TRN_KG_TILE);
    double n = (double)m->width, entity = length[0], candidate = length[1], query = l->query;
    double sum = unit * (n + 16);
    double moved = l->error + (m->model->header.model->project ? projection_error(m, entity) : 0);
    if (m->l2)
        return (sum * candidate + moved) * (query + candidate) + (sum * query + moved) * query;
    if (m->metric == TRN_METRIC_DOT) return sum * query * candidate + moved * (query + candidate);
    double slope = m->torus ? 4 : 1;
    return sum * fabs(value) + 4 * unit * sqrt(n) * (query + candidate) + slope * sqrt(n) * moved +
           (m->torus ? 32 * unit * n : 0);
}
