/* simd.c: which instruction sets this processor runs, of those that the build made loops for. */
#include "kern/simd.h"
#include "simd_sets.inc"

#if defined(__x86_64__)
#define RUNS_v2 1
#define RUNS_v3 (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
#define RUNS_v4                                                                                    \
    (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&                    \
     __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
#endif
#define RUNS_base   1
#define RUNS_native 1

/* Sets are listed from the poorest to the richest: the last that runs is the best. */
int trn_simd_best(void) {
    int best = -1, place = 0;
#define TRY(unused, set)                                                                           \
    if (RUNS_##set) best = place;                                                                  \
    place++;
    TRN_SIMD_SETS(TRY, )
#undef TRY
    return best;
}
