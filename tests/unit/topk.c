/* kern/topk: the fast lists against the slow ones, ties, merging in any order. */
#include "kern/search/topk.h"
#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { N = 3000, MOST = 40 };

static float score[N];

/* Few different values, so that there are many ties. */
static void fill(uint64_t row, int values) {
    for (int64_t i = 0; i < N; i += 4) {
        double uniform[4];
        trn_rng_uniform(7, row, (uint32_t)(i / 4), 0, TRN_RNG_TEST, uniform);
        for (int64_t j = 0; j < 4; j++)
            score[i + j] = (float)floor(uniform[j] * values) - (float)values / 2;
    }
}

static void same(const trn_best_t *a, const trn_best_t *b, int64_t k) {
    for (int64_t i = 0; i < k; i++) {
        assert_int_equal(a[i].index, b[i].index);
        assert_true(a[i].score == b[i].score);
    }
}

static void equals_reference(void **state) {
    (void)state;
    static const int64_t sizes[] = {1, 2, 63, 64, 65, 1000, N}, lists[] = {1, 3, MOST};
    trn_best_t fast[MOST], slow[MOST];
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (size_t l = 0; l < sizeof lists / sizeof *lists; l++) {
            fill(s, s % 2 ? 10 : 100000);
            trn_topk_clear(lists[l], fast);
            trn_topk_update(sizes[s], score, 500, lists[l], fast);
            trn_topk_ref(sizes[s], score, 500, lists[l], slow);
            same(fast, slow, lists[l]);
        }
}

/* Pieces in falling order, merged through lists of their own: still the same list. */
static void pieces_in_any_order(void **state) {
    (void)state;
    enum { K = 7, PIECE = 250 };
    trn_best_t whole[K], merged[K], piece[K];
    fill(99, 12);
    trn_topk_ref(N, score, 0, K, whole);
    trn_topk_clear(K, merged);
    for (int64_t first = N - PIECE; first >= 0; first -= PIECE) {
        trn_topk_clear(K, piece);
        trn_topk_update(PIECE, score + first, first, K, piece);
        trn_topk_merge(K, piece, merged);
    }
    same(merged, whole, K);
    trn_topk_clear(K, merged);
    for (int64_t first = N - PIECE; first >= 0; first -= PIECE)
        trn_topk_update(PIECE, score + first, first, K, merged);
    same(merged, whole, K);
}

static void leaves_out(void **state) {
    (void)state;
    const float odd[] = {-INFINITY, 1, NAN, -INFINITY, 2, -5};
    trn_best_t best[5];
    trn_topk_clear(5, best);
    trn_topk_update(6, odd, 10, 5, best);
    assert_int_equal(best[0].index, 14);
    assert_int_equal(best[1].index, 11);
    assert_int_equal(best[2].index, 15);
    assert_int_equal(best[3].index, -1);
    assert_int_equal(best[4].index, -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_reference),
        cmocka_unit_test(pieces_in_any_order),
        cmocka_unit_test(leaves_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
