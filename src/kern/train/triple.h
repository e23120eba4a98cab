/* triple.h: margin loss of a triple and a negative of its own, and its gradient, in place.
 *
 * Two triples (h, r, t), a right one and one with another entity in place of t or of h, share an
 * entity a and the relation; b is the right entity and o the one that replaces it. With sign = 1
 * where t is replaced and -1 where h is, all models here see both triples the same way: a
 * translation goes by r + sign (a - b), a complex relation turns a by r or by conj(r). So one
 * kernel a form reads the four rows, and adds to the four gradients where the margin is violated:
 *   loss = max(0, margin - score(a, b) + score(a, o))
 * NaN in a row makes the loss NaN. */
#ifndef TRN_KERN_TRAIN_TRIPLE_H
#define TRN_KERN_TRAIN_TRIPLE_H

#include "kern/search/compare_simd.h"

#include <stdint.h>

/* How a model's score is made of rows. */
typedef enum trn_form {
    TRN_FORM_PLAIN,     /* in none of these ways */
    TRN_FORM_TRANSLATE, /* metric of h + r - t */
    TRN_FORM_PLANE,     /* metric of p(h) + r - p(t), p(x) = x - (u x) u */
    TRN_FORM_MATRIX,    /* metric of M h + r - M t */
    TRN_FORM_PRODUCT,   /* sum of h r t */
    TRN_FORM_COMPLEX,   /* real part of the sum of h r conj(t), rows as [re | im] */
    TRN_FORM_TURN,      /* metric of h e^(i r) - t */
    TRN_FORMS
} trn_form_t;

/* The rows of a right triple and its negative; none overlaps another. Gradients are added to. */
typedef struct trn_pair {
    float sign;             /* 1: the tail is replaced, -1: the head is */
    const float *a, *b, *o; /* [width] */
    float *ga, *gb, *go;    /* [width] */
    const float *r;         /* [width]; TURN: [cos r | sin r] */
    float *gr;              /* [width]; TURN: of the phases [width / 2] */
    const float *u;         /* PLANE: [width], of length 1 or 0 */
    float *gu;              /* PLANE: [width], as if u were free to change its length */
} trn_pair_t;

/* The loss of a pair; where it is not 0, `weight` times its gradient is added. */
typedef float trn_pair_kernel_t(int64_t width, float margin, float weight, const trn_pair_t *pair);

typedef struct trn_triple_kernels {
    /* NULL where a form has no such metric; MATRIX has none, but the three that follow. */
    trn_pair_kernel_t *pair[TRN_FORMS][TRN_METRICS];
    /* y = sign (a - b), z = sign (a - o), [width]. */
    void (*differences)(int64_t width, const trn_pair_t *pair, float *y, float *z);
    /* The loss where y + r and z + r are compared with 0 by L1 or L2; y and z become their weighted
     * gradients, which are added to gr. */
    float (*offset[TRN_METRICS])(int64_t width, float margin, float weight, const float *r,
                                 float *y, float *z, float *gr);
    /* Gradients of y and z passed back to ga, gb and go. */
    void (*spread)(int64_t width, const float *gy, const float *gz, const trn_pair_t *pair);
    /* As trn_adagrad, and g becomes 0. */
    void (*adagrad)(int64_t n, float rate, float *values, float *squares, float *g);
    const char *set;
} trn_triple_kernels_t;

/* The kernels for the best instruction set that this processor has. Local. Cost of a pair: about
 * 12 width flops, seven rows read and four written. */
const trn_triple_kernels_t *trn_triple_kernels(void);

#endif
