/* io/mtx: heads and lines of data, good and bad ones; tests/mpi/matrix_file.c reads whole files. */
#define _GNU_SOURCE
#include "io/formats/mtx.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/trn_mtx_XXXXXX";

static void put(const char *text) {
    FILE *file = fopen(path, "wb");
    fputs(text, file);
    fclose(file);
}

static void says(const char *pattern) {
    if (!strstr(trn_message(), pattern)) fail_msg("'%s' does not say '%s'", trn_message(), pattern);
}

static void good_heads(void **state) {
    (void)state;
    trn_mtx_t mtx;
    put("%%MatrixMarket matrix coordinate real general\n% words\n\n%more\n3 4 2\n1 1 1\n3 4 1");
    assert_int_equal(trn_mtx_open(&mtx, path), TRN_OK);
    assert_false(mtx.array);
    assert_int_equal(mtx.rows, 3);
    assert_int_equal(mtx.cols, 4);
    assert_int_equal(mtx.entries, 2);
    assert_int_equal(mtx.size_line, 5);
    assert_int_equal(mtx.offset, 67);
    put("%%matrixmarket MATRIX Array Integer Skew-Symmetric \r\n 3 3 \r\n1\n2\n3\n");
    assert_int_equal(trn_mtx_open(&mtx, path), TRN_OK);
    assert_true(mtx.array);
    assert_int_equal(mtx.field, TRN_MTX_INTEGER);
    assert_int_equal(mtx.symmetry, TRN_MTX_SKEW);
    assert_int_equal(mtx.entries, 3);
    put("%MatrixMarket matrix coordinate unsigned-integer general\n \t% words\n0 7 0\n");
    assert_int_equal(trn_mtx_open(&mtx, path), TRN_OK);
    assert_int_equal(mtx.field, TRN_MTX_INTEGER);
    assert_int_equal(mtx.rows, 0);
    assert_int_equal(mtx.cols, 7);
    put("%%MatrixMarket matrix coordinate pattern symmetric\n2000000000 2000000000 0\n");
    assert_int_equal(trn_mtx_open(&mtx, path), TRN_OK);
    assert_int_equal(mtx.entries, 0);
}

static void bad_heads(void **state) {
    (void)state;
#define GENERAL "%%MatrixMarket matrix coordinate real general\n"
    static const struct {
        const char *text, *pattern;
    } cases[] = {
        {"", ":1: must be"},
        {"1 2 3\n", ":1: must be"},
        {"%%MatrixMarket vector coordinate real general\n", ":1: must be"},
        {"%%MatrixMarket matrix list real general\n", ":1: must be"},
        {"%%MatrixMarket matrix coordinate real\n", ":1: must be"},
        {"%%MatrixMarket matrix coordinate real general x\n", ":1: must be"},
        {"%%MatrixMarket matrix coordinate complex general\n1 1 0\n", ":1: complex"},
        {"%%MatrixMarket matrix coordinate complex hermitian\n1 1 0\n", ":1: complex"},
        {"%%MatrixMarket matrix coordinate real hermitian\n1 1 0\n", ":1: hermitian"},
        {"%%MatrixMarket matrix array pattern general\n1 1\n", ":1: a pattern cannot be an array"},
        {"%%MatrixMarket matrix coordinate pattern skew-symmetric\n1 1\n", ":1: a pattern cannot"},
        {GENERAL, ":2: the line of sizes is missing"},
        {GENERAL "% x\n%y\n\n", ":5: the line of sizes is missing"},
        {GENERAL "3 4\n", ":2: '3 4' is not the line of sizes"},
        {GENERAL "3 4 5 6\n", ":2: '3 4 5 6' is not the line of sizes"},
        {GENERAL "3 x 5\n", ":2: '3 x 5' is not the line of sizes"},
        {GENERAL "3 4.5 5\n", "is not the line of sizes"},
        {GENERAL "%\n0 4 1\n1 1 1\n", ":3: an empty matrix has no entries"},
        {GENERAL "3 -4 0\n", ":2: sizes must not be negative"},
        {GENERAL "3 4 -1\n", ":2: sizes must not be negative"},
        {"%%%MatrixMarket matrix coordinate real general\n1 1 0\n", ":1: must be"},
        {"MatrixMarket matrix coordinate real general\n1 1 0\n", ":1: must be"},
        {GENERAL "9000000000000000000 9000000000000000000 1\n1 1 1\n", "columns is too large"},
        {GENERAL "99999999999999999999 2 1\n1 1 1\n", "columns is too large"},
        {GENERAL "2 2 9000000000000000000\n1 1 1\n", "entries is too large"},
        {GENERAL "1000000000000000 1 1\n1 1 1\n", "a side is above 2^40"},
        {GENERAL "2 2 1000000000\n1 1 1\n", "1000000000 entries, more than a file of"},
        {"%%MatrixMarket matrix array real general\n3000000000 3000000000\n1\n", "too large"},
        {"%%MatrixMarket matrix array real general\n30000 30000\n1\n", "900000000 entries, more"},
        {"%%MatrixMarket matrix array real symmetric\n3 4\n1\n", ":2: a symmetric matrix must be"},
        {"%%MatrixMarket matrix array real general\n3 4 12\n1\n", "rows and columns"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        trn_mtx_t mtx;
        put(cases[i].text);
        if (trn_mtx_open(&mtx, path) != TRN_INPUT) fail_msg("taken: %s", cases[i].text);
        says(cases[i].pattern);
        says(path);
    }
    trn_mtx_t mtx;
    unlink(path);
    assert_int_equal(trn_mtx_open(&mtx, path), TRN_INPUT);
    says("cannot open");
}

static const trn_mtx_t real = {.rows = 10, .cols = 20};
static const trn_mtx_t integer = {.rows = 10, .cols = 20, .field = TRN_MTX_INTEGER, .digits = 53};
static const trn_mtx_t single = {.rows = 10, .cols = 20, .field = TRN_MTX_INTEGER, .digits = 24};
static const trn_mtx_t rounded = {
    .rows = 10, .cols = 20, .field = TRN_MTX_INTEGER, .digits = 53, .lossy = true};
static const trn_mtx_t pattern = {.rows = 10, .cols = 20, .field = TRN_MTX_PATTERN};
static const trn_mtx_t symmetric = {.rows = 10, .cols = 10, .symmetry = TRN_MTX_SYMMETRIC};
static const trn_mtx_t skew = {.rows = 10, .cols = 10, .symmetry = TRN_MTX_SKEW};
static const trn_mtx_t array = {.array = true, .rows = 10, .cols = 10};

static void good_lines(void **state) {
    (void)state;
    static const struct {
        const trn_mtx_t *mtx;
        const char *line;
        int64_t row, col;
        double value;
    } cases[] = {
        {&real, "1 1 2.5", 0, 0, 2.5},
        {&real, " 10\t20   -1e-3 \r", 9, 19, -1e-3},
        {&real, "2 3 inf", 1, 2, (double)INFINITY},
        {&integer, "2 3 -7", 1, 2, -7},
        {&integer, "2 3 +9007199254740992", 1, 2, 0x1p53},
        {&integer, "2 3 18446744073709549568", 1, 2, 0x1.fffffffffffffp63},
        {&single, "2 3 -16777216", 1, 2, -16777216},
        {&pattern, "2 3", 1, 2, 1},
        {&symmetric, "5 5 1", 4, 4, 1},
        {&symmetric, "5 4 1", 4, 3, 1},
        {&skew, "5 4 1", 4, 3, 1},
        {&symmetric, "4 5 1", 3, 4, 1},
        {&skew, "4 5 1", 3, 4, 1},
        {&array, " .5 ", 7, 8, .5}, /* row and column stay as they were */
    };
    trn_triplet_t entry;
    bool held;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        entry = (trn_triplet_t){7, 8, 9};
        assert_int_equal(trn_mtx_parse(cases[i].mtx, cases[i].line, &entry, &held), TRN_OK);
        assert_true(held);
        assert_int_equal(entry.row, cases[i].row);
        assert_int_equal(entry.col, cases[i].col);
        assert_true(entry.value == cases[i].value);
    }
    assert_int_equal(trn_mtx_parse(&real, "1 1 NaN", &entry, &held), TRN_OK);
    assert_true(isnan(entry.value));
    assert_int_equal(trn_mtx_parse(&rounded, "1 1 9007199254740993", &entry, &held), TRN_OK);
    assert_true(entry.value == 0x1p53 && !held);
}

static void bad_lines(void **state) {
    (void)state;
    static const struct {
        const trn_mtx_t *mtx;
        const char *line, *pattern;
    } cases[] = {
        {&real, "0 1 1", "the row, 0, is not between 1 and 10"},
        {&real, "-3 1 1", "the row, -3, is not between 1 and 10"},
        {&real, "11 1 1", "the row, 11, is not between 1 and 10"},
        {&real, "1 21 1", "the column, 21, is not between 1 and 20"},
        {&real, "1 99999999999999999999999 1", "is not between 1 and 20"},
        {&real, "1.5 1 1", "the row, '1.5', is not a number"},
        {&real, "1 x 1", "the column, 'x', is not a number"},
        {&real, "1", "the column is missing"},
        {&real, "1 2", "the value is missing"},
        {&real, "1 2 one", "the value, 'one', is not a number"},
        {&real, "1 2 1.5f", "the value, '1.5f', is not a number"},
        {&real, "1 2 0x1p3", "the value, '0x1p3', is not a number"},
        {&real, "1 2 3 4", "'4' after the value"},
        {&integer, "1 2 3.5", "the value, '3.5', is not a whole number"},
        {&integer, "1 2 nan", "the value, 'nan', is not a whole number"},
        {&pattern, "1 2 3", "'3' after the column"},
        {&integer, "1 2 9007199254740993", "9007199254740993, is a whole number that float64"},
        {&integer, "1 2 -99999999999999999999999", "that float64 cannot hold"},
        {&single, "1 2 16777217", "16777217, is a whole number that float32 cannot hold"},
        {&skew, "4 4 1", "entry (4, 4) lies on the diagonal"},
        {&array, "1 2", "'2' after the value"},
        {&array, "one", "the value, 'one', is not a number"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        trn_triplet_t entry;
        bool held;
        assert_int_equal(trn_mtx_parse(cases[i].mtx, cases[i].line, &entry, &held), TRN_INPUT);
        says(cases[i].pattern);
    }
}

static int create(void **state) {
    (void)state;
    int file = mkstemp(path);
    return file < 0 ? -1 : close(file);
}

static int destroy(void **state) {
    (void)state;
    unlink(path);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_heads),
        cmocka_unit_test(bad_heads),
        cmocka_unit_test(good_lines),
        cmocka_unit_test(bad_lines),
    };
    return cmocka_run_group_tests(tests, create, destroy);
}
