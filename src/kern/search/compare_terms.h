/* compare_terms.h: what one coordinate adds to a metric, and its derivative, for the loops that are
 * compiled for each instruction set (simd_*.c). */
#ifndef TRN_KERN_SEARCH_COMPARE_TERMS_H
#define TRN_KERN_SEARCH_COMPARE_TERMS_H

#include <math.h>

#define TRN_TERM_PI 3.14159265f

/* The signed distance to the nearest integer, in [-1/2, 1/2]. */
static inline float trn_term_around(float x) {
    return x - rintf(x);
}

/* sin(pi y) and cos(pi y) for |y| <= 1/2 by their series; the first terms left out are below 6e-8
 * and 7e-9. */
static inline float trn_term_sine(float y) {
    float u = TRN_TERM_PI * y, v = u * u;
    float p = -1.0f / 39916800;
    p = p * v + 1.0f / 362880;
    p = p * v - 1.0f / 5040;
    p = p * v + 1.0f / 120;
    p = p * v - 1.0f / 6;
    return u + u * v * p;
}

static inline float trn_term_cosine(float y) {
    float u = TRN_TERM_PI * y, v = u * u;
    float p = 1.0f / 479001600;
    p = p * v - 1.0f / 3628800;
    p = p * v + 1.0f / 40320;
    p = p * v - 1.0f / 720;
    p = p * v + 1.0f / 24;
    p = p * v - 0.5f;
    return 1 + v * p;
}

/* Twice the distance round the circle, in [0, 1]. */
static inline float trn_term_torus1(float x) {
    return 2 * fabsf(trn_term_around(x));
}

/* Its square, in [0, 1]. */
static inline float trn_term_torus2(float x) {
    float y = trn_term_around(x);
    return 4 * y * y;
}

/* (1 - cos 2 pi x) / 2, the squared chord of the circle. */
static inline float trn_term_toruse(float x) {
    float s = trn_term_sine(trn_term_around(x));
    return s * s;
}

static inline float trn_term_square(float x) {
    return x * x;
}

/* Derivatives of the above, 0 at a kink. */
static inline float trn_term_sign(float x) {
    return (float)(x > 0) - (float)(x < 0);
}

static inline float trn_term_torus1_slope(float x) {
    return 2 * trn_term_sign(trn_term_around(x));
}

static inline float trn_term_torus2_slope(float x) {
    return 8 * trn_term_around(x);
}

static inline float trn_term_toruse_slope(float x) {
    float y = trn_term_around(x);
    return 2 * TRN_TERM_PI * trn_term_sine(y) * trn_term_cosine(y);
}

/* Half the slope of a square. */
static inline float trn_term_itself(float x) {
    return x;
}

#endif
