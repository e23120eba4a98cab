/* The same numbers whatever the layout. */
#include "mpi/matrix.h"

#include "harness.h"

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

/* Takes the distribution over. */
static void filled(trn_matrix_type_t type, trn_dist_t *dist) {
    trn_matrix_t *matrix;
    CHECK_OK(trn_matrix_create(&matrix, comm, type, dist));
    if (!harness_well()) return;
    trn_view_t block = trn_matrix_block(matrix);
    CHECK_EQUAL((uintptr_t)block.data % TRN_ALIGNMENT, 0);
    CHECK_EQUAL(block.stride, block.cols);
    CHECK_EQUAL(block.rows, trn_dist_local_rows(dist, rank));
    CHECK_EQUAL(block.cols, trn_dist_local_cols(dist, rank));
    CHECK(trn_matrix_dist(matrix) == dist && trn_matrix_comm(matrix) == comm);
    if (block.rows == 0) CHECK_EQUAL(trn_matrix_first_row(matrix), ROWS);
    int64_t numbers = block.rows * block.cols;
    MPI_Allreduce(MPI_IN_PLACE, &numbers, 1, MPI_INT64_T, MPI_SUM, comm);
    CHECK_EQUAL(numbers, ROWS * COLS);
    trn_matrix_fill_normal(matrix, SEED, TRN_RNG_TEST, 3, 0.5);
    gathered(matrix);
    if (block.rows > 2 && block.cols > 2) {
        trn_view_t part = trn_view_part(block, 1, 2, 2, 1);
        CHECK(part.rows == 2 && part.cols == 1 && at(part, 1, 0) == at(block, 2, 2));
        float row[COLS];
        expected_row(trn_matrix_first_row(matrix), row);
        trn_spans_t cols = trn_dist_col_spans(dist, rank);
        trn_span_t first;
        CHECK(trn_spans_next(&cols, &first) && at(block, 0, 0) == (double)row[first.first]);
    }
    trn_matrix_destroy(&matrix);
    CHECK(matrix == NULL);
    trn_dist_destroy(&dist);
}

static void blocks(void) {
    for (int rows = 1; rows <= ranks; rows++)
        for (int cols = 1; rows * cols <= ranks; cols++)
            for (int type = 0; type < 2; type++) {
                trn_dist_t *dist;
                CHECK_OK(trn_dist_create(&dist, ROWS, COLS, rows, cols));
                filled((trn_matrix_type_t)type, dist);
            }
}

static void block_cyclic(void) {
    for (int cols = 1; cols <= ranks; cols++)
        for (int block = 1; block < 8; block += 2)
            for (int type = 0; type < 2; type++) {
                trn_dist_t *dist;
                CHECK_OK(trn_dist_create_cyclic(&dist, ROWS, COLS, block, 8 - block, ranks / cols,
                                                cols));
                filled((trn_matrix_type_t)type, dist);
            }
}

/* Columns further out than a row is drawn at a time, from one that is no multiple of four. */
static void wide(void) {
    enum { WIDE = 3000 };
    static const int64_t rows[] = {0, 2};
    int64_t start[65] = {0};
    float *row = malloc(sizeof(float[WIDE]));
    trn_dist_t *dist;
    trn_matrix_t *matrix;
    for (int r = 1; r <= ranks; r++)
        start[r] = r == ranks ? WIDE : 1 + 1001 * r / ranks;
    CHECK_OK(trn_dist_create_at(&dist, 1, rows, ranks, start));
    CHECK_OK(trn_matrix_create(&matrix, comm, TRN_MATRIX_F64, dist));
    if (!harness_well()) return;
    trn_matrix_fill_normal(matrix, SEED, TRN_RNG_TEST, 3, 0.5);
    trn_view_t block = trn_matrix_block(matrix);
    for (int64_t i = 0; i < 2; i++) {
        trn_rng_normal_row(SEED, (uint64_t)i, 3, TRN_RNG_TEST, 0.5, WIDE, row);
        int64_t wrong = 0;
        for (int64_t j = 0; j < block.cols; j++)
            wrong += at(block, i, j) != (double)row[start[rank] + j];
        CHECK_EQUAL(wrong, 0);
    }
    free(row);
    trn_matrix_destroy(&matrix);
    trn_dist_destroy(&dist);
}

static void refused(void) {
    trn_dist_t *many;
    trn_matrix_t *matrix;
    CHECK_OK(trn_dist_create(&many, 5, 5, ranks, 2));
    CHECK_EQUAL(trn_matrix_create(&matrix, comm, TRN_MATRIX_F32, many), TRN_USAGE);
    CHECK(matrix == NULL);
    trn_dist_destroy(&many);
    CHECK_OK(trn_dist_create(&many, (int64_t)1 << 40, 1, 1, 1));
    CHECK_EQUAL(trn_matrix_create(&matrix, comm, TRN_MATRIX_F32, many), TRN_USAGE);
    CHECK(matrix == NULL);
    trn_dist_destroy(&many);
}

static trn_status_t whole_life(void *dist) {
    trn_matrix_t *matrix;
    TRN_TRY(trn_matrix_create(&matrix, comm, TRN_MATRIX_F32, dist));
    trn_matrix_destroy(&matrix);
    return TRN_OK;
}

static void memory_failure(void) {
    trn_dist_t *dist;
    CHECK_OK(trn_dist_create(&dist, ROWS, COLS, ranks, 1));
    harness_inject(whole_life, dist);
    trn_dist_destroy(&dist);
}

HARNESS_MAIN({"blocks", blocks}, {"block-cyclic", block_cyclic}, {"wide rows", wide},
             {"misuse", refused}, {"memory failure", memory_failure})
