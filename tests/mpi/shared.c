/* Blocks that a node's ranks read in place, and products whose shifts are pointers. */
#include "mpi/shared.h"

#include "harness.h"
#include "mpi/dense/cannon.h"
#include "mpi/trace.h"

static void everybody_reads(void) {
    trn_shared_t *shared;
    int64_t count = 3 * rank + (rank != 1); /* of different sizes, one of them 3 */
    CHECK_OK(trn_shared_create(&shared, comm, count * (int64_t)sizeof(int)));
    if (!harness_well()) return;
    int *own = trn_shared_block(shared, rank);
    CHECK_EQUAL((uintptr_t)own % TRN_ALIGNMENT, 0);
    for (int64_t i = 0; i < count; i++) {
        CHECK_EQUAL(own[i], 0);
        own[i] = (int)(1000 * rank + i);
    }
    MPI_Barrier(comm);
    for (int r = 0; r < ranks; r++) {
        const int *block = trn_shared_block(shared, r);
        CHECK(block != NULL); /* the tests run on one node */
        for (int64_t i = 0; block && i < 3 * r + (r != 1); i++)
            CHECK_EQUAL(block[i], 1000 * r + i);
    }
    MPI_Barrier(comm);
    trn_shared_destroy(&shared);
    CHECK(shared == NULL);
}

static trn_status_t whole_life(void *unused) {
    trn_shared_t *shared;
    (void)unused;
    TRN_TRY(trn_shared_create(&shared, comm, 100));
    trn_shared_destroy(&shared);
    return TRN_OK;
}

static void memory_failure(void) {
    harness_inject(whole_life, NULL);
}

static void too_large(void) {
    trn_shared_t *shared;
    CHECK_EQUAL(trn_shared_create(&shared, comm, rank == ranks - 1 ? (int64_t)1 << 50 : 8),
                TRN_MEMORY);
    CHECK(shared == NULL);
}

/* Products ------------------------------------------------------------------------------------- */

static double number_of(int which, int64_t i, int64_t j) {
    return (double)((i * 7 + j * 3 + which) % 5 - 2);
}

static void fill(trn_matrix_t *matrix, int which, bool transposed) {
    const trn_dist_t *dist = trn_matrix_dist(matrix);
    trn_view_t block = trn_matrix_block(matrix);
    trn_spans_t rows = trn_dist_row_spans(dist, rank);
    trn_span_t row, col;
    while (trn_spans_next(&rows, &row)) {
        trn_spans_t cols = trn_dist_col_spans(dist, rank);
        while (trn_spans_next(&cols, &col))
            for (int64_t i = 0; i < row.count; i++)
                for (int64_t j = 0; j < col.count; j++) {
                    int64_t a = row.first + i, b = col.first + j;
                    ((double *)block.data)[(row.local + i) * block.stride + col.local + j] =
                        transposed ? number_of(which, b, a) : number_of(which, a, b);
                }
    }
}

static void check(const trn_matrix_t *c, int64_t terms) {
    const trn_dist_t *dist = trn_matrix_dist(c);
    trn_view_t block = trn_matrix_block(c);
    trn_spans_t rows = trn_dist_row_spans(dist, rank);
    trn_span_t row, col;
    while (trn_spans_next(&rows, &row)) {
        trn_spans_t cols = trn_dist_col_spans(dist, rank);
        while (trn_spans_next(&cols, &col))
            for (int64_t i = 0; i < row.count; i++)
                for (int64_t j = 0; j < col.count; j++) {
                    double sum = 0;
                    for (int64_t t = 0; t < terms; t++)
                        sum += number_of(0, row.first + i, t) * number_of(1, t, col.first + j);
                    CHECK(((double *)block.data)[(row.local + i) * block.stride + col.local + j] ==
                          sum);
                }
    }
}

/* From native layouts nothing travels but agreements: each product is exact and moves no word. */
static void multiply(trn_product_t product, trn_algorithm_t algorithm) {
    trn_dist_t *dist[3] = {NULL};
    trn_matrix_t *a, *b, *c;
    trn_plan_t *plan;
    trn_choice_t choice;
    static const trn_layouts_t none = {0};
    CHECK_OK(trn_product_choose(&product, &none, ranks, algorithm, 0, &choice));
    CHECK_OK(trn_choice_native(&product, &choice, &dist[0], &dist[1], &dist[2]));
    if (!harness_well()) return;
    trn_layouts_t layouts = {dist[0], dist[1], dist[2]};
    CHECK_OK(trn_matrix_create_shared(&a, comm, TRN_MATRIX_F64, dist[0]));
    CHECK_OK(trn_matrix_create_shared(&b, comm, TRN_MATRIX_F64, dist[1]));
    CHECK_OK(trn_matrix_create(&c, comm, TRN_MATRIX_F64, dist[2]));
    if (!harness_well()) return;
    fill(a, 0, product.transpose_a);
    fill(b, 1, product.transpose_b);
    CHECK_OK(trn_plan_create_shared(&plan, comm, &product, &layouts, &choice, 1, a, b));
    if (!harness_well()) return;
    int64_t before, after;
    for (int time = 0; time < 2; time++) {
        trn_trace_bytes(NULL, &before, NULL);
        trn_plan_run(plan, 1, trn_matrix_block(a), trn_matrix_block(b), 0, trn_matrix_block(c));
        trn_trace_bytes(NULL, &after, NULL);
        if (choice.shape.layers == 1) CHECK_EQUAL(after - before, 0);
        check(c, product.k);
    }
    trn_plan_destroy(&plan);
    trn_matrix_destroy(&a);
    trn_matrix_destroy(&b);
    trn_matrix_destroy(&c);
    for (int i = 0; i < 3; i++)
        trn_dist_destroy(&dist[i]);
}

static void shifts_are_pointers(void) {
    static const trn_algorithm_t algorithms[] = {TRN_ALGORITHM_CANNON, TRN_ALGORITHM_CANNON3D,
                                                 TRN_ALGORITHM_SUMMA};
    for (int ops = 0; ops < 4; ops++)
        for (int i = 0; i < 3; i++)
            multiply((trn_product_t){TRN_MATRIX_F64, ops & 1, ops & 2, 101, 97, 103, false},
                     algorithms[i]);
}

HARNESS_MAIN({"everybody reads", everybody_reads}, {"memory failure", memory_failure},
             {"too large", too_large}, {"shifts are pointers", shifts_are_pointers})
