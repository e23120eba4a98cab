/* The fast sparse x dense kernel against the slow one. */
#include "kern/sparse/spmm.h"

#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 150, NEAR = 40, FAR = 33, MOST_COLS = 300, PAD = 3 };

/* One random problem; every third row is empty, row 7 long. Integers keep sums exact. */
typedef struct problem {
    trn_spmm_t p;
    int64_t start[ROWS + 1];
    int32_t *column;
    void *values, *near, *far, *c;
    double *wanted;
} problem_t;

static int draw(int64_t what, int64_t i, int64_t j) {
    uint32_t words[4];
    trn_rng_words(3, (uint64_t)i, (uint32_t)j, (uint32_t)what, TRN_RNG_TEST, words);
    return (int)(words[0] >> 8);
}

static void *numbers(int64_t what, int64_t rows, int64_t stride, bool wide, bool whole) {
    char *data = malloc((size_t)(rows * stride) * (wide ? 8 : 4) + 1);
    for (int64_t i = 0; i < rows * stride; i++) {
        double x = whole ? draw(what, i, 0) % 9 - 4 : draw(what, i, 0) * 0x1p-23 - 1;
        if (wide)
            ((double *)data)[i] = x;
        else
            ((float *)data)[i] = (float)x;
    }
    return data;
}

static void make(problem_t *x, bool wide, trn_sparse_type_t entries, int64_t cols, bool whole) {
    x->start[0] = 0;
    for (int64_t i = 0; i < ROWS; i++)
        x->start[i + 1] = x->start[i] + (i % 3 == 0 ? 0 : i == 7 ? 500 : i % 30);
    int64_t count = x->start[ROWS];
    x->column = malloc((size_t)count * sizeof *x->column);
    for (int64_t e = 0; e < count; e++)
        x->column[e] = draw(1, e, 0) % (NEAR + FAR) - FAR;
    x->values = numbers(2, count, 1, entries == TRN_SPARSE_F64, whole);
    x->near = numbers(3, NEAR, cols + PAD, wide, whole);
    x->far = numbers(4, FAR, cols + 1, wide, whole);
    x->c = numbers(5, ROWS, cols + PAD, wide, whole);
    x->wanted = malloc((size_t)(ROWS * cols + 1) * sizeof(double));
    x->p = (trn_spmm_t){.rows = ROWS,
                        .start = x->start,
                        .column = x->column,
                        .entries = entries,
                        .values = x->values,
                        .wide = wide,
                        .b = {{x->near, cols + PAD}, {x->far, cols + 1}},
                        .cols = cols,
                        .c = x->c,
                        .c_stride = cols + PAD,
                        .alpha = 1};
}

static void destroy(problem_t *x) {
    free(x->column), free(x->values), free(x->near), free(x->far), free(x->c), free(x->wanted);
}

static double got(const problem_t *x, int64_t i, int64_t j) {
    int64_t at = i * x->p.c_stride + j;
    return x->p.wide ? ((double *)x->c)[at] : (double)((float *)x->c)[at];
}

static void check(const problem_t *x, double tolerance) {
    for (int64_t i = 0; i < ROWS; i++)
        for (int64_t j = 0; j < x->p.cols; j++) {
            double wanted = x->wanted[i * x->p.cols + j];
            if (!(fabs(got(x, i, j) - wanted) <= tolerance))
                fail_msg("%d columns: (%d, %d) is %.9g, not %.9g", (int)x->p.cols, (int)i, (int)j,
                         got(x, i, j), wanted);
        }
}

/* Widths on both sides of every tile of every instruction set. */
static const int64_t widths[] = {0,  1,   2,   3,   5,   7,   8,   9,   15,
                                 16, 17,  31,  32,  33,  50,  63,  64,  65,
                                 96, 100, 127, 128, 129, 200, 255, 256, MOST_COLS};
enum { WIDTHS = sizeof widths / sizeof *widths };

/* All instruction sets that this processor runs are one after the other the best of a list, but
 * only the best is reachable; the others are compiled from the same lines. */
static void all(bool whole, double alpha, double beta, int threads) {
    static const double near[] = {5e-4, 1e-12, 4e-6}; /* float, double, float of double sums */
    for (int kind = 0; kind < 3; kind++)
        for (int entries = TRN_SPARSE_PATTERN; entries <= TRN_SPARSE_F64; entries++)
            for (int w = 0; w < WIDTHS; w++) {
                problem_t x;
                make(&x, kind == 1, (trn_sparse_type_t)entries, widths[w], whole);
                x.p.alpha = alpha, x.p.beta = beta;
                x.p.wide_sums = kind == 2;
                trn_spmm_ref(&x.p, x.wanted);
                trn_spmm_threads(&x.p, 0, ROWS, threads);
                check(&x, whole ? 0 : near[kind]);
                destroy(&x);
            }
}

static void whole_numbers_are_exact(void **state) {
    (void)state;
    all(true, 1, 0, 1);
    all(true, 2, 1, 2);
    all(true, -1, 3, 3);
    all(true, 0, 1, 1);
}

static void fractions_are_close(void **state) {
    (void)state;
    all(false, 1, 0, 1);
    all(false, 0.3, -1.7, 2);
}

/* The same bits whatever the threads, the cut of rows, and the cut of columns. */
static void cuts_do_not_show(void **state) {
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        bool wide = kind == 1;
        problem_t x, y;
        make(&x, wide, TRN_SPARSE_F32, MOST_COLS, false);
        make(&y, wide, TRN_SPARSE_F32, MOST_COLS, false);
        x.p.wide_sums = y.p.wide_sums = kind == 2;
        x.p.alpha = y.p.alpha = 0.7, x.p.beta = y.p.beta = 1.3;
        trn_spmm_rows(&x.p, 0, ROWS);
        int64_t size = wide ? 8 : 4, slab;
        for (int64_t j = 0; j < MOST_COLS; j += slab) {
            slab = 1 + draw(9, j, 0) % 40;
            if (slab > MOST_COLS - j) slab = MOST_COLS - j;
            trn_spmm_t part = y.p;
            part.cols = slab;
            part.b[0].data = (char *)y.near + j * size;
            part.b[1].data = (char *)y.far + j * size;
            part.c = (char *)y.c + j * size;
            trn_spmm_threads(&part, 0, 40, 2);
            trn_spmm_threads(&part, 40, ROWS, 1 + (int)(j % 4));
        }
        assert_memory_equal(x.c, y.c, (size_t)(ROWS * x.p.c_stride * size));
        destroy(&x), destroy(&y);
    }
}

static void boolean(void **state) {
    (void)state;
    for (int wide = 0; wide < 2; wide++)
        for (int w = 0; w < WIDTHS; w++)
            for (int beta = 0; beta < 2; beta++) {
                problem_t x;
                make(&x, wide, TRN_SPARSE_F32, widths[w], true);
                int64_t cells[] = {NEAR * x.p.b[0].stride, FAR * x.p.b[1].stride,
                                   ROWS * x.p.c_stride};
                void *data[] = {x.near, x.far, x.c};
                for (int k = 0; k < 3; k++) /* about one in 25 is 1 */
                    for (int64_t i = 0; i < cells[k]; i++) {
                        bool set = draw(6, i, k) % 25 == 0;
                        if (wide)
                            ((double *)data[k])[i] = set;
                        else
                            ((float *)data[k])[i] = (float)set;
                    }
                x.p.beta = beta;
                trn_spmm_boolean(&x.p);
                trn_spmm_ref(&x.p, x.wanted);
                trn_spmm_threads(&x.p, 0, ROWS, 2);
                check(&x, 0);
                destroy(&x);
            }
}

/* With beta = 0 what C held does not matter, not even a NaN; a NaN in B shows where it is met. */
static void not_a_number(void **state) {
    (void)state;
    for (int w = 0; w < WIDTHS; w++) {
        problem_t x;
        make(&x, false, TRN_SPARSE_F32, widths[w], true);
        for (int64_t i = 0; i < ROWS * x.p.c_stride; i++)
            ((float *)x.c)[i] = NAN;
        trn_spmm_ref(&x.p, x.wanted);
        trn_spmm_rows(&x.p, 0, ROWS);
        check(&x, 0);
        for (int64_t j = 0; j < x.p.cols; j++)
            ((float *)x.near)[5 * x.p.b[0].stride + j] = NAN;
        trn_spmm_rows(&x.p, 0, ROWS);
        for (int64_t i = 0; i < ROWS; i++) {
            bool met = false;
            for (int64_t e = x.start[i]; e < x.start[i + 1]; e++)
                met |= x.column[e] == 5;
            for (int64_t j = 0; j < x.p.cols; j++)
                assert_true(isnan(got(&x, i, j)) == met);
            for (int64_t j = x.p.cols; j < x.p.c_stride; j++)
                assert_true(isnan(got(&x, i, j))); /* nothing written beside C */
        }
        destroy(&x);
    }
}

static void cut_covers(void **state) {
    (void)state;
    problem_t x;
    make(&x, false, TRN_SPARSE_PATTERN, 1, true);
    for (int64_t parts = 1; parts < 200; parts = parts * 2 + 1) {
        int64_t at = 20, most = 0;
        for (int64_t part = 0; part < parts; part++) {
            assert_int_equal(trn_spmm_cut(x.start, 20, 140, parts, part), at);
            int64_t next = trn_spmm_cut(x.start, 20, 140, parts, part + 1);
            assert_true(next >= at);
            int64_t entries = x.start[next] - x.start[at];
            most = entries > most ? entries : most;
            at = next;
        }
        assert_int_equal(at, 140);
        assert_true(most <= (x.start[140] - x.start[20] + 120) / parts + 31);
    }
    assert_int_equal(trn_spmm_cut(x.start, 5, 5, 4, 2), 5);
    destroy(&x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers_are_exact),
        cmocka_unit_test(fractions_are_close),
        cmocka_unit_test(cuts_do_not_show),
        cmocka_unit_test(boolean),
        cmocka_unit_test(not_a_number),
        cmocka_unit_test(cut_covers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
