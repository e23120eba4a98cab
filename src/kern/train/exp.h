/* exp.h: elementary functions in float32 that compilers turn into vector instructions; for sources
 * that are compiled once for each instruction set. */
#ifndef TRN_KERN_TRAIN_EXP_H
#define TRN_KERN_TRAIN_EXP_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* exp(x) for x <= 0, relative error about 2e-7: 2^y = 2^n 2^f with f in [-1/2, 1/2], and Taylor's
 * series of 2^f to degree 6. NaN stays NaN. Local. */
static inline float trn_exp_negative(float x) {
    float y = x * 1.44269504f;
    y = y < -126.0f ? -126.0f : y;
    const float magic = 12582912.0f; /* 1.5 x 2^23: adding it rounds to integer */
    float n = (y + magic) - magic, f = y - n;
    float p = 1.54035304e-4f;
    p = p * f + 1.33335581e-3f;
    p = p * f + 9.61812911e-3f;
    p = p * f + 5.55041087e-2f;
    p = p * f + 2.40226507e-1f;
    p = p * f + 6.93147181e-1f;
    p = p * f + 1.0f;
    int32_t bits, power = (int32_t)(n > -127.0f ? n : 0.0f); /* of NaN there is no integer */
    memcpy(&bits, &p, sizeof bits);
    bits += power * (1 << 23);
    memcpy(&p, &bits, sizeof p);
    return y == y ? p : y;
}

/* With e = exp(-|x|), 0 <= e <= 1: log(1 + e^x), absolute error about 1e-6, by the series of the
 * inverse hyperbolic tangent of e / (2 + e) <= 1/3; and its derivative 1 / (1 + e^-x). Local. */
static inline float trn_soft_plus(float x, float e) {
    float z = e / (2 + e), v = z * z;
    float p = 1.0f / 9;
    p = p * v + 1.0f / 7;
    p = p * v + 1.0f / 5;
    p = p * v + 1.0f / 3;
    return (x > 0 ? x : 0) + 2 * (z + z * v * p);
}

static inline float trn_sigmoid(float x, float e) {
    return (x > 0 ? 1 : e) / (1 + e);
}

#endif
