/* kg_nodepiece.c: the regime of training with an encoder. Questions of a batch are cut into 8
 * chunks, dealt to ranks; a chunk's gradients are one leaf of the tree of mpi/reduce.h. */
#include "algo/kg/nodepiece/kg_nodepiece.h"

#include "algo/kg/nodepiece/kg_nodepiece_impl.h"
#include "base/mem.h"
#include "base/rng.h"
#include "kern/train/descent.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/reduce.h"
#include "mpi/watch.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNKS = 8 };

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* The verb's usual settings. */
static trn_nodepiece_config_t config_of(const trn_kg_t *kg, uint64_t seed) {
    return (trn_nodepiece_config_t){.anchors = smaller(1000, kg->entities),
                                    .nearest = smaller(12, kg->entities),
                                    .context = smaller(12, 2 * kg->relations),
                                    .hops = 50,
                                    .seed = seed};
}

trn_status_t trn_kg_nodepiece_hash(trn_nodepiece_hash_t *hash, MPI_Comm comm, const trn_kg_t *kg,
                                   const char *path, uint64_t seed) {
    if (path) return trn_nodepiece_hash_open(hash, comm, path, kg);
    trn_nodepiece_config_t config = config_of(kg, seed);
    return trn_nodepiece_hash_create(hash, comm, kg, &config);
}

trn_status_t trn_kg_nodepiece_look(trn_nodepiece_hash_t *sizes, MPI_Comm comm, const trn_kg_t *kg,
                                   const char *path) {
    if (path) return trn_nodepiece_hash_look(sizes, comm, path, kg);
    trn_nodepiece_config_t config = config_of(kg, 0);
    *sizes = (trn_nodepiece_hash_t){.entities = kg->entities,
                                    .relations = kg->relations,
                                    .anchors = config.anchors,
                                    .nearest = config.nearest,
                                    .context = config.context,
                                    .farthest = smaller(config.hops, kg->entities - 1)};
    return TRN_OK;
}

void trn_kg_nodepiece_hash_plan(trn_ledger_t *ledger, const trn_kg_t *kg,
                                const trn_nodepiece_hash_t *sizes, const char *path, int ranks,
                                int rank) {
    trn_nodepiece_config_t config = {
        .anchors = sizes->anchors, .nearest = sizes->nearest, .context = sizes->context};
    int64_t own = trn_kg_own(kg->entities, ranks, rank);
    if (!path) {
        trn_nodepiece_hash_plan(ledger, kg, &config, ranks, rank);
        return;
    }
    trn_ledger_pass(ledger, "stores", trn_store_open_bytes(), 1);
    trn_ledger_take(ledger, "hashes", sizes->anchors + own * (2 * sizes->nearest + sizes->context),
                    (int64_t)sizeof(int32_t));
}

static trn_encoder_shape_t shape_of(const trn_kg_header_t *header,
                                    const trn_nodepiece_options_t *options) {
    return trn_encoder_shape(options->hash, options->piece, options->hidden, header->shape.dim);
}

int64_t trn_kg_nodepiece_parameters(const trn_kg_header_t *header,
                                    const trn_nodepiece_options_t *options) {
    trn_encoder_shape_t shape = shape_of(header, options);
    return trn_encoder_parameters(&shape) +
           trn_kg_relation_rows(header) * header->model->relation_width(&header->shape);
}

static void sizes(const learner_t *l, int64_t entities, int64_t size[BUFFERS]) {
    int64_t rows = l->chunk * l->dim, relations = l->chunk * l->relation_width;
    size[CHUNK_KNOWN] = size[CHUNK_ANSWER] = size[CHUNK_QUERY] = rows;
    size[CHUNK_RELATION] = size[G_RELATION] = relations;
    size[CHUNK_TRUE] = size[CHUNK_TRUE_BACK] = size[CHUNK_SCALE] = l->chunk;
    size[SCORES] = size[WEIGHTS] = l->chunk * l->most_rows;
    size[G_KNOWN] = size[G_ANSWER] = size[G_QUERY] = rows;
    size[G_CANDIDATE] = l->most_rows * l->dim;
    size[RARITY] = entities;
    size[G_ALL_RELATION] = l->relation_rows * l->relation_width;
}

/* Numbers of the sum over a batch's chunks. */
static int64_t sum_size(const learner_t *l, int64_t rows) {
    return rows * l->dim + l->relation_rows * l->relation_width + 1;
}

static void shape(learner_t *l, const trn_kg_header_t *h, const trn_kg_options_t *o) {
    l->dim = h->shape.dim;
    l->relation_width = h->model->relation_width(&h->shape);
    l->relation_rows = trn_kg_relation_rows(h);
    l->metric = h->model->metric(&h->shape);
    l->batch = smaller(o->batch, 2 * l->count);
    l->chunk = (l->batch + CHUNKS - 1) / CHUNKS;
    l->most_rows =
        o->negatives > 0 ? smaller(o->negatives + 2 * l->batch, h->entities) : h->entities;
    l->options = o->nodepiece;
}

/* The more often an entity is in batches, the less it counts when it is: as if every candidate were
 * drawn evenly. Source of the correction: Bengio and Senecal, importance sampling of a softmax
 * (IEEE TNN 19, 2008). Uses l->row for counts. */
static void weigh_entities(learner_t *l, int64_t entities) {
    int64_t drawn = l->state->options.negatives;
    double missed = pow(1 - 1 / (double)entities, (double)drawn); /* by all that are drawn */
    memset(l->row, 0, (size_t)entities * sizeof *l->row);
    for (int64_t i = 0; i < l->count; i++) {
        l->row[l->triples[i].head]++;
        if (l->triples[i].tail != l->triples[i].head) l->row[l->triples[i].tail]++;
    }
    for (int64_t e = 0; e < entities; e++) {
        double absent = pow(1 - l->row[e] / (double)l->count, (double)l->batch);
        l->buffer[RARITY][e] = drawn ? (float)log((1 - missed) / (1 - missed * absent)) : 0;
    }
}

static trn_status_t allocate(learner_t *l, const trn_kg_t *kg) {
    int64_t size[BUFFERS], entities = l->state->header.entities;
    sizes(l, entities, size);
    for (int i = 0; i < BUFFERS; i++)
        TRN_TRY(trn_alloc(&l->buffer[i], size[i], sizeof(float), "a batch of training"));
    int64_t rows = l->most_rows;
    TRN_TRY(trn_alloc(&l->part, l->chunk, sizeof *l->part, "a batch of training"));
    TRN_TRY(trn_alloc(&l->questions, l->batch, sizeof *l->questions, "questions"));
    TRN_TRY(trn_alloc(&l->ids, rows, sizeof *l->ids, "entities of a batch"));
    TRN_TRY(trn_alloc(&l->row, entities, sizeof *l->row, "rows of entities"));
    TRN_TRY(trn_alloc(&l->sum, sum_size(l, rows), sizeof *l->sum, "gradients"));
    TRN_TRY(trn_alloc(&l->triples, l->count, sizeof *l->triples, "training triples"));
    TRN_TRY(trn_kg_read(kg, TRN_TRAIN, 0, l->count, l->triples));
    weigh_entities(l, entities);
    for (int64_t e = 0; e < entities; e++)
        l->row[e] = -1;
    return TRN_OK;
}

static void destroy(void **self) {
    learner_t *l = *self;
    if (!l) return;
    for (int i = 0; i < BUFFERS; i++)
        trn_free(&l->buffer[i]);
    trn_free(&l->part);
    trn_free(&l->questions);
    trn_free(&l->ids);
    trn_free(&l->row);
    trn_free(&l->sum);
    trn_free(&l->triples);
    trn_encoder_destroy(&l->encoder);
    trn_free(self);
}

static trn_status_t check(const trn_kg_state_t *s, const trn_kg_t *kg) {
    const trn_kg_header_t *h = &s->header;
    if (h->model->project || h->model->query_width(&h->shape) != h->shape.dim)
        return trn_fail(TRN_USAGE, "--model: %s projects entities, which an encoder cannot feed",
                        h->model->name);
    trn_metric_t metric = h->model->metric(&h->shape);
    if (metric != TRN_METRIC_DOT && metric != TRN_METRIC_L2)
        return trn_fail(TRN_USAGE,
                        "--norm: an encoder feeds models that score by products or by Euclidean "
                        "distances; choose distmult or complex, or --norm 2");
    const trn_kg_options_t *o = &s->options;
    if (o->loss.kind != TRN_LOSS_SOFTMAX)
        return trn_fail(TRN_USAGE, "--loss: an encoder is trained by softmax; leave it at that");
    if (o->all_answers || o->smoothing > 0 || o->entity_dropout > 0 || o->relation_dropout > 0)
        return trn_fail(TRN_USAGE, "--all-answers, --smoothing, --entity-dropout and "
                                   "--relation-dropout are not for an encoder; give "
                                   "--encoder-dropout");
    if (o->l2 > 0 || o->n3 > 0 || o->dura > 0)
        return trn_fail(TRN_USAGE, "--regularizer: an encoder is regularised by "
                                   "--encoder-dropout; leave it at none");
    if (o->start)
        return trn_fail(TRN_USAGE, "--start-from: encoded entities have no vectors to start from");
    if (o->unit_entities)
        return trn_fail(TRN_USAGE, "--unit-entities: encoded entities have the length they get");
    if (kg->triples[TRN_TRAIN] < 1) return trn_fail(TRN_INPUT, "/train: no triples to train on");
    return TRN_OK;
}

static trn_status_t create_encoder(learner_t *l, trn_kg_state_t *state) {
    const trn_kg_options_t *o = &state->options;
    trn_encoder_shape_t sizes = shape_of(&state->header, l->options);
    int64_t entities = state->header.entities;
    TRN_TRY(trn_encoder_create(&l->encoder, state->comm, &sizes, entities, l->most_rows,
                               &o->optimiser));
    l->encoder->dropout = l->options->dropout;
    trn_encoder_start(l->encoder, o->seed, o->scale);
    return trn_encoder_spread(l->encoder, l->options->hash);
}

static trn_status_t create(void **self, trn_kg_state_t *state, const trn_kg_t *kg) {
    learner_t *l = NULL;
    trn_status_t status = check(state, kg);
    if (status == TRN_OK) status = trn_alloc_zero(&l, 1, sizeof *l, "the trainer");
    if (status == TRN_OK) {
        l->count = kg->triples[TRN_TRAIN];
        l->state = state;
        state->span = 2 * l->count;
        shape(l, &state->header, &state->options);
        status = allocate(l, kg);
    }
    status = trn_agree(state->comm, status);
    if (status == TRN_OK) status = create_encoder(l, state);
    if (status == TRN_OK) {
        for (int which = 0; which < 2; which++) /* entities are not stepped, nor saved with them */
            trn_free(&state->moments[0][which]);
        l->hashes = trn_kg_nodepiece_digest(l->options->hash);
        MPI_Allreduce(MPI_IN_PLACE, &l->hashes, 1, MPI_UINT64_T, MPI_SUM, state->comm);
        state->extra = &trn_kg_nodepiece_extra;
        state->extra_self = l;
    }
    *self = l;
    if (status != TRN_OK) destroy(self);
    return status;
}

static int by_side(const void *a, const void *b) {
    const question_t *p = a, *q = b;
    if (p->side != q->side) return p->side < q->side ? -1 : 1;
    if (p->relation != q->relation) return p->relation < q->relation ? -1 : 1;
    if (p->known != q->known) return p->known < q->known ? -1 : 1;
    return (p->answer > q->answer) - (p->answer < q->answer);
}

/* The row of an entity, which joins those to be encoded if it is new. */
static int32_t row_of(learner_t *l, int32_t entity) {
    if (l->row[entity] < 0) {
        l->ids[l->rows] = entity;
        l->row[entity] = (int32_t)l->rows++;
    }
    return l->row[entity];
}

static void draw_negatives(learner_t *l) {
    const trn_kg_state_t *s = l->state;
    uint32_t words[4];
    for (int64_t j = 0; j < s->options.negatives && l->rows < s->header.entities; j++)
        row_of(l, trn_kg_negative(s, j, words));
    for (int64_t e = 0; s->options.negatives == 0 && e < s->header.entities; e++)
        row_of(l, (int32_t)e);
}

/* Questions [first, first + now) of the epoch's order, and the entities to be encoded: those drawn
 * and all that the questions name. All are candidates: an entity's hash is much like those of its
 * neighbours, so that it and they would often beat the answer if they never had to lose. */
static void draw(learner_t *l, int64_t first) {
    const trn_kg_state_t *s = l->state;
    uint32_t words[4];
    trn_rng_words(s->options.seed, (uint64_t)s->epoch, 0, 0, TRN_RNG_KG_ORDER, words);
    uint64_t order = (uint64_t)words[0] << 32 | words[1];
    for (int64_t i = 0; i < l->now; i++) {
        int64_t at = trn_rng_permuted(order, 2 * l->count, first + i);
        const trn_triple_t *t = &l->triples[at / 2];
        trn_side_t side = at % 2 ? TRN_SIDE_HEAD : TRN_SIDE_TAIL;
        bool head = side == TRN_SIDE_HEAD;
        int64_t row = trn_kg_query_row(&s->header, t->relation, &side);
        l->questions[i] = (question_t){(int32_t)side, head ? t->tail : t->head, (int32_t)row,
                                       head ? t->head : t->tail};
    }
    qsort(l->questions, (size_t)l->now, sizeof *l->questions, by_side);
    l->rows = 0;
    draw_negatives(l);
    for (int64_t i = 0; i < l->now; i++) {
        l->questions[i].known = row_of(l, l->questions[i].known);
        l->questions[i].answer = row_of(l, l->questions[i].answer);
    }
    for (int64_t i = 0; i < l->rows; i++)
        l->row[l->ids[i]] = -1;
}

/* Run `work` on each stretch of questions [first, first + m) that ask for the same side. */
static void by_sides(learner_t *l, int64_t first, int64_t m, bool back) {
    const trn_kg_header_t *h = &l->state->header;
    float **b = l->buffer;
    for (int64_t i = 0, end; i < m; i = end) {
        int32_t side = l->questions[first + i].side;
        for (end = i; end < m && l->questions[first + end].side == side;)
            end++;
        int64_t e = i * l->dim, r = i * l->relation_width;
        if (back)
            h->model->query_back(&h->shape, (trn_side_t)side, end - i, b[CHUNK_KNOWN] + e,
                                 b[CHUNK_RELATION] + r, b[G_QUERY] + e, b[G_KNOWN] + e,
                                 b[G_RELATION] + r);
        else
            h->model->query(&h->shape, (trn_side_t)side, end - i, b[CHUNK_KNOWN] + e,
                            b[CHUNK_RELATION] + r, b[CHUNK_QUERY] + e);
    }
}

/* Scores of m questions from `first` on, and their softmax. */
static void score(learner_t *l, int64_t first, int64_t m) {
    float **b = l->buffer;
    int64_t d = l->dim, w = l->relation_width, n = l->rows;
    for (int64_t i = 0; i < m; i++) {
        const question_t *q = &l->questions[first + i];
        memcpy(b[CHUNK_KNOWN] + i * d, l->encoder->out + q->known * d, (size_t)d * sizeof(float));
        memcpy(b[CHUNK_ANSWER] + i * d, l->encoder->out + q->answer * d, (size_t)d * sizeof(float));
        memcpy(b[CHUNK_RELATION] + i * w, l->state->relation + q->relation * w,
               (size_t)w * sizeof(float));
    }
    by_sides(l, first, m, false);
    trn_compare_rows(l->metric, d, m, b[CHUNK_QUERY], b[CHUNK_ANSWER], b[CHUNK_TRUE]);
    trn_compare(l->metric, d, m, b[CHUNK_QUERY], n, l->encoder->out, NULL, b[SCORES], n);
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < n; j++)
            b[WEIGHTS][i * n + j] = b[SCORES][i * n + j] + b[RARITY][l->ids[j]];
        /* the answer does not compete with itself */
        b[WEIGHTS][i * n + l->questions[first + i].answer] = TRN_KG_MASKED;
    }
    trn_loss_parts(&l->state->options.loss, m, n, b[WEIGHTS], NULL, b[WEIGHTS], l->part);
}

/* The loss; weights become the gradient of the mean over the batch by scores. */
static double weigh(learner_t *l, int64_t first, int64_t m) {
    float **b = l->buffer;
    int64_t n = l->rows;
    double loss = 0, now = (double)l->now;
    for (int64_t i = 0; i < m; i++) {
        double answer = (double)b[CHUNK_TRUE][i];
        trn_softmax_t s =
            trn_loss_softmax((double)l->state->options.loss.weight, answer, &l->part[i]);
        loss += log(s.all) + s.top - answer;
        b[CHUNK_TRUE_BACK][i] = (float)((s.own / s.all - 1) / now);
        b[CHUNK_SCALE][i] = (float)(s.each / (s.all * now));
    }
    trn_scale_rows(m, n, b[CHUNK_SCALE], b[WEIGHTS]);
    for (int64_t i = 0; i < m; i++)
        b[WEIGHTS][i * n + l->questions[first + i].answer] = 0;
    return loss;
}

static void add(int64_t n, const float *from, double *to) {
    for (int64_t j = 0; j < n; j++)
        to[j] += (double)from[j];
}

/* A chunk's part of the gradients of encoded rows, then of relations, then its loss. */
static void chunk_back(void *user, int64_t chunk, double *values) {
    learner_t *l = user;
    float **b = l->buffer;
    int64_t first = trn_part_start(l->now, CHUNKS, chunk), d = l->dim, w = l->relation_width;
    int64_t m = trn_part_start(l->now, CHUNKS, chunk + 1) - first, n = l->rows;
    double *relations = values + l->rows * d;
    memset(values, 0, (size_t)sum_size(l, l->rows) * sizeof *values);
    if (m == 0) return;
    score(l, first, m);
    values[sum_size(l, l->rows) - 1] = weigh(l, first, m);
    memset(b[G_QUERY], 0, (size_t)(m * d) * sizeof(float));
    memset(b[G_ANSWER], 0, (size_t)(m * d) * sizeof(float));
    memset(b[G_CANDIDATE], 0, (size_t)(n * d) * sizeof(float));
    trn_compare_back(l->metric, d, m, b[CHUNK_QUERY], n, l->encoder->out, b[SCORES], b[WEIGHTS], n,
                     b[G_QUERY], b[G_CANDIDATE]);
    trn_compare_rows_back(l->metric, d, m, b[CHUNK_QUERY], b[CHUNK_ANSWER], b[CHUNK_TRUE],
                          b[CHUNK_TRUE_BACK], b[G_QUERY], b[G_ANSWER]);
    by_sides(l, first, m, true);
    add(n * d, b[G_CANDIDATE], values);
    for (int64_t i = 0; i < m; i++) {
        const question_t *q = &l->questions[first + i];
        add(d, b[G_KNOWN] + i * d, values + q->known * d);
        add(d, b[G_ANSWER] + i * d, values + q->answer * d);
        add(w, b[G_RELATION] + i * w, relations + q->relation * w);
    }
}

static void step(learner_t *l) {
    trn_kg_state_t *s = l->state;
    const trn_kg_header_t *h = &s->header;
    double rate = trn_kg_rate(&s->options, s->epoch);
    trn_encoder_step(l->encoder, &s->options, rate, s->step + 1);
    trn_kg_step(&s->options, rate, s->step + 1, l->relation_rows, l->relation_width, s->relation,
                s->moments[1][0], s->moments[1][1], l->buffer[G_ALL_RELATION]);
    if (h->model->normalize_relation)
        h->model->normalize_relation(&h->shape, l->relation_rows, s->relation, NULL);
    s->step++;
}

/* Train on the batch that was drawn; its loss is added. Collective. */
static trn_status_t learn(learner_t *l, double *loss) {
    trn_kg_state_t *s = l->state;
    int64_t size = sum_size(l, l->rows), encoded = l->rows * l->dim;
    TRN_TRY(trn_encoder_forward(l->encoder, l->rows, l->ids, true, s->step));
    TRN_TRY(trn_reduce_tree(s->comm, CHUNKS, size, chunk_back, l, l->sum));
    *loss += l->sum[size - 1];
    if (!isfinite(*loss)) return trn_kg_not_finite(s);
    for (int64_t i = 0; i < encoded; i++)
        l->encoder->back[i] = (float)l->sum[i];
    for (int64_t i = encoded; i < size - 1; i++)
        l->buffer[G_ALL_RELATION][i - encoded] = (float)l->sum[i];
    TRN_TRY(trn_encoder_backward(l->encoder, l->rows));
    step(l);
    return TRN_OK;
}

static trn_status_t epoch(void *self, double *loss) {
    learner_t *l = self;
    trn_kg_state_t *s = l->state;
    for (bool pause = false; s->position < s->span && !pause; trn_watch_tick()) {
        l->now = smaller(l->batch, s->span - s->position);
        draw(l, s->position);
        TRN_TRY(learn(l, &s->loss));
        s->position += l->now;
        pause = trn_kg_pause(s, 0, NULL);
    }
    trn_kg_close_epoch(s, s->span, loss);
    return TRN_OK;
}

static void plan(trn_ledger_t *ledger, const trn_kg_state_t *s, int64_t triples) {
    enum { SPREAD_ROWS = 4096 /* hashes that travel together */ };
    const trn_kg_options_t *o = &s->options;
    learner_t l = {.count = triples};
    int64_t size[BUFFERS], n = s->header.entities, dim = s->header.shape.dim;
    const int64_t number = (int64_t)sizeof(float);
    shape(&l, &s->header, o);
    sizes(&l, n, size);
    int64_t sum = sum_size(&l, l.most_rows);
    trn_encoder_shape_t encoder = shape_of(&s->header, o->nodepiece);
    for (int i = 0; i < BUFFERS; i++)
        trn_ledger_take(ledger, "batch", size[i], number);
    trn_ledger_take(ledger, "batch", l.chunk, (int64_t)sizeof *l.part);
    trn_ledger_take(ledger, "batch", l.batch, (int64_t)sizeof(question_t));
    trn_ledger_take(ledger, "batch", l.most_rows + n, (int64_t)sizeof(int32_t));
    trn_ledger_take(ledger, "gradients", sum, (int64_t)sizeof(double));
    trn_ledger_take(ledger, "triples", triples, (int64_t)sizeof(trn_triple_t));
    trn_encoder_plan(ledger, &encoder, n, l.most_rows, &o->optimiser, s->ranks, s->rank);
    trn_ledger_pass(ledger, "encoder", SPREAD_ROWS * (2 * encoder.nearest + encoder.context),
                    (int64_t)sizeof(int32_t));
    int64_t moments =
        trn_kg_moment_width(o->optimiser, 0, dim) + trn_kg_moment_width(o->optimiser, 1, dim);
    trn_ledger_give(ledger, "optimizer", s->own_blocks * s->rows * moments, number);
    trn_ledger_pass(ledger, "gradients",
                    trn_reduce_bytes((trn_blocks_t){.blocks = CHUNKS}, sum, s->ranks, s->rank), 1);
}

const trn_kg_regime_t trn_kg_nodepiece = {"nodepiece", create, destroy, epoch, plan};
