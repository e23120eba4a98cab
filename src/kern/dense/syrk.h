/* syrk.h: Gram matrices of row-major blocks: half the work of the product that they are. */
#ifndef TRN_KERN_DENSE_SYRK_H
#define TRN_KERN_DENSE_SYRK_H

#include "kern/dense/gemm.h"

#include <stdint.h>

/* The first `cols` columns of C = alpha A^T A + beta C, on and below the diagonal: C [n x cols], A
 * [k x n], cols <= n. What is above the diagonal is neither read nor written; beta = 0 never reads
 * C. C is cut into strips of rows fixed by n and cols, which `threads` threads share out: bits do
 * not depend on the number of threads. Local. Cost: k (2 n - cols + 1) cols flops. */
void trn_syrk(trn_number_t type, int64_t n, int64_t cols, int64_t k, double alpha, const void *a,
              int64_t lda, double beta, void *c, int64_t ldc, int threads);

/* Float64 numbers of scratch that trn_syrk_widen takes. Local. */
int64_t trn_syrk_scratch(int64_t n);

/* trn_syrk of float32 A in float64, with alpha = 1: rows are widened into `scratch` a few at a
 * time, so that they are in the cache when they are multiplied. Local. */
void trn_syrk_widen(int64_t n, int64_t cols, int64_t k, const float *a, int64_t lda, double beta,
                    double *c, int64_t ldc, double *scratch, int threads);

/* Copy what is below the diagonal of C [n x n] to above it. Local. */
void trn_mirror(trn_number_t type, int64_t n, void *c, int64_t ldc);

#endif
