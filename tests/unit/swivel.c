/* The step of Swivel: float64 against the golden problem, float32 against float64. */
#include "kern/train/swivel.h"
#include "base/rng.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 256, D = 16, S = 64, K = N / S };

typedef struct golden {
    double rows[N * D], cols[N * D], sums[N], *count; /* count[N x N], 0: unobserved */
} golden_t;

static FILE *open_golden(const char *name) {
    char path[1024];
    const char *source = getenv("TRUNNION_SOURCE");
    snprintf(path, sizeof path, "%s/../shared/data/words/golden/%s", source ? source : ".", name);
    return fopen(path, "r");
}

static void read_numbers(const char *name, double *values, int64_t count) {
    FILE *file = open_golden(name);
    assert_non_null(file);
    for (int64_t i = 0; i < count; i++)
        assert_int_equal(fscanf(file, "%lf", values + i), 1);
    fclose(file);
}

/* Word w lies in block w % K at w / K: one side of a block is gathered, stepped and put back. */
static void gather(const double *all, int block, int64_t width, double *some) {
    for (int64_t i = 0; i < S; i++)
        memcpy(some + i * width, all + (block + K * i) * width, (size_t)width * sizeof *some);
}

static void scatter(double *all, int block, int64_t width, const double *some) {
    for (int64_t i = 0; i < S; i++)
        memcpy(all + (block + K * i) * width, some + i * width, (size_t)width * sizeof *some);
}

static int64_t cells_of(const golden_t *golden, int p, int q, double base, double scale,
                        trn_swivel_cell_ref_t *cells) {
    int64_t n = 0;
    for (int i = 0; i < S; i++)
        for (int j = 0; j < S; j++) {
            double x = golden->count[(p + K * i) * N + q + K * j];
            if (x > 0)
                cells[n++] = (trn_swivel_cell_ref_t){(uint16_t)i, (uint16_t)j, log(x),
                                                     base + scale * sqrt(x)};
        }
    return n;
}

static void run_golden(const char *variant, trn_swivel_rule_t rule, double start, double base,
                       double scale) {
    FILE *file = open_golden("g256.json");
    if (!file) {
        print_message("skipped: ../shared/data/words/golden is not here\n");
        skip();
    }
    json_t *json = json_loadf(file, 0, NULL), *losses;
    fclose(file);
    losses = json_object_get(json_object_get(json, variant), "losses");
    golden_t *golden = calloc(1, sizeof *golden);
    golden->count = calloc(N * N, sizeof(double));
    read_numbers("g256.R0.txt", golden->rows, N * D);
    read_numbers("g256.C0.txt", golden->cols, N * D);
    read_numbers("g256.sums.txt", golden->sums, N);
    FILE *coo = open_golden("g256.coo.txt");
    int i, j;
    double x, total = 0;
    while (fscanf(coo, "%d %d %lf", &i, &j, &x) == 3)
        golden->count[i * N + j] = x;
    fclose(coo);
    for (i = 0; i < N; i++)
        total += golden->sums[i];
    double bias[N], row_bias[S], col_bias[S], *row_acc = malloc(N * D * sizeof(double)),
                                              *col_acc = malloc(N * D * sizeof(double));
    for (i = 0; i < N * D; i++)
        row_acc[i] = col_acc[i] = start;
    for (i = 0; i < N; i++)
        bias[i] = log(golden->sums[i] + 1);
    double r[S * D], ra[S * D], c[S * D], ca[S * D];
    double *scratch = malloc((size_t)trn_swivel_scratch(S, D) * sizeof(double));
    trn_swivel_cell_ref_t *cells = malloc(S * S * sizeof *cells);
    for (size_t step = 0; step < json_array_size(losses); step++) {
        int p = (int)(step / K % K), q = (int)(step % K);
        gather(golden->rows, p, D, r), gather(row_acc, p, D, ra), gather(bias, p, 1, row_bias);
        gather(golden->cols, q, D, c), gather(col_acc, q, D, ca), gather(bias, q, 1, col_bias);
        for (i = 0; i < S; i++)
            row_bias[i] -= log(total + 1);
        int64_t n = cells_of(golden, p, q, base, scale, cells);
        trn_swivel_side_ref_t row = {S, r, ra, row_bias}, col = {S, c, ca, col_bias};
        double loss = trn_swivel_step_ref(&rule, D, &row, &col, n, cells, scratch);
        double wanted = json_real_value(json_array_get(losses, step));
        if (fabs(loss / wanted - 1) > 1e-10)
            fail_msg("step %zu: %.17g, not %.17g", step, loss, wanted);
        scatter(golden->rows, p, D, r), scatter(row_acc, p, D, ra);
        scatter(golden->cols, q, D, c), scatter(col_acc, q, D, ca);
    }
    json_t *first = json_object_get(json_object_get(json, variant), "R_row0");
    for (i = 0; i < D; i++)
        assert_true(fabs(golden->rows[i] - json_real_value(json_array_get(first, i))) < 1e-9);
    json_decref(json);
    free(golden->count), free(golden), free(row_acc), free(col_acc), free(scratch), free(cells);
}

static void golden_v1(void **state) {
    (void)state;
    run_golden("v1", (trn_swivel_rule_t){TRN_ADAGRAD, 1.0, 0, 1.0 / S}, 0.1, 0.1, 0.25);
}

static void golden_v2(void **state) {
    (void)state;
    run_golden("v2", (trn_swivel_rule_t){TRN_RMSPROP, 0.1, 0.1, 1.0 / S}, 1, 0, 1);
}

/* Random problem of rows x cols x d in both precisions; compares loss and all vectors. */
static void compare(int64_t rows, int64_t cols, int64_t d, trn_optimizer_t optimiser) {
    trn_swivel_rule_t rule = {optimiser, 0.5, 0.1, 1.0 / 64};
    int64_t count[2] = {rows, cols}, largest = rows > cols ? rows : cols;
    float *v[2], *a[2], *b[2];
    double *vr[2], *ar[2], *br[2];
    for (int side = 0; side < 2; side++) {
        int64_t n = count[side];
        v[side] = malloc((size_t)(n * d) * sizeof(float)),
        a[side] = malloc((size_t)(n * d) * sizeof(float));
        b[side] = malloc((size_t)n * sizeof(float));
        vr[side] = malloc((size_t)(n * d) * sizeof(double)),
        ar[side] = malloc((size_t)(n * d) * sizeof(double));
        br[side] = malloc((size_t)n * sizeof(double));
        for (int64_t i = 0; i < n; i++) {
            trn_rng_normal_row(7, (uint64_t)i, (uint32_t)side, TRN_RNG_TEST, 0.5, d,
                               v[side] + i * d);
            /* Biases from -60 to 20 bring softplus into all its regions. */
            b[side][i] = (float)(i % 9) * (side ? 5.0f : -7.5f);
            br[side][i] = (double)b[side][i];
        }
        for (int64_t i = 0; i < n * d; i++) {
            vr[side][i] = (double)v[side][i];
            a[side][i] = 0.1f, ar[side][i] = (double)0.1f;
        }
    }
    trn_swivel_cell_t *cells = malloc((size_t)(rows * cols) * sizeof *cells);
    trn_swivel_cell_ref_t *cells_ref = malloc((size_t)(rows * cols) * sizeof *cells_ref);
    int64_t n = 0;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            if ((i * 31 + j * 17) % 5 == 0 || (i == 3 % rows)) { /* row 3 is full */
                float x = (float)((i + j) % 7) * 0.5f, w = 0.1f + (float)(j % 3);
                cells[n] = (trn_swivel_cell_t){(uint16_t)i, (uint16_t)j, x, w};
                cells_ref[n++] =
                    (trn_swivel_cell_ref_t){(uint16_t)i, (uint16_t)j, (double)x, (double)w};
            }
    float *scratch = aligned_alloc(64, ((size_t)trn_swivel_scratch(largest, d) * 4 + 63) / 64 * 64);
    double *scratch_ref = malloc((size_t)trn_swivel_scratch(largest, d) * sizeof(double));
    for (int step = 0; step < 2; step++) {
        trn_swivel_side_t row = {rows, v[0], a[0], b[0]}, col = {cols, v[1], a[1], b[1]};
        trn_swivel_side_ref_t rr = {rows, vr[0], ar[0], br[0]}, cr = {cols, vr[1], ar[1], br[1]};
        double loss = trn_swivel_step(&rule, d, &row, &col, n, cells, scratch);
        double wanted = trn_swivel_step_ref(&rule, d, &rr, &cr, n, cells_ref, scratch_ref);
        if (fabs(loss - wanted) > 2e-6 * fabs(wanted))
            fail_msg("%ldx%ldx%ld: loss %.9g, not %.9g", (long)rows, (long)cols, (long)d, loss,
                     wanted);
    }
    for (int side = 0; side < 2; side++)
        for (int64_t i = 0; i < count[side] * d; i++)
            if (fabs((double)v[side][i] - vr[side][i]) > 2e-4)
                fail_msg("side %d value %ld: %g, not %g", side, (long)i, (double)v[side][i],
                         vr[side][i]);
    for (int side = 0; side < 2; side++)
        free(v[side]), free(a[side]), free(b[side]), free(vr[side]), free(ar[side]), free(br[side]);
    free(cells), free(cells_ref), free(scratch), free(scratch_ref);
}

static void fast_equals_ref(void **state) {
    (void)state;
    for (int optimiser = TRN_ADAGRAD; optimiser <= TRN_RMSPROP; optimiser++) {
        compare(1, 1, 1, optimiser);
        compare(5, 3, 2, optimiser);
        compare(64, 65, 16, optimiser);
        compare(300, 257, 33, optimiser); /* two tiles, ragged chunks */
        compare(256, 512, 64, optimiser);
    }
}

static void not_finite_shows(void **state) {
    (void)state;
    float values[2] = {1, NAN}, acc[2] = {1, 1}, bias[2] = {0, 0}, col_values[1] = {1},
          col_acc[1] = {1};
    trn_swivel_cell_t cells[2] = {{0, 0, 0, 1}, {1, 0, 0, 1}};
    trn_swivel_rule_t rule = {TRN_ADAGRAD, 1, 0, 1};
    trn_swivel_side_t row = {2, values, acc, bias}, col = {1, col_values, col_acc, bias};
    float *scratch = aligned_alloc(64, ((size_t)trn_swivel_scratch(2, 1) * 4 + 63) / 64 * 64);
    assert_false(isfinite(trn_swivel_step(&rule, 1, &row, &col, 2, cells, scratch)));
    free(scratch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_v1),
        cmocka_unit_test(golden_v2),
        cmocka_unit_test(fast_equals_ref),
        cmocka_unit_test(not_finite_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
