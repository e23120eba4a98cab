/* trim_files.h: several tensors of one model: which of them are the same, and the files they go to.
 */
#ifndef TRN_ALGO_ROWS_TRIM_FILES_H
#define TRN_ALGO_ROWS_TRIM_FILES_H

#include "base/status.h"
#include "io/rows/rows.h"

#include <mpi.h>
#include <stdbool.h>

/* *tied: whether `path` names the output matrix ("...lm_head.weight") of a model in safetensors
 * that does not hold it, for it is its input matrix; then *first is the first of the n paths
 * `before` that name a tensor of the same file, or -1. Collective, equal arguments. Fails (agreed)
 * as the file's list does. */
trn_status_t trn_trim_tied(MPI_Comm comm, const char *path, int n, char *const *before, bool *tied,
                           int *first);

/* Whether two open matrices are the same one of the same file. Collective, equal arguments. Fails
 * (agreed) with TRN_MEMORY. */
trn_status_t trn_trim_same(MPI_Comm comm, const trn_rows_t *a, const trn_rows_t *b, bool *same);

/* *to = the file in `folder` for a matrix: of its file's name, or its tensor's with "." for "/"; in
 * the format of that name, or with `format` "auto" in its own if that can be written, else .h5.
 * FILE.safetensors:TENSOR keeps the name of the tensor. Freed with trn_free. Fails with TRN_MEMORY.
 * Local. */
trn_status_t trn_trim_place(const trn_rows_t *rows, const char *folder, const char *format,
                            char **to);

/* Make `folder` if it is not there; *made: it was not. Collective. Fails (agreed) with TRN_IO. */
trn_status_t trn_trim_folder(MPI_Comm comm, const char *folder, bool *made);

/* That no file `to` is the file of an open matrix. Local: for rank 0, which sees the files. Fails
 * with TRN_USAGE, TRN_MEMORY. */
trn_status_t trn_trim_apart(const char *to, const trn_rows_t *rows);

#endif
