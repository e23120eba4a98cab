/* Suggestions for mistyped names: near ones only, the nearest first. */
#include "base/nearest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char *nearest(const char *typed) {
    static const char *const names[] = {"seed", "epochs", "row-weight", "row-weights", "dim", "k"};
    trn_nearest_t best = {0};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        trn_nearest_try(&best, typed, names[i]);
    return best.name;
}

static void test_near(void **state) {
    (void)state;
    assert_string_equal(nearest("sede"), "seed");     /* swapped */
    assert_string_equal(nearest("epoch"), "epochs");  /* one missing */
    assert_string_equal(nearest("ephocs"), "epochs"); /* swapped and changed */
    assert_string_equal(nearest("row-weigths"), "row-weights");
    assert_string_equal(nearest("row"), "row-weight"); /* a start; the shorter name */
    assert_string_equal(nearest("dmi"), "dim");
}

static void test_far(void **state) {
    (void)state;
    assert_null(nearest(""));
    assert_null(nearest("window"));
    assert_null(nearest("eed-of-them"));
    char longest[200];
    memset(longest, 'e', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_null(nearest(longest));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_near), cmocka_unit_test(test_far)};
    return cmocka_run_group_tests_name("nearest", tests, NULL, NULL);
}
