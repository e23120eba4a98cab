/* A ScaLAPACK descriptor tells who holds what: compared number by number with its own rule. */
#include "mpi/dense/scalapack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void every_number(void **state) {
    (void)state;
    int descriptor[9] = {1, 0, 23, 17, 4, 3, 0, 0, 99};
    trn_dist_t *dist;
    assert_int_equal(trn_scalapack_dist(&dist, descriptor, 2, 3), TRN_OK);
    assert_int_equal(trn_dist_rows(dist), 17);
    assert_int_equal(trn_dist_cols(dist), 23);
    for (int i = 0; i < 23; i++)
        for (int j = 0; j < 17; j++)
            assert_int_equal(trn_dist_owner(dist, j, i), i / 4 % 2 * 3 + j / 3 % 3);
    trn_dist_destroy(&dist);
}

static void refused(void **state) {
    (void)state;
    int descriptor[9] = {1, 0, 23, 17, 4, 3, 0, 0, 99};
    static const int bad[][2] = {{0, 2}, {4, 0}, {6, 1}, {7, 1}, {2, -1}};
    for (int i = 0; i < 5; i++) {
        trn_dist_t *dist;
        int kept = descriptor[bad[i][0]];
        descriptor[bad[i][0]] = bad[i][1];
        assert_int_equal(trn_scalapack_dist(&dist, descriptor, 2, 3), TRN_USAGE);
        assert_null(dist);
        descriptor[bad[i][0]] = kept;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_number), cmocka_unit_test(refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
