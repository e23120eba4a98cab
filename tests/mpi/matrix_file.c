/* Matrices must come back from every format as they were saved, into any bands of rows, and files
 * must not show how many ranks wrote them. tests/mpi/matrix_file_bad.c has the bad files. */
#define _GNU_SOURCE
#include "algo/matrix/matrix_file.h"
#include "matrix_sample.h"
#include "mpi/agree.h"

#include <math.h>
#include <string.h>

enum { ROWS = 23, COLS = 17 };

/* Ordinary and extreme numbers; float32 ones are rounded by the caller. */
static double value_at(int64_t i, int64_t j) {
    static const double odd[] = {0.0,      -0.0,      1e-310, 1.7976931348623157e308,
                                 INFINITY, -INFINITY, 3,      -12345678};
    int64_t n = i * COLS + j;
    return n % 5 == 0 ? odd[n / 5 % 8] : ldexp(1.0 / (double)(n + 3) - 0.1, (int)(n % 90) - 50);
}

static bool same(double a, double b) {
    return memcmp(&a, &b, sizeof a) == 0;
}

/* Dense ---------------------------------------------------------------------------------------- */

static void fill(trn_matrix_t *matrix) {
    trn_view_t block = trn_matrix_block(matrix);
    for (int64_t i = 0; i < block.rows; i++)
        for (int64_t j = 0; j < block.cols; j++) {
            double value = value_at(trn_matrix_first_row(matrix) + i, j);
            if (block.type == TRN_MATRIX_F32)
                ((float *)block.data)[i * block.stride + j] = (float)value;
            else
                ((double *)block.data)[i * block.stride + j] = value;
        }
}

/* The block holds what `fill` would have put there, rounded to float32 if it ever was. */
static void check_filled(const trn_matrix_t *matrix, bool rounded) {
    trn_view_t block = trn_matrix_block(matrix);
    for (int64_t i = 0; i < block.rows; i++)
        for (int64_t j = 0; j < block.cols; j++) {
            double wanted = value_at(trn_matrix_first_row(matrix) + i, j), got;
            if (block.type == TRN_MATRIX_F32)
                got = (double)((float *)block.data)[i * block.stride + j];
            else
                got = ((double *)block.data)[i * block.stride + j];
            CHECK(same(got, rounded ? (double)(float)wanted : wanted));
        }
}

static void load_dense(const char *path, trn_matrix_type_t saved, trn_matrix_type_t type, int way) {
    trn_matrix_info_t info;
    CHECK_OK(trn_matrix_file_probe(comm, path, &info));
    CHECK(!info.sparse && info.rows == ROWS && info.cols == COLS && info.entries == ROWS * COLS);
    CHECK(info.type == saved || info.routed);
    trn_dist_t *dist = bands(way, ROWS, COLS);
    trn_matrix_t *matrix;
    info.lossy = true; /* 1.8e308 becomes infinite in float32 */
    CHECK_OK(trn_matrix_file_load(comm, path, &info, type, dist, &matrix));
    if (harness_well() && !(info.routed && type > saved))
        check_filled(matrix, saved == TRN_MATRIX_F32 || type == TRN_MATRIX_F32);
    trn_matrix_destroy(&matrix);
    trn_dist_destroy(&dist);
}

static trn_status_t save_dense(MPI_Comm group, const char *path, trn_matrix_type_t type,
                               const trn_dist_t *dist) {
    trn_matrix_t *matrix;
    TRN_TRY(trn_matrix_create(&matrix, group, type, dist));
    fill(matrix);
    trn_status_t status = trn_matrix_file_save(
        group, path, matrix, &(trn_rows_make_t){.created_by = "a test", .seed = 7});
    trn_matrix_destroy(&matrix);
    return status;
}

/* Rank 0: two files hold the same bytes. */
static void check_equal_files(const char *a, const char *b) {
    if (rank != 0) return;
    FILE *one = fopen(a, "rb"), *other = fopen(b, "rb");
    if (CHECK(one && other)) {
        int c, d;
        do
            c = getc(one), d = getc(other);
        while (c == d && c != EOF);
        CHECK(c == d);
    }
    if (one) fclose(one);
    if (other) fclose(other);
}

static void dense(void) {
    static const char *const names[] = {"a.h5", "a.npy", "a.mtx"};
    static const char *const alone_names[] = {"b.h5", "b.npy", "b.mtx"};
    for (int f = 0; f < 3; f++)
        for (trn_matrix_type_t type = TRN_MATRIX_F32; type <= TRN_MATRIX_F64; type++)
            for (int way = 0; way < 3; way++) {
                const char *path = in_folder(names[f]), *alone = in_folder(alone_names[f]);
                trn_dist_t *dist = bands(way, ROWS, COLS), *whole;
                CHECK_OK(save_dense(comm, path, type, dist));
                load_dense(path, type, type, (way + 1) % 3);
                load_dense(path, type, TRN_MATRIX_F32, (way + 2) % 3);
                load_dense(path, type, TRN_MATRIX_F64, way);
                CHECK_OK(trn_dist_create(&whole, ROWS, COLS, 1, 1));
                if (rank == 0) CHECK_OK(save_dense(MPI_COMM_SELF, alone, type, whole));
                check_equal_files(path, alone);
                trn_dist_destroy(&whole);
                trn_dist_destroy(&dist);
                erase(path);
                erase(alone);
            }
}

/* Sparse --------------------------------------------------------------------------------------- */

/* Rows 0, 7, 14, 21 and all from 18 on are empty but the last; others have every third column. */
static bool is_there(int64_t i, int64_t j) {
    return (i % 7 != 0 && i < 18 && (i + j) % 3 == 0) || (i == ROWS - 1 && j == COLS - 1);
}

static double sparse_value(int64_t i, int64_t j, bool narrow) {
    return narrow ? (double)(float)value_at(i, j) : value_at(i, j);
}

static trn_status_t make_sparse(MPI_Comm group, trn_sparse_type_t type, const trn_dist_t *dist,
                                trn_sparse_t **sparse) {
    trn_triplet_t triplets[ROWS * COLS];
    int64_t count = 0;
    int who;
    MPI_Comm_rank(group, &who);
    for (int64_t i = 0; i < ROWS && who == 0; i++)
        for (int64_t j = 0; j < COLS; j++)
            if (is_there(i, j)) triplets[count++] = (trn_triplet_t){i, j, value_at(i, j)};
    return trn_sparse_distribute(sparse, group, type, dist, count, triplets, 50);
}

static void check_sparse(const trn_sparse_t *sparse, bool rounded) {
    trn_extent_t x = trn_sparse_extent(sparse);
    int64_t e = 0;
    for (int64_t i = 0; i < x.rows; i++) {
        CHECK_EQUAL(trn_sparse_start(sparse)[i], e);
        for (int64_t j = 0; j < COLS; j++) {
            if (!is_there(x.first_row + i, j)) continue;
            if (!CHECK(e < trn_sparse_count(sparse))) return;
            CHECK_EQUAL(trn_sparse_column(sparse)[e], j);
            CHECK(same(trn_sparse_value(sparse, e), sparse_value(x.first_row + i, j, rounded)));
            e++;
        }
    }
    CHECK_EQUAL(trn_sparse_count(sparse), e);
}

static void load_sparse(const char *path, trn_sparse_type_t saved, trn_sparse_type_t type,
                        int way) {
    trn_matrix_info_t info;
    CHECK_OK(trn_matrix_file_probe(comm, path, &info));
    CHECK(info.sparse && info.rows == ROWS && info.cols == COLS);
    trn_dist_t *dist = bands(way, ROWS, COLS);
    trn_sparse_t *sparse;
    trn_matrix_t *matrix;
    info.lossy = true;
    CHECK_OK(trn_sparse_file_load(comm, path, &info, type, dist, &sparse));
    bool rounded = saved == TRN_SPARSE_F32 || type == TRN_SPARSE_F32;
    if (harness_well() && !(info.routed && type > saved)) check_sparse(sparse, rounded);
    CHECK_OK(trn_matrix_file_load(comm, path, &info, TRN_MATRIX_F32, dist, &matrix));
    if (harness_well()) {
        trn_view_t block = trn_matrix_block(matrix);
        for (int64_t i = 0; i < block.rows; i++)
            for (int64_t j = 0; j < COLS; j++) {
                int64_t row = trn_matrix_first_row(matrix) + i;
                double wanted = is_there(row, j) ? sparse_value(row, j, true) : 0;
                CHECK(same((double)((float *)block.data)[i * COLS + j], wanted));
            }
    }
    trn_matrix_destroy(&matrix);
    trn_sparse_destroy(&sparse);
    trn_dist_destroy(&dist);
}

static trn_status_t save_sparse(MPI_Comm group, const char *path, trn_sparse_type_t type,
                                const trn_dist_t *dist) {
    trn_sparse_t *sparse;
    TRN_TRY(make_sparse(group, type, dist, &sparse));
    trn_status_t status = trn_sparse_file_save(
        group, path, sparse, COLS, &(trn_rows_make_t){.created_by = "a test", .seed = 7});
    trn_sparse_destroy(&sparse);
    return status;
}

static void sparse(void) {
    static const char *const names[] = {"a.h5", "a.mtx"}, *const alone_names[] = {"b.h5", "b.mtx"};
    for (int f = 0; f < 2; f++)
        for (trn_sparse_type_t type = TRN_SPARSE_F32; type <= TRN_SPARSE_F64; type++)
            for (int way = 0; way < 3; way++) {
                const char *path = in_folder(names[f]), *alone = in_folder(alone_names[f]);
                trn_dist_t *dist = bands(way, ROWS, COLS), *whole;
                CHECK_OK(save_sparse(comm, path, type, dist));
                load_sparse(path, type, type, (way + 1) % 3);
                load_sparse(path, type, TRN_SPARSE_F32, (way + 2) % 3);
                load_sparse(path, type, TRN_SPARSE_F64, way);
                CHECK_OK(trn_dist_create(&whole, ROWS, COLS, 1, 1));
                if (rank == 0) CHECK_OK(save_sparse(MPI_COMM_SELF, alone, type, whole));
                check_equal_files(path, alone);
                trn_dist_destroy(&whole);
                trn_dist_destroy(&dist);
                erase(path);
                erase(alone);
            }
}

/* Matrix Market by hand ------------------------------------------------------------------------ */

static void by_hand(void) {
    static const struct {
        const char *text;
        double wanted[9];
    } cases[] = {
        {"%%MatrixMarket matrix coordinate real symmetric\n3 3 3\n1 1 2\n3 1 .5\n3 2 -1",
         {2, 0, .5, 0, 0, -1, .5, -1, 0}},
        {"%%MatrixMarket matrix coordinate integer skew-symmetric\n%\n3 3 2\n\n2 1 4\n% x\n3 2 5\n",
         {0, -4, 0, 4, 0, -5, 0, 5, 0}},
        {"%%MatrixMarket matrix coordinate pattern symmetric\r\n3 3 2\r\n2 2\r\n3 1\r\n",
         {0, 0, 1, 0, 1, 0, 1, 0, 0}},
        {"%%MatrixMarket matrix array real general\n3 3\n1\n2\n3\n4\n\n5\n6\n7\n8\n9",
         {1, 4, 7, 2, 5, 8, 3, 6, 9}},
        {"%%MatrixMarket matrix array real symmetric\n3 3\n1\n2\n3\n4\n5\n6\n",
         {1, 2, 3, 2, 4, 5, 3, 5, 6}},
        {"%%MatrixMarket matrix array integer skew-symmetric\n3 3\n1\n2\n3\n",
         {0, -1, -2, 1, 0, -3, 2, 3, 0}},
        /* in float64, by ascending value: (-1e20 + 1) + 1e20 */
        {"%%MatrixMarket matrix coordinate real general\n3 3 4\n1 1 1e20\n1 1 1\n1 1 -1e20\n2 3 4",
         {0, 0, 0, 0, 0, 4, 0, 0, 0}},
    };
    const char *path = in_folder("hand.mtx");
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        trn_matrix_info_t info;
        trn_matrix_t *matrix;
        put(path, cases[c].text);
        CHECK_OK(trn_matrix_file_probe(comm, path, &info));
        CHECK_OK(verify_file(path));
        trn_dist_t *dist = bands(0, 3, 3);
        CHECK_OK(trn_matrix_file_load(comm, path, &info, TRN_MATRIX_F64, dist, &matrix));
        if (!harness_well()) return;
        trn_view_t block = trn_matrix_block(matrix);
        int64_t first = trn_matrix_first_row(matrix);
        for (int64_t n = 0; n < block.rows * 3; n++)
            CHECK(((double *)block.data)[n] == cases[c].wanted[first * 3 + n]);
        trn_matrix_destroy(&matrix);
        trn_dist_destroy(&dist);
    }
    erase(path);
}

static void bad_usage(void) {
    trn_dist_t *dist, *columns, *cyclic;
    trn_matrix_t *matrix;
    trn_sparse_t *block;
    trn_matrix_info_t info;
    char path[64];
    strcpy(path, in_folder("u.npy")); /* which only lends its text for a while */
    CHECK_OK(trn_dist_create(&dist, ROWS, COLS, ranks, 1));
    CHECK_OK(trn_dist_create(&columns, ROWS, COLS, 1, ranks));
    CHECK_OK(trn_dist_create_cyclic(&cyclic, ROWS, COLS, 2, COLS, ranks, 1));
    CHECK_EQUAL(save_dense(comm, in_folder("u.mtx.gz"), TRN_MATRIX_F32, dist), TRN_USAGE);
    CHECK_EQUAL(save_dense(comm, in_folder("u.txt"), TRN_MATRIX_F32, dist), TRN_USAGE);
    CHECK_EQUAL(save_sparse(comm, path, TRN_SPARSE_F32, dist), TRN_USAGE);
    CHECK(strstr(trn_message(), "write .h5 or .mtx") != NULL);
    CHECK_EQUAL(save_sparse(comm, in_folder("u.h5"), TRN_SPARSE_PATTERN, dist), TRN_USAGE);
    CHECK_EQUAL(save_dense(comm, in_folder("no/u.mtx"), TRN_MATRIX_F64, dist), TRN_IO);
    CHECK_EQUAL(save_dense(comm, in_folder("no/u.npy"), TRN_MATRIX_F64, dist), TRN_IO);
    CHECK_EQUAL(save_sparse(comm, in_folder("no/u.h5"), TRN_SPARSE_F64, dist), TRN_IO);
    CHECK_OK(save_dense(comm, path, TRN_MATRIX_F32, dist));
    CHECK_OK(trn_matrix_file_probe(comm, path, &info));
    CHECK_EQUAL(trn_sparse_file_load(comm, path, &info, TRN_SPARSE_F32, dist, &block), TRN_INPUT);
    if (ranks > 1) {
        CHECK_EQUAL(save_dense(comm, in_folder("v.npy"), TRN_MATRIX_F32, columns), TRN_USAGE);
        CHECK_EQUAL(trn_matrix_file_load(comm, path, &info, TRN_MATRIX_F32, columns, &matrix),
                    TRN_USAGE);
    }
    CHECK_EQUAL(save_dense(comm, in_folder("v.h5"), TRN_MATRIX_F32, cyclic), TRN_USAGE);
    CHECK_EQUAL(trn_matrix_file_load(comm, path, &info, TRN_MATRIX_F32, cyclic, &matrix),
                TRN_USAGE);
    trn_dist_destroy(&dist);
    CHECK_OK(trn_dist_create(&dist, ROWS + 1, COLS, ranks, 1));
    CHECK_EQUAL(trn_matrix_file_load(comm, path, &info, TRN_MATRIX_F32, dist, &matrix), TRN_USAGE);
    trn_dist_destroy(&cyclic);
    trn_dist_destroy(&columns);
    trn_dist_destroy(&dist);
    erase(path);
}

/* Memory --------------------------------------------------------------------------------------- */

typedef struct way {
    char from[64], to[64];
    bool sparse;
} way_t;

static trn_status_t load_and_save(const way_t *way, const trn_matrix_info_t *info,
                                  const trn_dist_t *dist) {
    trn_matrix_t *matrix;
    trn_sparse_t *block;
    trn_status_t status;
    if (way->sparse) {
        TRN_TRY(trn_sparse_file_load(comm, way->from, info, TRN_SPARSE_F64, dist, &block));
        status = trn_sparse_file_save(comm, way->to, block, info->cols,
                                      &(trn_rows_make_t){.created_by = "a test"});
        trn_sparse_destroy(&block);
    } else {
        TRN_TRY(trn_matrix_file_load(comm, way->from, info, TRN_MATRIX_F64, dist, &matrix));
        status =
            trn_matrix_file_save(comm, way->to, matrix, &(trn_rows_make_t){.created_by = "a test"});
        trn_matrix_destroy(&matrix);
    }
    return status;
}

static trn_status_t life(void *argument) {
    const way_t *way = argument;
    trn_matrix_info_t info;
    trn_dist_t *dist = NULL;
    TRN_TRY(trn_matrix_file_probe(comm, way->from, &info));
    trn_status_t status = trn_agree(comm, trn_dist_create(&dist, info.rows, info.cols, ranks, 1));
    if (status == TRN_OK) status = load_and_save(way, &info, dist);
    trn_dist_destroy(&dist);
    return status;
}

/* Float32 files are read as float64, so that the conversion takes part. */
static void memory_failure(void) {
    static const char *const names[][2] = {
        {"m.mtx", "n.mtx"}, {"m.npy", "n.npy"}, {"m.h5", "n.h5"}};
    trn_dist_t *dist;
    CHECK_OK(trn_dist_create(&dist, ROWS, COLS, ranks, 1));
    for (int f = 0; f < 5; f++) { /* dense in all three, sparse in two */
        way_t way = {.sparse = f > 2};
        strcpy(way.from, in_folder(names[f > 2 ? 2 * (f - 3) : f][0]));
        strcpy(way.to, in_folder(names[f > 2 ? 2 * (f - 3) : f][1]));
        CHECK_OK(way.sparse ? save_sparse(comm, way.from, TRN_SPARSE_F32, dist)
                            : save_dense(comm, way.from, TRN_MATRIX_F32, dist));
        harness_inject(life, &way);
        erase(way.from);
        erase(way.to);
    }
    trn_dist_destroy(&dist);
}

HARNESS_MAIN({"make folder", make_folder}, {"dense", dense}, {"sparse", sparse},
             {"by hand", by_hand}, {"bad usage", bad_usage}, {"memory failure", memory_failure},
             {"nothing left", remove_folder})
