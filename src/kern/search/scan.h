/* scan.h: scores of a tile that come near a bar, and pairs of rows by the definition. */
#ifndef TRN_KERN_SEARCH_SCAN_H
#define TRN_KERN_SEARCH_SCAN_H

#include <stdint.h>

typedef struct trn_scan_kernels {
    /* place[] = the places of score[0..n) that are above `bar`, ascending; returns how many. NaN is
     * above nothing. Nearly all scores fall short: strips of them are looked at as a whole. */
    int64_t (*above)(int64_t n, const float *score, float bar, int32_t *place);
    /* Sums of products, and of squares of differences, of n numbers each, in one order for any x
     * and y. */
    double (*dot)(int64_t n, const double *x, const double *y);
    double (*apart)(int64_t n, const double *x, const double *y);
    /* to[i] = from[i] x scale, rounded. */
    void (*narrow)(int64_t n, const double *from, double scale, float *to);
    const char *set;
} trn_scan_kernels_t;

/* The loops for the best instruction set that this processor has. Local. */
const trn_scan_kernels_t *trn_scan_kernels(void);

#endif
