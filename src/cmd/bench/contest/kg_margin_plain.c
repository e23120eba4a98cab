/* kg_margin_plain.c: a pair's loss and gradient by what every model has: projection, query and
 * metric. For models without fused kernels, and to hold those against. */
#include "cmd/bench/contest/kg_margin_impl.h"

#include <string.h>

/* One triple as a question, and what its score is to be multiplied with in the loss. */
typedef struct question {
    trn_side_t side;
    int32_t known, answer;
} question_t;

static void project(const trn_kg_margin_t *m, const float *second, int32_t entity, float *p) {
    const trn_kg_margin_rule_t *rule = &m->rule;
    const float *row = rule->entity.values + entity * rule->shape.dim;
    if (rule->model->project)
        rule->model->project(&rule->shape, second, 1, row, p);
    else
        memcpy(p, row, (size_t)rule->shape.dim * sizeof *p);
}

static void project_back(trn_kg_margin_t *m, const float *second, int32_t entity, const float *gp) {
    const trn_kg_margin_rule_t *rule = &m->rule;
    int64_t dim = rule->shape.dim;
    float *to = m->gradient + entity * dim;
    m->touched[entity] = 1;
    if (rule->model->project_back)
        rule->model->project_back(&rule->shape, second, 1, rule->entity.values + entity * dim, gp,
                                  to, m->gs);
    else
        for (int64_t k = 0; k < dim; k++)
            to[k] += gp[k];
}

/* Leaves the projected known entity, the projected answer and the query in x, p and q. */
static float score(const trn_kg_margin_t *m, int64_t relation, const question_t *ask, float *x,
                   float *p, float *q) {
    const trn_kg_margin_rule_t *rule = &m->rule;
    const float *second = rule->second.values + relation * rule->second.width;
    float s;
    project(m, second, ask->known, x);
    project(m, second, ask->answer, p);
    rule->model->query(&rule->shape, ask->side, 1, x,
                       rule->relation.values + relation * rule->relation.width, q);
    trn_compare_rows(rule->model->metric(&rule->shape), rule->model->query_width(&rule->shape), 1,
                     q, p, &s);
    return s;
}

static void score_back(trn_kg_margin_t *m, int64_t relation, const question_t *ask, float s,
                       float weight) {
    const trn_kg_margin_rule_t *rule = &m->rule;
    const float *second = rule->second.values + relation * rule->second.width;
    int64_t width = rule->model->query_width(&rule->shape);
    float *x = m->plain[0], *p = m->plain[1], *q = m->plain[2];
    float *gq = m->plain[3], *gp = m->plain[4], *gx = m->plain[5], *gr = m->plain[5] + width;
    score(m, relation, ask, x, p, q);
    memset(gq, 0, (size_t)width * sizeof *gq);
    memset(gp, 0, (size_t)width * sizeof *gp);
    trn_compare_rows_back(rule->model->metric(&rule->shape), width, 1, q, p, &s, &weight, gq, gp);
    rule->model->query_back(&rule->shape, ask->side, 1, x,
                            rule->relation.values + relation * rule->relation.width, gq, gx, gr);
    project_back(m, second, ask->answer, gp);
    project_back(m, second, ask->known, gx);
    for (int64_t k = 0; k < rule->relation.width; k++)
        m->gr[k] += gr[k];
}

float trn_kg_margin_plain(trn_kg_margin_t *m, const trn_kg_pair_t *pair) {
    const trn_triple_t *t = &pair->triple;
    bool tail = pair->side == TRN_SIDE_TAIL;
    question_t right = {pair->side, tail ? t->head : t->tail, tail ? t->tail : t->head};
    question_t wrong = {pair->side, right.known, pair->other};
    float *x = m->plain[0], *p = m->plain[1], *q = m->plain[2];
    float good = score(m, t->relation, &right, x, p, q);
    float bad = score(m, t->relation, &wrong, x, p, q);
    float loss = (float)m->rule.margin - good + bad;
    if (loss <= 0) return 0;
    score_back(m, t->relation, &right, good, -m->weight);
    score_back(m, t->relation, &wrong, bad, m->weight);
    return loss;
}
