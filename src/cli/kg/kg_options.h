/* kg_options.h: the options of `kg-train`. */
#ifndef TRN_CLI_KG_KG_OPTIONS_H
#define TRN_CLI_KG_KG_OPTIONS_H

#include "algo/kg/train/kg_state.h"
#include "base/status.h"
#include "cli/param/param.h"

#include <jansson.h>

/* The table; ends with a row whose name is NULL. */
extern const trn_param_t trn_kg_train_params[];

/* The trn_command_t.settle of it: --preset. Local. */
trn_status_t trn_kg_train_settle(trn_params_t *params, json_t *answer);

/* What a model of a graph is by the options. Local. Fails with TRN_USAGE (a dimension or norm that
 * the model has not). */
trn_status_t trn_kg_header_of(const trn_params_t *params, const trn_kg_t *kg,
                              trn_kg_header_t *header);

/* How it is trained on a graph of so many entities; without an encoder. Local. */
trn_kg_options_t trn_kg_options_of(const trn_params_t *params, int64_t entities);

#endif
