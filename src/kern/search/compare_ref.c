/* compare_ref.c: the metrics by their definitions in float64, for tests. */
#include "kern/search/compare.h"

#include <math.h>

/* One coordinate's share of a torus distance. */
static double torus(trn_metric_t metric, double x) {
    x -= floor(x);
    double y = x < 1 - x ? x : 1 - x;
    if (metric == TRN_METRIC_TORUS1) return 2 * y;
    if (metric == TRN_METRIC_TORUS2) return 4 * y * y;
    return (1 - cos(2 * acos(-1) * x)) / 2;
}

/* A score as trn_compare's: distances come out negative. */
double trn_compare_ref(trn_metric_t metric, int64_t width, const double *q, const double *e) {
    double sum = 0;
    if (metric == TRN_METRIC_MODULI) {
        for (int64_t k = 0; k < width / 2; k++)
            sum += hypot(q[k] - e[k], q[width / 2 + k] - e[width / 2 + k]);
        return -sum;
    }
    for (int64_t k = 0; k < width; k++) {
        double d = q[k] - e[k];
        switch (metric) {
        case TRN_METRIC_DOT:
            sum += q[k] * e[k];
            break;
        case TRN_METRIC_L1:
            sum += fabs(d);
            break;
        case TRN_METRIC_L2:
            sum += d * d;
            break;
        default:
            sum += torus(metric, d);
        }
    }
    return metric == TRN_METRIC_DOT ? sum : metric == TRN_METRIC_L2 ? -sqrt(sum) : -sum;
}
