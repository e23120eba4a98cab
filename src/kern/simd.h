/* simd.h: which of the instruction sets that simd_*.c were compiled for this processor runs.
 *
 * generated/simd_sets.inc lists the sets in ascending order as TRN_SIMD_SET(set); a module keeps a
 * table of its kernels in that order and takes the one that trn_simd_best names. */
#ifndef TRN_KERN_SIMD_H
#define TRN_KERN_SIMD_H

/* Place of the best set in the list, from 0. Local. Cost: a few tests of processor flags. */
int trn_simd_best(void);

#endif
