/* gemm.h: dense products of row-major blocks through BLAS, of any size and on our own threads. */
#ifndef TRN_KERN_DENSE_GEMM_H
#define TRN_KERN_DENSE_GEMM_H

#include <stdbool.h>
#include <stdint.h>

typedef enum trn_number { TRN_NUMBER_F32, TRN_NUMBER_F64 } trn_number_t;

/* C [m x n] = alpha op(A) [m x k] op(B) [k x n] + beta C, where op transposes if `ta` (`tb`). Row
 * i of a stored block starts at element i x ld. beta = 0 never reads C; k = 0 leaves beta C. Rows
 * or columns of C are shared out among `threads` threads, each calling BLAS for itself, so that no
 * sum is split. Local. Cost: 2 m n k flops. */
void trn_gemm(trn_number_t type, bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha,
              const void *a, int64_t lda, const void *b, int64_t ldb, double beta, void *c,
              int64_t ldc, int threads);

/* The same in float64 by the definition, for tests; alpha and beta times sums of rounded float32
 * products where the type is that. Local. */
void trn_gemm_ref(trn_number_t type, bool ta, bool tb, int64_t m, int64_t n, int64_t k,
                  double alpha, const void *a, int64_t lda, const void *b, int64_t ldb, double beta,
                  void *c, int64_t ldc);

#endif
