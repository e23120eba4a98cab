#include "kern/sparse/spgemm.h"

static double value_of(const trn_spgemm_factor_t *factor, int64_t e) {
    if (factor->type == TRN_SPARSE_F32) return (double)((const float *)factor->values)[e];
    if (factor->type == TRN_SPARSE_F64) return ((const double *)factor->values)[e];
    return 1;
}

int64_t trn_spgemm_ref(const trn_spgemm_t *product, int64_t row, double *sum, bool *present) {
    const trn_spgemm_factor_t *a = &product->a, *b = &product->b;
    for (int64_t j = 0; j < b->cols; j++) {
        sum[j] = 0;
        present[j] = false;
    }
    for (int64_t e = a->start[row]; e < a->start[row + 1]; e++) {
        int64_t k = a->column[e];
        for (int64_t f = b->start[k]; f < b->start[k + 1]; f++) {
            sum[b->column[f]] += value_of(a, e) * value_of(b, f);
            present[b->column[f]] = true;
        }
    }
    int64_t count = 0;
    for (int64_t j = 0; j < b->cols; j++) {
        count += present[j];
        if (product->type == TRN_SPARSE_PATTERN) sum[j] = present[j];
        if (product->type == TRN_SPARSE_F32) sum[j] = (double)(float)sum[j];
    }
    return count;
}
