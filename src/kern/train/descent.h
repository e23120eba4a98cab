/* descent.h: passes over numbers, not products, of training by gradients. */
#ifndef TRN_KERN_TRAIN_DESCENT_H
#define TRN_KERN_TRAIN_DESCENT_H

#include <stdint.h>

/* x[i x n + j] *= scale[i]. Local. */
void trn_scale_rows(int64_t m, int64_t n, const float *scale, float *x);

/* squares += g^2, values -= rate g / (sqrt(squares) + 1e-10), number by number. Local. Source:
 * Duchi, Hazan, Singer: Adaptive subgradient methods (JMLR 2011). */
void trn_adagrad(int64_t n, float rate, float *values, float *squares, const float *g);

/* One step of Adam; start with moments of zeros. `by` of both is 1 - beta^t in step t = 1, 2, ...
 */
typedef struct trn_adam {
    float rate;
    float mean, square;       /* beta_1, beta_2 */
    float mean_by, square_by; /* what the moments are divided by */
} trn_adam_t;

/* The numbers of step `t` for a rate, with beta 0.9 and 0.999. Local. */
trn_adam_t trn_adam_at(double rate, int64_t t);

/* g += decay x values; moments m and v take g and g^2 in; values -= rate m / (sqrt(v) + 1e-8).
 * Local. Source: Kingma, Ba: Adam: a method for stochastic optimization (ICLR 2015). */
void trn_adam_row(const trn_adam_t *adam, int64_t n, float decay, float *values, float *m, float *v,
                  const float *g);

/* The loops above for one instruction set. */
typedef struct trn_descent_kernels {
    void (*scale)(int64_t n, float scale, float *x);
    void (*adagrad)(int64_t n, float rate, float *values, float *squares, const float *g);
    void (*adam)(const trn_adam_t *adam, int64_t n, float decay, float *values, float *m, float *v,
                 const float *g);
    const char *set;
} trn_descent_kernels_t;

/* The best kernels that this processor runs. Local. */
const trn_descent_kernels_t *trn_descent_kernels(void);

#endif
