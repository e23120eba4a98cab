/* When a run saves and stops: time limits far away and near, measured saves, signals. */
#define _POSIX_C_SOURCE 200809L
#include "base/schedule.h"
#include "base/clock.h"
#include "base/signal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static void test_limit(void **state) {
    (void)state;
    double limit, now = trn_seconds();
    char text[32];
    assert_int_equal(trn_time_limit("none", &limit), TRN_OK);
    assert_true(limit == 0);
    assert_int_equal(trn_time_limit("1000", &limit), TRN_OK);
    assert_true(limit >= now + 60000 && limit < now + 61000);
    unsetenv("SLURM_JOB_END_TIME");
    assert_int_equal(trn_time_limit("auto", &limit), TRN_OK);
    assert_true(limit == 0);
    setenv("SLURM_JOB_END_TIME", "soon", 1);
    assert_int_equal(trn_time_limit("auto", &limit), TRN_OK);
    assert_true(limit == 0);
    snprintf(text, sizeof text, "%lld", (long long)time(NULL) + 60000);
    setenv("SLURM_JOB_END_TIME", text, 1);
    assert_int_equal(trn_time_limit("auto", &limit), TRN_OK);
    assert_true(limit > now + 59000 && limit < now + 61000);
    static const char *const bad[] = {"", "0", "-1", "1h", "inf", "nan", "automatic"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(trn_time_limit(bad[i], &limit), TRN_USAGE);
}

static void test_stop(void **state) {
    (void)state;
    trn_schedule_t s;
    trn_schedule_start(&s, 0, 0);
    assert_false(trn_schedule_stop(&s)); /* no limit at all */
    trn_schedule_start(&s, 0, trn_seconds() + 5);
    assert_true(trn_schedule_stop(&s)); /* within the margin */
    trn_schedule_start(&s, 0, trn_seconds() + 10000);
    assert_false(trn_schedule_stop(&s));
    s.untried = 10100; /* no save has been measured */
    assert_true(trn_schedule_stop(&s));
    trn_schedule_saved(&s, trn_seconds() - 1000); /* now one has */
    assert_false(trn_schedule_stop(&s));
    trn_schedule_saved(&s, trn_seconds() - 6000);
    assert_true(trn_schedule_stop(&s));
    trn_schedule_saved(&s, trn_seconds());
    assert_true(trn_schedule_stop(&s)); /* a quick one does not make us forget */
    trn_schedule_start(&s, 0, trn_seconds() + 10000);
    s.asked -= 6000; /* a long step */
    assert_true(trn_schedule_stop(&s));
    trn_schedule_start(&s, 0, 0);
    trn_signal_set_stop(1);
    assert_true(trn_schedule_stop(&s));
    trn_signal_set_stop(0);
}

static void test_save(void **state) {
    (void)state;
    trn_schedule_t s;
    trn_schedule_start(&s, 0, 0);
    s.saved -= 1e6;
    assert_false(trn_schedule_save(&s)); /* never */
    trn_schedule_start(&s, 100, 0);
    assert_false(trn_schedule_save(&s));
    s.saved -= 6001;
    assert_true(trn_schedule_save(&s));
    trn_schedule_saved(&s, trn_seconds());
    assert_false(trn_schedule_save(&s));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_save),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
