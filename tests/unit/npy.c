/* io/npy: every layout that NumPy writes gives the same numbers; everything else is refused. */
#define _GNU_SOURCE
#include "io/formats/npy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

static char path[] = "/tmp/trn_npy_XXXXXX";

enum { ROWS = 5, COLS = 3 };

static void put(FILE *file, double value, char kind, int size, bool big) {
    unsigned char bytes[8];
    float narrow = (float)value;
    int64_t whole = (int64_t)value;
    uint16_t half = trn_half_of(value);
    const void *from = size == 2 ? (void *)&half : size == 4 ? (void *)&narrow : (void *)&value;
    memcpy(bytes, kind == 'f' ? from : &whole, (size_t)size);
    for (int i = 0; i < size; i++) /* this test runs on little-endian machines, as we do */
        fputc(bytes[big ? size - 1 - i : i], file);
}

/* A file of the given version, dictionary and element values 1, 2, ... in file order.
 * Floating-point ones have a 2^-40 more, which float32 cannot hold; signed ones are negative. */
static double value_of(char kind, int64_t i) {
    return kind == 'f'   ? (double)(i + 1) + 0x1p-40
           : kind == 'i' ? -(double)(i + 1)
           : kind == 'b' ? (double)(i % 3 == 0)
                         : (double)(i + 1);
}

static void make_of(int version, const char *dictionary, int64_t count, char kind, int size,
                    bool big) {
    FILE *file = fopen(path, "wb");
    size_t start = version == 1 ? 10 : 12, length = strlen(dictionary) + 1;
    size_t padded = (start + length + 63) / 64 * 64 - start;
    fwrite("\x93NUMPY", 1, 6, file);
    fputc(version, file);
    fputc(0, file);
    for (size_t i = 0; i < start - 8; i++)
        fputc((int)(padded >> 8 * i & 255), file);
    fprintf(file, "%-*s\n", (int)padded - 1, dictionary);
    for (int64_t i = 0; i < count; i++)
        put(file, value_of(kind, i), kind, size, big);
    fclose(file);
}

static void make(int version, const char *dictionary, int64_t count, int size, bool big) {
    make_of(version, dictionary, count, 'f', size, big);
}

/* What a file of these elements holds of a value. */
static double rounded(double value, char kind, int size) {
    return kind != 'f' || size == 8 ? value
           : size == 4              ? (double)(float)value
                                    : trn_half_to(trn_half_of(value));
}

static void check(char kind, int size, bool fortran) {
    trn_npy_t npy;
    float values[ROWS * COLS];
    double wide[ROWS * COLS];
    trn_misfit_t misfit = {0};
    assert_int_equal(trn_npy_open(&npy, path), TRN_OK);
    assert_int_equal(npy.rows, ROWS);
    assert_int_equal(npy.cols, COLS);
    bool narrow = kind == 'f' ? size <= 4 : size <= 2;
    assert_int_equal(trn_npy_type(&npy), narrow ? TRN_MATRIX_F32 : TRN_MATRIX_F64);
    for (int64_t first = 0; first < ROWS; first++) {
        int64_t rows = ROWS - first;
        assert_int_equal(trn_npy_read(&npy, path, first, rows, TRN_F32, values, &misfit), TRN_OK);
        assert_int_equal(trn_npy_read(&npy, path, first, rows, TRN_F64, wide, &misfit), TRN_OK);
        for (int64_t i = first; i < ROWS; i++)
            for (int64_t j = 0; j < COLS; j++) {
                double wanted = value_of(kind, fortran ? j * ROWS + i : i * COLS + j);
                int64_t at = (i - first) * COLS + j;
                assert_true(values[at] == (float)rounded(wanted, kind, size));
                assert_true(wide[at] == rounded(wanted, kind, size));
            }
    }
    assert_int_equal(misfit.count, 0);
}

static void reads_all_layouts(void **state) {
    (void)state;
    for (int version = 1; version <= 3; version++)
        for (int big = 0; big < 2; big++)
            for (int size = 2; size <= 8; size *= 2)
                for (int fortran = 0; fortran < 2; fortran++) {
                    char dictionary[128];
                    snprintf(dictionary, sizeof dictionary,
                             "{'descr': '%cf%d', 'fortran_order': %s, 'shape': (5, 3), }",
                             big ? '>' : '<', size, fortran ? "True" : "False");
                    make(version, dictionary, ROWS * COLS, size, big);
                    check('f', size, fortran);
                }
}

/* The file as it is, packed by gzip in the same place. */
static void pack(void) {
    static char bytes[4096];
    FILE *file = fopen(path, "rb");
    unsigned length = (unsigned)fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    gzFile packed = gzopen(path, "wb");
    assert_int_equal(gzwrite(packed, bytes, length), length);
    gzclose(packed);
}

static void reads_compressed(void **state) {
    (void)state;
    make(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (5, 3), }", ROWS * COLS, 4, false);
    pack();
    check('f', 4, false);
    make(1, "{'descr': '>f8', 'fortran_order': True, 'shape': (5, 3), }", ROWS * COLS, 8, true);
    pack();
    check('f', 8, true);
    float values[ROWS * COLS];
    trn_npy_t npy;
    trn_misfit_t misfit = {0};
    for (int64_t count = 14; count <= 16; count += 2) { /* one too few, one too many */
        make(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (5, 3), }", count, 4, false);
        pack();
        assert_int_equal(trn_npy_open(&npy, path), TRN_OK);
        assert_int_equal(trn_npy_read(&npy, path, 0, 5, TRN_F32, values, &misfit), TRN_INPUT);
        assert_non_null(strstr(trn_message(), count < 15 ? "truncated" : "more bytes follow"));
    }
}

static void reads_empty_and_old(void **state) {
    (void)state;
    trn_npy_t npy;
    make(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3), }", 0, 4, false);
    assert_int_equal(trn_npy_open(&npy, path), TRN_OK);
    assert_true(npy.rows == 0 && npy.cols == 3);
    make(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (5L, 3L), }", 15, 4, false);
    check('f', 4, false);
    make(1, "{\"descr\": '<f4', 'fortran_order': False, 'shape': (5,3,), }", 15, 4, false);
    assert_int_equal(trn_npy_open(&npy, path), TRN_INPUT);
    make(1, "{'descr': \"<f4\", 'fortran_order': False, 'shape': (5,3,), }", 15, 4, false);
    check('f', 4, false);
}

static void counts_what_does_not_fit(void **state) {
    (void)state;
    static const int64_t large[6] = {1, 2, 3, 4, (INT64_C(1) << 53) + 1, (INT64_C(1) << 24) + 1};
    trn_npy_t npy;
    double wide[6];
    float narrow[6];
    for (int fortran = 0; fortran < 2; fortran++) {
        char dictionary[128];
        snprintf(dictionary, sizeof dictionary,
                 "{'descr': '<i8', 'fortran_order': %s, 'shape': (2, 3), }",
                 fortran ? "True" : "False");
        make_of(1, dictionary, 0, 'i', 8, false);
        FILE *file = fopen(path, "ab");
        fwrite(large, 8, 6, file);
        fclose(file);
        trn_misfit_t misfit = {0};
        assert_int_equal(trn_npy_open(&npy, path), TRN_OK);
        assert_int_equal(trn_npy_read(&npy, path, 0, 2, TRN_F64, wide, &misfit), TRN_OK);
        assert_int_equal(misfit.count, 1);
        assert_int_equal(misfit.first, fortran ? 2 : 4); /* row 0, column 2; row 1, column 1 */
        misfit = (trn_misfit_t){0};
        assert_int_equal(trn_npy_read(&npy, path, 1, 1, TRN_F32, narrow, &misfit), TRN_OK);
        assert_int_equal(misfit.count, fortran ? 1 : 2);
        assert_int_equal(misfit.first, fortran ? 5 : 4);
    }
}

static void reads_integers(void **state) {
    (void)state;
    for (const char *kind = "iub"; *kind; kind++)
        for (int size = 1; size <= (*kind == 'b' ? 1 : 8); size *= 2)
            for (int big = 0; big < 2; big++) {
                char dictionary[128];
                snprintf(dictionary, sizeof dictionary,
                         "{'descr': '%c%c%d', 'fortran_order': False, 'shape': (5, 3), }",
                         size == 1 ? '|'
                         : big     ? '>'
                                   : '<',
                         *kind, size);
                make_of(1, dictionary, ROWS * COLS, *kind, size, big);
                check(*kind, size, false);
            }
}

static void refused(const char *pattern) {
    trn_npy_t npy;
    assert_int_equal(trn_npy_open(&npy, path), TRN_INPUT);
    if (!strstr(trn_message(), pattern) || !strstr(trn_message(), path))
        fail_msg("'%s' does not say '%s'", trn_message(), pattern);
}

#define DICTIONARY(descr, order, shape)                                                            \
    "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape "}"

/* Numbers in a row are a column. */
static void takes_a_line(void **state) {
    (void)state;
    trn_npy_t npy;
    make(1, DICTIONARY("'<f4'", "False", "(15,)"), 15, 4, false);
    assert_int_equal(trn_npy_open(&npy, path), TRN_OK);
    assert_int_equal(npy.rows, 15);
    assert_int_equal(npy.cols, 1);
}

static void refuses(void **state) {
    (void)state;
    make(1, DICTIONARY("'|O'", "False", "(5, 3)"), 15, 8, false);
    refused("descr");
    make(1, DICTIONARY("'<c8'", "False", "(5, 3)"), 15, 8, false);
    refused("descr: the elements are complex numbers, neither");
    make(1, DICTIONARY("'<f16'", "False", "(5, 3)"), 15, 4, false);
    refused("floats of another size");
    make(1, DICTIONARY("'<U\x80\x1b[31m7'", "False", "(5, 3)"), 15, 4, false);
    refused("the elements are text, neither");
    make(1, DICTIONARY("'\x1b'", "False", "(5, 3)"), 15, 4, false);
    refused("of an unknown type, neither");
    make(1, DICTIONARY("[('a', '<f4')]", "False", "(5, 3)"), 15, 4, false);
    refused("descr: the elements are records of several fields");
    make(1, DICTIONARY("'<f4'", "False", "(5, 3, 1)"), 15, 4, false);
    refused("two-dimensional");
    make(1, DICTIONARY("'<f4'", "False", "(-5, 3)"), 15, 4, false);
    refused("shape: ( is neither one- nor two-dimensional");
    make(1, DICTIONARY("'<f4'", "False", "(5, 3\x1b)"), 15, 4, false);
    refused("shape: (5, 3 is neither one- nor two-dimensional");
    make(1, DICTIONARY("'<f8'", "False", "(2305843009213693956,)"), 4, 8,
         false); /* 2^61 + 4: 32 bytes modulo 2^64 */
    refused("too large");
    make(1, DICTIONARY("'<f4'", "False", "(99999999999, 99999999999)"), 15, 4, false);
    refused("too large");
    make(1, DICTIONARY("'<f4'", "Perhaps", "(5, 3)"), 15, 4, false);
    refused("fortran_order");
    make(1, DICTIONARY("'<f4'", "False", "(5, 3)"), 14, 4, false);
    refused("needs 60 bytes");
    make(1, DICTIONARY("'<f4'", "False", "(5, 3)"), 16, 4, false);
    refused("needs 60 bytes");
    make(4, DICTIONARY("'<f4'", "False", "(5, 3)"), 15, 4, false);
    refused("version 4");
    make(1, DICTIONARY("'<f4'", "False", "(5, 3)"), 15, 4, false);
    assert_int_equal(truncate(path, 40), 0);
    refused("header");
    assert_int_equal(truncate(path, 5), 0);
    refused("too short");
    assert_int_equal(truncate(path, 0), 0);
    refused("too short");
    FILE *file = fopen(path, "wb");
    fputs("this is some other kind of file", file);
    fclose(file);
    refused("not a .npy file");
    unlink(path);
    refused("cannot open");
}

static void writes_headers(void **state) {
    (void)state;
    char header[TRN_NPY_HEADER];
    for (int size = 4; size <= 8; size += 4) {
        trn_npy_header(size == 4 ? TRN_F32 : TRN_F64, ROWS, COLS, header);
        FILE *file = fopen(path, "wb");
        fwrite(header, 1, TRN_NPY_HEADER, file);
        for (int i = 0; i < ROWS * COLS; i++)
            put(file, value_of('f', i), 'f', size, false);
        fclose(file);
        check('f', size, false);
    }
    trn_npy_header(TRN_F64, INT64_MAX, INT64_MAX, header); /* the longest there is fits */
    assert_int_equal(header[TRN_NPY_HEADER - 1], '\n');
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
        cmocka_unit_test(reads_all_layouts),
        cmocka_unit_test(reads_integers),
        cmocka_unit_test(reads_compressed),
        cmocka_unit_test(reads_empty_and_old),
        cmocka_unit_test(counts_what_does_not_fit),
        cmocka_unit_test(writes_headers),
        cmocka_unit_test(takes_a_line),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, create, destroy);
}
