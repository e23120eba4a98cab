/* The same numbers whatever the cut, wherever the rows are. */
#include "mpi/matrix.h"

#include "harness.h"
#include "mpi/trace.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS = 37, COLS = 22 };
static const uint64_t SEED = 42;

static double at(trn_view_t v, int64_t i, int64_t j) {
    return v.type == TRN_MATRIX_F32 ? ((float *)v.data)[i * v.stride + j]
                                    : ((double *)v.data)[i * v.stride + j];
}

/* What row `i` holds by definition. */
static void expected_row(int64_t i, float row[COLS]) {
    trn_rng_normal_row(SEED, (uint64_t)i, 3, TRN_RNG_TEST, 0.5, COLS, row);
}

static bool all_right(trn_view_t whole) {
    for (int64_t i = 0; i < ROWS; i++) {
        float row[COLS];
        expected_row(i, row);
        for (int64_t j = 0; j < COLS; j++)
            if (at(whole, i, j) != (double)row[j]) return false;
    }
    return true;
}

static void gathered(const trn_matrix_t *matrix) {
    trn_view_t whole = {trn_matrix_block(matrix).type, ROWS, COLS, COLS, NULL};
    if (rank == 0) whole.data = malloc(sizeof(double[ROWS][COLS]));
    trn_matrix_gather(matrix, whole.data);
    if (rank == 0) CHECK(all_right(whole));
    free(whole.data);
}

static void cut(trn_matrix_type_t type, int row_parts, int col_parts) {
    trn_dist_t *dist;
    trn_matrix_t *matrix;
    CHECK_OK(trn_dist_create(&dist, ROWS, COLS, row_parts, col_parts));
    CHECK_OK(trn_matrix_create(&matrix, comm, type, dist));
    if (!harness_well()) return;
    trn_view_t block = trn_matrix_block(matrix);
    CHECK_EQUAL((uintptr_t)block.data % TRN_ALIGNMENT, 0);
    CHECK_EQUAL(block.stride, block.cols);
    CHECK(trn_matrix_dist(matrix) == dist);
    int64_t numbers = block.rows * block.cols;
    MPI_Allreduce(MPI_IN_PLACE, &numbers, 1, MPI_INT64_T, MPI_SUM, comm);
    CHECK_EQUAL(numbers, ROWS * COLS);
    CHECK_OK(trn_matrix_fill_normal(matrix, SEED, TRN_RNG_TEST, 3, 0.5));
    gathered(matrix);
    if (block.rows > 2 && block.cols > 2) {
        trn_view_t part = trn_view_part(block, 1, 2, 2, 1);
        CHECK(part.rows == 2 && part.cols == 1 && at(part, 1, 0) == at(block, 2, 2));
        float row[COLS];
        expected_row(trn_matrix_first_row(matrix) + 2, row);
        CHECK(at(part, 1, 0) == (double)row[trn_matrix_first_col(matrix) + 2]);
    }
    trn_matrix_destroy(&matrix);
    CHECK(matrix == NULL);
    trn_dist_destroy(&dist);
}

static void every_cut(void) {
    for (int rows = 1; rows <= ranks; rows++)
        for (int cols = 1; rows * cols <= ranks; cols++) {
            cut(TRN_MATRIX_F32, rows, cols);
            cut(TRN_MATRIX_F64, rows, cols);
        }
}

/* Row bands with everything on one rank, empty bands and uneven ones. */
static trn_dist_t *bands(int kind) {
    int64_t start[65] = {0}, col_start[2] = {0, COLS};
    for (int r = 1; r < ranks; r++)
        start[r] = kind == 0   ? 0
                   : kind == 1 ? ROWS
                   : kind == 2 ? ROWS * r / ranks
                               : ROWS * (r / 2 * 2) * r / ranks / ranks;
    start[ranks] = ROWS;
    trn_dist_t *dist;
    CHECK_OK(trn_dist_create_at(&dist, ranks, start, 1, col_start));
    return dist;
}

/* Rows of this rank in `to` that lay elsewhere. */
static int64_t rows_to_fetch(const trn_dist_t *from, const trn_dist_t *to) {
    int64_t rows = 0;
    for (int64_t i = trn_dist_row_start(to, rank); i < trn_dist_row_start(to, rank + 1); i++)
        rows += trn_dist_row_owner(from, i) != rank;
    return rows;
}

static void regroup_between(int a, int b) {
    trn_dist_t *from_dist = bands(a), *to_dist = bands(b);
    trn_matrix_t *from, *to;
    CHECK_OK(trn_matrix_create(&from, comm, TRN_MATRIX_F32, from_dist));
    CHECK_OK(trn_matrix_create(&to, comm, TRN_MATRIX_F32, to_dist));
    if (!harness_well()) return;
    CHECK_OK(trn_matrix_fill_normal(from, SEED, TRN_RNG_TEST, 3, 0.5));
    int64_t before, after, agreement = 2 * 8 * (ranks - 1) / ranks;
    trn_trace_bytes(NULL, &before, NULL);
    CHECK_OK(trn_matrix_regroup(from, to));
    trn_trace_bytes(NULL, &after, NULL);
    CHECK_EQUAL(after - before - agreement, rows_to_fetch(from_dist, to_dist) * COLS * 4);
    gathered(to);
    trn_matrix_destroy(&from);
    trn_matrix_destroy(&to);
    trn_dist_destroy(&from_dist);
    trn_dist_destroy(&to_dist);
}

static void regroup(void) {
    for (int a = 0; a < 4; a++)
        for (int b = 0; b < 4; b++)
            regroup_between(a, b);
}

static void refused(void) {
    trn_dist_t *rows, *cols;
    trn_matrix_t *a = NULL, *b = NULL, *c = NULL;
    CHECK_OK(trn_dist_create(&rows, 5, 5, 1, 1));
    CHECK_OK(trn_dist_create(&cols, 5, 5, ranks, 2));
    CHECK_EQUAL(trn_matrix_create(&c, comm, TRN_MATRIX_F32, cols), TRN_USAGE);
    CHECK(c == NULL);
    CHECK_OK(trn_matrix_create(&a, comm, TRN_MATRIX_F32, rows));
    CHECK_OK(trn_matrix_create(&b, comm, TRN_MATRIX_F64, rows));
    CHECK_EQUAL(trn_matrix_regroup(a, b), TRN_USAGE);
    trn_matrix_destroy(&a);
    trn_matrix_destroy(&b);
    trn_dist_destroy(&rows);
    trn_dist_destroy(&cols);
}

static trn_status_t whole_life(void *dist) {
    trn_matrix_t *from, *to;
    TRN_TRY(trn_matrix_create(&from, comm, TRN_MATRIX_F32, dist));
    trn_status_t status = trn_matrix_create(&to, comm, TRN_MATRIX_F32, dist);
    if (status == TRN_OK) {
        status = trn_matrix_fill_normal(from, 1, TRN_RNG_TEST, 0, 1);
        if (status == TRN_OK) status = trn_matrix_regroup(from, to);
        trn_matrix_destroy(&to);
    }
    trn_matrix_destroy(&from);
    return status;
}

static void memory_failure(void) {
    trn_dist_t *dist;
    CHECK_OK(trn_dist_create(&dist, ROWS, COLS, ranks, 1));
    harness_inject(whole_life, dist);
    trn_dist_destroy(&dist);
}

HARNESS_MAIN({"every cut", every_cut}, {"regroup rows", regroup}, {"misuse", refused},
             {"memory failure", memory_failure})
