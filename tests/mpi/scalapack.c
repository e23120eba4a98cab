/* PDGEMM on row-major blocks against sums written out, on every grid; eigenvectors on some. */
#include "mpi/dense/scalapack.h"

#include "harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double PI = 3.14159265358979323846;

/* Element (i, j) of a matrix that its number names: small integers, so that sums are exact. */
static double number(int which, int64_t i, int64_t j) {
    return (double)((i * (7 + which) + j * (3 + 2 * which) + i * j) % 11 - 5);
}

static double get(trn_view_t view, int64_t i, int64_t j) {
    int64_t at = i * view.stride + j;
    return view.type == TRN_MATRIX_F64 ? ((double *)view.data)[at] : ((float *)view.data)[at];
}

static void put(trn_view_t view, int64_t i, int64_t j, double value) {
    int64_t at = i * view.stride + j;
    if (view.type == TRN_MATRIX_F64)
        ((double *)view.data)[at] = value;
    else
        ((float *)view.data)[at] = (float)value;
}

typedef double (*rule_t)(const void *argument, int64_t i, int64_t j);

/* Call `visit` for each element of this rank's block. */
static double walk(const trn_dist_t *dist, trn_view_t view, rule_t rule, const void *argument,
                   bool compare) {
    double worst = 0;
    trn_spans_t rows = trn_dist_row_spans(dist, rank);
    trn_span_t down, across;
    while (trn_spans_next(&rows, &down)) {
        trn_spans_t cols = trn_dist_col_spans(dist, rank);
        while (trn_spans_next(&cols, &across))
            for (int64_t i = 0; i < down.count; i++)
                for (int64_t j = 0; j < across.count; j++) {
                    double value = rule(argument, down.first + i, across.first + j);
                    if (compare)
                        worst =
                            fmax(worst, fabs(value - get(view, down.local + i, across.local + j)));
                    else
                        put(view, down.local + i, across.local + j, value);
                }
    }
    return worst;
}

/* This rank's block, with a stride of its own. */
static trn_view_t block_of(const trn_dist_t *dist, trn_matrix_type_t type, int64_t slack) {
    int64_t rows = trn_dist_local_rows(dist, rank), cols = trn_dist_local_cols(dist, rank);
    trn_view_t view = {type, rows, cols, cols + slack, NULL};
    view.data = calloc((size_t)(rows * view.stride + 1), sizeof(double));
    return view;
}

typedef struct product {
    bool ta, tb;
    int64_t m, n, k;
} product_t;

static double left(const void *argument, int64_t i, int64_t j) {
    (void)argument;
    return number(0, i, j);
}

static double right(const void *argument, int64_t i, int64_t j) {
    (void)argument;
    return number(1, i, j);
}

static double before(const void *argument, int64_t i, int64_t j) {
    (void)argument;
    return number(2, i, j);
}

static double after(const void *argument, int64_t i, int64_t j) {
    const product_t *p = argument;
    double sum = 0;
    for (int64_t l = 0; l < p->k; l++)
        sum += (p->ta ? number(0, l, i) : number(0, i, l)) *
               (p->tb ? number(1, j, l) : number(1, l, j));
    return 2 * sum - 3 * number(2, i, j);
}

static void multiply(trn_matrix_type_t type, product_t p, trn_scalapack_grid_t grid) {
    trn_dist_t *dist_a, *dist_b, *dist_c;
    int64_t g = grid.block;
    CHECK_OK(trn_dist_create_cyclic(&dist_a, p.ta ? p.k : p.m, p.ta ? p.m : p.k, g, g, grid.rows,
                                    grid.cols));
    CHECK_OK(trn_dist_create_cyclic(&dist_b, p.tb ? p.n : p.k, p.tb ? p.k : p.n, g, g, grid.rows,
                                    grid.cols));
    CHECK_OK(trn_dist_create_cyclic(&dist_c, p.m, p.n, g, g, grid.rows, grid.cols));
    trn_view_t a = block_of(dist_a, type, 0), b = block_of(dist_b, type, 2),
               c = block_of(dist_c, type, 5);
    walk(dist_a, a, left, NULL, false);
    walk(dist_b, b, right, NULL, false);
    walk(dist_c, c, before, NULL, false);
    trn_scalapack_gemm_t *gemm;
    trn_product_t product = {
        .type = type, .transpose_a = p.ta, .transpose_b = p.tb, .m = p.m, .n = p.n, .k = p.k};
    CHECK_OK(trn_scalapack_gemm_create(&gemm, comm, &product, grid));
    trn_scalapack_gemm_run(gemm, 2, a, b, -3, c);
    trn_scalapack_gemm_destroy(&gemm);
    CHECK(walk(dist_c, c, after, &p, true) == 0);
    free(a.data), free(b.data), free(c.data);
    trn_dist_destroy(&dist_a), trn_dist_destroy(&dist_b), trn_dist_destroy(&dist_c);
}

/* All grids that fit, also those that leave ranks standing aside; all four products. */
static void every_grid(void) {
    static const int64_t sizes[][3] = {{13, 9, 21}, {5, 40, 3}, {1, 1, 1}, {17, 2, 30}};
    for (int rows = 1; rows <= ranks; rows++)
        for (int cols = 1; cols <= ranks / rows; cols++)
            for (int which = 0; which < 4; which++) {
                const int64_t *s = sizes[which];
                trn_scalapack_grid_t grid = {which == 3 ? 64 : 2 + which, rows, cols};
                for (int ops = 0; ops < 4; ops++)
                    multiply(ops % 2 ? TRN_MATRIX_F32 : TRN_MATRIX_F64,
                             (product_t){ops & 1, ops & 2, s[0], s[1], s[2]}, grid);
            }
}

static void refuses(void) {
    trn_scalapack_gemm_t *gemm;
    trn_product_t small = {.type = TRN_F64, .m = 8, .n = 8, .k = 8}, tall = small, square = small;
    tall.m = 1LL << 31;
    square.m = square.n = 1LL << 20;
    CHECK_EQUAL(trn_scalapack_gemm_create(&gemm, comm, &small, (trn_scalapack_grid_t){4, ranks, 2}),
                TRN_USAGE);
    CHECK_EQUAL(trn_scalapack_gemm_create(&gemm, comm, &tall, (trn_scalapack_grid_t){4, 1, 1}),
                TRN_USAGE);
    CHECK_EQUAL(
        trn_scalapack_gemm_create(&gemm, comm, &square, (trn_scalapack_grid_t){64, 1, ranks}),
        TRN_USAGE);
    CHECK(gemm == NULL);
}

static trn_status_t create_one(void *unused) {
    (void)unused;
    trn_scalapack_gemm_t *gemm;
    trn_product_t p = {.type = TRN_F64, .transpose_b = true, .m = 9, .n = 9, .k = 9};
    trn_status_t status =
        trn_scalapack_gemm_create(&gemm, comm, &p, (trn_scalapack_grid_t){4, 1, ranks});
    trn_scalapack_gemm_destroy(&gemm);
    return status;
}

static void memory_fails(void) {
    harness_inject(create_one, NULL);
}

/* Second differences: eigenvalue k is 4 sin^2(pi (k + 1) / (2 n + 2)), with a sine for vector. */
static double chain(const void *argument, int64_t i, int64_t j) {
    (void)argument;
    return i == j ? 2 : i - j == 1 || j - i == 1 ? -1 : 0;
}

static double sine(const void *argument, int64_t k, int64_t i) {
    double n = (double)*(const int64_t *)argument;
    return fabs(sqrt(2 / (n + 1)) * sin(PI * (double)((k + 1) * (i + 1)) / (n + 1)));
}

static void magnitude(trn_view_t view) {
    double *data = view.data;
    for (int64_t i = 0; i < view.rows * view.stride; i++)
        data[i] = fabs(data[i]);
}

static void eigenvectors(int64_t n, trn_scalapack_grid_t grid) {
    trn_dist_t *dist;
    double *values = malloc(sizeof *values * (size_t)n);
    CHECK_OK(trn_dist_create_cyclic(&dist, n, n, grid.block, grid.block, grid.rows, grid.cols));
    trn_view_t a = block_of(dist, TRN_MATRIX_F64, 0), z = block_of(dist, TRN_MATRIX_F64, 0);
    walk(dist, a, chain, NULL, false);
    CHECK_OK(trn_scalapack_eig(comm, n, a, values, z, grid));
    for (int64_t k = 0; k < n; k++) {
        double s = sin(PI * (double)(k + 1) / (2 * (double)n + 2));
        CHECK(fabs(values[k] - 4 * s * s) < 1e-13);
    }
    magnitude(z);
    CHECK(walk(dist, z, sine, &n, true) < 1e-11);
    free(a.data), free(z.data), free(values);
    trn_dist_destroy(&dist);
}

static void every_spectrum(void) {
    for (int rows = 1; rows <= ranks; rows++)
        for (int cols = 1; cols <= ranks / rows; cols++) {
            eigenvectors(50, (trn_scalapack_grid_t){8, rows, cols});
            eigenvectors(1, (trn_scalapack_grid_t){8, rows, cols});
            eigenvectors(7, (trn_scalapack_grid_t){64, rows, cols});
        }
}

int main(void) {
    static const harness_test_t tests[] = {{"products on every grid", every_grid},
                                           {"what does not fit is refused", refuses},
                                           {"memory failing", memory_fails},
                                           {"eigenvectors on every grid", every_spectrum}};
    if (!trn_scalapack_present()) {
        puts("skipped: built without ScaLAPACK");
        return 77;
    }
    return harness_main(tests, (int)(sizeof tests / sizeof *tests));
}
