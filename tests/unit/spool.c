/* io/spool: what is put comes back in order, from memory, from the file, and from both. */
#include "io/spool.h"
#include "base/mem.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

enum { MEGA = 1 << 20, NUMBERS = 3 * MEGA /* 12 MB: three chunks */ };

/* Number `i` of the stream that all tests put. */
static int32_t number(int64_t i) {
    return (int32_t)(i * 2654435761u);
}

static trn_status_t fill(trn_spool_t *spool) {
    static int32_t piece[5000];
    int64_t done = 0;
    for (int64_t size = 1; done < NUMBERS; size = size * 7 % 4999 + 1) {
        int64_t count = size < NUMBERS - done ? size : NUMBERS - done;
        for (int64_t i = 0; i < count; i++)
            piece[i] = number(done + i);
        TRN_TRY(trn_spool_put(spool, piece, count * 4));
        done += count;
    }
    return TRN_OK;
}

static void order_is_kept(void **state) {
    (void)state;
    static const int64_t ceilings[] = {INT64_MAX, 0, 9 * MEGA};
    static int32_t piece[100000];
    for (int c = 0; c < 3; c++) {
        trn_spool_t *spool;
        assert_int_equal(trn_spool_create(&spool, "/tmp", ceilings[c]), TRN_OK);
        assert_int_equal(fill(spool), TRN_OK);
        assert_int_equal(trn_spool_bytes(spool), 4 * (int64_t)NUMBERS);
        int64_t disk = trn_spool_on_disk(spool);
        if (c == 0) assert_int_equal(disk, 0);
        if (c == 1) assert_int_equal(disk, 4 * (int64_t)NUMBERS);
        if (c == 2) assert_int_equal(disk, 4 * (int64_t)NUMBERS - 8 * MEGA);
        for (int64_t at = 0; at + 100000 < NUMBERS; at += 333337) {
            assert_int_equal(trn_spool_read(spool, 4 * at, piece, sizeof piece), TRN_OK);
            for (int64_t i = 0; i < 100000; i++)
                if (piece[i] != number(at + i)) fail_msg("number %lld", (long long)(at + i));
        }
        int64_t before = trn_mem_now(), at = 0, got;
        do {
            assert_int_equal(trn_spool_left(spool), 4 * (NUMBERS - at));
            assert_int_equal(trn_spool_take(spool, piece, sizeof piece, &got), TRN_OK);
            for (int64_t i = 0; i < got / 4; i++)
                if (piece[i] != number(at + i)) fail_msg("number %lld", (long long)(at + i));
            at += got / 4;
        } while (got > 0);
        assert_int_equal(at, NUMBERS);
        if (c != 1) assert_true(trn_mem_now() <= before - 8 * MEGA); /* given back */
        trn_spool_destroy(&spool);
        assert_int_equal(trn_mem_now(), 0);
    }
}

static void failures_are_told(void **state) {
    (void)state;
    trn_spool_t *spool;
    assert_int_equal(trn_spool_create(&spool, "/nowhere/at/all", 0), TRN_OK);
    assert_int_equal(fill(spool), TRN_IO);
    assert_non_null(strstr(trn_message(), "/nowhere/at/all"));
    trn_spool_destroy(&spool);
    struct rlimit old, small = {MEGA, MEGA};
    getrlimit(RLIMIT_FSIZE, &old);
    small.rlim_max = old.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    assert_int_equal(trn_spool_create(&spool, "/tmp", 0), TRN_OK);
    assert_int_equal(fill(spool), TRN_IO);
    trn_spool_destroy(&spool);
    setrlimit(RLIMIT_FSIZE, &old);
    for (int file = 0; file < 2; file++) {
        trn_status_t status = TRN_MEMORY;
        for (int n = 1; status != TRN_OK; n++) {
            assert_true(n < 50);
            trn_mem_fail_at(n);
            status = trn_spool_create(&spool, "/tmp", file ? 0 : INT64_MAX);
            if (status == TRN_OK) status = fill(spool);
            trn_mem_fail_at(0);
            trn_spool_destroy(&spool);
            assert_true(status == TRN_OK || status == TRN_MEMORY);
            assert_int_equal(trn_mem_now(), 0);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_kept),
        cmocka_unit_test(failures_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
