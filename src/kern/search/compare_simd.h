/* compare_simd.h: the inner loops of kern/compare.c, one table for each instruction set. */
#ifndef TRN_KERN_SEARCH_COMPARE_SIMD_H
#define TRN_KERN_SEARCH_COMPARE_SIMD_H

#include "kern/search/compare.h"

enum { TRN_METRICS = TRN_METRIC_TORUSE + 1 };

typedef struct trn_compare_kernels {
    /* By metric, the sum before root and sign: of products, of squares, of |q - e|, ... */
    float (*sum[TRN_METRICS])(int64_t width, const float *q, const float *e);
    /* By metric, gq += w dS/dq and ge += w dS/de where S is that sum (halved for L2); either may be
     * NULL, and they do not overlap. */
    void (*back[TRN_METRICS])(int64_t width, const float *q, const float *e, float w, float *gq,
                              float *ge);
    /* s[n], which held -(distance squared), becomes -distance; returns the greatest (NaN aside). */
    float (*root)(int64_t n, float *s);
    /* w[n] becomes w / distance (0 where that is 0), given s = -distance; returns the sum, and adds
     * what w became to column[n] if that is not NULL. */
    float (*slope)(int64_t n, const float *s, float *w, float *column);
    /* to[n] += c from[n]. */
    void (*add)(int64_t n, float c, const float *from, float *to);
    const char *name;
} trn_compare_kernels_t;

/* The loops for the best instruction set that this processor has. Local. */
const trn_compare_kernels_t *trn_compare_kernels(void);

#endif
