#include "kern/descent.h"

#include <stddef.h>

#define TRN_SIMD_SET(set) extern const trn_descent_kernels_t trn_descent_kernels_##set;
#include "simd_sets.inc"
#undef TRN_SIMD_SET

#if defined(__x86_64__)
#define RUNS_v2 1
#define RUNS_v3 (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
#define RUNS_v4                                                                                    \
    (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&                    \
     __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
#endif
#define RUNS_base   1
#define RUNS_native 1

const trn_descent_kernels_t *trn_descent_kernels(void) {
    /* The list ascends. */
    const trn_descent_kernels_t *best = NULL;
#define TRN_SIMD_SET(set)                                                                          \
    if (RUNS_##set) best = &trn_descent_kernels_##set;
#include "simd_sets.inc"
#undef TRN_SIMD_SET
    return best;
}

void trn_softmax_part(int64_t m, int64_t n, const float *s, float *p, float *top, float *sum) {
    const trn_descent_kernels_t *k = trn_descent_kernels();
    for (int64_t i = 0; i < m; i++)
        k->softmax_row(n, s + i * n, p + i * n, top + i, sum + i);
}

void trn_scale_rows(int64_t m, int64_t n, const float *scale, float *x) {
    const trn_descent_kernels_t *k = trn_descent_kernels();
    for (int64_t i = 0; i < m; i++)
        k->scale(n, scale[i], x + i * n);
}

void trn_adagrad(int64_t n, float rate, float *values, float *squares, const float *g) {
    trn_descent_kernels()->adagrad(n, rate, values, squares, g);
}
