/* simd_rows.c: the loops of rows.h, compiled once for each instruction set (CMakeLists.txt). */
#include "kern/train/rows.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)

/* A strip of the sum stays in registers while the rows go by. */
enum { STRIP = 32 };

/* STRIP sums at once, one row after the other. */
static void sum_strip(int64_t count, const float *const *row, int64_t at, float *restrict sum) {
    float part[STRIP] = {0};
    for (int64_t i = 0; i < count; i++) {
        const float *restrict from = row[i] + at;
#pragma omp simd
        for (int64_t j = 0; j < STRIP; j++)
            part[j] += from[j];
    }
    for (int64_t j = 0; j < STRIP; j++)
        sum[j] = part[j];
}

/* In the order of the rows for each coordinate, whatever the strip: same bits at any width. */
static void sum(int64_t width, int64_t count, const float *const *row, float *total) {
    int64_t at = 0;
    for (; at + STRIP <= width; at += STRIP)
        sum_strip(count, row, at, total + at);
    for (; at < width; at++) {
        total[at] = 0;
        for (int64_t i = 0; i < count; i++)
            total[at] += row[i][at];
    }
}

static void add(int64_t width, const float *restrict from, float *restrict to) {
#pragma omp simd
    for (int64_t j = 0; j < width; j++)
        to[j] += from[j];
}

#define TEXT_(a) #a
#define TEXT(a)  TEXT_(a)
const trn_rows_kernels_t JOIN(trn_rows_kernels_, TRN_SIMD) = {sum, add, TEXT(TRN_SIMD)};
