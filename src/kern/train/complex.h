/* complex.h: the loops by which models make queries of rows, and pass gradients back.
 *
 * Complex rows are [re | im], `half` numbers each. With sign = 1 a row is multiplied with a number
 * of modulus 1 or any other, with sign = -1 with its conjugate. Rows do not overlap. */
#ifndef TRN_KERN_TRAIN_COMPLEX_H
#define TRN_KERN_TRAIN_COMPLEX_H

#include <stdint.h>

typedef struct trn_complex_kernels {
    /* q = x r, x conj(r); from gq: gx = gq conj(r), gq r, and gr likewise. */
    void (*complex)(float sign, int64_t half, const float *x, const float *r, float *q);
    void (*complex_back)(float sign, int64_t half, const float *x, const float *r, const float *gq,
                         float *gx, float *gr);
    /* The same with e^(i phase) for r; the gradient is that of the phases [half]. */
    void (*phase)(float sign, int64_t half, const float *x, const float *phase, float *q);
    void (*phase_back)(float sign, int64_t half, const float *x, const float *phase,
                       const float *gq, float *gx, float *g_phase);
    /* to = [cos phase | sin phase], to about 1e-7 for phases of a few turns. */
    void (*angles)(int64_t half, const float *phase, float *to);
    /* q = x r number by number; from gq: gx = gq r, gr = gq x. */
    void (*product)(int64_t n, const float *x, const float *r, float *q);
    void (*product_back)(int64_t n, const float *x, const float *r, const float *gq, float *gx,
                         float *gr);
    /* p = x - along w; and with u = inverse w, |u| = 1, and products a = u x and b = u g: gx += g -
     * b u, gw += (2 a b u - b x - a g) inverse. */
    void (*plane)(int64_t n, float along, const float *w, const float *x, float *p);
    void (*plane_back)(int64_t n, float a, float b, float inverse, const float *w, const float *x,
                       const float *g, float *gx, float *gw);
    const char *set;
} trn_complex_kernels_t;

/* The kernels for the best instruction set that this processor has. Local. */
const trn_complex_kernels_t *trn_complex_kernels(void);

#endif
