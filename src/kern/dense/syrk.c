/* syrk.c: A^T A by strips of rows: left of the diagonal a product, on it a triangle of BLAS. */
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

/* Element `i` of C, or of A. */
static void *c_at(const trn_syrk_t *g, int64_t i) {
    return (char *)g->c + i * trn_dtype_size(g->type);
}

static const void *a_at(const trn_syrk_t *g, int64_t i) {
    return (const char *)g->a + i * trn_dtype_size(g->type);
}

/* The triangle that rows [first, first + rows) have on the diagonal: a Gram matrix of as many
 * columns of A. Sizes are within int. */
static void triangle(const trn_syrk_t *g, int64_t first, int64_t rows) {
    const void *a = a_at(g, first);
    void *c = c_at(g, first * g->ldc + first);
    int n = (int)rows, k = (int)g->k, lda = (int)g->lda, ldc = (int)g->ldc;
    if (g->type == TRN_F32)
        cblas_ssyrk(CblasRowMajor, CblasLower, CblasTrans, n, k, (float)g->alpha, a, lda,
                    (float)g->beta, c, ldc);
    else
        cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, n, k, g->alpha, a, lda, g->beta, c, ldc);
}

/* Rows [first, first + rows) of C, at most MOST_TERMS terms each: what is left of the diagonal,
 * then the triangle at its end if it is within the `cols` columns. */
static void strip(const trn_syrk_t *g, int64_t first, int64_t rows) {
    trn_gemm(&(trn_gemm_t){.type = g->type,
                           .m = rows,
                           .n = least(first, g->cols),
                           .k = g->k,
                           .alpha = g->alpha,
                           .beta = g->beta,
                           .a = {a_at(g, first), g->lda, true},
                           .b = {g->a, g->lda, false},
                           .c = c_at(g, first * g->ldc),
                           .ldc = g->ldc});
    if (first < g->cols) triangle(g, first, rows);
}

/* k = 0: beta C, row by row, so that nothing above the diagonal is touched. */
static void scale(const trn_syrk_t *g) {
    for (int64_t i = 0; i < g->n; i++)
        trn_gemm(&(trn_gemm_t){.type = g->type,
                               .m = 1,
                               .n = least(i + 1, g->cols),
                               .beta = g->beta,
                               .c = c_at(g, i * g->ldc),
                               .ldc = g->ldc});
}

/* Terms are taken in steps, whose sums add up in order: the step depends on n alone. */
void trn_syrk(const trn_syrk_t *gram) {
    int64_t n = gram->n, cols = gram->cols, k = gram->k;
    int threads = gram->threads > 1 ? gram->threads : 1;
    if (n == 0 || cols == 0) return;
    if (k == 0) scale(gram);
    int64_t upper = (cols + STRIP - 1) / STRIP, strips = upper + (n - cols + STRIP - 1) / STRIP;
    int64_t step = n <= STRIP ? TERMS : MOST_TERMS;
    for (int64_t t = 0; t < k; t += step) {
        trn_syrk_t some = *gram;
        some.a = a_at(gram, t * gram->lda);
        some.k = least(k - t, step);
        if (t > 0) some.beta = 1;
#pragma omp parallel for num_threads(threads) schedule(dynamic) if (threads > 1)
        for (int64_t s = strips - 1; s >= 0; s--) { /* the longest first */
            int64_t first = s < upper ? s * STRIP : cols + (s - upper) * STRIP;
            strip(&some, first, least(STRIP, (s < upper ? cols : n) - first));
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

/* Pieces of rows add up in order, as trn_syrk's own steps do. */
void trn_syrk_widen(const trn_syrk_t *gram, double *scratch) {
    const float *a = gram->a;
    int64_t n = gram->n, k = gram->k;
    if (k == 0) scale(gram);
    for (int64_t t = 0; t < k; t += terms_of(n)) {
        trn_syrk_t some = *gram;
        some.a = scratch;
        some.lda = n;
        some.k = least(k - t, terms_of(n));
        if (t > 0) some.beta = 1;
        for (int64_t i = 0; i < some.k; i++)
            for (int64_t j = 0; j < n; j++)
                scratch[i * n + j] = (double)a[(t + i) * gram->lda + j];
        trn_syrk(&some);
    }
}

/* Squares, so that neither the rows read nor the columns written fall out of the cache. */
void trn_mirror(trn_dtype_t type, int64_t n, void *c, int64_t ldc) {
    for (int64_t top = 0; top < n; top += MIRROR)
        for (int64_t left = 0; left <= top; left += MIRROR)
            for (int64_t i = top; i < least(top + MIRROR, n); i++)
                for (int64_t j = left; j < least(left + MIRROR, i); j++)
                    if (type == TRN_F32)
                        ((float *)c)[j * ldc + i] = ((float *)c)[i * ldc + j];
                    else
                        ((double *)c)[j * ldc + i] = ((double *)c)[i * ldc + j];
}
