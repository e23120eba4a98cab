/* kg_eval.c: the verb `kg-eval`: link prediction, ranked among all entities or given ones, and
 * triple classification. */
#include "algo/kg/answer/kg_classify.h"
#include "algo/kg/answer/kg_figures.h"
#include "algo/kg/answer/kg_given.h"
#include "algo/kg/answer/kg_rank.h"
#include "algo/kg/kg_known.h"
#include "base/clock.h"
#include "base/emit.h"
#include "base/log.h"
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
    {"types", 0, TRN_PARAM_BOOL, "false",
     .help = "rank among those entities alone that train has with the relation on the side asked "
             "for; the true answer is among them in any case"},
    {"sample", 0, TRN_PARAM_INT, "0", 0, 1e9, .metavar = "N",
     .help = "rank among N entities drawn for each question, all equally likely, no known answer "
             "among them; 0: among all"},
    {"candidates", 0, TRN_PARAM_TEXT, .metavar = "FILE",
     .help =
         "in place of a split: questions with their candidates, a line each, between tabs: head, "
         "relation, tail, one of the two entities being '?', then the true answer, then those "
         "that it is ranked among, all of which count"},
    {"classify", 0, TRN_PARAM_TEXT, .metavar = "FILE",
     .help = "in place of ranking: tell the split's triples from the false ones of FILE (head, "
             "relation, tail between tabs) by thresholds fitted on valid against false ones drawn"},
    {"seed", 0, TRN_PARAM_INT, "1", 0, 9e18, .help = "of --sample and --classify"},
    {"header", 0, TRN_PARAM_BOOL, "false",
     .help = "the first line of the file of --candidates or --classify names the columns"},
    {"keep-blanks", 0, TRN_PARAM_BOOL, "false",
     .help = "spaces at the ends of a name in it are part of the name"},
    {0}};

static const char *const categories[] = {"1-1", "1-N", "N-1", "N-N"};

/* What an evaluation holds. */
typedef struct evaluation {
    trn_kg_t kg;
    trn_kg_model_t model;
    trn_known_t *known;
    trn_kg_seen_t seen;   /* of --types */
    trn_kg_given_t given; /* of --sample and --candidates */
    int64_t count;        /* queries: of a split two a triple, tail first */
    trn_kg_query_t *queries;
    trn_kg_count_t *counts;
    char **names;             /* of relations, or NULL */
    trn_category_t *category; /* theirs, or NULL */
} evaluation_t;

/* Which queries count; -1: all. */
typedef struct choice {
    int side, category;
    int64_t relation;
    bool raw;
} choice_t;

static const choice_t all = {.side = -1, .category = -1, .relation = -1};

static trn_kg_figures_t sum_up(const evaluation_t *e, choice_t choice) {
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

static void report_relations(const evaluation_t *e, json_t *result) {
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

static void report_sides(const evaluation_t *e, json_t *result) {
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

static void report(const trn_run_t *run, const evaluation_t *e) {
    json_t *result = run->result;
    choice_t choice = all;
    trn_kg_figures_t s = sum_up(e, choice);
    const char *file = trn_params_text(run->params, "candidates");
    json_object_set_new(result, "model", json_string(e->model.header.model->name));
    if (file)
        json_object_set_new(result, "questions", trn_json_text(file));
    else
        json_object_set_new(result, "split", json_string(trn_params_text(run->params, "split")));
    trn_kg_figures_put(&s, "", result);
    put_mean(result, "mrr_optimistic", &s, s.optimistic);
    put_mean(result, "mrr_pessimistic", &s, s.pessimistic);
    json_object_set_new(result, "queries", json_integer(s.queries));
    json_object_set_new(result, "queries_with_ties", json_integer(s.ties));
    if (e->given.start) put_mean(result, "candidates", &s, (double)e->given.candidates);
    for (int side = 0; side < 2; side++) {
        choice.side = side;
        s = sum_up(e, choice);
        put_mean(result, side == TRN_SIDE_TAIL ? "mrr_tail" : "mrr_head", &s, s.reciprocal);
    }
    if (trn_params_bool(run->params, "raw")) {
        choice = all;
        choice.raw = true;
        s = sum_up(e, choice);
        trn_kg_figures_put(&s, "raw_", result);
        put_mean(result, "raw_mrr_optimistic", &s, s.optimistic);
        put_mean(result, "raw_mrr_pessimistic", &s, s.pessimistic);
    }
    if (trn_params_bool(run->params, "per-relation")) report_relations(e, result);
    if (trn_params_bool(run->params, "per-side")) report_sides(e, result);
}

static trn_split_t chosen_split(const trn_run_t *run) {
    for (int s = 0; s < TRN_SPLITS; s++)
        if (strcmp(trn_params_text(run->params, "split"), trn_split_name(s)) == 0) return s;
    return TRN_TEST;
}

static trn_kg_form_t form_of(const trn_run_t *run) {
    return (trn_kg_form_t){trn_params_bool(run->params, "header"),
                           trn_params_bool(run->params, "keep-blanks")};
}

/* Queries of a split, and what else is known to answer them. Collective. */
static trn_status_t read_split(const trn_run_t *run, evaluation_t *e, trn_split_t split) {
    int64_t count = e->kg.triples[split];
    trn_triple_t *triples = NULL;
    e->count = 2 * count;
    trn_status_t status = trn_alloc(&triples, count, sizeof *triples, "triples to ask for");
    if (status == TRN_OK) status = trn_kg_read(&e->kg, split, 0, count, triples);
    if (status == TRN_OK) status = trn_alloc(&e->queries, e->count, sizeof *e->queries, "queries");
    status = trn_agree(run->comm, status);
    if (status == TRN_OK) {
        trn_kg_queries(count, triples, e->queries);
        status = trn_kg_known_both(&e->kg, run->comm, TRN_SPLITS, count, triples, &e->known);
    }
    trn_free(&triples);
    return status;
}

/* What is asked, and among whom. Collective. */
static trn_status_t read_queries(const trn_run_t *run, evaluation_t *e, trn_split_t split) {
    const char *file = trn_params_text(run->params, "candidates");
    int64_t sample = trn_params_int(run->params, "sample");
    trn_kg_form_t form = form_of(run);
    if (file) {
        TRN_TRY(trn_kg_given_read(&e->given, run->comm, file, &form, &e->kg));
        e->count = e->given.count;
        e->queries = e->given.queries;
    } else
        TRN_TRY(read_split(run, e, split));
    if (sample > 0)
        TRN_TRY(trn_kg_given_draw(&e->given, run->comm, &e->kg, e->count, e->queries, e->known,
                                  sample, (uint64_t)trn_params_int(run->params, "seed")));
    return trn_agree(run->comm, trn_alloc(&e->counts, e->count, sizeof *e->counts, "ranks"));
}

static int64_t greater(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* What the model's numbers take on a rank, and *entities of it. Collective. */
static trn_status_t model_bytes(const trn_run_t *run, trn_kg_header_t *header, int64_t *entities,
                                int64_t *bytes) {
    TRN_TRY(trn_kg_header_open(run->comm, run->files[0], header));
    *entities = (header->entities + run->ranks - 1) / run->ranks;
    *bytes = 4 * (*entities * header->shape.dim +
                  trn_kg_relation_rows(header) * (header->model->relation_width(&header->shape) +
                                                  header->model->second_width(&header->shape)));
    return TRN_OK;
}

/* What one rank needs, once it is known what is known. */
static trn_status_t estimate(const trn_run_t *run, const evaluation_t *e) {
    enum { FACT = 24, INDEXING = 36 /* bytes of a fact, and more while it is indexed */ };
    trn_kg_header_t header;
    int64_t entities, model;
    TRN_TRY(model_bytes(run, &header, &entities, &model));
    int64_t facts = e->known ? trn_known_count(e->known) : 0;
    int64_t given = e->given.capacity * (int64_t)sizeof *e->given.entity + 8 * e->given.count;
    int64_t ranking = model + given;
    if (!e->given.start) ranking += trn_kg_rank_bytes(&header, entities, e->count, run->threads);
    if (trn_params_bool(run->params, "types"))
        ranking += trn_kg_seen_bytes(e->kg.triples[TRN_TRAIN], e->kg.relations, run->ranks);
    int64_t bytes = FACT * facts + greater(INDEXING * facts, ranking) +
                    e->count * (int64_t)(sizeof *e->queries + sizeof *e->counts);
    if (!trn_params_bool(run->params, "dry-run")) return trn_mem_expect(bytes, run->ranks);
    json_object_set_new(run->result, "queries", json_integer(e->count));
    json_object_set_new(
        run->result, "comparisons",
        json_integer(e->given.start ? e->given.candidates : e->count * header.entities));
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
    bool types = trn_params_bool(run->params, "types");
    TRN_TRY(trn_kg_model_open(&e->model, run->comm, run->files[0], &e->kg));
    if (trn_params_bool(run->params, "per-relation") || trn_params_bool(run->params, "per-side"))
        TRN_TRY(read_relations(run, e));
    if (types) TRN_TRY(trn_kg_seen_create(&e->seen, &e->kg, run->comm));
    double start = trn_seconds();
    TRN_TRY(e->given.start
                ? trn_kg_given_rank(&e->given, &e->model, run->comm, run->threads, e->counts)
                : trn_kg_rank(&e->model, run->comm, e->known, types ? &e->seen : NULL, e->count,
                              e->queries, run->threads, e->counts));
    double seconds = trn_seconds() - start;
    if (run->rank > 0) return TRN_OK;
    report(run, e);
    json_object_set_new(run->result, "seconds", json_real(seconds));
    return TRN_OK;
}

/* Classification ------------------------------------------------------------------------------- */

static void report_judged(const evaluation_t *e, const trn_kg_judge_t *judge,
                          const trn_kg_verdicts_t *verdicts, json_t *result) {
    json_t *table = json_array();
    for (int64_t r = 0; r < e->kg.relations; r++) {
        const trn_kg_verdicts_t *v = &verdicts[r];
        if (v->facts + v->falses == 0) continue;
        json_array_append_new(
            table,
            json_pack("{s:o, s:f, s:b, s:I, s:I, s:f}", "relation", trn_json_text(e->names[r]),
                      "threshold", judge->threshold[r], "fitted_alone", (int)judge->own[r],
                      "positives", (json_int_t)v->facts, "negatives", (json_int_t)v->falses,
                      "accuracy", trn_kg_verdicts_accuracy(v)));
    }
    json_object_set_new(result, "relations", table);
}

static void report_verdicts(const trn_run_t *run, const evaluation_t *e,
                            const trn_kg_judge_t *judge, const trn_kg_verdicts_t *verdicts) {
    trn_kg_verdicts_t sum = {0};
    for (int64_t r = 0; r < e->kg.relations; r++) {
        sum.facts += verdicts[r].facts;
        sum.held += verdicts[r].held;
        sum.falses += verdicts[r].falses;
        sum.false_held += verdicts[r].false_held;
    }
    int64_t held = sum.held + sum.false_held;
    double precision = held > 0 ? (double)sum.held / (double)held : 0;
    double recall = sum.facts > 0 ? (double)sum.held / (double)sum.facts : 0;
    double both = precision + recall;
    json_t *figures = json_pack(
        "{s:s, s:s, s:f, s:f, s:f, s:f, s:I, s:I, s:f}", "model", e->model.header.model->name,
        "split", trn_params_text(run->params, "split"), "accuracy", trn_kg_verdicts_accuracy(&sum),
        "precision", precision, "recall", recall, "f1",
        both > 0 ? 2 * precision * recall / both : 0, "positives", (json_int_t)sum.facts,
        "negatives", (json_int_t)sum.falses, "accuracy_valid", judge->accuracy);
    json_object_update(run->result, figures);
    json_decref(figures);
    if (e->names) report_judged(e, judge, verdicts, run->result);
}

/* Judge the split's triples and the false ones of a file. Collective. */
static trn_status_t judge_all(const trn_run_t *run, evaluation_t *e, trn_split_t split,
                              const trn_kg_lines_t *lines, trn_kg_judge_t *judge,
                              trn_kg_verdicts_t *verdicts) {
    int64_t known, count;
    uint64_t seed = (uint64_t)trn_params_int(run->params, "seed");
    TRN_TRY(trn_kg_model_open(&e->model, run->comm, run->files[0], &e->kg));
    TRN_TRY(trn_kg_judge_fit(judge, &e->model, run->comm, &e->kg, seed));
    TRN_TRY(trn_kg_classify(&e->model, run->comm, &e->kg, split, lines, judge, verdicts, &known));
    if (known > 0 && run->rank == 0)
        trn_log(TRN_LOG_WARN, "kg-eval",
                "%s: %" PRId64 " of %" PRId64 " triples are facts of the "
                "graph; they count as false all the same",
                lines->path, known, lines->count);
    if (!trn_params_bool(run->params, "per-relation")) return TRN_OK;
    return trn_store_read_strings(e->kg.store, "/relation/names", &count, &e->names);
}

static trn_status_t classify(const trn_run_t *run, evaluation_t *e, trn_split_t split) {
    enum { SAMPLE = 48, JUDGED = 32, KNOWN = 60 /* bytes of a triple fitted, judged, indexed */ };
    trn_kg_lines_t lines = {0};
    trn_kg_judge_t judge = {0};
    trn_kg_verdicts_t *verdicts = NULL;
    trn_kg_header_t header;
    trn_kg_form_t form = form_of(run);
    int64_t entities, bytes;
    trn_status_t status;
    TRN_OR(done, trn_kg_lines_read(&lines, run->comm, trn_params_text(run->params, "classify"),
                                   "triple", &form, &e->kg));
    TRN_OR(done, model_bytes(run, &header, &entities, &bytes));
    bytes += SAMPLE * 2 * e->kg.triples[TRN_VALID] + KNOWN * e->kg.triples[TRN_VALID] +
             JUDGED * (e->kg.triples[split] + 3 * lines.count);
    if (trn_params_bool(run->params, "dry-run")) {
        json_object_set_new(run->result, "bytes_per_rank", json_integer(bytes));
        goto done;
    }
    TRN_OR(done, trn_mem_expect(bytes, run->ranks));
    TRN_OR(done, trn_agree(run->comm,
                           trn_alloc(&verdicts, e->kg.relations, sizeof *verdicts, "verdicts")));
    TRN_OR(done, judge_all(run, e, split, &lines, &judge, verdicts));
    if (run->rank == 0) report_verdicts(run, e, &judge, verdicts);
done:
    trn_kg_lines_free(&lines);
    trn_kg_judge_free(&judge);
    trn_free(&verdicts);
    return status;
}

/* Options that cannot go together, or have no effect. */
static trn_status_t check_options(const trn_params_t *p) {
    static const char *const modes[] = {"types", "sample", "candidates", "classify"};
    static const char *const others[] = {"raw", "per-side"};
    const char *mode = NULL;
    for (int i = 0; i < 4; i++) {
        if (i == 0 ? !trn_params_bool(p, modes[i]) : !trn_params_given(p, modes[i])) continue;
        if (mode)
            return trn_fail(TRN_USAGE, "--%s: cannot go together with --%s; give one of them",
                            modes[i], mode);
        mode = modes[i];
    }
    bool file = trn_params_text(p, "candidates") || trn_params_text(p, "classify");
    for (int i = 0; i < 2 && mode && strcmp(mode, "types") != 0; i++)
        if (trn_params_bool(p, others[i]) && (i == 0 || strcmp(mode, "classify") == 0))
            return trn_fail(TRN_USAGE, "--%s: has no meaning with --%s; leave it out", others[i],
                            mode);
    if (trn_params_text(p, "candidates") && trn_params_given(p, "split"))
        return trn_fail(TRN_USAGE, "--split: has no meaning with --candidates; leave it out");
    if (trn_params_given(p, "seed") && trn_params_int(p, "sample") == 0 &&
        !trn_params_text(p, "classify"))
        return trn_fail(TRN_USAGE, "--seed: is of --sample and --classify; leave it out");
    if (!file && (trn_params_bool(p, "header") || trn_params_bool(p, "keep-blanks")))
        return trn_fail(TRN_USAGE, "--%s: is of --candidates and --classify; leave it out",
                        trn_params_bool(p, "header") ? "header" : "keep-blanks");
    return TRN_OK;
}

static trn_status_t run_kg_eval(trn_run_t *run) {
    evaluation_t e = {0};
    trn_split_t split = chosen_split(run);
    bool asks = !trn_params_text(run->params, "candidates");
    TRN_TRY(check_options(run->params));
    TRN_TRY(trn_kg_open(&e.kg, run->comm, run->files[1]));
    trn_status_t status = TRN_OK;
    if (asks && e.kg.triples[split] == 0)
        status = trn_fail(TRN_INPUT, "%s: /%s: has no triples; choose another --split",
                          run->files[1], trn_split_name(split));
    if (status == TRN_OK && trn_params_text(run->params, "classify"))
        status = classify(run, &e, split);
    else {
        if (status == TRN_OK) status = read_queries(run, &e, split);
        if (status == TRN_OK) status = estimate(run, &e);
        if (status == TRN_OK && !trn_params_bool(run->params, "dry-run"))
            status = evaluate(run, &e);
    }
    trn_kg_model_close(&e.model);
    trn_kg_close(&e.kg);
    trn_known_destroy(&e.known);
    if (!e.given.owner) trn_free(&e.queries);
    trn_kg_given_free(&e.given);
    trn_kg_seen_free(&e.seen);
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
        "being N. Figures of --types, --sample and --candidates are higher than those among all "
        "entities and compare with their like only. Triples are classified by a threshold for each "
        "relation, the best on valid against one false triple drawn for each; relations that valid "
        "lacks take that of all together.",
    .min_files = 2,
    .max_files = 2,
    .operands = TRN_OPERANDS(TRN_READS("MODEL.h5"), TRN_READS("GRAPH.h5")),
    .blas = true,
    .params = params,
    .run = run_kg_eval,
};
