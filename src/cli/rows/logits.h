/* logits.h: the verb `quantize --logits`. */
#ifndef TRN_CLI_ROWS_LOGITS_H
#define TRN_CLI_ROWS_LOGITS_H

#include "cli/command.h"

/* Rows of the first argument times the centers of --codebook, a copy for each of its labels, into
 * --output as numbers of --dtype. */
extern const trn_steps_t trn_logits_steps;

#endif
