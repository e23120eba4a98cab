/* Rows that pass by from memory and out of their file give the same bits, as float32 or float64, in
 * many blocks or one, and what is made of them is written; what is not finite is named; lists of
 * whole numbers are read from lines and columns. */
#define _GNU_SOURCE
#include "algo/matrix/tall_in.h"

#include "algo/matrix/gram.h"
#include "algo/matrix/tall_out.h"
#include "algo/rows/ids.h"
#include "directory.h"
#include "mpi/dist.h"

#include <math.h>
#include <string.h>

enum { COLS = 5 };

static double value_at(int64_t row, int64_t col) {
    return (double)((row * 37 + col * 101) % 1009) / 1009;
}

/* A file of `rows` rows; `bad` (row and column, or NULL) holds NaN. */
static void write_file(const char *path, int64_t rows, trn_dtype_t type, const int64_t *bad) {
    int64_t first = trn_part_start(rows, ranks, rank), end = trn_part_start(rows, ranks, rank + 1);
    trn_rows_make_t make = {.rows = rows,
                            .cols = COLS,
                            .own_first = first,
                            .own_rows = end - first,
                            .type = type,
                            .lossy = true,
                            .created_by = "a test"};
    trn_rows_out_t *out = NULL;
    CHECK_OK(trn_rows_create(&out, comm, path, &make));
    trn_status_t status = TRN_OK;
    for (int64_t i = first; i < end && status == TRN_OK; i++) {
        double row[COLS];
        for (int64_t j = 0; j < COLS; j++)
            row[j] = bad && i == bad[0] && j == bad[1] ? (double)NAN : value_at(i, j);
        status = trn_rows_write(out, i, 1, TRN_F64, row);
    }
    CHECK_OK(trn_rows_commit(&out, status));
}

/* Open as a verb does; `on` may be one rank alone. */
static void open_rows(trn_tall_in_t *in, MPI_Comm on, const char *path, bool streams) {
    int size;
    MPI_Comm_size(on, &size);
    CHECK_OK(trn_matrix_in_look(&in->in, on, path));
    CHECK_OK(trn_matrix_in_cut(&in->in, on, size));
    CHECK_OK(trn_tall_in_open(in, on, streams));
}

/* Means, the Gram matrix of centered rows, and what a second pass adds to the first. */
static void sums(MPI_Comm on, const char *path, bool streams, double out[COLS + COLS * COLS]) {
    trn_tall_in_t in = {0};
    open_rows(&in, on, path, streams);
    CHECK_OK(trn_tall_center(in.tall, out));
    CHECK_OK(trn_tall_in_outcome(&in, trn_tall_gram(in.tall, out + COLS)));
    double again[COLS * COLS]; /* rows in memory must not have been centered themselves */
    CHECK_OK(trn_tall_in_outcome(&in, trn_tall_gram(in.tall, again)));
    CHECK(memcmp(again, out + COLS, sizeof again) == 0);
    trn_tall_in_free(&in);
}

static void passes_the_same(void) {
    const struct {
        const char *name;
        int64_t rows;
        trn_dtype_t type;
    } files[] = {
        {"a.npy", 3, TRN_F64},    {"b.npy", 5000, TRN_F32}, {"c.safetensors", 700, TRN_BF16},
        {"d.h5", 70001, TRN_F32}, {"e.mtx", 900, TRN_F64},  {"f.tsv", 600, TRN_F64}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        double one[COLS + COLS * COLS], all[COLS + COLS * COLS], streamed[COLS + COLS * COLS];
        const char *path = in_directory(files[i].name);
        write_file(path, files[i].rows, files[i].type, NULL);
        sums(MPI_COMM_SELF, path, false, one);
        sums(comm, path, false, all);
        sums(comm, path, true, streamed);
        CHECK(memcmp(one, all, sizeof all) == 0);
        CHECK(memcmp(all, streamed, sizeof all) == 0);
        double mean = 0;
        for (int64_t row = 0; row < files[i].rows; row++)
            mean += value_at(row, 1) / (double)files[i].rows;
        CHECK(fabs(mean - one[1]) < (files[i].type == TRN_BF16 ? 1e-3 : 1e-6));
    }
}

static void names_what_is_not_finite(void) {
    const int64_t bad[2] = {1500, 3};
    for (int turn = 0; turn < 6; turn++) {
        trn_tall_in_t in = {.single = turn % 3 == 1, .spared = turn % 3 == 2};
        const char *path = in_directory(turn < 3 ? "bad.npy" : "bad.h5");
        double gram[COLS * COLS];
        if (turn % 3 == 0) write_file(path, 4000, turn < 3 ? TRN_F32 : TRN_F64, bad);
        open_rows(&in, comm, path, turn % 2 == 0);
        trn_status_t status = trn_tall_in_outcome(&in, trn_tall_gram(in.tall, gram));
        CHECK_EQUAL(status, in.spared ? TRN_OK : TRN_INPUT);
        if (!in.spared) CHECK(strstr(trn_message(), "row 1500, column 3 (from 0) is") != NULL);
        trn_tall_in_free(&in);
    }
}

/* Row i becomes its number and its sum. */
static void make_rows(void *user, int64_t first, trn_view_t rows, void *values) {
    double *to = values;
    (*(int64_t *)user)++;
    for (int64_t i = 0; i < rows.rows; i++) {
        const double *row = (const double *)rows.data + i * rows.stride;
        to[2 * i] = (double)(first + i);
        to[2 * i + 1] = row[0] + row[1] + row[2] + row[3] + row[4];
    }
}

static void writes_what_is_made(void) {
    enum { ROWS = 2600 };
    int64_t blocks = 0;
    const trn_tall_made_t made = {2, TRN_F64, make_rows, &blocks};
    const char *path = in_directory("rows.npy"), *out = in_directory("made.npy");
    write_file(path, ROWS, TRN_F64, NULL);
    for (int turn = 0; turn < 2; turn++) {
        trn_tall_in_t in = {0};
        open_rows(&in, comm, path, turn == 1);
        CHECK_OK(trn_tall_save(&in, out, &made, &(trn_rows_make_t){.type = TRN_F64}));
        trn_tall_in_free(&in);
        open_rows(&in, comm, out, turn == 1);
        int64_t first = trn_tall_start(comm, ROWS, rank);
        for (int64_t i = 0; i < in.tall.block.rows; i++) {
            int64_t block = trn_tall_block(ROWS), b = (first + i) / block;
            trn_view_t view = trn_tall_block_rows(in.tall, b);
            const double *row = (const double *)view.data + (first + i - b * block) * 2;
            double sum = 0;
            for (int64_t j = 0; j < COLS; j++)
                sum += value_at(first + i, j);
            CHECK(row[0] == (double)(first + i) && fabs(row[1] - sum) < 1e-12);
        }
        trn_tall_in_free(&in);
    }
    int64_t bad[2] = {7, 0};
    trn_tall_in_t in = {0};
    write_file(path, ROWS, TRN_F64, bad);
    open_rows(&in, comm, path, true);
    const char *none = in_directory("none.npy");
    CHECK_EQUAL(trn_tall_save(&in, none, &made, &(trn_rows_make_t){.type = TRN_F64}), TRN_INPUT);
    trn_tall_in_free(&in);
    FILE *left = fopen(none, "rb");
    CHECK(left == NULL);
    if (left) fclose(left);
}

/* A list as text or as a line of .npy. */
static const char *list(const char *name, const char *content, size_t bytes) {
    const char *path = in_directory(name);
    if (rank == 0) {
        FILE *file = fopen(path, "wb");
        CHECK(file && fwrite(content, 1, bytes, file) == bytes && fclose(file) == 0);
    }
    MPI_Barrier(comm);
    return path;
}

static void reads_lists(void) {
    trn_ids_t ids = {0};
    const char *text = "4\n-1\n4503599627370497\n4\n";
    CHECK_OK(trn_ids_read(&ids, comm, list("ids.txt", text, strlen(text))));
    CHECK_EQUAL(ids.count, 4);
    CHECK(ids.id && ids.id[0] == 4 && ids.id[1] == -1 && ids.id[3] == 4);
    CHECK_EQUAL(trn_ids_within(&ids, 0, 10, "rows"), TRN_INPUT);
    CHECK(strstr(trn_message(), "entry 1 (from 0) is -1; there are 10 rows") != NULL);
    CHECK_EQUAL(trn_ids_of_rows(&ids, 5, "E.npy"), TRN_INPUT);
    CHECK_OK(trn_ids_of_rows(&ids, 4, "E.npy"));
    trn_ids_free(&ids);
    CHECK_OK(trn_ids_read(&ids, comm, list("twice", "3\n0\n3\n", 6)));
    CHECK_OK(trn_ids_within(&ids, 0, 4, "rows"));
    CHECK_EQUAL(trn_ids_unique(&ids, 4), TRN_INPUT);
    CHECK(strstr(trn_message(), "entries 0 and 2 (from 0) are both 3") != NULL);
    trn_ids_free(&ids);
    CHECK_EQUAL(trn_ids_read(&ids, comm, list("half", "1\n0.5\n", 6)), TRN_INPUT);
    CHECK_EQUAL(trn_ids_read(&ids, comm, list("wide", "1 2 3\n4 5 6\n", 12)), TRN_INPUT);
    CHECK(strstr(trn_message(), "2 x 3; a list of whole numbers has one column") != NULL);
    CHECK_OK(trn_ids_read(&ids, comm, list("row", "1 2 3\n", 6)));
    CHECK_EQUAL(ids.count, 3);
    trn_ids_free(&ids);
    CHECK_EQUAL(trn_ids_read(&ids, comm, in_directory("absent.npy")), TRN_INPUT);
}

HARNESS_MAIN({"makes a directory", make_directory}, {"passes the same", passes_the_same},
             {"names what is not finite", names_what_is_not_finite},
             {"writes what is made", writes_what_is_made}, {"reads lists", reads_lists},
             {"removes it", remove_directory})
