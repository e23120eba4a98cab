/* transe.c: TransE, score = -|h + r - t|. */
#include "model/model_shared.h"

#include <stddef.h>

/* By the definition. */
static double score_ref(const trn_model_shape_t *shape, const double *h, const double *r,
                        const double *second, const double *t) {
    (void)second;
    double sum = 0;
    for (int64_t k = 0; k < shape->dim; k++)
        sum += trn_norm_term(shape->norm, h[k] + r[k] - t[k]);
    return trn_norm_score(shape->norm, sum);
}

const trn_model_t trn_model_transe = {
    .name = "transe",
    .title = "TransE: h + r is near t",
    .paper = "Bordes et al., Translating Embeddings for Modeling Multi-relational Data, 2013",
    .norms = "21",
    .relation_width = trn_width_dim,
    .second_width = trn_width_none,
    .query_width = trn_width_dim,
    .metric = trn_metric_distance,
    .query = trn_translate_dim,
    .query_back = trn_translate_dim_back,
    .normalize_entity = trn_unit_entities,
    .score_ref = score_ref,
};
