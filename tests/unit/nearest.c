/* kern/search/nearest: the loops of every instruction set against plain ones. */
#include "kern/search/nearest.h"
#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 70 };

static float score[MOST], half[MOST], single[MOST];
static double wide[MOST], center[MOST], units[MOST];

static void fill(int64_t n) {
    for (int64_t i = 0; i < MOST; i++) {
        double u[4];
        trn_rng_uniform(5, (uint64_t)n, (uint32_t)i, 0, TRN_RNG_TEST, u);
        score[i] = (float)(4 * u[0] - 2);
        half[i] = (float)u[1];
        wide[i] = 100 * (u[2] - 0.5);
        single[i] = (float)wide[i];
        center[i] = 100 * (u[3] - 0.5);
        units[i] = ldexp(1, 20 + (int)(i % 20));
    }
}

static void scores(void **state) {
    (void)state;
    const trn_nearest_kernels_t *k = trn_nearest_kernels(), *ref = trn_nearest_ref();
    for (int64_t n = 0; n <= MOST; n++) {
        fill(n);
        if (n > 5) score[n / 2] = NAN; /* never the greatest, never counted */
        if (n > 9) score[n - 2] = score[3] + 5, score[3] += 5, half[n - 2] = half[3];
        float most = ref->most(n, score, half);
        assert_true(k->most(n, score, half) == most);
        const float bars[] = {most, most - 1, -INFINITY};
        for (size_t b = 0; b < 3; b++) {
            int64_t first = -1, wanted = -1, hits = ref->reach(n, score, half, bars[b], &wanted);
            assert_int_equal(k->reach(n, score, half, bars[b], &first), hits);
            if (hits > 0) assert_int_equal(first, wanted);
        }
    }
}

static void near(double a, double b) {
    if (!(fabs(a - b) <= 1e-12 * (1 + fabs(b)))) fail_msg("%.17g is not %.17g", a, b);
}

static void rows_of(int64_t n, trn_nearest_row_t row) {
    const trn_nearest_kernels_t *k = trn_nearest_kernels(), *ref = trn_nearest_ref();
    float to[MOST], wanted[MOST];
    int64_t sum[MOST], whole[MOST];
    double most[MOST], peak[MOST];
    near(k->distance(&row, center), ref->distance(&row, center));
    near(k->square(&row), ref->square(&row));
    near(k->shift(&row, center, 0.25, to), ref->shift(&row, center, 0.25, wanted));
    for (int64_t i = 0; i < n; i++) {
        assert_true(fabsf(to[i] - wanted[i]) <= 1e-6F * (1 + fabsf(wanted[i])));
        sum[i] = whole[i] = 77 - i;
        most[i] = peak[i] = (double)i;
    }
    k->add(&row, units, sum);
    ref->add(&row, units, whole);
    k->peak(&row, most);
    ref->peak(&row, peak);
    for (int64_t i = 0; i < n; i++) {
        assert_int_equal(sum[i], whole[i]);
        near(most[i], peak[i]);
    }
}

static void rows(void **state) {
    (void)state;
    for (int64_t n = 0; n <= MOST; n++) {
        fill(n);
        rows_of(n, (trn_nearest_row_t){TRN_F32, n, single, 1});
        rows_of(n, (trn_nearest_row_t){TRN_F64, n, wide, 1});
        rows_of(n, (trn_nearest_row_t){TRN_F32, n, single, 0.5});
        rows_of(n, (trn_nearest_row_t){TRN_F64, n, wide, 0.25});
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(scores), cmocka_unit_test(rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
