/* rows.h: sums of rows that lie anywhere: what looking up vectors comes to. */
#ifndef TRN_KERN_TRAIN_ROWS_H
#define TRN_KERN_TRAIN_ROWS_H

#include <stdint.h>

/* sum[j] = row[0][j] + row[1][j] + ..., in this order, for `count` rows of `width` numbers; 0
 * without rows. Local. Cost: reading them once. */
void trn_rows_sum(int64_t width, int64_t count, const float *const *row, float *sum);

/* to[j] += from[j]. Local. */
void trn_rows_add(int64_t width, const float *from, float *to);

/* The loops above for one instruction set. */
typedef struct trn_rows_kernels {
    void (*sum)(int64_t width, int64_t count, const float *const *row, float *sum);
    void (*add)(int64_t width, const float *from, float *to);
    const char *set;
} trn_rows_kernels_t;

/* The best kernels that this processor runs. Local. */
const trn_rows_kernels_t *trn_rows_kernels(void);

#endif
