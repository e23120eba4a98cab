/* compare.c: tiles of scores between queries and candidates, and their gradients. Dot products and
 * L2 go through BLAS, L2 with care where a difference of squares would lose its digits; other
 * metrics are summed pair by pair, four queries at a time. A score depends on its two rows only,
 * except in the last bits where BLAS sums differently for other tile sizes. */
#include "kern/dense/gemm.h"
#include "kern/search/compare_simd.h"
#include "kern/search/tile.h"
#include "kern/simd.h"
#include "simd_sets.inc"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* One table of loops for each instruction set; the best that this processor runs. */
TRN_SIMD_CHOICE(trn_compare_kernels)

/* c [m x n] += op(a) [m x k] op(b) [k x n], rows of c together; on this thread. */
static void add_product(int64_t m, int64_t n, int64_t k, trn_factor_t a, trn_factor_t b, float *c) {
    trn_gemm(&(trn_gemm_t){.type = TRN_F32,
                           .m = m,
                           .n = n,
                           .k = k,
                           .alpha = 1,
                           .beta = 1,
                           .a = a,
                           .b = b,
                           .c = c,
                           .ldc = n});
}

/* Squares below this part of |q|^2 are computed again from differences: of them the product has
 * lost two digits or more. */
static const float NEAR = 0.01f;

/* s starts as -(|q|^2 + |e|^2), the first row holding |e|^2 meanwhile: so no scratch is needed. */
static void compare_l2(int64_t width, int64_t m, const float *q, int64_t n, const float *e,
                       const float *norms, float *s, int64_t ld) {
    const trn_compare_kernels_t *kernels = trn_compare_kernels();
    if (m == 0) return;
    for (int64_t j = 0; j < n; j++) {
        const float *row = e + j * width;
        s[j] = norms ? norms[j] : kernels->sum[TRN_METRIC_DOT](width, row, row);
    }
    for (int64_t i = m - 1; i >= 0; i--) {
        float own = kernels->sum[TRN_METRIC_DOT](width, q + i * width, q + i * width);
        for (int64_t j = 0; j < n; j++)
            s[i * ld + j] = -(own + s[j]);
    }
    trn_gemm(&(trn_gemm_t){.type = TRN_F32,
                           .m = m,
                           .n = n,
                           .k = width,
                           .alpha = 2,
                           .beta = 1,
                           .a = {q, width, false},
                           .b = {e, width, true},
                           .c = s,
                           .ldc = ld});
    for (int64_t i = 0; i < m; i++) {
        const float *row = q + i * width;
        float near = NEAR * kernels->sum[TRN_METRIC_DOT](width, row, row);
        if (kernels->root(n, s + i * ld) <= -sqrtf(near)) continue;
        for (int64_t j = 0; j < n; j++)
            if (s[i * ld + j] > -sqrtf(near))
                s[i * ld + j] = -sqrtf(kernels->sum[TRN_METRIC_L2](width, row, e + j * width));
    }
}

/* s[i][j] is larger the nearer q[i] and e[j] are: distances come out negative. */
void trn_compare(trn_metric_t metric, int64_t width, int64_t m, const float *q, int64_t n,
                 const float *e, const float *norms, float *s, int64_t ld) {
    if (metric == TRN_METRIC_DOT) {
        trn_gemm(&(trn_gemm_t){.type = TRN_F32,
                               .m = m,
                               .n = n,
                               .k = width,
                               .alpha = 1,
                               .a = {q, width, false},
                               .b = {e, width, true},
                               .c = s,
                               .ldc = ld});
        return;
    }
    if (metric == TRN_METRIC_L2) {
        compare_l2(width, m, q, n, e, norms, s, ld);
        return;
    }
    float (*sum)(int64_t, const float *, const float *) = trn_compare_kernels()->sum[metric];
    int64_t four = m / TRN_TILE_ROWS * TRN_TILE_ROWS;
    for (int64_t i = 0; i < four; i += TRN_TILE_ROWS)
        trn_tile_kernels()->sums[metric](width, q + i * width, n, e, s + i * ld, ld);
    for (int64_t i = four; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            s[i * ld + j] = -sum(width, q + i * width, e + j * width);
}

/* With c = w / distance: gq[i] -= sum over j of c (q[i] - e[j]), and ge the other way; the first
 * row of s becomes scratch once its distances have been used, last of all. */
static void back_l2(int64_t width, int64_t m, const float *q, int64_t n, const float *e, float *s,
                    float *w, int64_t ld, float *gq, float *ge) {
    const trn_compare_kernels_t *kernels = trn_compare_kernels();
    if (m == 0 || n == 0) return;
    for (int64_t i = 0; i < m; i++) {
        float sum = kernels->slope(n, s + i * ld, w + i * ld, i > 0 ? s : NULL);
        if (gq) kernels->add(width, -sum, q + i * width, gq + i * width);
        if (i == 0) memcpy(s, w, (size_t)n * sizeof *s);
    }
    if (gq)
        add_product(m, width, n, (trn_factor_t){w, ld, false}, (trn_factor_t){e, width, false}, gq);
    if (ge) {
        for (int64_t j = 0; j < n; j++)
            kernels->add(width, -s[j], e + j * width, ge + j * width);
        add_product(n, width, m, (trn_factor_t){w, ld, true}, (trn_factor_t){q, width, false}, ge);
    }
}

/* A row of a gradient, or NULL where that gradient is not wanted. */
static float *row_of(float *matrix, int64_t row, int64_t width) {
    return matrix ? matrix + row * width : NULL;
}

/* Gradients are added to gq and ge. s and w are used up: s by the L2 metric, w by its slopes. */
void trn_compare_back(trn_metric_t metric, int64_t width, int64_t m, const float *q, int64_t n,
                      const float *e, float *s, float *w, int64_t ld, float *gq, float *ge) {
    if (metric == TRN_METRIC_L2) {
        back_l2(width, m, q, n, e, s, w, ld, gq, ge);
        return;
    }
    if (metric == TRN_METRIC_DOT) {
        if (gq)
            add_product(m, width, n, (trn_factor_t){w, ld, false}, (trn_factor_t){e, width, false},
                        gq);
        if (ge)
            add_product(n, width, m, (trn_factor_t){w, ld, true}, (trn_factor_t){q, width, false},
                        ge);
        return;
    }
    const trn_compare_kernels_t *kernels = trn_compare_kernels();
    int64_t four = gq && ge ? m / TRN_TILE_ROWS * TRN_TILE_ROWS : 0;
    for (int64_t i = 0; i < four; i += TRN_TILE_ROWS)
        trn_tile_kernels()->back[metric](width, q + i * width, n, e, w + i * ld, ld, gq + i * width,
                                         ge);
    for (int64_t i = four; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            float c = w[i * ld + j];
            if (c != 0) /* most losses leave many pairs alone */
                kernels->back[metric](width, q + i * width, e + j * width, -c, row_of(gq, i, width),
                                      row_of(ge, j, width));
        }
}

void trn_compare_rows(trn_metric_t metric, int64_t width, int64_t count, const float *q,
                      const float *e, float *s) {
    float (*sum)(int64_t, const float *, const float *) = trn_compare_kernels()->sum[metric];
    for (int64_t i = 0; i < count; i++) {
        float x = sum(width, q + i * width, e + i * width);
        s[i] = metric == TRN_METRIC_DOT ? x : metric == TRN_METRIC_L2 ? -sqrtf(x) : -x;
    }
}

/* As trn_compare_back, of pairs (q[i], e[i]) only. */
void trn_compare_rows_back(trn_metric_t metric, int64_t width, int64_t count, const float *q,
                           const float *e, const float *s, const float *w, float *gq, float *ge) {
    const trn_compare_kernels_t *kernels = trn_compare_kernels();
    for (int64_t i = 0; i < count; i++) {
        float c = metric == TRN_METRIC_DOT ? w[i] : -w[i];
        if (metric == TRN_METRIC_L2) c = s[i] < 0 ? w[i] / s[i] : 0;
        if (c != 0)
            kernels->back[metric](width, q + i * width, e + i * width, c, row_of(gq, i, width),
                                  row_of(ge, i, width));
    }
}
