/* tables.h: the verb `apply` where what it applies is a codebook. */
#ifndef TRN_CLI_ROWS_TABLES_H
#define TRN_CLI_ROWS_TABLES_H

#include "cli/command.h"

/* Rows of E, the second argument, times the matrix --weights, approximately, by the codebook that
 * is the first; --output and --type as of `apply`. */
extern const trn_steps_t trn_tables_steps;

#endif
