/* algo/graph/eval/clusters_eval: scores worked out by hand, and those of lists that say nothing of
 * each other. */
#include "algo/graph/eval/clusters_eval.h"

#include "base/mem.h"
#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static trn_clusters_score_t score(int64_t count, const int64_t *a, const int64_t *b) {
    trn_clusters_score_t s;
    assert_int_equal(trn_clusters_eval(count, a, b, &s), TRN_OK);
    return s;
}

static void near(double got, double wanted, double tolerance) {
    if (fabs(got - wanted) > tolerance) fail_msg("%.17g is not %.17g", got, wanted);
}

/* Clusters of 3 and 3 against 2, 2 and 2: pairs of clusters share 2, 1, 1, 2 things. */
static void by_hand(void **state) {
    (void)state;
    static const int64_t a[] = {7, 7, 7, -2, -2, -2}, b[] = {0, 0, 4, 4, 9, 9};
    trn_clusters_score_t s = score(6, a, b);
    assert_int_equal(s.found, 2);
    assert_int_equal(s.truth, 3);
    double mutual = 2 * (2. / 6) * log(2. / 6 / (0.5 / 3)), h1 = log(2), h2 = log(3);
    near(s.nmi, 2 * mutual / (h1 + h2), 1e-15);
    /* Ordered pairs: 4 together in both, 8 more in a alone, 2 in b alone, 16 in none. */
    near(s.ari, 2. * (4 * 16 - 2 * 8) / ((4 + 2) * (2 + 16) + (4 + 8) * (8 + 16)), 1e-15);
    /* Both meet a cluster of two whole: P = 2/3, R = 1; two of three are met. */
    near(s.f1, 0.8, 1e-15);
    near(s.coverage, 2. / 3, 1e-15);
    near(s.redundancy, 1, 1e-15);
    near(s.nf1, 0.8 * 2 / 3, 1e-15);
    s = score(6, b, a); /* and back: clusters of two, one of which lies half in either */
    near(s.f1, (0.8 + 0.8 + 2. * (1. / 2) * (1. / 3) / (1. / 2 + 1. / 3)) / 3, 1e-15);
    near(s.coverage, 1, 1e-15);
    near(s.redundancy, 1.5, 1e-15);
}

static void renamed(void **state) {
    (void)state;
    int64_t a[90], b[90];
    for (int64_t i = 0; i < 90; i++) {
        a[i] = i * i % 7;
        b[i] = 1000000007 * (3 - a[i]);
    }
    trn_clusters_score_t s = score(90, a, b);
    near(s.nmi, 1, 1e-15);
    near(s.ari, 1, 0);
    near(s.nf1, 1, 1e-15);
}

static void nothing_to_tell(void **state) {
    (void)state;
    static const int64_t one[4] = {5, 5, 5, 5}, two[4] = {0, 1, 0, 1};
    near(score(4, one, two).nmi, 0, 0);
    near(score(4, one, two).ari, 0, 0);
    near(score(4, one, one).nmi, 1, 0);
    near(score(4, one, one).ari, 1, 0);
    near(score(1, one, two).nf1, 1, 0);
    near(score(0, NULL, NULL).nmi, 1, 0);
}

/* Labels drawn apart, and every pair of clusters sharing as much as chance has it. */
static void independent(void **state) {
    (void)state;
    enum { MANY = 20000, SIDE = 6 };
    static int64_t a[MANY], b[MANY];
    for (int64_t i = 0; i < MANY; i++) {
        uint32_t words[4];
        trn_rng_words(1, (uint64_t)i, 0, 0, TRN_RNG_TEST, words);
        a[i] = words[0] % 5;
        b[i] = words[1] % 4;
    }
    near(score(MANY, a, b).nmi, 0, 1e-3);
    near(score(MANY, a, b).ari, 0, 1e-3);
    for (int64_t i = 0; i < SIDE * SIDE; i++) {
        a[i] = i / SIDE;
        b[i] = i % SIDE;
    }
    near(score((int64_t)SIDE * SIDE, a, b).nmi, 0, 1e-15);
}

/* Pairs of 100,000 things that are all together: products beyond 64 bits. */
static void large(void **state) {
    (void)state;
    enum { MANY = 100000 };
    static int64_t a[MANY], b[MANY];
    for (int64_t i = 0; i < MANY; i++) {
        a[i] = i >= MANY / 2;
        b[i] = i >= MANY / 2 - 1;
    }
    double ari = score(MANY, a, b).ari;
    assert_true(ari < 1 && ari > 1 - 5e-5);
}

static void without_memory(void **state) {
    (void)state;
    static const int64_t a[4] = {0, 1, 1, 0};
    trn_clusters_score_t s;
    for (int at = 1; at <= 7; at++) {
        int64_t before = trn_mem_now();
        trn_mem_fail_at(at);
        assert_int_equal(trn_clusters_eval(4, a, a, &s), TRN_MEMORY);
        trn_mem_fail_at(0);
        assert_int_equal(trn_mem_now(), before);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),     cmocka_unit_test(renamed), cmocka_unit_test(nothing_to_tell),
        cmocka_unit_test(independent), cmocka_unit_test(large),   cmocka_unit_test(without_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
