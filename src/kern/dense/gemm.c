#include "kern/dense/gemm.h"

#include <cblas.h>
#include <limits.h>
#include <stddef.h>

enum { LARGEST = INT_MAX / 2 / 4096 * 4096 /* of one dimension in one call of BLAS */ };

static int64_t size_of(trn_number_t type) {
    return type == TRN_NUMBER_F32 ? (int64_t)sizeof(float) : (int64_t)sizeof(double);
}

static const char *at(trn_number_t type, const void *data, int64_t element) {
    return (const char *)data + size_of(type) * element;
}

static int stride(int64_t ld, int64_t cols) {
    return (int)(ld > cols ? ld : cols > 1 ? cols : 1);
}

/* All sizes within int. */
static void call(trn_number_t type, bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha,
                 const void *a, int64_t lda, const void *b, int64_t ldb, double beta, void *c,
                 int64_t ldc) {
    CBLAS_TRANSPOSE op_a = ta ? CblasTrans : CblasNoTrans, op_b = tb ? CblasTrans : CblasNoTrans;
    int la = stride(lda, ta ? m : k), lb = stride(ldb, tb ? k : n), lc = stride(ldc, n);
    if (m == 0 || n == 0) return;
    if (type == TRN_NUMBER_F32)
        cblas_sgemm(CblasRowMajor, op_a, op_b, (int)m, (int)n, (int)k, (float)alpha, a, la, b, lb,
                    (float)beta, c, lc);
    else
        cblas_dgemm(CblasRowMajor, op_a, op_b, (int)m, (int)n, (int)k, alpha, a, la, b, lb, beta, c,
                    lc);
}

/* c = beta c without BLAS, whose handling of k = 0 with NULL operands differs between libraries. */
static void scale(trn_number_t type, int64_t m, int64_t n, double beta, void *c, int64_t ldc) {
    if (beta == 1) return;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            if (type == TRN_NUMBER_F32) {
                float *x = (float *)c + i * ldc + j;
                *x = beta == 0 ? 0 : (float)beta * *x;
            } else {
                double *x = (double *)c + i * ldc + j;
                *x = beta == 0 ? 0 : beta * *x;
            }
}

/* One band of C, cut where a dimension is too large for an int. */
static void band(trn_number_t type, bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha,
                 const void *a, int64_t lda, const void *b, int64_t ldb, double beta, void *c,
                 int64_t ldc) {
    for (int64_t i = 0; i < m; i += LARGEST)
        for (int64_t j = 0; j < n; j += LARGEST)
            for (int64_t t = 0; t < k; t += LARGEST)
                call(type, ta, tb, m - i < LARGEST ? m - i : LARGEST,
                     n - j < LARGEST ? n - j : LARGEST, k - t < LARGEST ? k - t : LARGEST, alpha,
                     at(type, a, ta ? t * lda + i : i * lda + t), lda,
                     at(type, b, tb ? j * ldb + t : t * ldb + j), ldb, t == 0 ? beta : 1,
                     (char *)c + size_of(type) * (i * ldc + j), ldc);
}

void trn_gemm(trn_number_t type, bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha,
              const void *a, int64_t lda, const void *b, int64_t ldb, double beta, void *c,
              int64_t ldc, int threads) {
    if (k == 0 || m == 0 || n == 0) {
        scale(type, m, n, beta, c, ldc);
        return;
    }
    if (threads <= 1) {
        band(type, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
        return;
    }
    bool by_rows = m >= n;
    int64_t items = by_rows ? m : n;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int t = 0; t < threads; t++) {
        int64_t first = items * t / threads, count = items * (t + 1) / threads - first;
        int64_t i = by_rows ? first : 0, j = by_rows ? 0 : first;
        band(type, ta, tb, by_rows ? count : m, by_rows ? n : count, k, alpha,
             at(type, a, ta ? i : i * lda), lda, at(type, b, tb ? j * ldb : j), ldb, beta,
             (char *)c + size_of(type) * (i * ldc + j), ldc);
    }
}
