/* The round-robin schedule of entity blocks: everybody meets everybody once, nobody is in two
 * places, and an epoch goes through all rounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "algo/kg/buckets/kg_schedule.h"
#include "base/mem.h"

#include <stdbool.h>
#include <string.h>

enum { MOST = 33 };

/* Every block is in one pair of each round, every two blocks in one round; `meeting` knows which.
 */
static void check_meetings(const trn_kg_schedule_t *c) {
    static int met[MOST][MOST];
    memset(met, 0, sizeof met);
    for (int64_t round = 0; round < c->rounds; round++) {
        bool seen[MOST] = {false};
        for (int64_t pair = 0; pair < c->pairs; pair++) {
            int64_t b[2];
            trn_kg_schedule_blocks(c, round, pair, b);
            for (int side = 0; side < 2; side++) {
                if (b[side] < 0) continue;
                assert_in_range(b[side], 0, c->blocks - 1);
                assert_false(seen[b[side]]);
                seen[b[side]] = true;
                assert_int_equal(trn_kg_schedule_pair(c, round, b[side]), pair);
            }
            if (b[0] < 0 || b[1] < 0) continue;
            met[b[0]][b[1]]++;
            for (int side = 0; side < 2; side++) {
                trn_kg_meeting_t at = trn_kg_schedule_meeting(c, b[side], b[1 - side]);
                assert_int_equal(at.round, round);
                assert_int_equal(at.pair, pair);
            }
        }
        for (int64_t i = 0; i < c->blocks; i++)
            assert_true(seen[i]);
    }
    for (int64_t i = 0; i < c->blocks; i++)
        for (int64_t j = 0; j < i; j++)
            assert_int_equal(met[i][j] + met[j][i], 1);
}

static void check_own_meetings(const trn_kg_schedule_t *c) {
    for (int64_t i = 0; i < c->blocks; i++) {
        trn_kg_meeting_t at = trn_kg_schedule_meeting(c, i, i);
        assert_int_equal(at.pair, trn_kg_schedule_pair(c, at.round, i));
    }
}

static void check_rounds(const trn_kg_schedule_t *c) {
    bool differ = false;
    for (int64_t epoch = 0; epoch < 8; epoch++) {
        bool done[2 * MOST] = {false};
        for (int64_t step = 0; step < c->rounds; step++) {
            int64_t round = trn_kg_schedule_round(c, epoch, step);
            assert_in_range(round, 0, c->rounds - 1);
            assert_false(done[round]);
            done[round] = true;
            differ = differ || round != trn_kg_schedule_round(c, 0, step);
        }
    }
    assert_true(differ || c->rounds == 1);
}

static void everybody_meets(void **unused) {
    (void)unused;
    for (int64_t blocks = 1; blocks <= MOST; blocks++)
        for (uint64_t seed = 1; seed < 4; seed++) {
            trn_kg_schedule_t c;
            assert_int_equal(trn_kg_schedule_create(&c, blocks, seed), TRN_OK);
            check_meetings(&c);
            check_own_meetings(&c);
            check_rounds(&c);
            trn_kg_schedule_free(&c);
        }
}

static void the_seed_places(void **unused) {
    (void)unused;
    trn_kg_schedule_t c[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(trn_kg_schedule_create(&c[i], 16, i < 2 ? 7 : 8), TRN_OK);
    assert_memory_equal(c[0].block, c[1].block, 16 * sizeof(int64_t));
    assert_memory_not_equal(c[0].block, c[2].block, 16 * sizeof(int64_t));
    for (int i = 0; i < 3; i++)
        trn_kg_schedule_free(&c[i]);
}

static void fails_without_memory(void **unused) {
    (void)unused;
    int64_t before = trn_mem_now();
    for (int64_t n = 1; n <= 2; n++) {
        trn_kg_schedule_t c;
        trn_mem_fail_at(n);
        assert_int_equal(trn_kg_schedule_create(&c, 9, 1), TRN_MEMORY);
        trn_mem_fail_at(0);
        assert_int_equal(trn_mem_now(), before);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(everybody_meets),
                                       cmocka_unit_test(the_seed_places),
                                       cmocka_unit_test(fails_without_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
