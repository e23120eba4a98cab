/* kg_train.c: the verb `kg-train`: vectors of entities and relations from a knowledge graph. */
#include "algo/kg/train/kg_train.h"

#include "algo/kg/nodepiece/kg_nodepiece.h"
#include "algo/kg/train/kg_valid.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/kg/kg_options.h"
#include "cli/training.h"

#include <string.h>

/* A graph and how it is trained. */
typedef struct job {
    trn_kg_t kg;
    trn_kg_header_t header;
    trn_kg_options_t options;
    trn_nodepiece_options_t encoder;
    trn_nodepiece_hash_t hash; /* its sizes, until work begins */
    const char *path;          /* of the hash, or NULL */
    trn_kg_found_t found;      /* facts about the valid split, if it is looked at */
    bool save_behind;
    trn_kg_report_t report;
} job_t;

static const trn_kg_regime_t *regime_of(const trn_kg_options_t *options) {
    if (options->bucketed) return &trn_kg_bucketed;
    if (options->nodepiece) return &trn_kg_nodepiece;
    return options->negatives > 0 ? &trn_kg_negatives : &trn_kg_full;
}

/* Numbers that are learned. */
static int64_t parameters_of(const job_t *job) {
    const trn_kg_header_t *h = &job->header;
    if (job->options.nodepiece) return trn_kg_nodepiece_parameters(h, &job->encoder);
    return h->entities * h->shape.dim +
           trn_kg_relation_rows(h) *
               (h->model->relation_width(&h->shape) + h->model->second_width(&h->shape));
}

/* With --encoder: its options, and the sizes of its hashes. Collective. */
static trn_status_t look_at_encoder(trn_run_t *run, job_t *job) {
    const trn_params_t *p = run->params;
    if (strcmp(trn_params_text(p, "encoder"), "none") == 0) return TRN_OK;
    if (job->options.bucketed)
        return trn_fail(TRN_USAGE, "--regime: blocks of entities have no encoder; leave it out");
    job->path = trn_params_text(p, "hash");
    job->encoder = (trn_nodepiece_options_t){.hash = &job->hash,
                                             .piece = trn_params_int(p, "piece-dim"),
                                             .hidden = trn_params_int(p, "hidden"),
                                             .dropout = trn_params_real(p, "encoder-dropout")};
    job->options.nodepiece = &job->encoder;
    return trn_kg_nodepiece_look(&job->hash, run->comm, &job->kg, job->path);
}

static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    const trn_params_t *p = run->params;
    int64_t blocks; /* that were asked for */
    if (run->rank == 0 && strcmp(trn_params_text(p, "regime"), "blocks") == 0)
        trn_log(TRN_LOG_WARN, "kg-train", "--regime blocks is called bucketed now");
    TRN_TRY(trn_kg_open(&job->kg, run->comm, run->files[0]));
    int64_t entities = job->kg.entities;
    TRN_TRY(trn_kg_header_of(p, &job->kg, &job->header));
    TRN_TRY(trn_params_of_those(p, "entity-blocks", entities, run->files[0], entities, "entities",
                                &blocks));
    job->options = trn_kg_options_of(p, entities);
    job->save_behind = trn_params_bool(p, "save-behind");
    TRN_TRY(look_at_encoder(run, job));
    if (job->options.valid_every > 0) TRN_TRY(trn_kg_valid_count(&job->kg, run->comm, &job->found));
    if (!run->dry) return TRN_OK;
    return trn_run_note(run, json_pack("{s:I}", "parameters", (json_int_t)parameters_of(job)));
}

static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    enum { LIBRARIES = 2 << 20 /* what malloc keeps of small blocks */ };
    const job_t *job = user;
    const trn_kg_train_size_t size = {.header = &job->header,
                                      .options = &job->options,
                                      .regime = regime_of(&job->options),
                                      .kg = &job->kg,
                                      .found = &job->found,
                                      .save_behind = job->save_behind};
    trn_ledger_take(ledger, "stores", trn_store_open_bytes(), 1);
    trn_ledger_take(ledger, "libraries", LIBRARIES, 1);
    if (job->options.nodepiece)
        trn_kg_nodepiece_hash_plan(ledger, &job->kg, &job->hash, job->path, ranks, rank);
    trn_kg_train_plan(ledger, &size, ranks, rank);
}

/* Three products with the candidates of every question, in float32, and the rows of a question and
 * their gradients and squares, there and back. */
static void cost(const void *user, trn_cost_t *cost) {
    enum { PASSES = 16 };
    const job_t *job = user;
    const trn_kg_options_t *o = &job->options;
    double candidates = (double)(o->negatives > 0 ? o->negatives : job->header.entities);
    double questions = 2.0 * (double)o->epochs * (double)job->kg.triples[TRN_TRAIN];
    double dim = (double)job->header.shape.dim;
    *cost = (trn_cost_t){.flops = 3 * questions * candidates * dim,
                         .bytes = PASSES * 4.0 * questions * dim,
                         .file_bytes = 8.0 * (double)job->header.entities * dim};
}

static trn_status_t work(trn_run_t *run, void *user) {
    job_t *job = user;
    const trn_kg_options_t *o = &job->options;
    trn_trainer_run_t training;
    if (o->nodepiece)
        TRN_TRY(trn_kg_nodepiece_hash(&job->hash, run->comm, &job->kg, job->path, o->seed));
    TRN_TRY(trn_training_read(&training, run));
    trn_status_t status =
        trn_kg_train(run->comm, &job->kg, &job->header, o, regime_of(o), &training,
                     trn_params_text(run->params, "output"), &job->report);
    trn_training_free(&training);
    return status;
}

static trn_status_t report(trn_run_t *run, void *user) {
    const job_t *job = user;
    const trn_kg_report_t *r = &job->report;
    TRN_TRY(trn_run_note(
        run,
        json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f}", "model",
                  job->header.model->name, "entities", (json_int_t)job->kg.entities, "relations",
                  (json_int_t)job->kg.relations, "triples", (json_int_t)job->kg.triples[TRN_TRAIN],
                  "parameters", (json_int_t)parameters_of(job), "epochs", (json_int_t)r->epochs,
                  "loss", r->loss, "seconds", r->seconds, "cpu_seconds", r->cpu_seconds,
                  "triples_per_second", r->triples_per_second)));
    if (job->options.valid_every == 0) return TRN_OK;
    return trn_run_note(run, json_pack("{s:f, s:I}", "valid_mrr", r->valid_mrr, "best_epoch",
                                       (json_int_t)r->best_epoch));
}

static void job_free(void *user) {
    job_t *job = user;
    trn_nodepiece_hash_free(&job->hash);
    trn_kg_close(&job->kg);
}

const trn_command_t trn_command_kg_train = {
    .name = "kg-train",
    .summary = "train vectors of a knowledge graph's entities and relations",
    .files = "G.h5 -o M.h5",
    .description =
        "Asks (head, relation, ?) and (?, relation, tail) of every triple and trains the answer to "
        "win against all entities, or against some drawn for each batch. Entities are dealt to the "
        "ranks. The number of ranks does not change a bit of the result; a rank uses one thread, "
        "so give it as many ranks as cores. USR1 or TERM saves a checkpoint and ends with "
        "exit code 85; the same command goes on from there, on any number of "
        "ranks. With --encoder nodepiece what is learned is small: vectors of anchors, distances "
        "and relation types, and how entities are made of them.",
    .examples = "train ComplEx and watch the valid facts\ttrunnion kg-train G.h5 --model complex "
                "--dim 16 --epochs 4 --valid-every 2 -o M.h5\n"
                "what it would take\ttrunnion kg-train G.h5 --model rotate --dim 500 --dry-run",
    .min_files = 1,
    .max_files = 1,
    .operands = TRN_OPERANDS(TRN_READS("G.h5")),
    .blas = true,
    .settle = trn_kg_train_settle,
    .saves = true,
    .params = trn_kg_train_params,
    .steps = &(const trn_steps_t){.size = sizeof(job_t),
                                  .look = look,
                                  .plan = plan,
                                  .cost = cost,
                                  .work = work,
                                  .report = report,
                                  .free = job_free},
};
