/* simd_compare.c: what one pair of vectors scores, and its gradient, compiled once for each
 * instruction set (CMakeLists.txt). */
#include "kern/compare_simd.h"

#include <math.h>
#include <stddef.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)

static const float PI = 3.14159265f;

/* The signed distance to the nearest integer, in [-1/2, 1/2]. */
static inline float around(float x) {
    return x - rintf(x);
}

/* sin(pi y) and cos(pi y) for |y| <= 1/2 by their series; the first terms left out are below 6e-8
 * and 7e-9. */
static inline float sine(float y) {
    float u = PI * y, v = u * u;
    float p = -1.0f / 39916800;
    p = p * v + 1.0f / 362880;
    p = p * v - 1.0f / 5040;
    p = p * v + 1.0f / 120;
    p = p * v - 1.0f / 6;
    return u + u * v * p;
}

static inline float cosine(float y) {
    float u = PI * y, v = u * u;
    float p = 1.0f / 479001600;
    p = p * v - 1.0f / 3628800;
    p = p * v + 1.0f / 40320;
    p = p * v - 1.0f / 720;
    p = p * v + 1.0f / 24;
    p = p * v - 0.5f;
    return 1 + v * p;
}

static inline float torus1(float x) {
    return 2 * fabsf(around(x));
}

static inline float torus2(float x) {
    float y = around(x);
    return 4 * y * y;
}

static inline float toruse(float x) {
    float s = sine(around(x));
    return s * s;
}

static inline float square(float x) {
    return x * x;
}

/* Derivatives of the above, 0 at a kink. */
static inline float sign(float x) {
    return (float)(x > 0) - (float)(x < 0);
}

static inline float torus1_slope(float x) {
    return 2 * sign(around(x));
}

static inline float torus2_slope(float x) {
    return 8 * around(x);
}

static inline float toruse_slope(float x) {
    float y = around(x);
    return 2 * PI * sine(y) * cosine(y);
}

static inline float itself(float x) {
    return x;
}

static float dot_sum(int64_t width, const float *restrict q, const float *restrict e) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t k = 0; k < width; k++)
        sum += q[k] * e[k];
    return sum;
}

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

SEPARABLE(l1, fabsf, sign)
SEPARABLE(l2, square, itself) /* half the derivative: the root's own half cancels it */
SEPARABLE(torus1, torus1, torus1_slope)
SEPARABLE(torus2, torus2, torus2_slope)
SEPARABLE(toruse, toruse, toruse_slope)

static float moduli_sum(int64_t width, const float *restrict q, const float *restrict e) {
    int64_t half = width / 2;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t k = 0; k < half; k++) {
        float re = q[k] - e[k], im = q[half + k] - e[half + k];
        sum += sqrtf(re * re + im * im);
    }
    return sum;
}

static void moduli_back(int64_t width, const float *restrict q, const float *restrict e, float w,
                        float *restrict gq, float *restrict ge) {
    int64_t half = width / 2;
#pragma omp simd
    for (int64_t k = 0; k < half; k++) {
        float re = q[k] - e[k], im = q[half + k] - e[half + k], m = sqrtf(re * re + im * im);
        float c = m > 0 ? w / m : 0;
        if (gq) gq[k] += c * re, gq[half + k] += c * im;
        if (ge) ge[k] -= c * re, ge[half + k] -= c * im;
    }
}

#define TEXT_(a) #a
#define TEXT(a)  TEXT_(a)
const trn_compare_kernels_t JOIN(trn_compare_kernels_, TRN_SIMD) = {
    {dot_sum, l1_sum, l2_sum, moduli_sum, torus1_sum, torus2_sum, toruse_sum},
    {dot_back, l1_back, l2_back, moduli_back, torus1_back, torus2_back, toruse_back},
    TEXT(TRN_SIMD)};
