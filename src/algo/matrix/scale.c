/* scale.c: one pass that tells whether numbers are finite and how large, and scaling by powers of
 * two, by which the decompositions reach both ends of float64. */
#include "algo/matrix/scale.h"

#include <math.h>

/* Float32's own range, denormal numbers too. The fourth power of 2^150, times 2^63 terms, is below
 * 2^700, and that of 2^-150 leaves 400 binary places above the smallest normal number. */
enum { ORDINARY = 150 };

int trn_scale_exponent(double largest) {
    int exponent = largest > 0 ? ilogb(largest) : 0;
    return exponent >= -ORDINARY && exponent <= ORDINARY ? 0 : exponent;
}

/* ldexp, which takes steps of any size: 2^1074 is no float64. */
void trn_scale_view(trn_view_t x, int exponent) {
    double *data = x.data;
    for (int64_t i = 0; exponent != 0 && i < x.rows; i++)
        for (int64_t j = 0; j < x.cols; j++)
            data[i * x.stride + j] = ldexp(data[i * x.stride + j], exponent);
}

static double scaled(void *user, int64_t row, int64_t col, double value) {
    (void)row, (void)col;
    return ldexp(value, *(const int *)user);
}

void trn_scale_sparse(trn_sparse_t *x, int exponent) {
    if (exponent != 0) trn_sparse_map(x, false, scaled, &exponent);
}

trn_status_t trn_scale_back(double *values, int64_t count, int exponent, const char *what) {
    for (int64_t i = 0; exponent != 0 && i < count; i++) {
        double value = ldexp(values[i], exponent);
        if (!isfinite(value))
            return trn_fail(TRN_NUMERIC,
                            "%s: %.6g x 2^%d is too large for float64; scale the matrix down", what,
                            values[i], exponent);
        values[i] = value;
    }
    return TRN_OK;
}

/* Numbers of rows and columns from 1, as in the file. */
static trn_status_t not_finite(const char *name, int64_t row, int64_t col, double value) {
    return trn_fail(TRN_NUMERIC, "%s: entry (%lld, %lld) is %g; remove what is not finite", name,
                    (long long)row + 1, (long long)col + 1, value);
}

/* One pass for both: the largest size, and whether all are finite. */
trn_status_t trn_largest(trn_view_t block, int64_t first, const char *name, double *largest) {
    *largest = 0;
    for (int64_t i = 0; i < block.rows; i++)
        for (int64_t j = 0; j < block.cols; j++) {
            int64_t at = i * block.stride + j;
            double value = block.type == TRN_MATRIX_F32 ? (double)((const float *)block.data)[at]
                                                        : ((const double *)block.data)[at];
            if (!isfinite(value)) return not_finite(name, first + i, j, value);
            if (fabs(value) > *largest) *largest = fabs(value);
        }
    return TRN_OK;
}

trn_status_t trn_largest_sparse(const trn_sparse_t *block, const char *name, double *largest) {
    const int64_t *start = trn_sparse_start(block);
    trn_extent_t extent = trn_sparse_extent(block);
    *largest = 0;
    for (int64_t i = 0; i < extent.rows; i++)
        for (int64_t e = start[i]; e < start[i + 1]; e++) {
            double value = trn_sparse_value(block, e);
            if (!isfinite(value))
                return not_finite(name, extent.first_row + i,
                                  extent.first_col + trn_sparse_column(block)[e], value);
            if (fabs(value) > *largest) *largest = fabs(value);
        }
    return TRN_OK;
}
