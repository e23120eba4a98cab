/* Distributed products against float64 sums: any size, transposition, type, layout and algorithm.
 */
#include "mpi/dense/cannon.h"

#include "harness.h"
#include "mpi/agree.h"
#include "mpi/dense/scalapack.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { A, B, C };

/* All ranks draw the same. */
static uint64_t state;
static int64_t draw(int64_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)(state >> 33) % below;
}

/* One product ---------------------------------------------------------------------------------- */

enum layout { NATIVE, ROWS, COLS, GRID, CYCLIC, LAYOUTS };

typedef struct sample {
    trn_product_t product;
    trn_algorithm_t algorithm;
    enum layout layout[3];
    bool whole; /* numbers are integers */
    double alpha, beta;
    int64_t memory;
    /* one number of A and one of B that are not finite */
    double planted[2];
    int64_t place; /* counted by rows in op(A) and op(B), modulo their sizes; -1: none */
} sample_t;

/* Number (i, j) of op(A), op(B) or C as it is before. */
static double number_of(const sample_t *s, int which, int64_t i, int64_t j) {
    uint64_t x = (uint64_t)(i * 1000003 + j * 3 + which + 1) * 0x9e3779b97f4a7c15u;
    x ^= x >> 29;
    x *= 0xbf58476d1ce4e5b9u;
    const trn_product_t *p = &s->product;
    if (s->place >= 0 && which < C) {
        int64_t cols = which == A ? p->k : p->n, items = (which == A ? p->m : p->k) * cols;
        if (i * cols + j == s->place % items) return s->planted[which];
    }
    if (s->whole) return (double)(x >> 32) > 0 ? (double)(int64_t)((x >> 40) % 9) - 4 : 0;
    return (double)(float)((double)(x >> 11) * 0x1p-52 - 1);
}

static void size_of(const sample_t *s, int which, int64_t *rows, int64_t *cols) {
    const trn_product_t *p = &s->product;
    *rows = which == A   ? (p->transpose_a ? p->k : p->m)
            : which == B ? (p->transpose_b ? p->n : p->k)
                         : p->m;
    *cols = which == A   ? (p->transpose_a ? p->m : p->k)
            : which == B ? (p->transpose_b ? p->k : p->n)
                         : p->n;
}

static bool is_transposed(const sample_t *s, int which) {
    return which == A ? s->product.transpose_a : which == B && s->product.transpose_b;
}

/* A product with its matrices and plan. */
typedef struct job {
    sample_t sample;
    trn_choice_t choice;
    trn_dist_t *dist[3];
    trn_matrix_t *matrix[3];
    trn_plan_t *plan;
} job_t;

static trn_status_t lay_out(job_t *job) {
    const sample_t *s = &job->sample;
    static const trn_layouts_t none = {0};
    trn_choice_t choice;
    TRN_TRY(trn_product_choose(&s->product, &none, ranks, s->algorithm, 0, &choice));
    if (choice.kind == TRN_FRAME_GRID)
        TRN_TRY(
            trn_choice_native(&s->product, &choice, &job->dist[A], &job->dist[B], &job->dist[C]));
    for (int which = A; which <= C; which++) {
        int64_t rows, cols;
        int pr = 1 + (int)draw(ranks), pc = 1 + (int)draw(ranks / pr), block = 1 + (int)draw(30);
        size_of(s, which, &rows, &cols);
        if (s->layout[which] == NATIVE && job->dist[which]) continue;
        trn_dist_destroy(&job->dist[which]);
        switch (s->layout[which]) {
        case COLS:
            TRN_TRY(trn_dist_create(&job->dist[which], rows, cols, 1, ranks));
            break;
        case GRID:
            TRN_TRY(trn_dist_create(&job->dist[which], rows, cols, pr, pc));
            break;
        case CYCLIC:
            TRN_TRY(
                trn_dist_create_cyclic(&job->dist[which], rows, cols, block, 31 - block, pr, pc));
            break;
        default:
            TRN_TRY(trn_dist_create(&job->dist[which], rows, cols, ranks, 1));
        }
    }
    trn_layouts_t layouts = {job->dist[A], job->dist[B], job->dist[C]};
    return trn_product_choose(&s->product, &layouts, ranks, s->algorithm, s->memory, &job->choice);
}

static void put(trn_view_t view, int64_t i, int64_t j, double value) {
    if (view.type == TRN_MATRIX_F32)
        ((float *)view.data)[i * view.stride + j] = (float)value;
    else
        ((double *)view.data)[i * view.stride + j] = value;
}

static double get(trn_view_t view, int64_t i, int64_t j) {
    return view.type == TRN_MATRIX_F32 ? (double)((float *)view.data)[i * view.stride + j]
                                       : ((double *)view.data)[i * view.stride + j];
}

/* Visit all numbers of this rank's block with their global places. */
static void visit(const job_t *job, int which,
                  void (*each)(const job_t *, int, int64_t, int64_t, int64_t, int64_t)) {
    trn_spans_t rows = trn_dist_row_spans(job->dist[which], rank);
    for (trn_span_t row; trn_spans_next(&rows, &row);) {
        trn_spans_t cols = trn_dist_col_spans(job->dist[which], rank);
        for (trn_span_t col; trn_spans_next(&cols, &col);)
            for (int64_t i = 0; i < row.count; i++)
                for (int64_t j = 0; j < col.count; j++)
                    each(job, which, row.first + i, col.first + j, row.local + i, col.local + j);
    }
}

/* C is not to be read if beta is 0: then it starts as NaN. */
static void fill_one(const job_t *job, int which, int64_t i, int64_t j, int64_t row, int64_t col) {
    const sample_t *s = &job->sample;
    double value = is_transposed(s, which) ? number_of(s, which, j, i) : number_of(s, which, i, j);
    if (which == C && s->beta == 0) value = NAN;
    put(trn_matrix_block(job->matrix[which]), row, col, value);
}

static trn_status_t make(job_t *job) {
    for (int which = A; which <= C; which++) {
        TRN_TRY(trn_matrix_create(&job->matrix[which], comm, job->sample.product.type,
                                  job->dist[which]));
        visit(job, which, fill_one);
    }
    trn_layouts_t layouts = {job->dist[A], job->dist[B], job->dist[C]};
    return trn_plan_create(&job->plan, comm, &job->sample.product, &layouts, &job->choice, 1);
}

static trn_status_t prepare(job_t *job, const sample_t *sample) {
    *job = (job_t){.sample = *sample};
    trn_status_t status = trn_agree(comm, lay_out(job));
    return status == TRN_OK ? make(job) : status;
}

static void run(job_t *job) {
    trn_plan_run(job->plan, job->sample.alpha, trn_matrix_block(job->matrix[A]),
                 trn_matrix_block(job->matrix[B]), job->sample.beta,
                 trn_matrix_block(job->matrix[C]));
}

static void finish(job_t *job) {
    trn_plan_destroy(&job->plan);
    for (int which = A; which <= C; which++) {
        trn_matrix_destroy(&job->matrix[which]);
        trn_dist_destroy(&job->dist[which]);
    }
}

/* Checking ------------------------------------------------------------------------------------- */

static double *op_a, *op_b; /* [m x k] and [n x k] */
static int64_t wrong;

static void check_one(const job_t *job, int which, int64_t i, int64_t j, int64_t row, int64_t col) {
    const sample_t *s = &job->sample;
    const trn_product_t *p = &s->product;
    const double *a = op_a + i * p->k, *b = op_b + j * p->k;
    double sum = 0, a_norm = 0, b_norm = 0, before = s->beta != 0 ? number_of(s, C, i, j) : 0;
    for (int64_t l = 0; l < p->k; l++) {
        sum += a[l] * b[l];
        a_norm += a[l] * a[l];
        b_norm += b[l] * b[l];
    }
    double got = get(trn_matrix_block(job->matrix[which]), row, col);
    double wanted = s->alpha * sum + s->beta * before;
    double eps = p->type == TRN_MATRIX_F32 ? FLT_EPSILON : DBL_EPSILON;
    double bound = 10 * eps * sqrt((double)(p->k + 1)) *
                   (fabs(s->alpha) * sqrt(a_norm * b_norm) + fabs(s->beta * before));
    bool right = !isfinite(wanted) ? (isnan(wanted) ? isnan(got) : got == wanted)
                 : s->whole        ? got == wanted
                                   : fabs(got - wanted) <= bound;
    wrong += !right;
}

/* Note a failure, with the case, unless C is right. */
static void check(const job_t *job) {
    const sample_t *s = &job->sample;
    const trn_product_t *p = &s->product;
    char text[300];
    op_a = malloc(sizeof(double) * (size_t)(p->m * p->k + 1));
    op_b = malloc(sizeof(double) * (size_t)(p->n * p->k + 1));
    for (int64_t l = 0; l < p->k; l++) {
        for (int64_t i = 0; i < p->m; i++)
            op_a[i * p->k + l] = number_of(s, A, i, l);
        for (int64_t j = 0; j < p->n; j++)
            op_b[j * p->k + l] = number_of(s, B, l, j);
    }
    wrong = 0;
    visit(job, C, check_one);
    snprintf(text, sizeof text,
             "%lld numbers wrong: %s %c%c %lld x %lld x %lld layouts %d%d%d %s kind %d on %d x %d "
             "x %d in %lld x %lld pieces, alpha %g beta %g%s",
             (long long)wrong, p->type == TRN_MATRIX_F32 ? "f32" : "f64",
             p->transpose_a ? 'T' : 'N', p->transpose_b ? 'T' : 'N', (long long)p->m,
             (long long)p->n, (long long)p->k, s->layout[A], s->layout[B], s->layout[C],
             trn_algorithm_name(s->algorithm), job->choice.kind, job->choice.shape.rows,
             job->choice.shape.cols, job->choice.shape.layers, (long long)job->choice.n_splits,
             (long long)job->choice.k_splits, s->alpha, s->beta, s->whole ? ", integers" : "");
    harness_check(wrong == 0, __FILE__, __LINE__, text);
    free(op_a);
    free(op_b);
}

/* Tests ---------------------------------------------------------------------------------------- */

/* Sizes: nothing, one, fewer than ranks, some blocks, more terms than travel at a time. */
static int64_t draw_size(bool terms) {
    switch (draw(12)) {
    case 0:
        return draw(2);
    case 1:
        return draw(ranks + 1);
    case 2:
        return ranks * (1 + draw(9));
    case 3:
        return terms ? 200 + draw(900) : 40 + draw(90);
    default:
        return 1 + draw(48);
    }
}

static sample_t draw_sample(int index, trn_algorithm_t algorithm) {
    sample_t s = {.algorithm = algorithm, .place = -1};
    s.product = (trn_product_t){.type = index & 1 ? TRN_MATRIX_F64 : TRN_MATRIX_F32,
                                .transpose_a = index >> 1 & 1,
                                .transpose_b = index >> 2 & 1};
    s.whole = index >> 3 & 1;
    s.product.m = draw_size(false);
    s.product.n = draw_size(false);
    s.product.k = draw_size(true);
    enum layout same = (enum layout)draw(LAYOUTS);
    bool mixed = draw(2);
    for (int which = A; which <= C; which++)
        s.layout[which] = mixed ? (enum layout)draw(LAYOUTS) : same;
    s.alpha = s.whole ? (double)draw(5) - 2 : draw(2) ? 1 : 0.7;
    s.beta = draw(2) ? 0 : s.whole ? (double)draw(3) - 1 : -1.3;
    s.product.accumulate = s.beta != 0;
    return s;
}

static void many(trn_algorithm_t algorithm, int cases) {
    state = 100 + algorithm;
    for (int index = 0; index < cases; index++) {
        job_t job;
        sample_t sample = draw_sample(index, algorithm);
        CHECK_OK(prepare(&job, &sample));
        if (!harness_well()) return;
        for (int time = 0; time < 1 + (index % 4 == 0); time++) { /* some run twice */
            visit(&job, C, fill_one);
            run(&job);
            check(&job);
        }
        finish(&job);
    }
}

static void automatic(void) {
    many(TRN_ALGORITHM_AUTO, 200);
}
static void cannon(void) {
    many(TRN_ALGORITHM_CANNON, 120);
}
static void cannon3d(void) {
    many(TRN_ALGORITHM_CANNON3D, 120);
}
static void summa(void) {
    many(TRN_ALGORITHM_SUMMA, 120);
}
static void scalapack(void) {
    if (trn_scalapack_present()) many(TRN_ALGORITHM_SCALAPACK, 80);
}

/* What is not finite comes out where a sum by hand has it. */
static void not_finite(void) {
    static const double planted[][2] = {
        {NAN, 1}, {1, NAN}, {INFINITY, 2}, {3, -INFINITY}, {INFINITY, NAN}};
    for (int algorithm = TRN_ALGORITHM_AUTO; algorithm <= TRN_ALGORITHM_SUMMA; algorithm++)
        for (int i = 0; i < 20; i++) {
            state = (uint64_t)(1000 + i);
            sample_t s = draw_sample(i, (trn_algorithm_t)algorithm);
            s.product.m += 5;
            s.product.n += 5;
            s.product.k += 5;
            s.whole = false;
            s.alpha = 1;
            s.planted[A] = planted[i % 5][A];
            s.planted[B] = planted[i % 5][B];
            s.place = 7 + i * 13;
            job_t job;
            CHECK_OK(prepare(&job, &s));
            if (!harness_well()) return;
            run(&job);
            check(&job);
            finish(&job);
        }
}

/* Plans do not disturb each other, whatever the order in which they run. */
static void several(void) {
    enum { JOBS = 5 };
    static const int order[] = {3, 0, 4, 2, 1, 1, 3, 0, 2, 4};
    job_t job[JOBS];
    state = 7;
    for (int i = 0; i < JOBS; i++) {
        sample_t s = draw_sample(2 * i + 1, (trn_algorithm_t)(i % (TRN_ALGORITHM_SUMMA + 1)));
        s.product.m += 9;
        s.product.n += 9;
        CHECK_OK(prepare(&job[i], &s));
    }
    if (!harness_well()) return;
    for (int i = 0; i < 2 * JOBS; i++) {
        visit(&job[order[i]], C, fill_one);
        run(&job[order[i]]);
    }
    for (int i = 0; i < JOBS; i++) {
        check(&job[i]);
        finish(&job[i]);
    }
}

/* Too little memory is refused with an amount that is enough; between that and what is best the
 * product is computed in pieces, and does not take more than was planned. */
static void limited(trn_algorithm_t algorithm, int index) {
    state = (uint64_t)(500 + index);
    sample_t s = draw_sample(index, algorithm);
    s.product.m = 150 + draw(50);
    s.product.n = 400 + draw(50);
    s.product.k = 300 + draw(50);
    if (s.beta != 0 && index % 2) s.beta = s.product.accumulate = 0;
    for (int which = A; which <= C; which++)
        s.layout[which] = (enum layout)(ROWS + draw(LAYOUTS - 1));
    uint64_t drawn = state;
    job_t job = {.sample = s};
    CHECK_OK(lay_out(&job));
    if (!harness_well()) return;
    int64_t best = job.choice.bytes, least = 0;
    finish(&job);
    state = drawn;
    job = (job_t){.sample = s};
    job.sample.memory = 1;
    CHECK_EQUAL(lay_out(&job), TRN_MEMORY);
    const char *amount = strstr(trn_message(), "; ");
    CHECK(amount && sscanf(amount, "; %ld", &least) == 1);
    finish(&job);
    CHECK(least > 1 && least <= best);
    for (int time = 0; time < 3; time++) {
        s.memory = time == 0 ? least : time == 1 ? (least + best) / 2 : best;
        state = drawn;
        trn_mem_reset_peak();
        int64_t before = trn_mem_now();
        CHECK_OK(prepare(&job, &s));
        if (!harness_well()) return;
        int64_t taken = trn_plan_bytes(job.plan),
                pieces = job.choice.n_splits * job.choice.k_splits;
        for (int which = A; which <= C; which++) {
            trn_view_t block = trn_matrix_block(job.matrix[which]);
            taken += block.rows * block.cols * trn_matrix_type_size(block.type);
        }
        CHECK(job.choice.bytes <= s.memory);
        CHECK(taken <= job.choice.bytes);
        run(&job);
        CHECK(trn_mem_peak() - before <= taken + (pieces + 5) * 20000); /* layouts and steps */
        check(&job);
        finish(&job);
    }
}

static void memory_limit(void) {
    for (int index = 0; index < 16; index++)
        limited((trn_algorithm_t)((index + index / 4) % (TRN_ALGORITHM_SUMMA + 1)), index);
}

static void refused(void) {
    static const trn_layouts_t none = {0};
    trn_product_t product = {.m = -1, .n = 1, .k = 1};
    trn_choice_t choice;
    trn_plan_t *plan;
    CHECK_EQUAL(trn_product_choose(&product, &none, ranks, TRN_ALGORITHM_AUTO, 0, &choice),
                TRN_USAGE);
    product.m = 1;
    trn_dist_t *dist;
    CHECK_OK(trn_dist_create(&dist, 1, 1, 1, 1));
    trn_layouts_t layouts = {dist, dist, dist};
    CHECK_OK(trn_product_choose(&product, &layouts, ranks + 1, TRN_ALGORITHM_AUTO, 0, &choice));
    CHECK_EQUAL(trn_plan_create(&plan, comm, &product, &layouts, &choice, 1), TRN_USAGE);
    CHECK(plan == NULL);
    trn_dist_destroy(&dist);
}

/* Without the choice, whose memory is the unit test's business. */
static trn_status_t whole_life(void *outline) {
    job_t job = *(job_t *)outline;
    trn_status_t status = make(&job);
    if (status == TRN_OK) {
        run(&job);
        check(&job);
    }
    for (int which = A; which <= C; which++)
        job.dist[which] = NULL;
    finish(&job);
    return status;
}

static void memory_failure(void) {
    for (int algorithm = TRN_ALGORITHM_CANNON; algorithm <= TRN_ALGORITHM_SUMMA; algorithm++) {
        job_t job;
        state = 9;
        sample_t s = draw_sample(5, (trn_algorithm_t)algorithm);
        s.product.m = s.product.n = s.product.k = 12;
        s.layout[A] = CYCLIC;
        s.layout[B] = ROWS;
        job = (job_t){.sample = s};
        CHECK_OK(lay_out(&job));
        if (harness_well()) harness_inject(whole_life, &job);
        finish(&job);
    }
}

HARNESS_MAIN({"auto", automatic}, {"cannon", cannon}, {"cannon3d", cannon3d}, {"summa", summa},
             {"scalapack", scalapack}, {"NaN and infinity", not_finite}, {"several plans", several},
             {"memory limit", memory_limit}, {"misuse", refused},
             {"memory failure", memory_failure})
