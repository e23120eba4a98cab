/* Distributed sparse products: the bits of a product on one rank, whatever the bands, slabs,
 * messages and threads; words counted; memory bounded or refused; failures shared. */
#include "mpi/sparse/spgemm.h"

#include "harness.h"
#include "mpi/agree.h"
#include "mpi/trace.h"

#include <stdlib.h>
#include <string.h>

enum { M = 61, K = 83, N = 300 };

/* Whether the whole matrix has an entry at (i, j), and which: sparse, with empty rows and columns,
 * rows of one entry, and a crowded corner. */
static bool entry(int which, int64_t i, int64_t j, double *value) {
    uint64_t h = ((uint64_t)(i * 1000 + j + 1) * 4 + (uint64_t)which) * 0x9e3779b97f4a7c15u;
    h ^= h >> 31;
    h *= 0xbf58476d1ce4e5b9u;
    h ^= h >> 29;
    *value = (double)(h % 100003) / 3000 - 16;
    if (i % 9 == 2 || j % 13 == 5) return false;
    if (i % 9 == 4) return j == i;
    return h % (i < 8 && j < 40 ? 2 : 11) == 0;
}

/* Rows [first, first + rows) of a matrix with `cols` columns. */
static trn_sparse_t *band(int which, trn_sparse_type_t type, int64_t first, int64_t rows,
                          int64_t cols) {
    trn_triplet_t *triplets = malloc(sizeof(trn_triplet_t) * (size_t)(rows * cols + 1));
    int64_t count = 0;
    for (int64_t i = first; i < first + rows; i++)
        for (int64_t j = 0; j < cols; j++) {
            double value;
            if (entry(which, i, j, &value)) triplets[count++] = (trn_triplet_t){i, j, value};
        }
    trn_sparse_t *made;
    CHECK_OK(trn_sparse_create(&made, type, (trn_extent_t){first, rows, 0, cols}, count, triplets));
    free(triplets);
    return made;
}

/* First row of rank r's band: evenly cut, or skewed with the first and every other band empty. */
static int64_t cut(int64_t rows, bool skewed, int r) {
    if (!skewed) return trn_part_start(rows, ranks, r);
    if (r >= ranks) return rows;
    if (ranks == 1 || r <= 1) return 0;
    return rows * (r / 2 * 2) * (r / 2 * 2) / (ranks * ranks);
}

static trn_sparse_t *my_band(int which, trn_sparse_type_t type, int64_t rows, int64_t cols,
                             bool skewed) {
    int64_t first = cut(rows, skewed, rank);
    return band(which, type, first, cut(rows, skewed, rank + 1) - first, cols);
}

/* This rank's band of C must be those rows of the whole product. */
static void same_as_whole(const trn_sparse_t *c, const trn_sparse_t *whole) {
    trn_extent_t x = trn_sparse_extent(c);
    CHECK_EQUAL(x.cols, trn_sparse_extent(whole).cols);
    CHECK_EQUAL(trn_sparse_type(c), trn_sparse_type(whole));
    const int64_t *start = trn_sparse_start(c), *from = trn_sparse_start(whole) + x.first_row;
    for (int64_t i = 0; i < x.rows; i++) {
        if (!CHECK(start[i + 1] - start[i] == from[i + 1] - from[i])) return;
        for (int64_t e = 0; e < start[i + 1] - start[i]; e++) {
            double got = trn_sparse_value(c, start[i] + e);
            double wanted = trn_sparse_value(whole, from[i] + e);
            CHECK_EQUAL(trn_sparse_column(c)[start[i] + e], trn_sparse_column(whole)[from[i] + e]);
            CHECK(memcmp(&got, &wanted, sizeof got) == 0);
        }
    }
}

/* One product in all ways. */
static void all_ways(trn_sparse_type_t ta, trn_sparse_type_t tb, bool boolean) {
    trn_sparse_t *a = band(0, ta, 0, M, K), *b = band(1, tb, 0, K, N), *whole;
    CHECK_OK(
        trn_spgemm(MPI_COMM_SELF, a, b, &(trn_spgemm_options_t){.boolean = boolean}, &whole, NULL));
    trn_sparse_destroy(&a);
    trn_sparse_destroy(&b);
    if (!harness_well()) return;
    CHECK(trn_sparse_count(whole) > 1000);
    for (int i = 0; i < 12; i++) {
        static const int64_t phases[] = {1, 2, 5};
        a = my_band(0, ta, M, K, i & 1);
        b = my_band(1, tb, K, N, i & 2);
        trn_spgemm_options_t o = {.boolean = boolean,
                                  .phases = phases[i % 3],
                                  .threads = 1 + i % 2,
                                  .message = i % 4 == 3 ? 0 : 24 * i,
                                  .gather = (trn_spgemm_gather_t)(i % 3)};
        trn_spgemm_report_t report;
        trn_sparse_t *c;
        CHECK_OK(trn_spgemm(comm, a, b, &o, &c, &report));
        if (harness_well()) {
            same_as_whole(c, whole);
            CHECK_EQUAL(report.entries, trn_sparse_count(whole));
            CHECK_EQUAL(report.phases, phases[i % 3]);
        }
        trn_sparse_destroy(&a);
        trn_sparse_destroy(&b);
        trn_sparse_destroy(&c);
    }
    trn_sparse_destroy(&whole);
}

static void types(void) {
    all_ways(TRN_SPARSE_F64, TRN_SPARSE_F64, false);
    all_ways(TRN_SPARSE_F32, TRN_SPARSE_F32, false);
    all_ways(TRN_SPARSE_F64, TRN_SPARSE_PATTERN, false);
    all_ways(TRN_SPARSE_PATTERN, TRN_SPARSE_PATTERN, false);
    all_ways(TRN_SPARSE_F32, TRN_SPARSE_F64, true);
    all_ways(TRN_SPARSE_PATTERN, TRN_SPARSE_PATTERN, true);
}

/* The twin: multiply whole matrices with dense loops. */
static void equals_twin(void) {
    trn_sparse_t *a = my_band(0, TRN_SPARSE_F64, M, K, false), *c;
    trn_sparse_t *b = my_band(1, TRN_SPARSE_F64, K, N, true);
    CHECK_OK(trn_spgemm(comm, a, b, &(trn_spgemm_options_t){0}, &c, NULL));
    if (!harness_well()) return;
    trn_extent_t x = trn_sparse_extent(c);
    int64_t e = 0;
    for (int64_t i = x.first_row; i < x.first_row + x.rows; i++)
        for (int64_t j = 0; j < N; j++) {
            double sum = 0, u, v;
            bool any = false;
            for (int64_t k = 0; k < K; k++)
                if (entry(0, i, k, &u) && entry(1, k, j, &v)) {
                    sum += u * v;
                    any = true;
                }
            if (!any) continue;
            CHECK_EQUAL(trn_sparse_column(c)[e], j);
            CHECK(trn_sparse_value(c, e) == sum);
            e++;
        }
    CHECK_EQUAL(trn_sparse_count(c), e);
    trn_sparse_destroy(&a);
    trn_sparse_destroy(&b);
    trn_sparse_destroy(&c);
}

static void terms(void) {
    trn_sparse_t *a = my_band(0, TRN_SPARSE_F32, M, K, true);
    trn_sparse_t *b = my_band(1, TRN_SPARSE_F32, K, N, false);
    trn_extent_t x = trn_sparse_extent(a);
    int64_t counted[M];
    CHECK_OK(trn_spgemm_terms(comm, a, b, counted));
    for (int64_t i = 0; i < x.rows; i++) {
        int64_t sum = 0;
        double value;
        for (int64_t k = 0; k < K; k++)
            for (int64_t j = 0; j < N && entry(0, x.first_row + i, k, &value); j++)
                sum += entry(1, k, j, &value);
        CHECK_EQUAL(counted[i], sum);
    }
    trn_sparse_destroy(&a);
    trn_sparse_destroy(&b);
}

/* Bytes that this rank receives in a product. */
static int64_t received(const trn_sparse_t *a, const trn_sparse_t *b, int64_t phases) {
    int64_t before, after;
    trn_sparse_t *c;
    trn_trace_bytes(NULL, &before, NULL);
    CHECK_OK(trn_spgemm(comm, a, b, &(trn_spgemm_options_t){.phases = phases}, &c, NULL));
    trn_trace_bytes(NULL, &after, NULL);
    trn_sparse_destroy(&c);
    return after - before;
}

/* True if some row of rank r's band of A names row k of B. */
static bool names(int r, int64_t k) {
    double value;
    for (int64_t i = cut(M, true, r); i < cut(M, true, r + 1); i++)
        if (entry(0, i, k, &value)) return true;
    return false;
}

/* What the header promises, on top of what a product without entries takes. */
static int64_t promised(int64_t phases) {
    int64_t rows = 0, entries = 0, bytes = 0;
    for (int r = 0; r < ranks; r++) {
        if (r == rank) continue;
        int64_t asked = 0;
        for (int64_t k = cut(K, false, r); k < cut(K, false, r + 1); k++)
            if (names(rank, k)) {
                double value;
                rows++;
                for (int64_t j = 0; j < N; j++)
                    entries += entry(1, k, j, &value);
            }
        for (int64_t k = cut(K, false, rank); k < cut(K, false, rank + 1); k++)
            asked += names(r, k);
        bytes += (asked + 1) / 2 * 8;
    }
    if (phases == 1) return bytes + 4 * rows + 12 * entries;
    return bytes + 4 * rows + 8 * rows * phases + 16 * entries;
}

static void words(void) {
    trn_sparse_t *a = my_band(0, TRN_SPARSE_F64, M, K, true), *none;
    trn_sparse_t *b = my_band(1, TRN_SPARSE_F64, K, N, false);
    CHECK_OK(trn_sparse_create(&none, TRN_SPARSE_F64, trn_sparse_extent(a), 0, NULL));
    for (int64_t phases = 1; phases <= 3; phases++)
        CHECK_EQUAL(received(a, b, phases) - received(none, b, phases), promised(phases));
    trn_sparse_destroy(&a);
    trn_sparse_destroy(&b);
    trn_sparse_destroy(&none);
}

/* The amount that a refusal names, 0 if there was none. */
static int64_t refusal(const trn_sparse_t *a, const trn_sparse_t *b, int64_t memory,
                       trn_spgemm_report_t *report, int64_t *peak) {
    trn_sparse_t *c;
    trn_spgemm_options_t o = {.memory = memory, .message = 64};
    int64_t before = trn_mem_now();
    trn_mem_reset_peak();
    trn_status_t status = trn_spgemm(comm, a, b, &o, &c, report);
    *peak = trn_mem_peak() - before;
    CHECK(status == TRN_OK || (status == TRN_MEMORY && c == NULL));
    trn_sparse_destroy(&c);
    CHECK_EQUAL(trn_mem_now(), before);
    const char *amount = strstr(trn_message(), "a rank; ");
    return status == TRN_OK ? 0 : amount ? atoll(amount + strlen("a rank; ")) : -1;
}

static void memory_bound(void) {
    enum { LARGE = 700 }; /* what is fixed should not hide what is not */
    trn_sparse_t *a = my_band(0, TRN_SPARSE_F64, LARGE, LARGE, false);
    trn_sparse_t *b = my_band(1, TRN_SPARSE_F64, LARGE, LARGE, false);
    trn_spgemm_report_t report;
    int64_t peak, enough = refusal(a, b, 1, &report, &peak), least;
    CHECK(enough > 1);
    CHECK_EQUAL(refusal(a, b, enough, &report, &peak), 0);
    CHECK(peak <= enough);
    /* The first amount allows for a bound of C; below it, C is counted and the least one named. */
    int64_t low = 1, high = enough;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        *(refusal(a, b, middle, &report, &peak) == 0 ? &high : &low) = middle;
    }
    CHECK_EQUAL(refusal(a, b, high, &report, &peak), 0);
    CHECK(peak <= high);
    CHECK(report.phases > 1);
    least = refusal(a, b, high - 1, &report, &peak);
    CHECK_EQUAL(least, high);
    CHECK_EQUAL(refusal(a, b, 100 * enough, &report, &peak), 0);
    CHECK_EQUAL(report.phases, 1);
    trn_sparse_destroy(&a);
    trn_sparse_destroy(&b);
}

static void wrong_shapes(void) {
    trn_sparse_t *a = my_band(0, TRN_SPARSE_F64, M, K, false), *c;
    trn_sparse_t *b = my_band(1, TRN_SPARSE_F64, K + 1, N, false);
    trn_sparse_t *gap = band(1, TRN_SPARSE_F64, rank == ranks - 1 ? 1 : 0, 3, N);
    trn_spgemm_options_t o = {0};
    CHECK_EQUAL(trn_spgemm(comm, a, b, &o, &c, NULL), TRN_USAGE);
    CHECK(c == NULL && strstr(trn_message(), "83 columns but B 84 rows") != NULL);
    CHECK_EQUAL(trn_spgemm(comm, a, gap, &o, &c, NULL), TRN_USAGE);
    CHECK(strstr(trn_message(), "in the order of the ranks") != NULL);
    CHECK_EQUAL(trn_spgemm(comm, gap, b, &o, &c, NULL), TRN_USAGE);
    CHECK_EQUAL(trn_spgemm_terms(comm, a, b, NULL), TRN_USAGE);
    trn_sparse_destroy(&a);
    trn_sparse_destroy(&b);
    trn_sparse_destroy(&gap);
}

/* Fewer rows than ranks, no rows, no columns, ranks beyond the bands. */
static void small(void) {
    static const int64_t sizes[][3] = {{1, 1, 1}, {0, 4, 3}, {3, 0, 3}, {3, 4, 0}, {2, 3, 40}};
    for (int i = 0; i < 5; i++)
        for (int64_t phases = 1; phases <= 2; phases++) {
            trn_sparse_t *a = my_band(0, TRN_SPARSE_F64, sizes[i][0], sizes[i][1], false), *c;
            trn_sparse_t *b = my_band(1, TRN_SPARSE_F64, sizes[i][1], sizes[i][2], false);
            CHECK_OK(trn_spgemm(comm, a, b, &(trn_spgemm_options_t){.phases = phases}, &c, NULL));
            if (c) CHECK_EQUAL(trn_sparse_extent(c).cols, sizes[i][2]);
            trn_sparse_destroy(&a);
            trn_sparse_destroy(&b);
            trn_sparse_destroy(&c);
        }
    trn_extent_t nothing = {4, 0, 0, 0};
    trn_sparse_t *square = NULL, *c;
    if (rank == 0)
        square = band(0, TRN_SPARSE_F64, 0, 4, 4);
    else
        CHECK_OK(trn_sparse_create(&square, TRN_SPARSE_F64, nothing, 0, NULL));
    CHECK_OK(trn_spgemm(comm, square, square, &(trn_spgemm_options_t){0}, &c, NULL));
    trn_sparse_destroy(&square);
    trn_sparse_destroy(&c);
}

typedef struct life {
    const trn_sparse_t *a, *b;
    trn_spgemm_options_t options;
} life_t;

static trn_status_t live(void *argument) {
    life_t *l = argument;
    trn_sparse_t *c;
    TRN_TRY(trn_spgemm(comm, l->a, l->b, &l->options, &c, NULL));
    trn_sparse_destroy(&c);
    return TRN_OK;
}

static void memory_failure(void) {
    trn_sparse_t *a = my_band(0, TRN_SPARSE_F64, M, K, true);
    trn_sparse_t *b = my_band(1, TRN_SPARSE_F64, K, N, false);
    harness_inject(live, &(life_t){a, b, {0}});
    harness_inject(live, &(life_t){a, b, {.phases = 3, .threads = 2, .message = 100}});
    trn_sparse_destroy(&a);
    trn_sparse_destroy(&b);
}

HARNESS_MAIN({"types, bands, slabs, messages, threads", types}, {"equals its twin", equals_twin},
             {"terms", terms}, {"words received", words}, {"memory bound", memory_bound},
             {"wrong shapes", wrong_shapes}, {"small matrices", small},
             {"memory failure", memory_failure})
