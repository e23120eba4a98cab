/* kern/compare: fast tiles and rows against the definition, odd sizes, strides, zero distances,
 * gradients against central differences. */
#include "base/rng.h"
#include "kern/search/compare_simd.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 33, PAD = 5, MOST_WIDTH = 66, LD = MOST + PAD };

static float q[MOST * MOST_WIDTH], e[MOST * MOST_WIDTH], s[MOST * LD], w[MOST * LD];

static void fill(float *x, int64_t n, uint64_t row) {
    for (int64_t i = 0; i < n; i += 4) {
        double uniform[4];
        trn_rng_uniform(11, row, (uint32_t)(i / 4), 0, TRN_RNG_TEST, uniform);
        for (int64_t j = i; j < n && j < i + 4; j++)
            x[j] = (float)(4 * uniform[j - i] - 2);
    }
}

static void near(double a, double b, double tolerance) {
    if (!(fabs(a - b) <= tolerance)) fail_msg("%.9g is not %.9g +- %g", a, b, tolerance);
}

/* The definition, with number k of the query moved by `by`. */
static double moved(trn_metric_t metric, int64_t width, const float *a, const float *b, int64_t k,
                    double by) {
    double x[MOST_WIDTH], y[MOST_WIDTH];
    for (int64_t i = 0; i < width; i++) {
        x[i] = (double)a[i];
        y[i] = (double)b[i];
    }
    if (k >= 0) x[k] += by;
    return trn_compare_ref(metric, width, x, y);
}

static void check_scores(trn_metric_t metric, int64_t width, int64_t m, int64_t n, int64_t ld) {
    float norms[MOST], rows[MOST];
    for (int64_t i = 0; i < MOST * LD; i++)
        s[i] = -77;
    trn_compare(metric, width, m, q, n, e, NULL, s, ld);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double want = moved(metric, width, q + i * width, e + j * width, -1, 0);
            near((double)s[i * ld + j], want, 1e-5 * (2 + fabs(want)));
        }
    for (int64_t i = 0; i < m; i++) /* nothing is written between the rows or after them */
        for (int64_t j = n; j < ld; j++)
            assert_true(s[i * ld + j] == -77);
    int64_t count = m < n ? m : n;
    trn_compare_rows(metric, width, count, q, e, rows);
    for (int64_t i = 0; i < count; i++)
        if (metric == TRN_METRIC_DOT || metric == TRN_METRIC_L2)
            near((double)rows[i], (double)s[i * ld + i], 1e-4);
        else
            assert_true(rows[i] == s[i * ld + i]);
    if (metric != TRN_METRIC_L2) return;
    float t[MOST * LD]; /* given norms change nothing */
    for (int64_t j = 0; j < n; j++)
        norms[j] = trn_compare_kernels()->sum[TRN_METRIC_DOT](width, e + j * width, e + j * width);
    trn_compare(metric, width, m, q, n, e, norms, t, ld);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            assert_true(t[i * ld + j] == s[i * ld + j]);
}

/* A pair's score is the same wherever its tile begins. */
static void check_place(trn_metric_t metric, int64_t width) {
    if (metric == TRN_METRIC_DOT || metric == TRN_METRIC_L2) return;
    float part;
    trn_compare(metric, width, MOST, q, MOST, e, NULL, s, LD);
    for (int64_t i = 0; i < MOST; i++)
        for (int64_t j = 0; j < MOST; j++) {
            trn_compare(metric, width, 1, q + i * width, 1, e + j * width, NULL, &part, 1);
            assert_true(part == s[i * LD + j]);
        }
}

/* gq and ge against sums of the definition's central differences times w; both at once, one at a
 * time, and added to what is there. */
static void check_back(trn_metric_t metric, int64_t width, int64_t m, int64_t n, int64_t ld) {
    static double want_q[MOST * MOST_WIDTH], want_e[MOST * MOST_WIDTH];
    static float gq[MOST * MOST_WIDTH], ge[MOST * MOST_WIDTH], alone[MOST * MOST_WIDTH];
    const double step = 1e-6;
    for (int64_t i = 0; i < MOST * MOST_WIDTH; i++)
        want_q[i] = want_e[i] = 1;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            for (int64_t k = 0; k < width; k++) {
                const float *a = q + i * width, *b = e + j * width;
                double c = (double)w[i * ld + j] / (2 * step);
                want_q[i * width + k] += c * (moved(metric, width, a, b, k, step) -
                                              moved(metric, width, a, b, k, -step));
                want_e[j * width + k] += c * (moved(metric, width, b, a, k, step) -
                                              moved(metric, width, b, a, k, -step));
            }
    for (int call = 0; call < 3; call++) {
        float copy[MOST * LD], *to_q = call == 2 ? NULL : gq, *to_e = call == 1 ? NULL : ge;
        memcpy(copy, w, sizeof copy);
        for (int64_t i = 0; i < MOST * MOST_WIDTH; i++)
            gq[i] = ge[i] = 1;
        trn_compare(metric, width, m, q, n, e, NULL, s, ld);
        trn_compare_back(metric, width, m, q, n, e, s, copy, ld, to_q, to_e);
        for (int64_t i = 0; to_q && i < m * width; i++)
            near((double)gq[i], want_q[i], 1e-3);
        for (int64_t i = 0; to_e && i < n * width; i++)
            near((double)ge[i], want_e[i], 1e-3);
    }
    int64_t count = m < n ? m : n; /* row by row against tiles of one pair */
    float rows[MOST];
    trn_compare_rows(metric, width, count, q, e, rows);
    for (int64_t i = 0; i < MOST * MOST_WIDTH; i++)
        gq[i] = ge[i] = alone[i] = 0;
    trn_compare_rows_back(metric, width, count, q, e, rows, w, gq, ge);
    for (int64_t i = 0; i < count; i++) {
        float score, weight = w[i];
        trn_compare(metric, width, 1, q + i * width, 1, e + i * width, NULL, &score, 1);
        trn_compare_back(metric, width, 1, q + i * width, 1, e + i * width, &score, &weight, 1,
                         alone + i * width, NULL);
    }
    for (int64_t i = 0; i < count * width; i++) {
        near((double)gq[i], (double)alone[i], 1e-4);
        if (metric != TRN_METRIC_DOT) assert_true(ge[i] == -gq[i]);
    }
}

static void everywhere(void (*check)(trn_metric_t, int64_t, int64_t, int64_t, int64_t)) {
    const int64_t sizes[] = {1, 7, 33};
    for (int metric = 0; metric < TRN_METRICS; metric++)
        for (int a = 0; a < 3; a++)
            for (int b = 0; b < 3; b++)
                for (int c = 0; c < 3; c++) {
                    int64_t width = metric == TRN_METRIC_MODULI ? 2 * sizes[c] : sizes[c];
                    fill(q, MOST * MOST_WIDTH, 1);
                    fill(e, MOST * MOST_WIDTH, 2);
                    fill(w, MOST * LD, 3);
                    check((trn_metric_t)metric, width, sizes[a], sizes[b],
                          sizes[b] + PAD * (c % 2));
                }
}

static void test_scores(void **state) {
    (void)state;
    everywhere(check_scores);
}

static void test_gradients(void **state) {
    (void)state;
    everywhere(check_back);
}

static void test_places(void **state) {
    (void)state;
    fill(q, MOST * MOST_WIDTH, 1);
    fill(e, MOST * MOST_WIDTH, 2);
    for (int metric = 0; metric < TRN_METRICS; metric++)
        check_place((trn_metric_t)metric, 34);
}

/* Equal vectors: distance 0, gradient 0 and not NaN. */
static void test_zero(void **state) {
    (void)state;
    enum { WIDTH = 32 };
    fill(q, WIDTH, 1);
    memcpy(e, q, sizeof e);
    for (int metric = TRN_METRIC_L1; metric < TRN_METRICS; metric++) {
        float score, weight = 1, gq[WIDTH] = {0}, ge[WIDTH] = {0};
        trn_compare((trn_metric_t)metric, WIDTH, 1, q, 1, e, NULL, &score, 1);
        assert_true(score == 0);
        trn_compare_rows((trn_metric_t)metric, WIDTH, 1, q, e, &score);
        assert_true(score == 0);
        trn_compare_rows_back((trn_metric_t)metric, WIDTH, 1, q, e, &score, &weight, gq, ge);
        for (int i = 0; i < WIDTH; i++)
            assert_true(gq[i] == 0 && ge[i] == 0);
        trn_compare_back((trn_metric_t)metric, WIDTH, 1, q, 1, e, &score, &weight, 1, gq, ge);
        for (int i = 0; i < WIDTH; i++)
            assert_true(gq[i] == 0 && ge[i] == 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
