/* kg_options.c: the options of `kg-train`, and what they say of the model and of its training. */
#include "cli/kg/kg_options.h"

#include "algo/kg/train/kg_settings.h"
#include "cli/command.h"
#include "cli/kg/kg_presets.h"
#include "cli/param_fill.h"

#include <string.h>

const trn_param_t trn_kg_train_params[] = {
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
trn_kg_options_t trn_kg_options_of(const trn_params_t *p, int64_t entities) {
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

trn_status_t trn_kg_header_of(const trn_params_t *p, const trn_kg_t *kg, trn_kg_header_t *header) {
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

trn_status_t trn_kg_train_settle(trn_params_t *p, json_t *answer) {
    const char *preset = trn_params_text(p, "preset");
    if (!preset) return TRN_OK;
    if (strcmp(preset, "list") != 0) return trn_kg_preset_apply(p, preset);
    trn_kg_preset_list(answer);
    return TRN_OK;
}
