/* transh.c: TransH, TransE between projections onto a relation's hyperplane, whose normal w is the
 * relation's second row. w need not be of unit length: only its direction w / |w| is used, and
 * gradients go through that. A zero w projects nothing away. */
#include "kern/search/compare_simd.h"
#include "kern/train/complex.h"
#include "model/model_shared.h"

#include <math.h>
#include <stddef.h>

static float dot(int64_t width, const float *a, const float *b) {
    return trn_compare_kernels()->sum[TRN_METRIC_DOT](width, a, b);
}

/* 1 / |w|, or 0. */
static float inverse_length(int64_t width, const float *w) {
    float square = dot(width, w, w);
    return square > 0 ? 1 / sqrtf(square) : 0;
}

/* p = e - (w e / w w) w. */
static void project(const trn_model_shape_t *shape, const float *w, int64_t count, const float *e,
                    float *p) {
    const trn_complex_kernels_t *kernels = trn_complex_kernels();
    int64_t d = shape->dim;
    float inverse = inverse_length(d, w);
    for (int64_t i = 0; i < count; i++)
        kernels->plane(d, dot(d, w, e + i * d) * inverse * inverse, w, e + i * d, p + i * d);
}

/* With u = w / |w|, a = u e and b = u gp: ge += gp - b u, the gradient to u is -(b e + a gp), and
 * of that w gets what is across u, over |w|. */
static void project_back(const trn_model_shape_t *shape, const float *w, int64_t count,
                         const float *e, const float *gp, float *ge, float *gw) {
    const trn_complex_kernels_t *kernels = trn_complex_kernels();
    int64_t d = shape->dim;
    float inverse = inverse_length(d, w);
    for (int64_t i = 0; i < count; i++) {
        const float *x = e + i * d, *g = gp + i * d;
        float a = dot(d, w, x) * inverse, b = dot(d, w, g) * inverse;
        kernels->plane_back(d, a, b, inverse, w, x, g, ge + i * d, gw);
    }
}

static void normalize_relation(const trn_model_shape_t *shape, int64_t count, float *r, float *w) {
    (void)r;
    if (w) trn_unit_rows(count, shape->dim, w);
}

/* By the definition, with w scaled as it is used. */
static double score_ref(const trn_model_shape_t *shape, const double *h, const double *r,
                        const double *w, const double *t) {
    int64_t d = shape->dim;
    double square = 0, wh = 0, wt = 0, sum = 0;
    for (int64_t k = 0; k < d; k++) {
        square += w[k] * w[k];
        wh += w[k] * h[k];
        wt += w[k] * t[k];
    }
    if (square > 0) wh /= square, wt /= square;
    for (int64_t k = 0; k < d; k++)
        sum += trn_norm_term(shape->norm, h[k] - wh * w[k] + r[k] - t[k] + wt * w[k]);
    return trn_norm_score(shape->norm, sum);
}

const trn_model_t trn_model_transh = {
    .name = "transh",
    .title = "TransH: h + r is near t on the relation's hyperplane",
    .paper = "Wang et al., Knowledge Graph Embedding by Translating on Hyperplanes, 2014",
    .norms = "21",
    .relation_width = trn_width_dim,
    .second_width = trn_width_dim,
    .query_width = trn_width_dim,
    .metric = trn_metric_distance,
    .project = project,
    .project_back = project_back,
    .query = trn_translate_dim,
    .query_back = trn_translate_dim_back,
    .normalize_entity = trn_ball_entities,
    .normalize_relation = normalize_relation,
    .start_relation = normalize_relation,
    .score_ref = score_ref,
};
