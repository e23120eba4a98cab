/* simd_tile.c: the loops of tile.h, compiled once for each instruction set (CMakeLists.txt). */
#include "kern/search/compare_terms.h"
#include "kern/search/tile.h"
#include "kern/sparse/moduli.inc"

#include <math.h>
#include <stddef.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)
#define ALWAYS      static inline __attribute__((always_inline))

typedef float term_t(float);

/* One sum a query; each has the order of additions of the one in simd_compare.c. */
ALWAYS void four_sums(int64_t width, const float *restrict q, const float *restrict e, term_t *term,
                      float *restrict sum) {
    const float *restrict q1 = q + width, *restrict q2 = q1 + width, *restrict q3 = q2 + width;
    float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
#pragma omp simd reduction(+ : s0, s1, s2, s3)
    for (int64_t k = 0; k < width; k++) {
        s0 += term(q[k] - e[k]);
        s1 += term(q1[k] - e[k]);
        s2 += term(q2[k] - e[k]);
        s3 += term(q3[k] - e[k]);
    }
    sum[0] = s0, sum[1] = s1, sum[2] = s2, sum[3] = s3;
}

/* Four queries and one candidate: the candidate's row is read and written once for all of them. */
ALWAYS void four_back(int64_t width, const float *restrict q, const float *restrict e,
                      const float *restrict w, term_t *slope, float *restrict gq,
                      float *restrict ge) {
    const float *restrict q1 = q + width, *restrict q2 = q1 + width, *restrict q3 = q2 + width;
    float *restrict g1 = gq + width, *restrict g2 = g1 + width, *restrict g3 = g2 + width;
    float w0 = w[0], w1 = w[1], w2 = w[2], w3 = w[3];
#pragma omp simd
    for (int64_t k = 0; k < width; k++) {
        float x0 = w0 * slope(q[k] - e[k]), x1 = w1 * slope(q1[k] - e[k]);
        float x2 = w2 * slope(q2[k] - e[k]), x3 = w3 * slope(q3[k] - e[k]);
        gq[k] += x0;
        g1[k] += x1;
        g2[k] += x2;
        g3[k] += x3;
        ge[k] -= (x0 + x1) + (x2 + x3);
    }
}

/* Weights of a candidate's pairs, as of distances; false if all are 0. */
ALWAYS int weights(const float *w, int64_t ld, float *to) {
    int any = 0;
    for (int i = 0; i < TRN_TILE_ROWS; i++) {
        to[i] = -w[i * ld];
        any |= to[i] != 0;
    }
    return any;
}

/* Sums of distances as scores, one row of the tile apart. */
ALWAYS void scatter(const float *sum, float *s, int64_t ld) {
    for (int i = 0; i < TRN_TILE_ROWS; i++)
        s[i * ld] = -sum[i];
}

#define METRIC(name, term, slope)                                                                  \
    static void name##_sums(int64_t width, const float *q, int64_t n, const float *e, float *s,    \
                            int64_t ld) {                                                          \
        float sum[TRN_TILE_ROWS];                                                                  \
        for (int64_t j = 0; j < n; j++) {                                                          \
            four_sums(width, q, e + j * width, term, sum);                                         \
            scatter(sum, s + j, ld);                                                               \
        }                                                                                          \
    }                                                                                              \
    static void name##_back(int64_t width, const float *q, int64_t n, const float *e,              \
                            const float *w, int64_t ld, float *gq, float *ge) {                    \
        float c[TRN_TILE_ROWS];                                                                    \
        for (int64_t j = 0; j < n; j++)                                                            \
            if (weights(w + j, ld, c))                                                             \
                four_back(width, q, e + j * width, c, slope, gq, ge + j * width);                  \
    }

METRIC(l1, fabsf, trn_term_sign)
METRIC(torus1, trn_term_torus1, trn_term_torus1_slope)
METRIC(torus2, trn_term_torus2, trn_term_torus2_slope)
METRIC(toruse, trn_term_toruse, trn_term_toruse_slope)

/* Complex numbers: of each row, real parts first, then imaginary ones. */
static void moduli_sums(int64_t width, const float *q, int64_t n, const float *e, float *s,
                        int64_t ld) {
    float sum[TRN_TILE_ROWS];
    for (int64_t j = 0; j < n; j++) {
        trn_moduli_sums(TRN_TILE_ROWS, width, q, e + j * width, sum);
        scatter(sum, s + j, ld);
    }
}

static void moduli_back(int64_t width, const float *q, int64_t n, const float *e, const float *w,
                        int64_t ld, float *gq, float *ge) {
    float c[TRN_TILE_ROWS];
    for (int64_t j = 0; j < n; j++)
        if (weights(w + j, ld, c))
            trn_moduli_back(TRN_TILE_ROWS, width, q, e + j * width, c, gq, ge + j * width);
}

#define TEXT_(a) #a
#define TEXT(a)  TEXT_(a)
const trn_tile_kernels_t JOIN(trn_tile_kernels_, TRN_SIMD) = {
    .sums = {[TRN_METRIC_L1] = l1_sums,
             [TRN_METRIC_MODULI] = moduli_sums,
             [TRN_METRIC_TORUS1] = torus1_sums,
             [TRN_METRIC_TORUS2] = torus2_sums,
             [TRN_METRIC_TORUSE] = toruse_sums},
    .back = {[TRN_METRIC_L1] = l1_back,
             [TRN_METRIC_MODULI] = moduli_back,
             [TRN_METRIC_TORUS1] = torus1_back,
             [TRN_METRIC_TORUS2] = torus2_back,
             [TRN_METRIC_TORUSE] = toruse_back},
    .set = TEXT(TRN_SIMD),
};
