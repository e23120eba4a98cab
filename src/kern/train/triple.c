#include "kern/train/triple.h"
#include "kern/simd.h"

#define TRN_SIMD_SET(set) extern const trn_triple_kernels_t trn_triple_kernels_##set;
#include "simd_sets.inc"
#undef TRN_SIMD_SET

const trn_triple_kernels_t *trn_triple_kernels(void) {
    static const trn_triple_kernels_t *const sets[] = {
#define TRN_SIMD_SET(set) &trn_triple_kernels_##set,
#include "simd_sets.inc"
#undef TRN_SIMD_SET
    };
    return sets[trn_simd_best()];
}
