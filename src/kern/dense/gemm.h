/* gemm.h: dense products of row-major blocks through BLAS, of any size and on our own threads. */
#ifndef TRN_KERN_DENSE_GEMM_H
#define TRN_KERN_DENSE_GEMM_H

#include "base/dtype.h"

#include <stdbool.h>
#include <stdint.h>

/* An operand as it is stored: row i begins at element i x ld. op() transposes it. Borrowed. */
typedef struct trn_factor {
    const void *data;
    int64_t ld;
    bool transposed;
} trn_factor_t;

/* C [m x n] = alpha op(A) [m x k] op(B) [k x n] + beta C, all of one type, TRN_F32 or TRN_F64. Row
 * i of C begins at element i x ldc. */
typedef struct trn_gemm {
    trn_dtype_t type;
    int64_t m, n, k;
    double alpha, beta;
    trn_factor_t a, b;
    void *c;
    int64_t ldc;
    int threads; /* at most 1: the caller's alone */
} trn_gemm_t;

/* Compute C. beta = 0 never reads it; k = 0 leaves beta C. Rows or columns of C are shared out
 * among `threads` threads, each calling BLAS for itself, so that no sum is split. Local. Cost: 2 m
 * n k flops. */
void trn_gemm(const trn_gemm_t *product);

/* c [m x n] = op(a) [m x k] b [k x n] + beta c in float64, rows of b and c without gaps, by one
 * call of BLAS on the caller's thread. Local. Cost: 2 m n k flops. */
void trn_gemm_f64(int64_t m, int64_t n, int64_t k, trn_factor_t a, const double *b, double beta,
                  double *c);

/* The same in float64 by the definition, for tests; alpha and beta times sums of rounded float32
 * products where the type is that. Local. */
void trn_gemm_ref(const trn_gemm_t *product);

#endif
