/* interactions.h: which user met which item, out of files, each rank a band of users.
 *
 * Users and items are numbered apart, those of both files together. Users lie in blocks as the rows
 * of a tall matrix (algo/matrix/tall.h), so rank r has users [trn_tall_start(comm, users, r),
 * trn_tall_start(comm, users, r + 1)). */
#ifndef TRN_ALGO_GRAPH_RECOMMEND_INTERACTIONS_H
#define TRN_ALGO_GRAPH_RECOMMEND_INTERACTIONS_H

#include "algo/graph/edges.h"
#include "base/ledger.h"
#include "mpi/sparse/sparse.h"

#include <mpi.h>
#include <stdint.h>

/* Files: what is learned from, and what is asked about. */
enum { TRN_TO_TRAIN, TRN_TO_TEST, TRN_INTERACTION_FILES };

/* Of all ranks. A user or item is known if it has train interactions. */
typedef struct trn_interactions_counts {
    int64_t entries[TRN_INTERACTION_FILES]; /* pairs, each counted once */
    int64_t light;                          /* pairs left out, for they weigh too little */
    int64_t repeated;                       /* pairs that stand in their file again */
    int64_t users_unknown;                  /* numbered, but without train items */
    int64_t users_asked;                    /* with test items */
    int64_t users_asked_unknown;            /* of these, without train items */
    int64_t items_unknown;                  /* numbered, but without train users */
    int64_t overlap;                        /* pairs that stand in both files */
} trn_interactions_counts_t;

/* Start with {0}; must stay where it is. */
typedef struct trn_interactions {
    double least; /* set by the caller: weighted interactions below this are left out */
    MPI_Comm comm;
    trn_edges_t edges;                     /* until they are loaded; then the sides' names alone */
    int64_t users, items;                  /* of all files */
    int64_t *share[TRN_INTERACTION_FILES]; /* [blocks] pairs as read, by block of users */
    int64_t most[TRN_INTERACTION_FILES];   /* pairs that a rank has read at most */
    trn_sparse_t *part[TRN_INTERACTION_FILES]; /* this rank's users, all items: patterns. Without a
                                                * file to test the second has no entries */
    int32_t *degree;                           /* [items] train users of each item, on every rank */
    trn_interactions_counts_t counts;
} trn_interactions_t;

/* Read `train` and, if it is not NULL, `test`. `how` says layout and such; it is bipartite whatever
 * it says. Collective, equal arguments. Fails (agreed) as trn_edges_read, with TRN_INPUT (no
 * interaction to learn from), TRN_MEMORY. Free it then, too. */
trn_status_t trn_interactions_look(trn_interactions_t *in, MPI_Comm comm,
                                   const trn_edges_how_t *how, const char *train, const char *test);

/* What the first does once files are read: sizes and shares of in->edges. Collective. Fails
 * (agreed) with TRN_INPUT, TRN_MEMORY. */
trn_status_t trn_interactions_survey(trn_interactions_t *in);

/* Pairs of a file, as read, that users of `rank` of `ranks` have. Local. */
int64_t trn_interactions_share(const trn_interactions_t *in, int file, int ranks, int rank);

/* Bring pairs to the ranks of their users, each once: part, degree and counts, which are told in
 * the log where something is odd. Frees the edges. Collective. Fails (agreed) with TRN_MEMORY.
 * Cost: 8 bytes a pair that changes rank; a sort of each user's items. */
trn_status_t trn_interactions_load(trn_interactions_t *in);

/* Plan of that: parts and degrees stay under "interactions". The edges are held already
 * (trn_held_now), and are given back under "inputs". Local. */
void trn_interactions_plan(trn_ledger_t *ledger, const trn_interactions_t *in, int ranks, int rank);

/* Free everything; {0} and twice are fine. Local. */
void trn_interactions_free(trn_interactions_t *in);

#endif
