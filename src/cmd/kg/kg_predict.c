/* kg_predict.c: the verb `kg-predict`: the best answers to questions about a knowledge graph. */
#include "algo/kg/ask/kg_questions.h"
#include "cli/command.h"

#include <stdio.h>
#include <string.h>

static const trn_param_t params[] = {
    {"top", 'k', TRN_PARAM_INT, "10", 1, 100000, .metavar = "K", .excludes = "score",
     .help = "how many answers to each"},
    {"known", 0, TRN_PARAM_CHOICE, "mark", .choices = "exclude|mark", .excludes = "score",
     .help = "what to do with answers that the graph (train, valid or test) has already"},
    {"inductive", 0, TRN_PARAM_TEXT, .metavar = "FACTS", .file.use = TRN_FILE_READ,
     .help = "file of facts, lines of head, relation and tail between tabs, about entities that "
             "are not in the graph: they can then be asked about. The model must have been trained "
             "with --encoder"},
    {"score", 0, TRN_PARAM_BOOL, "false",
     .help = "QUESTIONS are whole triples: print the score of each"},
    {"calibrate", 0, TRN_PARAM_BOOL, "false", .needs = "score",
     .help =
         "with --score: also whether the triple holds, by a threshold for its relation, and how "
         "probable that is; both fitted on valid against false triples drawn"},
    {"seed", 0, TRN_PARAM_INT, "1", 0, 9e18, .needs = "calibrate", .help = "of --calibrate"},
    {"header", 0, TRN_PARAM_BOOL, "false",
     .help = "the first line of QUESTIONS and of --inductive names the columns"},
    {"keep-blanks", 0, TRN_PARAM_BOOL, "false",
     .help = "spaces at the ends of a name are part of it, as where kg-import was told so"},
    {0}};

static trn_kg_questions_options_t options_of(const trn_run_t *run) {
    const trn_params_t *p = run->params;
    return (trn_kg_questions_options_t){
        .model = run->files[0],
        .graph = run->files[1],
        .questions = run->files[2],
        .facts = trn_params_text(p, "inductive"),
        .form = {trn_params_bool(p, "header"), trn_params_bool(p, "keep-blanks")},
        .score = trn_params_bool(p, "score"),
        .calibrate = trn_params_bool(p, "calibrate"),
        .seed = (uint64_t)trn_params_int(p, "seed"),
        .exclude = strcmp(trn_params_text(p, "known"), "exclude") == 0,
        .threads = run->threads};
}

static trn_status_t look(trn_run_t *run, void *user) {
    trn_kg_questions_t *q = user;
    char has[96];
    q->options = options_of(run);
    TRN_TRY(trn_kg_header_open(run->comm, run->files[0], &q->header));
    int64_t entities = q->header.entities, relations = q->header.relations;
    snprintf(has, sizeof has, "the model has %lld entities and %lld relations", (long long)entities,
             (long long)relations);
    TRN_TRY(trn_params_at_most(run->params, "top", entities > relations ? entities : relations, has,
                               &q->options.k));
    return trn_kg_questions_look(q, run->comm);
}

/* All entities against all questions, in float32. */
static void cost(const void *user, trn_cost_t *cost) {
    const trn_kg_questions_t *q = user;
    const trn_kg_header_t *h = &q->header;
    double each = q->options.score ? 1 : (double)h->entities;
    *cost = (trn_cost_t){.flops = (double)q->lines.count * each *
                                  (double)h->model->query_width(&h->shape),
                         .file_bytes = 4.0 * (double)h->entities * (double)h->shape.dim};
}

static trn_status_t work(trn_run_t *run, void *user) {
    return trn_kg_questions_answer(user, run->comm);
}

static trn_status_t report(trn_run_t *run, void *user) {
    if (run->rank == 0) trn_kg_questions_report(user, run->result);
    return TRN_OK;
}

static void job_free(void *user) {
    trn_kg_questions_free(user);
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
    .examples =
        "answer questions such as \"e1 r1 ?\"\ttrunnion kg-predict M.h5 G.h5 questions.tsv --top "
        "3\n"
        "leave known answers out\ttrunnion kg-predict M.h5 G.h5 questions.tsv --known exclude",
    .min_files = 3,
    .max_files = 3,
    .operands = TRN_OPERANDS(TRN_READS("MODEL.h5"), TRN_READS("GRAPH.h5"), TRN_READS("QUESTIONS")),
    .blas = true,
    .params = params,
    .steps = &(const trn_steps_t){.size = sizeof(trn_kg_questions_t),
                                  .look = look,
                                  .plan = trn_kg_questions_plan,
                                  .cost = cost,
                                  .work = work,
                                  .report = report,
                                  .free = job_free},
};
