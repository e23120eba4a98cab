/* param_fill.h: settings of a trainer out of the options of its verb. */
#ifndef TRN_CLI_PARAM_FILL_H
#define TRN_CLI_PARAM_FILL_H

#include "algo/common/settings.h"
#include "cli/param/param.h"

/* Write into `values` what the options give for every row of a table of settings whose name is an
 * option's ("--dim"); texts are borrowed from `params`. A row's type is that of its option: CHOICE
 * gets the place of the option's value among the row's choices, LETTER the first letter. Rows
 * with another name (one with a blank in it, too) are left as they are. Local. */
void trn_params_fill(const trn_params_t *params, const trn_setting_t *table, void *values);

#endif
