/* gemm_ref.c: the product by its definition, a sum of k terms for each number. */
#include "kern/dense/gemm.h"

static double number_at(trn_dtype_t type, const void *data, int64_t i) {
    return type == TRN_F32 ? (double)((const float *)data)[i] : ((const double *)data)[i];
}

/* Number (i, j) of op(x). */
static double element(const trn_gemm_t *g, const trn_factor_t *x, int64_t i, int64_t j) {
    return number_at(g->type, x->data, x->transposed ? j * x->ld + i : i * x->ld + j);
}

void trn_gemm_ref(const trn_gemm_t *product) {
    const trn_gemm_t *g = product;
    for (int64_t i = 0; i < g->m; i++)
        for (int64_t j = 0; j < g->n; j++) {
            double sum = 0;
            for (int64_t t = 0; t < g->k; t++)
                sum += element(g, &g->a, i, t) * element(g, &g->b, t, j);
            double value = g->alpha * sum;
            if (g->beta != 0) value += g->beta * number_at(g->type, g->c, i * g->ldc + j);
            if (g->type == TRN_F32)
                ((float *)g->c)[i * g->ldc + j] = (float)value;
            else
                ((double *)g->c)[i * g->ldc + j] = value;
        }
}
