/* kg_evaluation_report.c: means over the ranks of true answers, of all, by side, by relation. */
#include "algo/kg/answer/kg_evaluation.h"
#include "algo/kg/answer/kg_figures.h"
#include "base/emit.h"

static const char *const categories[] = {"1-1", "1-N", "N-1", "N-N"};

/* Which queries count; -1: all. */
typedef struct choice {
    int side, category;
    int64_t relation;
    bool raw;
} choice_t;

static const choice_t all = {.side = -1, .category = -1, .relation = -1};

static trn_kg_figures_t sum_up(const trn_kg_evaluation_t *e, choice_t choice) {
    trn_kg_figures_t s = {0};
    for (int64_t i = 0; i < e->count; i++) {
        const trn_kg_query_t *q = &e->queries[i];
        const trn_kg_count_t *c = &e->counts[i];
        if (choice.side >= 0 && (int)q->side != choice.side) continue;
        if (choice.relation >= 0 && q->relation != choice.relation) continue;
        if (choice.category >= 0 && (int)e->category[q->relation] != choice.category) continue;
        if (choice.raw)
            trn_kg_figures_add(&s, c->raw_better, c->raw_equal);
        else
            trn_kg_figures_add(&s, c->better, c->equal);
    }
    return s;
}

static void report_relations(const trn_kg_evaluation_t *e, json_t *result) {
    json_t *table = json_array();
    for (int64_t r = 0; r < e->kg.relations; r++) {
        choice_t choice = all;
        choice.relation = r;
        trn_kg_figures_t s = sum_up(e, choice);
        if (s.queries == 0) continue;
        json_t *line = json_object();
        json_object_set_new(line, "relation", trn_json_text(e->names[r]));
        json_object_set_new(line, "category", json_string(categories[e->category[r]]));
        json_object_set_new(line, "queries", json_integer(s.queries));
        trn_kg_figures_put(&s, "", line);
        json_array_append_new(table, line);
    }
    json_object_set_new(result, "relations", table);
}

static void report_sides(const trn_kg_evaluation_t *e, json_t *result) {
    json_t *table = json_array();
    for (int c = 0; c < 4; c++)
        for (int side = 0; side < 2; side++) {
            choice_t choice = all;
            choice.category = c;
            choice.side = side;
            trn_kg_figures_t s = sum_up(e, choice);
            json_t *line = json_object();
            json_object_set_new(line, "category", json_string(categories[c]));
            json_object_set_new(line, "asked",
                                json_string(side == TRN_SIDE_TAIL ? "tail" : "head"));
            json_object_set_new(line, "queries", json_integer(s.queries));
            trn_kg_figures_put(&s, "", line);
            json_array_append_new(table, line);
        }
    json_object_set_new(result, "sides", table);
}

static void put_mean(json_t *to, const char *name, const trn_kg_figures_t *s, double sum) {
    json_object_set_new(to, name, json_real(trn_kg_figures_mean(s, sum)));
}

static const char *const mrr_of_side[] = {
    [TRN_SIDE_TAIL] = "mrr_tail", [TRN_SIDE_HEAD] = "mrr_head"};

static void report_raw(const trn_kg_evaluation_t *e, json_t *result) {
    choice_t choice = all;
    choice.raw = true;
    trn_kg_figures_t s = sum_up(e, choice);
    trn_kg_figures_put(&s, "raw_", result);
    put_mean(result, "raw_mrr_optimistic", &s, s.optimistic);
    put_mean(result, "raw_mrr_pessimistic", &s, s.pessimistic);
}

void trn_kg_evaluation_report(const trn_kg_evaluation_t *e, json_t *result) {
    const trn_kg_evaluation_options_t *o = &e->options;
    choice_t choice = all;
    trn_kg_figures_t s = sum_up(e, choice);
    json_object_set_new(result, "model", json_string(e->model.header.model->name));
    if (o->candidates)
        json_object_set_new(result, "questions", trn_json_text(o->candidates));
    else
        json_object_set_new(result, "split", json_string(trn_split_name(o->split)));
    trn_kg_figures_put(&s, "", result);
    put_mean(result, "mrr_optimistic", &s, s.optimistic);
    put_mean(result, "mrr_pessimistic", &s, s.pessimistic);
    json_object_set_new(result, "queries", json_integer(s.queries));
    json_object_set_new(result, "queries_with_ties", json_integer(s.ties));
    if (e->given.start) put_mean(result, "candidates", &s, (double)e->given.candidates);
    for (choice.side = 0; choice.side < 2; choice.side++) {
        s = sum_up(e, choice);
        put_mean(result, mrr_of_side[choice.side], &s, s.reciprocal);
    }
    if (o->raw) report_raw(e, result);
    if (o->per_relation) report_relations(e, result);
    if (o->per_side) report_sides(e, result);
}
