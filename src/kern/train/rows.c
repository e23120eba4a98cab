/* rows.c: chooses the loops of rows.h for this processor. */
#include "kern/train/rows.h"
#include "kern/simd.h"

#include <stddef.h>

#define TRN_SIMD_SET(set) extern const trn_rows_kernels_t trn_rows_kernels_##set;
#include "simd_sets.inc"
#undef TRN_SIMD_SET

const trn_rows_kernels_t *trn_rows_kernels(void) {
    static const trn_rows_kernels_t *const sets[] = {
#define TRN_SIMD_SET(set) &trn_rows_kernels_##set,
#include "simd_sets.inc"
#undef TRN_SIMD_SET
    };
    return sets[trn_simd_best()];
}

void trn_rows_sum(int64_t width, int64_t count, const float *const *row, float *sum) {
    trn_rows_kernels()->sum(width, count, row, sum);
}

void trn_rows_add(int64_t width, const float *from, float *to) {
    trn_rows_kernels()->add(width, from, to);
}
