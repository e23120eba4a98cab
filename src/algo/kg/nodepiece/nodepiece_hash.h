/* nodepiece_hash.h: what stands for an entity in place of a vector of its own: the nearest anchors,
 * how far they are, and relation types around it (Galkin et al.: NodePiece, ICLR 2022).
 *
 * A store of kind "nodepiece" has /anchors (int32 [K], entities), /hash/anchor (int32 [N x k],
 * places among the anchors by distance, of equals by place; K: there is no other within reach),
 * /hash/distance (int32 [N x k], 0 where there is none), /hash/relation (int32 [N x m]: r where
 * the entity is a head, R + r where it is a tail, ascending; 2 R fills up), and the root attributes
 * entities, relations, anchors, nearest, context, farthest. A model that was trained on it holds
 * the same under /nodepiece. */
#ifndef TRN_ALGO_KG_NODEPIECE_NODEPIECE_HASH_H
#define TRN_ALGO_KG_NODEPIECE_NODEPIECE_HASH_H

#include "algo/kg/kg.h"
#include "base/ledger.h"
#include "base/status.h"
#include "io/store/store.h"

#include <mpi.h>
#include <stdint.h>

/* How to make one. */
typedef struct trn_nodepiece_config {
    int64_t anchors, nearest, context; /* K, at most as many as entities; k, at most K; m */
    int64_t hops;                      /* no farther than this */
    uint64_t seed;
} trn_nodepiece_config_t;

/* The hashes of a band of entities: an even cut over ranks. */
typedef struct trn_nodepiece_hash {
    int64_t entities, relations; /* of the graph */
    int64_t anchors, nearest, context;
    int64_t farthest;     /* greatest distance of all */
    int64_t first, count; /* entities held here */
    int32_t *anchor;      /* [anchors], on all ranks */
    int32_t *near;        /* [count x nearest] */
    int32_t *distance;    /* [count x nearest] */
    int32_t *relation;    /* [count x context] */
} trn_nodepiece_hash_t;

/* Make the hashes of a graph's entities from its training triples, the same on any number of
 * ranks. Every rank holds all links and lists for all entities (trn_nodepiece_hash_plan); anchors
 * are dealt to ranks 64 at a time and searched from side by side. Collective, equal arguments.
 * Fails (agreed) with TRN_USAGE (more anchors than entities, more nearest than anchors),
 * TRN_MEMORY, TRN_INPUT, TRN_IO. Cost: trn_anchors_reach; an exchange of 8 N k bytes. */
trn_status_t trn_nodepiece_hash_create(trn_nodepiece_hash_t *hash, MPI_Comm comm,
                                       const trn_kg_t *kg, const trn_nodepiece_config_t *config);

/* Free what it holds; one that failed to be made, or {0}, is fine. Local. */
void trn_nodepiece_hash_free(trn_nodepiece_hash_t *hash);

/* Plan of trn_nodepiece_hash_create: the hashes stay under "hashes". Local. */
void trn_nodepiece_hash_plan(trn_ledger_t *ledger, const trn_kg_t *kg,
                             const trn_nodepiece_config_t *config, int ranks, int rank);

/* Read the band of this rank from a store of kind "nodepiece" that was made of `kg`, and check that
 * its numbers are in range. Collective, equal arguments. Fails (agreed) with TRN_INPUT, TRN_IO,
 * TRN_MEMORY. */
trn_status_t trn_nodepiece_hash_open(trn_nodepiece_hash_t *hash, MPI_Comm comm, const char *path,
                                     const trn_kg_t *kg);

/* The sizes alone of such a store, of this graph. Collective, equal arguments. Fails (agreed) with
 * TRN_INPUT, TRN_IO, TRN_MEMORY. */
trn_status_t trn_nodepiece_hash_look(trn_nodepiece_hash_t *sizes, MPI_Comm comm, const char *path,
                                     const trn_kg_t *kg);

/* Declare the datasets in a store being written, and write this rank's rows; names start with
 * `prefix` ("" or "/nodepiece"). Local in the second; fail as trn_store_dataset and
 * trn_store_write. Collective in the first. */
trn_status_t trn_nodepiece_hash_declare(const trn_nodepiece_hash_t *hash, trn_store_t *store,
                                        const char *prefix);
trn_status_t trn_nodepiece_hash_write(const trn_nodepiece_hash_t *hash, MPI_Comm comm,
                                      trn_store_t *store, const char *prefix);

/* The sizes of the hashes in an open store. Local. Fails with TRN_INPUT. */
trn_status_t trn_nodepiece_hash_sizes(const trn_store_t *store, const char *prefix,
                                      trn_nodepiece_hash_t *hash);

/* Read the rows [hash->first, hash->first + hash->count) of an open store, whose sizes are known.
 * Local. Fails with TRN_INPUT, TRN_IO, TRN_MEMORY. */
trn_status_t trn_nodepiece_hash_read(trn_store_t *store, const char *prefix,
                                     trn_nodepiece_hash_t *hash);

#endif
