/* toruse.c: TorusE, TransE on a torus: only the fractional parts of vectors matter. */
#include "model/model_shared.h"

#include <math.h>
#include <stddef.h>

/* Norms 1, 2 and e of the paper. */
static trn_metric_t metric(const trn_model_shape_t *shape) {
    if (shape->norm == '1') return TRN_METRIC_TORUS1;
    return shape->norm == '2' ? TRN_METRIC_TORUS2 : TRN_METRIC_TORUSE;
}

/* What is a hair below an integer rounds up to 1, which is 0. */
static void fractions(int64_t count, float *x) {
    for (int64_t i = 0; i < count; i++) {
        x[i] -= floorf(x[i]);
        if (x[i] >= 1) x[i] = 0;
    }
}

/* Only fractions matter; whole parts would cost digits. */
static void normalize_entity(const trn_model_shape_t *shape, int64_t count, float *e) {
    fractions(count * shape->dim, e);
}

/* By the definition: y is the distance to the nearest whole number. */
static double score_ref(const trn_model_shape_t *shape, const double *h, const double *r,
                        const double *second, const double *t) {
    (void)second;
    const double pi = acos(-1);
    double sum = 0;
    for (int64_t k = 0; k < shape->dim; k++) {
        double x = h[k] + r[k] - t[k], y = fabs(x - round(x));
        if (shape->norm == '1')
            sum += 2 * y;
        else if (shape->norm == '2')
            sum += 4 * y * y;
        else
            sum += (1 - cos(2 * pi * x)) / 2;
    }
    return -sum;
}

const trn_model_t trn_model_toruse = {
    .name = "toruse",
    .title = "TorusE: h + r is near t on a torus",
    .paper = "Ebisu and Ichise, TorusE: Knowledge Graph Embedding on a Lie Group, 2018",
    .norms = "12e",
    .relation_width = trn_width_dim,
    .second_width = trn_width_none,
    .query_width = trn_width_dim,
    .metric = metric,
    .query = trn_translate_dim,
    .query_back = trn_translate_dim_back,
    .normalize_entity = normalize_entity,
    .score_ref = score_ref,
};
