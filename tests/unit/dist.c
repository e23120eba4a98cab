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

static void refused(void **state) {
    (void)state;
    static const int64_t falls[] = {0, 4, 3}, late[] = {1, 4}, good[] = {0, 4};
    trn_dist_t *dist;
    assert_int_equal(trn_dist_create(&dist, -1, 1, 1, 1), TRN_USAGE);
    assert_int_equal(trn_dist_create(&dist, 1, 1, 1, 0), TRN_USAGE);
    assert_int_equal(trn_dist_create_at(&dist, 2, falls, 1, good), TRN_USAGE);
    assert_int_equal(trn_dist_create_at(&dist, 1, good, 1, late), TRN_USAGE);
    assert_null(dist);
    assert_int_equal(trn_mem_now(), 0);
}

static void memory_failure(void **state) {
    (void)state;
    trn_dist_t *dist;
    for (int64_t n = 1; n <= 3; n++) {
        trn_mem_fail_at(n);
        assert_int_equal(trn_dist_create(&dist, 10, 10, 2, 2), TRN_MEMORY);
        trn_mem_fail_at(0);
        assert_null(dist);
        assert_int_equal(trn_mem_now(), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_cover_evenly),
        cmocka_unit_test(parts_of_huge_numbers),
        cmocka_unit_test(even_cut),
        cmocka_unit_test(given_cut),
        cmocka_unit_test(refused),
        cmocka_unit_test(memory_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
