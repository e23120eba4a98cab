/* text/lookup and Spearman's rank correlation against values worked out by hand. */
#include "algo/words/words_eval.h"
#include "base/mem.h"
#include "text/lookup.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static double spearman(int64_t n, const double *x, const double *y) {
    double rho = -2;
    assert_int_equal(trn_spearman(n, x, y, &rho), TRN_OK);
    return rho;
}

static void spearman_without_ties(void **state) {
    (void)state;
    /* d = 1 -1 1 -1 0: rho = 1 - 6 * 4 / (5 * 24) */
    const double x[] = {10, 20, 30, 40, 50}, y[] = {.2, .1, .4, .3, .9};
    assert_true(fabs(spearman(5, x, y) - 0.8) < 1e-15);
    const double down[] = {5, 4, 3, 2, 1};
    assert_true(fabs(spearman(5, x, down) - -1) < 1e-15);
    assert_true(fabs(spearman(5, x, x) - 1) < 1e-15);
}

static void spearman_with_ties(void **state) {
    (void)state;
    /* Ranks less 2.5: x -1.5 0 0 1.5, y -1 -1 .5 1.5; xy 3.75, xx 4.5, yy 4.5. */
    const double x[] = {1, 2, 2, 3}, y[] = {7, 7, 8, 9};
    assert_true(fabs(spearman(4, x, y) - 3.75 / 4.5) < 1e-15);
    /* Ranks less 3: x -1 -1 -1 1.5 1.5, y -2 -1 0 1 2; xy 7.5, xx 7.5, yy 10. */
    const double p[] = {0, 0, 0, 4, 4}, q[] = {1, 2, 3, 4, 5};
    assert_true(fabs(spearman(5, p, q) - 7.5 / sqrt(75)) < 1e-15);
}

static void spearman_undefined(void **state) {
    (void)state;
    const double x[] = {1, 1, 1}, y[] = {1, 2, 3};
    assert_true(isnan(spearman(3, x, y)));
    assert_true(isnan(spearman(1, y, y)));
    assert_true(isnan(spearman(0, y, y)));
}

static char *const words[] = {"The", "the", "\xc3\x84pfel", "b", "a", "THE", "bad\xff", "b"};

static void lookup_exact(void **state) {
    (void)state;
    trn_lookup_t *lookup;
    int64_t twice;
    assert_int_equal(trn_lookup_create(&lookup, 8, words, false, &twice), TRN_OK);
    assert_int_equal(twice, 7);
    assert_int_equal(trn_lookup_find(lookup, "the"), 1);
    assert_int_equal(trn_lookup_find(lookup, "THE"), 5);
    assert_int_equal(trn_lookup_find(lookup, "b"), 3);
    assert_int_equal(trn_lookup_find(lookup, "bad\xff"), 6);
    assert_int_equal(trn_lookup_find(lookup, "bad"), -1);
    assert_int_equal(trn_lookup_find(lookup, ""), -1);
    trn_lookup_destroy(&lookup);
    assert_null(lookup);
    trn_lookup_destroy(&lookup);
}

static void lookup_folded(void **state) {
    (void)state;
    trn_lookup_t *lookup;
    assert_int_equal(trn_lookup_create(&lookup, 8, words, true, NULL), TRN_OK);
    assert_int_equal(trn_lookup_find(lookup, "tHe"), 0); /* the first occurrence */
    assert_int_equal(trn_lookup_find(lookup, "\xc3\xa4PFEL"), 2);
    assert_int_equal(trn_lookup_find(lookup, "apfel"), -1);
    trn_lookup_destroy(&lookup);
    assert_int_equal(trn_lookup_create(&lookup, 0, words, true, NULL), TRN_OK);
    assert_int_equal(trn_lookup_find(lookup, "the"), -1);
    trn_lookup_destroy(&lookup);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spearman_without_ties), cmocka_unit_test(spearman_with_ties),
        cmocka_unit_test(spearman_undefined),    cmocka_unit_test(lookup_exact),
        cmocka_unit_test(lookup_folded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
