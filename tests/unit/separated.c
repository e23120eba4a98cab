/* algo/graph/snapshots/{nonneg,separated}: small least squares at their best, factors of landmarks
 * whose objective falls, and what the bi-clustering term makes of them. */
#include "algo/graph/snapshots/separated.h"
#include "algo/graph/snapshots/nonneg.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* w >= 0 is best if no number of it could move to lower w G w / 2 - x w: the gradient is 0 where w
 * is not, and not below 0 elsewhere. */
static void nonnegative(void **state) {
    (void)state;
    enum { R = 5, ROWS = 40 };
    double a[7][R], gram[R * R] = {0};
    for (int i = 0; i < 7; i++)
        for (int c = 0; c < R; c++)
            a[i][c] = (double)((i * 13 + c * 29 + i * c * 7) % 17) / 17;
    for (int c = 0; c < R * R; c++)
        for (int i = 0; i < 7; i++)
            gram[c] += a[i][c / R] * a[i][c % R];
    int zeros = 0;
    for (int row = 0; row < ROWS; row++) {
        double x[R], w[R] = {0};
        for (int c = 0; c < R; c++)
            x[c] = (double)((row * 31 + c * 17 + row * c) % 23) / 23 - 0.3;
        trn_nonneg_solve(R, gram, x, TRN_NONNEG_SWEEPS, w);
        for (int c = 0; c < R; c++) {
            double gradient = -x[c];
            for (int d = 0; d < R; d++)
                gradient += gram[c * R + d] * w[d];
            assert_true(w[c] >= 0 && gradient > -1e-9);
            assert_true(w[c] == 0 || fabs(gradient) < 1e-9);
            zeros += w[c] == 0;
        }
    }
    assert_true(zeros > ROWS / 4 && zeros < ROWS * R);
}

static void falls(const double *course, int64_t count) {
    for (int64_t i = 1; i < count; i++)
        assert_true(course[i] <= course[i - 1] + 1e-12 * course[0]);
}

/* With more weight H is nearer to k components: its k smallest eigenvalues, which the term sums
 * up, come to less for the same H scale; a weight of 0 has no term. */
static void biclustering(void **state) {
    (void)state;
    enum { L = 12, R = 3 };
    double last = INFINITY;
    for (int step = 0; step < 3; step++) {
        trn_separated_t s = {.l = L,
                             .r = R,
                             .k = 3,
                             .alpha = step == 0   ? 1e-9
                                      : step == 1 ? 1
                                                  : 3,
                             .steps = 300,
                             .starts = 1,
                             .seed = 5};
        assert_int_equal(trn_separated_create(&s), TRN_OK);
        for (int64_t i = 0; i < L; i++)
            for (int64_t j = 0; j < L; j++)
                s.m[i * L + j] = i % 3 == j % 3 ? 2 : 0.4 + 0.01 * (double)((i * j) % 7);
        assert_int_equal(trn_separated_factor(&s), TRN_OK);
        falls(s.objective, s.done + 1);
        double sum = 0, all = 0;
        for (int64_t e = 0; e < (int64_t)R * L; e++) {
            sum += s.penalty[e] * s.h[e];
            all += s.h[e];
        }
        assert_true(sum / all < last);
        last = sum / all;
        trn_separated_free(&s);
    }
    assert_true(last < 0.02); /* one factor for each landmark is left of three */
}

/* A landmark that goes to another group takes its row and column along; no other number moves. */
static void updated(void **state) {
    (void)state;
    enum { L = 12, R = 3, MOVED = 4 };
    trn_separated_t s = {.l = L, .r = R, .k = R, .steps = 300, .starts = 3, .seed = 2};
    double w[L * R], h[L * R];
    assert_int_equal(trn_separated_create(&s), TRN_OK);
    for (int64_t i = 0; i < L; i++)
        for (int64_t j = 0; j < L; j++)
            s.m[i * L + j] = i % 3 == j % 3 ? 2 : 0;
    assert_int_equal(trn_separated_factor(&s), TRN_OK);
    trn_separated_settle(&s);
    for (int64_t e = 0; e < (int64_t)L * R; e++)
        w[e] = s.w[e], h[e] = s.h[e];
    for (int64_t j = 0; j < L; j++)
        s.m[MOVED * L + j] = s.m[j * L + MOVED] = j % 3 == 2 || j == MOVED ? 2 : 0;
    int64_t place = MOVED;
    trn_separated_update(&s, 1, &place, 30);
    for (int64_t i = 0; i < L; i++)
        for (int64_t c = 0; c < R; c++) {
            double like = s.w[2 * R + c], column = s.h[c * L + 2]; /* of a landmark of that group */
            if (i != MOVED) assert_true(s.w[i * R + c] == w[i * R + c]);
            if (i != MOVED) assert_true(s.h[c * L + i] == h[c * L + i]);
            if (i == MOVED) assert_true(fabs(s.w[i * R + c] - like) < 1e-6 * (1 + like));
            if (i == MOVED) assert_true(fabs(s.h[c * L + i] - column) < 1e-6 * (1 + column));
        }
    trn_separated_free(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(nonnegative),
                                       cmocka_unit_test(biclustering), cmocka_unit_test(updated)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
