/* algo/transform: dense and sparse matrices against the definition, the same bits as on one rank.
 */
#include "algo/matrix/transform.h"

#include "harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Counts from 0 to 9, most of them 0; row 3 and column 2 have none. */
static double count_at(int64_t i, int64_t j) {
    uint64_t mixed = ((uint64_t)i * 1000003 + (uint64_t)j) * 0x9e3779b97f4a7c15u;
    mixed ^= mixed >> 29;
    if (i == 3 || j == 2 || mixed % 10 < 6) return 0;
    return (double)(1 + mixed / 16 % 9);
}

/* A matrix in memory that it owns; `poison` at one place, where it is not 0. */
typedef struct sample {
    trn_banded_t m;
    trn_dist_t *dist;
    int64_t *start; /* of the bands, if they are uneven */
} sample_t;

/* Samples on more than one rank have bands of uneven height while this is set. */
static bool uneven;

typedef struct poison {
    int64_t row, col;
    double value;
} poison_t;

static double value_at(int64_t i, int64_t j, poison_t poison) {
    return poison.value != 0 && i == poison.row && j == poison.col ? poison.value : count_at(i, j);
}

static void fill_dense(sample_t *s, trn_matrix_type_t type, poison_t poison) {
    CHECK_OK(trn_matrix_create(&s->m.dense, s->m.comm, type, s->dist));
    trn_view_t block = trn_matrix_block(s->m.dense);
    int64_t first = trn_matrix_first_row(s->m.dense);
    for (int64_t i = 0; i < block.rows; i++)
        for (int64_t j = 0; j < block.cols; j++)
            if (type == TRN_MATRIX_F32)
                ((float *)block.data)[i * block.stride + j] = (float)value_at(first + i, j, poison);
            else
                ((double *)block.data)[i * block.stride + j] = value_at(first + i, j, poison);
}

static void fill_sparse(sample_t *s, trn_sparse_type_t type, poison_t poison) {
    int at;
    MPI_Comm_rank(s->m.comm, &at);
    trn_extent_t place = trn_sparse_extent_of(s->dist, at);
    int64_t count = 0;
    trn_triplet_t *triplets = malloc(sizeof *triplets * (size_t)(place.rows * place.cols + 1));
    for (int64_t i = place.first_row; i < place.first_row + place.rows; i++)
        for (int64_t j = 0; j < place.cols; j++)
            if (value_at(i, j, poison) != 0)
                triplets[count++] = (trn_triplet_t){i, j, value_at(i, j, poison)};
    CHECK_OK(trn_sparse_create(&s->m.sparse, type, place, count, triplets));
    free(triplets);
}

/* Whole blocks: none for the middle ranks, one for the first. */
static void cut_unevenly(sample_t *s) {
    int64_t block = trn_transform_block(s->m.rows), cols[2] = {0, s->m.cols};
    s->start = calloc((size_t)ranks + 1, sizeof *s->start);
    for (int r = 1; r <= ranks; r++)
        s->start[r] = r == ranks || block > s->m.rows ? s->m.rows : block;
    CHECK_OK(trn_dist_create_at(&s->dist, ranks, s->start, 1, cols));
    s->m.start = s->start;
}

static sample_t sample_create(MPI_Comm on, int64_t rows, int64_t cols, bool sparse, bool single,
                              poison_t poison) {
    sample_t s = {.m = {.comm = on, .rows = rows, .cols = cols}};
    if (uneven && on == comm)
        cut_unevenly(&s);
    else
        CHECK_OK(trn_transform_dist(&s.dist, on, rows, cols));
    if (sparse)
        fill_sparse(&s, single ? TRN_SPARSE_F32 : TRN_SPARSE_F64, poison);
    else
        fill_dense(&s, single ? TRN_MATRIX_F32 : TRN_MATRIX_F64, poison);
    return s;
}

static void sample_free(sample_t *s) {
    trn_matrix_destroy(&s->m.dense);
    trn_sparse_destroy(&s->m.sparse);
    trn_dist_destroy(&s->dist);
    free(s->start);
}

/* Number (i, j) of this rank's rows, 0 where nothing is stored. */
static double number(const trn_banded_t *m, int64_t i, int64_t j) {
    if (m->dense) {
        trn_view_t b = trn_matrix_block(m->dense);
        int64_t at = (i - trn_matrix_first_row(m->dense)) * b.stride + j;
        return b.type == TRN_MATRIX_F32 ? (double)((float *)b.data)[at] : ((double *)b.data)[at];
    }
    int64_t local = i - trn_sparse_extent(m->sparse).first_row;
    for (int64_t e = trn_sparse_start(m->sparse)[local]; e < trn_sparse_start(m->sparse)[local + 1];
         e++)
        if (trn_sparse_column(m->sparse)[e] == j) return trn_sparse_value(m->sparse, e);
    return 0;
}

static void own_rows(const trn_banded_t *m, int64_t *first, int64_t *rows) {
    *first = m->dense ? trn_matrix_first_row(m->dense) : trn_sparse_extent(m->sparse).first_row;
    *rows = m->dense ? trn_matrix_block(m->dense).rows : trn_sparse_extent(m->sparse).rows;
}

/* By the definition ---------------------------------------------------------------------------- */

static double norm_of(trn_norm_t norm, int64_t count, int64_t fixed, bool row) {
    double sum = 0;
    for (int64_t t = 0; t < count; t++) {
        double x = row ? count_at(fixed, t) : count_at(t, fixed);
        sum = norm == TRN_NORM_L1 ? sum + x : norm == TRN_NORM_L2 ? sum + x * x : fmax(sum, x);
    }
    return norm == TRN_NORM_L2 ? sqrt(sum) : sum;
}

static double pmi(const trn_transform_t *t, int64_t rows, int64_t cols, int64_t i, int64_t j) {
    double total = 0;
    for (int64_t c = 0; c < cols; c++)
        total += pow(norm_of(TRN_NORM_L1, rows, c, false), t->smoothing);
    return log(count_at(i, j) * total / norm_of(TRN_NORM_L1, cols, i, true) /
               pow(norm_of(TRN_NORM_L1, rows, j, false), t->smoothing) / t->shift);
}

static double wanted(const trn_transform_t *t, bool sparse, int64_t rows, int64_t cols, int64_t i,
                     int64_t j) {
    double x = count_at(i, j), by;
    if (x == 0 && (sparse || t->kind != TRN_TRANSFORM_LOG1P)) return 0;
    switch (t->kind) {
    case TRN_TRANSFORM_PMI:
        return pmi(t, rows, cols, i, j);
    case TRN_TRANSFORM_PPMI:
        return fmax(0, pmi(t, rows, cols, i, j));
    case TRN_TRANSFORM_LOG:
        return log(x);
    case TRN_TRANSFORM_LOG1P:
        return log(1 + x);
    case TRN_TRANSFORM_SCALE:
        return t->factor * x;
    case TRN_TRANSFORM_SCALE_ROWS:
        return x / norm_of(t->norm, cols, i, true);
    case TRN_TRANSFORM_SCALE_COLS:
        return x / norm_of(t->norm, rows, j, false);
    case TRN_TRANSFORM_SYMMETRIC:
        by = norm_of(TRN_NORM_L1, cols, i, true) * norm_of(TRN_NORM_L1, cols, j, true);
        return by > 0 ? x / sqrt(by) : 0;
    default:
        return 1;
    }
}

static const trn_transform_t ways[] = {
    {TRN_TRANSFORM_PMI, 0, 1, 1, 0},
    {TRN_TRANSFORM_PMI, 0, 5, 0.75, 0},
    {TRN_TRANSFORM_PPMI, 0, 1, 1, 0},
    {TRN_TRANSFORM_PPMI, 0, 2, 0.75, 0},
    {TRN_TRANSFORM_LOG, 0, 1, 1, 0},
    {TRN_TRANSFORM_LOG1P, 0, 1, 1, 0},
    {TRN_TRANSFORM_SCALE, 0, 1, 1, -2.5},
    {TRN_TRANSFORM_SCALE_ROWS, TRN_NORM_L1, 1, 1, 0},
    {TRN_TRANSFORM_SCALE_ROWS, TRN_NORM_L2, 1, 1, 0},
    {TRN_TRANSFORM_SCALE_ROWS, TRN_NORM_MAX, 1, 1, 0},
    {TRN_TRANSFORM_SCALE_COLS, TRN_NORM_L1, 1, 1, 0},
    {TRN_TRANSFORM_SCALE_COLS, TRN_NORM_L2, 1, 1, 0},
    {TRN_TRANSFORM_SCALE_COLS, TRN_NORM_MAX, 1, 1, 0},
    {TRN_TRANSFORM_SYMMETRIC, 0, 1, 1, 0},
    {TRN_TRANSFORM_BINARIZE, 0, 1, 1, 0},
};
enum { WAYS = sizeof ways / sizeof *ways };

/* One transform on all ranks and on one; where the definition is cheap to follow, against it. */
static void one_way(const trn_transform_t *t, int64_t rows, int64_t cols, bool sparse,
                    bool single) {
    if (t->kind == TRN_TRANSFORM_LOG && !sparse) return; /* there are zeros */
    if (t->kind == TRN_TRANSFORM_SYMMETRIC) cols = rows;
    sample_t all = sample_create(comm, rows, cols, sparse, single, (poison_t){0});
    sample_t one = sample_create(MPI_COMM_SELF, rows, cols, sparse, single, (poison_t){0});
    CHECK_OK(trn_transform(&all.m, t, "x"));
    CHECK_OK(trn_transform(&one.m, t, "x"));
    int64_t first, own, stored = 0;
    own_rows(&all.m, &first, &own);
    for (int64_t i = first; i < first + own; i++)
        for (int64_t j = 0; j < cols; j++) {
            double got = number(&all.m, i, j);
            CHECK(got == number(&one.m, i, j));
            stored += got != 0;
            if (rows > 100) continue;
            double exact = wanted(t, sparse, rows, cols, i, j);
            CHECK(fabs(got - exact) <= (single ? 1e-6 : 1e-13) * (1 + fabs(exact)));
        }
    if (sparse && t->kind == TRN_TRANSFORM_PPMI)
        CHECK_EQUAL(trn_sparse_count(all.m.sparse), stored); /* no zeros are kept */
    sample_free(&all);
    sample_free(&one);
}

static void transforms(void) {
    for (int w = 0; w < WAYS; w++)
        for (int sparse = 0; sparse <= 1; sparse++)
            for (int single = 0; single <= 1; single++) {
                one_way(&ways[w], 40, 23, sparse, single);
                one_way(&ways[w], 1, 1, sparse, single);
            }
}

/* Many blocks of rows: sums over columns meet in the tree. */
static void many_blocks(void) {
    for (int w = 0; w < WAYS; w++) {
        if (ways[w].kind == TRN_TRANSFORM_SYMMETRIC) continue;
        one_way(&ways[w], 1500, 7, false, false);
        one_way(&ways[w], 1500, 7, true, false);
    }
    one_way(&ways[13], 400, 400, true, false);
}

/* Sums of two matrices ------------------------------------------------------------------------- */

static void add(bool sparse, bool single) {
    enum { ROWS = 300, COLS = 11 };
    sample_t x = sample_create(comm, ROWS, COLS, sparse, single, (poison_t){0});
    sample_t y = sample_create(comm, ROWS, COLS, sparse, single, (poison_t){250, 2, 8});
    CHECK_OK(
        trn_transform(&y.m, &(trn_transform_t){.kind = TRN_TRANSFORM_SCALE, .factor = 3}, "y"));
    if (sparse) /* other patterns */
        CHECK_OK(trn_transform(&x.m, &(trn_transform_t){TRN_TRANSFORM_PPMI, 0, 1, 1, 0}, "x"));
    sample_t before = sample_create(comm, ROWS, COLS, sparse, single, (poison_t){0});
    if (sparse)
        CHECK_OK(trn_transform(&before.m, &(trn_transform_t){TRN_TRANSFORM_PPMI, 0, 1, 1, 0}, "x"));
    CHECK_OK(trn_transform_add(&x.m, 2, &y.m, -0.5, "x"));
    int64_t first, own;
    own_rows(&x.m, &first, &own);
    for (int64_t i = first; i < first + own; i++)
        for (int64_t j = 0; j < COLS; j++) {
            double sum = 2 * number(&before.m, i, j) - 0.5 * number(&y.m, i, j);
            CHECK(number(&x.m, i, j) == (single ? (double)(float)sum : sum));
        }
    sample_free(&x);
    sample_free(&y);
    sample_free(&before);
}

static void sums(void) {
    for (int sparse = 0; sparse <= 1; sparse++)
        for (int single = 0; single <= 1; single++)
            add(sparse, single);
}

static void refuses_unlike(void) {
    sample_t x = sample_create(comm, 5, 6, false, false, (poison_t){0});
    sample_t wide = sample_create(comm, 5, 7, false, false, (poison_t){0});
    sample_t sparse = sample_create(comm, 5, 6, true, false, (poison_t){0});
    CHECK_EQUAL(trn_transform_add(&x.m, 1, &wide.m, 1, "x"), TRN_USAGE);
    CHECK_EQUAL(trn_transform_add(&x.m, 1, &sparse.m, 1, "x"), TRN_USAGE);
    trn_transform_t symmetric = {.kind = TRN_TRANSFORM_SYMMETRIC, .shift = 1};
    CHECK_EQUAL(trn_transform(&x.m, &symmetric, "x"), TRN_USAGE);
    sample_free(&x);
    sample_free(&wide);
    sample_free(&sparse);
}

/* What has no transform ------------------------------------------------------------------------ */

static void poisoned(const trn_transform_t *t, double value, bool sparse, trn_status_t status) {
    sample_t s = sample_create(comm, 200, 200, sparse, false, (poison_t){130, 2, value});
    CHECK_EQUAL(trn_transform(&s.m, t, "x.mtx"), status);
    if (status == TRN_INPUT) CHECK(strstr(trn_message(), "x.mtx: row 130, column 2 ") != NULL);
    sample_free(&s);
}

static void names_the_place(void) {
    for (int w = 0; w < WAYS; w++)
        for (int sparse = 0; sparse <= 1; sparse++) {
            trn_transform_kind_t kind = ways[w].kind;
            if (kind == TRN_TRANSFORM_LOG && !sparse) continue;
            bool any = kind == TRN_TRANSFORM_SCALE;
            bool counts = kind <= TRN_TRANSFORM_LOG1P || kind == TRN_TRANSFORM_SYMMETRIC;
            poisoned(&ways[w], NAN, sparse, any ? TRN_OK : TRN_INPUT);
            poisoned(&ways[w], -INFINITY, sparse, any ? TRN_OK : TRN_INPUT);
            poisoned(&ways[w], -3, sparse, counts ? TRN_INPUT : TRN_OK);
        }
    poisoned(&ways[5], -0.5, true, TRN_OK);         /* log1p */
    poisoned(&ways[8], 1e300, true, TRN_OK);        /* although its square is infinite */
    poisoned(&ways[6], 1.5e308, true, TRN_NUMERIC); /* times -2.5 */
}

static void row_norms(void) {
    for (int sparse = 0; sparse <= 1; sparse++)
        for (int norm = 0; norm < 3; norm++) {
            sample_t s = sample_create(comm, 200, 9, sparse, false, (poison_t){150, 2, NAN});
            int64_t first, own;
            own_rows(&s.m, &first, &own);
            double *norms = malloc(sizeof *norms * (size_t)(own + 1));
            trn_view_t out = {TRN_MATRIX_F64, own, 1, 1, norms};
            CHECK_OK(trn_row_norms(&s.m, (trn_norm_t)norm, out, "x"));
            for (int64_t i = first; i < first + own; i++)
                CHECK(i == 150 ? isnan(norms[i - first])
                               : norms[i - first] == norm_of((trn_norm_t)norm, 9, i, true));
            free(norms);
            sample_free(&s);
        }
}

/* Memory --------------------------------------------------------------------------------------- */

typedef struct job {
    sample_t *x, *y; /* y: add */
    const trn_transform_t *how;
} job_t;

static trn_status_t do_job(void *user) {
    job_t *job = user;
    return job->y ? trn_transform_add(&job->x->m, 1, &job->y->m, 1, "x")
                  : trn_transform(&job->x->m, job->how, "x");
}

static void survives(void) {
    static const int some[] = {2, 8, 11, 13};
    sample_t x = sample_create(comm, 130, 130, false, false, (poison_t){0});
    for (int i = 0; i < 4; i++)
        harness_inject(do_job, &(job_t){&x, NULL, &ways[some[i]]});
    sample_free(&x);
}

/* A sum takes the place of x, so what is held changes; only failures are counted. */
static void sums_survive(void) {
    sample_t x = sample_create(comm, 130, 5, true, false, (poison_t){0});
    sample_t y = sample_create(comm, 130, 5, true, false, (poison_t){0});
    for (int n = 1; n <= 3; n++) {
        int64_t before = trn_mem_now();
        if (rank == ranks - 1) trn_mem_fail_at(n);
        trn_status_t status = do_job(&(job_t){&x, &y, NULL});
        trn_mem_fail_at(0);
        CHECK_EQUAL(status, TRN_MEMORY);
        if (rank == ranks - 1) CHECK_EQUAL(trn_mem_now(), before);
    }
    sample_free(&x);
    sample_free(&y);
}

/* The way rows are dealt does not show, as long as blocks stay whole. */
static void uneven_bands(void) {
    uneven = true;
    transforms();
    many_blocks();
    sample_t s = sample_create(comm, 1500, 7, false, false, (poison_t){0});
    for (int r = 1; r < ranks; r++)
        s.start[r]++; /* inside of a block */
    if (ranks > 1) CHECK_EQUAL(trn_transform(&s.m, &ways[0], "x"), TRN_USAGE);
    sample_free(&s);
    uneven = false;
}

static void plans(void) {
    for (int w = 0; w < 2 * WAYS; w++) {
        const trn_transform_t *way = &ways[w / 2];
        if (way->kind == TRN_TRANSFORM_LOG) continue;
        uneven = w % 2;
        sample_t s = sample_create(comm, 600, 600, false, false, (poison_t){0});
        trn_ledger_t ledger = {0};
        int64_t *start = calloc((size_t)ranks + 1, sizeof *start);
        for (int r = 0; r <= ranks; r++)
            start[r] = trn_dist_row_start(s.dist, r);
        trn_transform_plan(&ledger, way, start, 600, ranks, rank);
        int64_t before = trn_mem_now();
        trn_mem_reset_peak();
        CHECK_OK(trn_transform(&s.m, way, "x"));
        int64_t taken = trn_mem_peak() - before;
        CHECK(taken >= ledger.most && taken <= ledger.most + 64 * ranks);
        free(start);
        sample_free(&s);
    }
    uneven = false;
}

HARNESS_MAIN({"transforms", transforms}, {"many_blocks", many_blocks}, {"sums", sums},
             {"refuses_unlike", refuses_unlike}, {"names_the_place", names_the_place},
             {"row_norms", row_norms}, {"survives", survives}, {"sums_survive", sums_survive},
             {"uneven_bands", uneven_bands}, {"plans", plans})
