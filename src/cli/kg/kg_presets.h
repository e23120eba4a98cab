/* kg_presets.h: settings of `kg-train` that reach known figures on the usual benchmarks. */
#ifndef TRN_CLI_KG_KG_PRESETS_H
#define TRN_CLI_KG_KG_PRESETS_H

#include "base/status.h"
#include "cli/param/param.h"

#include <jansson.h>

/* Give every parameter that the preset `name` speaks of and the user does not its value. Local.
 * Fails with TRN_USAGE (no such preset), TRN_MEMORY. */
trn_status_t trn_kg_preset_apply(trn_params_t *params, const char *name);

/* Put "name": "--option value ..." of every preset into an object. Local. */
void trn_kg_preset_list(json_t *to);

#endif
