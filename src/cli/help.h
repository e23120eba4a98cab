/* help.h: what the program says about itself, from the tables and without MPI. */
#ifndef TRN_CLI_HELP_H
#define TRN_CLI_HELP_H

#include "cli/command.h"

#include <stdbool.h>
#include <stdio.h>

/* If words[0..count) ask for help, list, man, completion or the version (or hold --help before any
 * "--"), print that on stdout (under mpirun only on rank 0) and set *answered. No words: short help
 * on stderr, TRN_USAGE. Fails with TRN_USAGE, TRN_IO. Local. */
trn_status_t trn_help_answer(int count, char **words, bool *answered);

/* Manual page in troff of one verb, or of the program for NULL. Local. */
void trn_man_print(FILE *to, const trn_command_t *verb);

/* The names of the options of every verb, "--config --json ...", into text[size]. Local. */
void trn_common_names(char *text, size_t size);

/* Completion script for bash. Local. */
void trn_completion_print(FILE *to);

/* What the exit codes mean, one row a code; ends with a meaning of NULL. */
typedef struct trn_exit_code {
    int code;
    const char *meaning;
} trn_exit_code_t;
extern const trn_exit_code_t trn_exit_codes[];

#endif
