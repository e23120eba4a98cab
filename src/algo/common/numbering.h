/* numbering.h: names on many ranks, numbered by their first appearance in files that the ranks read
 * in parts. No rank ever holds all names. */
#ifndef TRN_ALGO_COMMON_NUMBERING_H
#define TRN_ALGO_COMMON_NUMBERING_H

#include "base/status.h"
#include "mpi/exchange.h"
#include "text/words.h"

#include <mpi.h>
#include <stdint.h>

/* Names of one sort. While files are read: those that this rank has seen, in order of their first
 * appearance here; once settled also the numbers of all. */
typedef struct trn_numbering {
    MPI_Comm comm;
    int rank, ranks;
    trn_words_t *words;
    int64_t *place;  /* [words] of the first appearance here */
    int64_t room;    /* of place */
    int64_t *number; /* [words] among all names */
    int64_t total;   /* of all ranks together */
    int64_t first;   /* of those that this rank has in the end: an even part of all */
    char **list;     /* [part] into text */
    char *text;      /* each ended by NUL */
    int64_t bytes;   /* of text, all ranks together */
} trn_numbering_t;

/* Begin without names. Fails with TRN_MEMORY. Local. */
trn_status_t trn_numbering_create(trn_numbering_t *names, MPI_Comm comm);

/* *id = this rank's number of a name of `length` bytes. `place` is where it stands, which orders
 * the names of all ranks: no two names share one. Fails with TRN_INPUT (NUL, no UTF-8, too long),
 * TRN_MEMORY. Local. */
trn_status_t trn_numbering_add(trn_numbering_t *names, const char *bytes, int64_t length,
                               int64_t place, int32_t *id);

/* Number the names of all ranks by their first places: number[id] and total; and deal them out in
 * this order: list, text, first, bytes. Collective. Fails (agreed) with TRN_INPUT (2^31 names),
 * TRN_MEMORY. Cost: every distinct name of a rank travels once to the rank that its hash names and
 * from there to that of its number; 8 bytes a name on every rank meanwhile. */
trn_status_t trn_numbering_settle(trn_numbering_t *names);

/* Free what is of use only while names become numbers: words, place, number. Local. */
void trn_numbering_forget(trn_numbering_t *names);

/* Free everything; {0} and twice are fine. Local. */
void trn_numbering_free(trn_numbering_t *names);

/* Settled names on their way into a file. Start with {names}. */
typedef struct trn_numbering_feed {
    const trn_numbering_t *names; /* borrowed */
    int64_t *bytes;               /* private, as the rest */
    char *send;
    trn_parcels_t come;
    const char **list;
} trn_numbering_feed_t;

/* *names = those from `first` to first + count, on rank 0, borrowed until the next call; count 0
 * frees them. `self` is a trn_numbering_feed_t: the shape of trn_strings_t (io/store/store.h).
 * Collective. Fails (agreed) with TRN_MEMORY. */
trn_status_t trn_numbering_feed(void *self, const char *name, int64_t first, int64_t count,
                                const char *const **names);

/* Free what a feed holds; {0} and twice are fine. Local. */
void trn_numbering_feed_free(trn_numbering_feed_t *feed);

#endif
