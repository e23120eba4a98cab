/* trim.h: some rows of matrices in files into files of their own, and back: copies, bit for bit.
 *
 * A rank writes a band of the rows that stay, in lists of some MiB, and reads what it writes: no
 * object of old rows x new rows, and of the matrix no more in memory than a list. */
#ifndef TRN_ALGO_ROWS_TRIM_H
#define TRN_ALGO_ROWS_TRIM_H

#include "algo/rows/ids.h"
#include "base/ledger.h"
#include "base/status.h"
#include "io/rows/rows.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* A matrix, and the file that some of its rows go to. */
typedef struct trn_trim {
    trn_rows_t *rows;     /* borrowed, open */
    const char *to;       /* borrowed */
    trn_rows_make_t make; /* format, type, lossy, and what a store notes; the rest is filled in */
    bool sparse;          /* it is, and stays so; its type is F32 or F64 */
    int64_t list;         /* bytes of rows that are read and written at a time, about */
    int64_t entries;      /* once it is trimmed: numbers of this rank that were written */
    /* Private. */
    char **names;
    trn_rows_out_t *out;
    trn_sparse_t *band;
} trn_trim_t;

/* Write rows ids->id of each of n matrices of as many rows, in that order, none of them twice.
 * Files appear once all of them are written, each whole. Collective, equal arguments. Fails
 * (agreed) as trn_rows_create, trn_rows_read and trn_rows_commit. Cost: what is written is read
 * once; of files that can only be read from front to back, what lies before it too, and of entries
 * without order all. */
trn_status_t trn_trim(trn_trim_t *trims, int n, MPI_Comm comm, const trn_ids_t *ids);

/* What that takes beside the open files, and the list of `count` numbers. Local. */
void trn_trim_plan(trn_ledger_t *ledger, const trn_trim_t *trims, int n, int64_t count, int ranks,
                   int rank);

/* The same of one matrix with `small`, of as many columns, put back: row ids->id[i] of what is
 * written is row i of small, all others are those of trim->rows. Both are dense and have order.
 * Collective, equal arguments. Fails (agreed) likewise. Cost: both are read once. */
trn_status_t trn_restore(trn_trim_t *trim, trn_rows_t *small, MPI_Comm comm, const trn_ids_t *ids);

/* What that takes. Local. */
void trn_restore_plan(trn_ledger_t *ledger, const trn_trim_t *trim, const trn_rows_t *small,
                      int64_t count, int ranks, int rank);

/* Write `rows` numbers as `path`, one-dimensional: for each old row its new number, -1 where it is
 * gone. `made` has what a store notes. *out is for trn_rows_commit to end, after the matrices.
 * Collective, equal arguments. Fails (agreed) as trn_rows_create, *out then NULL. Memory: this
 * rank's share of the numbers. */
trn_status_t trn_trim_map(MPI_Comm comm, const char *path, int64_t rows, const trn_ids_t *ids,
                          const trn_rows_make_t *made, trn_rows_out_t **out);

#endif
