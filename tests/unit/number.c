/* text/number: every number as strtod reads it, bit for bit, and what is none refused. */
#include "text/number.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t state = 1;

static uint64_t draw(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void same_float(const char *text) {
    float got = 7, wanted;
    char *wanted_end;
    wanted = strtof(text, &wanted_end);
    const char *end = trn_number_float(text, &got);
    if (end != wanted_end) fail_msg("'%s': ends at '%s'", text, end ? end : "nowhere");
    if (memcmp(&got, &wanted, sizeof got) != 0)
        fail_msg("'%s' is %a, strtof says %a", text, (double)got, (double)wanted);
}

static void same(const char *text) {
    same_float(text);
    double got = 7, wanted;
    char *wanted_end;
    wanted = strtod(text, &wanted_end);
    const char *end = trn_number_real(text, &got);
    if (end != wanted_end) fail_msg("'%s': ends at '%s'", text, end ? end : "nowhere");
    if (memcmp(&got, &wanted, sizeof got) != 0)
        fail_msg("'%s' is %a, strtod says %a", text, got, wanted);
}

static void like_strtod(void **unused) {
    (void)unused;
    static const char *const texts[] = {"0",
                                        "-0",
                                        "+0.0",
                                        "1",
                                        "-1",
                                        "+1",
                                        ".5",
                                        "5.",
                                        "-.5e1",
                                        "1e5",
                                        "1E+5",
                                        "1e-5",
                                        "1e",
                                        "1e+",
                                        "1.5x",
                                        "1..2",
                                        "1.2.3",
                                        "9007199254740993",
                                        "9007199254740992.5",
                                        "9007199254740993e1",
                                        "18446744073709551615",
                                        "18446744073709551616",
                                        "99999999999999999999",
                                        "1e22",
                                        "1e23",
                                        "1e27",
                                        "1e28",
                                        "1e-27",
                                        "1e-28",
                                        "9999999999999999999e27",
                                        "1e400",
                                        "-1e400",
                                        "1e-400",
                                        "4.9e-324",
                                        "2.4e-324",
                                        "2.2250738585072011e-308",
                                        "1.7976931348623157e308",
                                        "1.7976931348623159e308",
                                        "0.000000000000000000000000000000000000000000000001",
                                        "100000000000000000000000000000000000",
                                        "00000000000000000000000000000000001.5",
                                        "1e99999999999999999999",
                                        "1e-99999999999999999999",
                                        "0e99999999999999999999",
                                        "3.4028234663852886e38",
                                        "1.00000000000000011102230246251565404236316680908203125",
                                        "1.00000000000000011102230246251565404236316680908203124",
                                        "inf",
                                        "-Inf",
                                        "INFINITY",
                                        "infinit",
                                        "123 456",
                                        "7e2e2",
                                        "12,5"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        same(texts[i]);
}

/* Numbers of all sizes and lengths, among them what %.17g and %.9g write. */
static void random_numbers(void **unused) {
    (void)unused;
    static const char *const formats[] = {"%.17g", "%.9g", "%.16e", "%.3f", "%.19g", "%.22g", "%g"};
    char text[400];
    for (int i = 0; i < 300000; i++) {
        uint64_t bits = draw();
        double value;
        memcpy(&value, &bits, sizeof value);
        if (i % 2) value = ldexp((double)(int64_t)bits, (int)(draw() % 120) - 110);
        if (!isfinite(value)) continue;
        snprintf(text, sizeof text, formats[i % 7], value);
        same(text);
    }
    for (int i = 0; i < 300000; i++) { /* digits and exponent of the fast way */
        snprintf(text, sizeof text, "%llue%d",
                 (unsigned long long)(draw() % 10000000000000000000u >> draw() % 60),
                 (int)(draw() % 55) - 27);
        same(text);
    }
}

/* Decimals that lie exactly between two float64, and a little beside. */
static void halves(void **unused) {
    (void)unused;
    char text[64];
    for (int i = 0; i < 100000; i++) {
        unsigned long long odd = 2 * (draw() >> 11 | 1ull << 52) + 1; /* 54 bits: a half */
        for (int step = -1; step <= 1; step++) {
            snprintf(text, sizeof text, "%llu", odd + (unsigned long long)step);
            same(text);
            snprintf(text, sizeof text, "%llu.5e-1", odd / 10);
            same(text);
        }
        /* (n + 1/2) / 2^k with few digits: n 5^k / 10^k */
        snprintf(text, sizeof text, "%llue-1", odd % (1ull << 53) * 5);
        same(text);
    }
}

/* Decimals exactly between two float32, and so near to it that a float64 cannot tell. */
static void float_halves(void **unused) {
    (void)unused;
    char text[400], more[420];
    for (int i = 0; i < 100000; i++) {
        float below;
        uint32_t bits = (uint32_t)draw() & 0x7fffffff;
        memcpy(&below, &bits, sizeof below);
        if (!isfinite(below)) continue;
        double half = ((double)below + (double)nextafterf(below, INFINITY)) / 2;
        if (!isfinite(half)) half = 0x1.ffffffp127;  /* rounds to infinity */
        snprintf(text, sizeof text, "%.160e", half); /* all its digits */
        same_float(text);
        char *power = strchr(text, 'e');
        snprintf(more, sizeof more, "%.*s1%s", (int)(power - text), text, power);
        same_float(more);
        snprintf(text, sizeof text, "%.9g", (double)below);
        same_float(text);
    }
}

static void not_numbers(void **unused) {
    (void)unused;
    static const char *const texts[] = {"",   "-",   "+",   ".",  "e5", "x",
                                        " 1", "--1", "-+1", "in", "na"};
    double real;
    float narrow;
    int64_t whole;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_null(trn_number_real(texts[i], &real));
        assert_null(trn_number_float(texts[i], &narrow));
        assert_null(trn_number_whole(texts[i], &whole));
    }
    const char *hex = "0x10";
    assert_ptr_equal(trn_number_real(hex, &real), hex + 1); /* unlike strtod */
    assert_non_null(trn_number_real("NaN", &real));
    assert_true(isnan(real));
}

static void whole_numbers(void **unused) {
    (void)unused;
    static const struct {
        const char *text;
        int64_t value;
        char next;
    } cases[] = {{"0", 0, 0},
                 {"-17 ", -17, ' '},
                 {"+5.5", 5, '.'},
                 {"9223372036854775807", INT64_MAX, 0},
                 {"9223372036854775808", INT64_MAX, 0},
                 {"99999999999999999999999", INT64_MAX, 0},
                 {"-99999999999999999999999", -INT64_MAX, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t value;
        const char *end = trn_number_whole(cases[i].text, &value);
        assert_non_null(end);
        assert_true(value == cases[i].value);
        assert_int_equal(*end, cases[i].next);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(like_strtod), cmocka_unit_test(random_numbers),
        cmocka_unit_test(halves),      cmocka_unit_test(float_halves),
        cmocka_unit_test(not_numbers), cmocka_unit_test(whole_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
