/* turn.c: chooses the loops of turn.h for this processor. */
#include "kern/train/turn.h"
#include "kern/simd.h"

#define TRN_SIMD_SET(set) extern const trn_turn_kernels_t trn_turn_kernels_##set;
#include "simd_sets.inc"
#undef TRN_SIMD_SET

const trn_turn_kernels_t *trn_turn_kernels(void) {
    static const trn_turn_kernels_t *const sets[] = {
#define TRN_SIMD_SET(set) &trn_turn_kernels_##set,
#include "simd_sets.inc"
#undef TRN_SIMD_SET
    };
    return sets[trn_simd_best()];
}
