/* descent.h: the passes over numbers, not products, of training by gradients: softmax and Adagrad.
 */
#ifndef TRN_KERN_TRAIN_DESCENT_H
#define TRN_KERN_TRAIN_DESCENT_H

#include <stdint.h>

/* p[i x n + j] = exp(s[i x n + j] - top[i]) with top[i] the greatest of row i and sum[i] the sum
 * of the row; p may be s. n >= 1. A row with NaN gives a sum of NaN. Local. Cost: two passes over
 * m x n floats. */
void trn_softmax_part(int64_t m, int64_t n, const float *s, float *p, float *top, float *sum);

/* x[i x n + j] *= scale[i]. Local. */
void trn_scale_rows(int64_t m, int64_t n, const float *scale, float *x);

/* squares += g^2, values -= rate g / (sqrt(squares) + 1e-10), number by number. Local. Source:
 * Duchi, Hazan, Singer: Adaptive subgradient methods (JMLR 2011). */
void trn_adagrad(int64_t n, float rate, float *values, float *squares, const float *g);

/* The loops above for one instruction set. */
typedef struct trn_descent_kernels {
    void (*softmax_row)(int64_t n, const float *s, float *p, float *top, float *sum);
    void (*scale)(int64_t n, float scale, float *x);
    void (*adagrad)(int64_t n, float rate, float *values, float *squares, const float *g);
    const char *set;
} trn_descent_kernels_t;

/* The best kernels that this processor runs. Local. */
const trn_descent_kernels_t *trn_descent_kernels(void);

#endif
