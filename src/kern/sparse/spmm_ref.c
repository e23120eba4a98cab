#include "kern/sparse/spmm.h"

static double number(const void *data, bool wide, int64_t i) {
    return wide ? ((const double *)data)[i] : (double)((const float *)data)[i];
}

static double entry(const trn_spmm_t *p, int64_t e) {
    if (p->entries == TRN_SPARSE_PATTERN) return 1;
    return number(p->values, p->entries == TRN_SPARSE_F64, e);
}

void trn_spmm_ref(const trn_spmm_t *p, double *c) {
    for (int64_t i = 0; i < p->rows; i++)
        for (int64_t j = 0; j < p->cols; j++) {
            double sum = 0, old = p->beta != 0 ? number(p->c, p->wide, i * p->c_stride + j) : 0;
            bool any = old != 0;
            for (int64_t e = p->start[i]; e < p->start[i + 1]; e++) {
                int64_t row = p->column[e] >= 0 ? p->column[e] : -1 - (int64_t)p->column[e];
                trn_spmm_source_t b = p->b[p->column[e] < 0];
                double met = number(b.data, p->wide, row * b.stride + j);
                sum += entry(p, e) * met;
                any |= met != 0;
            }
            c[i * p->cols + j] = p->boolean ? any : p->alpha * sum + p->beta * old;
        }
}
