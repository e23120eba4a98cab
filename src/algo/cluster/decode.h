/* decode.h: the rows that codes in a store stand for. */
#ifndef TRN_ALGO_CLUSTER_DECODE_H
#define TRN_ALGO_CLUSTER_DECODE_H

#include "algo/cluster/coder.h"
#include "io/rows/rows.h"
#include "io/store/store.h"

/* Codes in a store, open. Start with {0}; it must stay where it is. */
typedef struct trn_codes {
    trn_store_t *store;
    trn_codebook_t book;
    trn_coder_t coder;
    int64_t rows;
    char **names; /* [rows] of the rows; NULL: none */
} trn_codes_t;

/* Open a store that quantize or kmeans wrote, and its codebook, which is `book` or, if that is
 * NULL, in the store itself. Collective, equal arguments. Fails (agreed) with TRN_INPUT (no codes,
 * a codebook of another shape), TRN_MEMORY, TRN_IO. */
trn_status_t trn_codes_open(trn_codes_t *codes, MPI_Comm comm, const char *path, const char *book);

/* Close and free; {0} and twice are fine. Local. */
void trn_codes_close(trn_codes_t *codes);

/* Write the rows as numbers of `make->type`; of `make` count that, and what a store notes.
 * Collective, equal arguments. Fails (agreed) as reading and trn_rows_commit do, with TRN_INPUT for
 * a code of no center. Memory: a block of rows. */
trn_status_t trn_codes_decode(trn_codes_t *codes, MPI_Comm comm, const char *output,
                              const trn_rows_make_t *make);

/* What that takes. Local. */
void trn_codes_plan(trn_ledger_t *ledger, const trn_codes_t *codes, const char *output,
                    trn_dtype_t type, int ranks, int rank);

#endif
