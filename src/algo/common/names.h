/* names.h: some names out of a list in a store: the list need not fit into a rank's memory. */
#ifndef TRN_ALGO_COMMON_NAMES_H
#define TRN_ALGO_COMMON_NAMES_H

#include "base/ledger.h"
#include "base/nearest.h"
#include "base/status.h"
#include "io/store/store.h"

#include <mpi.h>
#include <stdint.h>

enum {
    TRN_NAMES_PART = 16 * 4096, /* names of a list in memory */
    TRN_NAMES_USUAL = 24        /* bytes of a name that plans reckon with */
};

/* Some entries of a list, ascending by number. Start with {0}. */
typedef struct trn_labels {
    int64_t count;
    int64_t *number; /* [count] */
    char **name;     /* [count] */
} trn_labels_t;

/* numbers[count] = places of names[count] (borrowed; equal ones are fine; looked at on rank 0
 * alone) in the strings `list` of a store, -1 for those that are not in it. Collective, equal
 * arguments. Fails (agreed) with
 * TRN_INPUT, TRN_IO, TRN_MEMORY. Cost: rank 0 reads the strings, 65536 at a time. */
trn_status_t trn_names_find(trn_store_t *store, MPI_Comm comm, const char *list, int64_t count,
                            char *const *names, int32_t *numbers);

/* Fail with TRN_INPUT for a name that `list` has not: "WHERE: NAME: no such KIND in the graph", and
 * the nearest of the list and of more[count], if one is near. Collective, equal arguments. Fails
 * otherwise, and costs, as trn_names_find. */
trn_status_t trn_names_unknown(trn_store_t *store, MPI_Comm comm, const char *list,
                               const char *where, const char *name, const char *kind, int64_t count,
                               char *const *more);

/* On rank 0 the names of numbers[count] (there; in any order, also repeatedly, those below 0 left
 * out); to be freed also on failure. Collective. Fails (agreed) and costs as trn_names_find. */
trn_status_t trn_names_read(trn_store_t *store, MPI_Comm comm, const char *list, int64_t count,
                            const int64_t *numbers, trn_labels_t *labels);

/* The name of a number that was asked for. Local. Cost: a binary search. */
const char *trn_labels_name(const trn_labels_t *labels, int64_t number);

/* Bytes that plans reckon the text of so many names to have. Local. */
int64_t trn_names_usual_bytes(int64_t count);

/* Bytes that it takes to see the names of a list of so many rows, part by part. Local. */
int64_t trn_names_look_bytes(int64_t rows);

/* Plan of trn_names_read of `count` numbers on rank 0: the labels stay under "names". Local. */
void trn_names_read_plan(trn_ledger_t *ledger, int64_t rows, int64_t count);

/* Free what they hold; {0} is fine. Local. */
void trn_labels_free(trn_labels_t *labels);

#endif
