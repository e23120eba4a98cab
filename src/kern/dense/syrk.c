#include "kern/dense/syrk.h"

#include <cblas.h>

enum {
    STRIP = 512,          /* rows of C at a time: BLAS is at its best on such triangles */
    TERMS = 256,          /* rows of A at a time if C is one strip: BLAS packs them twice, and they
                           * are in the cache the second time */
    MOST_TERMS = 1 << 30, /* of a sum in one call of BLAS */
    WIDE = 1 << 15, /* numbers that are widened at a time: half of a level-2 cache, but TERMS rows
                       at least */
    MIRROR = 32     /* side of the squares that are mirrored at a time */
};

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t size_of(trn_number_t type) {
    return type == TRN_NUMBER_F32 ? (int64_t)sizeof(float) : (int64_t)sizeof(double);
}

/* The triangle of C [n x n], n and k within int. */
static void triangle(trn_number_t type, int64_t n, int64_t k, double alpha, const void *a,
                     int64_t lda, double beta, void *c, int64_t ldc) {
    if (type == TRN_NUMBER_F32)
        cblas_ssyrk(CblasRowMajor, CblasLower, CblasTrans, (int)n, (int)k, (float)alpha, a,
                    (int)lda, (float)beta, c, (int)ldc);
    else
        cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, (int)n, (int)k, alpha, a, (int)lda, beta,
                    c, (int)ldc);
}

/* Rows [first, first + rows) of C, at most MOST_TERMS terms each: what is left of the diagonal,
 * then the triangle at its end if it is within the `cols` columns. */
static void strip(trn_number_t type, int64_t first, int64_t rows, int64_t cols, int64_t k,
                  double alpha, const void *a, int64_t lda, double beta, void *c, int64_t ldc) {
    const char *left = (const char *)a + first * size_of(type);
    char *at = (char *)c + first * ldc * size_of(type);
    trn_gemm(type, true, false, rows, least(first, cols), k, alpha, left, lda, a, lda, beta, at,
             ldc, 1);
    if (first < cols)
        triangle(type, rows, k, alpha, left, lda, beta, at + first * size_of(type), ldc);
}

/* k = 0: beta C, row by row, so that nothing above the diagonal is touched. */
static void scale(trn_number_t type, int64_t n, int64_t cols, double beta, void *c, int64_t ldc) {
    for (int64_t i = 0; i < n; i++)
        trn_gemm(type, true, false, 1, least(i + 1, cols), 0, 1, NULL, 1, NULL, 1, beta,
                 (char *)c + i * ldc * size_of(type), ldc, 1);
}

void trn_syrk(trn_number_t type, int64_t n, int64_t cols, int64_t k, double alpha, const void *a,
              int64_t lda, double beta, void *c, int64_t ldc, int threads) {
    if (n == 0 || cols == 0) return;
    if (k == 0) scale(type, n, cols, beta, c, ldc);
    int64_t upper = (cols + STRIP - 1) / STRIP, strips = upper + (n - cols + STRIP - 1) / STRIP;
    int64_t step = n <= STRIP ? TERMS : MOST_TERMS;
    for (int64_t t = 0; t < k; t += step) {
        const char *terms = (const char *)a + t * lda * size_of(type);
#pragma omp parallel for num_threads(threads) schedule(dynamic) if (threads > 1)
        for (int64_t s = strips - 1; s >= 0; s--) { /* the longest first */
            int64_t first = s < upper ? s * STRIP : cols + (s - upper) * STRIP;
            int64_t rows = least(STRIP, (s < upper ? cols : n) - first);
            strip(type, first, rows, cols, least(k - t, step), alpha, terms, lda, t == 0 ? beta : 1,
                  c, ldc);
        }
    }
}

/* Rows that are widened at a time. */
static int64_t terms_of(int64_t n) {
    int64_t rows = WIDE / (n > 0 ? n : 1);
    return rows < TERMS ? TERMS : rows;
}

int64_t trn_syrk_scratch(int64_t n) {
    return terms_of(n) * n;
}

void trn_syrk_widen(int64_t n, int64_t cols, int64_t k, const float *a, int64_t lda, double beta,
                    double *c, int64_t ldc, double *scratch, int threads) {
    if (k == 0) scale(TRN_NUMBER_F64, n, cols, beta, c, ldc);
    for (int64_t t = 0; t < k; t += terms_of(n)) {
        int64_t some = least(k - t, terms_of(n));
        for (int64_t i = 0; i < some; i++)
            for (int64_t j = 0; j < n; j++)
                scratch[i * n + j] = (double)a[(t + i) * lda + j];
        trn_syrk(TRN_NUMBER_F64, n, cols, some, 1, scratch, n, t == 0 ? beta : 1, c, ldc, threads);
    }
}

/* Squares, so that neither the rows read nor the columns written fall out of the cache. */
void trn_mirror(trn_number_t type, int64_t n, void *c, int64_t ldc) {
    for (int64_t top = 0; top < n; top += MIRROR)
        for (int64_t left = 0; left <= top; left += MIRROR)
            for (int64_t i = top; i < least(top + MIRROR, n); i++)
                for (int64_t j = left; j < least(left + MIRROR, i); j++)
                    if (type == TRN_NUMBER_F32)
                        ((float *)c)[j * ldc + i] = ((float *)c)[i * ldc + j];
                    else
                        ((double *)c)[j * ldc + i] = ((double *)c)[i * ldc + j];
}
