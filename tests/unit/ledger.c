/* What a plan adds up: the fullest moment, and what it was made of (base/ledger.h). */
#include "base/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static int64_t then(const trn_ledger_t *ledger, int part) {
    return ledger->part[part].then;
}

static void most_is_held_at_one_time(void **state) {
    (void)state;
    trn_ledger_t ledger = {0};
    trn_ledger_take(&ledger, "matrix", 10, 8);
    trn_ledger_pass(&ledger, "work", 5, 4);
    assert_int_equal(ledger.now, 80);
    assert_int_equal(ledger.most, 100);
    trn_ledger_give(&ledger, "matrix", 10, 8);
    trn_ledger_take(&ledger, "work", 90, 1); /* less than before */
    assert_int_equal(ledger.now, 90);
    assert_int_equal(ledger.most, 100);
    assert_int_equal(ledger.parts, 2);
    assert_int_equal(then(&ledger, 0), 80);
    assert_int_equal(then(&ledger, 1), 20);
    trn_ledger_take(&ledger, "work", 11, 1);
    assert_int_equal(ledger.most, 101);
    assert_int_equal(then(&ledger, 0), 0);
    assert_int_equal(then(&ledger, 1), 101);
}

static void back_frees_what_came_since(void **state) {
    (void)state;
    trn_ledger_t ledger = {0}, before;
    trn_ledger_take(&ledger, "matrix", 1, 100);
    before = ledger;
    trn_ledger_take(&ledger, "work", 1, 50);
    trn_ledger_take(&ledger, "matrix", 1, 7);
    trn_ledger_back(&ledger, &before);
    assert_int_equal(ledger.now, 100);
    assert_int_equal(ledger.most, 157);
    trn_ledger_take(&ledger, "matrix", 1, 58);
    assert_int_equal(ledger.most, 158);
    assert_int_equal(then(&ledger, 0), 158);
    assert_int_equal(then(&ledger, 1), 0);
}

static void sums_stop_at_the_largest_number(void **state) {
    (void)state;
    trn_ledger_t ledger = {0};
    trn_ledger_take(&ledger, "matrix", INT64_MAX / 2, 8);
    assert_int_equal(ledger.most, INT64_MAX);
    trn_ledger_take(&ledger, "work", 1, 8);
    assert_int_equal(ledger.most, INT64_MAX);
    assert_int_equal(trn_ledger_bytes(-3, 8), 0);
}

static void names_beyond_the_last_share_it(void **state) {
    (void)state;
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h",
                                        "i", "j", "k", "l", "m", "n", "o", "p"};
    trn_ledger_t ledger = {0};
    for (int i = 0; i < 16; i++)
        trn_ledger_take(&ledger, names[i], 1, 1);
    assert_int_equal(ledger.parts, TRN_LEDGER_PARTS);
    assert_int_equal(ledger.most, 16);
    int64_t sum = 0;
    for (int i = 0; i < ledger.parts; i++)
        sum += then(&ledger, i);
    assert_int_equal(sum, 16);
    for (int i = 0; i < 16; i++)
        trn_ledger_give(&ledger, names[i], 1, 1);
    assert_int_equal(ledger.now, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(most_is_held_at_one_time),
        cmocka_unit_test(back_frees_what_came_since),
        cmocka_unit_test(names_beyond_the_last_share_it),
        cmocka_unit_test(sums_stop_at_the_largest_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
