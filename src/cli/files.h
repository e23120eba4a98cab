/* files.h: what a command line reads and writes, and that the one is not the other. */
#ifndef TRN_CLI_FILES_H
#define TRN_CLI_FILES_H

#include "cli/command.h"

typedef struct trn_files trn_files_t;

/* Resolve the names of all files that a verb will write: what a symbolic link leads to is written,
 * not the link, so that params and args[0..count) (entries replaced by strings of `files`) hold the
 * files' own names from now on, those of options that are not given and mean a name beside the
 * output included. Fails with TRN_USAGE (a link by another ending), TRN_IO (one that is not to be
 * followed), TRN_MEMORY. Local. */
trn_status_t trn_files_create(trn_files_t **files, const trn_command_t *verb, trn_params_t *params,
                              int count, char **args);

/* Free and set the pointer to NULL; NULL is fine. Local. */
void trn_files_destroy(trn_files_t **files);

/* That no file to be written is read as well, or written twice: by device and inode, so through
 * links and other spellings, and by place where there is no file yet; and that endings promise what
 * is written. Fails with TRN_USAGE, TRN_MEMORY. Local; for one rank, since it looks at every file.
 */
trn_status_t trn_files_check(const trn_files_t *files);

/* The files that are written as a whole: those of the verb itself come first, `own` of them. Local.
 */
int trn_files_written(const trn_files_t *files, const char *const **paths, int *own);

#endif
