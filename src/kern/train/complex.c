/* complex.c: chooses the loops of complex.h for this processor. */
#include "kern/train/complex.h"
#include "kern/simd.h"
#include "simd_sets.inc"

TRN_SIMD_CHOICE(trn_complex_kernels)
