/* Rows of files of every format pass by the same, in memory or block by block, with their names;
 * and a writer of the same shape makes files that say the same. */
#define _GNU_SOURCE
#include "io/rows/rows.h"
#include "io/formats/format.h"
#include "matrix_sample.h"
#include "mpi/agree.h"
#include "mpi/reduce.h"

#include <math.h>
#include <string.h>

enum { ROWS = 1301, COLS = 7, BLOCK = 100 };

/* Numbers that every type of reals holds. */
static double value_at(int64_t row, int64_t col) {
    return (double)((row * 31 + col * 7) % 64 - 20);
}

static void name_at(int64_t row, char name[32]) {
    snprintf(name, 32, row % 9 == 4 ? "name\xc3\xa9%lld" : "n%lld", (long long)row);
}

static char **make_names(bool blanks) {
    char **names;
    int64_t pointers = ROWS * (int64_t)sizeof *names;
    CHECK_OK(trn_alloc(&names, pointers + ROWS * 32, 1, "names"));
    for (int64_t i = 0; i < ROWS; i++) {
        names[i] = (char *)(names + ROWS) + 32 * i;
        name_at(i, names[i]);
        if (blanks && i == 5) strcpy(names[i], "two words");
    }
    return names;
}

/* Write the sample, this rank a band of its own cut. */
static trn_status_t write_rows(const char *path, trn_dtype_t type, char *const *names) {
    int64_t first = trn_part_start(ROWS, ranks, rank), end = trn_part_start(ROWS, ranks, rank + 1);
    trn_rows_make_t make = {.rows = ROWS,
                            .cols = COLS,
                            .own_first = first,
                            .own_rows = end - first,
                            .type = type,
                            .names = names,
                            .created_by = "a test"};
    trn_rows_out_t *out;
    TRN_TRY(trn_rows_create(&out, comm, path, &make));
    trn_status_t status = TRN_OK;
    for (int64_t row = first; row < end && status == TRN_OK; row += 37) {
        double values[37 * COLS];
        int64_t some = end - row < 37 ? end - row : 37;
        for (int64_t i = 0; i < some * COLS; i++)
            values[i] = value_at(row + i / COLS, i % COLS);
        status = trn_rows_write(out, row, some, TRN_F64, values);
    }
    return trn_rows_commit(&out, status);
}

/* Sums of x^2 over columns, by the tree. */
static void leaf(void *user, int64_t block, double *sums) {
    trn_view_t view = trn_rows_block(user, block);
    memset(sums, 0, COLS * sizeof *sums);
    for (int64_t i = 0; i < view.rows; i++)
        for (int64_t j = 0; j < COLS; j++) {
            double x = view.type == TRN_MATRIX_F32
                           ? (double)((float *)view.data)[i * view.stride + j]
                           : ((double *)view.data)[i * view.stride + j];
            CHECK(x == value_at(block * BLOCK + i, j));
            sums[j] += x * x / 3;
        }
}

static void pass(trn_rows_t *rows, trn_dtype_t type, bool resident, double *sums) {
    if (!resident) trn_mem_limit(trn_mem_now() + (4 << 20));
    CHECK_OK(trn_rows_hold(rows, BLOCK, type, resident ? 0 : 8 << 20));
    CHECK(trn_rows_resident(rows) == (resident || trn_rows_own_blocks(rows) == 0));
    CHECK_EQUAL(trn_rows_blocks(rows), (ROWS + BLOCK - 1) / BLOCK);
    CHECK_OK(trn_reduce_tree(comm, trn_rows_blocks(rows), COLS, leaf, rows, sums));
    CHECK_OK(trn_rows_outcome(rows));
    trn_mem_limit(0);
}

static void check_names(trn_rows_t *rows, bool blanks) {
    char **all, **some, **wanted = make_names(blanks);
    CHECK_OK(trn_rows_names(rows, &all));
    int64_t first = rank * 100 % ROWS, count = rank == 1 ? 0 : 77 + rank;
    CHECK_OK(trn_rows_some_names(rows, first, count, &some));
    if (!harness_well()) return;
    for (int64_t i = 0; i < ROWS; i++)
        CHECK(strcmp(all[i], wanted[i]) == 0);
    for (int64_t i = 0; i < count; i++)
        CHECK(strcmp(some[i], wanted[first + i]) == 0);
    trn_free(&all);
    trn_free(&some);
    trn_free(&wanted);
}

static void check_file(const char *path, bool named, bool blanks) {
    trn_rows_t *rows;
    double one[COLS], other[COLS];
    CHECK_OK(trn_rows_open(&rows, comm, path, &(trn_rows_how_t){0}));
    if (!harness_well()) return;
    const trn_rows_about_t *about = trn_rows_about(rows);
    CHECK(about->rows == ROWS && about->cols == COLS && about->named == named);
    for (trn_dtype_t type = TRN_F32; type <= TRN_F64; type++) {
        pass(rows, type, true, one);
        if (!about->routed || about->sparse) pass(rows, type, false, other);
        if (!about->routed || about->sparse) CHECK(memcmp(one, other, sizeof one) == 0);
    }
    int16_t narrow[3 * COLS];
    int64_t at = trn_part_start(ROWS, ranks, rank);
    if (!about->routed) CHECK_OK(trn_rows_read(rows, at, 3, TRN_I16, narrow));
    for (int64_t i = 0; i < 3 * COLS && !about->routed; i++)
        CHECK_EQUAL(narrow[i], (int64_t)value_at(at + i / COLS, i % COLS));
    if (named) check_names(rows, blanks);
    trn_rows_close(&rows);
}

/* Every format that can be written, in every type that it holds. */
static void every_format(void) {
    char **names = make_names(false);
    for (int f = 0; trn_formats[f]; f++)
        for (trn_dtype_t type = 0; type < TRN_NUMBER_TYPES; type++) {
            const trn_file_format_t *format = trn_formats[f];
            char path[64], sidecar[80];
            bool whole = trn_dtype_whole(type);
            if (!(format->types >> type & 1) || (whole && !trn_dtype_signed(type))) continue;
            snprintf(path, sizeof path, "%s", in_folder(format->name));
            strcat(path, format->endings[0]);
            snprintf(sidecar, sizeof sidecar, "%s.vocab", path);
            bool beside = !(format->holds & TRN_HOLDS_NAMES);
            CHECK_OK(write_rows(path, type, names));
            check_file(path, true, false);
            erase(path);
            if (beside) erase(sidecar);
        }
    trn_free(&names);
}

/* Names with blanks: kept in a list of two columns, refused by word2vec. */
static void names_with_blanks(void) {
    char **names = make_names(true);
    const char *path = in_folder("b.npy"), *list = in_folder("b.npy.vocab");
    CHECK_OK(write_rows(path, TRN_F32, names));
    check_file(path, true, true);
    CHECK_EQUAL(write_rows(in_folder("b.vec"), TRN_F32, names), TRN_INPUT);
    erase(list);
    check_file(path, false, false);
    put(list, "one\ntwo\n");
    trn_rows_t *rows;
    char **none;
    CHECK_OK(trn_rows_open(&rows, comm, path, &(trn_rows_how_t){0}));
    CHECK_EQUAL(trn_rows_names(rows, &none), TRN_INPUT);
    CHECK(strstr(trn_message(), "2 names for the 1301 rows") != NULL);
    trn_rows_close(&rows);
    erase(list);
    erase(path);
    trn_free(&names);
}

static void refuses(void) {
    trn_rows_make_t make = {.rows = 2, .cols = 2, .own_rows = rank == 0 ? 2 : 0};
    trn_rows_out_t *out;
    trn_rows_t *rows;
    make.type = TRN_F32;
    CHECK_EQUAL(trn_rows_create(&out, comm, in_folder("x.vec"), &make), TRN_USAGE);
    CHECK(strstr(trn_message(), "needs a name for every row") != NULL);
    CHECK_EQUAL(trn_rows_create(&out, comm, in_folder("x.what"), &make), TRN_USAGE);
    make.type = TRN_BF16;
    CHECK_EQUAL(trn_rows_create(&out, comm, in_folder("x.npy"), &make), TRN_USAGE);
    CHECK(strstr(trn_message(), "cannot hold bfloat16") != NULL);
    make.type = TRN_I8;
    CHECK_OK(trn_rows_create(&out, comm, in_folder("x.npy"), &make));
    const double large[4] = {1, 2, 300, 0.5};
    trn_status_t status = trn_rows_write(out, rank == 0 ? 0 : 2, make.own_rows, TRN_F64, large);
    CHECK_EQUAL(trn_rows_commit(&out, status), TRN_INPUT);
    CHECK(strstr(trn_message(), "row 2, column 1: int8 cannot hold this number (2 in all)") !=
          NULL);
    put(in_folder("x.npy"), "x");
    CHECK_EQUAL(trn_rows_open(&rows, comm, in_folder("x.npy:member"), &(trn_rows_how_t){0}),
                TRN_INPUT);
    CHECK_EQUAL(trn_rows_open(&rows, comm, in_folder("x.npy"), &(trn_rows_how_t){.format = "y"}),
                TRN_USAGE);
    erase(in_folder("x.npy"));
    CHECK_EQUAL(trn_rows_open(&rows, comm, in_folder("x.npy"), &(trn_rows_how_t){0}), TRN_INPUT);
}

/* A file that is cut while blocks of it are read: zeros, and one failure for all. */
static void cut(void) {
    const char *path = in_folder("c.npy");
    trn_rows_t *rows;
    double sums[COLS];
    CHECK_OK(write_rows(path, TRN_F32, NULL));
    CHECK_OK(trn_rows_open(&rows, comm, path, &(trn_rows_how_t){0}));
    CHECK_OK(trn_rows_hold(rows, BLOCK, TRN_F64, INT64_MAX));
    MPI_Barrier(comm);
    if (rank == 0) CHECK_EQUAL(truncate(path, 128 + ROWS * COLS * 4 - 1), 0);
    MPI_Barrier(comm);
    memset(sums, 0, sizeof sums);
    for (int64_t b = 0; b < trn_rows_own_blocks(rows); b++)
        sums[0] += *(double *)trn_rows_block(rows, trn_rows_first_block(rows) + b).data;
    CHECK(sums[0] == 0 || trn_rows_own_blocks(rows) == 0);
    CHECK_EQUAL(trn_rows_outcome(rows), TRN_INPUT);
    CHECK(strstr(trn_message(), "changed while it was read") != NULL);
    trn_rows_close(&rows);
    erase(path);
}

HARNESS_MAIN({"make folder", make_folder}, {"every format", every_format},
             {"names with blanks", names_with_blanks}, {"refuses", refuses}, {"cut", cut},
             {"remove folder", remove_folder})
