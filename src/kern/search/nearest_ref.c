/* nearest_ref.c: the loops of nearest.h one number after the other. */
#include "kern/search/nearest.h"

#include <math.h>

static double number(const trn_nearest_row_t *row, int64_t k) {
    double x =
        row->type == TRN_F32 ? (double)((const float *)row->x)[k] : ((const double *)row->x)[k];
    return x * row->factor;
}

static float most(int64_t n, const float *score, const float *half) {
    float greatest = -INFINITY;
    for (int64_t j = 0; j < n; j++)
        if (score[j] - half[j] > greatest) greatest = score[j] - half[j];
    return greatest;
}

static int64_t reach(int64_t n, const float *score, const float *half, float bar, int64_t *first) {
    int64_t hits = 0;
    for (int64_t j = 0; j < n; j++)
        if (score[j] - half[j] >= bar && hits++ == 0) *first = j;
    return hits;
}

static double shift(const trn_nearest_row_t *row, const double *mean, double scale, float *to) {
    double sum = 0;
    for (int64_t k = 0; k < row->width; k++) {
        to[k] = (float)((number(row, k) - mean[k]) * scale);
        sum += (double)to[k] * to[k];
    }
    return sum;
}

static double distance(const trn_nearest_row_t *row, const double *c) {
    double sum = 0;
    for (int64_t k = 0; k < row->width; k++)
        sum += (number(row, k) - c[k]) * (number(row, k) - c[k]);
    return sum;
}

static double square(const trn_nearest_row_t *row) {
    double sum = 0;
    for (int64_t k = 0; k < row->width; k++)
        sum += number(row, k) * number(row, k);
    return sum;
}

static void add(const trn_nearest_row_t *row, const double *unit, int64_t *sum) {
    for (int64_t k = 0; k < row->width; k++)
        sum[k] += (int64_t)rint(number(row, k) * unit[k]);
}

static void peak(const trn_nearest_row_t *row, double *greatest) {
    for (int64_t k = 0; k < row->width; k++)
        greatest[k] = fmax(greatest[k], fabs(number(row, k) / row->factor));
}

const trn_nearest_kernels_t *trn_nearest_ref(void) {
    static const trn_nearest_kernels_t kernels = {most, reach, shift, distance, square, add, peak};
    return &kernels;
}
