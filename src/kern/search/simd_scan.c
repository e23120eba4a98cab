/* simd_scan.c: the loops of scan.h, compiled once for each instruction set (CMakeLists.txt). */
#include "kern/search/scan.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)

enum { STRIP = 64 };

/* An integer that is not 0 if any score is above the bar: no branch, so that it becomes vectors. */
static int any_above(const float *restrict score, float bar) {
    int any = 0;
#pragma omp simd reduction(| : any)
    for (int64_t i = 0; i < STRIP; i++)
        any |= score[i] > bar;
    return any;
}

static int64_t pick(int64_t first, int64_t end, const float *restrict score, float bar,
                    int32_t *restrict place, int64_t count) {
    for (int64_t i = first; i < end; i++) {
        place[count] = (int32_t)i; /* written in any case, kept if it counts: no branch */
        count += score[i] > bar;
    }
    return count;
}

static int64_t above(int64_t n, const float *restrict score, float bar, int32_t *restrict place) {
    int64_t count = 0, start = 0;
    for (; start + STRIP <= n; start += STRIP)
        if (any_above(score + start, bar))
            count = pick(start, start + STRIP, score, bar, place, count);
    return pick(start, n, score, bar, place, count);
}

/* Eight numbers of any address. Sums go by lanes of them and not as the compiler would have it,
 * which may begin at an aligned number: then bits would depend on where a row lies. */
typedef double lanes_t __attribute__((vector_size(64), aligned(8), may_alias));

static double sum_of(lanes_t a) {
    return ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]));
}

static double dot(int64_t n, const double *x, const double *y) {
    lanes_t a = {0}, b = {0};
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        a += *(const lanes_t *)(x + i) * *(const lanes_t *)(y + i);
        b += *(const lanes_t *)(x + i + 8) * *(const lanes_t *)(y + i + 8);
    }
    double rest = 0;
    for (; i < n; i++)
        rest += x[i] * y[i];
    return sum_of(a + b) + rest;
}

static double apart(int64_t n, const double *x, const double *y) {
    lanes_t a = {0}, b = {0}, c, d;
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        c = *(const lanes_t *)(x + i) - *(const lanes_t *)(y + i);
        d = *(const lanes_t *)(x + i + 8) - *(const lanes_t *)(y + i + 8);
        a += c * c;
        b += d * d;
    }
    double rest = 0;
    for (; i < n; i++)
        rest += (x[i] - y[i]) * (x[i] - y[i]);
    return sum_of(a + b) + rest;
}

static void narrow(int64_t n, const double *restrict from, double scale, float *restrict to) {
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        to[i] = (float)(from[i] * scale);
}

#define TEXT_(a) #a
#define TEXT(a)  TEXT_(a)
const trn_scan_kernels_t JOIN(trn_scan_kernels_, TRN_SIMD) = {above, dot, apart, narrow,
                                                              TEXT(TRN_SIMD)};
