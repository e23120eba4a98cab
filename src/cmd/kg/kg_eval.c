/* kg_eval.c: the verb `kg-eval`: link prediction, ranked among all entities. */
#include "algo/kg/answer/kg_rank.h"
#include "algo/kg/kg_known.h"
#include "base/clock.h"
#include "base/emit.h"
#include "base/mem.h"
#include "cli/command.h"
#include "mpi/agree.h"

#include <inttypes.h>
#include <string.h>

static const trn_param_t params[] = {
    {"split", 0, TRN_PARAM_CHOICE, "test", .choices = "train|valid|test",
     .help = "triples to ask for"},
    {"raw", 0, TRN_PARAM_BOOL, "false", .help = "also rank with the other known answers left in"},
    {"per-relation", 0, TRN_PARAM_BOOL, "false", .help = "also a line for each relation"},
    {"per-side", 0, TRN_PARAM_BOOL, "false",
     .help = "also a line for each category of relations (1-1, 1-N, N-1, N-N) and side"},
    {0}};

static const char *const categories[] = {"1-1", "1-N", "N-1", "N-N"};

/* What an evaluation holds. */
typedef struct evaluation {
    trn_kg_t kg;
    trn_kg_model_t model;
    trn_known_t *known;
    int64_t count; /* queries: two a triple, tail first */
    trn_kg_query_t *queries;
    trn_kg_count_t *counts;
    char **names;             /* of relations, or NULL */
    trn_category_t *category; /* theirs, or NULL */
} evaluation_t;

/* Sums over queries. */
typedef struct score {
    int64_t queries, ties, hits[3];
    double reciprocal, optimistic, pessimistic, rank;
} score_t;

/* Which queries count; -1: all. */
typedef struct choice {
    int side, category;
    int64_t relation;
    bool raw;
} choice_t;

static const choice_t all = {.side = -1, .category = -1, .relation = -1};

static void add_rank(score_t *s, int64_t better, int64_t equal) {
    static const double at[3] = {1, 3, 10};
    double rank = 1 + (double)better + (double)equal / 2;
    s->queries++;
    s->ties += equal > 0;
    s->reciprocal += 1 / rank;
    s->optimistic += 1 / (1 + (double)better);
    s->pessimistic += 1 / (1 + (double)better + (double)equal);
    s->rank += rank;
    for (int i = 0; i < 3; i++)
        s->hits[i] += rank <= at[i];
}

static score_t sum_up(const evaluation_t *e, choice_t choice) {
    score_t s = {0};
    for (int64_t i = 0; i < e->count; i++) {
        const trn_kg_query_t *q = &e->queries[i];
        const trn_kg_count_t *c = &e->counts[i];
        if (choice.side >= 0 && (int)q->side != choice.side) continue;
        if (choice.relation >= 0 && q->relation != choice.relation) continue;
        if (choice.category >= 0 && (int)e->category[q->relation] != choice.category) continue;
        if (choice.raw)
            add_rank(&s, c->raw_better, c->raw_equal);
        else
            add_rank(&s, c->better, c->equal);
    }
    return s;
}

static double mean(const score_t *s, double sum) {
    return s->queries > 0 ? sum / (double)s->queries : 0;
}

/* The usual figures, their names with a prefix. */
static void put(json_t *to, const char *prefix, const score_t *s) {
    char name[64];
    const struct {
        const char *name;
        double value;
    } figures[] = {{"mrr", s->reciprocal},
                   {"hits1", (double)s->hits[0]},
                   {"hits3", (double)s->hits[1]},
                   {"hits10", (double)s->hits[2]},
                   {"mean_rank", s->rank}};
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        snprintf(name, sizeof name, "%s%s", prefix, figures[i].name);
        json_object_set_new(to, name, json_real(mean(s, figures[i].value)));
    }
}

static void report_relations(const evaluation_t *e, json_t *result) {
    json_t *table = json_array();
    for (int64_t r = 0; r < e->kg.relations; r++) {
        choice_t choice = all;
        choice.relation = r;
        score_t s = sum_up(e, choice);
        if (s.queries == 0) continue;
        json_t *line = json_object();
        json_object_set_new(line, "relation", trn_json_text(e->names[r]));
        json_object_set_new(line, "category", json_string(categories[e->category[r]]));
        json_object_set_new(line, "queries", json_integer(s.queries));
        put(line, "", &s);
        json_array_append_new(table, line);
    }
    json_object_set_new(result, "relations", table);
}

static void report_sides(const evaluation_t *e, json_t *result) {
    json_t *table = json_array();
    for (int c = 0; c < 4; c++)
        for (int side = 0; side < 2; side++) {
            choice_t choice = all;
            choice.category = c;
            choice.side = side;
            score_t s = sum_up(e, choice);
            json_t *line = json_object();
            json_object_set_new(line, "category", json_string(categories[c]));
            json_object_set_new(line, "asked",
                                json_string(side == TRN_SIDE_TAIL ? "tail" : "head"));
            json_object_set_new(line, "queries", json_integer(s.queries));
            put(line, "", &s);
            json_array_append_new(table, line);
        }
    json_object_set_new(result, "sides", table);
}

static void report(const trn_run_t *run, const evaluation_t *e) {
    json_t *result = run->result;
    choice_t choice = all;
    score_t s = sum_up(e, choice);
    json_object_set_new(result, "model", json_string(e->model.header.model->name));
    json_object_set_new(result, "split", json_string(trn_params_text(run->params, "split")));
    put(result, "", &s);
    json_object_set_new(result, "mrr_optimistic", json_real(mean(&s, s.optimistic)));
    json_object_set_new(result, "mrr_pessimistic", json_real(mean(&s, s.pessimistic)));
    json_object_set_new(result, "queries", json_integer(s.queries));
    json_object_set_new(result, "queries_with_ties", json_integer(s.ties));
    for (int side = 0; side < 2; side++) {
        choice.side = side;
        s = sum_up(e, choice);
        json_object_set_new(result, side == TRN_SIDE_TAIL ? "mrr_tail" : "mrr_head",
                            json_real(mean(&s, s.reciprocal)));
    }
    if (trn_params_bool(run->params, "raw")) {
        choice = all;
        choice.raw = true;
        s = sum_up(e, choice);
        put(result, "raw_", &s);
        json_object_set_new(result, "raw_mrr_optimistic", json_real(mean(&s, s.optimistic)));
        json_object_set_new(result, "raw_mrr_pessimistic", json_real(mean(&s, s.pessimistic)));
    }
    if (trn_params_bool(run->params, "per-relation")) report_relations(e, result);
    if (trn_params_bool(run->params, "per-side")) report_sides(e, result);
}

static trn_split_t chosen_split(const trn_run_t *run) {
    for (int s = 0; s < TRN_SPLITS; s++)
        if (strcmp(trn_params_text(run->params, "split"), trn_split_name(s)) == 0) return s;
    return TRN_TEST;
}

/* Queries of a split, and what else is known to answer them. Collective. */
static trn_status_t read_queries(const trn_run_t *run, evaluation_t *e, trn_split_t split) {
    int64_t count = e->kg.triples[split];
    trn_triple_t *triples = NULL;
    e->count = 2 * count;
    trn_status_t status = trn_alloc(&triples, count, sizeof *triples, "triples to ask for");
    if (status == TRN_OK) status = trn_kg_read(&e->kg, split, 0, count, triples);
    if (status == TRN_OK) status = trn_alloc(&e->queries, e->count, sizeof *e->queries, "queries");
    if (status == TRN_OK) status = trn_alloc(&e->counts, e->count, sizeof *e->counts, "ranks");
    status = trn_agree(run->comm, status);
    if (status == TRN_OK) {
        trn_kg_queries(count, triples, e->queries);
        status = trn_kg_known_rivals(&e->kg, run->comm, TRN_SPLITS, count, triples, &e->known);
    }
    trn_free(&triples);
    return status;
}

static int64_t greater(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* What one rank needs, once it is known what is known. */
static trn_status_t foretell(const trn_run_t *run, const evaluation_t *e) {
    enum { FACT = 24, INDEXING = 36 /* bytes of a fact, and more while it is indexed */ };
    trn_store_t *store = NULL;
    trn_kg_header_t header;
    TRN_TRY(trn_store_open(&store, run->comm, run->files[0], "kg-model"));
    trn_status_t status = trn_agree(run->comm, trn_kg_header_read(store, &header));
    trn_store_close(&store);
    TRN_TRY(status);
    int64_t entities = (header.entities + run->ranks - 1) / run->ranks;
    int64_t floats = entities * header.shape.dim +
                     trn_kg_relation_rows(&header) * (header.model->relation_width(&header.shape) +
                                                      header.model->second_width(&header.shape));
    int64_t facts = trn_known_count(e->known);
    int64_t ranking = 4 * floats + trn_kg_rank_bytes(&header, entities, e->count, run->threads);
    int64_t bytes = FACT * facts + greater(INDEXING * facts, ranking) +
                    e->count * (int64_t)(sizeof *e->queries + sizeof *e->counts);
    if (!trn_params_bool(run->params, "dry-run")) return trn_mem_expect(bytes, run->ranks);
    json_object_set_new(run->result, "queries", json_integer(e->count));
    json_object_set_new(run->result, "comparisons", json_integer(e->count * header.entities));
    json_object_set_new(run->result, "bytes_per_rank", json_integer(bytes));
    return TRN_OK;
}

/* What the lines for relations and categories need. Collective. */
static trn_status_t read_relations(const trn_run_t *run, evaluation_t *e) {
    int64_t count;
    TRN_TRY(trn_store_read_strings(e->kg.store, "/relation/names", &count, &e->names));
    TRN_AGREE(run->comm, trn_alloc(&e->category, e->kg.relations, sizeof *e->category,
                                   "categories of relations"));
    return trn_kg_categories(&e->kg, run->comm, e->category);
}

static trn_status_t evaluate(trn_run_t *run, evaluation_t *e) {
    TRN_TRY(trn_kg_model_open(&e->model, run->comm, run->files[0], &e->kg));
    if (trn_params_bool(run->params, "per-relation") || trn_params_bool(run->params, "per-side"))
        TRN_TRY(read_relations(run, e));
    double start = trn_seconds();
    TRN_TRY(
        trn_kg_rank(&e->model, run->comm, e->known, e->count, e->queries, run->threads, e->counts));
    double seconds = trn_seconds() - start;
    if (run->rank > 0) return TRN_OK;
    report(run, e);
    json_object_set_new(run->result, "seconds", json_real(seconds));
    return TRN_OK;
}

static trn_status_t run_kg_eval(trn_run_t *run) {
    evaluation_t e = {0};
    trn_split_t split = chosen_split(run);
    TRN_TRY(trn_kg_open(&e.kg, run->comm, run->files[1]));
    trn_status_t status = TRN_OK;
    if (e.kg.triples[split] == 0)
        status = trn_fail(TRN_INPUT, "%s: /%s: has no triples; choose another --split",
                          run->files[1], trn_split_name(split));
    if (status == TRN_OK) status = read_queries(run, &e, split);
    if (status == TRN_OK) status = foretell(run, &e);
    if (status == TRN_OK && !trn_params_bool(run->params, "dry-run")) status = evaluate(run, &e);
    trn_kg_model_close(&e.model);
    trn_kg_close(&e.kg);
    trn_known_destroy(&e.known);
    trn_free(&e.queries);
    trn_free(&e.counts);
    trn_free(&e.names);
    trn_free(&e.category);
    return status;
}

const trn_command_t trn_command_kg_eval = {
    .name = "kg-eval",
    .summary = "rank the true answers of a knowledge graph among all entities",
    .files = "MODEL.h5 GRAPH.h5",
    .description =
        "Asks (h, r, ?) and (?, r, t) for every triple of a split and ranks the true answer among "
        "all entities, other answers known from train, valid and test left out. A tie counts half: "
        "rank = 1 + better + equal / 2; mrr_optimistic and mrr_pessimistic say what none and all "
        "would give. Near ties are decided in float64, so the ranks are exact, whatever the number "
        "of ranks and threads. Categories are by all known triples, 1.5 answers on average or more "
        "being N.",
    .min_files = 2,
    .max_files = 2,
    .params = params,
    .run = run_kg_eval,
};
