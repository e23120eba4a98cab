/* kg_settings.c: the table of settings of kg-train. The order of rows is that of the text in
 * checkpoints of all versions so far; rows with a value for texts that lack them came later. */
#include "algo/kg/train/kg_settings.h"

#include <stddef.h>

#define HEADER(field) offsetof(trn_kg_settings_t, header.field)
#define OPTION(field) offsetof(trn_kg_settings_t, options.field)

_Static_assert(offsetof(trn_kg_options_t, relation_dropout) ==
                   offsetof(trn_kg_options_t, entity_dropout) + sizeof(double),
               "the two dropouts are a pair");

/* clang-format off */
const trn_setting_t trn_kg_setting_table[] = {
    {"model", "--model", TRN_SETTING_TEXT, offsetof(trn_kg_settings_t, model), NULL, NULL},
    {"dim", "--dim", TRN_SETTING_INT, HEADER(shape.dim), NULL, NULL},
    {"relation_dim", "--relation-dim", TRN_SETTING_INT, HEADER(shape.relation_dim), NULL, NULL},
    {"norm", "--norm", TRN_SETTING_LETTER, HEADER(shape.norm), NULL, NULL},
    {"reciprocal", "--reciprocal", TRN_SETTING_FLAG, HEADER(reciprocal), NULL, NULL},
    {"entities", "the graph's entities", TRN_SETTING_INT, HEADER(entities), NULL, NULL},
    {"relations", "the graph's relations", TRN_SETTING_INT, HEADER(relations), NULL, NULL},
    {"triples", "the graph's training triples", TRN_SETTING_INT,
     offsetof(trn_kg_settings_t, triples), NULL, NULL},
    {"epochs", "--epochs", TRN_SETTING_INT, OPTION(epochs), NULL, NULL},
    {"batch", "--batch-size", TRN_SETTING_INT, OPTION(batch), NULL, NULL},
    {"blocks", "--entity-blocks", TRN_SETTING_INT, OPTION(blocks), NULL, NULL},
    {"negatives", "--negatives", TRN_SETTING_INT, OPTION(negatives), NULL, NULL},
    {"optimiser", "--optimizer", TRN_SETTING_CHOICE, OPTION(optimiser),
     "adagrad|adagrad-row|adam", NULL},
    {"rate", "--learning-rate", TRN_SETTING_REAL, OPTION(rate), NULL, NULL},
    {"final_rate", "--final-rate", TRN_SETTING_REAL, OPTION(final_rate), NULL, NULL},
    {"l2", "--weight of --regularizer l2", TRN_SETTING_REAL, OPTION(l2), NULL, NULL},
    {"n3", "--weight of --regularizer n3", TRN_SETTING_REAL, OPTION(n3), NULL, NULL},
    {"scale", "--scale", TRN_SETTING_REAL, OPTION(scale), NULL, NULL},
    {"unit", "--unit-entities", TRN_SETTING_FLAG, OPTION(unit_entities), NULL, NULL},
    {"seed", "--seed", TRN_SETTING_SEED, OPTION(seed), NULL, NULL},
    {"loss", "--loss", TRN_SETTING_CHOICE, OPTION(loss.kind), "softmax|bce|margin|adversarial",
     NULL},
    {"margin", "--margin", TRN_SETTING_FLOAT, OPTION(loss.margin), NULL, NULL},
    {"temperature", "--temperature", TRN_SETTING_FLOAT, OPTION(loss.temperature), NULL, NULL},
    {"all_answers", "--all-answers", TRN_SETTING_FLAG, OPTION(all_answers), NULL, NULL},
    {"smoothing", "--smoothing", TRN_SETTING_REAL, OPTION(smoothing), NULL, NULL},
    {"weight", "--negative-weight", TRN_SETTING_FLOAT, OPTION(loss.weight), NULL, NULL},
    {"dropout", "--entity-dropout,--relation-dropout", TRN_SETTING_PAIR, OPTION(entity_dropout),
     NULL, NULL},
    {"valid_every", "--valid-every", TRN_SETTING_INT, OPTION(valid_every), NULL, NULL},
    {"patience", "--patience", TRN_SETTING_INT, OPTION(patience), NULL, NULL},
    {"sweeps", "--sweeps", TRN_SETTING_INT, OPTION(sweeps), NULL, NULL},
    {"self_negative", "--self-negative", TRN_SETTING_FLAG, OPTION(self_negative), NULL, "0"},
    {"dura", "--weight of --regularizer dura", TRN_SETTING_REAL, OPTION(dura), NULL, "0"},
    {"filtered", "--filtered", TRN_SETTING_FLAG, OPTION(filtered), NULL, "0"},
    {"start", "--start-from", TRN_SETTING_REST, OPTION(start), NULL, NULL},
    {0}};
/* clang-format on */

trn_kg_settings_t trn_kg_settings(const trn_kg_header_t *header, const trn_kg_options_t *options,
                                  int64_t triples) {
    trn_kg_settings_t s = {*header, *options, header->model->name, triples};
    if (options->final_rate == 1) s.options.epochs = 0;
    if (!options->bucketed) s.options.sweeps = 0;
    return s;
}
