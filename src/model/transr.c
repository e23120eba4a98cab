/* transr.c: TransR, TransE in a space of the relation's own, to which its matrix M [k x d], the
 * second row, takes entities. The rows of one relation are projected together by a GEMM. */
#include "kern/dense/gemm.h"
#include "model/model_shared.h"

#include <stddef.h>

static int64_t relation_width(const trn_model_shape_t *shape) {
    return shape->relation_dim;
}

/* Numbers of M. */
static int64_t second_width(const trn_model_shape_t *shape) {
    return shape->relation_dim * shape->dim;
}

/* p [count x k] = e [count x d] times M^T. */
static void project(const trn_model_shape_t *shape, const float *matrix, int64_t count,
                    const float *e, float *p) {
    int64_t d = shape->dim, k = shape->relation_dim;
    trn_gemm(&(trn_gemm_t){.type = TRN_F32,
                           .m = count,
                           .n = k,
                           .k = d,
                           .alpha = 1,
                           .a = {e, d, false},
                           .b = {matrix, d, true},
                           .c = p,
                           .ldc = k});
}

/* Added to both: a matrix has many entities, and an entity several relations. */
static void project_back(const trn_model_shape_t *shape, const float *matrix, int64_t count,
                         const float *e, const float *gp, float *ge, float *gmatrix) {
    int64_t d = shape->dim, k = shape->relation_dim;
    trn_gemm(&(trn_gemm_t){.type = TRN_F32,
                           .m = count,
                           .n = d,
                           .k = k,
                           .alpha = 1,
                           .beta = 1,
                           .a = {gp, k, false},
                           .b = {matrix, d, false},
                           .c = ge,
                           .ldc = d});
    trn_gemm(&(trn_gemm_t){.type = TRN_F32,
                           .m = k,
                           .n = d,
                           .k = count,
                           .alpha = 1,
                           .beta = 1,
                           .a = {gp, k, true},
                           .b = {e, d, false},
                           .c = gmatrix,
                           .ldc = d});
}

static void query(const trn_model_shape_t *shape, trn_side_t side, int64_t count, const float *x,
                  const float *r, float *q) {
    trn_translate(side, count * shape->relation_dim, x, r, q);
}

static void query_back(const trn_model_shape_t *shape, trn_side_t side, int64_t count,
                       const float *x, const float *r, const float *gq, float *gx, float *gr) {
    (void)x, (void)r;
    trn_translate_back(side, count * shape->relation_dim, gq, gx, gr);
}

/* The identity and a tenth of the noise: as the paper, which starts from TransE. */
static void start_relation(const trn_model_shape_t *shape, int64_t count, float *r, float *second) {
    (void)r;
    int64_t d = shape->dim, k = shape->relation_dim;
    for (int64_t i = 0; second && i < count * k; i++)
        for (int64_t j = 0; j < d; j++)
            second[i * d + j] = 0.1f * second[i * d + j] + (i % k == j ? 1.0f : 0.0f);
}

/* By the definition: M (h - t) + r. */
static double score_ref(const trn_model_shape_t *shape, const double *h, const double *r,
                        const double *matrix, const double *t) {
    int64_t d = shape->dim;
    double sum = 0;
    for (int64_t i = 0; i < shape->relation_dim; i++) {
        double x = r[i];
        for (int64_t j = 0; j < d; j++)
            x += matrix[i * d + j] * (h[j] - t[j]);
        sum += trn_norm_term(shape->norm, x);
    }
    return trn_norm_score(shape->norm, sum);
}

const trn_model_t trn_model_transr = {
    .name = "transr",
    .title = "TransR: M h + r is near M t in the relation's own space",
    .paper = "Lin et al., Learning Entity and Relation Embeddings for Knowledge Graph Completion, "
             "2015",
    .norms = "21",
    .relation_width = relation_width,
    .second_width = second_width,
    .query_width = relation_width,
    .metric = trn_metric_distance,
    .project = project,
    .project_back = project_back,
    .query = query,
    .query_back = query_back,
    .normalize_entity = trn_ball_entities,
    .start_relation = start_relation,
    .score_ref = score_ref,
};
