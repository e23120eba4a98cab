/* kg_seen.h: which entities a relation has been seen with in train, as head and as tail: the
 * candidates of an evaluation by types. */
#ifndef TRN_ALGO_KG_ANSWER_KG_SEEN_H
#define TRN_ALGO_KG_ANSWER_KG_SEEN_H

#include "algo/kg/kg.h"
#include "base/ledger.h"
#include "base/status.h"
#include "model/model.h"

#include <mpi.h>
#include <stdint.h>

/* Of the entities that this rank has of a model: an even cut. Start with {0}. */
typedef struct trn_kg_seen {
    int64_t first;   /* the band's first entity */
    int64_t *start;  /* [2 R + 1]: of relation r as tails 2 r, as heads 2 r + 1 */
    int32_t *entity; /* [start[2 R]] places in the band, ascending in each list */
} trn_kg_seen_t;

/* Read train. Collective, equal arguments. Fails (agreed) with TRN_INPUT, TRN_IO, TRN_MEMORY; free
 * it then too. Cost: every rank reads an even part, and sends each fact to the owners of its two
 * ends. */
trn_status_t trn_kg_seen_create(trn_kg_seen_t *seen, const trn_kg_t *kg, MPI_Comm comm);

/* Free what it holds; {0} is fine. Local. */
void trn_kg_seen_free(trn_kg_seen_t *seen);

/* The entities [first, first + n) of the band that were seen with a relation on a side: their
 * places in the band, ascending, and how many. Local. Cost: two binary searches. */
int64_t trn_kg_seen_within(const trn_kg_seen_t *seen, int64_t relation, trn_side_t side,
                           int64_t first, int64_t n, const int32_t **entity);

/* Plan of trn_kg_seen_create: the lists stay under "types". A skewed graph may bring more to one
 * rank: this is for an even one. Local. */
void trn_kg_seen_plan(trn_ledger_t *ledger, int64_t triples, int64_t relations, int ranks,
                      int rank);

#endif
