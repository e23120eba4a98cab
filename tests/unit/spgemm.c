/* Products of sparse blocks: every way of gathering a row, every type, against the obvious twin,
 * bit for bit. */
#include "kern/sparse/spgemm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 64 /* bytes behind scratch memory that nobody may touch */ };

static uint64_t state = 1;

static uint64_t draw(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void *get(int64_t count, size_t size) {
    void *memory = aligned_alloc(64, ((size_t)(count + 1) * size + 63) / 64 * 64);
    assert_non_null(memory);
    return memory;
}

/* A random factor with about `mean` entries a row: every fifth row empty, every seventh of one
 * entry, every 11th four times as long; columns of every third number only, so that some are empty.
 */
static trn_spgemm_factor_t factor(int64_t rows, int64_t cols, int64_t mean, trn_sparse_type_t type,
                                  bool whole_numbers) {
    int64_t room = rows * 8 * mean + 1, n = 0;
    int64_t *start = get(rows + 1, sizeof *start);
    int32_t *column = get(room, sizeof *column);
    start[0] = 0;
    for (int64_t i = 0; i < rows; i++) {
        int64_t length = i % 5 == 4 ? 0 : i % 7 == 3 ? 1 : (int64_t)(draw() % (2 * mean)) + 1;
        if (i % 11 == 6) length *= 4;
        /* Ascending by chance: a step on average as long as fills the columns. */
        int64_t step = 2 * cols / (length + 1) + 1;
        for (int64_t j = (int64_t)(draw() % step); j < cols && n - start[i] < length;
             j += (int64_t)(draw() % step) + 1)
            if (j % 3 < 2) column[n++] = (int32_t)j;
        start[i + 1] = n;
    }
    trn_spgemm_factor_t made = {rows, cols, start, column, NULL, type};
    double *f64 = get(n, sizeof *f64);
    float *f32 = get(n, sizeof *f32);
    for (int64_t e = 0; e < n; e++) {
        f64[e] = whole_numbers ? (double)(draw() % 9) - 4 : (double)draw() * 0x1p-63 - 1;
        f32[e] = (float)f64[e];
    }
    if (type == TRN_SPARSE_F64) made.values = f64;
    if (type == TRN_SPARSE_F32) made.values = f32;
    if (made.values != f64) free(f64);
    if (made.values != f32) free(f32);
    return made;
}

static void discard(trn_spgemm_factor_t *f) {
    free((void *)f->start);
    free((void *)f->column);
    free((void *)f->values);
}

static double value(trn_sparse_type_t type, const void *values, int64_t e) {
    if (type == TRN_SPARSE_F32) return (double)((const float *)values)[e];
    return type == TRN_SPARSE_F64 ? ((const double *)values)[e] : 1;
}

/* C must be what the twin says. */
static void compare(const trn_spgemm_t *p, const int64_t *start, const int32_t *column,
                    const void *values) {
    double *sum = get(p->b.cols, sizeof *sum);
    bool *present = get(p->b.cols, sizeof *present);
    for (int64_t i = 0; i < p->a.rows; i++) {
        int64_t count = trn_spgemm_ref(p, i, sum, present);
        assert_int_equal(start[i + 1] - start[i], count);
        for (int64_t e = start[i]; e < start[i + 1]; e++) {
            int64_t j = column[e] - p->first_col;
            assert_true(j >= 0 && j < p->b.cols && present[j]);
            if (e > start[i]) assert_true(column[e] > column[e - 1]);
            double got = value(p->type, values, e);
            assert_memory_equal(&got, &sum[j], sizeof got);
        }
    }
    free(sum);
    free(present);
}

/* What one product needs. */
typedef struct room {
    int64_t *terms, *count, *start, *at;
    int32_t *column;
    void *values;
    char *scratch;
    int64_t scratch_bytes;
} room_t;

static room_t make_room(const trn_spgemm_t *p, trn_spgemm_work_t *work, int threads) {
    room_t r = {.terms = get(p->a.rows, 8), .count = get(p->a.rows, 8)};
    *work = trn_spgemm_measure(p, r.terms);
    r.start = get(p->a.rows + 1, 8);
    r.at = get(p->a.rows + 1, 8);
    r.column = get(work->bound, 4);
    r.values = get(work->bound, 8);
    r.scratch_bytes = threads * trn_spgemm_scratch(p, work);
    r.scratch = get(r.scratch_bytes + GUARD, 1);
    memset(r.scratch, 0x5a, (size_t)r.scratch_bytes + GUARD);
    assert_true(trn_spgemm_scratch(p, work) <= trn_spgemm_scratch_most(p));
    return r;
}

static void free_room(room_t *r) {
    for (int i = 0; i < GUARD; i++)
        assert_int_equal(r->scratch[r->scratch_bytes + i], 0x5a);
    free(r->terms);
    free(r->count);
    free(r->start);
    free(r->at);
    free(r->column);
    free(r->values);
    free(r->scratch);
}

/* Count and fill on `threads` threads, then pack on one. */
static void check(const trn_spgemm_t *p, int threads) {
    trn_spgemm_work_t work;
    room_t r = make_room(p, &work, threads);
    int64_t rows = p->a.rows, cut[9];
    trn_spgemm_cut(rows, r.terms, threads, cut);
    trn_spgemm_team_t team = {threads, cut, r.scratch};
    memset(r.count, 0, (size_t)rows * 8);
    trn_spgemm_count(p, &work, &team, r.count);
    r.start[0] = 0;
    for (int64_t i = 0; i < rows; i++)
        r.start[i + 1] = r.start[i] + r.count[i];
    assert_true(r.start[rows] <= work.bound);
    memcpy(r.at, r.start, (size_t)(rows + 1) * 8);
    trn_spgemm_fill(p, &work, &team, r.at, r.column, r.values);
    for (int64_t i = 0; i < rows; i++)
        assert_int_equal(r.at[i], r.start[i + 1]);
    compare(p, r.start, r.column, r.values);
    double density = trn_spgemm_density(p, &work, r.terms, r.scratch);
    assert_true(density > 0 && density <= 1);
    memset(r.column, 0, (size_t)work.bound * 4);
    memset(r.start + 1, 0, (size_t)rows * 8);
    trn_spgemm_pack(p, &work, r.scratch, 0, rows / 2, r.start, r.column, r.values);
    trn_spgemm_pack(p, &work, r.scratch, rows / 2, rows, r.start, r.column, r.values);
    compare(p, r.start, r.column, r.values);
    free_room(&r);
}

static const trn_spgemm_gather_t gathers[] = {TRN_SPGEMM_AUTO, TRN_SPGEMM_HASH, TRN_SPGEMM_DENSE};

/* All types of A, B and C that there are, all ways. */
static void every_type(int64_t rows, int64_t inner, int64_t cols, int64_t mean, bool whole) {
    for (int t = 0; t < 9; t++) {
        trn_sparse_type_t ta = (trn_sparse_type_t)(t / 3), tb = (trn_sparse_type_t)(t % 3);
        trn_spgemm_t p = {.a = factor(rows, inner, mean, ta, whole),
                          .b = factor(inner, cols, mean, tb, whole),
                          .first_col = 1000};
        for (int i = 0; i < 9; i++) {
            p.type = (trn_sparse_type_t)(i / 3);
            p.gather = gathers[i % 3];
            check(&p, 1 + i % 4);
        }
        discard(&p.a);
        discard(&p.b);
    }
}

static void whole_numbers(void **unused) {
    (void)unused;
    every_type(60, 50, 70, 4, true);
    every_type(5, 300, 129, 40, true);
}

static void real_numbers(void **unused) {
    (void)unused;
    every_type(60, 50, 70, 4, false);
    every_type(40, 200, 5000, 12, false);
}

/* Columns beyond what is called near, rows long enough to be sorted by digits, and rows of one kind
 * beside those of the other. */
static void many_columns(void **unused) {
    (void)unused;
    trn_spgemm_t p = {.a = factor(12, 40, 5, TRN_SPARSE_F64, false),
                      .b = factor(40, 3 << 20, 30, TRN_SPARSE_F32, false),
                      .type = TRN_SPARSE_F64};
    for (int i = 0; i < 3; i++) {
        p.gather = gathers[i];
        check(&p, 2);
    }
    discard(&p.a);
    discard(&p.b);
    p.a = factor(30, 400, 60, TRN_SPARSE_F32, false);
    p.b = factor(400, 1 << 19, 12, TRN_SPARSE_F64, false);
    p.gather = TRN_SPGEMM_AUTO;
    trn_spgemm_work_t work;
    room_t r = make_room(&p, &work, 1);
    assert_true(work.dense && work.hashed_most > 32); /* both kinds are tested */
    free_room(&r);
    check(&p, 3);
    discard(&p.a);
    discard(&p.b);
}

static void nothing(void **unused) {
    (void)unused;
    static const int64_t sizes[][3] = {{0, 5, 5}, {5, 0, 5}, {5, 5, 0}, {0, 0, 0}, {4, 1, 1}};
    for (int i = 0; i < 5; i++) {
        int64_t *zero = calloc(6, sizeof *zero);
        trn_spgemm_t p = {.a = {sizes[i][0], sizes[i][1], zero, NULL, NULL, TRN_SPARSE_PATTERN},
                          .b = {sizes[i][1], sizes[i][2], zero, NULL, NULL, TRN_SPARSE_PATTERN},
                          .type = TRN_SPARSE_F64};
        check(&p, 2);
        free(zero);
    }
}

/* Sums that vanish stay, and so does the sign of zero: 0 plus the terms. */
static void zeros_stay(void **unused) {
    (void)unused;
    static const int64_t start[] = {0, 2, 3}, b_start[] = {0, 1, 2};
    static const int32_t column[] = {0, 1, 0}, b_column[] = {0, 0};
    static const double a[] = {1, -1, -1}, b[] = {3, 3}, none[] = {0, 0};
    trn_spgemm_t p = {.a = {2, 2, start, column, a, TRN_SPARSE_F64},
                      .b = {2, 1, b_start, b_column, b, TRN_SPARSE_F64},
                      .type = TRN_SPARSE_F64};
    check(&p, 1);
    p.b.values = none;
    check(&p, 1);
    p.gather = TRN_SPGEMM_HASH;
    check(&p, 1);
}

static void cuts_are_even(void **unused) {
    (void)unused;
    enum { ROWS = 1000 };
    int64_t terms[ROWS], cut[18], all = ROWS, longest = 0;
    for (int i = 0; i < ROWS; i++) {
        terms[i] = i % 10 ? 0 : (int64_t)(draw() % 500);
        all += terms[i];
        if (terms[i] > longest) longest = terms[i];
    }
    for (int parts = 1; parts <= 17; parts++) {
        trn_spgemm_cut(ROWS, terms, parts, cut);
        assert_int_equal(cut[0], 0);
        assert_int_equal(cut[parts], ROWS);
        for (int t = 0; t < parts; t++) {
            assert_true(cut[t] <= cut[t + 1]);
            int64_t weight = cut[t + 1] - cut[t];
            for (int64_t i = cut[t]; i < cut[t + 1]; i++)
                weight += terms[i];
            assert_true(weight <= all / parts + longest + 2);
        }
    }
    trn_spgemm_cut(0, terms, 3, cut);
    assert_int_equal(cut[1], 0);
    assert_int_equal(cut[3], 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers), cmocka_unit_test(real_numbers),
        cmocka_unit_test(many_columns),  cmocka_unit_test(nothing),
        cmocka_unit_test(zeros_stay),    cmocka_unit_test(cuts_are_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
