/* Every entry must reach its owner, and sums must not show who had the parts. */
#include "mpi/sparse/sparse.h"

#include "harness.h"
#include "mpi/agree.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS = 23, COLS = 17, COUNT = 2000 };

/* Triplet `i` of the whole matrix: many to a place, awkward to sum; `skewed`: nearly all in row 5.
 */
static trn_triplet_t triplet(int64_t i, bool skewed) {
    uint64_t h = (uint64_t)(i + 1) * 0x9e3779b97f4a7c15u;
    h ^= h >> 29;
    int64_t row = skewed && i % 10 ? 5 : (int64_t)(h % ROWS);
    return (trn_triplet_t){row, (int64_t)(h / ROWS % COLS), 1.0 / (double)(1 + h % 1000) - 0.2};
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The slow way: all values of one place, sorted, summed; their number. */
static int expected(int64_t row, int64_t col, bool skewed, double *sum) {
    static double values[COUNT];
    int n = 0;
    for (int64_t i = 0; i < COUNT; i++) {
        trn_triplet_t t = triplet(i, skewed);
        if (t.row == row && t.col == col) values[n++] = t.value;
    }
    qsort(values, (size_t)n, sizeof *values, by_value);
    *sum = n ? values[0] : 0;
    for (int i = 1; i < n; i++)
        *sum += values[i];
    return n;
}

/* The block must hold just the expected entries in order. */
static void check_block(const trn_sparse_t *sparse, bool skewed) {
    trn_extent_t x = trn_sparse_extent(sparse);
    const int64_t *start = trn_sparse_start(sparse);
    int64_t e = 0;
    CHECK_EQUAL(start[0], 0);
    for (int64_t i = 0; i < x.rows; i++) {
        for (int64_t j = 0; j < x.cols; j++) {
            double sum;
            if (expected(x.first_row + i, x.first_col + j, skewed, &sum) == 0) continue;
            if (!CHECK(e < trn_sparse_count(sparse))) return;
            CHECK_EQUAL(trn_sparse_column(sparse)[e], j);
            if (trn_sparse_type(sparse) == TRN_SPARSE_F32) sum = (double)(float)sum;
            if (trn_sparse_type(sparse) == TRN_SPARSE_PATTERN) sum = 1;
            CHECK(trn_sparse_value(sparse, e) == sum);
            e++;
        }
        CHECK_EQUAL(start[i + 1], e);
    }
    CHECK_EQUAL(trn_sparse_count(sparse), e);
    CHECK((trn_sparse_values(sparse) == NULL) == (trn_sparse_type(sparse) == TRN_SPARSE_PATTERN));
}

/* Who has which triplets at first: dealt out, or all on the last rank. */
static trn_triplet_t *hand_out(bool dealt, bool skewed, int64_t *count) {
    trn_triplet_t *mine = malloc(sizeof(trn_triplet_t[COUNT]));
    *count = 0;
    for (int64_t i = COUNT - 1; i >= 0; i--)
        if ((dealt ? i % ranks : ranks - 1) == rank) mine[(*count)++] = triplet(i, skewed);
    return mine;
}

static void distribute(trn_sparse_type_t type, int row_parts, int col_parts, bool dealt,
                       bool skewed, int64_t batch) {
    trn_dist_t *dist;
    CHECK_OK(trn_dist_create(&dist, ROWS, COLS, row_parts, col_parts));
    int64_t count;
    trn_triplet_t *mine = hand_out(dealt, skewed, &count);
    trn_sparse_t *sparse;
    CHECK_OK(trn_sparse_distribute(&sparse, comm, type, dist, count, mine, batch));
    if (harness_well()) check_block(sparse, skewed);
    trn_sparse_destroy(&sparse);
    CHECK(sparse == NULL);
    trn_dist_destroy(&dist);
    free(mine);
}

static void every_cut(void) {
    for (int rows = 1; rows <= ranks; rows++)
        for (int cols = 1; rows * cols <= ranks; cols++)
            distribute(TRN_SPARSE_F32, rows, cols, true, false, 500);
}

static void types_and_batches(void) {
    distribute(TRN_SPARSE_F64, ranks, 1, true, false, 1);
    distribute(TRN_SPARSE_F64, ranks, 1, false, false, 7);
    distribute(TRN_SPARSE_F64, ranks, 1, false, true, 64);
    distribute(TRN_SPARSE_PATTERN, ranks, 1, true, true, 64);
    distribute(TRN_SPARSE_F32, ranks, 1, true, true, 1000000);
}

static void transpose(void) {
    static trn_triplet_t all[COUNT];
    for (int64_t i = 0; i < COUNT; i++)
        all[i] = triplet(i, false);
    trn_sparse_t *a, *t, *back;
    trn_extent_t whole = {0, ROWS, 0, COLS};
    CHECK_OK(trn_sparse_create(&a, TRN_SPARSE_F64, whole, COUNT, all));
    CHECK_OK(trn_sparse_transpose(&t, a));
    CHECK_OK(trn_sparse_transpose(&back, t));
    check_block(back, false);
    CHECK_EQUAL(trn_sparse_extent(t).rows, COLS);
    for (int64_t j = 0; j < COLS; j++)
        for (int64_t e = trn_sparse_start(t)[j]; e < trn_sparse_start(t)[j + 1]; e++) {
            double sum;
            CHECK(expected(trn_sparse_column(t)[e], j, false, &sum) > 0);
            CHECK(trn_sparse_value(t, e) == sum);
            if (e > trn_sparse_start(t)[j])
                CHECK(trn_sparse_column(t)[e] > trn_sparse_column(t)[e - 1]);
        }
    trn_sparse_destroy(&a);
    trn_sparse_destroy(&t);
    trn_sparse_destroy(&back);
}

/* A source of many triplets that are not held anywhere, and a sink that only counts. */
typedef struct flow {
    int64_t left, taken, sum;
    bool bad_give, bad_take;
} flow_t;

static int to_rank(void *user, int64_t row, int64_t col) {
    (void)user, (void)col;
    return (int)row;
}

static trn_status_t give(void *user, int64_t room, trn_triplet_t *triplets, int64_t *count) {
    flow_t *flow = user;
    if (flow->bad_give && flow->left < 3000) return trn_fail(TRN_IO, "source: broken");
    *count = room / 2 + 1 < flow->left ? room / 2 + 1 : flow->left;
    for (int64_t i = 0; i < *count; i++) {
        triplets[i] = (trn_triplet_t){flow->left % 3 ? 0 : flow->left / 3 % ranks, flow->left, 1};
        flow->left--;
    }
    return TRN_OK;
}

static trn_status_t take(void *user, int64_t count, const trn_triplet_t *triplets) {
    flow_t *flow = user;
    for (int64_t i = 0; i < count; i++) {
        if (triplets[i].row != rank) return trn_fail(TRN_INTERNAL, "an entry went astray");
        flow->taken++;
        flow->sum += triplets[i].col;
    }
    if (flow->bad_take && flow->taken > 500) return trn_fail(TRN_NUMERIC, "sink: full");
    return TRN_OK;
}

static void bounded(void) {
    enum { EACH = 20000, BATCH = 700 };
    flow_t flow = {.left = rank % 2 ? 0 : EACH};
    int64_t before = trn_mem_now();
    trn_mem_reset_peak();
    CHECK_OK(trn_sparse_route(comm, &(trn_route_t){to_rank, give, take, &flow}, BATCH));
    CHECK(trn_mem_peak() - before <= 76 * BATCH + 16 * ranks);
    int64_t got[2] = {flow.taken, flow.sum};
    MPI_Allreduce(MPI_IN_PLACE, got, 2, MPI_INT64_T, MPI_SUM, comm);
    int64_t givers = (ranks + 1) / 2;
    CHECK_EQUAL(got[0], givers * EACH);
    CHECK_EQUAL(got[1], givers * EACH * (EACH + 1) / 2);
}

static void failing_ends(void) {
    for (int who = 0; who < ranks; who++) {
        flow_t flow = {.left = 5000, .bad_give = rank == who};
        trn_route_t route = {to_rank, give, take, &flow};
        CHECK_EQUAL(trn_sparse_route(comm, &route, 100), TRN_IO);
        CHECK_EQUAL(trn_message_rank(), who);
        flow = (flow_t){.left = 5000, .bad_take = rank == who};
        CHECK_EQUAL(trn_sparse_route(comm, &route, 100), TRN_NUMERIC);
        CHECK_EQUAL(trn_message_rank(), who);
    }
}

static void outside(void) {
    trn_dist_t *dist;
    trn_sparse_t *sparse;
    CHECK_OK(trn_dist_create(&dist, ROWS, COLS, 1, ranks));
    trn_triplet_t bad[] = {{-1, 0, 1}, {ROWS, 0, 1}, {0, -1, 1}, {0, COLS, 1}};
    for (int i = 0; i < 4; i++) {
        int64_t count = rank == ranks - 1;
        CHECK_EQUAL(trn_sparse_distribute(&sparse, comm, TRN_SPARSE_F32, dist, count, bad + i, 10),
                    TRN_INPUT);
        CHECK(sparse == NULL && strstr(trn_message(), "outside") != NULL);
        trn_extent_t extent = {0, ROWS, 0, COLS};
        CHECK_EQUAL(trn_sparse_create(&sparse, TRN_SPARSE_F32, extent, 1, bad + i), TRN_USAGE);
        CHECK(sparse == NULL);
    }
    CHECK_EQUAL(trn_sparse_distribute(&sparse, comm, TRN_SPARSE_F32, dist, 0, NULL, 0), TRN_USAGE);
    trn_dist_destroy(&dist);
}

/* Arrays of a 3 x 4 block at (5, 10): rows {0, 2}, {}, {1, 2, 3}; `bad` plants one breach. */
static trn_status_t adopt(trn_sparse_t **sparse, int bad) {
    static const int64_t starts[] = {0, 2, 2, 5};
    static const int32_t columns[] = {0, 2, 1, 2, 3};
    trn_extent_t extent = {5, 3, 10, bad == 6 ? (int64_t)1 << 31 : 4};
    int64_t *start;
    int32_t *column;
    float *values;
    CHECK_OK(trn_alloc(&start, 4, sizeof *start, "a test"));
    CHECK_OK(trn_alloc(&column, 5, sizeof *column, "a test"));
    CHECK_OK(trn_alloc_zero(&values, 5, sizeof *values, "a test"));
    memcpy(start, starts, sizeof starts);
    memcpy(column, columns, sizeof columns);
    values[4] = 7;
    if (bad == 1) start[0] = 1;
    if (bad == 2) start[2] = 1;
    if (bad == 3) column[3] = 1; /* twice in its row */
    if (bad == 4) column[4] = 4;
    if (bad == 5) column[0] = -1;
    trn_status_t status = trn_sparse_adopt(sparse, TRN_SPARSE_F32, extent, start, column, values);
    if (status == TRN_OK) return TRN_OK;
    trn_free(&start);
    trn_free(&column);
    trn_free(&values);
    return status;
}

static void adopted(void) {
    trn_sparse_t *sparse;
    int64_t before = trn_mem_now();
    CHECK_OK(adopt(&sparse, 0));
    if (!harness_well()) return;
    CHECK_EQUAL(trn_sparse_count(sparse), 5);
    CHECK_EQUAL(trn_sparse_extent(sparse).first_col, 10);
    CHECK(trn_sparse_value(sparse, 4) == 7);
    trn_sparse_destroy(&sparse);
    for (int bad = 1; bad <= 6; bad++) {
        CHECK_EQUAL(adopt(&sparse, bad), TRN_USAGE);
        CHECK(sparse == NULL && strstr(trn_message(), bad == 6 ? "2147483648" : "row") != NULL);
    }
    CHECK_EQUAL(trn_mem_now(), before);
}

static trn_status_t life(void *argument) {
    trn_sparse_t *sparse;
    trn_triplet_t mine[] = {{1, 1, 1}, {20, 3, 1}, {1, 1, 2}};
    TRN_TRY(trn_sparse_distribute(&sparse, comm, TRN_SPARSE_F64, argument, 3, mine, 10));
    trn_sparse_t *transposed;
    trn_status_t status = trn_sparse_transpose(&transposed, sparse);
    if (status == TRN_OK) trn_sparse_destroy(&transposed);
    trn_sparse_destroy(&sparse);
    return trn_agree(comm, status);
}

static void memory_failure(void) {
    trn_dist_t *dist;
    CHECK_OK(trn_dist_create(&dist, ROWS, COLS, ranks, 1));
    harness_inject(life, dist);
    trn_dist_destroy(&dist);
}

HARNESS_MAIN({"every cut", every_cut}, {"types and batches", types_and_batches},
             {"transpose", transpose}, {"bounded buffers", bounded}, {"failing ends", failing_ends},
             {"entries outside", outside}, {"adopted arrays", adopted},
             {"memory failure", memory_failure})
