/* simd_complex.c: the loops of complex.h, compiled once for each instruction set (CMakeLists.txt).
 */
#include "kern/search/compare_terms.h"
#include "kern/train/complex.h"

#include <math.h>
#include <stdbool.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)
#define ALWAYS      static inline __attribute__((always_inline))

/* x = pi (n + y) with n whole and |y| <= 1/2: an odd n changes both signs. */
ALWAYS void angle(float x, float *re, float *im) {
    const float per_half_turn = 0.318309886f;
    float n = rintf(x * per_half_turn), y = x * per_half_turn - n;
    float odd = fabsf(0.5f * n - rintf(0.5f * n)), sign = 1 - 4 * odd; /* odd: 0 or 1/2 */
    *re = sign * trn_term_cosine(y);
    *im = sign * trn_term_sine(y);
}

/* q = x times r, or times conj(r) for sign -1, as complex numbers: [re | im] halves. */
ALWAYS void multiply(float sign, int64_t half, const float *restrict x, const float *restrict r,
                     bool phases, float *restrict q) {
#pragma omp simd
    for (int64_t k = 0; k < half; k++) {
        float re, im, x0 = x[k], x1 = x[half + k];
        if (phases)
            angle(r[k], &re, &im);
        else
            re = r[k], im = r[half + k];
        im *= sign;
        q[k] = x0 * re - x1 * im;
        q[half + k] = x0 * im + x1 * re;
    }
}

/* With g the gradient to q: that to x is g times conj(r); that to r is g times conj(x), along and
 * across. */
ALWAYS void multiply_back(float sign, int64_t half, const float *restrict x,
                          const float *restrict r, bool phases, const float *restrict gq,
                          float *restrict gx, float *restrict gr) {
#pragma omp simd
    for (int64_t k = 0; k < half; k++) {
        float re, im, x0 = x[k], x1 = x[half + k], g0 = gq[k], g1 = gq[half + k];
        if (phases)
            angle(r[k], &re, &im);
        else
            re = r[k], im = r[half + k];
        float along = g0 * x0 + g1 * x1, across = sign * (g1 * x0 - g0 * x1), signed_im = sign * im;
        gx[k] = g0 * re + g1 * signed_im;
        gx[half + k] = g1 * re - g0 * signed_im;
        if (phases) {
            gr[k] = across * re - along * im;
        } else {
            gr[k] = along;
            gr[half + k] = across;
        }
    }
}

static void complex_multiply(float sign, int64_t half, const float *x, const float *r, float *q) {
    multiply(sign, half, x, r, false, q);
}

static void complex_back(float sign, int64_t half, const float *x, const float *r, const float *gq,
                         float *gx, float *gr) {
    multiply_back(sign, half, x, r, false, gq, gx, gr);
}

static void phase_multiply(float sign, int64_t half, const float *x, const float *r, float *q) {
    multiply(sign, half, x, r, true, q);
}

static void phase_back(float sign, int64_t half, const float *x, const float *r, const float *gq,
                       float *gx, float *gr) {
    multiply_back(sign, half, x, r, true, gq, gx, gr);
}

/* Cosines and sines of a relation's phases, once for many rows. */
static void angles(int64_t half, const float *restrict phase, float *restrict to) {
#pragma omp simd
    for (int64_t k = 0; k < half; k++) {
        float re, im;
        angle(phase[k], &re, &im);
        to[k] = re;
        to[half + k] = im;
    }
}

static void product(int64_t n, const float *restrict x, const float *restrict r,
                    float *restrict q) {
#pragma omp simd
    for (int64_t k = 0; k < n; k++)
        q[k] = x[k] * r[k];
}

/* Gradients are set, not added: each row is of one fact. */
static void product_back(int64_t n, const float *restrict x, const float *restrict r,
                         const float *restrict gq, float *restrict gx, float *restrict gr) {
#pragma omp simd
    for (int64_t k = 0; k < n; k++) {
        gx[k] = gq[k] * r[k];
        gr[k] = gq[k] * x[k];
    }
}

/* What lies along w is taken away. */
static void plane(int64_t n, float along, const float *restrict w, const float *restrict x,
                  float *restrict p) {
#pragma omp simd
    for (int64_t k = 0; k < n; k++)
        p[k] = x[k] - along * w[k];
}

static void plane_back(int64_t n, float a, float b, float inverse, const float *restrict w,
                       const float *restrict x, const float *restrict g, float *restrict gx,
                       float *restrict gw) {
#pragma omp simd
    for (int64_t k = 0; k < n; k++) {
        float u = w[k] * inverse;
        gx[k] += g[k] - b * u;
        gw[k] += (2 * a * b * u - b * x[k] - a * g[k]) * inverse;
    }
}

#define TEXT_(a) #a
#define TEXT(a)  TEXT_(a)
const trn_complex_kernels_t JOIN(trn_complex_kernels_, TRN_SIMD) = {
    complex_multiply, complex_back, phase_multiply, phase_back, angles,
    product,          product_back, plane,          plane_back, TEXT(TRN_SIMD)};
