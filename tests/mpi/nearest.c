/* algo/vectors/nearest_rows: right by the definition, ties and near-ties by number, whatever the
 * ranks, threads and rounding of float32. */
#include "algo/vectors/nearest_rows.h"

#include "harness.h"
#include "tall_sample.h"

enum { ROWS = 1100, QUERIES = 600, DIM = 19, K = 6 };

/* The same numbers on any communicator; `shape` says what makes them hard. */
typedef enum shape { PLAIN, FAR, ONES, NARROW, UNEVEN, ZEROS, SHAPES } shape_t;

static trn_tall_t make(MPI_Comm on, int64_t rows, shape_t shape, uint32_t step) {
    trn_tall_t x = tall_random(on, rows, DIM, step);
    int on_rank;
    MPI_Comm_rank(on, &on_rank);
    int64_t first = trn_tall_start(on, rows, on_rank);
    for (int64_t i = 0; i < x.block.rows; i++)
        for (int64_t j = 0; j < DIM; j++) {
            double *at = &tall_row(x, i)[j];
            if (shape == FAR) *at += 1e6; /* distances are lost in float32 */
            if (shape == ONES) *at = 1;
            if (shape == NARROW) *at = 1 + *at * 1e-9; /* all within rounding of each other */
            if (shape == UNEVEN) *at *= exp2((double)((first + i) % 40 - 20));
            if (shape == ZEROS && (first + i) % 3 == 0) *at = 0;
        }
    return x;
}

/* The score as nearest_rows.h defines it, summed plainly: up to rounding. */
static double score_of(trn_nearness_t metric, const double *q, const double *e) {
    double qe = 0, qq = 0, ee = 0, apart = 0;
    for (int64_t j = 0; j < DIM; j++) {
        qe += q[j] * e[j], qq += q[j] * q[j], ee += e[j] * e[j];
        apart += (q[j] - e[j]) * (q[j] - e[j]);
    }
    if (metric == TRN_NEAREST_L2) return -sqrt(apart);
    if (metric == TRN_NEAREST_DOT) return qe;
    return qq > 0 && ee > 0 ? qe / (sqrt(qq) * sqrt(ee)) : 0;
}

static double size_of_product(const double *q, const double *e) {
    double sum = 1;
    for (int64_t j = 0; j < DIM; j++)
        sum += fabs(q[j] * e[j]);
    return sum;
}

static bool allowed(const trn_nearest_rows_t *how, const double *e, int64_t query, int64_t row) {
    double square = 0;
    for (int64_t j = 0; j < DIM; j++)
        square += e[j] * e[j];
    if (how->self && query == row) return false;
    if (how->exclude && how->exclude[query] == row) return false;
    if (how->group && how->group[row] == how->query_group[query]) return false;
    if (how->excluded && (row + query) % 7 == 0) return false; /* as ban_sevenths makes it */
    return !(how->zeros_apart && square == 0);
}

/* Every answer is allowed and in order, and no row that is not among the best is better than the
 * last by more than rounding. */
static void check(const trn_nearest_rows_t *how, const double *q, const double *e, int64_t query,
                  const trn_best_t *best) {
    static double score[ROWS];
    int64_t found = 0, possible = 0, skipped = 0;
    double slack = 0; /* what the two sums may differ by */
    for (int64_t x = 0; x < ROWS; x++) {
        score[x] = score_of(how->metric, q, e + x * DIM);
        slack =
            fmax(slack,
                 1e-14 * (how->metric == TRN_NEAREST_COSINE ? 1 : size_of_product(q, e + x * DIM)));
        if (!allowed(how, e + x * DIM, query, x) || score[x] < how->least || score[x] > how->most)
            score[x] = -INFINITY;
        possible += score[x] > -INFINITY;
    }
    for (; found < how->k && best[found].index >= 0; found++) {
        const trn_best_t *b = &best[found];
        CHECK(fabs(b->score - score[b->index]) <= slack);
        CHECK(found == 0 || b->score < b[-1].score ||
              (b->score == b[-1].score && b->index > b[-1].index));
        score[b->index] = -INFINITY;
    }
    int64_t left = possible > how->skip ? possible - how->skip : 0;
    CHECK_EQUAL(found, left < how->k ? left : how->k);
    for (int64_t x = 0; x < ROWS && found == how->k; x++)
        skipped += score[x] > best[how->k - 1].score + slack;
    CHECK(skipped <= how->skip);
}

/* Search here and on one rank alone on other numbers of threads: right, and the same bits. */
static void search(shape_t shape, trn_nearest_rows_t how) {
    trn_tall_t q = make(comm, QUERIES, shape, 1), e = make(comm, ROWS, shape, 2);
    trn_tall_t lone_q = make(MPI_COMM_SELF, QUERIES, shape, 1);
    trn_tall_t lone_e = make(MPI_COMM_SELF, ROWS, shape, 2);
    trn_best_t *best = calloc((size_t)(QUERIES * how.k), sizeof *best);
    trn_best_t *lone = calloc((size_t)(QUERIES * how.k), sizeof *lone);
    trn_nearest_rows_t alone = how;
    int64_t first = trn_tall_start(comm, QUERIES, rank);
    alone.threads = 2;
    CHECK_OK(trn_nearest_rows(q, e, &how, best));
    if (!how.excluded) {
        CHECK_OK(trn_nearest_rows(lone_q, lone_e, &alone, lone));
        CHECK(memcmp(best, lone + first * how.k, sizeof *best * (size_t)(q.block.rows * how.k)) ==
              0);
    }
    for (int64_t i = 0; i < q.block.rows; i += 13)
        check(&how, tall_row(q, i), tall_row(lone_e, 0), first + i, best + i * how.k);
    trn_tall_free(&q), trn_tall_free(&e), trn_tall_free(&lone_q), trn_tall_free(&lone_e);
    free(best), free(lone);
}

static void by_definition(void) {
    for (int metric = 0; metric <= TRN_NEAREST_L2; metric++)
        for (int shape = 0; shape < SHAPES; shape++)
            search((shape_t)shape, TRN_NEAREST_ROWS((trn_nearness_t)metric, K));
}

/* Of equal rows the first ones answer, whoever owns them. */
static void ties(void) {
    trn_tall_t q = make(comm, QUERIES, ONES, 1), e = make(comm, ROWS, ONES, 2);
    trn_best_t *best = calloc(QUERIES * K, sizeof *best);
    trn_nearest_rows_t how = TRN_NEAREST_ROWS(TRN_NEAREST_COSINE, K);
    how.self = true;
    CHECK_OK(trn_nearest_rows(q, e, &how, best));
    int64_t first = trn_tall_start(comm, QUERIES, rank);
    for (int64_t i = 0; i < q.block.rows; i++)
        for (int64_t j = 0; j < K; j++)
            CHECK_EQUAL(best[i * K + j].index, j + (j >= first + i));
    trn_tall_free(&q), trn_tall_free(&e);
    free(best);
}

static void limits(void) {
    static int64_t exclude[QUERIES], group[ROWS], query_group[QUERIES];
    for (int64_t i = 0; i < QUERIES; i++) {
        exclude[i] = i % 5 ? i * 3 % ROWS : -1;
        query_group[i] = i % 4;
    }
    for (int64_t x = 0; x < ROWS; x++)
        group[x] = x * 31 % 5;
    for (int metric = 0; metric <= TRN_NEAREST_L2; metric++) {
        trn_nearest_rows_t how = TRN_NEAREST_ROWS((trn_nearness_t)metric, K);
        how.self = how.zeros_apart = true;
        how.exclude = exclude;
        how.skip = 3;
        search(ZEROS, how);
        how.group = group;
        how.query_group = query_group;
        how.most = metric == TRN_NEAREST_L2 ? -1.2 : 0.3;
        how.least = metric == TRN_NEAREST_L2 ? -1.5 : 0.2;
        search(PLAIN, how);
    }
    trn_nearest_rows_t all = TRN_NEAREST_ROWS(TRN_NEAREST_DOT, ROWS + 40); /* more than there are */
    search(PLAIN, all);
    all.k = K, all.least = 2e9; /* none at all */
    search(PLAIN, all);
}

/* Row i of the band has the columns c with (c + i) % 7 == 0, by global numbers. */
static trn_sparse_t *ban_sevenths(void) {
    trn_sparse_t *sparse = NULL;
    int64_t first = trn_tall_start(comm, QUERIES, rank);
    int64_t rows = trn_tall_start(comm, QUERIES, rank + 1) - first, count = 0;
    trn_triplet_t *t = malloc(sizeof *t * (size_t)(rows * (ROWS / 7 + 1) + 1));
    for (int64_t i = first; i < first + rows; i++)
        for (int64_t c = (7 - i % 7) % 7; c < ROWS; c += 7)
            t[count++] = (trn_triplet_t){i, c, 0};
    trn_extent_t extent = {first, rows, 0, ROWS};
    CHECK_OK(trn_sparse_create(&sparse, TRN_SPARSE_F32, extent, count, t));
    free(t);
    return sparse;
}

static void excluded_lists(void) {
    trn_sparse_t *sparse = ban_sevenths();
    trn_nearest_rows_t how = TRN_NEAREST_ROWS(TRN_NEAREST_COSINE, K);
    how.excluded = sparse;
    search(PLAIN, how);
    search(ONES, how);
    trn_sparse_destroy(&sparse);
}

/* Squares of these overflow: said, not answered. */
static void overflows(void) {
    trn_tall_t x = tall_random(comm, 600, DIM, 1);
    trn_best_t *best = calloc(600, sizeof *best);
    trn_nearest_rows_t how = TRN_NEAREST_ROWS(TRN_NEAREST_L2, 1);
    for (int64_t i = 0; i < x.block.rows; i++)
        tall_row(x, i)[0] *= 1e200;
    CHECK_EQUAL(trn_nearest_rows(x, x, &how, best), TRN_NUMERIC);
    trn_tall_free(&x);
    free(best);
}

static trn_status_t run_once(void *user) {
    trn_tall_t *x = user;
    trn_best_t *best = calloc((size_t)(x->block.rows * 2 + 1), sizeof *best);
    trn_nearest_rows_t how = TRN_NEAREST_ROWS(TRN_NEAREST_L2, 2);
    trn_status_t status = trn_nearest_rows(*x, *x, &how, best);
    free(best);
    return status;
}

static void without_memory(void) {
    trn_tall_t x = tall_random(comm, 60, DIM, 1), none = tall_random(comm, 0, DIM, 1);
    harness_inject(run_once, &x);
    CHECK_OK(run_once(&none));
    trn_tall_free(&x), trn_tall_free(&none);
}

HARNESS_MAIN({"by the definition", by_definition}, {"ties go by number", ties},
             {"limits and exclusions", limits}, {"excluded lists", excluded_lists},
             {"overflowing squares are refused", overflows}, {"memory may fail", without_memory})
