/* kern/rows: sums of rows against sums one by one, in every instruction set's order the same bits.
 */
#include "kern/train/rows.h"
#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { WIDTH = 150, ROWS = 40 };

static void sums_in_order(void **state) {
    (void)state;
    static float values[ROWS][WIDTH], sum[WIDTH];
    static const int64_t widths[] = {1, 31, 32, 33, 64, WIDTH}, counts[] = {0, 1, 7, ROWS};
    const float *row[ROWS];
    for (int i = 0; i < ROWS; i++) {
        int from = i * 7 % ROWS; /* anywhere, some twice */
        trn_rng_normal_row(9, (uint64_t)i, 0, TRN_RNG_TEST, 1, WIDTH, values[i]);
        row[i] = values[from - from % 3];
    }
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            trn_rows_sum(widths[w], counts[c], row, sum);
            for (int64_t j = 0; j < widths[w]; j++) {
                float plain = 0;
                for (int64_t i = 0; i < counts[c]; i++)
                    plain += row[i][j];
                assert_true(plain == sum[j]);
            }
        }
}

static void adds(void **state) {
    (void)state;
    float from[WIDTH], to[WIDTH], before[WIDTH];
    trn_rng_normal_row(9, 1, 0, TRN_RNG_TEST, 1, WIDTH, from);
    trn_rng_normal_row(9, 2, 0, TRN_RNG_TEST, 1, WIDTH, to);
    memcpy(before, to, sizeof to);
    trn_rows_add(WIDTH - 1, from, to);
    for (int j = 0; j < WIDTH - 1; j++)
        assert_true(to[j] == before[j] + from[j]);
    assert_true(to[WIDTH - 1] == before[WIDTH - 1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_in_order),
        cmocka_unit_test(adds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
