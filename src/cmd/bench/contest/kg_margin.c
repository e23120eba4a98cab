#include "cmd/bench/contest/kg_margin.h"
#include "base/mem.h"
#include "cmd/bench/contest/kg_margin_impl.h"
#include "kern/dense/gemm.h"
#include "kern/train/turn.h"

#include <math.h>
#include <string.h>

enum { LINE = 64 /* bytes of a cache line */, AHEAD = 2 /* pairs whose rows are fetched early */ };

static int64_t most(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* Hand out parts of a room that start at cache lines; with room NULL only counts. */
static float *part(float *room, int64_t *used, int64_t floats) {
    float *at = room ? room + *used : NULL;
    *used += (floats + 15) / 16 * 16;
    return at;
}

static int64_t lay_out(trn_kg_margin_t *m, float *room) {
    const trn_kg_margin_rule_t *rule = &m->rule;
    int64_t used = 0, dim = rule->shape.dim, image = rule->model->query_width(&rule->shape);
    m->gr = part(room, &used, rule->relation.width);
    m->gs = part(room, &used, rule->second.width);
    m->seen = part(room, &used, dim);
    for (int i = 0; i < 3; i++)
        m->apart[i] = part(room, &used, dim);
    for (int i = 0; i < 3 && rule->model->form == TRN_FORM_MATRIX; i++)
        m->block[i] = part(room, &used, 2 * TRN_KG_MARGIN_BLOCK * (i == 1 ? image : dim));
    for (int i = 0; i < 6; i++)
        m->plain[i] = part(room, &used, 2 * most(rule->relation.width, most(dim, image)));
    return used;
}

trn_status_t trn_kg_margin_create(trn_kg_margin_t **margin, const trn_kg_margin_rule_t *rule,
                                  int64_t batch) {
    trn_kg_margin_t *m = NULL;
    TRN_TRY(trn_alloc_zero(&m, 1, sizeof *m, "a margin step"));
    *margin = m;
    m->rule = *rule;
    m->kernels = trn_triple_kernels();
    if (!rule->plain)
        m->kernel = m->kernels->pair[rule->model->form][rule->model->metric(&rule->shape)];
    int64_t n = rule->entity.rows, floats = lay_out(m, NULL);
    trn_status_t status =
        trn_alloc_zero(&m->gradient, n * rule->entity.width, sizeof *m->gradient, "gradients");
    if (status == TRN_OK) status = trn_alloc_zero(&m->touched, n, 1, "marks of entities");
    if (status == TRN_OK)
        status = trn_alloc(&m->start, rule->relation.rows + 1, sizeof *m->start, "relations");
    if (status == TRN_OK) status = trn_alloc(&m->order, batch, sizeof *m->order, "a batch");
    if (status == TRN_OK) status = trn_alloc_zero(&m->room, floats, sizeof *m->room, "a pair");
    if (status != TRN_OK) {
        trn_kg_margin_destroy(margin);
        return status;
    }
    lay_out(m, m->room);
    return TRN_OK;
}

void trn_kg_margin_destroy(trn_kg_margin_t **margin) {
    if (!*margin) return;
    trn_free(&(*margin)->gradient);
    trn_free(&(*margin)->touched);
    trn_free(&(*margin)->start);
    trn_free(&(*margin)->order);
    trn_free(&(*margin)->room);
    trn_free(margin);
}

/* Places of pairs by relation, in the batch's order within one (counting sort). Afterwards those of
 * relation r end at start[r]. */
static void sort(trn_kg_margin_t *m, int64_t count, const trn_kg_pair_t *pairs) {
    int64_t relations = m->rule.relation.rows;
    memset(m->start, 0, (size_t)(relations + 1) * sizeof *m->start);
    for (int64_t i = 0; i < count; i++)
        m->start[pairs[i].triple.relation + 1]++;
    for (int64_t r = 0; r < relations; r++)
        m->start[r + 1] += m->start[r];
    for (int64_t i = 0; i < count; i++)
        m->order[m->start[pairs[i].triple.relation]++] = (int32_t)i;
}

/* The entities of a pair as kern/triple.h sees them: shared, right, replacing. */
static void entities(const trn_kg_pair_t *pair, int64_t e[3]) {
    bool tail = pair->side == TRN_SIDE_TAIL;
    e[0] = tail ? pair->triple.head : pair->triple.tail;
    e[1] = tail ? pair->triple.tail : pair->triple.head;
    e[2] = pair->other;
}

static void fetch(const trn_kg_margin_t *m, const trn_kg_pair_t *pair) {
    int64_t e[3], dim = m->rule.shape.dim;
    entities(pair, e);
    for (int i = 0; i < 3; i++) {
        const float *value = m->rule.entity.values + e[i] * dim;
        float *gradient = m->gradient + e[i] * dim;
        for (int64_t k = 0; k < dim; k += LINE / (int)sizeof *value) {
            __builtin_prefetch(value + k, 0);
            __builtin_prefetch(gradient + k, 1);
        }
    }
}

/* Rows of a pair; gradients of entities that coincide go to rows of their own meanwhile (true). */
static bool rows(trn_kg_margin_t *m, const trn_kg_pair_t *pair, trn_pair_t *p) {
    int64_t e[3], dim = m->rule.shape.dim;
    entities(pair, e);
    const float *values = m->rule.entity.values;
    p->sign = pair->side == TRN_SIDE_TAIL ? 1 : -1;
    p->a = values + e[0] * dim;
    p->b = values + e[1] * dim;
    p->o = values + e[2] * dim;
    p->ga = m->gradient + e[0] * dim;
    p->gb = m->gradient + e[1] * dim;
    p->go = m->gradient + e[2] * dim;
    for (int i = 0; i < 3; i++)
        m->touched[e[i]] = 1;
    bool apart = e[0] == e[1] || e[0] == e[2] || e[1] == e[2];
    if (apart) {
        for (int i = 0; i < 3; i++)
            memset(m->apart[i], 0, (size_t)dim * sizeof(float));
        p->ga = m->apart[0];
        p->gb = m->apart[1];
        p->go = m->apart[2];
    }
    return apart;
}

static void join(trn_kg_margin_t *m, const trn_kg_pair_t *pair) {
    int64_t e[3], dim = m->rule.shape.dim;
    entities(pair, e);
    for (int i = 0; i < 3; i++)
        for (int64_t k = 0; k < dim; k++)
            m->gradient[e[i] * dim + k] += m->apart[i][k];
}

static float dot(int64_t width, const float *a, const float *b) {
    return trn_compare_kernels()->sum[TRN_METRIC_DOT](width, a, b);
}

/* 1 / |w|, or 0. */
static float inverse_length(int64_t width, const float *w) {
    float square = dot(width, w, w);
    return square > 0 ? 1 / sqrtf(square) : 0;
}

/* What all pairs of a relation need, and its gradients set to 0. */
static void begin(trn_kg_margin_t *m, const float *r, const float *second) {
    int64_t dim = m->rule.shape.dim;
    memset(m->gr, 0, (size_t)m->rule.relation.width * sizeof *m->gr);
    memset(m->gs, 0, (size_t)m->rule.second.width * sizeof *m->gs);
    if (m->kernel && m->rule.model->form == TRN_FORM_TURN)
        trn_turn_kernels()->angles(dim / 2, r, m->seen);
    if (m->kernel && m->rule.model->form == TRN_FORM_PLANE) {
        float inverse = inverse_length(dim, second);
        for (int64_t k = 0; k < dim; k++)
            m->seen[k] = second[k] * inverse;
    }
}

/* Of the gradient to u = w / |w|, w gets what is across u, over |w|. */
static void through_length(trn_kg_margin_t *m, const float *w) {
    int64_t dim = m->rule.shape.dim;
    float inverse = inverse_length(dim, w), along = dot(dim, m->seen, m->gs);
    for (int64_t k = 0; k < dim; k++)
        m->gs[k] = (m->gs[k] - along * m->seen[k]) * inverse;
}

/* Pairs order[0 .. count) of one relation, one by one. */
static double one_by_one(trn_kg_margin_t *m, int64_t count, const int32_t *order, int64_t ready,
                         const trn_kg_pair_t *pairs, const float *r) {
    bool seen = m->rule.model->form == TRN_FORM_TURN;
    trn_pair_t p = {.r = seen ? m->seen : r, .gr = m->gr, .u = m->seen, .gu = m->gs};
    float margin = (float)m->rule.margin;
    double loss = 0;
    for (int64_t i = 0; i < count; i++) {
        if (i + AHEAD < ready) fetch(m, pairs + order[i + AHEAD]);
        const trn_kg_pair_t *pair = pairs + order[i];
        bool apart = rows(m, pair, &p);
        loss += (double)m->kernel(m->rule.shape.dim, margin, m->weight, &p);
        if (apart) join(m, pair);
    }
    return loss;
}

/* The same for TransR, `count` at most a block: as M is linear, M (a - b) and M (a - o) are all
 * that the scores need. */
static double as_block(trn_kg_margin_t *m, int64_t count, const int32_t *order,
                       const trn_kg_pair_t *pairs, const float *r, const float *matrix) {
    int64_t d = m->rule.shape.dim, k = m->rule.shape.relation_dim, n = 2 * count;
    trn_metric_t metric = m->rule.model->metric(&m->rule.shape);
    float *y = m->block[0], *image = m->block[1], *gy = m->block[2];
    trn_pair_t p;
    double loss = 0;
    for (int64_t i = 0; i < count; i++) {
        rows(m, pairs + order[i], &p);
        m->kernels->differences(d, &p, y + 2 * i * d, y + (2 * i + 1) * d);
    }
    trn_gemm(TRN_NUMBER_F32, false, true, n, k, d, 1, y, d, matrix, d, 0, image, k, 1);
    for (int64_t i = 0; i < n; i += 2)
        loss += (double)m->kernels->offset[metric](k, (float)m->rule.margin, m->weight, r,
                                                   image + i * k, image + (i + 1) * k, m->gr);
    trn_gemm(TRN_NUMBER_F32, false, false, n, d, k, 1, image, k, matrix, d, 0, gy, d, 1);
    trn_gemm(TRN_NUMBER_F32, true, false, k, d, n, 1, image, k, y, d, 1, m->gs, d, 1);
    for (int64_t i = 0; i < count; i++) {
        bool apart = rows(m, pairs + order[i], &p);
        m->kernels->spread(d, gy + 2 * i * d, gy + (2 * i + 1) * d, &p);
        if (apart) join(m, pairs + order[i]);
    }
    return loss;
}

/* The pairs of a relation and its step; `ready` places of `order` may be looked at. */
static double relation(trn_kg_margin_t *m, int64_t number, int64_t count, const int32_t *order,
                       int64_t ready, const trn_kg_pair_t *pairs) {
    const trn_kg_margin_rule_t *rule = &m->rule;
    int64_t own = rule->relation.width, second = rule->second.width;
    float *r = rule->relation.values + number * own, *s = rule->second.values + number * second;
    double loss = 0;
    begin(m, r, s);
    if (m->kernel)
        loss = one_by_one(m, count, order, ready, pairs, r);
    else if (rule->model->form == TRN_FORM_MATRIX && !rule->plain)
        for (int64_t i = 0; i < count; i += TRN_KG_MARGIN_BLOCK) {
            int64_t n = count - i < TRN_KG_MARGIN_BLOCK ? count - i : TRN_KG_MARGIN_BLOCK;
            loss += as_block(m, n, order + i, pairs, r, s);
        }
    else
        for (int64_t i = 0; i < count; i++)
            loss += (double)trn_kg_margin_plain(m, pairs + order[i]);
    if (m->kernel && rule->model->form == TRN_FORM_PLANE) through_length(m, s);
    m->kernels->adagrad(own, (float)rule->rate, r, rule->relation.squares + number * own, m->gr);
    m->kernels->adagrad(second, (float)rule->rate, s, rule->second.squares + number * second,
                        m->gs);
    return loss;
}

/* Rows that no pair touched have a gradient of 0, and stay. */
static void move_entities(trn_kg_margin_t *m) {
    const trn_kg_table_t *t = &m->rule.entity;
    for (int64_t i = 0; i < t->rows; i++) {
        if (!m->touched[i]) continue;
        m->touched[i] = 0;
        m->kernels->adagrad(t->width, (float)m->rule.rate, t->values + i * t->width,
                            t->squares + i * t->width, m->gradient + i * t->width);
    }
}

double trn_kg_margin_step(trn_kg_margin_t *m, int64_t count, const trn_kg_pair_t *pairs) {
    double loss = 0;
    m->weight = 1 / (float)count;
    sort(m, count, pairs);
    for (int64_t r = 0, first = 0; r < m->rule.relation.rows; first = m->start[r++])
        if (m->start[r] > first)
            loss += relation(m, r, m->start[r] - first, m->order + first, count - first, pairs);
    move_entities(m);
    return loss / (double)count;
}
