/* Whole sparse matrices moved about: every entry arrives where it should, with its bits, and cuts
 * are even. */
#include "mpi/sparse/sparse_ops.h"

#include "base/rng.h"
#include "harness.h"
#include "mpi/agree.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS = 57, COLS = 40, SEED = 12345 };

/* The value at (i, j), 0 where there is no entry. */
static double value_at(int64_t i, int64_t j) {
    uint64_t h = (uint64_t)(i * 1000 + j + 1) * 0x9e3779b97f4a7c15u;
    h ^= h >> 31;
    return h % 5 == 0 && i % 7 != 3 ? 1.0 / (double)(1 + h % 9973) : 0;
}

/* This rank's block of the matrix, cut row_parts x col_parts; `rows` of them square. */
static trn_sparse_t *block(trn_sparse_type_t type, int64_t rows, int row_parts, int col_parts) {
    trn_dist_t *dist;
    CHECK_OK(trn_dist_create(&dist, rows, COLS, row_parts, col_parts));
    trn_extent_t x = trn_sparse_extent_of(dist, rank);
    trn_triplet_t *triplets = malloc(sizeof(trn_triplet_t) * (size_t)(x.rows * x.cols + 1));
    int64_t count = 0;
    for (int64_t i = x.first_row; i < x.first_row + x.rows; i++)
        for (int64_t j = x.first_col; j < x.first_col + x.cols; j++)
            if (value_at(i, j) != 0) triplets[count++] = (trn_triplet_t){i, j, value_at(i, j)};
    trn_sparse_t *made;
    CHECK_OK(trn_sparse_create(&made, type, x, count, triplets));
    free(triplets);
    trn_dist_destroy(&dist);
    return made;
}

typedef double rule(int64_t i, int64_t j);

static double turned(int64_t i, int64_t j) {
    return value_at(j, i);
}

static double permuted(int64_t i, int64_t j) {
    return value_at(trn_rng_permuted_back(SEED, COLS, i), trn_rng_permuted_back(SEED, COLS, j));
}

/* The block must hold what the rule says, and all of `dist`'s block. */
static void check(const trn_sparse_t *sparse, const trn_dist_t *dist, rule *expected) {
    trn_extent_t x = trn_sparse_extent(sparse), wanted = trn_sparse_extent_of(dist, rank);
    CHECK(memcmp(&x, &wanted, sizeof x) == 0);
    int64_t e = 0;
    for (int64_t i = 0; i < x.rows; i++)
        for (int64_t j = 0; j < x.cols; j++) {
            double value = expected(x.first_row + i, x.first_col + j);
            if (value == 0) continue;
            if (!CHECK(e < trn_sparse_count(sparse))) return;
            CHECK_EQUAL(trn_sparse_column(sparse)[e], j);
            if (trn_sparse_type(sparse) == TRN_SPARSE_F32) value = (double)(float)value;
            if (trn_sparse_type(sparse) == TRN_SPARSE_PATTERN) value = 1;
            CHECK(trn_sparse_value(sparse, e) == value);
            e++;
        }
    CHECK_EQUAL(trn_sparse_count(sparse), e);
}

static void moves(void) {
    static const trn_sparse_type_t types[] = {TRN_SPARSE_F64, TRN_SPARSE_F32, TRN_SPARSE_PATTERN};
    for (int i = 0; i < 3; i++) {
        trn_sparse_t *from = block(types[i], ROWS, 1, ranks), *to;
        trn_sparse_t *square = block(types[i], COLS, ranks, 1);
        trn_dist_t *dist;
        CHECK_OK(trn_dist_create(&dist, ROWS, COLS, ranks, 1));
        CHECK_OK(trn_sparse_regroup(comm, from, dist, &to));
        if (harness_well()) check(to, dist, value_at);
        trn_sparse_destroy(&to);
        trn_dist_destroy(&dist);
        CHECK_OK(trn_dist_create(&dist, COLS, ROWS, ranks > 1 ? ranks - 1 : 1, 1));
        CHECK_OK(trn_sparse_transpose_all(comm, from, dist, &to));
        if (harness_well()) check(to, dist, turned);
        trn_sparse_destroy(&to);
        trn_dist_destroy(&dist);
        CHECK_OK(trn_dist_create(&dist, COLS, COLS, ranks, 1));
        CHECK_OK(trn_sparse_permute(comm, square, SEED, dist, &to));
        if (harness_well()) check(to, dist, permuted);
        trn_sparse_destroy(&to);
        trn_dist_destroy(&dist);
        trn_sparse_destroy(&from);
        trn_sparse_destroy(&square);
    }
}

static void permutation(void) {
    static const int64_t sizes[] = {1, 2, 3, 4, 5, 64, 1000, 1025};
    for (int s = 0; s < 8; s++) {
        int64_t n = sizes[s], fixed = 0;
        bool *seen = calloc((size_t)n, sizeof *seen);
        for (int64_t i = 0; i < n; i++) {
            int64_t j = trn_rng_permuted(SEED, n, i);
            if (!CHECK(j >= 0 && j < n)) continue;
            CHECK(!seen[j]);
            seen[j] = true;
            fixed += i == j;
            CHECK_EQUAL(trn_rng_permuted_back(SEED, n, j), i);
        }
        if (n >= 64) CHECK(fixed < 10);
        free(seen);
    }
    int64_t large = (INT64_C(1) << 61) + 12345, away = trn_rng_permuted(7, large, large - 1);
    CHECK(away >= 0 && away < large && away != large - 1);
    CHECK_EQUAL(trn_rng_permuted_back(7, large, away), large - 1);
    CHECK(trn_rng_permuted(8, large, 5) != trn_rng_permuted(7, large, 5));
}

/* Bands of `parts` cut by weight hold no more than their share and the heaviest row. */
static void even_cuts(void) {
    trn_sparse_t *sparse = block(TRN_SPARSE_F64, ROWS, ranks, 1);
    trn_extent_t x = trn_sparse_extent(sparse);
    int64_t weight[ROWS], own[ROWS], all = 0, heaviest = 0;
    for (int64_t i = 0; i < ROWS; i++) {
        weight[i] = i % 6 ? 0 : i * i;
        all += weight[i] + 1;
        if (weight[i] + 1 > heaviest) heaviest = weight[i] + 1;
    }
    memcpy(own, weight + x.first_row, (size_t)x.rows * sizeof *own);
    for (int parts = 1; parts <= 9; parts++) {
        trn_dist_t *dist;
        CHECK_OK(trn_sparse_cut_rows(comm, sparse, own, parts, &dist));
        CHECK_EQUAL(trn_dist_row_parts(dist), parts);
        CHECK_EQUAL(trn_dist_rows(dist), ROWS);
        CHECK_EQUAL(trn_dist_cols(dist), COLS);
        for (int p = 0; p < parts; p++) {
            int64_t here = 0;
            for (int64_t i = trn_dist_row_start(dist, p); i < trn_dist_row_start(dist, p + 1); i++)
                here += weight[i] + 1;
            CHECK(here <= all / parts + heaviest + 1);
        }
        trn_dist_destroy(&dist);
        CHECK_OK(trn_sparse_cut_rows(comm, sparse, NULL, parts, &dist));
        int64_t front = 0, total = ROWS; /* entries count, and rows */
        for (int64_t i = 0; i < ROWS; i++) {
            int64_t entries = 0;
            for (int64_t j = 0; j < COLS; j++)
                entries += value_at(i, j) != 0;
            total += entries;
            if (i < trn_dist_row_start(dist, 1)) front += 1 + entries;
        }
        CHECK(front >= total / parts && front <= total / parts + COLS + 1);
        trn_dist_destroy(&dist);
    }
    trn_dist_t *dist;
    CHECK_EQUAL(trn_sparse_cut_rows(comm, sparse, NULL, 0, &dist), TRN_USAGE);
    trn_sparse_destroy(&sparse);
}

static void wrong_shapes(void) {
    trn_sparse_t *sparse = block(TRN_SPARSE_F64, ROWS, ranks, 1), *to;
    trn_dist_t *dist;
    CHECK_OK(trn_dist_create(&dist, ROWS, COLS, ranks, 1));
    CHECK_EQUAL(trn_sparse_permute(comm, sparse, SEED, dist, &to), TRN_USAGE);
    CHECK(to == NULL);
    CHECK_EQUAL(trn_sparse_transpose_all(comm, sparse, dist, &to), TRN_INPUT);
    CHECK(to == NULL);
    trn_dist_destroy(&dist);
    CHECK_OK(trn_dist_create(&dist, COLS, COLS, ranks, 1));
    CHECK_EQUAL(trn_sparse_permute(comm, sparse, SEED, dist, &to), TRN_INPUT);
    trn_dist_destroy(&dist);
    trn_sparse_destroy(&sparse);
}

static trn_status_t live(void *argument) {
    trn_sparse_t *to;
    trn_dist_t *dist;
    TRN_TRY(trn_sparse_cut_rows(comm, argument, NULL, ranks, &dist));
    trn_status_t status = trn_sparse_permute(comm, argument, SEED, dist, &to);
    trn_sparse_destroy(&to);
    trn_dist_destroy(&dist);
    return status;
}

static void memory_failure(void) {
    trn_sparse_t *square = block(TRN_SPARSE_F64, COLS, ranks, 1);
    harness_inject(live, square);
    trn_sparse_destroy(&square);
}

HARNESS_MAIN({"regroup, transpose, permute", moves}, {"a permutation", permutation},
             {"even cuts", even_cuts}, {"wrong shapes", wrong_shapes},
             {"memory failure", memory_failure})
