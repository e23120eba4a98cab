#include "kern/dense/gemm.h"

static double number_at(trn_number_t type, const void *data, int64_t i) {
    return type == TRN_NUMBER_F32 ? (double)((const float *)data)[i] : ((const double *)data)[i];
}

void trn_gemm_ref(trn_number_t type, bool ta, bool tb, int64_t m, int64_t n, int64_t k,
                  double alpha, const void *a, int64_t lda, const void *b, int64_t ldb, double beta,
                  void *c, int64_t ldc) {
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            for (int64_t t = 0; t < k; t++)
                sum += number_at(type, a, ta ? t * lda + i : i * lda + t) *
                       number_at(type, b, tb ? j * ldb + t : t * ldb + j);
            double value = alpha * sum;
            if (beta != 0) value += beta * number_at(type, c, i * ldc + j);
            if (type == TRN_NUMBER_F32)
                ((float *)c)[i * ldc + j] = (float)value;
            else
                ((double *)c)[i * ldc + j] = value;
        }
}
