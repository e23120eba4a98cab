/* reading.h: how a verb is told to read a file of vectors. */
#ifndef TRN_CLI_READING_H
#define TRN_CLI_READING_H

#include "algo/vectors/embedding.h"
#include "cli/command.h"

/* Rows of every verb that looks words up in an EMBEDDING. */
/* clang-format off */
#define TRN_EMBEDDING_PARAMS \
    {"format", 0, TRN_PARAM_CHOICE, "auto", .choices = TRN_FORMAT_NAMES, \
     .help = "format of EMBEDDING; auto looks at its first bytes and at the ending .bin"}, \
    {"vocab", 0, TRN_PARAM_TEXT, .metavar = "FILE", .file.use = TRN_FILE_READ, \
     .help = "the words of a .npy file, one a line, perhaps with counts; default EMBEDDING.vocab"}, \
    TRN_WORD_PARAMS
/* clang-format on */

/* What the rows above say; `format` is the name of the first of them. Local. */
trn_reading_t trn_reading_of(const trn_params_t *params, const char *format);

/* That --vocab was not given for a file that has its words itself. Fails with TRN_USAGE. Local. */
trn_status_t trn_reading_check(const trn_params_t *params, const trn_embedding_t *embedding);

/* Put what was left out or changed in reading into the result, if anything was. Local. */
void trn_reading_note(const trn_embedding_t *embedding, json_t *result);

#endif
