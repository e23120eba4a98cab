/* model_shared.c: what several models are made of: widths, metrics, translation, norms. Rows are
 * contiguous, [count x width]. */
#include "model/model_shared.h"

#include <math.h>

/* Widths of a relation's row as the models' tables name them. */
int64_t trn_width_dim(const trn_model_shape_t *shape) {
    return shape->dim;
}

int64_t trn_width_half(const trn_model_shape_t *shape) {
    return shape->dim / 2;
}

int64_t trn_width_none(const trn_model_shape_t *shape) {
    (void)shape;
    return 0;
}

trn_metric_t trn_metric_distance(const trn_model_shape_t *shape) {
    return shape->norm == '1' ? TRN_METRIC_L1 : TRN_METRIC_L2;
}

trn_metric_t trn_metric_dot(const trn_model_shape_t *shape) {
    (void)shape;
    return TRN_METRIC_DOT;
}

/* Towards the tail x is the head: h + r; towards the head it is the tail: t - r. */
void trn_translate(trn_side_t side, int64_t count, const float *x, const float *r, float *q) {
    float sign = side == TRN_SIDE_TAIL ? 1.0f : -1.0f;
    for (int64_t i = 0; i < count; i++)
        q[i] = x[i] + sign * r[i];
}

/* Gradients are set: each row is of one fact. */
void trn_translate_back(trn_side_t side, int64_t count, const float *gq, float *gx, float *gr) {
    float sign = side == TRN_SIDE_TAIL ? 1.0f : -1.0f;
    for (int64_t i = 0; i < count; i++) {
        gx[i] = gq[i];
        gr[i] = sign * gq[i];
    }
}

float trn_rotation_sign(trn_side_t side) {
    return side == TRN_SIDE_TAIL ? 1.0f : -1.0f;
}

void trn_translate_dim(const trn_model_shape_t *shape, trn_side_t side, int64_t count,
                       const float *x, const float *r, float *q) {
    trn_translate(side, count * shape->dim, x, r, q);
}

void trn_translate_dim_back(const trn_model_shape_t *shape, trn_side_t side, int64_t count,
                            const float *x, const float *r, const float *gq, float *gx, float *gr) {
    (void)x, (void)r;
    trn_translate_back(side, count * shape->dim, gq, gx, gr);
}

/* Rows whose square is above `least` come to length 1. */
static void shorten(int64_t count, int64_t width, float *rows, float least) {
    for (int64_t i = 0; i < count; i++) {
        float *row = rows + i * width, sum = 0;
        for (int64_t k = 0; k < width; k++)
            sum += row[k] * row[k];
        if (!(sum > least)) continue;
        float scale = 1 / sqrtf(sum);
        for (int64_t k = 0; k < width; k++)
            row[k] *= scale;
    }
}

/* A zero row stays as it is. */
void trn_unit_rows(int64_t count, int64_t width, float *rows) {
    shorten(count, width, rows, 0);
}

/* Only rows longer than 1 are cut. */
void trn_ball_rows(int64_t count, int64_t width, float *rows) {
    shorten(count, width, rows, 1);
}

void trn_unit_entities(const trn_model_shape_t *shape, int64_t count, float *e) {
    trn_unit_rows(count, shape->dim, e);
}

void trn_ball_entities(const trn_model_shape_t *shape, int64_t count, float *e) {
    trn_ball_rows(count, shape->dim, e);
}

/* What one coordinate adds, and the score of their sum, in float64 for references. */
double trn_norm_term(char norm, double d) {
    return norm == '1' ? fabs(d) : d * d;
}

double trn_norm_score(char norm, double sum) {
    return norm == '1' ? -sum : -sqrt(sum);
}
