/* rotate.c: RotatE, score = -|h e^(i r) - t|; a relation's row holds phases in radians [d / 2]. */
#include "kern/train/complex.h"
#include "model/model_shared.h"

#include <math.h>
#include <stddef.h>

/* Norm 1 sums the moduli of complex numbers, not coordinates. */
static trn_metric_t metric(const trn_model_shape_t *shape) {
    return shape->norm == '1' ? TRN_METRIC_MODULI : TRN_METRIC_L2;
}

/* Towards the head by the opposite angle. */
static void query(const trn_model_shape_t *shape, trn_side_t side, int64_t count, const float *x,
                  const float *r, float *q) {
    const trn_complex_kernels_t *kernels = trn_complex_kernels();
    int64_t d = shape->dim, half = d / 2;
    for (int64_t i = 0; i < count; i++)
        kernels->phase(trn_rotation_sign(side), half, x + i * d, r + i * half, q + i * d);
}

static void query_back(const trn_model_shape_t *shape, trn_side_t side, int64_t count,
                       const float *x, const float *r, const float *gq, float *gx, float *gr) {
    const trn_complex_kernels_t *kernels = trn_complex_kernels();
    int64_t d = shape->dim, half = d / 2;
    for (int64_t i = 0; i < count; i++)
        kernels->phase_back(trn_rotation_sign(side), half, x + i * d, r + i * half, gq + i * d,
                            gx + i * d, gr + i * half);
}

/* Into (-pi, pi]: the float nearest pi is above pi, so that is the largest. */
static void wrap(int64_t count, float *phases) {
    const float pi = nextafterf(3.14159265f, 0);
    for (int64_t i = 0; i < count; i++) {
        double x = (double)phases[i], turn = 2 * acos(-1);
        float y = (float)(x - turn * rint(x / turn));
        phases[i] = y > pi ? pi : y < -pi ? -pi : y;
    }
}

static void normalize_relation(const trn_model_shape_t *shape, int64_t count, float *r,
                               float *second) {
    (void)second;
    wrap(count * (shape->dim / 2), r);
}

/* Normal numbers spread over many turns are as good as uniform within one: for 0.001 times standard
 * normal ones the density strays from uniform by less than 0.1 %. */
static void start_relation(const trn_model_shape_t *shape, int64_t count, float *r, float *second) {
    for (int64_t i = 0; i < count * (shape->dim / 2); i++)
        r[i] *= 4096;
    normalize_relation(shape, count, r, second);
}

/* By the definition, with the library's cosine and sine. */
static double score_ref(const trn_model_shape_t *shape, const double *h, const double *r,
                        const double *second, const double *t) {
    (void)second;
    int64_t half = shape->dim / 2;
    double sum = 0;
    for (int64_t k = 0; k < half; k++) {
        double re = h[k] * cos(r[k]) - h[half + k] * sin(r[k]) - t[k];
        double im = h[k] * sin(r[k]) + h[half + k] * cos(r[k]) - t[half + k];
        sum += shape->norm == '1' ? hypot(re, im) : re * re + im * im;
    }
    return trn_norm_score(shape->norm, sum);
}

const trn_model_t trn_model_rotate = {
    .name = "rotate",
    .title = "RotatE: h turned by the relation's angles is near t",
    .paper = "Sun et al., RotatE: Knowledge Graph Embedding by Relational Rotation in Complex "
             "Space, 2019",
    .norms = "12",
    .complex = true,
    .relation_width = trn_width_half,
    .second_width = trn_width_none,
    .query_width = trn_width_dim,
    .metric = metric,
    .query = query,
    .query_back = query_back,
    .normalize_relation = normalize_relation,
    .start_relation = start_relation,
    .score_ref = score_ref,
};
