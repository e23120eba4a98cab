/* simd_compare.c: what one pair of vectors scores, and its gradient, compiled once for each
 * instruction set (CMakeLists.txt). */
#include "kern/search/compare_simd.h"
#include "kern/search/compare_terms.h"
#include "kern/sparse/moduli.inc"

#include <math.h>
#include <stddef.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)

/* Lanes are summed apart and joined at the end, an order fixed by the instruction set: bits differ
 * between sets by rounding, never between runs. */
static float dot_sum(int64_t width, const float *restrict q, const float *restrict e) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t k = 0; k < width; k++)
        sum += q[k] * e[k];
    return sum;
}

/* Either gradient may be NULL, if it is not wanted. */
static void dot_back(int64_t width, const float *restrict q, const float *restrict e, float w,
                     float *restrict gq, float *restrict ge) {
    if (gq)
#pragma omp simd
        for (int64_t k = 0; k < width; k++)
            gq[k] += w * e[k];
    if (ge)
#pragma omp simd
        for (int64_t k = 0; k < width; k++)
            ge[k] += w * q[k];
}

/* Metrics that are a sum over coordinates of F(q - e), whose derivative is SLOPE. */
#define SEPARABLE(name, F, SLOPE)                                                                  \
    static float name##_sum(int64_t width, const float *restrict q, const float *restrict e) {     \
        float sum = 0;                                                                             \
        _Pragma("omp simd reduction(+ : sum)") for (int64_t k = 0; k < width; k++) sum +=          \
            F(q[k] - e[k]);                                                                        \
        return sum;                                                                                \
    }                                                                                              \
    static void name##_back(int64_t width, const float *restrict q, const float *restrict e,       \
                            float w, float *restrict gq, float *restrict ge) {                     \
        if (gq && ge) {                                                                            \
            _Pragma("omp simd") for (int64_t k = 0; k < width; k++) {                              \
                float g = w * SLOPE(q[k] - e[k]);                                                  \
                gq[k] += g;                                                                        \
                ge[k] -= g;                                                                        \
            }                                                                                      \
        } else if (gq) {                                                                           \
            _Pragma("omp simd") for (int64_t k = 0; k < width; k++) gq[k] +=                       \
                w * SLOPE(q[k] - e[k]);                                                            \
        } else if (ge) {                                                                           \
            _Pragma("omp simd") for (int64_t k = 0; k < width; k++) ge[k] -=                       \
                w * SLOPE(q[k] - e[k]);                                                            \
        }                                                                                          \
    }

SEPARABLE(l1, fabsf, trn_term_sign)
SEPARABLE(l2, trn_term_square,
          trn_term_itself) /* half the derivative: the root's own half cancels it */
SEPARABLE(torus1, trn_term_torus1, trn_term_torus1_slope)
SEPARABLE(torus2, trn_term_torus2, trn_term_torus2_slope)
SEPARABLE(toruse, trn_term_toruse, trn_term_toruse_slope)

/* Sum of moduli of complex differences, as for four queries at a time, of one. */
static float moduli_sum(int64_t width, const float *q, const float *e) {
    float sum;
    trn_moduli_sums(1, width, q, e, &sum);
    return sum;
}

/* The derivative of a modulus is its direction, and taken as 0 where there is none. */
static void moduli_back(int64_t width, const float *restrict q, const float *restrict e, float w,
                        float *restrict gq, float *restrict ge) {
    if (gq && ge) {
        trn_moduli_back(1, width, q, e, &w, gq, ge);
        return;
    }
    int64_t half = width / 2;
#pragma omp simd
    for (int64_t k = 0; k < half; k++) {
        float re = q[k] - e[k], im = q[half + k] - e[half + k], m = sqrtf(re * re + im * im);
        float c = m > 0 ? w / m : 0;
        if (gq) gq[k] += c * re, gq[half + k] += c * im;
        if (ge) ge[k] -= c * re, ge[half + k] -= c * im;
    }
}

/* s = -(squared distances), rounding below 0 mended, becomes -distances; returns the greatest. */
static float root(int64_t n, float *s) {
    float most = -3.4e38f;
#pragma omp simd reduction(max : most)
    for (int64_t j = 0; j < n; j++) {
        float square = -s[j], x = -sqrtf(square < 0 ? 0 : square);
        s[j] = x;
        most = x > most ? x : most;
    }
    return most;
}

/* w becomes w / distance, 0 where there is no distance; returns the sum of them, for the query's
 * own gradient. `column` adds them up by candidate. */
static float slope(int64_t n, const float *restrict s, float *restrict w, float *restrict column) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < n; j++) {
        float c = s[j] < 0 ? w[j] / -s[j] : 0;
        w[j] = c;
        sum += c;
    }
    for (int64_t j = 0; column && j < n; j++)
        column[j] += w[j];
    return sum;
}

static void add(int64_t n, float c, const float *restrict from, float *restrict to) {
#pragma omp simd
    for (int64_t j = 0; j < n; j++)
        to[j] += c * from[j];
}

#define TEXT_(a) #a
#define TEXT(a)  TEXT_(a)
const trn_compare_kernels_t JOIN(trn_compare_kernels_, TRN_SIMD) = {
    {dot_sum, l1_sum, l2_sum, moduli_sum, torus1_sum, torus2_sum, toruse_sum},
    {dot_back, l1_back, l2_back, moduli_back, torus1_back, torus2_back, toruse_back},
    root,
    slope,
    add,
    TEXT(TRN_SIMD)};
