/* turn.c: chooses the loops of turn.h for this processor. */
#include "kern/train/turn.h"
#include "kern/simd.h"
#include "simd_sets.inc"

TRN_SIMD_CHOICE(trn_turn_kernels)
