/* kg_predict.c: the verb `kg-predict`: the best answers to questions about a knowledge graph. */
#include "algo/kg/answer/kg_predict.h"
#include "algo/common/names.h"
#include "algo/kg/answer/kg_judge.h"
#include "algo/kg/kg_lines.h"
#include "algo/kg/kg_score.h"
#include "algo/kg/nodepiece/kg_unseen.h"
#include "base/emit.h"
#include "base/mem.h"
#include "cli/command.h"
#include "mpi/agree.h"
#include "text/lookup.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ABSENT = -2 };

static const trn_param_t params[] = {
    {"top", 'k', TRN_PARAM_INT, "10", 1, 100000, .metavar = "K",
     .help = "how many answers to each"},
    {"known", 0, TRN_PARAM_CHOICE, "mark", .choices = "exclude|mark",
     .help = "what to do with answers that the graph (train, valid or test) has already"},
    {"inductive", 0, TRN_PARAM_TEXT, .metavar = "FACTS", .file.use = TRN_FILE_READ,
     .help = "file of facts, lines of head, relation and tail between tabs, about entities that "
             "are not in the graph: they can then be asked about. The model must have been trained "
             "with --encoder"},
    {"score", 0, TRN_PARAM_BOOL, "false",
     .help = "QUESTIONS are whole triples: print the score of each"},
    {"calibrate", 0, TRN_PARAM_BOOL, "false",
     .help =
         "with --score: also whether the triple holds, by a threshold for its relation, and how "
         "probable that is; both fitted on valid against false triples drawn"},
    {"seed", 0, TRN_PARAM_INT, "1", 0, 9e18, .help = "of --calibrate"},
    {"header", 0, TRN_PARAM_BOOL, "false",
     .help = "the first line of QUESTIONS and of --inductive names the columns"},
    {"keep-blanks", 0, TRN_PARAM_BOOL, "false",
     .help = "spaces at the ends of a name are part of it, as where kg-import was told so"},
    {0}};

typedef struct prediction {
    int64_t k; /* answers to each */
    trn_kg_t kg;
    trn_kg_model_t model;
    trn_unseen_t unseen; /* of --inductive */
    trn_kg_lines_t lines;
    trn_kg_question_t *questions; /* [lines.count] */
    trn_known_t *known;
    trn_triple_t *triples;            /* [lines.count] of --score, and their scores: */
    double *scores;                   /* [lines.count] */
    trn_kg_judge_t judge;             /* of --calibrate */
    trn_best_t *best;                 /* [lines.count x k] on rank 0 */
    trn_labels_t entities, relations; /* names of the answers, there */
} prediction_t;

static trn_kg_form_t form_of(const trn_run_t *run) {
    return (trn_kg_form_t){trn_params_bool(run->params, "header"),
                           trn_params_bool(run->params, "keep-blanks")};
}

static bool is_open(const char *name) {
    return strcmp(name, "?") == 0;
}

/* The number in one place of question i: -1 if it is open, ABSENT if nothing has that name. */
static int32_t number_at(const prediction_t *p, const trn_lookup_t *unseen, int64_t i, int at) {
    const trn_triple_t *t = &p->lines.number[i];
    const char *name = p->lines.name[i][at];
    int32_t number = at == 0 ? t->head : at == 1 ? t->relation : t->tail;
    if (is_open(name)) return -1;
    if (number >= 0) return number;
    int64_t found = unseen && at != 1 ? trn_lookup_find(unseen, name) : -1;
    return found < 0 ? ABSENT : (int32_t)(p->kg.entities + found);
}

/* Question i by numbers. Collective. */
static trn_status_t number_question(const trn_run_t *run, prediction_t *p,
                                    const trn_lookup_t *unseen, int64_t i) {
    int32_t number[TRN_TRIPLE_COLUMNS];
    int open = 0;
    for (int at = 0; at < TRN_TRIPLE_COLUMNS; at++) {
        number[at] = number_at(p, unseen, i, at);
        open += number[at] == -1;
        if (number[at] == ABSENT)
            return trn_kg_lines_unknown(&p->lines, run->comm, &p->kg, i, at,
                                        at == 1 ? 0 : p->unseen.count, p->unseen.names);
    }
    bool whole = trn_params_bool(run->params, "score");
    if (open != (whole ? 0 : 1))
        return trn_fail(TRN_INPUT, "%s:%" PRId64 ": %s", p->lines.path, p->lines.line[i],
                        whole ? "a '?' stands in a triple to score; leave --score out to ask"
                        : open == 0
                            ? "exactly one of the three must be '?'; --score scores whole triples"
                            : "exactly one of the three must be '?'");
    if (whole) p->triples[i] = (trn_triple_t){number[0], number[1], number[2]};
    /* a whole triple is looked up as the question for its tail */
    p->questions[i] = (trn_kg_question_t){number[0], number[1], whole ? -1 : number[2]};
    return TRN_OK;
}

static trn_status_t read_questions(const trn_run_t *run, prediction_t *p) {
    trn_lookup_t *unseen = NULL;
    trn_kg_form_t form = form_of(run);
    TRN_TRY(trn_kg_lines_read(&p->lines, run->comm, run->files[2], "question", &form, &p->kg));
    trn_status_t status =
        trn_alloc(&p->questions, p->lines.count, sizeof *p->questions, "questions");
    if (status == TRN_OK && trn_params_bool(run->params, "score")) {
        status = trn_alloc(&p->triples, p->lines.count, sizeof *p->triples, "triples");
        if (status == TRN_OK)
            status = trn_alloc(&p->scores, p->lines.count, sizeof *p->scores, "scores");
    }
    if (status == TRN_OK && p->unseen.count > 0)
        status = trn_lookup_create(&unseen, p->unseen.count, p->unseen.names, false, NULL);
    status = trn_agree(run->comm, status);
    for (int64_t i = 0; i < p->lines.count && status == TRN_OK; i++)
        status = number_question(run, p, unseen, i);
    trn_lookup_destroy(&unseen);
    return status;
}

/* Bring the names of all answers of one kind to rank 0. Collective. */
static trn_status_t read_names(const trn_run_t *run, const prediction_t *p, bool relations,
                               const char *list, trn_labels_t *labels) {
    int64_t k = p->k, *numbers = NULL, count = 0;
    trn_status_t status = TRN_OK;
    if (run->rank == 0)
        status = trn_alloc(&numbers, p->lines.count * k, sizeof *numbers, "answers");
    for (int64_t i = 0; numbers && i < p->lines.count; i++)
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
    char *const *name = p->lines.name[i];
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
    int64_t k = p->k;
    bool exclude = strcmp(trn_params_text(run->params, "known"), "exclude") == 0;
    trn_kg_wanted_t wanted = {k, p->kg.entities, exclude ? p->known : NULL};
    trn_status_t status = TRN_OK;
    if (run->rank == 0)
        status = trn_alloc(&p->best, p->lines.count * k, sizeof *p->best, "answers");
    TRN_AGREE(run->comm, status);
    TRN_TRY(trn_kg_answer(&p->model, run->comm, p->lines.count, p->questions, &wanted, run->threads,
                          p->best));
    TRN_TRY(read_names(run, p, false, "/entity/names", &p->entities));
    TRN_TRY(read_names(run, p, true, "/relation/names", &p->relations));
    if (run->rank > 0) return TRN_OK;
    json_t *table = json_array();
    for (int64_t i = 0; i < p->lines.count; i++)
        report_question(p, i, k, table);
    json_object_set_new(run->result, "answers", table);
    return TRN_OK;
}

static void report_score(const prediction_t *p, int64_t i, json_t *table) {
    char *const *name = p->lines.name[i];
    const trn_triple_t *t = &p->triples[i];
    double score = p->scores[i];
    json_t *line =
        json_pack("{s:o, s:o, s:o, s:f, s:b}", "head", trn_json_text(name[0]), "relation",
                  trn_json_text(name[1]), "tail", trn_json_text(name[2]), "score", score, "known",
                  (int)trn_kg_is_known(p->known, &p->questions[i], t->tail));
    if (p->judge.threshold) {
        json_object_set_new(line, "threshold", json_real(p->judge.threshold[t->relation]));
        json_object_set_new(line, "holds",
                            json_boolean(trn_kg_judge_holds(&p->judge, t->relation, score)));
        json_object_set_new(line, "probability",
                            json_real(trn_kg_judge_probability(&p->judge, t->relation, score)));
    }
    json_array_append_new(table, line);
}

/* Score whole triples. Collective. */
static trn_status_t score(trn_run_t *run, prediction_t *p) {
    if (trn_params_bool(run->params, "calibrate"))
        TRN_TRY(trn_kg_judge_fit(&p->judge, &p->model, run->comm, &p->kg,
                                 (uint64_t)trn_params_int(run->params, "seed")));
    TRN_TRY(trn_kg_score_triples(&p->model, run->comm, p->lines.count, p->triples, p->scores));
    if (run->rank > 0) return TRN_OK;
    json_t *table = json_array();
    for (int64_t i = 0; i < p->lines.count; i++)
        report_score(p, i, table);
    json_object_set_new(run->result, "triples", table);
    return TRN_OK;
}

static trn_status_t predict(trn_run_t *run, prediction_t *p) {
    TRN_TRY(trn_kg_open(&p->kg, run->comm, run->files[1]));
    TRN_TRY(trn_kg_model_open(&p->model, run->comm, run->files[0], &p->kg));
    const char *facts = trn_params_text(run->params, "inductive");
    if (facts) {
        trn_kg_form_t form = form_of(run);
        TRN_TRY(trn_unseen_read(&p->unseen, run->comm, facts, &form, &p->kg));
        TRN_TRY(trn_unseen_encode(&p->unseen, &p->model, run->comm, facts));
    }
    TRN_TRY(read_questions(run, p));
    TRN_TRY(trn_kg_known_about(&p->kg, run->comm, TRN_SPLITS, p->lines.count, p->questions,
                               p->unseen.facts, p->unseen.fact, &p->known));
    return trn_params_bool(run->params, "score") ? score(run, p) : answer(run, p);
}

/* Options that have no effect with the others. */
static trn_status_t check_options(const trn_params_t *p) {
    static const char *const asks[] = {"top", "known"};
    bool score = trn_params_bool(p, "score"), calibrate = trn_params_bool(p, "calibrate");
    for (int i = 0; i < 2 && score; i++)
        if (trn_params_given(p, asks[i]))
            return trn_fail(TRN_USAGE, "--%s: has no meaning with --score; leave it out", asks[i]);
    if (calibrate && !score)
        return trn_fail(TRN_USAGE, "--calibrate: is of --score; give that too");
    if (trn_params_given(p, "seed") && !calibrate)
        return trn_fail(TRN_USAGE, "--seed: is of --calibrate; give that too");
    return TRN_OK;
}

static trn_status_t run_kg_predict(trn_run_t *run) {
    prediction_t p = {0};
    trn_kg_header_t header;
    char has[96];
    TRN_TRY(check_options(run->params));
    TRN_TRY(trn_kg_header_open(run->comm, run->files[0], &header));
    int64_t most = header.entities > header.relations ? header.entities : header.relations;
    snprintf(has, sizeof has, "the model has %lld entities and %lld relations",
             (long long)header.entities, (long long)header.relations);
    TRN_TRY(trn_params_at_most(run->params, "top", most, has, &p.k));
    int64_t bytes = trn_kg_predict_bytes(&header, run->comm, p.k, run->threads);
    if (trn_params_bool(run->params, "dry-run")) {
        json_object_set_new(run->result, "bytes_per_rank", json_integer(bytes));
        return TRN_OK;
    }
    TRN_TRY(trn_mem_expect(bytes, run->ranks));
    trn_status_t status = predict(run, &p);
    trn_kg_model_close(&p.model);
    trn_kg_close(&p.kg);
    trn_unseen_free(&p.unseen);
    trn_known_destroy(&p.known);
    trn_labels_free(&p.entities);
    trn_labels_free(&p.relations);
    trn_kg_lines_free(&p.lines);
    trn_free(&p.questions);
    trn_free(&p.triples);
    trn_free(&p.scores);
    trn_kg_judge_free(&p.judge);
    trn_free(&p.best);
    return status;
}

const trn_command_t trn_command_kg_predict = {
    .name = "kg-predict",
    .summary = "answer questions about a knowledge graph by a trained model",
    .files = "MODEL.h5 GRAPH.h5 QUESTIONS",
    .description =
        "QUESTIONS has lines of head, relation and tail between tabs, one of the three being '?'. "
        "Prints the K best answers to each with their scores by the model's definition in float64, "
        "higher being better, and whether the graph knows them. With --score the lines are whole "
        "triples: each is scored as the answer to the question for its tail. --calibrate fits a "
        "threshold for each relation on the valid split and as many false triples, and one curve "
        "of probabilities by the distance from the threshold.",
    .min_files = 3,
    .max_files = 3,
    .operands = TRN_OPERANDS(TRN_READS("MODEL.h5"), TRN_READS("GRAPH.h5"), TRN_READS("QUESTIONS")),
    .blas = true,
    .params = params,
    .run = run_kg_predict,
};
