/* complex.c: ComplEx, score = Re sum h r conj(t), vectors as [re | im]. */
#include "kern/train/complex.h"
#include "model/model_shared.h"

#include <stddef.h>

/* Towards the tail h r, towards the head t conj(r): the score is then a dot product with any
 * candidate. */
static void query(const trn_model_shape_t *shape, trn_side_t side, int64_t count, const float *x,
                  const float *r, float *q) {
    const trn_complex_kernels_t *kernels = trn_complex_kernels();
    int64_t d = shape->dim, half = d / 2;
    for (int64_t i = 0; i < count; i++)
        kernels->complex(trn_rotation_sign(side), half, x + i * d, r + i * d, q + i * d);
}

static void query_back(const trn_model_shape_t *shape, trn_side_t side, int64_t count,
                       const float *x, const float *r, const float *gq, float *gx, float *gr) {
    const trn_complex_kernels_t *kernels = trn_complex_kernels();
    int64_t d = shape->dim, half = d / 2;
    for (int64_t i = 0; i < count; i++)
        kernels->complex_back(trn_rotation_sign(side), half, x + i * d, r + i * d, gq + i * d,
                              gx + i * d, gr + i * d);
}

/* By the definition: Re(h r conj(t)). */
static double score_ref(const trn_model_shape_t *shape, const double *h, const double *r,
                        const double *second, const double *t) {
    (void)second;
    int64_t half = shape->dim / 2;
    double sum = 0;
    for (int64_t k = 0; k < half; k++) {
        double re = h[k] * r[k] - h[half + k] * r[half + k];
        double im = h[k] * r[half + k] + h[half + k] * r[k];
        sum += re * t[k] + im * t[half + k];
    }
    return sum;
}

const trn_model_t trn_model_complex = {
    .name = "complex",
    .title = "ComplEx: the real part of the sum of h r conj(t)",
    .paper = "Trouillon et al., Complex Embeddings for Simple Link Prediction, 2016",
    .norms = "2",
    .complex = true,
    .relation_width = trn_width_dim,
    .second_width = trn_width_none,
    .query_width = trn_width_dim,
    .metric = trn_metric_dot,
    .query = query,
    .query_back = query_back,
    .score_ref = score_ref,
};
