/* kg_schedule.h: which entity blocks meet when: a round-robin schedule by the circle method.
 *
 * Places 0 .. 2 pairs - 1 face each other: pair k is places k and 2 pairs - 1 - k. The block on
 * place 0 stays; from a round to the next the others move up one place, the last to place 1. In
 * 2 pairs - 1 rounds every two blocks meet once. With an odd number of blocks one place is empty
 * and who faces it rests. Which block starts on which place is drawn by the seed. A block meets
 * itself in round 0, where it is. Nothing here depends on the number of ranks. */
#ifndef TRN_ALGO_KG_BUCKETS_KG_SCHEDULE_H
#define TRN_ALGO_KG_BUCKETS_KG_SCHEDULE_H

#include "base/status.h"

#include <stdint.h>

typedef struct trn_kg_schedule {
    int64_t blocks, pairs, rounds;
    uint64_t seed;
    int64_t *block; /* [2 pairs] on each place in round 0; -1: the empty place */
    int64_t *place; /* [blocks] in round 0 */
} trn_kg_schedule_t;

/* One bucket of triples: those that are trained by pair `pair` in round `round`. */
typedef struct trn_kg_meeting {
    int64_t round, pair;
} trn_kg_meeting_t;

/* Pairs and rounds of a round-robin schedule of `blocks` blocks. Local. */
int64_t trn_kg_schedule_pairs(int64_t blocks);
int64_t trn_kg_schedule_rounds(int64_t blocks);

/* Draw the places. Fails with TRN_MEMORY. Local. */
trn_status_t trn_kg_schedule_create(trn_kg_schedule_t *schedule, int64_t blocks, uint64_t seed);

/* Free what it holds; {0} is fine. Local. */
void trn_kg_schedule_free(trn_kg_schedule_t *schedule);

/* The two blocks of a pair in a round; one may be -1. Local. */
void trn_kg_schedule_blocks(const trn_kg_schedule_t *schedule, int64_t round, int64_t pair,
                            int64_t blocks[2]);

/* In which pair a block is in a round. Local. */
int64_t trn_kg_schedule_pair(const trn_kg_schedule_t *schedule, int64_t round, int64_t block);

/* When and where blocks i and j meet (i = j too). Local. */
trn_kg_meeting_t trn_kg_schedule_meeting(const trn_kg_schedule_t *schedule, int64_t i, int64_t j);

/* The `step`-th round of a sweep through all of them: they follow each other up or down from a
 * drawn one. Local. */
int64_t trn_kg_schedule_round(const trn_kg_schedule_t *schedule, int64_t sweep, int64_t step);

#endif
