/* syrk.h: Gram matrices of row-major blocks: half the work of the product that they are. */
#ifndef TRN_KERN_DENSE_SYRK_H
#define TRN_KERN_DENSE_SYRK_H

#include "kern/dense/gemm.h"

#include <stdint.h>

/* The first `cols` columns of C = alpha A^T A + beta C, on and below the diagonal: C [n x cols], A
 * [k x n], cols <= n. Row i of A (of C) begins at element i x lda (ldc). */
typedef struct trn_syrk {
    trn_dtype_t type; /* TRN_F32 or TRN_F64 */
    int64_t n, cols, k;
    double alpha, beta;
    const void *a;
    int64_t lda;
    void *c;
    int64_t ldc;
    int threads; /* at most 1: the caller's alone */
} trn_syrk_t;

/* Compute them. What is above the diagonal is neither read nor written; beta = 0 never reads C. C
 * is cut into strips of rows fixed by n and cols, which `threads` threads share out: bits do not
 * depend on the number of threads. Local. Cost: k (2 n - cols + 1) cols flops. */
void trn_syrk(const trn_syrk_t *gram);

/* Float64 numbers of scratch that trn_syrk_widen takes. Local. */
int64_t trn_syrk_scratch(int64_t n);

/* trn_syrk in float64, type TRN_F64, of an A that is float32: rows are widened into `scratch` a few
 * at a time, so that they are in the cache when they are multiplied. Local. */
void trn_syrk_widen(const trn_syrk_t *gram, double *scratch);

/* Copy what is below the diagonal of C [n x n] to above it. Local. */
void trn_mirror(trn_dtype_t type, int64_t n, void *c, int64_t ldc);

#endif
