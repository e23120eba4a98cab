/* tile.c: chooses the loops over tiles for this processor. */
#include "kern/search/tile.h"
#include "kern/simd.h"
#include "simd_sets.inc"

TRN_SIMD_CHOICE(trn_tile_kernels)
