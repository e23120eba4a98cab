/* chain.h: maps in files that follow each other, forwards or backwards, as one map. */
#ifndef TRN_ALGO_MAP_CHAIN_H
#define TRN_ALGO_MAP_CHAIN_H

#include "algo/map/map.h"

/* Start with {0}. */
typedef struct trn_chain {
    bool inverse;            /* for the caller to set before trn_chain_look */
    int count;               /* maps */
    const char *const *path; /* [count], borrowed */
    trn_map_t *map;          /* [count]: their shapes, in the order of the files */
    bool exact;              /* no map that is turned round loses anything */
    trn_map_t whole;         /* all of them: its shape, and its numbers once loaded */
} trn_chain_t;

/* Look at the maps with which `path`[count] begins, up to the first file that is none, and see that
 * they follow each other. Collective, equal arguments. Fails (agreed) with TRN_INPUT naming the
 * file (the first is no map; widths that differ; no inverse), TRN_IO, TRN_MEMORY. */
trn_status_t trn_chain_look(trn_chain_t *chain, MPI_Comm comm, int count, const char *const *path);

/* The map that meets rows first. Local. */
int trn_chain_first(const trn_chain_t *chain);

/* Whether what comes out is white: variances 1, no covariances. Local. */
bool trn_chain_whitens(const trn_chain_t *chain);

/* Join the maps on rank 0 and send their whole to every rank. Collective. Fails (agreed) as
 * trn_map_load, and with TRN_INPUT naming a map that is singular. */
trn_status_t trn_chain_load(trn_chain_t *chain, MPI_Comm comm);

/* What that takes; the whole stays under "map". Local. */
void trn_chain_plan(trn_ledger_t *ledger, const trn_chain_t *chain, int rank);

/* Free what it holds; {0} and twice are fine. Local. */
void trn_chain_free(trn_chain_t *chain);

#endif
