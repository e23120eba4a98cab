/* tile.h: tiles of scores and gradients by the metrics that no GEMM computes, four queries at a
 * time, so that a candidate is read, and its gradient written, once for four. */
#ifndef TRN_KERN_SEARCH_TILE_H
#define TRN_KERN_SEARCH_TILE_H

#include "kern/search/compare_simd.h"

#include <stdint.h>

enum { TRN_TILE_ROWS = 4 };

typedef struct trn_tile_kernels {
    /* s[i x ld + j] = minus the sum of metric terms of q[i] and e[j] for 4 queries and n
     * candidates, with the bits of trn_compare_kernels()->sum; NULL for DOT and L2. */
    void (*sums[TRN_METRICS])(int64_t width, const float *q, int64_t n, const float *e, float *s,
                              int64_t ld);
    /* gq += and ge += the gradients of that times w[i x ld + j]; candidates whose w are all 0 are
     * passed over. */
    void (*back[TRN_METRICS])(int64_t width, const float *q, int64_t n, const float *e,
                              const float *w, int64_t ld, float *gq, float *ge);
    const char *set;
} trn_tile_kernels_t;

/* The kernels for the best instruction set that this processor has. Local. */
const trn_tile_kernels_t *trn_tile_kernels(void);

#endif
