/* Angles by our own series against the mathematical library, over many turns; NaN. */
#include "kern/train/complex.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { HALF = 1003 };

static void test_angles(void **state) {
    (void)state;
    float phase[HALF], to[2 * HALF];
    for (int turns = 1; turns <= 100; turns *= 10) {
        for (int k = 0; k < HALF; k++)
            phase[k] = 3.14159265f * (float)turns * ((float)k * 2 / (HALF - 1) - 1);
        phase[1] = nanf("");
        trn_complex_kernels()->angles(HALF, phase, to);
        for (int k = 0; k < HALF; k++) {
            if (k == 1) {
                assert_true(isnan(to[k]) && isnan(to[HALF + k]));
                continue;
            }
            double near = 2e-7 * (1 + 0.5 * fabs((double)phase[k])); /* as float32 knows phases */
            assert_true(fabs((double)to[k] - cos((double)phase[k])) < near);
            assert_true(fabs((double)to[HALF + k] - sin((double)phase[k])) < near);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_angles)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
