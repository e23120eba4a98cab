/* model_shared.h: what several models have in common: widths, and the two ways to make a query,
 * translation and complex product. All functions are local and cannot fail. */
#ifndef TRN_MODEL_SHARED_H
#define TRN_MODEL_SHARED_H

#include "model/model.h"

/* Widths of rows in floats: `dim`, half of it, and 0. Local. */
int64_t trn_width_dim(const trn_model_shape_t *shape);
int64_t trn_width_half(const trn_model_shape_t *shape);
int64_t trn_width_none(const trn_model_shape_t *shape);

/* L1 for norm '1', else L2; and always the product. Local. */
trn_metric_t trn_metric_distance(const trn_model_shape_t *shape);
trn_metric_t trn_metric_dot(const trn_model_shape_t *shape);

/* q = x + r for tails, x - r for heads, `count` numbers; and its gradients, overwritten. Local. */
void trn_translate(trn_side_t side, int64_t count, const float *x, const float *r, float *q);
void trn_translate_back(trn_side_t side, int64_t count, const float *gq, float *gx, float *gr);

/* The same for rows as wide as entities: the query of models whose relations are as wide. Local. */
void trn_translate_dim(const trn_model_shape_t *shape, trn_side_t side, int64_t count,
                       const float *x, const float *r, float *q);
void trn_translate_dim_back(const trn_model_shape_t *shape, trn_side_t side, int64_t count,
                            const float *x, const float *r, const float *gq, float *gx, float *gr);

/* 1 for tails, which multiply with r, -1 for heads, which do with conj(r) (kern/complex.h). Local.
 */
float trn_rotation_sign(trn_side_t side);

/* Scale rows [count x width] to Euclidean length 1: all but zero rows, or only those longer than 1.
 * Local. */
void trn_unit_rows(int64_t count, int64_t width, float *rows);
void trn_ball_rows(int64_t count, int64_t width, float *rows);

/* trn_unit_rows and trn_ball_rows of entities. Local. */
void trn_unit_entities(const trn_model_shape_t *shape, int64_t count, float *e);
void trn_ball_entities(const trn_model_shape_t *shape, int64_t count, float *e);

/* Add |d| or d^2 to a sum as norm '1' or '2' asks, and turn the finished sum into a score. Local.
 */
double trn_norm_term(char norm, double d);
double trn_norm_score(char norm, double sum);

#endif
