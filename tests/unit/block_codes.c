/* algo/cluster/block_codes: figures of a float64 reference (NumPy), bounds, and what comes back
 * exactly. */
#include "algo/cluster/block_codes.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 500, COLS = 6 };

static double sample(int64_t i, int64_t j) {
    return (double)((2654435761 * i + 40503 * j + 97 * 7 + 69069 * i * j) % 65537) / 65537 - 0.5;
}

/* Squared error and largest error of the sample, and the sum of its codes. */
static void reference(int bits, bool power, double squares, double most, int64_t sum) {
    trn_block_form_t form = {COLS, 4, bits, power, TRN_F64};
    double got = 0, largest = 0, x[COLS], y[COLS], scale[2];
    int64_t codes = 0;
    signed char code[COLS];
    trn_block_form_t wide = form; /* codes by name: scales of 1 */
    for (int64_t i = 0; i < ROWS; i++) {
        for (int64_t j = 0; j < COLS; j++)
            x[j] = sample(i, j);
        assert_true(trn_block_encode(&form, x, scale, code));
        trn_block_decode(&form, scale, code, y);
        for (int64_t j = 0; j < COLS; j++) {
            got += (x[j] - y[j]) * (x[j] - y[j]);
            largest = fmax(largest, fabs(x[j] - y[j]));
            double step = power ? ldexp(1, ((signed char *)scale)[j / 4]) : scale[j / 4];
            assert_true(fabs(x[j] - y[j]) <= step / 2 * (1 + 1e-12));
        }
        const double ones[2] = {1, 1};
        wide.power = false;
        trn_block_decode(&wide, ones, code, y);
        for (int64_t j = 0; j < COLS; j++)
            codes += (int64_t)y[j];
    }
    assert_true(fabs(got - squares) <= 1e-12 * squares);
    assert_true(fabs(largest - most) <= 1e-12 * most);
    assert_int_equal(codes, sum);
}

static void references(void **state) {
    (void)state;
    reference(8, false, 0.0016468448315105659, 0.0019261223959681911, -4068);
    reference(8, true, 0.0036693764014774583, 0.0039061903962647193, -3296);
    reference(4, false, 0.5460145198904133, 0.03547614324732595, -247);
    reference(4, true, 1.9905077149034227, 0.06242275355905824, -188);
}

/* Whole numbers up to 127 (7), zeros, one column, powers of two; the low half comes first. */
static void exact(void **state) {
    (void)state;
    const double x[5] = {127, -3, 0, 64, -127}, small[5] = {7, -3, 0, 5, -7}, zeros[5] = {0};
    double y[5];
    float scale[5];
    unsigned char code[5];
    trn_block_form_t form = {5, 5, 8, false, TRN_F32};
    assert_int_equal(trn_block_scales(&form), 1);
    assert_int_equal(trn_block_bytes(&form), 5);
    assert_true(trn_block_encode(&form, x, scale, code));
    trn_block_decode(&form, scale, code, y);
    assert_memory_equal(x, y, sizeof x);
    form.bits = 4;
    assert_int_equal(trn_block_bytes(&form), 3);
    assert_true(trn_block_encode(&form, small, scale, code));
    assert_int_equal(code[0], 7 | 13 << 4);
    trn_block_decode(&form, scale, code, y);
    assert_memory_equal(small, y, sizeof small);
    for (int power = 0; power < 2; power++) {
        form.power = power;
        assert_true(trn_block_encode(&form, zeros, scale, code));
        trn_block_decode(&form, scale, code, y);
        assert_memory_equal(zeros, y, sizeof zeros);
    }
    const double eight = 8 * 127;
    form = (trn_block_form_t){1, 64, 8, true, TRN_F32};
    assert_true(trn_block_encode(&form, &eight, scale, code));
    assert_int_equal(((signed char *)scale)[0], 3); /* a power of two is its own scale */
    trn_block_decode(&form, scale, code, y);
    assert_true(y[0] == eight);
}

/* Numbers at the ends of what scales hold. */
static void extremes(void **state) {
    (void)state;
    const double large = 1e300, small = 1e-300;
    double scale[1], y;
    signed char code;
    trn_block_form_t form = {1, 1, 8, false, TRN_F32};
    assert_false(trn_block_encode(&form, &large, scale, &code));
    assert_true(trn_block_encode(&form, &small, scale, &code)); /* a scale of 0 */
    trn_block_decode(&form, scale, &code, &y);
    assert_true(y == 0);
    form.power = true;
    assert_false(trn_block_encode(&form, &large, scale, &code));
    assert_true(trn_block_encode(&form, &small, scale, &code));
    trn_block_decode(&form, scale, &code, &y);
    assert_true(y == 0);
    form = (trn_block_form_t){1, 1, 8, false, TRN_F64};
    assert_true(trn_block_encode(&form, &large, scale, &code));
    trn_block_decode(&form, scale, &code, &y);
    assert_true(fabs(y - large) <= 1e-12 * large);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(references), cmocka_unit_test(exact),
                                       cmocka_unit_test(extremes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
