/* kg_batch_step.c: from the gradients of queries to a step of entities and relations. */
#include "algo/kg/train/kg_batch.h"

#include "algo/kg/train/kg_batch_impl.h"

#include <string.h>

/* What was dropped has no gradient, what was not was raised. */
static void keep(double probability, int64_t width, const uint8_t *kept, float *g) {
    float by = (float)(1 / (1 - probability));
    for (int64_t k = 0; k < width; k++)
        g[k] = kept[k] ? g[k] * by : 0;
}

static void finish_rows(trn_kg_batch_t *b, int64_t low, int64_t high) {
    const trn_kg_options_t *o = &b->state->options;
    int64_t d = b->dim, rw = b->relation_width;
    for (int64_t i = low; i < high; i++) {
        int64_t answer = (b->epoch.now + i) * d;
        const trn_kg_rows_t v = {b->v.rows + i * d, b->v.relation + i * rw,
                                 b->epoch.single ? b->v.rows + answer : NULL};
        const trn_kg_rows_t g = {b->g.rows + i * d, b->g.relation + i * rw,
                                 b->epoch.single ? b->g.rows + answer : NULL};
        trn_kg_regularise(b->state, b->epoch.now, &v, &g);
        if (o->entity_dropout > 0 || o->relation_dropout > 0) {
            keep(o->entity_dropout, d, b->v.kept + i * (d + rw), b->g.rows + i * d);
            keep(o->relation_dropout, rw, b->v.kept + i * (d + rw) + d, b->g.relation + i * rw);
        }
    }
}

void trn_kg_batch_back(trn_kg_batch_t *b, int64_t low, int64_t high) {
    const trn_kg_state_t *s = b->state;
    const trn_model_t *model = s->header.model;
    const trn_model_shape_t *at = &s->header.shape;
    int64_t d = b->dim, rw = b->relation_width, w = b->width;
    for (int64_t p = 0; p < b->epoch.pieces; p++) {
        int64_t i = b->epoch.piece[p].start, n = b->epoch.piece[p].end - i;
        if (i < low || i >= high) continue;
        const trn_kg_labeled_t *q = &b->epoch.query[b->epoch.pick[i]];
        float *g_known = (model->project ? b->g.projected : b->g.rows) + i * w;
        model->query_back(at, (trn_side_t)q->side, n, b->v.known + i * w, b->v.relation + i * rw,
                          b->g.query + i * w, g_known, b->g.relation + i * rw);
        if (!model->project) continue;
        const float *second = b->exchange.second[p];
        float *g_second = b->exchange.g_second + p * b->second_width;
        for (int64_t j = i; j < b->each * b->epoch.now; j += b->epoch.now) {
            memset(b->g.rows + j * d, 0, (size_t)(n * d) * sizeof(float));
            model->project_back(at, second, n, b->v.rows + j * d, b->g.projected + j * w,
                                b->g.rows + j * d, g_second);
        }
    }
    finish_rows(b, low, high);
}

static void add(int64_t n, const float *restrict from, float *restrict to) {
    for (int64_t j = 0; j < n; j++)
        to[j] += from[j];
}

/* Step `count` rows from row `at` on of part 0 (entities), 1 (relations) or 2 (second rows). */
static void step_rows(const trn_kg_batch_t *b, int part, int64_t at, int64_t count,
                      const float *g) {
    trn_kg_state_t *s = b->state;
    const trn_kg_header_t *h = &s->header;
    const int64_t widths[3] = {b->dim, b->relation_width, b->second_width};
    int64_t width = widths[part];
    float *values[3] = {s->entity, s->relation, s->second}, *moment[2];
    for (int i = 0; i < 2; i++) {
        int64_t wide = trn_kg_moment_width(s->options.optimiser, i, width);
        moment[i] = wide > 0 ? s->moments[part][i] + at * wide : NULL;
    }
    trn_kg_step(&s->options, trn_kg_rate(&s->options, s->epoch), s->step + 1, count, width,
                values[part] + at * width, moment[0], moment[1], g);
    if (part == 0 && s->options.unit_entities && h->model->normalize_entity)
        h->model->normalize_entity(&h->shape, count, values[0] + at * width);
}

/* Gradients of rows of one part: item i is of row place(i) (-1: of another rank's). */
typedef struct items {
    int part;
    int64_t count, width;
    int32_t *head; /* [rows], all -1 */
    int64_t (*place)(const trn_kg_batch_t *, int64_t i);
    const float *(*row)(const trn_kg_batch_t *, const float *const *g_drawn, int64_t i);
} items_t;

/* Step every row by the sum of its items in ascending order, which lists bring together. */
static void step_items(trn_kg_batch_t *b, const items_t *items, const float *const *g_drawn) {
    for (int64_t i = items->count - 1; i >= 0; i--) {
        int64_t place = items->place(b, i);
        if (place < 0) continue;
        b->lists.next[i] = items->head[place];
        items->head[place] = (int32_t)i;
    }
    for (int64_t i = 0; i < items->count; i++) {
        int64_t place = items->place(b, i);
        if (place < 0 || items->head[place] != i) continue;
        const float *g = items->row(b, g_drawn, i);
        if (b->lists.next[i] >= 0) {
            memcpy(b->lists.sum, g, (size_t)items->width * sizeof(float));
            for (int32_t j = b->lists.next[i]; j >= 0; j = b->lists.next[j])
                add(items->width, items->row(b, g_drawn, j), b->lists.sum);
            g = b->lists.sum;
        }
        step_rows(b, items->part, place, 1, g);
        items->head[place] = -1;
    }
}

static int64_t relation_place(const trn_kg_batch_t *b, int64_t i) {
    return b->epoch.query[b->epoch.pick[i]].relation;
}

static int64_t second_place(const trn_kg_batch_t *b, int64_t i) {
    int64_t relation = relation_place(b, b->epoch.piece[i].start),
            own = relation - b->state->first_second;
    return own >= 0 && own < b->state->own_second ? own : -1;
}

/* Row `i` of `from`, as the rank that trained `question` has made it. */
static const float *made(const trn_kg_batch_t *b, int64_t question, const float *from, int64_t i,
                         int64_t width) {
    return trn_kg_window_of(&b->exchange.window, trn_kg_batch_maker(b, question), from + i * width);
}

static const float *relation_row(const trn_kg_batch_t *b, const float *const *g_drawn, int64_t i) {
    (void)g_drawn;
    return made(b, i, b->g.relation, i, b->relation_width);
}

static const float *second_row(const trn_kg_batch_t *b, const float *const *g_drawn, int64_t i) {
    (void)g_drawn;
    return b->exchange.g_second + i * b->second_width;
}

static int64_t entity_place(const trn_kg_batch_t *b, int64_t i) {
    return b->exchange.place[i];
}

static const float *entity_row(const trn_kg_batch_t *b, const float *const *g_drawn, int64_t i) {
    int64_t count = b->each * b->epoch.now;
    if (i >= count) return g_drawn[i - count];
    return made(b, i % b->epoch.now, b->g.rows, i, b->dim);
}

static void step_relations(trn_kg_batch_t *b) {
    const trn_kg_header_t *h = &b->state->header;
    int32_t *head = b->lists.head + b->state->own_blocks * b->state->rows;
    const items_t second = {2, b->epoch.pieces, b->second_width, head, second_place, second_row};
    const items_t first = {1, b->epoch.now, b->relation_width, head, relation_place, relation_row};
    if (b->second_width > 0) step_items(b, &second, NULL);
    step_items(b, &first, NULL);
    if (!h->model->normalize_relation) return;
    for (int64_t i = 0, last = -1; i < b->epoch.now;
         i++) { /* in the order of relations, or twice it */
        int64_t r = relation_place(b, i);
        float *row = trn_kg_own_second(b->state, b->state->second, b->second_width, r);
        if (r != last)
            h->model->normalize_relation(&h->shape, 1, b->state->relation + r * b->relation_width,
                                         row);
        last = r;
    }
}

static void step_dense(trn_kg_batch_t *b, int64_t count, float *dense) {
    const trn_kg_state_t *s = b->state;
    for (int64_t i = 0; i < count; i++) {
        int64_t place = b->exchange.place[i];
        if (place >= 0) add(b->dim, entity_row(b, NULL, i), dense + place * b->dim);
    }
    for (int64_t block = 0; block < s->own_blocks; block++) { /* without its padding */
        int64_t rows = (s->header.entities - s->first_block - block + s->blocks - 1) / s->blocks;
        step_rows(b, 0, block * s->rows, rows, dense + block * s->rows * b->dim);
    }
    memset(dense, 0, (size_t)(s->own_blocks * s->rows * b->dim) * sizeof(float));
}

void trn_kg_batch_step(trn_kg_batch_t *b, const float *const *g_drawn, float *dense) {
    int64_t count = b->each * b->epoch.now;
    const items_t entities = {
        0, count + b->draws.count, b->dim, b->lists.head, entity_place, entity_row};
    step_relations(b);
    if (dense)
        step_dense(b, count, dense);
    else
        step_items(b, &entities, g_drawn);
    b->state->step++;
}
