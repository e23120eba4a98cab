/* gemm.c: products cut into calls of BLAS: bands of C for threads, and pieces of at most LARGEST in
 * each dimension, because BLAS counts in int. Terms are cut last and add up in order, so a number
 * of C has the same bits whatever the threads, as far as BLAS gives equal bits in other shapes. */
#include "kern/dense/gemm.h"

#include <cblas.h>
#include <limits.h>
#include <stddef.h>

enum { LARGEST = INT_MAX / 2 / 4096 * 4096 /* of one dimension in one call of BLAS */ };

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* BLAS wants a stride of at least the columns, and above 0, even where there are no rows. */
static int stride(int64_t ld, int64_t cols) {
    return (int)(ld > cols ? ld : cols > 1 ? cols : 1);
}

/* An operand from (row, col) of op() on. */
static trn_factor_t factor_at(const trn_gemm_t *g, trn_factor_t x, int64_t row, int64_t col) {
    int64_t element = x.transposed ? col * x.ld + row : row * x.ld + col;
    x.data = (const char *)x.data + trn_dtype_size(g->type) * element;
    return x;
}

/* The part of a product that makes size[0] rows and size[1] columns of C out of size[2] terms, the
 * first of which are from[]. */
static trn_gemm_t part_of(const trn_gemm_t *g, const int64_t from[3], const int64_t size[3]) {
    trn_gemm_t part = *g;
    part.m = size[0];
    part.n = size[1];
    part.k = size[2];
    part.a = factor_at(g, g->a, from[0], from[2]);
    part.b = factor_at(g, g->b, from[2], from[1]);
    part.c = (char *)g->c + trn_dtype_size(g->type) * (from[0] * g->ldc + from[1]);
    return part;
}

/* All sizes within int. */
static void call(const trn_gemm_t *g) {
    CBLAS_TRANSPOSE op_a = g->a.transposed ? CblasTrans : CblasNoTrans;
    CBLAS_TRANSPOSE op_b = g->b.transposed ? CblasTrans : CblasNoTrans;
    int m = (int)g->m, n = (int)g->n, k = (int)g->k, lc = stride(g->ldc, n);
    int la = stride(g->a.ld, g->a.transposed ? m : k),
        lb = stride(g->b.ld, g->b.transposed ? k : n);
    if (m == 0 || n == 0) return;
    if (g->type == TRN_F32)
        cblas_sgemm(CblasRowMajor, op_a, op_b, m, n, k, (float)g->alpha, g->a.data, la, g->b.data,
                    lb, (float)g->beta, g->c, lc);
    else
        cblas_dgemm(CblasRowMajor, op_a, op_b, m, n, k, g->alpha, g->a.data, la, g->b.data, lb,
                    g->beta, g->c, lc);
}

/* c = beta c without BLAS, whose handling of k = 0 with NULL operands differs between libraries. */
static void scale(const trn_gemm_t *g) {
    if (g->beta == 1) return;
    for (int64_t i = 0; i < g->m; i++)
        for (int64_t j = 0; j < g->n; j++)
            if (g->type == TRN_F32) {
                float *x = (float *)g->c + i * g->ldc + j;
                *x = g->beta == 0 ? 0 : (float)g->beta * *x;
            } else {
                double *x = (double *)g->c + i * g->ldc + j;
                *x = g->beta == 0 ? 0 : g->beta * *x;
            }
}

/* One band of C, cut where a dimension is too large for an int. C takes beta with its first terms.
 */
static void band(const trn_gemm_t *g) {
    for (int64_t i = 0; i < g->m; i += LARGEST)
        for (int64_t j = 0; j < g->n; j += LARGEST)
            for (int64_t t = 0; t < g->k; t += LARGEST) {
                int64_t from[3] = {i, j, t};
                int64_t size[3] = {least(g->m - i, LARGEST), least(g->n - j, LARGEST),
                                   least(g->k - t, LARGEST)};
                trn_gemm_t piece = part_of(g, from, size);
                if (t > 0) piece.beta = 1;
                call(&piece);
            }
}

/* The longer side of C is cut: bands stay as near to squares as they can. */
void trn_gemm(const trn_gemm_t *product) {
    const trn_gemm_t *g = product;
    if (g->k == 0 || g->m == 0 || g->n == 0) {
        scale(g);
        return;
    }
    if (g->threads <= 1) {
        band(g);
        return;
    }
    bool by_rows = g->m >= g->n;
    int64_t items = by_rows ? g->m : g->n, threads = g->threads;
#pragma omp parallel for num_threads(g->threads) schedule(static)
    for (int64_t t = 0; t < threads; t++) {
        int64_t first = items * t / threads, count = items * (t + 1) / threads - first;
        int64_t from[3] = {by_rows ? first : 0, by_rows ? 0 : first, 0};
        int64_t size[3] = {by_rows ? count : g->m, by_rows ? g->n : count, g->k};
        trn_gemm_t share = part_of(g, from, size);
        band(&share);
    }
}

void trn_gemm_f64(int64_t m, int64_t n, int64_t k, trn_factor_t a, const double *b, double beta,
                  double *c) {
    trn_gemm(&(trn_gemm_t){.type = TRN_F64,
                           .m = m,
                           .n = n,
                           .k = k,
                           .alpha = 1,
                           .beta = beta,
                           .a = a,
                           .b = {b, n, false},
                           .c = c,
                           .ldc = n});
}
