/* kern/dense/finite: the first number that is not finite, wherever it stands. */
#include "kern/dense/finite.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { N = 700 };

static void the_first_is_found(void **state) {
    (void)state;
    static float narrow[N];
    static double wide[N];
    const double bad[] = {NAN, INFINITY, -INFINITY, -NAN};
    for (int i = 0; i < N; i++) {
        narrow[i] = i % 3 == 0 ? FLT_MAX : i % 3 == 1 ? -1e-45F : (float)i;
        wide[i] = i % 3 == 0 ? -DBL_MAX : i % 3 == 1 ? 4.9e-324 : i;
    }
    for (int64_t n = 0; n <= N; n += 7) {
        assert_int_equal(trn_not_finite_f32(n, narrow), -1);
        assert_int_equal(trn_not_finite_f64(n, wide), -1);
    }
    for (int i = N - 1; i >= 0; i--) { /* each before all that came so far */
        narrow[i] = (float)bad[i % 4];
        wide[i] = bad[i % 4];
        assert_int_equal(trn_not_finite_f32(N, narrow), i);
        assert_int_equal(trn_not_finite_f64(N, wide), i);
        assert_int_equal(trn_not_finite_f32(i, narrow), -1);
        assert_int_equal(trn_not_finite_f64(i, wide), -1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_first_is_found)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
