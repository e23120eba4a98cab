/* kg.h: the store of a knowledge graph (kind "kg").
 *
 * /entity/names and /relation/names (strings, numbered by their place), /train, /valid and /test
 * (int32 [n x 3]: head, relation, tail; a split may be empty), /entity/degree (int64 [N x 2]: train
 * triples as head, as tail), /relation/count (int64 [R], of train), and the inverse index of train:
 * /index/start (int64 [N + 1]) and /index/triple (int64): the numbers of the train triples that
 * entity e is in, as head or tail, are triple[start[e] .. start[e + 1]), ascending. */
#ifndef TRN_ALGO_KG_KG_H
#define TRN_ALGO_KG_KG_H

#include "base/status.h"
#include "graph/triple.h"
#include "io/store/store.h"

#include <mpi.h>
#include <stdint.h>

typedef enum trn_split { TRN_TRAIN, TRN_VALID, TRN_TEST, TRN_SPLITS } trn_split_t;

/* An open graph: its store and its sizes. */
typedef struct trn_kg {
    trn_store_t *store;
    int64_t entities, relations;
    int64_t triples[TRN_SPLITS];
} trn_kg_t;

/* "train", "valid" or "test". Local. */
const char *trn_split_name(trn_split_t split);

/* Open a graph and check its layout. Collective, equal arguments. Fails (agreed) with TRN_INPUT,
 * TRN_IO, TRN_MEMORY. */
trn_status_t trn_kg_open(trn_kg_t *kg, MPI_Comm comm, const char *path);

/* Close; a graph that failed to open, or {0}, is fine. Local. */
void trn_kg_close(trn_kg_t *kg);

/* Read triples [first, first + count) of a split and check that their numbers are in range. Local:
 * any rank, any part. Fails with TRN_INPUT, TRN_IO. */
trn_status_t trn_kg_read(const trn_kg_t *kg, trn_split_t split, int64_t first, int64_t count,
                         trn_triple_t *triples);

/* Entities, or triples, that rank `rank` of `ranks` has: an even cut. Local. */
int64_t trn_kg_own(int64_t count, int ranks, int rank);

#endif
