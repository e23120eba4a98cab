/* tile.c: chooses the loops over tiles for this processor. */
#include "kern/search/tile.h"
#include "kern/simd.h"

#define TRN_SIMD_SET(set) extern const trn_tile_kernels_t trn_tile_kernels_##set;
#include "simd_sets.inc"
#undef TRN_SIMD_SET

const trn_tile_kernels_t *trn_tile_kernels(void) {
    static const trn_tile_kernels_t *const sets[] = {
#define TRN_SIMD_SET(set) &trn_tile_kernels_##set,
#include "simd_sets.inc"
#undef TRN_SIMD_SET
    };
    return sets[trn_simd_best()];
}
