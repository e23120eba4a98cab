/* verbs.h: which verb a command line names, and what all verbs have in common. */
#ifndef TRN_CLI_VERBS_H
#define TRN_CLI_VERBS_H

#include "cli/command.h"

/* Options of every verb, beside its own. */
extern const trn_param_t trn_common_params[];

/* The verb that words[0..count) begin with: one word, or two for "bench NAME"; *used is how many.
 * Fails with TRN_USAGE: unknown (with the nearest one suggested), a benchmark not named. Local. */
trn_status_t trn_verb_find(int count, char **words, const trn_command_t **verb, int *used);

/* Print "trunnion VERB: rank R: MESSAGE" to stderr: the last failure. `verb` may be NULL, `rank`
 * may be negative for "no rank". Local. */
void trn_complain(const char *verb, int rank);

#endif
