/* output.h: a plain file that appears whole or not at all: temporary name, then rename. */
#ifndef TRN_IO_OUTPUT_H
#define TRN_IO_OUTPUT_H

#include "base/status.h"

#include <stdint.h>
#include <stdio.h>

typedef struct trn_output trn_output_t;

/* Begin to write what will be `path` (copied), under a temporary name beside it; what killed jobs
 * left of theirs is removed. Fails with TRN_IO (directory missing or not writable, `path` is no
 * regular file), TRN_MEMORY. Local. */
trn_status_t trn_output_create(trn_output_t **output, const char *path);

/* Append bytes; buffered. Fails with TRN_IO (disk full, file size limit). Local. */
trn_status_t trn_output_write(trn_output_t *output, const void *data, int64_t bytes);

/* The stream behind trn_output_write, for fprintf and its like: errors show in trn_output_close.
 * Local. */
FILE *trn_output_stream(trn_output_t *output);

/* If `status` (the outcome so far) is TRN_OK: write out, fsync, rename to `path`, fsync the
 * directory; on failure, or if `status` is one, remove the temporary file. Frees the output either
 * way; NULL is fine. Returns `status` or TRN_IO. Local. */
trn_status_t trn_output_close(trn_output_t **output, trn_status_t status);

#endif
