/* communities.h: clusters of the nodes of a snapshot, called as those of the one before. */
#ifndef TRN_ALGO_GRAPH_SNAPSHOTS_COMMUNITIES_H
#define TRN_ALGO_GRAPH_SNAPSHOTS_COMMUNITIES_H

#include "algo/matrix/tall.h"
#include "base/ledger.h"
#include "base/status.h"

#include <stdint.h>

/* Set up to `threads`; start the rest with {0}. */
typedef struct trn_communities {
    int64_t k;
    int starts;
    uint64_t seed;
    int threads;
    int64_t found;    /* clusters: k, or as many as there are nodes to be clustered */
    int64_t placed;   /* nodes in them, of all ranks */
    double *center;   /* [k x r] of the last snapshot, on every rank */
    int32_t *label;   /* [own rows] of it, -1: a node whose row of W is 0 */
    double objective; /* of it, as of trn_kmeans */
} trn_communities_t;

/* Cluster the rows of W [n x r], none negative, scaled to sum 1, by k-means: from the centers of
 * the snapshot before, and by k-means++ `starts` times; of these the least objective, the former of
 * equals. New clusters get the numbers of those before by their common nodes, the most first.
 * Collective, equal arguments but for the rows of W. Fails (agreed) as trn_kmeans; cost as that. */
trn_status_t trn_communities_find(trn_communities_t *c, trn_tall_t w);

/* Free what it holds; {0} is fine. Local. */
void trn_communities_free(trn_communities_t *c);

/* What it takes on a rank with `own` rows. Local. */
void trn_communities_plan(trn_ledger_t *ledger, const trn_communities_t *c, int64_t own, int64_t r);

#endif
