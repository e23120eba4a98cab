/* descent.c: chooses the loops for this processor. */
#include "kern/train/descent.h"
#include "kern/simd.h"
#include "simd_sets.inc"

#include <math.h>
#include <stddef.h>

TRN_SIMD_CHOICE(trn_descent_kernels)

/* Each row of x [m x n] by its own factor. */
void trn_scale_rows(int64_t m, int64_t n, const float *scale, float *x) {
    const trn_descent_kernels_t *k = trn_descent_kernels();
    for (int64_t i = 0; i < m; i++)
        k->scale(n, scale[i], x + i * n);
}

void trn_adagrad(int64_t n, float rate, float *values, float *squares, const float *g) {
    trn_descent_kernels()->adagrad(n, rate, values, squares, g);
}

trn_adam_t trn_adam_at(double rate, int64_t t) {
    const double mean = 0.9, square = 0.999;
    return (trn_adam_t){.rate = (float)rate,
                        .mean = (float)mean,
                        .square = (float)square,
                        .mean_by = (float)(1 - pow(mean, (double)t)),
                        .square_by = (float)(1 - pow(square, (double)t))};
}

void trn_adam_row(const trn_adam_t *adam, int64_t n, float decay, float *values, float *m, float *v,
                  const float *g) {
    trn_descent_kernels()->adam(adam, n, decay, values, m, v, g);
}
