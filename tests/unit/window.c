/* text/window, segment, row: exact units; rows equal to the slow count; pieces and runs add up. */
#include "text/window.h"
#include "base/mem.h"
#include "text/row.h"
#include "text/tokens.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WORDS = 37, TEXT = 3000 };

static trn_window_options_t options(int64_t size, bool harmonic, bool symmetric, bool diagonal) {
    return (trn_window_options_t){size, harmonic, symmetric, diagonal};
}

static void units_are_least_common_multiples_while_they_fit(void **state) {
    (void)state;
    static const struct {
        int64_t size, most, unit;
    } cases[] = {{1, 1000000, 1},
                 {2, 1000000, 2},
                 {5, 1000000, 60},
                 {10, 1000000000, 2520},
                 {20, 1000000, 232792560},
                 {20, 10000000, INT64_C(1) << 32}, /* sums might pass 2^53 */
                 {50, 1000, INT64_C(1) << 32},
                 {10, INT64_C(1) << 45, INT64_C(1) << 14}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        trn_window_t w;
        trn_window_options_t o = options(cases[i].size, true, true, true);
        assert_int_equal(trn_window_init(&w, &o, cases[i].most), TRN_OK);
        assert_int_equal(w.unit, cases[i].unit);
        for (int64_t d = 1; d <= o.size; d++)
            assert_true(fabs((double)w.weight[d] - (double)w.unit / (double)d) <= 0.5);
        assert_int_equal(w.weight[0], w.unit);
    }
    trn_window_t w;
    trn_window_options_t flat = options(30, false, true, false);
    assert_int_equal(trn_window_init(&w, &flat, 1000), TRN_OK);
    assert_int_equal(w.unit, 1);
    assert_int_equal(w.weight[30], 1);
    assert_int_equal(w.weight[0], 0);
    flat.size = 0;
    assert_int_equal(trn_window_init(&w, &flat, 1), TRN_USAGE);
    flat.size = TRN_WINDOW_MAX + 1;
    assert_int_equal(trn_window_init(&w, &flat, 1), TRN_USAGE);
}

/* Written out by hand: "a b a" / "b" with a = 0, b = 1, window 2. */
static void the_slow_count_is_right(void **state) {
    (void)state;
    static const int32_t ids[] = {0, 1, 0, TRN_BREAK, 1, TRN_BREAK};
    trn_window_t w;
    int64_t cells[4] = {0};
    trn_window_options_t o = options(2, true, true, true);
    assert_int_equal(trn_window_init(&w, &o, 2), TRN_OK);
    trn_window_ref(&w, ids, 6, 2, cells);
    assert_true(trn_window_value(&w, cells[0]) == 2 + 2 * 0.5); /* two a, and a..a at distance 2 */
    assert_true(trn_window_value(&w, cells[1]) == 2);           /* a b and b a */
    assert_true(trn_window_value(&w, cells[2]) == 2);
    assert_true(trn_window_value(&w, cells[3]) == 2);
    memset(cells, 0, sizeof cells);
    o = options(2, true, false, false);
    assert_int_equal(trn_window_init(&w, &o, 2), TRN_OK);
    trn_window_ref(&w, ids, 6, 2, cells);
    assert_true(trn_window_value(&w, cells[0]) == 0.5);
    assert_true(trn_window_value(&w, cells[1]) == 1);
    assert_true(trn_window_value(&w, cells[2]) == 1);
    assert_true(trn_window_value(&w, cells[3]) == 0);
}

static void make_text(int32_t *ids) {
    uint32_t random = 12345;
    for (int i = 0; i < TEXT; i++) {
        random = random * 1664525 + 1013904223;
        uint32_t high = random >> 16;
        ids[i] = high % 13 == 0 ? TRN_BREAK : (int32_t)(high % (1 + high / 7 % WORDS));
    }
}

/* Cut the text every `step` numbers into pieces with context, as many segments as hold `room`. */
static void count_in_pieces(const trn_window_t *w, const int32_t *ids, int64_t step, int64_t room,
                            int64_t *cells) {
    trn_segment_t *segment;
    trn_row_t *row;
    const int32_t *cols;
    const int64_t *units;
    int64_t at = 0;
    assert_int_equal(trn_row_create(&row, WORDS), TRN_OK);
    assert_int_equal(trn_segment_create(&segment, WORDS, room), TRN_OK);
    while (at < TEXT) {
        for (; at < TEXT; at += step) {
            int64_t from = at > w->options.size ? at - w->options.size : 0;
            int64_t end = at + step < TEXT ? at + step : TEXT;
            int64_t until = end + w->options.size < TEXT ? end + w->options.size : TEXT;
            if (!trn_segment_fits(segment, until - from)) break;
            assert_int_equal(
                trn_segment_add(segment, ids + from, until - from, at - from, until - end), TRN_OK);
        }
        assert_int_equal(trn_segment_index(segment), TRN_OK);
        for (int32_t word = 0; word < WORDS; word++) {
            trn_row_count(row, w, segment, word);
            int64_t n = trn_row_drain(row, &cols, &units);
            for (int64_t i = 0; i < n; i++) {
                assert_true(units[i] != 0 && (i == 0 || cols[i] > cols[i - 1]));
                cells[word * WORDS + cols[i]] += units[i];
            }
        }
        trn_segment_clear(segment);
    }
    trn_segment_destroy(&segment);
    trn_row_destroy(&row);
}

static void pieces_give_the_slow_count(void **state) {
    (void)state;
    static int32_t ids[TEXT];
    static int64_t wanted[WORDS * WORDS], got[WORDS * WORDS];
    make_text(ids);
    static const int64_t sizes[] = {1, 2, 10, 40, 100}, steps[] = {1, 7, 100, TEXT};
    for (int kind = 0; kind < 8; kind++) {
        for (int s = 0; s < 5; s++) {
            trn_window_t w;
            trn_window_options_t o = options(sizes[s], kind & 1, kind & 2, kind & 4);
            assert_int_equal(trn_window_init(&w, &o, TEXT), TRN_OK);
            memset(wanted, 0, sizeof wanted);
            trn_window_ref(&w, ids, TEXT, WORDS, wanted);
            for (int p = 0; p < 4; p++) {
                for (int64_t room = steps[p] + 2 * o.size; room < 2 * TEXT; room += 1500) {
                    memset(got, 0, sizeof got);
                    count_in_pieces(&w, ids, steps[p], room, got);
                    assert_memory_equal(got, wanted, sizeof got);
                }
            }
        }
    }
    assert_int_equal(trn_mem_now(), 0);
}

static void cells_add_to_a_row(void **state) {
    (void)state;
    static const trn_cell_t cells[] = {{5, 0, 99}, {7, 0, 3}, {-5, 0, 99}, {1, 0, 3}, {2, 0, 100}};
    trn_row_t *row;
    const int32_t *cols;
    const int64_t *units;
    assert_int_equal(trn_row_create(&row, 101), TRN_OK);
    for (int again = 0; again < 2; again++) { /* a drained row is empty */
        trn_row_add(row, cells, 5);
        assert_int_equal(trn_row_drain(row, &cols, &units), 2);
        assert_int_equal(cols[0], 3);
        assert_int_equal(units[0], 8);
        assert_int_equal(cols[1], 100);
        assert_int_equal(units[1], 2);
    }
    assert_int_equal(trn_row_drain(row, &cols, &units), 0);
    trn_row_destroy(&row);
}

static void values_are_rounded_once(void **state) {
    (void)state;
    trn_window_t w = {.unit = 2520};
    assert_true(trn_window_value(&w, 840) == 1.0 / 3);
    assert_true(trn_window_value(&w, INT64_C(9007199254740991)) == 9007199254740991.0 / 2520);
    w.unit = INT64_C(1) << 32;
    assert_true(trn_window_value(&w, INT64_C(3) << 31) == 1.5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_are_least_common_multiples_while_they_fit),
        cmocka_unit_test(the_slow_count_is_right),
        cmocka_unit_test(pieces_give_the_slow_count),
        cmocka_unit_test(cells_add_to_a_row),
        cmocka_unit_test(values_are_rounded_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
