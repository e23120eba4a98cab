/* algo/cluster/hashed: codes of signs and sums of table rows, figures of a float64 reference
 * (NumPy). */
#include "algo/cluster/hashed.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { PARTS = 4, WIDTH = 2, CODES = 4, COLS = 3 };

static double row_number(int64_t i, int64_t j) {
    return (double)((2654435761 * i + 40503 * j + 97 * 19 + 69069 * i * j) % 65537) / 65537 - 0.5;
}

static double table_number(int64_t i, int64_t j) {
    return (double)((7919 * i + 104729 * j + 15485863 * 18) % 1009) / 1009 - 0.5;
}

static void reference(void **state) {
    (void)state;
    static const int codes[3][PARTS] = {{2, 2, 1, 1}, {3, 2, 1, 3}, {1, 2, 1, 2}};
    static const double wanted[3][COLS] = {
        {0.2556987115956392, -0.5649157581764122, 0.6144697720515362},
        {0.800792864222002, -0.019821605550049415, 0.15956392467789882},
        {-0.7443012884043607, 0.43508424182358774, 0.6144697720515362}};
    double table[PARTS * CODES * COLS], y[COLS];
    for (int64_t i = 0; i < PARTS * CODES * COLS; i++)
        table[i] = table_number(i / COLS, i % COLS);
    for (int64_t i = 0; i < 3; i++) {
        double x[PARTS * WIDTH];
        float narrow[PARTS * WIDTH];
        int32_t code[PARTS], same;
        for (int64_t j = 0; j < PARTS * WIDTH; j++)
            narrow[j] = (float)(x[j] = row_number(i, j));
        for (int64_t p = 0; p < PARTS; p++) {
            trn_hashed_codes((trn_view_t){TRN_F64, 1, WIDTH, WIDTH, x + p * WIDTH}, &code[p]);
            trn_hashed_codes((trn_view_t){TRN_F32, 1, WIDTH, WIDTH, narrow + p * WIDTH}, &same);
            assert_int_equal(code[p], codes[i][p]);
            assert_int_equal(same, codes[i][p]);
        }
        trn_hashed_sum(PARTS, CODES, COLS, table, code, y);
        for (int64_t j = 0; j < COLS; j++)
            assert_true(fabs(y[j] - wanted[i][j]) <= 1e-14);
    }
}

static void zeros(void **state) {
    (void)state;
    double x[3] = {0, -0.0, 1e-300};
    int32_t code;
    trn_hashed_codes((trn_view_t){TRN_F64, 1, 3, 3, x}, &code);
    assert_int_equal(code, 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(reference), cmocka_unit_test(zeros)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
