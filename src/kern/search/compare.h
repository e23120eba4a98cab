/* compare.h: tiles of scores between queries and candidates, and their gradients.
 *
 * A score is higher the better: a product, or minus a distance. For DOT and L2 tiles are GEMMs; the
 * others are vector loops. A vector loop gives a pair the same bits in whatever tile it lies, and
 * the same as trn_compare_rows; BLAS may sum another way in another shape, so DOT and L2 give equal
 * bits only for equal m, n and places: callers keep their tiles to shapes fixed by the problem. L2
 * tiles come from |q|^2 + |e|^2 - 2 q e, and where that is small beside |q|^2 from the differences,
 * so that distances are good to about 2e-5 of themselves, and equal vectors are 0 apart. */
#ifndef TRN_KERN_SEARCH_COMPARE_H
#define TRN_KERN_SEARCH_COMPARE_H

#include <stdint.h>

typedef enum trn_metric {
    TRN_METRIC_DOT,    /* sum q e */
    TRN_METRIC_L1,     /* -sum |q - e| */
    TRN_METRIC_L2,     /* -sqrt(sum (q - e)^2) */
    TRN_METRIC_MODULI, /* -sum of the moduli of complex q - e, [re | im] */
    TRN_METRIC_TORUS1, /* -sum 2 min(x, 1 - x), x = (q - e) mod 1 */
    TRN_METRIC_TORUS2, /* -sum 4 min(x, 1 - x)^2 */
    TRN_METRIC_TORUSE, /* -sum (1 - cos 2 pi x) / 2 */
} trn_metric_t;

/* s[i x ld + j] = score of q[i] and e[j]: q [m x width], e [n x width], rows contiguous. `norms`
 * (of e, sum of squares, [n]) may be given for L2, else NULL. Local. Cost: 2 m n width flops or
 * so. */
void trn_compare(trn_metric_t metric, int64_t width, int64_t m, const float *q, int64_t n,
                 const float *e, const float *norms, float *s, int64_t ld);

/* Given w[i x ld + j] = d loss / d score and the scores s that trn_compare made: gq[m x width] +=
 * and ge[n x width] +=; either may be NULL. w and s may be overwritten. Where a distance is 0 its
 * gradient is taken as 0. Local. Cost: 4 m n width flops or so. */
void trn_compare_back(trn_metric_t metric, int64_t width, int64_t m, const float *q, int64_t n,
                      const float *e, float *s, float *w, int64_t ld, float *gq, float *ge);

/* Row by row: s[i] = score of q[i] and e[i], and its gradients times w[i] (+=). Local. */
void trn_compare_rows(trn_metric_t metric, int64_t width, int64_t count, const float *q,
                      const float *e, float *s);
void trn_compare_rows_back(trn_metric_t metric, int64_t width, int64_t count, const float *q,
                           const float *e, const float *s, const float *w, float *gq, float *ge);

/* The score of one pair by the definition, in float64. Local. */
double trn_compare_ref(trn_metric_t metric, int64_t width, const double *q, const double *e);

#endif
