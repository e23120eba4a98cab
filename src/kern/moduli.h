/* moduli.h: sums of moduli of complex differences, for the loops that are compiled for each
 * instruction set (simd_*.c).
 *
 * Roots and quotients would cost most of the time, so whole vectors take them from the processor's
 * estimate of 1 / sqrt(x) (12 bits or more) and a step of Newton's, which leaves an error of about
 * 2e-7. For that x is raised to 1e-30 at least, so that equal numbers are 0 apart and have a
 * gradient of 0. NaN stays NaN. What does not fill the shortest vector, and all on a processor
 * without such an estimate, goes by roots. */
#ifndef TRN_KERN_MODULI_H
#define TRN_KERN_MODULI_H

#include <math.h>
#include <stdint.h>

#define TRN_MODULI static inline __attribute__((always_inline))

#if defined(__AVX512F__)
#include <immintrin.h>
#define V(name)     _mm512_##name##_ps
#define VECTOR      __m512
#define LANES       16
#define ESTIMATE(x) _mm512_rsqrt14_ps(x)
#define NAMED(x)    trn_moduli_16_##x
#include "kern/moduli_wide.inc"
#endif

#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#define V(name)     _mm256_##name##_ps
#define VECTOR      __m256
#define LANES       8
#define ESTIMATE(x) _mm256_rsqrt_ps(x)
#define NAMED(x)    trn_moduli_8_##x
#include "kern/moduli_wide.inc"
#define V(name)     _mm_##name##_ps
#define VECTOR      __m128
#define LANES       4
#define ESTIMATE(x) _mm_rsqrt_ps(x)
#define NAMED(x)    trn_moduli_4_##x
#include "kern/moduli_wide.inc"
#endif

/* sum[i] = the sum of moduli of q[i] - e for `rows` (at most 4, a constant) rows of q. */
TRN_MODULI void trn_moduli_sums(int64_t rows, int64_t width, const float *restrict q,
                                const float *restrict e, float *restrict sum) {
    int64_t half = width / 2, first = 0;
    for (int64_t i = 0; i < rows; i++)
        sum[i] = 0;
#if defined(__AVX512F__)
    first = trn_moduli_16_sums(rows, half, first, q, e, sum);
#endif
#if defined(__AVX2__) && defined(__FMA__)
    first = trn_moduli_8_sums(rows, half, first, q, e, sum);
    first = trn_moduli_4_sums(rows, half, first, q, e, sum);
#endif
    for (int64_t i = 0; i < rows && first < half; i++) {
        const float *restrict row = q + i * width;
        float rest = 0;
#pragma omp simd reduction(+ : rest)
        for (int64_t k = first; k < half; k++) {
            float re = row[k] - e[k], im = row[half + k] - e[half + k];
            rest += sqrtf(re * re + im * im);
        }
        sum[i] += rest;
    }
}

/* gq[i] += and ge -= w[i] times the gradient of that. */
TRN_MODULI void trn_moduli_back(int64_t rows, int64_t width, const float *restrict q,
                                const float *restrict e, const float *restrict w,
                                float *restrict gq, float *restrict ge) {
    int64_t half = width / 2, first = 0;
#if defined(__AVX512F__)
    first = trn_moduli_16_back(rows, half, first, q, e, w, gq, ge);
#endif
#if defined(__AVX2__) && defined(__FMA__)
    first = trn_moduli_8_back(rows, half, first, q, e, w, gq, ge);
    first = trn_moduli_4_back(rows, half, first, q, e, w, gq, ge);
#endif
    for (int64_t i = 0; i < rows && first < half; i++) {
        const float *restrict row = q + i * width;
        float *restrict to = gq + i * width;
#pragma omp simd
        for (int64_t k = first; k < half; k++) {
            float re = row[k] - e[k], im = row[half + k] - e[half + k];
            float m = sqrtf(re * re + im * im), c = m > 0 ? w[i] / m : 0;
            to[k] += c * re;
            to[half + k] += c * im;
            ge[k] -= c * re;
            ge[half + k] -= c * im;
        }
    }
}

#undef TRN_MODULI

#endif
