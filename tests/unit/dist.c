/* Who owns what: every item just once, in order, whatever the numbers. */
#include "mpi/dist.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void parts_cover_evenly(void **state) {
    (void)state;
    for (int64_t items = 0; items < 60; items++)
        for (int64_t parts = 1; parts < 20; parts++) {
            assert_int_equal(trn_part_start(items, parts, 0), 0);
            assert_int_equal(trn_part_start(items, parts, parts), items);
            for (int64_t part = 0; part < parts; part++) {
                int64_t first = trn_part_start(items, parts, part);
                int64_t end = trn_part_start(items, parts, part + 1);
                assert_in_range(end - first, items / parts, items / parts + 1);
                for (int64_t item = first; item < end; item++)
                    assert_int_equal(trn_part_of(items, parts, item), part);
            }
        }
}

static void parts_of_huge_numbers(void **state) {
    (void)state;
    int64_t items = (int64_t)1 << 62, parts = 1000003;
    assert_int_equal(trn_part_start(items, parts, parts), items);
    for (int64_t part = 0; part < parts; part += 99991) {
        int64_t first = trn_part_start(items, parts, part);
        assert_int_equal(trn_part_of(items, parts, first), part);
        if (part) assert_int_equal(trn_part_of(items, parts, first - 1), part - 1);
    }
}

static void even_cut(void **state) {
    (void)state;
    trn_dist_t *dist;
    assert_int_equal(trn_dist_create(&dist, 10, 7, 4, 3), TRN_OK);
    assert_int_equal(trn_dist_rows(dist), 10);
    assert_int_equal(trn_dist_cols(dist), 7);
    assert_int_equal(trn_dist_row_parts(dist), 4);
    assert_int_equal(trn_dist_col_parts(dist), 3);
    for (int64_t part = 0; part <= 4; part++)
        assert_int_equal(trn_dist_row_start(dist, part), trn_part_start(10, 4, part));
    for (int64_t row = 0; row < 10; row++)
        assert_int_equal(trn_dist_row_owner(dist, row), trn_part_of(10, 4, row));
    for (int64_t col = 0; col < 7; col++)
        assert_int_equal(trn_dist_col_owner(dist, col), trn_part_of(7, 3, col));
    trn_dist_destroy(&dist);
    assert_null(dist);
    trn_dist_destroy(&dist);
}

/* Empty parts own nothing, wherever they lie. */
static void given_cut(void **state) {
    (void)state;
    static const int64_t rows[] = {0, 0, 3, 3, 3, 8, 8}, cols[] = {0, 2};
    static const int64_t owner[] = {1, 1, 1, 4, 4, 4, 4, 4};
    trn_dist_t *dist;
    assert_int_equal(trn_dist_create_at(&dist, 6, rows, 1, cols), TRN_OK);
    assert_int_equal(trn_dist_rows(dist), 8);
    assert_int_equal(trn_dist_cols(dist), 2);
    for (int64_t row = 0; row < 8; row++)
        assert_int_equal(trn_dist_row_owner(dist, row), owner[row]);
    trn_dist_destroy(&dist);
}

/* Laid out in a checked way: what a rank holds, by the walks, against who owns each number. */

enum { MOST = 40 };

static bool holds_row(const trn_dist_t *dist, int rank, int64_t row) {
    for (int64_t col = 0; col < trn_dist_cols(dist); col++)
        if (trn_dist_owner(dist, row, col) == rank) return true;
    return false;
}

static bool holds_col(const trn_dist_t *dist, int rank, int64_t col) {
    for (int64_t row = 0; row < trn_dist_rows(dist); row++)
        if (trn_dist_owner(dist, row, col) == rank) return true;
    return false;
}

/* The walk passes the marked items in order, each stretch whole. Returns how many there are. */
static int64_t check_walk(trn_spans_t spans, const bool *marked, int64_t items) {
    trn_span_t span;
    int64_t item = 0, local = 0;
    while (trn_spans_next(&spans, &span)) {
        for (; item < span.first; item++)
            assert_false(marked[item]);
        assert_true(span.count > 0);
        assert_int_equal(span.local, local);
        for (; item < span.first + span.count; item++, local++)
            assert_true(marked[item]);
        assert_true(item <= items);
        if (item < items) assert_false(marked[item]); /* as long as can be */
    }
    for (; item < items; item++)
        assert_false(marked[item]);
    assert_false(trn_spans_next(&spans, &span));
    return local;
}

static void check_shares(const trn_dist_t *dist) {
    int64_t rows = trn_dist_rows(dist), cols = trn_dist_cols(dist), numbers = 0;
    for (int rank = 0; rank <= trn_dist_ranks(dist); rank++) {
        bool row_marked[MOST] = {0}, col_marked[MOST] = {0};
        for (int64_t row = 0; row < rows; row++)
            row_marked[row] = holds_row(dist, rank, row);
        for (int64_t col = 0; col < cols; col++)
            col_marked[col] = holds_col(dist, rank, col);
        int64_t held_rows = trn_dist_local_rows(dist, rank);
        int64_t held_cols = trn_dist_local_cols(dist, rank);
        if (held_rows > 0 && held_cols > 0) { /* else the walk of one side may say anything */
            assert_int_equal(check_walk(trn_dist_row_spans(dist, rank), row_marked, rows),
                             held_rows);
            assert_int_equal(check_walk(trn_dist_col_spans(dist, rank), col_marked, cols),
                             held_cols);
        }
        numbers += held_rows * held_cols;
    }
    assert_int_equal(numbers, rows * cols);
}

static int64_t missing_by_hand(const trn_dist_t *from, const trn_dist_t *to, int rank) {
    int64_t missing = 0;
    for (int64_t row = 0; row < trn_dist_rows(to); row++)
        for (int64_t col = 0; col < trn_dist_cols(to); col++)
            missing +=
                trn_dist_owner(to, row, col) == rank && trn_dist_owner(from, row, col) != rank;
    return missing;
}

/* All parts of all of them are checked: shares, transposes, slices. */
static void check(const trn_dist_t *dist) {
    trn_dist_t *turned, *slice;
    check_shares(dist);
    assert_int_equal(trn_dist_transpose(&turned, dist), TRN_OK);
    assert_int_equal(trn_dist_rows(turned), trn_dist_cols(dist));
    check_shares(turned);
    for (int64_t row = 0; row < trn_dist_rows(dist); row++)
        for (int64_t col = 0; col < trn_dist_cols(dist); col++)
            assert_int_equal(trn_dist_owner(turned, col, row), trn_dist_owner(dist, row, col));
    trn_dist_destroy(&turned);
    int64_t first_row = trn_dist_rows(dist) / 3, first_col = trn_dist_cols(dist) / 4;
    int64_t rows = trn_dist_rows(dist) / 2, cols = trn_dist_cols(dist) - first_col;
    assert_int_equal(trn_dist_slice(&slice, dist, first_row, rows, first_col, cols), TRN_OK);
    assert_int_equal(trn_dist_rows(slice), rows);
    assert_int_equal(trn_dist_cols(slice), cols);
    check_shares(slice);
    for (int64_t row = 0; row < rows; row++)
        for (int64_t col = 0; col < cols; col++)
            assert_int_equal(trn_dist_owner(slice, row, col),
                             trn_dist_owner(dist, first_row + row, first_col + col));
    trn_dist_destroy(&slice);
}

static void block_cyclic(void **state) {
    (void)state;
    for (int block = 1; block < 9; block++)
        for (int grid = 1; grid < 4; grid++) {
            trn_dist_t *dist;
            int64_t rows = 37 - block, cols = 20 + grid;
            assert_int_equal(
                trn_dist_create_cyclic(&dist, rows, cols, block, 9 - block, grid, 4 - grid),
                TRN_OK);
            assert_int_equal(trn_dist_ranks(dist), grid * (4 - grid));
            for (int64_t row = 0; row < rows; row++)
                for (int64_t col = 0; col < cols; col++)
                    assert_int_equal(trn_dist_owner(dist, row, col),
                                     row / block % grid * (4 - grid) +
                                         col / (9 - block) % (4 - grid));
            check(dist);
            trn_dist_destroy(&dist);
        }
}

/* Cannon's skew on 3 x 2 ranks, a rank with two row classes, an empty part. */
static void mapped(void **state) {
    (void)state;
    static const int64_t rows[] = {0, 5, 5, 9, 12}, row_class[] = {2, 1, 0, 2};
    static const int64_t cols[] = {0, 3, 7, 8, 11}, col_class[] = {0, 1, 0, 1};
    static const int skewed[] = {0, 1, 3, 2, 4, 5}, joined[] = {3, 0, 3, 0, 1, 2};
    const trn_cut_t row = {4, rows, 3, row_class}, col = {4, cols, 2, col_class};
    trn_dist_t *a, *b;
    assert_int_equal(trn_dist_create_mapped(&a, &row, &col, skewed), TRN_OK);
    assert_int_equal(trn_dist_create_mapped(&b, &row, &col, joined), TRN_OK);
    assert_int_equal(trn_dist_owner(a, 0, 0), 4);
    assert_int_equal(trn_dist_owner(a, 5, 3), 1);
    assert_int_equal(trn_dist_owner(b, 6, 7), 3);
    assert_int_equal(trn_dist_local_rows(b, 3), 4); /* class 1 is empty */
    assert_int_equal(trn_dist_class_owner(a, 1, 0), 3);
    assert_int_equal(trn_dist_row_cut(a).classes, 3);
    assert_int_equal(trn_dist_col_cut(a).start[3], 8);
    check(a);
    check(b);
    trn_dist_destroy(&a);
    trn_dist_destroy(&b);
}

static void what_moves(void **state) {
    (void)state;
    trn_dist_t *dist[4];
    static const int64_t row_start[] = {0, 0, 3, 31}, col_start[] = {0, 23};
    assert_int_equal(trn_dist_create(&dist[0], 31, 23, 3, 1), TRN_OK);
    assert_int_equal(trn_dist_create(&dist[1], 31, 23, 2, 3), TRN_OK);
    assert_int_equal(trn_dist_create_cyclic(&dist[2], 31, 23, 3, 4, 2, 2), TRN_OK);
    assert_int_equal(trn_dist_create_at(&dist[3], 3, row_start, 1, col_start), TRN_OK);
    for (int a = 0; a < 4; a++)
        for (int b = 0; b < 4; b++)
            for (int rank = 0; rank < 7; rank++)
                assert_int_equal(trn_dist_missing(dist[a], dist[b], rank),
                                 missing_by_hand(dist[a], dist[b], rank));
    for (int a = 0; a < 4; a++)
        trn_dist_destroy(&dist[a]);
}

/* Ranks of a group hold what any of them held; a rank in none holds nothing. */
static void gathered(void **state) {
    (void)state;
    static const int group[] = {0, 1, 0, 1, 2, -1, 0}; /* rank 6 had nothing of its own */
    trn_dist_t *dist, *copies;
    assert_int_equal(trn_dist_create_cyclic(&dist, 30, 20, 2, 20, 6, 1), TRN_OK);
    assert_int_equal(trn_dist_gathered(&copies, dist, 7, group), TRN_OK);
    assert_int_equal(trn_dist_ranks(copies), 7);
    for (int rank = 0; rank < 7; rank++) {
        bool marked[30] = {0}, all[20];
        for (int64_t row = 0; row < 30; row++)
            marked[row] = group[rank] >= 0 && group[trn_dist_owner(dist, row, 0)] == group[rank];
        for (int64_t col = 0; col < 20; col++)
            all[col] = group[rank] >= 0;
        check_walk(trn_dist_row_spans(copies, rank), marked, 30);
        check_walk(trn_dist_col_spans(copies, rank), all, 20);
        int64_t held = trn_dist_local_rows(copies, rank) * trn_dist_local_cols(copies, rank);
        int64_t had = rank < 6 && group[rank] >= 0 ? trn_dist_local_rows(dist, rank) * 20 : 0;
        assert_int_equal(trn_dist_missing(dist, copies, rank), held - had);
    }
    trn_dist_destroy(&copies);
    trn_dist_destroy(&dist);
}

static void refused(void **state) {
    (void)state;
    static const int64_t falls[] = {0, 4, 3}, late[] = {1, 4}, good[] = {0, 4},
                         halves[] = {0, 2, 4};
    static const int no_product[] = {0, 0, 0, 1}, nobody[] = {0, 1, -1, 2},
                     diagonal[] = {0, 1, 1, 0};
    static const int64_t beyond[] = {0, 2};
    const trn_cut_t cut = {2, halves, 2, NULL}, outside = {2, halves, 2, beyond};
    trn_dist_t *dist, *grid;
    assert_int_equal(trn_dist_create(&dist, -1, 1, 1, 1), TRN_USAGE);
    assert_int_equal(trn_dist_create(&dist, 1, 1, 1, 0), TRN_USAGE);
    assert_int_equal(trn_dist_create_at(&dist, 2, falls, 1, good), TRN_USAGE);
    assert_int_equal(trn_dist_create_at(&dist, 1, good, 1, late), TRN_USAGE);
    assert_int_equal(trn_dist_create_cyclic(&dist, 4, 4, 0, 1, 1, 1), TRN_USAGE);
    assert_int_equal(trn_dist_create_cyclic(&dist, 4, 4, 1, 1, 1, 0), TRN_USAGE);
    assert_int_equal(trn_dist_create_cyclic(&dist, -4, 4, 1, 1, 1, 1), TRN_USAGE);
    assert_int_equal(trn_dist_create_mapped(&dist, &cut, &cut, no_product), TRN_USAGE);
    assert_int_equal(trn_dist_create_mapped(&dist, &cut, &cut, nobody), TRN_USAGE);
    assert_int_equal(trn_dist_create_mapped(&dist, &cut, &outside, (int[]){0, 1, 2, 3}), TRN_USAGE);
    assert_null(dist);
    assert_int_equal(trn_dist_create_mapped(&dist, &cut, &cut, diagonal), TRN_USAGE);
    assert_null(dist);
    assert_int_equal(trn_dist_create(&grid, 4, 4, 2, 2), TRN_OK);
    assert_int_equal(trn_dist_gathered(&dist, grid, 4, (int[]){0, 1, 1, 0}), TRN_USAGE);
    assert_null(dist);
    trn_dist_destroy(&grid);
    assert_int_equal(trn_mem_now(), 0);
}

/* Make every kind, until one fails. */
static trn_status_t make(void) {
    trn_dist_t *dist[5] = {0};
    trn_status_t status = trn_dist_create(&dist[0], 10, 10, 2, 2);
    if (status == TRN_OK) status = trn_dist_create_cyclic(&dist[1], 10, 10, 2, 3, 2, 2);
    if (status == TRN_OK) status = trn_dist_transpose(&dist[2], dist[1]);
    if (status == TRN_OK) status = trn_dist_slice(&dist[3], dist[1], 1, 8, 2, 7);
    if (status == TRN_OK) status = trn_dist_gathered(&dist[4], dist[0], 4, (int[]){0, 0, 1, 1});
    for (int i = 0; i < 5; i++)
        trn_dist_destroy(&dist[i]);
    return status;
}

static void memory_failure(void **state) {
    (void)state;
    int64_t calls = trn_mem_calls();
    assert_int_equal(make(), TRN_OK);
    calls = trn_mem_calls() - calls;
    for (int64_t n = 1; n <= calls; n++) {
        trn_mem_fail_at(n);
        assert_int_equal(make(), TRN_MEMORY);
        trn_mem_fail_at(0);
        assert_int_equal(trn_mem_now(), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_cover_evenly),
        cmocka_unit_test(parts_of_huge_numbers),
        cmocka_unit_test(even_cut),
        cmocka_unit_test(given_cut),
        cmocka_unit_test(block_cyclic),
        cmocka_unit_test(mapped),
        cmocka_unit_test(what_moves),
        cmocka_unit_test(gathered),
        cmocka_unit_test(refused),
        cmocka_unit_test(memory_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
