/* Messages: kept, cut, per thread, and safe to build upon themselves. */
#include "base/status.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_message(void **state) {
    (void)state;
    assert_int_equal(trn_fail(TRN_INPUT, "%s:%d: %s", "a.txt", 3, "bad"), TRN_INPUT);
    assert_string_equal(trn_message(), "a.txt:3: bad");
    trn_fail(TRN_IO, "again: %s", trn_message());
    assert_string_equal(trn_message(), "again: a.txt:3: bad");
}

static void test_one_line(void **state) {
    (void)state;
    trn_fail(TRN_INPUT, "the word '%s'", "a\n\x1b[31mb\t\x7f\xc3\xa9");
    assert_string_equal(trn_message(), "the word 'a\\n\\x1b[31mb\\t\\x7f\xc3\xa9'");
}

static void test_cut(void **state) {
    (void)state;
    char text[3000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    trn_fail(TRN_IO, "%s", text);
    assert_int_equal(strlen(trn_message()), 1023);
}

static void test_rank(void **state) {
    (void)state;
    trn_message_set_rank(5);
    assert_int_equal(trn_message_rank(), 5);
    trn_fail(TRN_IO, "x"); /* a new failure is nobody's yet */
    assert_int_equal(trn_message_rank(), -1);
}

static void *fail_elsewhere(void *unused) {
    (void)unused;
    trn_fail(TRN_MEMORY, "other thread");
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    pthread_t thread;
    trn_fail(TRN_IO, "mine");
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, NULL), 0);
    pthread_join(thread, NULL);
    assert_string_equal(trn_message(), "mine");
}

static trn_status_t try_twice(trn_status_t first, int *reached) {
    TRN_TRY(first);
    *reached = 1;
    return TRN_OK;
}

static void test_try(void **state) {
    (void)state;
    int reached = 0;
    assert_int_equal(try_twice(TRN_NUMERIC, &reached), TRN_NUMERIC);
    assert_int_equal(reached, 0);
    assert_int_equal(try_twice(TRN_OK, &reached), TRN_OK);
    assert_int_equal(reached, 1);
}

static void test_names(void **state) {
    (void)state;
    assert_string_equal(trn_status_name(TRN_INPUT), "bad input");
    assert_string_equal(trn_status_name(TRN_STOPPED), "stopped");
    assert_string_equal(trn_status_name((trn_status_t)99), "unknown");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message), cmocka_unit_test(test_one_line), cmocka_unit_test(test_cut),
        cmocka_unit_test(test_rank),    cmocka_unit_test(test_threads),  cmocka_unit_test(test_try),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
