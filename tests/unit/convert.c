/* kern/dense/convert: against slow, obvious rules for all 16-bit floats, and at the edges of every
 * type of whole numbers. */
#include "kern/dense/convert.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The value of a 16-bit float by its definition. */
static double small_value(uint16_t bits, int fraction) {
    int exponent_bits = 15 - fraction, bias = (1 << (exponent_bits - 1)) - 1;
    int exponent = bits >> fraction & ((1 << exponent_bits) - 1);
    int mantissa = bits & ((1 << fraction) - 1);
    double size = exponent == (1 << exponent_bits) - 1 ? (mantissa ? NAN : INFINITY)
                  : exponent == 0                      ? ldexp(mantissa, 1 - bias - fraction)
                                  : ldexp(mantissa + (1 << fraction), exponent - bias - fraction);
    return bits >> 15 ? -size : size;
}

static uint16_t to_small(double value, int fraction) {
    return fraction == 10 ? trn_half_of(value) : trn_bfloat_of(value);
}

/* Every number comes back; between two neighbors the nearer wins, halfway the even one. */
static void rounds_to_nearest(void **state) {
    (void)state;
    for (int fraction = 7; fraction <= 10; fraction += 3) {
        uint16_t infinite = (uint16_t)(((1 << (15 - fraction)) - 1) << fraction);
        for (int bits = 0; bits <= 0xffff; bits++) {
            double value = small_value((uint16_t)bits, fraction);
            if (isnan(value)) {
                assert_true(isnan(small_value(to_small(value, fraction), fraction)));
                continue;
            }
            assert_int_equal(to_small(value, fraction), bits);
            if (fraction == 10) assert_true(trn_half_to((uint16_t)bits) == value);
            if ((bits & 0x7fff) >= infinite) continue;
            bool last = (bits & 0x7fff) == infinite - 1;
            double next = last ? value * 2 - small_value((uint16_t)(bits - 1), fraction)
                               : small_value((uint16_t)(bits + 1), fraction);
            double middle = value + (next - value) / 2;
            assert_int_equal(to_small(middle, fraction), (bits & 1) ? bits + 1 : bits);
            assert_int_equal(to_small(nextafter(middle, 0), fraction), bits);
            assert_int_equal(to_small(nextafter(middle, middle * 2), fraction), bits + 1);
        }
        assert_int_equal(to_small(1e300, fraction), infinite);
        assert_int_equal(to_small(-1e-300, fraction), 0x8000);
        assert_int_equal(to_small(NAN, fraction) & infinite, infinite);
    }
}

static trn_misfit_t convert(trn_dtype_t from, const void *in, trn_dtype_t to, void *out,
                            int64_t count) {
    trn_misfit_t misfit = {0};
    trn_convert((trn_numbers_t){from, false, (void *)in, 1}, (trn_numbers_t){to, false, out, 1},
                count, 100, &misfit);
    return misfit;
}

static void counts_whole_numbers_that_floats_lack(void **state) {
    (void)state;
    static const int64_t in[] = {0,
                                 -1,
                                 1 << 24,
                                 (1 << 24) + 1,
                                 -(1 << 24) - 2,
                                 INT64_C(1) << 53,
                                 (INT64_C(1) << 53) + 1,
                                 INT64_MIN,
                                 INT64_MAX};
    double wide[9];
    float narrow[9];
    trn_misfit_t misfit = convert(TRN_I64, in, TRN_F64, wide, 9);
    assert_int_equal(misfit.count, 2);
    assert_int_equal(misfit.first, 106);
    assert_true(misfit.value == 0x1p53);
    assert_true(wide[7] == -0x1p63 && wide[5] == 0x1p53 && wide[4] == -16777218);
    misfit = convert(TRN_I64, in, TRN_F32, narrow, 9);
    assert_int_equal(misfit.count, 3);
    assert_int_equal(misfit.first, 103);
    /* One rounding: by way of float64 this number would become 2^60. */
    static const int64_t once[] = {(INT64_C(1) << 60) + (INT64_C(1) << 36) + 1};
    misfit = convert(TRN_I64, once, TRN_F32, narrow, 1);
    assert_true(narrow[0] == 0x1.000002p60f && misfit.count == 1);
    static const uint64_t natural[] = {UINT64_MAX, UINT64_C(1) << 63};
    misfit = convert(TRN_U64, natural, TRN_F64, wide, 2);
    assert_true(wide[0] == 0x1p64 && wide[1] == 0x1p63 && misfit.count == 1);
    static const uint32_t large[] = {2049, 2048, 70000};
    uint16_t half[3];
    misfit = convert(TRN_U32, large, TRN_F16, half, 3);
    assert_true(misfit.count == 2 && half[1] == 0x6800 && half[2] == 0x7c00);
}

static void counts_what_whole_types_lack(void **state) {
    (void)state;
    static const double in[] = {-128, 127, 127.5, -129, NAN, INFINITY, 0.5, -0.0};
    int8_t small[8];
    trn_misfit_t misfit = convert(TRN_F64, in, TRN_I8, small, 8);
    static const int8_t wanted[] = {-128, 127, 127, -128, 0, 127, 0, 0};
    assert_memory_equal(small, wanted, 8);
    assert_int_equal(misfit.count, 5);
    assert_int_equal(misfit.first, 102);
    static const double edge[] = {0x1p63, -0x1p63, 0x1p64, -1, 0x1.fffffffffffffp62};
    int64_t whole[5];
    misfit = convert(TRN_F64, edge, TRN_I64, whole, 5);
    assert_true(whole[0] == INT64_MAX && whole[1] == INT64_MIN && whole[4] == (int64_t)edge[4]);
    assert_int_equal(misfit.count, 2);
    uint64_t natural[5];
    misfit = convert(TRN_F64, edge, TRN_U64, natural, 5);
    assert_true(natural[0] == UINT64_C(1) << 63 && natural[1] == 0 && natural[2] == UINT64_MAX);
    assert_int_equal(misfit.count, 3);
    static const int64_t between[] = {-1, 255, 256, INT64_MIN};
    uint8_t bytes[4];
    misfit = convert(TRN_I64, between, TRN_U8, bytes, 4);
    assert_true(misfit.count == 3 && bytes[0] == 0 && bytes[1] == 255 && bytes[2] == 255);
    static const uint64_t unsign[] = {UINT64_MAX, INT64_MAX};
    misfit = convert(TRN_U64, unsign, TRN_I64, whole, 2);
    assert_true(misfit.count == 1 && whole[0] == INT64_MAX && whole[1] == INT64_MAX);
}

static void counts_what_becomes_infinite(void **state) {
    (void)state;
    static const double in[] = {INFINITY, 3.4028235677973366e38, 3.4028235677973362e38, -1e39, NAN};
    float out[5];
    trn_misfit_t misfit = convert(TRN_F64, in, TRN_F32, out, 5);
    assert_true(misfit.count == 2 && misfit.first == 101 && misfit.value == in[1]);
    assert_true(isinf(out[1]) && out[2] == 0x1.fffffep127f && isinf(out[3]) && isnan(out[4]));
    misfit = convert(TRN_F64, (double[]){65519.99, 65520}, TRN_F16, out, 2);
    assert_true(misfit.count == 1 && misfit.first == 101);
}

/* Every pair of types, swapped and with gaps, more numbers than a run: as one at a time. */
static void takes_any_layout(void **state) {
    (void)state;
    enum { COUNT = 1300 };
    static unsigned char in[2 * COUNT * 8], turned[2 * COUNT * 8], a[3 * COUNT * 8], b[8];
    for (trn_dtype_t from = 0; from < TRN_NUMBER_TYPES; from++)
        for (trn_dtype_t to = 0; to < TRN_BOOL; to++) {
            int64_t size = trn_dtype_size(from), out = trn_dtype_size(to);
            for (int64_t i = 0; i < 2 * COUNT * size; i++)
                in[i] = (unsigned char)(i * 37 + i / 251);
            for (int64_t i = 0; i < 2 * COUNT * size; i++)
                turned[i] = in[i / size * size + size - 1 - i % size];
            trn_misfit_t misfit = {0}, sum = {0};
            trn_convert((trn_numbers_t){from, true, turned, 2}, (trn_numbers_t){to, false, a, 3},
                        COUNT, 0, &misfit);
            for (int64_t i = 0; i < COUNT; i++) {
                trn_convert((trn_numbers_t){from, false, in + 2 * i * size, 1},
                            (trn_numbers_t){to, false, b, 1}, 1, i, &sum);
                if (from != to) assert_memory_equal(a + 3 * i * out, b, (size_t)out);
            }
            assert_int_equal(misfit.count, sum.count);
            assert_int_equal(misfit.first, sum.first);
        }
}

static void names_types(void **state) {
    (void)state;
    for (trn_dtype_t type = 0; type < TRN_NUMBER_TYPES; type++) {
        assert_int_equal(trn_dtype_named(trn_dtype_short(type)), type);
        assert_true(trn_dtype_size(type) > 0);
    }
    assert_int_equal(trn_dtype_named("f128"), TRN_OTHER);
    assert_string_equal(trn_dtype_name(TRN_U32), "uint32");
    assert_true(trn_dtype_whole(TRN_BOOL) && !trn_dtype_signed(TRN_U8) && trn_dtype_signed(TRN_I8));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_to_nearest),
        cmocka_unit_test(counts_whole_numbers_that_floats_lack),
        cmocka_unit_test(counts_what_whole_types_lack),
        cmocka_unit_test(counts_what_becomes_infinite),
        cmocka_unit_test(takes_any_layout),
        cmocka_unit_test(names_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
