/* trim_set.h: the matrices that are trimmed together, each once however often it is named, and the
 * files that they go to. */
#ifndef TRN_ALGO_ROWS_TRIM_SET_H
#define TRN_ALGO_ROWS_TRIM_SET_H

#include "algo/rows/trim.h"
#include "base/status.h"

#include <mpi.h>
#include <stdbool.h>

/* Start with {0}. */
typedef struct trn_trim_set {
    int named; /* paths that were given */
    int *of;   /* [named] the matrix that each is */
    int n;
    trn_trim_t *trims; /* [n] distinct matrices with as many rows, each with its open file */
    char **to;         /* [n] files to write, of which trims[i].to is one */
} trn_trim_set_t;

/* Open the matrices that paths[named] name (borrowed). One that was named before, or the output
 * matrix of a model that does not hold it (trn_trim_tied), is that one. Collective, equal
 * arguments. Fails (agreed) as trn_rows_open, with TRN_INPUT for other numbers of rows, TRN_MEMORY.
 */
trn_status_t trn_trim_set_open(trn_trim_set_t *set, MPI_Comm comm, int named, char *const *paths,
                               bool lossy);

/* Say where they go: to `output`, or with `folder` into that directory by trn_trim_place, in
 * `format` (a name, or "auto"). Collective, equal arguments. Fails (agreed) with TRN_USAGE (two
 * would go to one file, or one to a file that is read), TRN_MEMORY. */
trn_status_t trn_trim_set_place(trn_trim_set_t *set, MPI_Comm comm, const char *output, bool folder,
                                const char *format);

/* The open matrix whose names are those of the rows of all: the first that has any. Local. */
trn_rows_t *trn_trim_set_named(const trn_trim_set_t *set);

/* The path before number i that names the same matrix; -1: none does. Local. */
int trn_trim_set_same(const trn_trim_set_t *set, int i);

/* Close and free; {0} and twice are fine. Local. */
void trn_trim_set_free(trn_trim_set_t *set);

#endif
