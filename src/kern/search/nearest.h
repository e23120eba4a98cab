/* nearest.h: the inner loops of finding, for each of many rows x, the nearest of K centers c, and
 * of adding rows up by center.
 *
 * Scores x.c - |c|^2/2 come as tiles of float32 products; a row's best is looked for in a tile
 * while that is in the cache, and what rounding leaves open is compared by distances in float64.
 * Rows are float32 or float64 and may be scaled (to length 1) by a factor of their own. */
#ifndef TRN_KERN_SEARCH_NEAREST_H
#define TRN_KERN_SEARCH_NEAREST_H

#include "base/dtype.h"

#include <stdint.h>

/* A row of `width` numbers, float32 or float64, each times `factor`. Borrowed. */
typedef struct trn_nearest_row {
    trn_dtype_t type;
    int64_t width;
    const void *x;
    double factor;
} trn_nearest_row_t;

typedef struct trn_nearest_kernels {
    /* The greatest score[j] - half[j], NaN aside; -infinity for n = 0. */
    float (*most)(int64_t n, const float *score, const float *half);
    /* How many of them are at least `bar`, and the first that is. */
    int64_t (*reach)(int64_t n, const float *score, const float *half, float bar, int64_t *first);
    /* to[k] = (x[k] factor - mean[k]) scale, in float64 before it is rounded; returns the sum of
     * squares of what it became. */
    double (*shift)(const trn_nearest_row_t *row, const double *mean, double scale, float *to);
    /* |x factor - c|^2 in float64; equal numbers give equal bits. */
    double (*distance)(const trn_nearest_row_t *row, const double *c);
    /* |x factor|^2. */
    double (*square)(const trn_nearest_row_t *row);
    /* sum[k] += the whole number next to x[k] factor unit[k], which is below 2^51 (it is rounded by
     * adding 1.5 x 2^52): exact in whatever order rows come. */
    void (*add)(const trn_nearest_row_t *row, const double *unit, int64_t *sum);
    /* most[k] = the greater of itself and |x[k]|; the factor does not count. */
    void (*peak)(const trn_nearest_row_t *row, double *most);
} trn_nearest_kernels_t;

/* The loops for the best instruction set that this processor has. Local. */
const trn_nearest_kernels_t *trn_nearest_kernels(void);

/* The same one number after the other, for tests. Local. */
const trn_nearest_kernels_t *trn_nearest_ref(void);

#endif
