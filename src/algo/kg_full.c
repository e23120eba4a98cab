/* kg_full.c: training against candidates that a whole batch shares: all entities, or some drawn.
 *
 * Candidates lie in tiles fixed by the problem (blocks of entities; 128 of the drawn ones), tiles
 * are dealt to ranks. Each rank holds the batch's queries, scores its tiles, and the tiles' maxima
 * and sums are put together in the order of tiles; then each tile's gradients are complete, and
 * those of the queries are summed by a tree over tiles. So ranks do not change a bit. */
#include "algo/kg_state.h"

#include "base/mem.h"
#include "base/rng.h"
#include "kern/descent.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/reduce.h"
#include "mpi/watch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHUNK = 256, /* queries that are scored together */
    TILE = 128   /* drawn candidates in a tile */
};

/* One question of a batch. */
typedef struct query {
    int32_t side, known, relation, answer;
} query_t;

/* Buffers that are float arrays, so that one table allocates and frees them. */
enum buffer {
    ROWS,      /* [2 batch + negatives x dim]: known entities, answers, drawn candidates */
    RELATION,  /* [batch x relation width] */
    QUERY,     /* [batch x width], and its gradient */
    G_QUERY,   /*                  */
    G_KNOWN,   /* [batch x dim] */
    G_REL,     /* [batch x relation width] */
    G_ANSWER,  /* [batch x dim] */
    TRUE,      /* [batch]: score of the answer */
    TRUE_BACK, /* [batch]: its weight in the loss's gradient */
    SCORES,    /* [own candidates x chunk], tile by tile */
    WEIGHTS,   /* the same; not for products, whose gradients need no scores */
    PAIRS,     /* [tiles x 2 x chunk]: greatest score, sum of exponentials */
    SCALE,     /* [chunk] */
    LEAF,      /* [chunk x width] */
    G_ENTITY,  /* as the state's entities */
    G_ALL_REL, /* as the state's relations */
    G_DRAWN,   /* [negatives x dim] */
    BUFFERS
};

typedef struct full {
    trn_kg_state_t *state;
    trn_triple_t *triples;
    int64_t count; /* of triples */
    int64_t dim, width, relation_width, batch, negatives;
    int64_t tiles, first_tile, own_tiles;
    trn_metric_t metric;
    query_t *queries;
    int32_t *ids;    /* whose ROWS these are */
    uint8_t *marked; /* [relation rows, then own entity rows]: has a gradient */
    int *counts;     /* [2 x ranks] */
    double *sum;     /* [chunk x width] */
    float *buffer[BUFFERS];
    int64_t first, chunk; /* queries of the batch now at work; their number */
    int64_t now;          /* queries of this batch */
} full_t;

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t tile_rows(const full_t *f, int64_t tile) {
    if (f->negatives > 0) return smaller(TILE, f->negatives - tile * TILE);
    return (f->state->header.entities - tile + f->state->blocks - 1) / f->state->blocks;
}

/* Where a tile's candidates begin, in rows, among all that this rank holds. */
static int64_t tile_start(const full_t *f, int64_t tile) {
    return f->negatives > 0 ? tile * TILE : (tile - f->first_tile) * f->state->rows;
}

static const float *tile_values(const full_t *f, int64_t tile) {
    const float *values =
        f->negatives > 0 ? f->buffer[ROWS] + 2 * f->now * f->dim : f->state->entity;
    return values + tile_start(f, tile) * f->dim;
}

static float *tile_gradient(const full_t *f, int64_t tile) {
    return f->buffer[f->negatives > 0 ? G_DRAWN : G_ENTITY] + tile_start(f, tile) * f->dim;
}

/* Scores of a tile stand one after the other: [chunk x rows of the tile]. */
static float *tile_scores(const full_t *f, int64_t tile, enum buffer which) {
    int64_t most = f->negatives > 0 ? TILE : f->state->rows;
    return f->buffer[which] + (tile - f->first_tile) * CHUNK * most;
}

static int64_t moments_rows(const full_t *f) {
    return trn_kg_relation_rows(&f->state->header) + f->state->own_blocks * f->state->rows;
}

static void sizes(const full_t *f, int64_t size[BUFFERS]) {
    const trn_kg_state_t *s = f->state;
    int64_t batch = f->batch, own = f->own_tiles * (f->negatives > 0 ? TILE : s->rows);
    size[ROWS] = (2 * batch + f->negatives) * f->dim;
    size[RELATION] = size[G_REL] = batch * f->relation_width;
    size[QUERY] = size[G_QUERY] = batch * f->width;
    size[G_KNOWN] = size[G_ANSWER] = batch * f->dim;
    size[TRUE] = size[TRUE_BACK] = batch;
    size[SCORES] = own * CHUNK;
    size[WEIGHTS] = f->metric == TRN_METRIC_DOT ? 0 : own * CHUNK;
    size[PAIRS] = f->tiles * 2 * CHUNK;
    size[SCALE] = CHUNK;
    size[LEAF] = CHUNK * f->width;
    size[G_ENTITY] = s->own_blocks * s->rows * f->dim;
    size[G_ALL_REL] = trn_kg_relation_rows(&s->header) * f->relation_width;
    size[G_DRAWN] = f->negatives * f->dim;
}

static trn_status_t allocate(full_t *f, const trn_kg_t *kg) {
    int64_t size[BUFFERS];
    sizes(f, size);
    for (int i = 0; i < BUFFERS; i++)
        TRN_TRY(trn_alloc_zero(&f->buffer[i], size[i], sizeof(float), "a batch of training"));
    TRN_TRY(trn_alloc(&f->queries, f->batch, sizeof *f->queries, "queries"));
    TRN_TRY(trn_alloc(&f->ids, 2 * f->batch + f->negatives, sizeof *f->ids, "entities of a batch"));
    TRN_TRY(trn_alloc_zero(&f->marked, moments_rows(f), 1, "marks of rows"));
    TRN_TRY(trn_alloc(&f->counts, 2 * (int64_t)f->state->ranks, sizeof *f->counts, "counts"));
    TRN_TRY(trn_alloc(&f->sum, CHUNK * f->width, sizeof *f->sum, "gradients of queries"));
    TRN_TRY(trn_alloc(&f->triples, f->count, sizeof *f->triples, "training triples"));
    return trn_kg_read(kg, TRN_TRAIN, 0, f->count, f->triples);
}

static void destroy(void **self) {
    full_t *f = *self;
    if (!f) return;
    for (int i = 0; i < BUFFERS; i++)
        trn_free(&f->buffer[i]);
    trn_free(&f->queries);
    trn_free(&f->ids);
    trn_free(&f->marked);
    trn_free(&f->counts);
    trn_free(&f->sum);
    trn_free(&f->triples);
    trn_free(self);
}

static void shape(full_t *f, trn_kg_state_t *state) {
    const trn_kg_header_t *h = &state->header;
    f->state = state;
    f->dim = h->shape.dim;
    f->width = h->model->query_width(&h->shape);
    f->relation_width = h->model->relation_width(&h->shape);
    f->metric = h->model->metric(&h->shape);
    f->batch = smaller(state->options.batch, 2 * f->count);
    f->negatives = state->options.negatives;
    f->tiles = f->negatives > 0 ? (f->negatives + TILE - 1) / TILE : state->blocks;
    f->first_tile = trn_part_start(f->tiles, state->ranks, state->rank);
    f->own_tiles = trn_part_start(f->tiles, state->ranks, state->rank + 1) - f->first_tile;
}

static trn_status_t create(void **self, trn_kg_state_t *state, const trn_kg_t *kg) {
    full_t *f = NULL;
    trn_status_t status = TRN_OK;
    if (state->header.model->project)
        status = trn_fail(TRN_USAGE,
                          "--model: %s projects entities, which this way of training "
                          "cannot; choose another",
                          state->header.model->name);
    else if (kg->triples[TRN_TRAIN] < 1)
        status = trn_fail(TRN_INPUT, "/train: no triples to train on");
    if (status == TRN_OK) status = trn_alloc_zero(&f, 1, sizeof *f, "the trainer");
    if (status == TRN_OK) {
        f->count = kg->triples[TRN_TRAIN];
        shape(f, state);
        status = allocate(f, kg);
    }
    status = trn_agree(state->comm, status);
    *self = f;
    if (status != TRN_OK) destroy(self);
    return status;
}

static int by_side(const void *a, const void *b) {
    const query_t *p = a, *q = b;
    if (p->side != q->side) return p->side < q->side ? -1 : 1;
    if (p->relation != q->relation) return p->relation < q->relation ? -1 : 1;
    if (p->known != q->known) return p->known < q->known ? -1 : 1;
    return (p->answer > q->answer) - (p->answer < q->answer);
}

/* Questions [first, first + now) of the epoch's order, and the candidates that go with them. */
static void draw(full_t *f, int64_t first) {
    const trn_kg_state_t *s = f->state;
    uint64_t seed = s->options.seed;
    uint32_t words[4];
    trn_rng_words(seed, (uint64_t)s->epoch, 0, 0, TRN_RNG_KG_ORDER, words);
    uint64_t order = (uint64_t)words[0] << 32 | words[1];
    for (int64_t i = 0; i < f->now; i++) {
        int64_t at = trn_rng_permuted(order, 2 * f->count, first + i);
        const trn_triple_t *t = &f->triples[at / 2];
        trn_side_t side = at % 2 ? TRN_SIDE_HEAD : TRN_SIDE_TAIL;
        bool head = side == TRN_SIDE_HEAD;
        int64_t row = trn_kg_query_row(&s->header, t->relation, &side);
        f->queries[i] = (query_t){(int32_t)side, head ? t->tail : t->head, (int32_t)row,
                                  head ? t->head : t->tail};
    }
    qsort(f->queries, (size_t)f->now, sizeof *f->queries, by_side);
    for (int64_t i = 0; i < f->now; i++) {
        f->ids[i] = f->queries[i].known;
        f->ids[f->now + i] = f->queries[i].answer;
    }
    int32_t *drawn = f->ids + 2 * f->now;
    for (int64_t j = 0; j < f->negatives; j++) {
        if (j % 4 == 0)
            trn_rng_words(seed, (uint64_t)s->step, (uint32_t)(j / 4), 0, TRN_RNG_KG_NEGATIVE,
                          words);
        drawn[j] = (int32_t)((uint64_t)words[j % 4] * (uint64_t)s->header.entities >> 32);
    }
}

/* Rows of this batch's entities and relations, and its queries, on every rank. */
static void prepare(full_t *f) {
    const trn_kg_state_t *s = f->state;
    const trn_kg_header_t *h = &s->header;
    int64_t rw = f->relation_width;
    trn_kg_gather(s, 2 * f->now + f->negatives, f->ids, f->buffer[ROWS]);
    for (int64_t i = 0; i < f->now; i++)
        memcpy(f->buffer[RELATION] + i * rw, s->relation + f->queries[i].relation * rw,
               (size_t)rw * sizeof(float));
    for (int64_t i = 0, end; i < f->now; i = end) {
        for (end = i; end < f->now && f->queries[end].side == f->queries[i].side;)
            end++;
        h->model->query(&h->shape, (trn_side_t)f->queries[i].side, end - i,
                        f->buffer[ROWS] + i * f->dim, f->buffer[RELATION] + i * rw,
                        f->buffer[QUERY] + i * f->width);
    }
    trn_compare_rows(f->metric, f->width, f->now, f->buffer[QUERY],
                     f->buffer[ROWS] + f->now * f->dim, f->buffer[TRUE]);
}

/* Greatest score and sum of exponentials of every tile and query of the chunk, on every rank. */
static void score(full_t *f) {
    const trn_kg_state_t *s = f->state;
    enum buffer powers = f->metric == TRN_METRIC_DOT ? SCORES : WEIGHTS;
    for (int64_t t = f->first_tile; t < f->first_tile + f->own_tiles; t++) {
        int64_t n = tile_rows(f, t);
        float *scores = tile_scores(f, t, SCORES), *pair = f->buffer[PAIRS] + t * 2 * f->chunk;
        trn_compare(f->metric, f->width, f->chunk, f->buffer[QUERY] + f->first * f->width, n,
                    tile_values(f, t), NULL, scores, n);
        trn_softmax_part(f->chunk, n, scores, tile_scores(f, t, powers), pair, pair + f->chunk);
    }
    if (s->ranks == 1) return;
    for (int r = 0; r < s->ranks; r++) {
        int64_t start = trn_part_start(f->tiles, s->ranks, r),
                end = trn_part_start(f->tiles, s->ranks, r + 1);
        f->counts[r] = (int)((end - start) * 2 * f->chunk);
        f->counts[s->ranks + r] = (int)(start * 2 * f->chunk);
    }
    MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, f->buffer[PAIRS], f->counts,
                   f->counts + s->ranks, MPI_FLOAT, s->comm);
}

/* Put the tiles together: PAIRS' maxima become what the tile's exponentials are to be multiplied
 * with. Returns the chunk's loss. */
static double combine(full_t *f) {
    double loss = 0;
    int64_t m = f->chunk;
    for (int64_t i = 0; i < m; i++) {
        float *pair = f->buffer[PAIRS] + i, answer = f->buffer[TRUE][f->first + i];
        float top = f->negatives > 0 ? answer : pair[0];
        for (int64_t t = 0; t < f->tiles; t++)
            top = pair[t * 2 * m] > top ? pair[t * 2 * m] : top;
        double sum = f->negatives > 0 ? exp((double)answer - (double)top) : 0;
        double own = sum;
        for (int64_t t = 0; t < f->tiles; t++)
            sum += exp((double)pair[t * 2 * m] - (double)top) * (double)pair[(2 * t + 1) * m];
        for (int64_t t = 0; t < f->tiles; t++)
            pair[t * 2 * m] =
                (float)(exp((double)pair[t * 2 * m] - (double)top) / (sum * (double)f->now));
        loss += log(sum) + (double)top - (double)answer;
        f->buffer[TRUE_BACK][f->first + i] =
            f->negatives > 0 ? (float)((own / sum - 1) / (double)f->now) : 0;
    }
    return loss;
}

/* The gradients of one tile: its candidates' are added up, its part of the queries' is given. */
static void tile_back(void *user, int64_t t, double *values) {
    full_t *f = user;
    bool product = f->metric == TRN_METRIC_DOT;
    int64_t n = tile_rows(f, t), size = f->chunk * f->width;
    float *weights = tile_scores(f, t, product ? SCORES : WEIGHTS), *leaf = f->buffer[LEAF];
    trn_scale_rows(f->chunk, n, f->buffer[PAIRS] + t * 2 * f->chunk, weights);
    for (int64_t i = 0; f->negatives == 0 && i < f->chunk; i++) {
        int64_t answer = f->queries[f->first + i].answer;
        if (answer % f->state->blocks == t)
            weights[i * n + answer / f->state->blocks] -= 1 / (float)f->now;
    }
    memset(leaf, 0, (size_t)size * sizeof *leaf);
    trn_compare_back(f->metric, f->width, f->chunk, f->buffer[QUERY] + f->first * f->width, n,
                     tile_values(f, t), tile_scores(f, t, SCORES), weights, n, leaf,
                     tile_gradient(f, t));
    for (int64_t i = 0; i < size; i++)
        values[i] = (double)leaf[i];
}

static trn_status_t learn_chunk(full_t *f, double *loss) {
    int64_t size = f->chunk * f->width;
    score(f);
    *loss += combine(f);
    TRN_TRY(trn_reduce_tree(f->state->comm, f->tiles, size, tile_back, f, f->sum));
    float *gradient = f->buffer[G_QUERY] + f->first * f->width;
    for (int64_t i = 0; i < size; i++)
        gradient[i] = (float)f->sum[i];
    return TRN_OK;
}

/* += the gradient of weight/3 sum |v|^3 (complex: of moduli) and of weight/2 sum v^2. Source:
 * Lacroix, Usunier, Obozinski: Canonical tensor decomposition (ICML 2018), for the first. */
static void regularise(const full_t *f, bool complex, int64_t width, const float *v, float *g) {
    const trn_kg_options_t *o = &f->state->options;
    float n3 = (float)(o->n3 / (double)f->now), l2 = (float)(o->l2 / (double)f->now);
    int64_t half = complex ? width / 2 : width;
    for (int64_t j = 0; n3 > 0 && j < half; j++) {
        float modulus = complex ? sqrtf(v[j] * v[j] + v[half + j] * v[half + j]) : fabsf(v[j]);
        g[j] += n3 * modulus * v[j];
        if (complex) g[half + j] += n3 * modulus * v[half + j];
    }
    for (int64_t j = 0; l2 > 0 && j < width; j++)
        g[j] += l2 * v[j];
}

static void add(int64_t n, const float *from, float *to) {
    for (int64_t j = 0; j < n; j++)
        to[j] += from[j];
}

static void add_entity(full_t *f, int32_t entity, const float *gradient) {
    float *own = trn_kg_own_row(f->state, f->buffer[G_ENTITY], f->dim, entity);
    if (!own) return;
    add(f->dim, gradient, own);
    f->marked[trn_kg_relation_rows(&f->state->header) + (own - f->buffer[G_ENTITY]) / f->dim] = 1;
}

/* From the queries' gradients to those of the vectors they were made of. */
static void back(full_t *f) {
    const trn_kg_header_t *h = &f->state->header;
    int64_t rw = f->relation_width, now = f->now;
    float *rows = f->buffer[ROWS], **b = f->buffer;
    memset(b[G_ANSWER], 0, (size_t)(now * f->dim) * sizeof(float));
    if (f->negatives > 0)
        trn_compare_rows_back(f->metric, f->width, now, b[QUERY], rows + now * f->dim, b[TRUE],
                              b[TRUE_BACK], b[G_QUERY], b[G_ANSWER]);
    for (int64_t i = 0, end; i < now; i = end) {
        for (end = i; end < now && f->queries[end].side == f->queries[i].side;)
            end++;
        h->model->query_back(&h->shape, (trn_side_t)f->queries[i].side, end - i, rows + i * f->dim,
                             b[RELATION] + i * rw, b[G_QUERY] + i * f->width,
                             b[G_KNOWN] + i * f->dim, b[G_REL] + i * rw);
    }
    bool complex = h->model->complex;
    for (int64_t i = 0; i < now; i++) {
        regularise(f, complex, f->dim, rows + i * f->dim, b[G_KNOWN] + i * f->dim);
        regularise(f, complex, f->dim, rows + (now + i) * f->dim, b[G_ANSWER] + i * f->dim);
        regularise(f, complex && rw == f->dim, rw, b[RELATION] + i * rw, b[G_REL] + i * rw);
        add_entity(f, f->queries[i].known, b[G_KNOWN] + i * f->dim);
        add_entity(f, f->queries[i].answer, b[G_ANSWER] + i * f->dim);
        add(rw, b[G_REL] + i * rw, b[G_ALL_REL] + f->queries[i].relation * rw);
        f->marked[f->queries[i].relation] = 1;
    }
    if (f->negatives == 0) return;
    if (f->state->ranks > 1) /* each row comes from one rank, the others have zeros */
        MPI_Allreduce(MPI_IN_PLACE, b[G_DRAWN], (int)(f->negatives * f->dim), MPI_FLOAT, MPI_SUM,
                      f->state->comm);
    for (int64_t j = 0; j < f->negatives; j++)
        add_entity(f, f->ids[2 * now + j], b[G_DRAWN] + j * f->dim);
    memset(b[G_DRAWN], 0, (size_t)(f->negatives * f->dim) * sizeof(float));
}

/* Step `count` rows from row `at` on of entities (which = 0) or relations (1); gradients to 0. */
static void step_rows(full_t *f, int which, int64_t at, int64_t count) {
    trn_kg_state_t *s = f->state;
    const trn_kg_header_t *h = &s->header;
    int64_t width = which ? f->relation_width : f->dim, part[2];
    float *values = (which ? s->relation : s->entity) + at * width, *moment[2];
    float *gradient = f->buffer[which ? G_ALL_REL : G_ENTITY] + at * width;
    for (int i = 0; i < 2; i++) {
        part[i] = trn_kg_moment_width(s->options.optimiser, i, width);
        moment[i] = part[i] > 0 ? s->moments[which][i] + at * part[i] : NULL;
    }
    trn_kg_step(&s->options, trn_kg_rate(&s->options, s->epoch), s->step + 1, count, width, values,
                moment[0], moment[1], gradient);
    memset(gradient, 0, (size_t)(count * width) * sizeof(float));
    if (!which && s->options.unit_entities && h->model->normalise_entity)
        h->model->normalise_entity(&h->shape, count, values);
    if (which && h->model->normalise_relation)
        h->model->normalise_relation(&h->shape, count, values, NULL);
}

static void step(full_t *f) {
    trn_kg_state_t *s = f->state;
    int64_t relations = trn_kg_relation_rows(&s->header);
    for (int64_t r = 0; r < relations; r++)
        if (f->marked[r]) step_rows(f, 1, r, 1);
    const uint8_t *marked = f->marked + relations;
    for (int64_t block = 0; block < s->own_blocks; block++) {
        int64_t start = block * s->rows;
        if (f->negatives == 0) { /* without its padding */
            step_rows(f, 0, start, tile_rows(f, s->first_block + block));
            continue;
        }
        for (int64_t i = start; i < start + s->rows; i++)
            if (marked[i]) step_rows(f, 0, i, 1);
    }
    memset(f->marked, 0, (size_t)moments_rows(f));
    s->step++;
}

static trn_status_t epoch(void *self, double *loss) {
    full_t *f = self;
    int64_t all = 2 * f->count;
    double sum = 0;
    for (int64_t first = 0; first < all; first += f->batch) {
        f->now = smaller(f->batch, all - first);
        draw(f, first);
        prepare(f);
        for (f->first = 0; f->first < f->now; f->first += CHUNK) {
            f->chunk = smaller(CHUNK, f->now - f->first);
            TRN_TRY(learn_chunk(f, &sum));
        }
        if (!isfinite(sum))
            return trn_fail(TRN_NUMERIC,
                            "the loss is not finite in epoch %lld; lower "
                            "--learning-rate (the last checkpoint is kept)",
                            (long long)f->state->epoch + 1);
        back(f);
        step(f);
        trn_watch_tick();
    }
    f->state->epoch++;
    *loss = sum / (double)all;
    return TRN_OK;
}

static int64_t memory(const trn_kg_header_t *header, const trn_kg_options_t *options,
                      int64_t triples, int64_t ranks) {
    trn_kg_state_t state = {
        .ranks = (int)ranks, .header = *header, .options = *options, .blocks = options->blocks};
    state.rows = (header->entities + state.blocks - 1) / state.blocks;
    state.own_blocks = (state.blocks + ranks - 1) / ranks;
    full_t f = {.count = triples};
    int64_t size[BUFFERS], sum = 0, levels = 2;
    shape(&f, &state);
    f.own_tiles = (f.tiles + ranks - 1) / ranks;
    sizes(&f, size);
    for (int i = 0; i < BUFFERS; i++)
        sum += size[i] * (int64_t)sizeof(float);
    while (f.tiles > (int64_t)1 << (levels - 2))
        levels++;
    return sum + CHUNK * f.width * 8 * (1 + 2 * levels) + triples * (int64_t)sizeof(trn_triple_t) +
           (2 * f.batch + f.negatives) * 4 + f.batch * (int64_t)sizeof(query_t) + moments_rows(&f);
}

const trn_kg_regime_t trn_kg_full = {"full", create, destroy, epoch, memory};
