/* Random numbers: the published Philox, the same for whoever asks in whatever order. */
#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Known answers for Philox4x32-10 published with Random123 (kat_vectors); the counter's four words
 * are row, column / 4, step and (upper half of the row's 48 bits, stream). */
static void test_known_answers(void **state) {
    (void)state;
    static const struct {
        uint64_t seed, row;
        uint32_t column4, step, stream, words[4];
    } known[] = {
        {0, 0, 0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {UINT64_MAX,
         0xffffffffffff,
         0xffffffff,
         0xffffffff,
         0xffff,
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {0x299f31d0a4093822,
         0x0370243f6a88,
         0x85a308d3,
         0x13198a2e,
         0x7344,
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint32_t words[4];
        trn_rng_words(known[i].seed, known[i].row, known[i].column4, known[i].step,
                      (trn_rng_stream_t)known[i].stream, words);
        assert_memory_equal(words, known[i].words, sizeof words);
    }
}

static void test_every_argument_matters(void **state) {
    (void)state;
    uint32_t words[7][4];
    trn_rng_words(1, 2, 3, 4, TRN_RNG_TEST, words[0]);
    trn_rng_words(9, 2, 3, 4, TRN_RNG_TEST, words[1]);
    trn_rng_words(1, 9, 3, 4, TRN_RNG_TEST, words[2]);
    trn_rng_words(1, 2 + (UINT64_C(1) << 32), 3, 4, TRN_RNG_TEST, words[3]);
    trn_rng_words(1, 2, 9, 4, TRN_RNG_TEST, words[4]);
    trn_rng_words(1, 2, 3, 9, TRN_RNG_TEST, words[5]);
    trn_rng_words(1, 2, 3, 4, TRN_RNG_ROW_INIT, words[6]);
    for (int i = 0; i < 7; i++)
        for (int j = 0; j < i; j++)
            assert_memory_not_equal(words[i], words[j], sizeof words[i]);
}

enum { ROWS = 50, COLUMNS = 30 };

/* Rows drawn backwards, cut short or begun late hold the same bits. */
static void test_order_does_not_matter(void **state) {
    (void)state;
    static float forward[ROWS][COLUMNS], backward[ROWS][COLUMNS];
    for (int row = 0; row < ROWS; row++)
        trn_rng_normal_row(7, (uint64_t)row, 0, TRN_RNG_TEST, 2.0, COLUMNS, forward[row]);
    for (int row = ROWS - 1; row >= 0; row--)
        trn_rng_normal_row(7, (uint64_t)row, 0, TRN_RNG_TEST, 2.0, COLUMNS, backward[row]);
    assert_memory_equal(forward, backward, sizeof forward);
    for (int count = 0; count <= COLUMNS; count++) {
        float part[COLUMNS + 1];
        memset(part, 0x55, sizeof part);
        float guard = part[count];
        trn_rng_normal_row(7, 3, 0, TRN_RNG_TEST, 2.0, count, part);
        assert_memory_equal(part, forward[3], (size_t)count * sizeof *part);
        assert_memory_equal(&part[count], &guard, sizeof guard);
    }
    for (int first = 0; first <= COLUMNS; first++)
        for (int count = 0; first + count <= COLUMNS; count++) {
            float part[COLUMNS + 1] = {0};
            trn_rng_normal_part(7, 3, 0, TRN_RNG_TEST, 2.0, first, count, part);
            assert_memory_equal(part, forward[3] + first, (size_t)count * sizeof *part);
            assert_true(part[count] == 0);
        }
}

static void test_uniform(void **state) {
    (void)state;
    enum { DRAWS = 100000 };
    double sum = 0, squares = 0;
    for (uint32_t i = 0; i < DRAWS; i++) {
        double u[4];
        trn_rng_uniform(3, i, 0, 0, TRN_RNG_TEST, u);
        for (int j = 0; j < 4; j++) {
            assert_true(u[j] > 0 && u[j] < 1);
            sum += u[j];
            squares += u[j] * u[j];
        }
    }
    double n = 4.0 * DRAWS, mean = sum / n, variance = squares / n - mean * mean;
    assert_true(fabs(mean - 0.5) < 5 * sqrt(1 / (12 * n)));
    assert_true(fabs(variance - 1.0 / 12) < 5 * sqrt(1 / (180 * n)));
}

/* Mean, variance, third and fourth moment within five standard errors, and as many values beyond
 * 2 and 3 as there should be. */
static void test_normal_moments(void **state) {
    (void)state;
    enum { DRAWS = 4000, WIDTH = 250 };
    static float row[WIDTH];
    double moment[5] = {0}, beyond2 = 0, beyond3 = 0, n = (double)DRAWS * WIDTH;
    for (uint64_t i = 0; i < DRAWS; i++) {
        trn_rng_normal_row(11, i, 5, TRN_RNG_ROW_INIT, 1.0, WIDTH, row);
        for (int j = 0; j < WIDTH; j++) {
            double x = row[j], power = 1;
            for (int k = 1; k <= 4; k++)
                moment[k] += (power *= x) / n;
            beyond2 += fabs(x) > 2;
            beyond3 += fabs(x) > 3;
        }
    }
    assert_true(fabs(moment[1]) < 5 / sqrt(n));
    assert_true(fabs(moment[2] - 1) < 5 * sqrt(2 / n));
    assert_true(fabs(moment[3]) < 5 * sqrt(15 / n));
    assert_true(fabs(moment[4] - 3) < 5 * sqrt(96 / n));
    assert_true(fabs(beyond2 / n - 0.0455003) < 5 * sqrt(0.0455 / n));
    assert_true(fabs(beyond3 / n - 0.0026998) < 5 * sqrt(0.0027 / n));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),         cmocka_unit_test(test_every_argument_matters),
        cmocka_unit_test(test_order_does_not_matter), cmocka_unit_test(test_uniform),
        cmocka_unit_test(test_normal_moments),
    };
    return cmocka_run_group_tests_name("rng", tests, NULL, NULL);
}
