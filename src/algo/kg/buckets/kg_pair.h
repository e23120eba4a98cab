/* kg_pair.h: train the triples that join two entity blocks, on one rank, against entities drawn
 * from the two, and guests: copies of others, as they were when the round began. Entities of the
 * blocks change at once, guests do not; relations change in a copy, for others train at the same
 * time (kg_sampled.c puts the copies together). */
#ifndef TRN_ALGO_KG_BUCKETS_KG_PAIR_H
#define TRN_ALGO_KG_BUCKETS_KG_PAIR_H

#include "algo/kg/buckets/kg_placement.h"
#include "algo/kg/train/kg_state.h"
#include "base/status.h"

#include <stdint.h>

/* One bucket's training. */
typedef struct trn_kg_task {
    int64_t block[2];             /* the second may be -1 */
    int64_t size[2];              /* entities in them */
    float *part[2][TRN_KG_PARTS]; /* their values and moments */
    const trn_triple_t *triples;
    int64_t count;
    int64_t sweep;   /* train the sweep-th of state->options.sweeps even parts of them, in order */
    uint64_t bucket; /* round and pair as one number: what randomness goes by, with the epoch */
    int64_t guests;  /* at most trn_kg_pair_guests */
    const int32_t *guest;     /* who they are; those of the two blocks are passed over */
    const float *guest_value; /* [guests x dim] */
} trn_kg_task_t;

/* A relation's row: values and moments of the copies. */
typedef struct trn_kg_copy {
    int64_t width[TRN_KG_PARTS];
    float *part[TRN_KG_PARTS];
} trn_kg_copy_t;

/* Buffers, and what came out of the last task. Opaque but for the results. */
typedef struct trn_kg_pairing {
    trn_kg_copy_t relation; /* trained from the state's */
    uint8_t *touched;       /* [relation rows]: had a gradient */
    double loss;            /* sum over questions */
    int64_t batches;
    struct trn_kg_pair_room *room;
} trn_kg_pairing_t;

/* Make room for tasks of this state. Local. Fails with TRN_MEMORY; what was made is to be freed. */
trn_status_t trn_kg_pair_create(trn_kg_pairing_t *pair, const trn_kg_state_t *state);

/* Free; {0} is fine. Local. */
void trn_kg_pair_free(trn_kg_pairing_t *pair);

/* Plan of trn_kg_pair_create and the learning of pairs, all of which stays. Local. */
void trn_kg_pair_plan(trn_ledger_t *ledger, const trn_kg_state_t *state);

/* Guests that a round needs, to have others in each batch. Local. */
int64_t trn_kg_pair_guests(const trn_kg_state_t *state);

/* Train a task in epoch state->epoch: every triple of the part asks for its tail and for its head,
 * in batches of state->options.batch questions in a drawn order. Local; cannot fail (a loss that is
 * not finite tells that numbers went wrong). Cost: 6 x negatives x width flops a question or so. */
void trn_kg_pair_learn(trn_kg_pairing_t *pair, const trn_kg_task_t *task);

#endif
