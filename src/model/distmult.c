/* distmult.c: DistMult, score = sum h r t. */
#include "kern/train/complex.h"
#include "model/model_shared.h"

#include <stddef.h>

/* The same in both directions: the score is symmetric in h and t. */
static void query(const trn_model_shape_t *shape, trn_side_t side, int64_t count, const float *x,
                  const float *r, float *q) {
    (void)side;
    trn_complex_kernels()->product(count * shape->dim, x, r, q);
}

static void query_back(const trn_model_shape_t *shape, trn_side_t side, int64_t count,
                       const float *x, const float *r, const float *gq, float *gx, float *gr) {
    (void)side;
    trn_complex_kernels()->product_back(count * shape->dim, x, r, gq, gx, gr);
}

static double score_ref(const trn_model_shape_t *shape, const double *h, const double *r,
                        const double *second, const double *t) {
    (void)second;
    double sum = 0;
    for (int64_t k = 0; k < shape->dim; k++)
        sum += h[k] * r[k] * t[k];
    return sum;
}

const trn_model_t trn_model_distmult = {
    .name = "distmult",
    .title = "DistMult: the sum of h r t",
    .paper =
        "Yang et al., Embedding Entities and Relations for Learning and Inference in Knowledge "
        "Bases, 2015",
    .norms = "2",
    .relation_width = trn_width_dim,
    .second_width = trn_width_none,
    .query_width = trn_width_dim,
    .metric = trn_metric_dot,
    .query = query,
    .query_back = query_back,
    .score_ref = score_ref,
};
