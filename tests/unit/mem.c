/* Memory: aligned, counted, limited, and failing where it is told to. */
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_alignment(void **state) {
    (void)state;
    static const int64_t sizes[] = {0, 1, 63, 64, 65, 4095, (4 << 20) - 1, 4 << 20, (6 << 20) + 7};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *data;
        assert_int_equal(trn_alloc(&data, sizes[i], 1, "data"), TRN_OK);
        assert_non_null(data);
        assert_int_equal((uintptr_t)data % TRN_ALIGNMENT, 0);
        if (sizes[i] >= 4 << 20) assert_int_equal((uintptr_t)data % (2 << 20), 0);
        memset(data, 0xA5, (size_t)sizes[i]); /* valgrind and asan watch the ends */
        assert_int_equal(trn_mem_now(), sizes[i]);
        trn_free(&data);
        assert_null(data);
        assert_int_equal(trn_mem_now(), 0);
    }
}

static void test_zero_and_realloc(void **state) {
    (void)state;
    int64_t *data;
    assert_int_equal(trn_alloc_zero(&data, 100, sizeof *data, "data"), TRN_OK);
    for (int64_t i = 0; i < 100; i++) {
        assert_int_equal(data[i], 0);
        data[i] = i;
    }
    assert_int_equal(trn_realloc(&data, 1000000, sizeof *data, "data"), TRN_OK);
    for (int64_t i = 0; i < 100; i++)
        assert_int_equal(data[i], i);
    assert_int_equal(trn_realloc(&data, 10, sizeof *data, "data"), TRN_OK);
    assert_int_equal(data[9], 9);
    assert_int_equal(trn_mem_now(), 80);
    assert_int_equal(trn_realloc(&data, INT64_MAX, sizeof *data, "data"), TRN_MEMORY);
    assert_int_equal(data[9], 9); /* the old one stays */
    trn_free(&data);
    trn_free(&data); /* NULL is fine */
}

/* Above 4 MiB a block grows and shrinks in its place as far as anybody counts. */
static void test_large_realloc(void **state) {
    (void)state;
    static const int64_t sizes[] = {1 << 20, 5 << 20, 23 << 20, 22 << 20, 5 << 20, 1000};
    char *data = NULL;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int64_t had = i > 0 ? sizes[i - 1] : 0, kept = had < sizes[i] ? had : sizes[i];
        trn_mem_reset_peak();
        assert_int_equal(trn_realloc(&data, sizes[i], 1, "data"), TRN_OK);
        for (int64_t at = 0; at < kept; at += 999)
            assert_int_equal(data[at], (char)(at % 101));
        for (int64_t at = 0; at < sizes[i]; at++)
            data[at] = (char)(at % 101);
        if (sizes[i] >= 4 << 20) assert_int_equal((uintptr_t)data % (2 << 20), 0);
        bool in_place = had >= 4 << 20 && sizes[i] >= 4 << 20;
#ifndef __SANITIZE_ADDRESS__
        if (in_place) assert_int_equal(trn_mem_peak(), had > sizes[i] ? had : sizes[i]);
#endif
        if (!in_place) assert_int_equal(trn_mem_peak(), had + sizes[i]);
        assert_int_equal(trn_mem_now(), sizes[i]);
    }
    trn_mem_limit(1500);
    assert_int_equal(trn_realloc(&data, 1501, 1, "data"), TRN_MEMORY);
    trn_mem_limit(0);
    trn_free(&data);
    assert_int_equal(trn_mem_now(), 0);
}

/* Room for more than is asked: twice as much of little, a sixteenth more of much. */
static void test_grow(void **state) {
    (void)state;
    int64_t *data = NULL, capacity = 0, calls = trn_mem_calls();
    for (int64_t i = 0; i < 3000000; i++) {
        assert_int_equal(trn_grow(&data, &capacity, i + 1, sizeof *data, "data"), TRN_OK);
        data[i] = i;
    }
    for (int64_t i = 0; i < 3000000; i++)
        if (data[i] != i) fail();
    assert_true(trn_mem_calls() - calls < 60);
    assert_true(capacity < 3000000 / 16 * 17 + 16);
    assert_int_equal(trn_mem_now(), capacity * (int64_t)sizeof *data);
    int64_t before = capacity;
    assert_int_equal(trn_grow(&data, &capacity, before, sizeof *data, "data"), TRN_OK);
    assert_int_equal(capacity, before);
    assert_int_equal(trn_grow(&data, &capacity, INT64_MAX / 4, sizeof *data, "data"), TRN_MEMORY);
    assert_int_equal(capacity, before);
    trn_free(&data);
}

static void test_impossible_sizes(void **state) {
    (void)state;
    char *data = (char *)&data;
    assert_int_equal(trn_alloc(&data, -1, 1, "the matrix"), TRN_MEMORY);
    assert_null(data);
    assert_non_null(strstr(trn_message(), "the matrix"));
    assert_int_equal(trn_alloc(&data, INT64_MAX / 2, 8, "x"), TRN_MEMORY); /* overflows */
    assert_int_equal(trn_alloc(&data, INT64_MAX, 1, "x"), TRN_MEMORY);
    assert_int_equal(trn_mem_now(), 0);
}

static void test_limit(void **state) {
    (void)state;
    char *a, *b;
    trn_mem_limit(1000);
    assert_int_equal(trn_alloc(&a, 600, 1, "a"), TRN_OK);
    assert_int_equal(trn_alloc(&b, 401, 1, "b"), TRN_MEMORY);
    assert_non_null(strstr(trn_message(), "limit of 1000"));
    assert_int_equal(trn_alloc(&b, 400, 1, "b"), TRN_OK); /* exactly full */
    assert_false(trn_mem_claim_spare(1));
    trn_free(&a);
    assert_true(trn_mem_claim_spare(600));
    assert_int_equal(trn_mem_now(), 1000);
    trn_mem_unclaim(600);
    trn_free(&b);
    trn_mem_limit(0);
    assert_int_equal(trn_alloc(&a, 5000, 1, "a"), TRN_OK);
    trn_free(&a);
}

/* Files are looked at under a limit that is too small for that; what follows is held to it. */
static void test_look(void **state) {
    (void)state;
    char *a, *b;
    trn_mem_limit(100);
    trn_mem_look(1000);
    assert_int_equal(trn_alloc(&a, 800, 1, "a"), TRN_OK);
    assert_int_equal(trn_alloc(&b, 400, 1, "b"), TRN_MEMORY);
    assert_int_equal(trn_mem_left(), 0); /* of the limit itself */
    assert_int_equal(trn_mem_expect(101, 1), TRN_MEMORY);
    assert_int_equal(trn_alloc(&b, 100, 1, "b"), TRN_OK); /* refused plans may look on */
    trn_free(&a);
    trn_free(&b);
    assert_int_equal(trn_mem_expect(100, 1), TRN_OK);
    assert_int_equal(trn_alloc(&a, 101, 1, "a"), TRN_MEMORY);
    trn_mem_look(1000);
    trn_mem_limit(2000); /* a new limit is the limit */
    assert_int_equal(trn_alloc(&a, 2001, 1, "a"), TRN_MEMORY);
    trn_mem_limit(0);
    trn_mem_look(1000);
    assert_int_equal(trn_alloc(&a, 5000, 1, "a"), TRN_OK); /* no limit, no look */
    trn_free(&a);
    trn_mem_planned();
}

/* What growing one by one holds in the end is within what plans say, and not far below it. */
static void test_grown(void **state) {
    (void)state;
    static const int64_t sizes[] = {1, 100, 3000, 300000, 524288, 524289, 700000, 2000000, 6000000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        double *data = NULL;
        int64_t capacity = 0, held = trn_grown_bytes(sizes[i], 8);
        for (int64_t n = 1; n <= sizes[i]; n++)
            assert_int_equal(trn_grow(&data, &capacity, n, 8, "numbers"), TRN_OK);
        assert_true(trn_mem_now() <= held);
        assert_true(held <= 2 * trn_mem_now() + (4 << 20));
        trn_free(&data);
    }
    assert_int_equal(trn_grown_bytes(INT64_MAX / 4, 8), INT64_MAX);
}

static void test_peak(void **state) {
    (void)state;
    char *a, *b;
    trn_mem_reset_peak();
    assert_int_equal(trn_alloc(&a, 300, 1, "a"), TRN_OK);
    assert_int_equal(trn_alloc(&b, 200, 1, "b"), TRN_OK);
    trn_free(&a);
    assert_int_equal(trn_mem_now(), 200);
    assert_int_equal(trn_mem_peak(), 500);
    trn_mem_reset_peak();
    assert_int_equal(trn_mem_peak(), 200);
    trn_free(&b);
}

static void test_nth_failure(void **state) {
    (void)state;
    char *data;
    int64_t calls = trn_mem_calls();
    trn_mem_fail_at(3);
    for (int n = 1; n <= 5; n++) { /* the third fails and so do all later ones */
        assert_int_equal(trn_alloc(&data, 8, 1, "x"), n < 3 ? TRN_OK : TRN_MEMORY);
        trn_free(&data);
    }
    assert_int_equal(trn_mem_calls(), calls + 5);
    trn_mem_fail_at(0);
    assert_int_equal(trn_alloc(&data, 8, 1, "x"), TRN_OK);
    trn_free(&data);
}

static void test_strdup(void **state) {
    (void)state;
    char *copy;
    assert_int_equal(trn_strdup(&copy, "text"), TRN_OK);
    assert_string_equal(copy, "text");
    trn_free(&copy);
    assert_int_equal(trn_mem_now(), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alignment), cmocka_unit_test(test_zero_and_realloc),
        cmocka_unit_test(test_limit),     cmocka_unit_test(test_impossible_sizes),
        cmocka_unit_test(test_peak),      cmocka_unit_test(test_nth_failure),
        cmocka_unit_test(test_strdup),    cmocka_unit_test(test_large_realloc),
        cmocka_unit_test(test_grow),      cmocka_unit_test(test_look),
        cmocka_unit_test(test_grown),
    };
    return cmocka_run_group_tests_name("mem", tests, NULL, NULL);
}
