/* nearest.c: chooses the loops of nearest.h for this processor. */
#include "kern/search/nearest.h"

#include "kern/simd.h"
#include "simd_sets.inc"

TRN_SIMD_CHOICE(trn_nearest_kernels)
