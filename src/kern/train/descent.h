/* descent.h: passes over numbers, not products, of training by gradients. */
#ifndef TRN_KERN_TRAIN_DESCENT_H
#define TRN_KERN_TRAIN_DESCENT_H

#include <stdint.h>

/* x[i x n + j] *= scale[i]. Local. */
void trn_scale_rows(int64_t m, int64_t n, const float *scale, float *x);

/* squares += g^2, values -= rate g / (sqrt(squares) + 1e-10), number by number. Local. Source:
 * Duchi, Hazan, Singer: Adaptive subgradient methods (JMLR 2011). */
void trn_adagrad(int64_t n, float rate, float *values, float *squares, const float *g);

/* The loops above for one instruction set. */
typedef struct trn_descent_kernels {
    void (*scale)(int64_t n, float scale, float *x);
    void (*adagrad)(int64_t n, float rate, float *values, float *squares, const float *g);
    const char *set;
} trn_descent_kernels_t;

/* The best kernels that this processor runs. Local. */
const trn_descent_kernels_t *trn_descent_kernels(void);

#endif
