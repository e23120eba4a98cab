/* Sparse times dense: right, with the same bits on any number of ranks, and moving just the words
 * that the header names. */
#include "mpi/sparse/spmm.h"

#include "base/rng.h"
#include "harness.h"
#include "kern/sparse/spmm.h"
#include "mpi/agree.h"
#include "mpi/trace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* S [ROWS x COLS]: row 3 is long, every fifth is empty; `near` entries lie about the diagonal, so
 * that few rows of B are needed elsewhere, in lists as well as in bands. */
enum { ROWS = 61, COLS = 47, DIM = 83 };

typedef struct test_case {
    bool transpose, right, boolean, near, whole; /* whole: small integers, else fractions */
    bool even; /* bands of B and C: even, or uneven with empty ones */
    trn_sparse_type_t entries;
    trn_matrix_type_t type;
    int64_t width, memory;
    double alpha, beta;
} test_case_t;

static uint32_t draw(int64_t what, int64_t i, int64_t j) {
    uint32_t words[4];
    trn_rng_words(5, (uint64_t)i, (uint32_t)j, (uint32_t)what, TRN_RNG_TEST, words);
    return words[0] >> 8;
}

static double number(const test_case_t *t, int64_t what, int64_t i, int64_t j) {
    if (t->boolean) return draw(what, i, j) % 20 == 0;
    return t->whole ? (double)(draw(what, i, j) % 9) - 4 : draw(what, i, j) * 0x1p-23 - 1;
}

static bool is_entry(const test_case_t *t, int64_t i, int64_t j) {
    if (t->near) return i == j || (draw(1, i, j) % 3 == 0 && i - j < 5 && j - i < 4);
    return i % 5 != 2 && (i == 3 || draw(1, i, j) % 7 == 0);
}

/* Rows [first, first + rows) of S. */
static trn_status_t make_sparse(trn_sparse_t **sparse, const test_case_t *t, int64_t first,
                                int64_t rows) {
    trn_triplet_t *triplets = malloc((size_t)(rows * COLS + 1) * sizeof *triplets);
    int64_t count = 0;
    for (int64_t i = first; i < first + rows; i++)
        for (int64_t j = 0; j < COLS; j++)
            if (is_entry(t, i, j)) triplets[count++] = (trn_triplet_t){i, j, number(t, 2, i, j)};
    trn_status_t status = trn_sparse_create(sparse, t->entries,
                                            (trn_extent_t){first, rows, 0, COLS}, count, triplets);
    free(triplets);
    return status;
}

static void set(void *data, trn_matrix_type_t type, int64_t i, double value) {
    if (type == TRN_MATRIX_F32)
        ((float *)data)[i] = (float)value;
    else
        ((double *)data)[i] = value;
}

static double get(const void *data, trn_matrix_type_t type, int64_t i) {
    return type == TRN_MATRIX_F32 ? (double)((const float *)data)[i] : ((const double *)data)[i];
}

static void fill(trn_matrix_t *matrix, const test_case_t *t, int64_t what) {
    trn_view_t view = trn_matrix_block(matrix);
    for (int64_t i = 0; i < view.rows; i++)
        for (int64_t j = 0; j < view.cols; j++)
            set(view.data, t->type, i * view.stride + j,
                number(t, what, trn_matrix_first_row(matrix) + i, j));
}

/* Row bands; uneven: every third rank has none, the others ever more. */
static trn_dist_t *bands(int64_t rows, int64_t cols, bool even, int shift) {
    trn_dist_t *dist;
    int64_t start[65] = {0}, whole[] = {0, cols}, sum = 0, all = 0;
    for (int r = 0; r < ranks; r++)
        all += (r + shift) % 3 == 2 ? 0 : 1 + r;
    if (even || all == 0) {
        CHECK_OK(trn_dist_create(&dist, rows, cols, ranks, 1));
        return dist;
    }
    for (int r = 0; r < ranks; r++) {
        sum += (r + shift) % 3 == 2 ? 0 : 1 + r;
        start[r + 1] = rows * sum / all;
    }
    CHECK_OK(trn_dist_create_at(&dist, ranks, start, 1, whole));
    return dist;
}

/* A problem on all ranks. */
typedef struct problem {
    const test_case_t *t;
    int64_t b_rows, b_cols, c_rows, c_cols;
    trn_dist_t *s, *b, *c;
    trn_sparse_t *sparse;
    trn_matrix_t *from, *to;
    trn_spmm_options_t options;
} problem_t;

static void make(problem_t *x, const test_case_t *t) {
    int64_t rows = t->transpose ? COLS : ROWS, cols = t->transpose ? ROWS : COLS;
    *x = (problem_t){.t = t};
    x->b_rows = t->right ? DIM : cols, x->b_cols = t->right ? rows : DIM;
    x->c_rows = t->right ? DIM : rows, x->c_cols = t->right ? cols : DIM;
    x->s = bands(ROWS, COLS, t->even, 0);
    x->b = bands(x->b_rows, x->b_cols, t->even, 1);
    x->c = bands(x->c_rows, x->c_cols, t->even, t->transpose || t->right ? 2 : 0);
    int64_t first = trn_dist_row_start(x->s, rank);
    CHECK_OK(make_sparse(&x->sparse, t, first, trn_dist_row_start(x->s, rank + 1) - first));
    CHECK_OK(trn_matrix_create(&x->from, comm, t->type, x->b));
    CHECK_OK(trn_matrix_create(&x->to, comm, t->type, x->c));
    fill(x->from, t, 3);
    fill(x->to, t, 4);
    x->options = (trn_spmm_options_t){.transpose = t->transpose,
                                      .right = t->right,
                                      .boolean = t->boolean,
                                      .threads = 1,
                                      .width = t->width,
                                      .memory = t->memory};
}

static void destroy(problem_t *x) {
    trn_sparse_destroy(&x->sparse);
    trn_matrix_destroy(&x->from);
    trn_matrix_destroy(&x->to);
    trn_dist_destroy(&x->s);
    trn_dist_destroy(&x->b);
    trn_dist_destroy(&x->c);
}

/* The whole product on one rank by the kernel: what all rank counts must give to the bit. If
 * `exact`, by the slow reference in float64. Returns malloc'ed numbers of the matrices' type. */
static void *expected(const problem_t *x, bool exact) {
    const test_case_t *t = x->t;
    size_t size = (size_t)trn_matrix_type_size(t->type);
    bool turned = t->transpose != t->right;
    trn_sparse_t *s, *flipped = NULL;
    CHECK_OK(make_sparse(&s, t, 0, ROWS));
    if (turned) CHECK_OK(trn_sparse_transpose(&flipped, s));
    const trn_sparse_t *used = turned ? flipped : s;
    int64_t n = trn_sparse_extent(used).cols, m = trn_sparse_extent(used).rows;
    void *b = malloc((size_t)(n * DIM) * size), *c = malloc((size_t)(m * DIM) * size);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < DIM; j++)
            set(b, t->type, i * DIM + j, number(t, 3, t->right ? j : i, t->right ? i : j));
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < DIM; j++)
            set(c, t->type, i * DIM + j, number(t, 4, t->right ? j : i, t->right ? i : j));
    trn_spmm_t p = {.rows = m,
                    .start = trn_sparse_start(used),
                    .column = trn_sparse_column(used),
                    .entries = t->entries == TRN_SPARSE_PATTERN ? TRN_SPARSE_PATTERN
                               : t->entries == TRN_SPARSE_F32   ? TRN_SPARSE_F32
                                                                : TRN_SPARSE_F64,
                    .values = trn_sparse_values(used),
                    .wide = t->type == TRN_MATRIX_F64,
                    .b = {{b, DIM}, {NULL, 0}},
                    .cols = DIM,
                    .c = c,
                    .c_stride = DIM,
                    .alpha = t->alpha,
                    .beta = t->right && !exact ? 0 : t->beta};
    if (t->boolean) trn_spmm_boolean(&p);
    void *whole = malloc((size_t)(m * DIM) * size);
    double *slow = malloc((size_t)(m * DIM) * sizeof *slow);
    if (exact)
        trn_spmm_ref(&p, slow);
    else
        trn_spmm_rows(&p, 0, m);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < DIM; j++) {
            double value = exact ? slow[i * DIM + j] : get(c, t->type, i * DIM + j);
            if (t->right && !exact && t->beta != 0) {
                double old = number(t, 4, j, i);
                value = t->boolean ? value != 0 || old != 0 : value + t->beta * old;
            }
            set(whole, t->type, t->right ? j * m + i : i * DIM + j, value);
        }
    free(b), free(c), free(slow);
    trn_sparse_destroy(&s);
    trn_sparse_destroy(&flipped);
    return whole;
}

static void check_result(const problem_t *x, const char *what) {
    size_t bytes = (size_t)(x->c_rows * x->c_cols * trn_matrix_type_size(x->t->type));
    char *whole = malloc(bytes), *wanted = expected(x, false);
    trn_matrix_gather(x->to, whole);
    if (rank == 0 && memcmp(whole, wanted, bytes) != 0)
        harness_check(false, __FILE__, __LINE__, what);
    if (x->t->whole) { /* then exactly right, too */
        char *exact = expected(x, true);
        for (int64_t i = 0; i < x->c_rows * x->c_cols; i++)
            if (!CHECK(get(exact, x->t->type, i) == get(wanted, x->t->type, i))) break;
        free(exact);
    }
    free(whole), free(wanted);
}

static void run(const test_case_t *t, const char *what) {
    problem_t x;
    trn_spmm_plan_t *plan;
    make(&x, t);
    CHECK_OK(trn_spmm_plan_create(&plan, comm, &x.options, x.sparse, x.s, t->type, x.b, x.c));
    if (harness_well()) {
        CHECK_OK(trn_spmm_execute(plan, t->alpha, x.from, t->beta, x.to));
        check_result(&x, what);
        fill(x.to, t, 4); /* and once more */
        CHECK_OK(trn_spmm_execute(plan, t->alpha, x.from, t->beta, x.to));
        check_result(&x, what);
    }
    trn_spmm_plan_destroy(&plan);
    CHECK(plan == NULL);
    destroy(&x);
}

static void all(test_case_t t, const char *what) {
    for (int sides = 0; sides < 4; sides++)
        for (int bits = 0; bits < 4; bits++) {
            t.transpose = sides & 1, t.right = sides & 2;
            t.even = bits & 1, t.near = bits & 2;
            run(&t, what);
        }
}

static void whole_numbers(void) {
    test_case_t t = {.whole = true, .entries = TRN_SPARSE_F32, .type = TRN_MATRIX_F32, .alpha = 1};
    all(t, "whole numbers");
    t.alpha = -2, t.beta = 3, t.entries = TRN_SPARSE_PATTERN, t.type = TRN_MATRIX_F64;
    all(t, "pattern with alpha and beta");
}

static void fractions(void) {
    test_case_t t = {.entries = TRN_SPARSE_F32, .type = TRN_MATRIX_F32, .alpha = 1};
    all(t, "fractions");
    t.alpha = 0.37, t.beta = -1.21, t.entries = TRN_SPARSE_F64, t.width = 20;
    all(t, "fractions in slabs");
    t.type = TRN_MATRIX_F64, t.width = 1;
    all(t, "fractions column by column");
}

static void boolean(void) {
    test_case_t t = {.whole = true, .boolean = true, .entries = TRN_SPARSE_F32, .width = 32};
    all(t, "boolean");
    t.beta = 1, t.type = TRN_MATRIX_F64;
    all(t, "boolean, or-ed to C");
}

/* With beta = 0 C is not looked at. */
static void old_content(void) {
    for (int sides = 0; sides < 4; sides++) {
        test_case_t t = {.transpose = sides & 1, .right = sides & 2, .whole = true, .alpha = 1};
        t.entries = TRN_SPARSE_F64;
        problem_t x;
        trn_spmm_plan_t *plan;
        make(&x, &t);
        CHECK_OK(trn_spmm_plan_create(&plan, comm, &x.options, x.sparse, x.s, t.type, x.b, x.c));
        if (harness_well()) {
            trn_view_t view = trn_matrix_block(x.to);
            for (int64_t i = 0; i < view.rows * view.cols; i++)
                set(view.data, t.type, i, NAN);
            CHECK_OK(trn_spmm_execute(plan, 1, x.from, 0, x.to));
            check_result(&x, "C was read");
        }
        trn_spmm_plan_destroy(&plan);
        destroy(&x);
    }
}

/* Rows of `in` that the rows of S' in band [first, end) meet in rank q's band, by the header's
 * rule. */
static int64_t needed(const test_case_t *t, int64_t first, int64_t end, int64_t from, int64_t to) {
    bool turned = t->transpose != t->right;
    int64_t count = 0, low = -1, high = -1;
    for (int64_t j = from; j < to; j++) {
        bool met = false;
        for (int64_t i = first; i < end; i++)
            met |= turned ? is_entry(t, j, i) : is_entry(t, i, j);
        if (!met) continue;
        if (count++ == 0) low = j;
        high = j;
    }
    int64_t hull = count ? high - low + 1 : 0;
    return 8 * count >= 7 * hull ? hull : count;
}

/* Boundaries of the bands of S' B': of its rows or of B'. */
static int64_t start_of(const problem_t *x, bool out, int r) {
    if (!x->t->right) return trn_dist_row_start(out ? x->c : x->b, r);
    if (out && x->t->transpose) return trn_dist_row_start(x->s, r);
    return trn_part_start(out ? x->c_cols : x->b_cols, ranks, r);
}

static int64_t formula(const problem_t *x) {
    int64_t first = start_of(x, true, rank), end = start_of(x, true, rank + 1), words = 0;
    for (int q = 0; q < ranks; q++)
        if (q != rank)
            words +=
                DIM * needed(x->t, first, end, start_of(x, false, q), start_of(x, false, q + 1));
    if (!x->t->right) return words;
    int64_t b_own = trn_dist_local_rows(x->b, rank), c_own = trn_dist_local_rows(x->c, rank);
    words += (DIM - b_own) * (start_of(x, false, rank + 1) - start_of(x, false, rank));
    return words + (x->c_cols - (end - first)) * c_own;
}

static void words_are_exact(void) {
    for (int bits = 0; bits < 32; bits++) {
        test_case_t t = {.transpose = bits & 1,
                         .right = bits & 2,
                         .near = bits & 4,
                         .even = bits & 8,
                         .whole = true,
                         .alpha = 1};
        t.entries = TRN_SPARSE_F32, t.width = bits & 16 ? 16 : 0;
        problem_t x;
        trn_spmm_plan_t *plan;
        make(&x, &t);
        CHECK_OK(trn_spmm_plan_create(&plan, comm, &x.options, x.sparse, x.s, t.type, x.b, x.c));
        int64_t sent[3], received[3];
        trn_trace_bytes(&sent[0], &received[0], NULL);
        trn_agree(comm, TRN_OK);
        trn_trace_bytes(&sent[1], &received[1], NULL);
        CHECK_OK(trn_spmm_execute(plan, 1, x.from, 0, x.to));
        trn_trace_bytes(&sent[2], &received[2], NULL);
        int64_t agreeing = received[1] - received[0], size = trn_matrix_type_size(t.type);
        CHECK_EQUAL(received[2] - received[1] - agreeing, size * trn_spmm_received(plan));
        CHECK_EQUAL(sent[2] - sent[1] - agreeing, size * trn_spmm_sent(plan));
        CHECK_EQUAL(trn_spmm_received(plan), formula(&x));
        int64_t all = (x.t->right ? x.b_cols : x.b_rows) * DIM;
        if (!t.right) CHECK(trn_spmm_received(plan) <= all); /* the ring's */
        trn_spmm_plan_destroy(&plan);
        destroy(&x);
    }
}

/* What is held is what was foretold and allowed; the same bits with less memory; the least that is
 * named when a plan is refused suffices, and one byte less does not. */
static void memory_is_bounded(void) {
    for (int sides = 0; sides < 4; sides++) {
        test_case_t t = {.transpose = sides & 1, .right = sides & 2, .alpha = 1};
        t.entries = TRN_SPARSE_F32;
        problem_t x;
        trn_spmm_plan_t *plan;
        make(&x, &t);
        x.options.memory = 1;
        CHECK_EQUAL(trn_spmm_plan_create(&plan, comm, &x.options, x.sparse, x.s, t.type, x.b, x.c),
                    TRN_MEMORY);
        CHECK(plan == NULL);
        long long least = 0;
        CHECK(sscanf(trn_message(), "memory: a product needs %lld", &least) == 1);
        for (int64_t memory = least - 1; memory < least + 120000; memory += memory / 3 + 1) {
            int64_t before = trn_mem_now(), most = memory;
            x.options.memory = memory;
            trn_status_t status =
                trn_spmm_plan_create(&plan, comm, &x.options, x.sparse, x.s, t.type, x.b, x.c);
            CHECK_EQUAL(status, memory < least ? TRN_MEMORY : TRN_OK);
            if (status != TRN_OK) continue;
            int64_t held = trn_mem_now() - before;
            CHECK(trn_spmm_bytes(plan) <= most);
            CHECK(held <= trn_spmm_bytes(plan) + 256 && held >= trn_spmm_bytes(plan) - 256);
            CHECK(ranks == 1 || memory > least || trn_spmm_width(plan) <= 16);
            CHECK_OK(trn_spmm_execute(plan, 1, x.from, 0, x.to));
            check_result(&x, "with little memory");
            trn_spmm_plan_destroy(&plan);
        }
        destroy(&x);
    }
}

/* A wish that rows of others take little is heard down to slabs of 16 columns, and never refused;
 * what is held beside is part of the number that a refusal names. */
static void halo_is_bounded(void) {
    test_case_t t = {.alpha = 1, .entries = TRN_SPARSE_F32};
    problem_t x;
    trn_spmm_plan_t *plan;
    make(&x, &t);
    x.options.halo = 1;
    CHECK_OK(trn_spmm_plan_create(&plan, comm, &x.options, x.sparse, x.s, t.type, x.b, x.c));
    CHECK_EQUAL(trn_spmm_width(plan), ranks > 1 ? 16 : DIM);
    CHECK_OK(trn_spmm_execute(plan, 1, x.from, 0, x.to));
    check_result(&x, "with a small halo");
    trn_spmm_plan_destroy(&plan);
    long long alone = 0, beside = 0;
    x.options = (trn_spmm_options_t){.memory = 1};
    CHECK_EQUAL(trn_spmm_plan_create(&plan, comm, &x.options, x.sparse, x.s, t.type, x.b, x.c),
                TRN_MEMORY);
    CHECK(sscanf(trn_message(), "memory: a product needs %lld", &alone) == 1);
    x.options.beside = 1000;
    CHECK_EQUAL(trn_spmm_plan_create(&plan, comm, &x.options, x.sparse, x.s, t.type, x.b, x.c),
                TRN_MEMORY);
    CHECK(sscanf(trn_message(), "memory: a product needs %lld", &beside) == 1);
    CHECK_EQUAL(beside, alone + 1000);
    destroy(&x);
}

/* Several plans on one communicator, used in turn. */
static void several_plans(void) {
    test_case_t t[2] = {{.alpha = 1, .entries = TRN_SPARSE_F32, .near = true, .width = 16},
                        {.alpha = 2, .entries = TRN_SPARSE_F32, .transpose = true}};
    problem_t x[2];
    trn_spmm_plan_t *plan[2];
    for (int k = 0; k < 2; k++) {
        make(&x[k], &t[k]);
        x[k].options.threads = 1 + (rank + k) % 2;
        CHECK_OK(trn_spmm_plan_create(&plan[k], comm, &x[k].options, x[k].sparse, x[k].s, t[k].type,
                                      x[k].b, x[k].c));
    }
    for (int i = 0; i < 6 && harness_well(); i++) {
        CHECK_OK(trn_spmm_execute(plan[i % 2], t[i % 2].alpha, x[i % 2].from, 0, x[i % 2].to));
        check_result(&x[i % 2], "of several plans");
    }
    CHECK_EQUAL(trn_spmm_execute(plan[0], 1, x[1].from, 0, x[0].to), TRN_USAGE);
    CHECK_EQUAL(trn_spmm_execute(plan[0], 1, x[0].from, 0, x[1].to), TRN_USAGE);
    for (int k = 0; k < 2; k++) {
        trn_spmm_plan_destroy(&plan[k]);
        destroy(&x[k]);
    }
}

static void wrong_use(void) {
    test_case_t t = {.alpha = 1, .entries = TRN_SPARSE_F32};
    problem_t x;
    trn_spmm_plan_t *plan;
    trn_dist_t *columns, *cyclic;
    make(&x, &t);
    CHECK_EQUAL(trn_spmm_plan_create(&plan, comm, &x.options, x.sparse, x.s, t.type, x.c, x.b),
                TRN_USAGE);
    CHECK(plan == NULL && strstr(trn_message(), "no product") != NULL);
    CHECK_OK(trn_dist_create(&columns, COLS, DIM, 1, ranks));
    CHECK_OK(trn_dist_create_cyclic(&cyclic, COLS, DIM, 2, DIM, ranks, 1));
    if (ranks > 1) {
        CHECK_EQUAL(
            trn_spmm_plan_create(&plan, comm, &x.options, x.sparse, x.s, t.type, columns, x.c),
            TRN_USAGE);
        CHECK_EQUAL(
            trn_spmm_plan_create(&plan, comm, &x.options, x.sparse, x.s, t.type, cyclic, x.c),
            TRN_USAGE);
    }
    x.options.width = -1;
    CHECK_EQUAL(trn_spmm_plan_create(&plan, comm, &x.options, x.sparse, x.s, t.type, x.b, x.c),
                TRN_USAGE);
    CHECK(plan == NULL);
    trn_dist_destroy(&columns);
    trn_dist_destroy(&cyclic);
    destroy(&x);
}

static trn_status_t life(void *argument) {
    const problem_t *x = argument;
    trn_spmm_plan_t *plan;
    TRN_TRY(
        trn_spmm_plan_create(&plan, comm, &x->options, x->sparse, x->s, x->t->type, x->b, x->c));
    trn_status_t status = trn_spmm_execute(plan, 1, x->from, 0, x->to);
    trn_spmm_plan_destroy(&plan);
    return status;
}

static void memory_failure(void) {
    for (int sides = 0; sides < 4; sides++) {
        test_case_t t = {.transpose = sides & 1, .right = sides & 2, .alpha = 1, .width = 16};
        t.entries = TRN_SPARSE_F32;
        problem_t x;
        make(&x, &t);
        harness_inject(life, &x);
        destroy(&x);
    }
}

HARNESS_MAIN({"whole numbers", whole_numbers}, {"fractions", fractions}, {"boolean", boolean},
             {"old content", old_content}, {"words are exact", words_are_exact},
             {"memory is bounded", memory_is_bounded}, {"halo is bounded", halo_is_bounded},
             {"several plans", several_plans}, {"wrong use", wrong_use},
             {"memory failure", memory_failure})
