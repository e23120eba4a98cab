/* drop.c: dropout of one row. */
#include "kern/train/drop.h"

#include <stdbool.h>

/* Eight decisions of 16 bits out of one draw; by place, so that the backward pass can draw them
 * again. */
void trn_drop_row(const trn_drop_t *at, uint32_t limit, float by, int64_t width, float *x,
                  uint8_t *kept) {
    uint32_t words[4] = {0};
    for (int64_t k = 0; k < width; k++) {
        if (k % 8 == 0)
            trn_rng_words(at->seed, at->row, at->column + (uint32_t)(k / 8), at->step, at->stream,
                          words);
        bool keep = (words[k % 8 / 2] >> 16 * (k % 2) & 0xffff) >= limit;
        x[k] = keep ? x[k] * by : 0;
        if (kept) kept[k] = keep;
    }
}
