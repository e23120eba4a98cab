/* What a signal does to a process, seen from its parent: ended at once and without its unfinished
 * file, or asked to save, and what a second one does then. */
#define _GNU_SOURCE
#include "base/signal.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char whole[] = "/tmp/trunnion-signal-XXXXXX", half[] = "/tmp/trunnion-signal-XXXXXX";

static void pause_ms(long ms) {
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

/* Send itself the signals, `ms` apart; exits with 100 + the wish to stop if it survives. */
static int child(bool saves, int first, int second, long ms) {
    int status;
    pid_t process = fork();
    if (process == 0) {
        trn_signal_install(saves);
        trn_signal_guard(whole, -1);
        trn_signal_guard(half, -1);
        trn_signal_release(whole);
        raise(first);
        pause_ms(ms);
        if (second) raise(second);
        _exit(100 + trn_signal_stop());
    }
    waitpid(process, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static void make_files(void) {
    snprintf(whole, sizeof whole, "/tmp/trunnion-signal-XXXXXX");
    snprintf(half, sizeof half, "/tmp/trunnion-signal-XXXXXX");
    close(mkstemp(whole));
    close(mkstemp(half));
}

static void expect(bool saves, int first, int second, long ms, int end) {
    make_files();
    assert_int_equal(child(saves, first, second, ms), end);
    assert_int_equal(access(whole, F_OK), 0);
    assert_int_equal(access(half, F_OK), end < 100 ? -1 : 0); /* gone with the process */
    unlink(whole);
    unlink(half);
}

static void test_nothing_to_save(void **state) {
    (void)state;
    expect(false, SIGTERM, 0, 0, SIGTERM);
    expect(false, SIGINT, 0, 0, SIGINT);
    expect(false, SIGUSR1, SIGUSR1, 0, 100 + SIGUSR1);
    expect(false, SIGUSR1, SIGTERM, 0, SIGTERM);
}

/* A verb that saves, but not what it does now: a signal before it says so, or after. */
static void test_saves_nothing(void **state) {
    (void)state;
    for (int before = 0; before < 2; before++) {
        int status;
        pid_t process = fork();
        if (process == 0) {
            trn_signal_install(true);
            if (before) raise(SIGINT);
            trn_signal_saves_nothing();
            if (!before) raise(SIGINT);
            _exit(100);
        }
        waitpid(process, &status, 0);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
    }
}

static void test_saves(void **state) {
    (void)state;
    expect(true, SIGTERM, 0, 0, 100 + SIGTERM);
    expect(true, SIGTERM, SIGTERM, 0, 100 + SIGTERM); /* the same one, passed on twice */
    expect(true, SIGTERM, SIGTERM, 700, SIGTERM);     /* the user insists */
    expect(true, SIGINT, SIGTERM, 700, SIGTERM);
    expect(true, SIGUSR1, SIGTERM, 700, 100 + SIGTERM); /* the time limit behind its warning */
    expect(true, SIGTERM, SIGUSR1, 700, 100 + SIGUSR1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_to_save),
        cmocka_unit_test(test_saves_nothing),
        cmocka_unit_test(test_saves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
