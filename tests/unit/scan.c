/* kern/search/scan: the loops against plain ones, at lengths around their strips and lanes. */
#include "kern/search/scan.h"
#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { N = 300 };

static double x[N], y[N];
static float score[N];

static void fill(void) {
    for (int64_t i = 0; i < N; i += 4) {
        double uniform[4];
        trn_rng_uniform(5, 1, (uint32_t)(i / 4), 0, TRN_RNG_TEST, uniform);
        for (int64_t j = 0; j < 4; j++) {
            x[i + j] = uniform[j] - 0.5;
            y[i + j] = uniform[(j + 1) % 4] * 3;
            score[i + j] = (float)floor(uniform[j] * 20);
        }
    }
}

static void finds_what_is_above(void **state) {
    (void)state;
    fill();
    score[70] = NAN;
    for (int64_t n = 0; n < N; n++)
        for (float bar = -1; bar < 22; bar += 4.5F) {
            int32_t place[N];
            int64_t count = trn_scan_kernels()->above(n, score, bar, place), want = 0;
            for (int64_t i = 0; i < n; i++)
                if (score[i] > bar) assert_int_equal(place[want++], i);
            assert_int_equal(count, want);
        }
}

static void sums_as_defined(void **state) {
    (void)state;
    fill();
    for (int64_t n = 0; n < N - 1; n++) {
        double dot = 0, apart = 0;
        for (int64_t i = 0; i < n; i++)
            dot += x[i] * y[i], apart += (x[i] - y[i]) * (x[i] - y[i]);
        assert_true(fabs(trn_scan_kernels()->dot(n, x, y) - dot) <= 1e-13 * N);
        assert_true(fabs(trn_scan_kernels()->apart(n, x, y) - apart) <= 1e-13 * N);
    }
}

/* Where rows lie does not show in a bit: memory at every offset. */
static void bits_are_of_numbers(void **state) {
    (void)state;
    double a[N + 8], b[N + 8];
    fill();
    for (int64_t at = 0; at < 8; at++) {
        memcpy(a + at, x, sizeof x);
        memcpy(b + (at * 3) % 8, y, sizeof y);
        assert_true(trn_scan_kernels()->dot(N, a + at, b + (at * 3) % 8) ==
                    trn_scan_kernels()->dot(N, x, y));
        assert_true(trn_scan_kernels()->apart(N, a + at, b + (at * 3) % 8) ==
                    trn_scan_kernels()->apart(N, x, y));
    }
}

static void narrows(void **state) {
    (void)state;
    float to[N];
    fill();
    trn_scan_kernels()->narrow(N, x, 0.3, to);
    for (int64_t i = 0; i < N; i++)
        assert_true(to[i] == (float)(x[i] * 0.3));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_is_above), cmocka_unit_test(sums_as_defined),
        cmocka_unit_test(bits_are_of_numbers), cmocka_unit_test(narrows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
