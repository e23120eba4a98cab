/* Address space under a limit: what is left, what is refused, and what is kept for libraries. Each
 * test lives in a child, for a limit cannot be raised again. */
#include "base/space.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MIB = 1 << 20 };

/* Limit the child to `room` MiB beyond what it has; returns whether there is a limit now. */
static int limit_to(long long room) {
    struct rlimit far = {1LL << 42, 1LL << 42}, near;
    if (setrlimit(RLIMIT_AS, &far) != 0) return 0;
    rlim_t used = far.rlim_cur - (rlim_t)trn_space_left();
    near.rlim_cur = near.rlim_max = used + (rlim_t)room * MIB;
    return setrlimit(RLIMIT_AS, &near) == 0;
}

static int without_limit(void) {
    struct rlimit any;
    if (getrlimit(RLIMIT_AS, &any) != 0 || any.rlim_cur != RLIM_INFINITY) return 0; /* not ours */
    if (trn_space_left() != INT64_MAX) return 1;
    return trn_space_expect(1LL << 50, "much") == TRN_OK ? 0 : 2;
}

static int with_limit(void) {
    if (!limit_to(100)) return 1;
    int64_t left = trn_space_left();
    if (left > 100LL * MIB || left < 90LL * MIB) return 2;
    if (trn_space_expect(40LL * MIB, "little") != TRN_OK) return 3;
    if (trn_space_expect(90LL * MIB, "much") != TRN_MEMORY) return 4;
    return strstr(trn_message(), "much") && strstr(trn_message(), "ulimit -v") ? 0 : 5;
}

static int reserve(void) {
    char *data;
    if (!limit_to(100)) return 1;
    if (trn_alloc(&data, 30 * MIB, 1, "what fits") != TRN_OK) return 2;
    trn_free(&data);
    if (trn_alloc(&data, 80 * MIB, 1, "what fits, but leaves too little") != TRN_MEMORY) return 3;
    return data == NULL && trn_space_left() > TRN_SPACE_RESERVE ? 0 : 4;
}

static int outcome_of(int (*test)(void)) {
    int status = -1;
    pid_t child = fork();
    if (child == 0) _exit(test());
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
    return WEXITSTATUS(status);
}

static void test_without_limit(void **state) {
    (void)state;
    assert_int_equal(outcome_of(without_limit), 0);
}

static void test_with_limit(void **state) {
    (void)state;
    assert_int_equal(outcome_of(with_limit), 0);
}

static void test_reserve(void **state) {
    (void)state;
    assert_int_equal(outcome_of(reserve), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_limit),
        cmocka_unit_test(test_with_limit),
        cmocka_unit_test(test_reserve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
