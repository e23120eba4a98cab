/* scan.c: chooses among the loops of simd_scan.c. */
#include "kern/search/scan.h"

#include "kern/simd.h"
#include "simd_sets.inc"

TRN_SIMD_CHOICE(trn_scan_kernels)
