/* graph/links and graph/anchors: a graph by hand, PageRank against its equations, nearest anchors
 * against plain shortest paths, whatever the parts they are searched in. */
#include "graph/links.h"
#include "base/mem.h"
#include "base/rng.h"
#include "graph/anchors.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

enum { N = 6, R = 2 };

/* 0 -> 1 -> 2 -> 3, 4 -> 1; 5 is alone. */
static const trn_triple_t hand[] = {{0, 0, 1}, {1, 0, 2}, {2, 1, 3}, {4, 1, 1}};

static trn_links_t by_hand(void) {
    trn_links_t links;
    assert_int_equal(trn_links_create(&links, N, R, 4, hand), TRN_OK);
    return links;
}

static void links_both_ways(void **state) {
    (void)state;
    trn_links_t l = by_hand();
    static const int64_t start[N + 1] = {0, 1, 4, 6, 7, 8, 8};
    static const int32_t other[8] = {1, 0, 2, 4, 1, 3, 2, 1};
    static const int32_t type[8] = {0, 2, 0, 3, 2, 1, 3, 1};
    assert_memory_equal(l.start, start, sizeof start);
    assert_memory_equal(l.other, other, sizeof other);
    assert_memory_equal(l.type, type, sizeof type);
    trn_links_free(&l);
    assert_int_equal(trn_mem_now(), 0);
}

/* rank = (1 - d) / n + d (sum over links of rank / degree + strays' rank / n), and a sum of 1. */
static void pagerank_solves_its_equations(void **state) {
    (void)state;
    trn_links_t l = by_hand();
    double rank[N], wanted[N], sum = 0;
    assert_int_equal(trn_links_pagerank(&l, 0.85, rank), TRN_OK);
    for (int e = 0; e < N; e++) {
        wanted[e] = 0.15 / N + 0.85 * rank[5] / N;
        sum += rank[e];
    }
    static const int degree[N] = {1, 3, 2, 1, 1, 0};
    for (int i = 0; i < 4; i++) {
        wanted[hand[i].head] += 0.85 * rank[hand[i].tail] / degree[hand[i].tail];
        wanted[hand[i].tail] += 0.85 * rank[hand[i].head] / degree[hand[i].head];
    }
    assert_float_equal(sum, 1, 1e-9);
    for (int e = 0; e < N; e++)
        assert_float_equal(rank[e], wanted[e], 1e-9);
    assert_true(rank[1] > rank[2] && rank[2] > rank[0] && rank[0] > rank[5]);
    trn_links_free(&l);
}

static void anchors_of_three_kinds(void **state) {
    (void)state;
    trn_links_t l = by_hand();
    int32_t anchor[N];
    bool seen[N] = {false};
    /* 1 and 2 have most links; of the others 3, then 0 before its equal 4, have most PageRank. */
    assert_int_equal(trn_anchors_choose(&l, 5, 7, anchor), TRN_OK);
    assert_int_equal(anchor[4], 1);
    assert_int_equal(anchor[3], 2);
    assert_int_equal(anchor[2], 3);
    assert_int_equal(anchor[1], 0);
    assert_true(anchor[0] == 4 || anchor[0] == 5);
    assert_int_equal(trn_anchors_choose(&l, N, 7, anchor), TRN_OK);
    for (int i = 0; i < N; i++) {
        assert_false(seen[anchor[i]]);
        seen[anchor[i]] = true;
    }
    trn_links_free(&l);
}

static void near_by_hand(void **state) {
    (void)state;
    trn_links_t l = by_hand();
    static const int32_t anchor[2] = {3, 1};
    /* distances of 3: 3 2 1 0 3 none; of 1: 1 0 1 2 1 none */
    static const trn_near_t wanted[2 * N] = {{1, 1}, {3, 0}, {0, 1},          {2, 0},
                                             {1, 0}, {1, 1}, {0, 0},          {2, 1},
                                             {1, 1}, {3, 0}, {INT32_MAX, -1}, {INT32_MAX, -1}};
    trn_near_t near[2 * N];
    trn_near_clear(2 * N, near);
    assert_int_equal(trn_anchors_reach(&l, anchor, 0, 2, 50, 2, near), TRN_OK);
    assert_memory_equal(near, wanted, sizeof wanted);
    trn_near_clear(2 * N, near);
    assert_int_equal(trn_anchors_reach(&l, anchor, 0, 2, 2, 2, near), TRN_OK);
    assert_int_equal(near[0].distance, 1);
    assert_int_equal(near[1].anchor, -1); /* 3 links are too far */
    trn_links_free(&l);
}

enum { MANY = 300, EDGES = 420, ANCHORS = 150, K = 9 };

static int32_t random_below(uint64_t row, int32_t below) {
    uint32_t words[4];
    trn_rng_words(11, row, 0, 0, TRN_RNG_TEST, words);
    return (int32_t)(words[0] % (uint32_t)below);
}

/* All distances by relaxing every link until nothing changes. */
static void distances(const trn_triple_t *triples, int32_t from, int32_t *distance) {
    for (int e = 0; e < MANY; e++)
        distance[e] = e == from ? 0 : 1000;
    for (bool changed = true; changed;) {
        changed = false;
        for (int i = 0; i < EDGES; i++) {
            int32_t *a = &distance[triples[i].head], *b = &distance[triples[i].tail];
            if (*a > *b + 1 || *b > *a + 1) {
                if (*a > *b)
                    *a = *b + 1;
                else
                    *b = *a + 1;
                changed = true;
            }
        }
    }
}

static void near_is_shortest_in_any_parts(void **state) {
    (void)state;
    static trn_triple_t triples[EDGES];
    static trn_near_t whole[MANY * K], parts[MANY * K], plain[MANY * K];
    static int32_t distance[MANY];
    int32_t anchor[ANCHORS];
    trn_links_t l;
    for (int i = 0; i < EDGES; i++)
        triples[i] = (trn_triple_t){random_below((uint64_t)i, MANY), 0,
                                    random_below((uint64_t)(1000 + i), MANY)};
    assert_int_equal(trn_links_create(&l, MANY, 1, EDGES, triples), TRN_OK);
    assert_int_equal(trn_anchors_choose(&l, ANCHORS, 3, anchor), TRN_OK);
    trn_near_clear(MANY * K, whole);
    trn_near_clear(MANY * K, parts);
    trn_near_clear(MANY * K, plain);
    assert_int_equal(trn_anchors_reach(&l, anchor, 0, ANCHORS, 1000, K, whole), TRN_OK);
    assert_int_equal(trn_anchors_reach(&l, anchor, 100, 50, 1000, K, parts), TRN_OK);
    assert_int_equal(trn_anchors_reach(&l, anchor, 0, 100, 1000, K, parts), TRN_OK);
    assert_memory_equal(parts, whole, sizeof whole);
    for (int a = 0; a < ANCHORS; a++) {
        distances(triples, anchor[a], distance);
        for (int e = 0; e < MANY; e++)
            if (distance[e] < 1000) trn_near_insert(K, plain + e * K, distance[e], a);
    }
    assert_memory_equal(plain, whole, sizeof whole);
    trn_links_free(&l);
}

static void context_is_a_sample(void **state) {
    (void)state;
    static trn_triple_t triples[12];
    int64_t scratch[24];
    int32_t few[8], some[4], again[4];
    trn_links_t l;
    /* 0 is the head of relations 0..5 and the tail of 2; each twice. */
    for (int32_t i = 0; i < 12; i++)
        triples[i] = i < 10 ? (trn_triple_t){0, i / 2, 1} : (trn_triple_t){1, 2, 0};
    assert_int_equal(trn_links_create(&l, 2, 5, 12, triples), TRN_OK);
    trn_links_context(&l, 0, 1, 8, 10, scratch, few);
    static const int32_t all[8] = {0, 1, 2, 3, 4, 7, 10, 10};
    assert_memory_equal(few, all, sizeof all);
    bool differs = false;
    for (uint64_t seed = 1; seed < 9; seed++) {
        trn_links_context(&l, 0, seed, 4, 10, scratch, some);
        for (int i = 0; i < 4; i++) {
            assert_true(i == 0 || some[i] > some[i - 1]);
            assert_true(some[i] == 7 || (some[i] >= 0 && some[i] < 5));
        }
        differs = differs || (seed > 1 && memcmp(some, again, sizeof some) != 0);
        memcpy(again, some, sizeof some);
    }
    assert_true(differs);
    trn_links_free(&l);
}

static void memory_runs_out(void **state) {
    (void)state;
    trn_links_t l = by_hand();
    int64_t before = trn_mem_now();
    int32_t anchor[3];
    trn_near_t near[N];
    for (int n = 1; n <= 4; n++) { /* three lists and what PageRank needs */
        trn_mem_fail_at(n);
        assert_int_equal(trn_anchors_choose(&l, 3, 1, anchor), TRN_MEMORY);
        assert_int_equal(trn_mem_now(), before);
    }
    trn_mem_fail_at(1);
    assert_int_equal(trn_anchors_reach(&l, anchor, 0, 3, 9, 1, near), TRN_MEMORY);
    trn_mem_fail_at(0);
    trn_links_free(&l);
    for (int n = 1; n <= 3; n++) {
        trn_mem_fail_at(n);
        assert_int_equal(trn_links_create(&l, N, R, 4, hand), TRN_MEMORY);
        trn_mem_fail_at(0);
        trn_links_free(&l);
        assert_int_equal(trn_mem_now(), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_both_ways),
        cmocka_unit_test(pagerank_solves_its_equations),
        cmocka_unit_test(anchors_of_three_kinds),
        cmocka_unit_test(near_by_hand),
        cmocka_unit_test(near_is_shortest_in_any_parts),
        cmocka_unit_test(context_is_a_sample),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
