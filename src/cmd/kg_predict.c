/* kg_predict.c: the verb `kg-predict`: the best answers to questions about a knowledge graph. */
#include "algo/kg_predict.h"
#include "algo/kg_unseen.h"
#include "algo/names.h"
#include "base/emit.h"
#include "base/mem.h"
#include "cmd/command.h"
#include "io/share.h"
#include "mpi/agree.h"
#include "text/lookup.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ABSENT = -2 };

static const trn_param_t params[] = {
    {"top", 0, TRN_PARAM_INT, "10", 1, 100000, NULL, "K", "how many answers to each"},
    {"known", 0, TRN_PARAM_CHOICE, "mark", 0, 0, "exclude|mark", NULL,
     "what to do with answers that the graph (train, valid or test) has already"},
    {"inductive", 0, TRN_PARAM_TEXT, NULL, 0, 0, NULL, "FACTS",
     "file of facts, lines of head, relation and tail between tabs, about entities that are not in "
     "the graph: they can then be asked about. The model must have been trained with --encoder"},
    {0}};

typedef struct prediction {
    trn_kg_t kg;
    trn_kg_model_t model;
    trn_unseen_t unseen; /* of --inductive */
    char *text;          /* of the questions, cut up */
    int64_t count;
    int64_t *line;                     /* [count] of the file */
    char *(*name)[TRN_TRIPLE_COLUMNS]; /* [count] in the text */
    trn_triple_t *numbers;             /* [count] */
    trn_kg_question_t *questions;      /* [count] */
    trn_known_t *known;
    trn_best_t *best;                 /* [count x k] on rank 0 */
    trn_labels_t entities, relations; /* names of the answers, there */
} prediction_t;

static bool is_open(const char *name) {
    return strcmp(name, "?") == 0;
}

/* Cut a line at its two tabs. */
static trn_status_t cut_line(const char *where, int64_t line, char *text,
                             char *name[TRN_TRIPLE_COLUMNS]) {
    int open = 0;
    for (int i = 0; i < TRN_TRIPLE_COLUMNS; i++) {
        char *tab = text ? strchr(text, '\t') : NULL;
        if (!text || (i < 2) != (tab != NULL))
            return trn_fail(TRN_INPUT, "%s:%" PRId64 ": must be head, relation, tail between tabs",
                            where, line);
        if (tab) *tab = '\0';
        name[i] = text;
        open += is_open(text);
        text = tab ? tab + 1 : NULL;
    }
    if (open != 1)
        return trn_fail(TRN_INPUT, "%s:%" PRId64 ": exactly one of the three must be '?'", where,
                        line);
    return TRN_OK;
}

static trn_status_t cut_lines(prediction_t *p, const char *where) {
    int64_t lines = 1, number = 0;
    for (const char *c = p->text; *c; c++)
        lines += *c == '\n';
    TRN_TRY(trn_alloc(&p->line, lines, sizeof *p->line, "questions"));
    TRN_TRY(trn_alloc(&p->name, lines, sizeof *p->name, "questions"));
    for (char *line = p->text, *next; *line; line = next) {
        size_t length = strcspn(line, "\n");
        next = line + length + (line[length] == '\n');
        line[length] = '\0';
        if (length > 0 && line[length - 1] == '\r') line[length - 1] = '\0';
        number++;
        if (*line == '\0') continue;
        p->line[p->count] = number;
        TRN_TRY(cut_line(where, number, line, p->name[p->count++]));
    }
    if (p->count == 0) return trn_fail(TRN_INPUT, "%s: holds no question", where);
    TRN_TRY(trn_alloc(&p->numbers, p->count, sizeof *p->numbers, "questions"));
    return trn_alloc(&p->questions, p->count, sizeof *p->questions, "questions");
}

/* The number in one place of question i: -1 if it is open, ABSENT if nothing has that name. */
static int32_t number_at(const prediction_t *p, const trn_lookup_t *unseen, int64_t i, int place) {
    const trn_triple_t *t = &p->numbers[i];
    int32_t number = place == 0 ? t->head : place == 1 ? t->relation : t->tail;
    if (is_open(p->name[i][place])) return -1;
    if (number >= 0) return number;
    int64_t found = unseen && place != 1 ? trn_lookup_find(unseen, p->name[i][place]) : -1;
    return found < 0 ? ABSENT : (int32_t)(p->kg.entities + found);
}

/* Questions by numbers. Collective. */
static trn_status_t number_questions(const trn_run_t *run, prediction_t *p,
                                     const trn_lookup_t *unseen) {
    TRN_TRY(trn_kg_find(&p->kg, run->comm, p->count, p->name, p->numbers));
    for (int64_t i = 0; i < p->count; i++) {
        int32_t number[TRN_TRIPLE_COLUMNS];
        for (int place = 0; place < TRN_TRIPLE_COLUMNS; place++) {
            number[place] = number_at(p, unseen, i, place);
            if (number[place] != ABSENT) continue;
            bool relation = place == 1;
            char where[4096];
            snprintf(where, sizeof where, "%s:%" PRId64, run->files[2], p->line[i]);
            return trn_names_unknown(p->kg.store, run->comm,
                                     relation ? "/relation/names" : "/entity/names", where,
                                     p->name[i][place], relation ? "relation" : "entity",
                                     relation ? 0 : p->unseen.count, p->unseen.names);
        }
        p->questions[i] = (trn_kg_question_t){number[0], number[1], number[2]};
    }
    return TRN_OK;
}

static trn_status_t find_names(const trn_run_t *run, prediction_t *p) {
    trn_lookup_t *unseen = NULL;
    trn_status_t status = TRN_OK;
    if (p->unseen.count > 0)
        status = trn_lookup_create(&unseen, p->unseen.count, p->unseen.names, false, NULL);
    status = trn_agree(run->comm, status);
    if (status == TRN_OK) status = number_questions(run, p, unseen);
    trn_lookup_destroy(&unseen);
    return status;
}

/* Bring the names of all answers of one kind to rank 0. Collective. */
static trn_status_t read_names(const trn_run_t *run, const prediction_t *p, bool relations,
                               const char *list, trn_labels_t *labels) {
    int64_t k = trn_params_int(run->params, "top"), *numbers = NULL, count = 0;
    trn_status_t status = TRN_OK;
    if (run->rank == 0) status = trn_alloc(&numbers, p->count * k, sizeof *numbers, "answers");
    for (int64_t i = 0; numbers && i < p->count; i++)
        for (int64_t j = 0; j < k && (p->questions[i].relation < 0) == relations; j++)
            numbers[count++] = p->best[i * k + j].index;
    status = trn_agree(run->comm, status);
    if (status == TRN_OK)
        status = trn_names_read(p->kg.store, run->comm, list, count, numbers, labels);
    trn_free(&numbers);
    return status;
}

static void report_question(const prediction_t *p, int64_t i, int64_t k, json_t *table) {
    const trn_kg_question_t *question = &p->questions[i];
    const trn_labels_t *names = question->relation < 0 ? &p->relations : &p->entities;
    char *const *name = p->name[i];
    const trn_best_t *best = p->best + i * k;
    for (int64_t j = 0; j < k && best[j].index >= 0; j++)
        json_array_append_new(
            table,
            json_pack("{s:o, s:o, s:o, s:I, s:o, s:f, s:b}", "head", trn_json_text(name[0]),
                      "relation", trn_json_text(name[1]), "tail", trn_json_text(name[2]), "rank",
                      (json_int_t)(j + 1), "answer",
                      trn_json_text(trn_labels_name(names, best[j].index)), "score", best[j].score,
                      "known", (int)trn_kg_is_known(p->known, question, best[j].index)));
}

static trn_status_t answer(trn_run_t *run, prediction_t *p) {
    int64_t k = trn_params_int(run->params, "top");
    bool exclude = strcmp(trn_params_text(run->params, "known"), "exclude") == 0;
    trn_kg_wish_t wish = {k, p->kg.entities, exclude ? p->known : NULL};
    trn_status_t status = TRN_OK;
    if (run->rank == 0) status = trn_alloc(&p->best, p->count * k, sizeof *p->best, "answers");
    TRN_AGREE(run->comm, status);
    TRN_TRY(
        trn_kg_answer(&p->model, run->comm, p->count, p->questions, &wish, run->threads, p->best));
    TRN_TRY(read_names(run, p, false, "/entity/names", &p->entities));
    TRN_TRY(read_names(run, p, true, "/relation/names", &p->relations));
    if (run->rank > 0) return TRN_OK;
    json_t *table = json_array();
    for (int64_t i = 0; i < p->count; i++)
        report_question(p, i, k, table);
    json_object_set_new(run->result, "answers", table);
    return TRN_OK;
}

static trn_status_t predict(trn_run_t *run, prediction_t *p) {
    TRN_TRY(trn_kg_open(&p->kg, run->comm, run->files[1]));
    TRN_TRY(trn_kg_model_open(&p->model, run->comm, run->files[0], &p->kg));
    const char *facts = trn_params_text(run->params, "inductive");
    if (facts) {
        TRN_TRY(trn_unseen_read(&p->unseen, run->comm, facts, &p->kg));
        TRN_TRY(trn_unseen_encode(&p->unseen, &p->model, run->comm, facts));
    }
    TRN_TRY(trn_share_file(run->comm, run->files[2], &p->text));
    TRN_AGREE(run->comm, cut_lines(p, run->files[2]));
    TRN_TRY(find_names(run, p));
    TRN_TRY(trn_kg_known_about(&p->kg, run->comm, TRN_SPLITS, p->count, p->questions,
                               p->unseen.facts, p->unseen.fact, &p->known));
    return answer(run, p);
}

static trn_status_t run_kg_predict(trn_run_t *run) {
    int64_t bytes;
    TRN_TRY(trn_kg_predict_cost(run->comm, run->files[0], trn_params_int(run->params, "top"),
                                run->threads, &bytes));
    if (trn_params_bool(run->params, "dry-run")) {
        json_object_set_new(run->result, "bytes_per_rank", json_integer(bytes));
        return TRN_OK;
    }
    TRN_TRY(trn_mem_expect(bytes, run->ranks));
    prediction_t p = {0};
    trn_status_t status = predict(run, &p);
    trn_kg_model_close(&p.model);
    trn_kg_close(&p.kg);
    trn_unseen_free(&p.unseen);
    trn_known_destroy(&p.known);
    trn_labels_free(&p.entities);
    trn_labels_free(&p.relations);
    trn_free(&p.text);
    trn_free(&p.line);
    trn_free(&p.name);
    trn_free(&p.numbers);
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
