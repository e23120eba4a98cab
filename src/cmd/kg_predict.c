/* kg_predict.c: the verb `kg-predict`: the best answers to questions about a knowledge graph. */
#include "algo/kg_predict.h"
#include "algo/kg_unseen.h"
#include "base/emit.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "cmd/command.h"
#include "graph/known.h"
#include "io/share.h"
#include "mpi/agree.h"
#include "text/lookup.h"

#include <inttypes.h>
#include <string.h>

static const trn_param_t params[] = {
    {"top", 0, TRN_PARAM_INT, "10", 1, 100000, NULL, "K", "how many answers to each"},
    {"known", 0, TRN_PARAM_CHOICE, "mark", 0, 0, "exclude|mark", NULL,
     "what to do with answers that the graph (train, valid or test) has already"},
    {"inductive", 0, TRN_PARAM_TEXT, NULL, 0, 0, NULL, "FACTS",
     "file of facts, lines of head, relation and tail between tabs, about entities that are not in "
     "the graph: they can then be asked about. The model must have been trained with --encoder"},
    {0}};

/* Names of one kind and how to find them. */
typedef struct names {
    int64_t count;
    char **list;
    trn_lookup_t *lookup;
} names_t;

typedef struct question {
    trn_kg_question_t numbers;
    const char *text[3];
} question_t;

typedef struct prediction {
    trn_kg_t kg;
    trn_kg_model_t model;
    trn_known_t *known;
    trn_unseen_t unseen; /* of --inductive */
    char **graph_names;  /* the memory of names, when unseen ones have joined the list */
    names_t entities, relations;
    char *text; /* of the questions, cut up */
    int64_t count;
    question_t *questions;
    trn_best_t *best;
} prediction_t;

static trn_status_t unknown(const char *where, int64_t line, const char *kind, const char *name,
                            const names_t *names) {
    trn_nearest_t near = {0};
    for (int64_t i = 0; i < names->count; i++)
        trn_nearest_try(&near, name, names->list[i]);
    return trn_fail(TRN_INPUT, "%s:%" PRId64 ": %s: no such %s in the graph%s%s%s", where, line,
                    name, kind, near.name ? "; did you mean '" : "", near.name ? near.name : "",
                    near.name ? "'?" : "");
}

/* Cut a line at its two tabs and look the three names up. */
static trn_status_t parse_line(const prediction_t *p, const char *where, int64_t line, char *text,
                               question_t *q) {
    int32_t number[3];
    int open = 0;
    for (int i = 0; i < 3; i++) {
        char *tab = text ? strchr(text, '\t') : NULL;
        if (!text || (i < 2) != (tab != NULL))
            return trn_fail(TRN_INPUT, "%s:%" PRId64 ": must be head, relation, tail between tabs",
                            where, line);
        if (tab) *tab = '\0';
        q->text[i] = text;
        const names_t *names = i == 1 ? &p->relations : &p->entities;
        bool asked = strcmp(text, "?") == 0;
        number[i] = asked ? -1 : (int32_t)trn_lookup_find(names->lookup, text);
        if (!asked && number[i] < 0)
            return unknown(where, line, i == 1 ? "relation" : "entity", text, names);
        open += asked;
        text = tab ? tab + 1 : NULL;
    }
    if (open != 1)
        return trn_fail(TRN_INPUT, "%s:%" PRId64 ": exactly one of the three must be '?'", where,
                        line);
    q->numbers = (trn_kg_question_t){number[0], number[1], number[2]};
    return TRN_OK;
}

static trn_status_t parse(prediction_t *p, const char *where) {
    int64_t lines = 1, number = 0;
    for (const char *c = p->text; *c; c++)
        lines += *c == '\n';
    TRN_TRY(trn_alloc(&p->questions, lines, sizeof *p->questions, "questions"));
    for (char *line = p->text, *next; *line; line = next) {
        size_t length = strcspn(line, "\n");
        next = line + length + (line[length] == '\n');
        line[length] = '\0';
        if (length > 0 && line[length - 1] == '\r') line[length - 1] = '\0';
        number++;
        if (*line == '\0') continue;
        TRN_TRY(parse_line(p, where, number, line, &p->questions[p->count]));
        p->count++;
    }
    if (p->count == 0) return trn_fail(TRN_INPUT, "%s: holds no question", where);
    return TRN_OK;
}

static bool in_answers(const trn_known_t *known, int64_t head, int64_t relation, int64_t tail) {
    const int32_t *answers;
    int64_t n = trn_known_answers(known, false, (int32_t)head, (int32_t)relation, &answers);
    for (int64_t i = 0; i < n; i++)
        if (answers[i] == tail) return true;
    return false;
}

/* Whether the candidate in the open place makes a known fact. */
static bool is_known(const trn_known_t *known, const trn_kg_question_t *q, int64_t candidate) {
    return in_answers(known, q->head < 0 ? candidate : q->head,
                      q->relation < 0 ? candidate : q->relation, q->tail < 0 ? candidate : q->tail);
}

typedef struct filter {
    const trn_known_t *known; /* NULL: known answers too */
    const trn_kg_question_t *question;
    int64_t entities; /* of the graph: unseen ones are no answers */
} filter_t;

static bool is_allowed(void *user, int64_t candidate) {
    const filter_t *f = user;
    if (f->question->relation >= 0 && candidate >= f->entities) return false;
    return !f->known || !is_known(f->known, f->question, candidate);
}

static trn_status_t read_known(prediction_t *p) {
    trn_triple_t *triples = NULL;
    int64_t count, more = p->unseen.facts;
    TRN_TRY(trn_kg_read_all(&p->kg, &triples, &count));
    trn_status_t status =
        trn_realloc(&triples, count + more, sizeof *triples, "triples of the graph");
    if (status == TRN_OK && more > 0)
        memcpy(triples + count, p->unseen.fact, (size_t)more * sizeof *triples);
    if (status == TRN_OK) status = trn_known_create(&p->known, count + more, triples);
    trn_free(&triples);
    return status;
}

/* The unseen entities join the names that can be asked about. Local. */
static trn_status_t join_names(names_t *names, const trn_unseen_t *unseen, char ***joined) {
    int64_t count = names->count + unseen->count;
    TRN_TRY(trn_alloc(joined, count, sizeof **joined, "names"));
    memcpy(*joined, names->list, (size_t)names->count * sizeof **joined);
    memcpy(*joined + names->count, unseen->names, (size_t)unseen->count * sizeof **joined);
    trn_lookup_destroy(&names->lookup);
    TRN_TRY(trn_lookup_create(&names->lookup, count, *joined, false, NULL));
    names->count = count;
    return TRN_OK;
}

/* Read the facts of --inductive and encode what they are about. Collective. */
static trn_status_t read_unseen(trn_run_t *run, prediction_t *p, const char *path) {
    TRN_TRY(trn_unseen_read(&p->unseen, run->comm, path, p->entities.count, p->entities.lookup,
                            p->relations.count, p->relations.list, p->relations.lookup));
    TRN_TRY(trn_unseen_encode(&p->unseen, &p->model, run->comm, path));
    char **joined = NULL;
    trn_status_t status = trn_agree(run->comm, join_names(&p->entities, &p->unseen, &joined));
    if (status != TRN_OK) {
        trn_free(&joined);
        return status;
    }
    p->graph_names = p->entities.list;
    p->entities.list = joined;
    return TRN_OK;
}

static void report(const prediction_t *p, const question_t *q, int64_t k, json_t *table) {
    const names_t *names = q->numbers.relation < 0 ? &p->relations : &p->entities;
    for (int64_t j = 0; j < k && p->best[j].index >= 0; j++)
        json_array_append_new(
            table,
            json_pack("{s:o, s:o, s:o, s:I, s:o, s:f, s:b}", "head", trn_json_text(q->text[0]),
                      "relation", trn_json_text(q->text[1]), "tail", trn_json_text(q->text[2]),
                      "rank", (json_int_t)(j + 1), "answer",
                      trn_json_text(names->list[p->best[j].index]), "score", p->best[j].score,
                      "known", (int)is_known(p->known, &q->numbers, p->best[j].index)));
}

static trn_status_t answer(trn_run_t *run, prediction_t *p) {
    int64_t k = trn_params_int(run->params, "top");
    bool exclude = strcmp(trn_params_text(run->params, "known"), "exclude") == 0;
    json_t *table = json_array();
    trn_status_t status = TRN_OK;
    for (int64_t i = 0; i < p->count && status == TRN_OK; i++) {
        filter_t filter = {exclude ? p->known : NULL, &p->questions[i].numbers, p->kg.entities};
        status =
            trn_kg_answer(&p->model, run->comm, filter.question, is_allowed, &filter, k, p->best);
        if (status == TRN_OK && run->rank == 0) report(p, &p->questions[i], k, table);
    }
    if (status == TRN_OK && run->rank == 0) json_object_set(run->result, "answers", table);
    json_decref(table);
    return status;
}

static trn_status_t predict(trn_run_t *run, prediction_t *p) {
    int64_t k = trn_params_int(run->params, "top");
    TRN_TRY(trn_kg_open(&p->kg, run->comm, run->files[1]));
    TRN_TRY(trn_kg_model_open(&p->model, run->comm, run->files[0], &p->kg));
    names_t *names[] = {&p->entities, &p->relations};
    static const char *const lists[] = {"/entity/names", "/relation/names"};
    for (int i = 0; i < 2; i++) {
        TRN_TRY(trn_store_read_strings(p->kg.store, lists[i], &names[i]->count, &names[i]->list));
        TRN_AGREE(run->comm, trn_lookup_create(&names[i]->lookup, names[i]->count, names[i]->list,
                                               false, NULL));
    }
    const char *facts = trn_params_text(run->params, "inductive");
    if (facts) TRN_TRY(read_unseen(run, p, facts));
    TRN_TRY(trn_share_file(run->comm, run->files[2], &p->text));
    trn_status_t status = parse(p, run->files[2]);
    if (status == TRN_OK) status = trn_alloc(&p->best, k, sizeof *p->best, "answers");
    if (status == TRN_OK) status = read_known(p);
    TRN_AGREE(run->comm, status);
    return answer(run, p);
}

static trn_status_t run_kg_predict(trn_run_t *run) {
    int64_t bytes;
    TRN_TRY(
        trn_kg_predict_cost(run->comm, run->files[0], trn_params_int(run->params, "top"), &bytes));
    if (trn_params_bool(run->params, "dry-run")) {
        json_object_set_new(run->result, "bytes_per_rank", json_integer(bytes));
        return TRN_OK;
    }
    TRN_TRY(trn_mem_expect(bytes, run->ranks));
    prediction_t p = {0};
    trn_status_t status = predict(run, &p);
    trn_kg_model_close(&p.model);
    trn_kg_close(&p.kg);
    trn_known_destroy(&p.known);
    trn_lookup_destroy(&p.entities.lookup);
    trn_lookup_destroy(&p.relations.lookup);
    trn_free(&p.entities.list);
    trn_free(&p.graph_names);
    trn_unseen_free(&p.unseen);
    trn_free(&p.relations.list);
    trn_free(&p.text);
    trn_free(&p.questions);
    trn_free(&p.best);
    return status;
}

const trn_command_t trn_command_kg_predict = {
    .name = "kg-predict",
    .summary = "answer questions about a knowledge graph by a trained model",
    .files = "MODEL.h5 GRAPH.h5 QUESTIONS",
    .description = "QUESTIONS has lines of head, relation and tail between tabs, one of the three "
                   "being '?'. Prints the K best answers to each with their scores by the model's "
                   "definition in float64, higher being better, and whether the graph knows them.",
    .min_files = 3,
    .max_files = 3,
    .params = params,
    .run = run_kg_predict,
};
