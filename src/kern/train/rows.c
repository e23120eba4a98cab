/* rows.c: chooses the loops of rows.h for this processor. */
#include "kern/train/rows.h"
#include "kern/simd.h"
#include "simd_sets.inc"

#include <stddef.h>

TRN_SIMD_CHOICE(trn_rows_kernels)

void trn_rows_sum(int64_t width, int64_t count, const float *const *row, float *sum) {
    trn_rows_kernels()->sum(width, count, row, sum);
}

void trn_rows_add(int64_t width, const float *from, float *to) {
    trn_rows_kernels()->add(width, from, to);
}
