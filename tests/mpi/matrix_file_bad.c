/* Bad matrix files must be refused on all ranks alike, with the right line, whoever reads it. */
#define _GNU_SOURCE
#include "algo/matrix/matrix_file.h"
#include "io/store/store.h"
#include "matrix_sample.h"

#include <string.h>

static trn_status_t load_any(const char *path) {
    trn_matrix_info_t info;
    trn_sparse_t *sparse = NULL;
    trn_matrix_t *matrix = NULL;
    TRN_TRY(trn_matrix_file_probe(comm, path, &info));
    trn_dist_t *dist = bands(0, info.rows, info.cols);
    trn_status_t status =
        info.sparse ? trn_sparse_file_load(comm, path, &info, TRN_SPARSE_F32, dist, &sparse)
                    : trn_matrix_file_load(comm, path, &info, TRN_MATRIX_F32, dist, &matrix);
    trn_sparse_destroy(&sparse);
    trn_matrix_destroy(&matrix);
    trn_dist_destroy(&dist);
    if (info.routed && status == TRN_OK) CHECK_OK(verify_file(path));
    return status;
}

static void check_bad(const char *path, trn_status_t wanted, const char *pattern) {
    int64_t before = trn_mem_now();
    CHECK_EQUAL(load_any(path), wanted);
    char text[400];
    snprintf(text, sizeof text, "'%s' does not say '%s'", trn_message(), pattern);
    harness_check(strstr(trn_message(), pattern) && strstr(trn_message(), path), __FILE__, __LINE__,
                  text);
    CHECK_EQUAL(trn_mem_now(), before);
}

/* One bad line among 3000, near the begin, in the middle and at the end, behind comments. */
static void bad_lines(void) {
    enum { LINES = 3000, LINE = 16 };
    static const char *const bad[] = {"0 1 1", "1 -1 1", "51 1 1", "1 51 1", "1 1 x", "1 1", "7"};
    static const int64_t at[] = {0, 1, LINES / 2, LINES - 2, LINES - 1};
    const char *path = in_folder("bad.mtx");
    char *text = malloc(200 + LINES * LINE);
    for (int b = 0; b < 7; b++)
        for (int a = 0; a < 5; a++) {
            char *to = text, pattern[32];
            to += sprintf(
                to, "%%%%MatrixMarket matrix coordinate real general\n%% one\n\n50 50 %d\n", LINES);
            for (int64_t i = 0; i < LINES; i++)
                to += i == at[a] ? sprintf(to, "%s\n", bad[b])
                                 : sprintf(to, "%d %d %d.5\n", (int)(i % 50) + 1, (int)(i / 60) + 1,
                                           (int)i);
            put(path, text);
            snprintf(pattern, sizeof pattern, "bad.mtx:%d: the ", (int)at[a] + 5);
            check_bad(path, TRN_INPUT, pattern);
        }
    free(text);
    erase(path);
}

static void bad_files(void) {
    static const struct {
        const char *text, *pattern;
    } cases[] = {
        {"%%MatrixMarket matrix coordinate real general\n3 3 2\n1 1 1.000000\n",
         ":2: promises 2 entries, but 1 follow; truncated?"},
        {"%%MatrixMarket matrix coordinate real general\n%\n3 3 1\n1 1 1\n2 2 2\n3 3 3\n",
         ":3: promises 1 entries, but 3 follow; correct"},
        {"%%MatrixMarket matrix array real general\n2 2\n1.5\n2.5\n3.5\n",
         ":2: promises 4 entries, but 3 follow"},
        {"%%MatrixMarket matrix array real symmetric\n2 2\n1\n2\n3\n4\n",
         ":2: promises 3 entries, but 4 follow"},
        {"%%MatrixMarket matrix array real general\n2 2\n1\n2\n3 3\n4\n", ":5: '3' after the"},
        {"%%MatrixMarket matrix coordinate real symmetric\n3 3 3\n1 2 1\n1 1 1\n3 1 5\n",
         ":1: a symmetric matrix with 1 entries below the diagonal and 1 above"},
        {"%%MatrixMarket matrix coordinate integer general\n3 3 2\n1 2 1\n1 3 16777217\n",
         ":4: the value, 16777217, is a whole number that float32"},
        {"%%MatrixMarket matrix coordinate real general\n2 3000000000 1\n1 3000000000 5\n",
         "3000000000 columns"},
        {"%%MatrixMarket matrix array complex general\n1 1\n1 2\n", ":1: complex"},
    };
    const char *path = in_folder("bad.mtx");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put(path, cases[i].text);
        trn_matrix_info_t info;
        if (strstr(cases[i].pattern, "columns")) { /* nothing is wrong with the file as such */
            CHECK_OK(trn_matrix_file_probe(comm, path, &info));
            trn_dist_t *dist = bands(0, info.rows, info.cols);
            trn_sparse_t *none;
            CHECK_EQUAL(trn_sparse_file_load(comm, path, &info, TRN_SPARSE_F64, dist, &none),
                        TRN_INPUT);
            CHECK(none == NULL && strstr(trn_message(), cases[i].pattern));
            trn_dist_destroy(&dist);
        } else {
            check_bad(path, TRN_INPUT, cases[i].pattern);
        }
    }
    erase(path);
    check_bad(path, TRN_INPUT, "cannot open");
    check_bad(in_folder("a.txt"), TRN_INPUT, "cannot open");
}

/* Stores that others might have made ----------------------------------------------------------- */

typedef struct csr {
    const char *kind;
    int64_t rows, cols, count, start[4];
    int32_t column[5];
} csr_t;

static void put_store(const char *path, const csr_t *csr) {
    static const double values[5] = {1, 2, 3, 4, 5};
    trn_store_t *store;
    CHECK_OK(trn_store_create(&store, comm, path, csr->kind, "a test", NULL, 0));
    CHECK_OK(trn_store_set_int(store, "/", "rows", csr->rows));
    CHECK_OK(trn_store_set_int(store, "/", "cols", csr->cols));
    CHECK_OK(trn_store_dataset(store, "/row_ptr", TRN_I64, 4, 0));
    CHECK_OK(trn_store_dataset(store, "/col", TRN_I32, 5, 0));
    CHECK_OK(trn_store_dataset(store, "/value", TRN_F64, csr->count, 0));
    CHECK_OK(trn_store_begin(store));
    if (rank == 0) {
        CHECK_OK(trn_store_write(store, "/row_ptr", 0, 4, csr->start));
        CHECK_OK(trn_store_write(store, "/col", 0, 5, csr->column));
        CHECK_OK(trn_store_write(store, "/value", 0, csr->count, values));
    }
    CHECK_OK(trn_store_commit_replace(&store, TRN_OK));
}

static void bad_stores(void) {
    static const struct {
        csr_t csr;
        const char *pattern;
    } cases[] = {
        {{"matrix", 3, 9, 5, {0, 2, 2, 5}, {0, 8, 1, 2, 3}}, NULL},
        {{"cooccurrence", 0, 0, 5, {0, 2, 2, 5}, {0, 2, 0, 1, 2}}, NULL},
        {{"cooccurrence", 0, 0, 5, {0, 2, 2, 5}, {0, 3, 0, 1, 2}}, "/col: "},
        {{"matrix", 3, 9, 5, {0, 2, 2, 5}, {0, 9, 1, 2, 3}}, "/col: "},
        {{"matrix", 3, 9, 5, {0, 2, 2, 5}, {0, 8, 2, 1, 3}}, "/col: "},
        {{"matrix", 3, 9, 5, {0, 2, 1, 5}, {0, 8, 1, 2, 3}}, "/row_ptr: does not ascend"},
        {{"matrix", 3, 9, 5, {1, 2, 2, 5}, {0, 8, 1, 2, 3}}, "/row_ptr: does not ascend"},
        {{"matrix", 3, 9, 5, {0, 2, 2, 4}, {0, 8, 1, 2, 3}}, "/row_ptr: does not ascend"},
        {{"matrix", 3, 9, 5, {0, 2, 2, 1 << 30}, {0, 8, 1, 2, 3}}, "/row_ptr: does not ascend"},
        {{"matrix", 4, 9, 5, {0, 2, 2, 5}, {0, 8, 1, 2, 3}}, "/row_ptr: 4 numbers for 4 x 9"},
        {{"matrix", 3, 0, 5, {0, 2, 2, 5}, {0, 8, 1, 2, 3}}, "3 x 0"},
        {{"matrix", 3, 9, 4, {0, 2, 2, 5}, {0, 8, 1, 2, 3}}, "/col: 5 columns for 4 values"},
        {{"kg", 3, 9, 5, {0, 2, 2, 5}, {0, 8, 1, 2, 3}}, "kind \"kg\""},
    };
    const char *path = in_folder("s.h5");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_store(path, &cases[i].csr);
        if (cases[i].pattern)
            check_bad(path, TRN_INPUT, cases[i].pattern);
        else
            CHECK_OK(load_any(path));
    }
    erase(path);
}

HARNESS_MAIN({"make folder", make_folder}, {"bad lines", bad_lines}, {"bad files", bad_files},
             {"bad stores", bad_stores}, {"nothing left", remove_folder})
