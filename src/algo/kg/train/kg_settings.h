/* kg_settings.h: everything that decides the result of kg-train, one row a setting. */
#ifndef TRN_ALGO_KG_TRAIN_KG_SETTINGS_H
#define TRN_ALGO_KG_TRAIN_KG_SETTINGS_H

#include "algo/common/settings.h"
#include "algo/kg/train/kg_state.h"

enum { TRN_KG_SETTINGS_BYTES = 2048 /* of their text */ };

/* What the rows point into. */
typedef struct trn_kg_settings {
    trn_kg_header_t header;
    trn_kg_options_t options;
    const char *model; /* header.model's name */
    int64_t triples;   /* of train */
} trn_kg_settings_t;

/* The rows; where `name` begins with "--" it is the option of kg-train that the value comes from.
 * A new setting is a row here, a field of trn_kg_options_t and an option. */
extern const trn_setting_t trn_kg_setting_table[];

/* The settings of a training as they are compared: what has no effect is 0 (the number of epochs
 * where the rate does not depend on it, sweeps without entity blocks). Borrows from its arguments.
 * Local. */
trn_kg_settings_t trn_kg_settings(const trn_kg_header_t *header, const trn_kg_options_t *options,
                                  int64_t triples);

#endif
