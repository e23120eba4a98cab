/* kg_train.c: the verb `kg-train`: vectors of entities and relations from a knowledge graph. */
#include "algo/kg/train/kg_train.h"

#include "algo/common/estimate.h"
#include "algo/kg/nodepiece/kg_nodepiece.h"
#include "algo/kg/train/kg_settings.h"
#include "algo/kg/train/kg_valid.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/kg_presets.h"
#include "cli/param_fill.h"
#include "cli/training.h"

#include <stdio.h>
#include <string.h>

static const trn_param_t params[] = {
    {"output", 'o', TRN_PARAM_TEXT, .metavar = "M.h5", .required = true,
     .file = {TRN_FILE_WRITTEN, .endings = ".h5 .hdf5", .also = ".prev .best .best.prev"},
     .help = "model store to write"},
    {"preset", 0, TRN_PARAM_TEXT, .metavar = "NAME",
     .help = "settings known to do well on a benchmark, for all options that are not given; list: "
             "show them"},
    {"model", 0, TRN_PARAM_CHOICE, "complex", .choices = trn_model_names, .group = "Model",
     .help = "scoring function"},
    {"dim", 0, TRN_PARAM_INT, "200", 1, 65536,
     .help =
         "numbers of an entity; complex and rotate take two for each dimension, so an even number"},
    {"relation-dim", 0, TRN_PARAM_INT, "0", 0, 65536, .needs = "model=transr",
     .help = "transr: numbers of an entity in a relation's own space; 0: as --dim"},
    {"norm", 0, TRN_PARAM_CHOICE, "auto", .choices = "auto|1|2|e",
     .help = "distance of transe, rotate and toruse (e: of angles); auto: the model's usual one"},
    {"epochs", 0, TRN_PARAM_INT, "10", 1, 100000, .group = "Training",
     .help = "passes over the training triples"},
    {"seed", 0, TRN_PARAM_INT, "1", 0, 9e18, .help = "of starting vectors and order"},
    {"batch-size", 0, TRN_PARAM_INT, "1024", 1, 1048576,
     .help = "questions between two steps; every triple asks for its tail and for its head"},
    {"negatives", 0, TRN_PARAM_INT, "1024", 0, 1048576,
     .help = "entities drawn for each batch that the answer has to win against; 0: against all; "
             "with --encoder it meets those of the batch's questions too"},
    {"self-negative", 0, TRN_PARAM_BOOL, "false", .needs = "negatives regime=batch encoder=none",
     .help =
         "the answer has to win against the known entity too, which distances tend to put first"},
    {"filtered", 0, TRN_PARAM_BOOL, "false", .needs = "regime=batch encoder=none",
     .help = "entities that are known answers of a question are none of its negatives, which helps "
             "distances"},
    {"regime", 0, TRN_PARAM_CHOICE, "batch", .choices = "batch|bucketed|blocks",
     .help = "bucketed: batches out of two entity blocks at a time, which ranks pass on; for big "
             "graphs. "
             "blocks is its old name"},
    {"sweeps", 0, TRN_PARAM_INT, "4", 1, 4096, .needs = "regime=bucketed|blocks",
     .help = "times that an epoch of --regime bucketed goes round the blocks, with a part of their "
             "triples: more mix better and move more"},
    {"loss", 0, TRN_PARAM_CHOICE, "softmax", .choices = "softmax|bce|margin|adversarial",
     .group = "Loss",
     .help = "cross-entropy of the answer among the candidates, or of each for itself (bce, and "
             "adversarial, which looks at the best wrong ones most); margin: how far the answer "
             "must be ahead"},
    {"margin", 0, TRN_PARAM_REAL, "1", -1e6, 1e6, .needs = "loss=bce|margin|adversarial",
     .help = "of --loss margin; bce and adversarial add it to scores, which distances need"},
    {"temperature", 0, TRN_PARAM_REAL, "1", 0, 1e6, .needs = "loss=adversarial",
     .help = "of --loss adversarial: how much more the best wrong candidates count"},
    {"negative-weight", 0, TRN_PARAM_REAL, "1", 0, 1e9,
     .needs = "loss=softmax negatives,encoder=nodepiece",
     .help = "of --loss softmax: how many candidates each drawn one stands for; 0: as many as make "
             "up all entities"},
    {"all-answers", 0, TRN_PARAM_BOOL, "false", .needs = "negatives=0",
     .help = "ask each question once with all its answers (KvsAll) in place of once for each; "
             "needs --negatives 0"},
    {"smoothing", 0, TRN_PARAM_REAL, "0", 0, 0.999, .needs = "negatives=0",
     .help = "part of the answers' weight that is spread over all entities; needs --negatives 0"},
    {"entity-dropout", 0, TRN_PARAM_REAL, "0", 0, 0.99,
     .help = "part of the known entity's numbers that a question goes without"},
    {"relation-dropout", 0, TRN_PARAM_REAL, "0", 0, 0.99, .help = "the same of the relation"},
    {"optimizer", 0, TRN_PARAM_CHOICE, "adagrad", .choices = "adagrad|adagrad-row|adam",
     .group = "Optimizer and penalties",
     .help = "adagrad-row keeps one number a vector instead of one a number; adam two a number"},
    {"learning-rate", 0, TRN_PARAM_REAL, "0.1", 1e-9, 1e30, .help = "step size at the start"},
    {"final-rate", 0, TRN_PARAM_REAL, "1", 0, 1,
     .help = "fraction of the learning rate reached in the last epoch, linearly"},
    {"reciprocal", 0, TRN_PARAM_BOOL, "true",
     .help = "ask for heads as the tails of a relation of its own"},
    {"regularizer", 0, TRN_PARAM_CHOICE, "none", .choices = "none|l2|n3|dura",
     .help = "penalty on the vectors of each triple: squares; cubes of moduli; squares of entities "
             "and of their products with the relation (distmult, complex)"},
    {"weight", 0, TRN_PARAM_REAL, "0.1", 0, 1e9, .needs = "regularizer=l2|n3|dura",
     .help = "of the regularizer"},
    {"scale", 0, TRN_PARAM_REAL, "0.05", 1e-9, 1e9,
     .help = "standard deviation of the starting values"},
    {"start-from", 0, TRN_PARAM_TEXT, .metavar = "FILE", .file.use = TRN_FILE_READ,
     .help = "model of the same graph and size whose vectors are the starting values"},
    {"unit-entities", 0, TRN_PARAM_BOOL, "false", .needs = "model=transe|transh|transr|toruse",
     .help = "put entities back to unit length after each step, where the model knows how"},
    {"entity-blocks", 0, TRN_PARAM_INT, "0", 0, 1048576,
     .help = "blocks the entities are dealt to, which ranks share out; 0: 16, or with --regime "
             "batch more of 1024 entities"},
    {"encoder", 0, TRN_PARAM_CHOICE, "none", .choices = "none|nodepiece",
     .group = "Encoder instead of vectors",
     .help = "nodepiece: entities have no vectors of their own, two layers make them of anchors "
             "and relation types; --optimizer adam --learning-rate 0.001 suits it"},
    {"hash", 0, TRN_PARAM_TEXT, .metavar = "N.h5", .file.use = TRN_FILE_READ,
     .needs = "encoder=nodepiece",
     .help =
         "what the verb nodepiece made of the graph; default: made now, with its usual settings"},
    {"piece-dim", 0, TRN_PARAM_INT, "64", 1, 65536, .needs = "encoder=nodepiece",
     .help = "numbers of an anchor, a distance and a relation type"},
    {"hidden", 0, TRN_PARAM_INT, "512", 1, 65536, .needs = "encoder=nodepiece",
     .help = "numbers between the two layers"},
    {"encoder-dropout", 0, TRN_PARAM_REAL, "0.1", 0, 0.9, .needs = "encoder=nodepiece",
     .help = "part of them that a step leaves out"},
    {"valid-every", 0, TRN_PARAM_INT, "0", 0, 1000000, .group = "Early stopping",
     .help = "epochs between looks at the valid split, after which the model with the best MRR is "
             "the result; 0: none, the last model is"},
    {"patience", 0, TRN_PARAM_INT, "0", 0, 1000000, .needs = "valid-every",
     .help = "looks at the valid split without a better MRR before training ends; 0: it goes on"},
    TRN_CHECKPOINT_PARAMS,
    {0},
};

/* Blocks that the entities are dealt to. */
static int64_t blocks_of(const trn_kg_options_t *o, int64_t entities) {
    enum { FEWEST_BLOCKS = 16, BLOCK_ROWS = 1024 };
    int64_t blocks = o->blocks;
    if (blocks == 0 && !o->bucketed) blocks = (entities + BLOCK_ROWS - 1) / BLOCK_ROWS;
    if (blocks < FEWEST_BLOCKS && o->blocks == 0) blocks = FEWEST_BLOCKS;
    return blocks < entities ? blocks : entities;
}

/* What the settings' rows take from the options, and what follows from several of them. */
static trn_kg_options_t options_of(const trn_run_t *run, int64_t entities) {
    const trn_params_t *p = run->params;
    trn_kg_settings_t settings = {0};
    trn_kg_options_t *o = &settings.options;
    trn_params_fill(p, trn_kg_setting_table, &settings);
    const char *regulariser = trn_params_text(p, "regularizer");
    double weight = trn_params_real(p, "weight");
    o->l2 = strcmp(regulariser, "l2") == 0 ? weight : 0;
    o->n3 = strcmp(regulariser, "n3") == 0 ? weight : 0;
    o->dura = strcmp(regulariser, "dura") == 0 ? weight : 0;
    o->bucketed = strcmp(trn_params_text(p, "regime"), "batch") != 0;
    o->blocks = blocks_of(o, entities);
    if (o->loss.weight == 0) o->loss.weight = (float)entities / (float)o->negatives;
    return *o;
}

/* With --encoder: its options, and the sizes of its hashes. Collective. */
static trn_status_t encoder_of(const trn_run_t *run, const trn_kg_t *kg, trn_nodepiece_hash_t *hash,
                               trn_nodepiece_options_t *encoder, trn_kg_options_t *options) {
    const trn_params_t *p = run->params;
    if (strcmp(trn_params_text(p, "encoder"), "none") == 0) return TRN_OK;
    if (options->bucketed)
        return trn_fail(TRN_USAGE, "--regime: blocks of entities have no encoder; leave it out");
    *encoder = (trn_nodepiece_options_t){.hash = hash,
                                         .piece = trn_params_int(p, "piece-dim"),
                                         .hidden = trn_params_int(p, "hidden"),
                                         .dropout = trn_params_real(p, "encoder-dropout")};
    options->nodepiece = encoder;
    return trn_kg_nodepiece_look(hash, run->comm, kg, trn_params_text(p, "hash"));
}

/* Numbers that are learned. */
static int64_t parameters_of(const trn_kg_header_t *h, const trn_kg_options_t *options) {
    if (options->nodepiece) return trn_kg_nodepiece_parameters(h, options->nodepiece);
    return h->entities * h->shape.dim +
           trn_kg_relation_rows(h) *
               (h->model->relation_width(&h->shape) + h->model->second_width(&h->shape));
}

static trn_status_t header_of(const trn_run_t *run, const trn_kg_t *kg, trn_kg_header_t *header) {
    const trn_params_t *p = run->params;
    const char *name = trn_params_text(p, "model"), *norm = trn_params_text(p, "norm");
    const trn_model_t *model = trn_model_find(name);
    if (!model) return trn_fail(TRN_USAGE, "--model: '%s' is not in this program", name);
    int64_t dim = trn_params_int(p, "dim"), relation_dim = trn_params_int(p, "relation-dim");
    *header =
        (trn_kg_header_t){.model = model,
                          .shape = {.dim = dim,
                                    .relation_dim = relation_dim > 0 ? relation_dim : dim,
                                    .norm = strcmp(norm, "auto") == 0 ? model->norms[0] : norm[0]},
                          .entities = kg->entities,
                          .relations = kg->relations,
                          .reciprocal = trn_params_bool(p, "reciprocal")};
    if (model->complex && dim % 2 != 0)
        return trn_fail(TRN_USAGE, "--dim: %s needs an even number, not %lld", name,
                        (long long)dim);
    if (!strchr(model->norms, header->shape.norm))
        return trn_fail(TRN_USAGE, "--norm: %s has none called '%s' (it has: %s)", name, norm,
                        model->norms);
    return TRN_OK;
}

static const trn_kg_regime_t *regime_of(const trn_kg_options_t *options) {
    if (options->bucketed) return &trn_kg_bucketed;
    if (options->nodepiece) return &trn_kg_nodepiece;
    return options->negatives > 0 ? &trn_kg_negatives : &trn_kg_full;
}

/* A graph and how it is trained. */
typedef struct job {
    trn_kg_t kg;
    trn_kg_header_t header;
    trn_kg_options_t options;
    trn_nodepiece_options_t encoder;
    trn_nodepiece_hash_t hash; /* its sizes, until work begins */
    const char *path;          /* of the hash, or NULL */
    trn_kg_found_t found;
    bool save_behind;
    trn_kg_report_t figures;
} job_t;

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

static trn_status_t work(trn_run_t *run, void *user) {
    job_t *job = user;
    trn_trainer_run_t training;
    if (job->options.nodepiece)
        TRN_TRY(
            trn_kg_nodepiece_hash(&job->hash, run->comm, &job->kg, job->path, job->options.seed));
    TRN_TRY(trn_training_read(&training, run));
    trn_status_t status =
        trn_kg_train(run->comm, &job->kg, &job->header, &job->options, regime_of(&job->options),
                     &training, trn_params_text(run->params, "output"), &job->figures);
    trn_training_free(&training);
    return status;
}

static trn_status_t report(trn_run_t *run, void *user) {
    const job_t *job = user;
    const trn_kg_report_t *r = &job->figures;
    TRN_TRY(trn_run_note(
        run,
        json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f}", "model",
                  job->header.model->name, "entities", (json_int_t)job->kg.entities, "relations",
                  (json_int_t)job->kg.relations, "triples", (json_int_t)job->kg.triples[TRN_TRAIN],
                  "parameters", (json_int_t)parameters_of(&job->header, &job->options), "epochs",
                  (json_int_t)r->epochs, "loss", r->loss, "seconds", r->seconds, "cpu_seconds",
                  r->cpu_seconds, "triples_per_second", r->triples_per_second)));
    if (job->options.valid_every == 0) return TRN_OK;
    return trn_run_note(run, json_pack("{s:f, s:I}", "valid_mrr", r->valid_mrr, "best_epoch",
                                       (json_int_t)r->best_epoch));
}

static trn_status_t settle(trn_params_t *p, json_t *answer) {
    const char *preset = trn_params_text(p, "preset");
    if (!preset) return TRN_OK;
    if (strcmp(preset, "list") != 0) return trn_kg_preset_apply(p, preset);
    trn_kg_preset_list(answer);
    return TRN_OK;
}

static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    char has[64];
    int64_t blocks; /* that were asked for */
    if (run->rank == 0 && strcmp(trn_params_text(run->params, "regime"), "blocks") == 0)
        trn_log(TRN_LOG_WARN, "kg-train", "--regime blocks is called bucketed now");
    TRN_TRY(trn_kg_open(&job->kg, run->comm, run->files[0]));
    TRN_TRY(header_of(run, &job->kg, &job->header));
    snprintf(has, sizeof has, "the graph has %lld entities", (long long)job->kg.entities);
    TRN_TRY(trn_params_at_most(run->params, "entity-blocks", job->kg.entities, has, &blocks));
    job->options = options_of(run, job->kg.entities);
    job->path = trn_params_text(run->params, "hash");
    job->save_behind = trn_params_bool(run->params, "save-behind");
    TRN_TRY(encoder_of(run, &job->kg, &job->hash, &job->encoder, &job->options));
    if (run->dry)
        json_object_set_new(run->result, "parameters",
                            json_integer(parameters_of(&job->header, &job->options)));
    if (job->options.valid_every == 0) return TRN_OK;
    return trn_kg_valid_count(&job->kg, run->comm, &job->found);
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
    .settle = settle,
    .saves = true,
    .params = params,
    .steps = &(const trn_steps_t){.size = sizeof(job_t),
                                  .look = look,
                                  .plan = plan,
                                  .work = work,
                                  .report = report,
                                  .free = job_free},
};
