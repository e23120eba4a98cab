/* kg_buckets.h: the training triples by the two entity blocks they join, on the ranks that train
 * them. A triple's bucket is where and when its head's and its tail's block meet (kg_schedule.h);
 * rank r trains pairs [pairs r / P, pairs (r + 1) / P) of every round, so triples never move. */
#ifndef TRN_ALGO_KG_BUCKETS_KG_BUCKETS_H
#define TRN_ALGO_KG_BUCKETS_KG_BUCKETS_H

#include "algo/kg/buckets/kg_schedule.h"
#include "algo/kg/kg.h"
#include "base/ledger.h"
#include "base/status.h"

#include <mpi.h>
#include <stdint.h>

typedef struct trn_kg_buckets {
    int64_t first_pair, own_pairs;
    trn_triple_t *triples; /* of this rank, bucket by bucket, in a bucket as in the graph */
    int64_t *start;        /* [rounds x own pairs + 1], by round, then pair */
} trn_kg_buckets_t;

/* Read the train split: even parts of it on all ranks, in pieces, twice. Collective. Fails (agreed)
 * with TRN_INPUT, TRN_IO, TRN_MEMORY; what was made is to be freed. Memory: this rank's triples,
 * and 8 bytes for each two blocks of the graph. Cost: every triple is sent once. */
trn_status_t trn_kg_buckets_load(trn_kg_buckets_t *buckets, MPI_Comm comm, const trn_kg_t *kg,
                                 const trn_kg_schedule_t *schedule);

/* Free; {0} is fine. Local. */
void trn_kg_buckets_free(trn_kg_buckets_t *buckets);

/* The triples of a pair of this rank in a round; *count of them. Local. */
const trn_triple_t *trn_kg_bucket(const trn_kg_buckets_t *buckets, int64_t round, int64_t pair,
                                  int64_t *count);

/* Plan of trn_kg_buckets_load, whose triples stay. Local. */
void trn_kg_buckets_plan(trn_ledger_t *ledger, int64_t blocks, int64_t triples, int ranks,
                         int rank);

#endif
