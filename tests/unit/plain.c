/* Text as a terminal may show it. */
#include "base/plain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void shows(const char *text, const char *wanted) {
    char to[64];
    assert_int_equal(trn_plain(to, sizeof to, text), strlen(wanted));
    assert_string_equal(to, wanted);
}

static void test_controls(void **state) {
    (void)state;
    shows("plain \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
          "plain \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
    shows("\x1b[31m\a", "\\x1b[31m\\x07");
    shows("two\nlines\tapart\x7f", "two\\nlines\\tapart\\x7f");
    shows("\xc2\x9b"
          "2J \xc2\x80 \xc2\x9f \xc2\xa0",
          "\\u009b2J \\u0080 \\u009f \xc2\xa0");
}

/* A byte alone is a C1 control to a terminal that reads Latin-1. */
static void test_invalid(void **state) {
    (void)state;
    shows("a\x9b\xff\xc3", "a\\x9b\\xff\\xc3");
    shows("\xed\xa0\x80", "\\xed\\xa0\\x80"); /* a surrogate */
    char to[64];
    trn_plain_bytes(to, sizeof to, "r\xff\x1b\xc2\x9b.h5");
    assert_string_equal(to, "r\\xff\x1b\xc2\x9b.h5"); /* no terminal's affair */
}

/* Never in the middle of a character or of an escape. */
static void test_cut(void **state) {
    (void)state;
    char to[6];
    assert_int_equal(trn_plain(to, sizeof to, "abc\x1b"), 3);
    assert_string_equal(to, "abc");
    assert_int_equal(trn_plain(to, sizeof to, "abcd\xc3\xa9"), 4);
    assert_string_equal(to, "abcd");
    assert_int_equal(trn_plain(to, sizeof to, "abcde"), 5);
    assert_int_equal(trn_plain(to, sizeof to, "abcdef"), 5);
    assert_int_equal(trn_plain(NULL, 0, "abc"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_controls),
        cmocka_unit_test(test_invalid),
        cmocka_unit_test(test_cut),
    };
    return cmocka_run_group_tests_name("plain", tests, NULL, NULL);
}
