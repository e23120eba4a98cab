/* blend.c: what is done to rows between sparse products. Every number is one multiply-add of its
 * own, so threads do not show. */
#include "algo/graph/lightgcn/blend.h"

/* One row, by type; y that is not to be kept may be uninitialized. */
#define ROW(REAL)                                                                                  \
    static void row_##REAL(int64_t n, bool keep, REAL by, REAL with, const REAL *x, REAL *y) {     \
        if (keep)                                                                                  \
            for (int64_t j = 0; j < n; j++)                                                        \
                y[j] = by * y[j] + with * x[j];                                                    \
        else                                                                                       \
            for (int64_t j = 0; j < n; j++)                                                        \
                y[j] = with * x[j];                                                                \
    }
ROW(float)
ROW(double)

void trn_blend(const trn_blend_t *b, trn_view_t x, trn_view_t y) {
    bool wide = y.type == TRN_F64;
#pragma omp parallel for num_threads(b->threads) schedule(static) if (b->threads > 1)
    for (int64_t i = 0; i < y.rows; i++) {
        double by = b->scale * (b->by ? b->by[i] : 1), with = b->scale * (b->with ? b->with[i] : 1);
        if (wide)
            row_double(y.cols, !b->fresh, by, with, (const double *)x.data + i * x.stride,
                       (double *)y.data + i * y.stride);
        else
            row_float(y.cols, !b->fresh, (float)by, (float)with,
                      (const float *)x.data + i * x.stride, (float *)y.data + i * y.stride);
    }
}
