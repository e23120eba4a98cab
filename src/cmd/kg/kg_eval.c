/* kg_eval.c: the verb `kg-eval`: link prediction, ranked among all entities or given ones, and
 * triple classification. */
#include "algo/kg/answer/kg_classify.h"
#include "algo/kg/answer/kg_evaluation.h"
#include "base/log.h"
#include "cli/command.h"

#include <inttypes.h>
#include <string.h>

static const trn_param_t params[] = {
    {"split", 0, TRN_PARAM_CHOICE, "test", .choices = "train|valid|test", .excludes = "candidates",
     .help = "triples to ask for"},
    {"raw", 0, TRN_PARAM_BOOL, "false", .excludes = "sample candidates classify",
     .help = "also rank with the other known answers left in"},
    {"per-relation", 0, TRN_PARAM_BOOL, "false", .help = "also a line for each relation"},
    {"per-side", 0, TRN_PARAM_BOOL, "false", .excludes = "classify",
     .help = "also a line for each category of relations (1-1, 1-N, N-1, N-N) and side"},
    {"types", 0, TRN_PARAM_BOOL, "false", .excludes = "sample candidates classify",
     .help = "rank among those entities alone that train has with the relation on the side asked "
             "for; the true answer is among them in any case"},
    {"sample", 0, TRN_PARAM_INT, "0", 0, 1e9, .metavar = "N", .excludes = "candidates classify",
     .help = "rank among N entities drawn for each question, all equally likely, no known answer "
             "among them; 0: among all"},
    {"candidates", 0, TRN_PARAM_TEXT, .metavar = "FILE", .excludes = "classify",
     .help =
         "in place of a split: questions with their candidates, a line each, between tabs: head, "
         "relation, tail, one of the two entities being '?', then the true answer, then those "
         "that it is ranked among, all of which count"},
    {"classify", 0, TRN_PARAM_TEXT, .metavar = "FILE",
     .help = "in place of ranking: tell the split's triples from the false ones of FILE (head, "
             "relation, tail between tabs) by thresholds fitted on valid against false ones drawn"},
    {"seed", 0, TRN_PARAM_INT, "1", 0, 9e18, .needs = "sample,classify",
     .help = "of --sample and --classify"},
    {"header", 0, TRN_PARAM_BOOL, "false", .needs = "candidates,classify",
     .help = "the first line of the file of --candidates or --classify names the columns"},
    {"keep-blanks", 0, TRN_PARAM_BOOL, "false", .needs = "candidates,classify",
     .help = "spaces at the ends of a name in it are part of the name"},
    {0}};

static trn_split_t chosen_split(const trn_params_t *p) {
    for (int s = 0; s < TRN_SPLITS; s++)
        if (strcmp(trn_params_text(p, "split"), trn_split_name(s)) == 0) return s;
    return TRN_TEST;
}

static trn_kg_form_t form_of(const trn_params_t *p) {
    return (trn_kg_form_t){trn_params_bool(p, "header"), trn_params_bool(p, "keep-blanks")};
}

static trn_kg_evaluation_options_t options_of(const trn_run_t *run) {
    const trn_params_t *p = run->params;
    return (trn_kg_evaluation_options_t){.split = chosen_split(p),
                                         .candidates = trn_params_text(p, "candidates"),
                                         .form = form_of(p),
                                         .sample = trn_params_int(p, "sample"),
                                         .seed = (uint64_t)trn_params_int(p, "seed"),
                                         .types = trn_params_bool(p, "types"),
                                         .raw = trn_params_bool(p, "raw"),
                                         .per_relation = trn_params_bool(p, "per-relation"),
                                         .per_side = trn_params_bool(p, "per-side"),
                                         .threads = run->threads};
}

/* One of the two, by --classify. */
typedef struct job {
    trn_kg_evaluation_t ranked;
    trn_kg_classification_t judged;
    double seconds; /* of the ranking alone */
} job_t;

static bool judges(const job_t *job) {
    return job->judged.path != NULL;
}

static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    const trn_params_t *p = run->params;
    trn_kg_evaluation_t *e = &job->ranked;
    e->options = options_of(run);
    job->judged = (trn_kg_classification_t){.split = chosen_split(p),
                                            .path = trn_params_text(p, "classify"),
                                            .form = form_of(p),
                                            .seed = (uint64_t)trn_params_int(p, "seed"),
                                            .per_relation = trn_params_bool(p, "per-relation")};
    if (judges(job))
        return trn_kg_classification_look(&job->judged, run->comm, run->files[0], run->files[1]);
    TRN_TRY(trn_kg_evaluation_look(e, run->comm, run->files[0], run->files[1], run->dry));
    if (!run->dry) return TRN_OK;
    return trn_run_note(run, json_pack("{s:I, s:I}", "queries", (json_int_t)e->count, "comparisons",
                                       (json_int_t)trn_kg_evaluation_comparisons(e)));
}

static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    if (judges(job))
        trn_kg_classification_plan(&job->judged, ranks, rank, ledger);
    else
        trn_kg_evaluation_plan(&job->ranked, ranks, rank, ledger);
}

/* Every comparison is a product of the model's width, in float32. */
static void cost(const void *user, trn_cost_t *cost) {
    const job_t *job = user;
    const trn_kg_classification_t *c = &job->judged;
    const trn_kg_header_t *h = judges(job) ? &c->header : &job->ranked.header;
    int64_t pairs = judges(job) ? c->kg.triples[c->split] + c->lines.count
                                : trn_kg_evaluation_comparisons(&job->ranked);
    *cost = (trn_cost_t){.flops = (double)pairs * (double)h->model->query_width(&h->shape),
                         .file_bytes = 4.0 * (double)h->entities * (double)h->shape.dim};
}

static trn_status_t judge(trn_run_t *run, trn_kg_classification_t *c) {
    TRN_TRY(trn_kg_classification_judge(c, run->comm, run->files[0]));
    if (c->known > 0 && run->rank == 0)
        trn_log(TRN_LOG_WARN, "kg-eval",
                "%s: %" PRId64 " of %" PRId64 " triples are facts of the graph; they count as "
                "false all the same",
                c->path, c->known, c->lines.count);
    return TRN_OK;
}

static trn_status_t work(trn_run_t *run, void *user) {
    job_t *job = user;
    if (judges(job)) return judge(run, &job->judged);
    return trn_kg_evaluation_rank(&job->ranked, run->comm, run->files[0], &job->seconds);
}

static trn_status_t report(trn_run_t *run, void *user) {
    const job_t *job = user;
    if (run->rank > 0) return TRN_OK;
    if (judges(job)) {
        trn_kg_classification_report(&job->judged, run->result);
        return TRN_OK;
    }
    trn_kg_evaluation_report(&job->ranked, run->result);
    return trn_run_note(run, json_pack("{s:f}", "seconds", job->seconds));
}

static void job_free(void *user) {
    job_t *job = user;
    trn_kg_evaluation_free(&job->ranked);
    trn_kg_classification_free(&job->judged);
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
    .examples = "rank the test facts among all entities\ttrunnion kg-eval M.h5 G.h5\n"
                "the valid facts, by kinds of relations, as JSON\ttrunnion kg-eval M.h5 G.h5 "
                "--split valid --per-relation --json",
    .min_files = 2,
    .max_files = 2,
    .operands = TRN_OPERANDS(TRN_READS("MODEL.h5"), TRN_READS("GRAPH.h5")),
    .blas = true,
    .params = params,
    .steps = &(const trn_steps_t){.size = sizeof(job_t),
                                  .look = look,
                                  .plan = plan,
                                  .cost = cost,
                                  .work = work,
                                  .report = report,
                                  .free = job_free},
};
