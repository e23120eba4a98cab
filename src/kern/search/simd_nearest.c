/* simd_nearest.c: the loops of nearest.h, compiled once for each instruction set (CMakeLists.txt).
 */
#include "kern/search/nearest.h"

#include <math.h>
#include <string.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)

/* Comparisons with NaN are false: it never becomes the greatest. */
static float most(int64_t n, const float *restrict score, const float *restrict half) {
    float greatest = -INFINITY;
#pragma omp simd reduction(max : greatest)
    for (int64_t j = 0; j < n; j++) {
        float x = score[j] - half[j];
        greatest = x > greatest ? x : greatest;
    }
    return greatest;
}

/* A count in 32 bits takes as many lanes as the scores do; n stays far below 2^31. */
static int64_t reach(int64_t n, const float *restrict score, const float *restrict half, float bar,
                     int64_t *first) {
    int32_t hits = 0, least = INT32_MAX, count = (int32_t)n;
#pragma omp simd reduction(+ : hits) reduction(min : least)
    for (int32_t j = 0; j < count; j++) {
        int32_t hit = score[j] - half[j] >= bar, place = hit ? j : INT32_MAX;
        hits += hit;
        least = place < least ? place : least;
    }
    *first = least;
    return hits;
}

/* 1.5 x 2^52: a float64 of that size counts in ones, so adding it rounds to the nearest whole
 * number, which its lower bits then are. */
static const double round_up = 0x1.8p52;

/* The nearest whole number, of numbers below 2^51, ties to even; vectorizes where a cast would not.
 */
static inline int64_t whole(double x) {
    double sum = x + round_up, none = round_up;
    int64_t bits, zero;
    memcpy(&bits, &sum, sizeof bits);
    memcpy(&zero, &none, sizeof zero);
    return bits - zero;
}

/* The loops over a row, for either type of its numbers. Sums of squares have lanes in an order
 * fixed by the instruction set. */
#define LOOPS(type, name)                                                                          \
    static double shift_##name(int64_t n, const type *restrict x, double factor,                   \
                               const double *restrict mean, double scale, float *restrict to) {    \
        double sum = 0;                                                                            \
        _Pragma("omp simd reduction(+ : sum)") for (int64_t k = 0; k < n; k++) {                   \
            float y = (float)(((double)x[k] * factor - mean[k]) * scale);                          \
            to[k] = y;                                                                             \
            sum += (double)y * y;                                                                  \
        }                                                                                          \
        return sum;                                                                                \
    }                                                                                              \
    static double distance_##name(int64_t n, const type *restrict x, double factor,                \
                                  const double *restrict c) {                                      \
        double sum = 0;                                                                            \
        _Pragma("omp simd reduction(+ : sum)") for (int64_t k = 0; k < n; k++) {                   \
            double y = (double)x[k] * factor - c[k];                                               \
            sum += y * y;                                                                          \
        }                                                                                          \
        return sum;                                                                                \
    }                                                                                              \
    static double square_##name(int64_t n, const type *restrict x, double factor) {                \
        double sum = 0;                                                                            \
        _Pragma("omp simd reduction(+ : sum)") for (int64_t k = 0; k < n; k++) {                   \
            double y = (double)x[k] * factor;                                                      \
            sum += y * y;                                                                          \
        }                                                                                          \
        return sum;                                                                                \
    }                                                                                              \
    static void add_##name(int64_t n, const type *restrict x, double factor,                       \
                           const double *restrict unit, int64_t *restrict sum) {                   \
        _Pragma("omp simd") for (int64_t k = 0; k < n; k++) sum[k] +=                              \
            whole((double)x[k] * factor * unit[k]);                                                \
    }                                                                                              \
    static void peak_##name(int64_t n, const type *restrict x, double *restrict greatest) {        \
        _Pragma("omp simd") for (int64_t k = 0; k < n; k++) {                                      \
            double y = fabs((double)x[k]);                                                         \
            greatest[k] = y > greatest[k] ? y : greatest[k];                                       \
        }                                                                                          \
    }

LOOPS(float, f32)
LOOPS(double, f64)

static double shift(const trn_nearest_row_t *row, const double *mean, double scale, float *to) {
    return row->type == TRN_F32 ? shift_f32(row->width, row->x, row->factor, mean, scale, to)
                                : shift_f64(row->width, row->x, row->factor, mean, scale, to);
}

static double distance(const trn_nearest_row_t *row, const double *c) {
    return row->type == TRN_F32 ? distance_f32(row->width, row->x, row->factor, c)
                                : distance_f64(row->width, row->x, row->factor, c);
}

static double square(const trn_nearest_row_t *row) {
    return row->type == TRN_F32 ? square_f32(row->width, row->x, row->factor)
                                : square_f64(row->width, row->x, row->factor);
}

static void add(const trn_nearest_row_t *row, const double *unit, int64_t *sum) {
    if (row->type == TRN_F32)
        add_f32(row->width, row->x, row->factor, unit, sum);
    else
        add_f64(row->width, row->x, row->factor, unit, sum);
}

static void peak(const trn_nearest_row_t *row, double *greatest) {
    if (row->type == TRN_F32)
        peak_f32(row->width, row->x, greatest);
    else
        peak_f64(row->width, row->x, greatest);
}

const trn_nearest_kernels_t JOIN(trn_nearest_kernels_, TRN_SIMD) = {most,   reach, shift, distance,
                                                                    square, add,   peak};
