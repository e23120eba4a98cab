#include "algo/kg/buckets/kg_pair.h"

#include "base/mem.h"
#include "base/rng.h"
#include "kern/dense/blas.h"
#include "kern/train/descent.h"
#include "mpi/dist.h"
#include "mpi/watch.h"

#include <string.h>

enum {
    CHUNK = 256, /* questions that are scored together */
    GUESTS = 8   /* for each negative of a batch */
};

/* One question; entities by number among the batch's (`entity` below). */
typedef struct question {
    int32_t known, relation, answer;
} question_t;

enum buffer {
    KNOWN,     /* [batch x dim] */
    ANSWER,    /* [batch x dim] */
    DRAWN,     /* [negatives x dim] */
    RELATION,  /* [batch x relation width] */
    QUERY,     /* [batch x width] */
    G_KNOWN,   /* gradients of these */
    G_ANSWER,  /*                    */
    G_REL,     /*                    */
    G_QUERY,   /*                    */
    TRUE,      /* [batch]: score of the answer */
    TRUE_BACK, /* [batch]: its weight in the loss's gradient */
    SCORES,    /* [chunk x negatives] */
    WEIGHTS,   /* the same; not for products, whose gradients need no scores */
    SCALE,     /* [chunk]: factor of a row of them */
    G_ENTITY,  /* [2 batch + negatives x dim]: the drawn ones first */
    G_ALL_REL, /* [relation rows x relation width] */
    BUFFERS
};

typedef struct trn_kg_pair_room {
    const trn_kg_state_t *state;
    int64_t dim, width, relation_width, relations, batch, most; /* negatives, at most */
    trn_metric_t metric;
    float *buffer[BUFFERS];
    question_t *questions;
    trn_loss_part_t *part; /* [chunk] */
    int32_t *entity;       /* [2 batch + most]: rows of the two blocks, one behind the other */
    int32_t *number;       /* [2 rows]: place in `entity`, or -1 */
    int32_t *turned;       /* [batch]: relations with a gradient */
    int32_t *guest;        /* [guests]: those of the task that are not of its blocks */
    /* Of the batch at work: */
    const trn_kg_task_t *task;
    int64_t strangers; /* guests to choose from */
    int64_t now, tails, negatives, guests, entities, relations_now;
} room_t;

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static void shape(room_t *r, const trn_kg_state_t *s) {
    const trn_kg_header_t *h = &s->header;
    r->state = s;
    r->dim = h->shape.dim;
    r->width = h->model->query_width(&h->shape);
    r->relation_width = h->model->relation_width(&h->shape);
    r->relations = trn_kg_relation_rows(h);
    r->metric = h->model->metric(&h->shape);
    r->batch = s->options.batch;
    r->most = smaller(s->options.negatives, s->header.entities);
}

int64_t trn_kg_pair_guests(const trn_kg_state_t *s) {
    return s->blocks > 2 ? smaller(GUESTS * s->options.negatives, s->header.entities) : 0;
}

static void sizes(const room_t *r, int64_t size[BUFFERS]) {
    size[KNOWN] = size[G_KNOWN] = size[ANSWER] = size[G_ANSWER] = r->batch * r->dim;
    size[DRAWN] = r->most * r->dim;
    size[RELATION] = size[G_REL] = r->batch * r->relation_width;
    size[QUERY] = size[G_QUERY] = r->batch * r->width;
    size[TRUE] = size[TRUE_BACK] = r->batch;
    size[SCORES] = CHUNK * r->most;
    size[WEIGHTS] = r->metric == TRN_METRIC_DOT ? 0 : CHUNK * r->most;
    size[SCALE] = CHUNK;
    size[G_ENTITY] = (2 * r->batch + r->most) * r->dim;
    size[G_ALL_REL] = r->relations * r->relation_width;
}

static void copy_widths(const room_t *r, int64_t width[TRN_KG_PARTS]) {
    width[0] = r->relation_width;
    for (int i = 1; i < TRN_KG_PARTS; i++)
        width[i] = trn_kg_moment_width(r->state->options.optimiser, i - 1, r->relation_width);
}

void trn_kg_pair_plan(trn_ledger_t *ledger, const trn_kg_state_t *state) {
    room_t r = {0};
    int64_t size[BUFFERS], width[TRN_KG_PARTS];
    const int64_t number = (int64_t)sizeof(float);
    shape(&r, state);
    sizes(&r, size);
    copy_widths(&r, width);
    for (int i = 0; i < BUFFERS; i++)
        trn_ledger_take(ledger, "batch", size[i], number);
    for (int i = 0; i < TRN_KG_PARTS; i++)
        trn_ledger_take(ledger, "batch", r.relations * width[i], number);
    trn_ledger_take(ledger, "batch", CHUNK, (int64_t)sizeof(trn_loss_part_t));
    trn_ledger_take(ledger, "batch", r.batch, (int64_t)sizeof(question_t));
    trn_ledger_take(ledger, "batch",
                    3 * r.batch + r.most + 2 * state->rows + trn_kg_pair_guests(state), number);
    trn_ledger_take(ledger, "batch", r.relations, 1);
    trn_ledger_take(ledger, "libraries", trn_blas_bytes(number, CHUNK, r.width), 1);
}

trn_status_t trn_kg_pair_create(trn_kg_pairing_t *p, const trn_kg_state_t *state) {
    int64_t size[BUFFERS];
    *p = (trn_kg_pairing_t){0};
    TRN_TRY(trn_alloc_zero(&p->room, 1, sizeof *p->room, "the trainer"));
    room_t *r = p->room;
    shape(r, state);
    sizes(r, size);
    copy_widths(r, p->relation.width);
    for (int i = 0; i < BUFFERS; i++)
        TRN_TRY(trn_alloc_zero(&r->buffer[i], size[i], sizeof(float), "a batch of training"));
    for (int i = 0; i < TRN_KG_PARTS; i++)
        TRN_TRY(trn_alloc(&p->relation.part[i], r->relations * p->relation.width[i], sizeof(float),
                          "relations of a pair"));
    TRN_TRY(trn_alloc_zero(&p->touched, r->relations, 1, "marks of relations"));
    TRN_TRY(trn_alloc(&r->part, CHUNK, sizeof *r->part, "parts of the loss"));
    TRN_TRY(trn_alloc(&r->questions, r->batch, sizeof *r->questions, "questions"));
    TRN_TRY(trn_alloc(&r->entity, 2 * r->batch + r->most, sizeof *r->entity, "a batch's entities"));
    TRN_TRY(trn_alloc(&r->turned, r->batch, sizeof *r->turned, "a batch's relations"));
    TRN_TRY(trn_alloc(&r->guest, trn_kg_pair_guests(state), sizeof *r->guest, "guests"));
    TRN_TRY(trn_alloc(&r->number, 2 * state->rows, sizeof *r->number, "a batch's entities"));
    for (int64_t i = 0; i < 2 * state->rows; i++)
        r->number[i] = -1;
    return TRN_OK;
}

void trn_kg_pair_free(trn_kg_pairing_t *p) {
    room_t *r = p->room;
    for (int i = 0; r && i < BUFFERS; i++)
        trn_free(&r->buffer[i]);
    for (int i = 0; i < TRN_KG_PARTS; i++)
        trn_free(&p->relation.part[i]);
    trn_free(&p->touched);
    if (r) {
        trn_free(&r->part);
        trn_free(&r->questions);
        trn_free(&r->entity);
        trn_free(&r->turned);
        trn_free(&r->guest);
        trn_free(&r->number);
    }
    trn_free(&p->room);
}

/* Part of a row of the two blocks, which stand as if one behind the other. */
static float *row_part(const room_t *r, int part, int64_t row, int64_t width) {
    int64_t rows = r->state->rows, second = row >= rows;
    float *values = r->task->part[second][part];
    return values ? values + (row - second * rows) * width : NULL;
}

/* The number of an entity's row among the batch's, given now if it has none. */
static int32_t intern(room_t *r, int64_t row) {
    if (r->number[row] < 0) {
        r->number[row] = (int32_t)r->entities;
        r->entity[r->entities++] = (int32_t)row;
    }
    return r->number[row];
}

static int32_t intern_entity(room_t *r, int64_t entity) {
    const trn_kg_state_t *s = r->state;
    int64_t second = entity % s->blocks != r->task->block[0];
    return intern(r, second * s->rows + entity / s->blocks);
}

static uint64_t drawn_key(const room_t *r, int64_t first, trn_rng_stream_t stream) {
    const trn_kg_state_t *s = r->state;
    uint32_t words[4];
    trn_rng_words(s->options.seed, r->task->bucket, (uint32_t)first, (uint32_t)s->epoch, stream,
                  words);
    return (uint64_t)words[0] << 32 | words[1];
}

/* Rivals, all different: entities of the blocks, which learn, and guests in the share that drawing
 * from the whole graph would give them, but at most half. */
static void draw_rivals(room_t *r, int64_t first) {
    const trn_kg_state_t *s = r->state;
    const trn_kg_task_t *task = r->task;
    uint64_t key = drawn_key(r, first, TRN_RNG_KG_RESIDENT);
    int64_t all = task->size[0] + task->size[1], entities = s->header.entities;
    double share = (double)(entities - all) / (double)entities;
    r->guests = smaller((int64_t)((double)r->most * (share < 0.5 ? share : 0.5)), r->strangers);
    r->negatives = smaller(r->most - r->guests, all);
    for (int64_t j = 0; j < r->negatives; j++) {
        int64_t at = trn_rng_permuted(key, all, j);
        intern(r, at < task->size[0] ? at : s->rows + at - task->size[0]);
    }
    float *to = r->buffer[DRAWN] + r->negatives * r->dim;
    for (int64_t j = 0; j < r->guests; j++, to += r->dim) {
        int64_t at = r->guest[trn_rng_permuted(~key, r->strangers, j)];
        memcpy(to, task->guest_value + at * r->dim, (size_t)r->dim * sizeof *to);
    }
}

/* Rivals, and questions [first, first + now) of the order: two for each triple, for
 * its tail and its head; those of one side stand together. */
static void draw(room_t *r, int64_t first, uint64_t order) {
    const trn_kg_state_t *s = r->state;
    const trn_kg_task_t *task = r->task;
    int64_t head = r->now;
    r->entities = r->tails = 0;
    draw_rivals(r, first);
    for (int64_t i = first; i < first + r->now; i++) {
        const trn_triple_t *t = &task->triples[trn_rng_permuted(order, task->count, i / 2)];
        trn_side_t side = i % 2 ? TRN_SIDE_HEAD : TRN_SIDE_TAIL;
        bool of_head = side == TRN_SIDE_HEAD;
        int64_t relation = trn_kg_query_row(&s->header, t->relation, &side);
        question_t *q = &r->questions[side == TRN_SIDE_TAIL ? r->tails++ : --head];
        q->known = intern_entity(r, of_head ? t->tail : t->head);
        q->answer = intern_entity(r, of_head ? t->head : t->tail);
        q->relation = (int32_t)relation;
    }
}

static void fetch(const room_t *r, int32_t number, float *to) {
    memcpy(to, row_part(r, 0, r->entity[number], r->dim), (size_t)r->dim * sizeof *to);
}

/* Values of everything in the batch, and its queries. */
static void prepare(const trn_kg_pairing_t *p) {
    const room_t *r = p->room;
    const trn_kg_header_t *h = &r->state->header;
    float *const *b = r->buffer;
    int64_t d = r->dim, rw = r->relation_width;
    for (int64_t j = 0; j < r->negatives; j++)
        fetch(r, (int32_t)j, b[DRAWN] + j * d);
    for (int64_t i = 0; i < r->now; i++) {
        const question_t *q = &r->questions[i];
        fetch(r, q->known, b[KNOWN] + i * d);
        fetch(r, q->answer, b[ANSWER] + i * d);
        memcpy(b[RELATION] + i * rw, p->relation.part[0] + q->relation * rw,
               (size_t)rw * sizeof(float));
    }
    int64_t n = r->tails, w = r->width;
    h->model->query(&h->shape, TRN_SIDE_TAIL, n, b[KNOWN], b[RELATION], b[QUERY]);
    h->model->query(&h->shape, TRN_SIDE_HEAD, r->now - n, b[KNOWN] + n * d, b[RELATION] + n * rw,
                    b[QUERY] + n * w);
    trn_compare_rows(r->metric, w, r->now, b[QUERY], b[ANSWER], b[TRUE]);
}

/* Scores of `m` questions from `first` on, their loss, and the gradients of queries and negatives.
 */
static double learn_chunk(room_t *r, int64_t first, int64_t m) {
    float **b = r->buffer, *query = b[QUERY] + first * r->width;
    float *powers = b[r->metric == TRN_METRIC_DOT ? SCORES : WEIGHTS];
    int64_t own = r->negatives, n = own + r->guests;
    trn_loss_t loss = r->state->options.loss; /* its weight is for as many as were asked for */
    loss.weight *= (float)r->state->options.negatives / (float)n;
    double cost = 0;
    trn_compare(r->metric, r->width, m, query, n, b[DRAWN], NULL, b[SCORES], n);
    for (int64_t i = 0; i < m; i++) {
        int32_t answer = r->questions[first + i].answer;
        if (answer < own) b[SCORES][i * n + answer] = TRN_KG_MASKED;
    }
    trn_loss_parts(&loss, m, n, b[SCORES], b[TRUE] + first, powers, r->part);
    for (int64_t i = 0; i < m; i++) {
        double scale, right, answer = (double)b[TRUE][first + i];
        cost += trn_loss_close(&loss, n, answer, &r->part[i], &scale, &right);
        b[SCALE][i] = (float)(scale / (double)r->now);
        b[TRUE_BACK][first + i] = (float)(right / (double)r->now);
    }
    trn_scale_rows(m, n, b[SCALE], powers);
    float *gradient = b[G_QUERY] + first * r->width;
    trn_compare_back(r->metric, r->width, m, query, own, b[DRAWN], b[SCORES], powers, n, gradient,
                     b[G_ENTITY]);
    trn_compare_back(r->metric, r->width, m, query, r->guests, b[DRAWN] + own * r->width,
                     b[SCORES] + own, powers + own, n, gradient, NULL);
    return cost;
}

static void add(int64_t n, const float *from, float *to) {
    for (int64_t j = 0; j < n; j++)
        to[j] += from[j];
}

/* From the queries' gradients to those of the rows they were made of. */
static void back(trn_kg_pairing_t *p) {
    room_t *r = p->room;
    const trn_kg_header_t *h = &r->state->header;
    float **b = r->buffer;
    int64_t d = r->dim, rw = r->relation_width, w = r->width, n = r->tails;
    /* An entity is a rival only to questions of its own pairs, where guests take a share of the
     * loss and learn nothing; so those who do learn are pushed for the guests too. */
    float scale = (float)(r->negatives + r->guests) / (float)r->negatives;
    for (int64_t i = 0; r->guests > 0 && i < r->negatives * d; i++)
        b[G_ENTITY][i] *= scale;
    memset(b[G_ANSWER], 0, (size_t)(r->now * d) * sizeof(float));
    trn_compare_rows_back(r->metric, w, r->now, b[QUERY], b[ANSWER], b[TRUE], b[TRUE_BACK],
                          b[G_QUERY], b[G_ANSWER]);
    h->model->query_back(&h->shape, TRN_SIDE_TAIL, n, b[KNOWN], b[RELATION], b[G_QUERY], b[G_KNOWN],
                         b[G_REL]);
    h->model->query_back(&h->shape, TRN_SIDE_HEAD, r->now - n, b[KNOWN] + n * d,
                         b[RELATION] + n * rw, b[G_QUERY] + n * w, b[G_KNOWN] + n * d,
                         b[G_REL] + n * rw);
    r->relations_now = 0;
    for (int64_t i = 0; i < r->now; i++) {
        const question_t *q = &r->questions[i];
        const trn_kg_rows_t v = {b[KNOWN] + i * d, b[RELATION] + i * rw, b[ANSWER] + i * d};
        const trn_kg_rows_t g = {b[G_KNOWN] + i * d, b[G_REL] + i * rw, b[G_ANSWER] + i * d};
        trn_kg_regularise(r->state, r->now, &v, &g);
        add(d, b[G_KNOWN] + i * d, b[G_ENTITY] + q->known * d);
        add(d, b[G_ANSWER] + i * d, b[G_ENTITY] + q->answer * d);
        add(rw, b[G_REL] + i * rw, b[G_ALL_REL] + q->relation * rw);
        if (p->touched[q->relation] < 2) r->turned[r->relations_now++] = q->relation;
        p->touched[q->relation] = 2; /* in this batch */
    }
}

/* One step of everything that has a gradient; gradients to 0. Relations are not put back where the
 * model wants them before their copies are together: a phase that wraps would tear them apart. */
static void step(trn_kg_pairing_t *p) {
    room_t *r = p->room;
    const trn_kg_state_t *s = r->state;
    const trn_kg_header_t *h = &s->header;
    double rate = trn_kg_rate(&s->options, s->epoch);
    int64_t number = s->step + p->batches + 1, d = r->dim, rw = r->relation_width;
    int64_t width[2] = {trn_kg_moment_width(s->options.optimiser, 0, d),
                        trn_kg_moment_width(s->options.optimiser, 1, d)};
    for (int64_t i = 0; i < r->entities; i++) {
        int64_t row = r->entity[i];
        float *values = row_part(r, 0, row, d);
        trn_kg_step(&s->options, rate, number, 1, d, values, row_part(r, 1, row, width[0]),
                    row_part(r, 2, row, width[1]), r->buffer[G_ENTITY] + i * d);
        if (s->options.unit_entities && h->model->normalize_entity)
            h->model->normalize_entity(&h->shape, 1, values);
        r->number[row] = -1;
    }
    memset(r->buffer[G_ENTITY], 0, (size_t)(r->entities * d) * sizeof(float));
    for (int64_t i = 0; i < r->relations_now; i++) {
        int64_t row = r->turned[i];
        const trn_kg_copy_t *c = &p->relation;
        float *gradient = r->buffer[G_ALL_REL] + row * rw;
        trn_kg_step(&s->options, rate, number, 1, rw, c->part[0] + row * rw,
                    c->part[1] + row * c->width[1], c->part[2] + row * c->width[2], gradient);
        memset(gradient, 0, (size_t)rw * sizeof *gradient);
        p->touched[row] = 1;
    }
}

void trn_kg_pair_learn(trn_kg_pairing_t *p, const trn_kg_task_t *task) {
    room_t *r = p->room;
    const trn_kg_state_t *s = r->state;
    const float *relation[TRN_KG_PARTS] = {s->relation, s->moments[1][0], s->moments[1][1]};
    for (int i = 0; i < TRN_KG_PARTS; i++)
        if (p->relation.width[i] > 0)
            memcpy(p->relation.part[i], relation[i],
                   (size_t)(r->relations * p->relation.width[i]) * sizeof(float));
    memset(p->touched, 0, (size_t)r->relations);
    p->loss = 0;
    p->batches = 0;
    r->task = task;
    r->strangers = 0;
    for (int64_t i = 0; i < task->guests; i++) {
        int64_t block = task->guest[i] % s->blocks;
        if (block != task->block[0] && block != task->block[1])
            r->guest[r->strangers++] = (int32_t)i;
    }
    uint64_t order = drawn_key(r, 0, TRN_RNG_KG_PAIR);
    int64_t sweeps = s->options.sweeps;
    int64_t first = 2 * trn_part_start(task->count, sweeps, task->sweep);
    int64_t end = 2 * trn_part_start(task->count, sweeps, task->sweep + 1);
    for (; first < end; first += r->batch, p->batches++) {
        r->now = smaller(r->batch, end - first);
        draw(r, first, order);
        prepare(p);
        memset(r->buffer[G_QUERY], 0, (size_t)(r->now * r->width) * sizeof(float));
        for (int64_t i = 0; i < r->now; i += CHUNK)
            p->loss += learn_chunk(r, i, smaller(CHUNK, r->now - i));
        back(p);
        step(p);
        trn_watch_tick();
    }
}
