/* drop.h: dropout, by random numbers that belong to a place, not to the rank that draws them. */
#ifndef TRN_KERN_TRAIN_DROP_H
#define TRN_KERN_TRAIN_DROP_H

#include "base/rng.h"

#include <stdint.h>

/* Where a row's random numbers are: eight of 16 bits a column, from `column` on (base/rng.h). */
typedef struct trn_drop {
    uint64_t seed, row;
    uint32_t column, step;
    trn_rng_stream_t stream;
} trn_drop_t;

/* x[k] becomes 0 where its random number is below `limit`, a probability in 65536ths, and x[k] `by`
 * elsewhere; kept[width] (may be NULL) = 0 and 1. Local. Cost: a Philox draw for eight numbers. */
void trn_drop_row(const trn_drop_t *at, uint32_t limit, float by, int64_t width, float *x,
                  uint8_t *kept);

#endif
