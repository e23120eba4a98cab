/* simd_descent.c: the loops of descent.h, compiled once for each instruction set (CMakeLists.txt).
 */
#include "kern/descent.h"

#include <math.h>
#include <string.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)

/* exp(x) for x <= 0, relative error about 2e-7: 2^y = 2^n 2^f with f in [-1/2, 1/2], and Taylor's
 * series of 2^f to degree 6. NaN stays NaN. */
static inline float exp_negative(float x) {
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

static void softmax_row(int64_t n, const float *s, float *p, float *top, float *sum) {
    float most = s[0], total = 0;
#pragma omp simd reduction(max : most)
    for (int64_t j = 0; j < n; j++)
        most = s[j] > most ? s[j] : most;
#pragma omp simd reduction(+ : total)
    for (int64_t j = 0; j < n; j++) {
        float e = exp_negative(s[j] - most);
        total += e;
        p[j] = e;
    }
    *top = most;
    *sum = total;
}

static void scale(int64_t n, float by, float *x) {
#pragma omp simd
    for (int64_t j = 0; j < n; j++)
        x[j] *= by;
}

static void adagrad(int64_t n, float rate, float *restrict values, float *restrict squares,
                    const float *restrict g) {
#pragma omp simd
    for (int64_t j = 0; j < n; j++) {
        float a = squares[j] + g[j] * g[j];
        squares[j] = a;
        values[j] -= rate * g[j] / (sqrtf(a) + 1e-10f);
    }
}

#define TEXT_(a) #a
#define TEXT(a)  TEXT_(a)
const trn_descent_kernels_t JOIN(trn_descent_kernels_, TRN_SIMD) = {softmax_row, scale, adagrad,
                                                                    TEXT(TRN_SIMD)};
