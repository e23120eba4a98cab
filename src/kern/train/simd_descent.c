/* simd_descent.c: the loops of descent.h, compiled once for each instruction set (CMakeLists.txt).
 */
#include "kern/train/descent.h"

#include <math.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)

static void scale(int64_t n, float by, float *x) {
#pragma omp simd
    for (int64_t j = 0; j < n; j++)
        x[j] *= by;
}

/* The small number keeps a coordinate that was never moved from dividing by 0. */
static void adagrad(int64_t n, float rate, float *restrict values, float *restrict squares,
                    const float *restrict g) {
#pragma omp simd
    for (int64_t j = 0; j < n; j++) {
        float a = squares[j] + g[j] * g[j];
        squares[j] = a;
        values[j] -= rate * g[j] / (sqrtf(a) + 1e-10f);
    }
}

static void adam(const trn_adam_t *a, int64_t n, float decay, float *restrict values,
                 float *restrict m, float *restrict v, const float *restrict g) {
    const float rate = a->rate / a->mean_by, by = 1 / a->square_by, first = a->mean;
    const float second = a->square;
#pragma omp simd
    for (int64_t j = 0; j < n; j++) {
        float slope = g[j] + decay * values[j];
        float mean = first * m[j] + (1 - first) * slope;
        float square = second * v[j] + (1 - second) * slope * slope;
        m[j] = mean;
        v[j] = square;
        values[j] -= rate * mean / (sqrtf(square * by) + 1e-8f);
    }
}

#define TEXT_(a) #a
#define TEXT(a)  TEXT_(a)
const trn_descent_kernels_t JOIN(trn_descent_kernels_, TRN_SIMD) = {scale, adagrad, adam,
                                                                    TEXT(TRN_SIMD)};
