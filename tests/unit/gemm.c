/* kern/gemm and kern/syrk against the definition: on small whole numbers, where every sum is exact
 * in any order, so that results must be equal. */
#include "kern/dense/gemm.h"
#include "base/mem.h"
#include "base/rng.h"
#include "kern/dense/blas.h"
#include "kern/dense/syrk.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { PAD = 3 /* numbers behind each row that nobody may touch */ };

static const double UNTOUCHED = 4097;

static double get(trn_dtype_t type, const void *data, int64_t i) {
    return type == TRN_F32 ? (double)((const float *)data)[i] : ((const double *)data)[i];
}

static void put(trn_dtype_t type, void *data, int64_t i, double value) {
    if (type == TRN_F32)
        ((float *)data)[i] = (float)value;
    else
        ((double *)data)[i] = value;
}

/* A block [rows x cols] with PAD numbers behind each row: whole numbers from -8 to 8, or any. */
static void *block(trn_dtype_t type, int64_t rows, int64_t cols, uint64_t seed, bool whole) {
    void *data;
    int64_t count = rows * (cols + PAD);
    assert_int_equal(trn_alloc(&data, count, sizeof(double), "a block"), TRN_OK);
    for (int64_t i = 0; i < count; i++) {
        double uniform[4];
        trn_rng_uniform(seed, (uint64_t)i, 0, 0, TRN_RNG_TEST, uniform);
        double value = whole ? floor(uniform[0] * 17) - 8 : uniform[0] - 0.5;
        put(type, data, i, i % (cols + PAD) < cols ? value : UNTOUCHED);
    }
    return data;
}

static void same(trn_dtype_t type, int64_t count, const void *a, const void *b) {
    for (int64_t i = 0; i < count; i++)
        if (get(type, a, i) != get(type, b, i)) /* once for each number would be slow */
            fail_msg("element %lld: %g, not %g", (long long)i, get(type, a, i), get(type, b, i));
}

/* Products ------------------------------------------------------------------------------------- */

static void product_is_exact(trn_dtype_t type, int ops, const int64_t size[3], double alpha,
                             double beta, int threads) {
    int64_t m = size[0], n = size[1], k = size[2];
    bool ta = ops & 1, tb = ops & 2;
    void *a = block(type, ta ? k : m, ta ? m : k, 1, true);
    void *b = block(type, tb ? n : k, tb ? k : n, 2, true);
    void *fast = block(type, m, n, 3, true), *slow = block(type, m, n, 3, true);
    if (beta == 0 && m > 0 && n > 0) put(type, fast, 0, NAN); /* never read */
    trn_gemm_t g = {.type = type,
                    .m = m,
                    .n = n,
                    .k = k,
                    .alpha = alpha,
                    .beta = beta,
                    .a = {a, (ta ? m : k) + PAD, ta},
                    .b = {b, (tb ? k : n) + PAD, tb},
                    .c = fast,
                    .ldc = n + PAD,
                    .threads = threads};
    trn_gemm(&g);
    g.c = slow;
    trn_gemm_ref(&g);
    same(type, m * (n + PAD), fast, slow);
    trn_free(&a);
    trn_free(&b);
    trn_free(&fast);
    trn_free(&slow);
}

static void products(void **state) {
    (void)state;
    static const int64_t sizes[][3] = {{1, 1, 1},   {5, 7, 3},   {0, 4, 4},   {4, 0, 4},
                                       {64, 64, 0}, {2, 3, 400}, {1, 65, 33}, {70, 1, 129}};
    static const double betas[] = {0, 1, -0.5};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int ops = 0; ops < 4; ops++)
            for (int b = 0; b < 3; b++)
                for (int threads = 1; threads <= 5; threads += 2) {
                    product_is_exact(TRN_F64, ops, sizes[s], 2, betas[b], threads);
                    product_is_exact(TRN_F32, ops, sizes[s], -1, betas[b], threads);
                }
}

/* Gram matrices -------------------------------------------------------------------------------- */

/* A Gram matrix of rows with PAD numbers behind them: C [n x cols], A [k x n]. */
static trn_syrk_t gram_of(trn_dtype_t type, int64_t n, int64_t cols, int64_t k, const void *a,
                          void *c) {
    return (trn_syrk_t){.type = type,
                        .n = n,
                        .cols = cols,
                        .k = k,
                        .alpha = 1,
                        .a = a,
                        .lda = n + PAD,
                        .c = c,
                        .ldc = cols + PAD,
                        .threads = 1};
}

/* What is on and below the diagonal as in the product, what is above as it was. */
static void gram_is_exact(trn_dtype_t type, int64_t n, int64_t cols, int64_t k, double beta,
                          int threads) {
    void *a = block(type, k, n, 1, true), *fast = block(type, n, cols, 3, true);
    void *slow = block(type, n, cols, 3, true), *before = block(type, n, cols, 3, true);
    if (beta == 0) put(type, fast, 0, NAN);
    trn_syrk_t g = gram_of(type, n, cols, k, a, fast);
    g.alpha = 2;
    g.beta = beta;
    g.threads = threads;
    trn_syrk(&g);
    trn_gemm_ref(&(trn_gemm_t){.type = type,
                               .m = n,
                               .n = cols,
                               .k = k,
                               .alpha = 2,
                               .beta = beta,
                               .a = {a, n + PAD, true},
                               .b = {a, n + PAD, false},
                               .c = slow,
                               .ldc = cols + PAD});
    for (int64_t i = 0; i < cols; i++)
        for (int64_t j = i + 1; j < cols; j++)
            put(type, slow, i * (cols + PAD) + j, get(type, before, i * (cols + PAD) + j));
    same(type, n * (cols + PAD), fast, slow);
    trn_free(&a);
    trn_free(&fast);
    trn_free(&slow);
    trn_free(&before);
}

static void gram(void **state) {
    (void)state;
    static const int64_t sizes[][3] = {{1, 1, 1},      {2, 1, 0},     {7, 7, 5},   {33, 20, 65},
                                       {512, 512, 3},  {513, 513, 9}, {300, 1, 8}, {1100, 530, 40},
                                       {600, 600, 17}, {9, 8, 700},   {64, 64, 0}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int threads = 1; threads <= 3; threads += 2)
            for (int beta = 0; beta <= 1; beta++) {
                const int64_t *at = sizes[s];
                gram_is_exact(TRN_F64, at[0], at[1], at[2], beta, threads);
                gram_is_exact(TRN_F32, at[0], at[1], at[2], beta, threads);
            }
}

/* Numbers that do not add up exactly come out the same bits on any number of threads. */
static void gram_knows_no_threads(void **state) {
    (void)state;
    enum { N = 700, K = 333 };
    double *a = block(TRN_F64, K, N, 5, false);
    double *one = block(TRN_F64, N, N, 6, true), *many = block(TRN_F64, N, N, 6, true);
    for (int64_t cols = 100; cols <= N; cols += 300) {
        trn_syrk_t g = gram_of(TRN_F64, N, cols, K, a, one);
        g.ldc = N + PAD;
        trn_syrk(&g);
        g.c = many;
        for (g.threads = 2; g.threads <= 4; g.threads++) {
            trn_syrk(&g);
            assert_memory_equal(one, many, sizeof *one * N * (N + PAD));
        }
    }
    trn_free(&a);
    trn_free(&one);
    trn_free(&many);
}

/* Float32 rows whose products float32 cannot hold: 4097 is exact, its square is not. */
static void widens(int64_t n, int64_t cols, int64_t k, double beta) {
    float *a = block(TRN_F32, k, n, 7, true);
    double *wide = block(TRN_F64, k, n, 7, true), *scratch;
    double *fast = block(TRN_F64, n, cols, 8, true);
    double *slow = block(TRN_F64, n, cols, 8, true);
    assert_int_equal(trn_alloc(&scratch, trn_syrk_scratch(n), sizeof *scratch, "scratch"), TRN_OK);
    for (int64_t i = 0; i < k * (n + PAD); i++) {
        a[i] *= 4097;
        wide[i] *= 4097;
    }
    trn_syrk_t g = gram_of(TRN_F64, n, cols, k, a, fast);
    g.beta = beta;
    trn_syrk_widen(&g, scratch);
    g.a = wide;
    g.c = slow;
    trn_syrk(&g);
    same(TRN_F64, n * (cols + PAD), fast, slow);
    trn_free(&a);
    trn_free(&wide);
    trn_free(&fast);
    trn_free(&slow);
    trn_free(&scratch);
}

static void gram_widens(void **state) {
    (void)state;
    widens(1, 1, 1, 0);
    widens(5, 3, 1000, 1); /* several pieces of rows: */
    widens(200, 200, 257, 0);
    widens(129, 100, 600, 1);
    widens(4, 4, 0, 0);
}

static void mirrors(void **state) {
    (void)state;
    for (int64_t n = 0; n <= 70; n += 7) {
        double *c = block(TRN_F64, n, n, 9, true);
        double *was = block(TRN_F64, n, n, 9, true);
        trn_mirror(TRN_F64, n, c, n + PAD);
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < n + PAD; j++) {
                bool above = j > i && j < n;
                assert_true(c[i * (n + PAD) + j] ==
                            was[above ? j * (n + PAD) + i : i * (n + PAD) + j]);
            }
        trn_free(&c);
        trn_free(&was);
    }
}

/* One number that is none spoils its row and column, and nothing else. */
static void gram_spreads_nan(void **state) {
    (void)state;
    enum { N = 300, K = 20, BAD = 270 };
    double *a = block(TRN_F64, K, N, 1, true), *c = block(TRN_F64, N, N, 2, true);
    a[11 * (N + PAD) + BAD] = NAN;
    trn_syrk_t g = gram_of(TRN_F64, N, N, K, a, c);
    trn_syrk(&g);
    for (int64_t i = 0; i < N; i++)
        for (int64_t j = 0; j <= i; j++)
            assert_int_equal(isnan(c[i * (N + PAD) + j]) != 0, i == BAD || j == BAD);
    trn_free(&a);
    trn_free(&c);
}

int main(void) {
    trn_blas_single();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products),    cmocka_unit_test(gram),
        cmocka_unit_test(gram_widens), cmocka_unit_test(gram_knows_no_threads),
        cmocka_unit_test(mirrors),     cmocka_unit_test(gram_spreads_nan)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
