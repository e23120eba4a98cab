/* algo/matrix/factor: published steps of NMF and semi-NMF to their digits, the same bits on any
 * number of ranks and threads, sparse as dense, resumed as run through. */
#define _GNU_SOURCE
#include "algo/matrix/factor/factor.h"

#include "directory.h"
#include "mpi/agree.h"
#include "tall_sample.h"

typedef double make_t(int64_t i, int64_t j);

/* Golden inputs: numbers by formula. */
static double hash(int64_t i, int64_t j) {
    return (double)((2654435761 * i + 40503 * j + 69069 * i * j) % 65537) / 65537;
}

static double hash_less(int64_t i, int64_t j) {
    return hash(i, j) - 0.5;
}

static double start_of(int64_t i, int64_t j, int64_t s) {
    return (double)((7919 * i + 104729 * j + 15485863 * s) % 1009) / 1009;
}

static double start_w(int64_t i, int64_t j) {
    return start_of(i, j, 1) + 0.1;
}

static double start_h(int64_t j, int64_t k) { /* of H^T */
    return start_of(k, j, 2) + 0.1;
}

static double start_a(int64_t i, int64_t j) {
    return start_of(i, j, 3) + 0.2;
}

/* A third of the numbers, others 0; column 5 and rows 40 to 42 are empty. */
static double thin(int64_t i, int64_t j) {
    return j == 5 || (i >= 40 && i < 43) || (i * 31 + j * 17) % 3 ? 0 : hash(i, j);
}

/* Of rank 2 exactly. */
static double flat(int64_t i, int64_t j) {
    return hash(i, 0) * hash(j, 1) + hash(i, 3) * hash(j, 4);
}

static trn_tall_t fill(MPI_Comm on, int64_t rows, int64_t cols, make_t *make) {
    trn_tall_t x;
    int on_rank;
    MPI_Comm_rank(on, &on_rank);
    CHECK_OK(trn_tall_create(&x, on, rows, cols));
    int64_t first = trn_tall_start(on, rows, on_rank);
    for (int64_t i = 0; i < x.block.rows; i++)
        for (int64_t j = 0; j < cols; j++)
            tall_row(x, i)[j] = make(first + i, j);
    return x;
}

static trn_sparse_t *sparse_of(trn_tall_t x) {
    trn_sparse_t *sparse = NULL;
    int64_t n = x.block.rows * x.block.cols, count = 0;
    int on_rank;
    MPI_Comm_rank(x.comm, &on_rank);
    trn_extent_t extent = {trn_tall_start(x.comm, x.rows, on_rank), x.block.rows, 0, x.block.cols};
    trn_triplet_t *t = malloc(sizeof *t * (size_t)(n + 1));
    for (int64_t i = 0; i < n; i++) {
        double value = ((double *)x.block.data)[i];
        if (value != 0)
            t[count++] =
                (trn_triplet_t){extent.first_row + i / x.block.cols, i % x.block.cols, value};
    }
    CHECK_OK(trn_sparse_create(&sparse, TRN_SPARSE_F64, extent, count, t));
    free(t);
    return sparse;
}

static trn_status_t keep(trn_factors_t *factors, void *user) {
    (void)factors, (void)user;
    return TRN_OK;
}

static trn_trainer_run_t plain_run(const char *checkpoint) {
    return (trn_trainer_run_t){.checkpoint = checkpoint, .created_by = "test"};
}

/* Factors of x, or of it as a sparse matrix; free them. */
static trn_factors_t factor(trn_tall_t x, bool sparse, trn_factor_options_t options) {
    trn_tall_in_t in = {.tall = x};
    trn_sparse_t *rows = sparse ? sparse_of(x) : NULL;
    trn_factors_t f = {.x = {.comm = x.comm, .rows = x.rows, .cols = x.block.cols, .name = "X"},
                       .options = options};
    f.x.dense = sparse ? NULL : &in;
    f.x.sparse = rows;
    trn_trainer_run_t run = plain_run(in_directory(x.comm == comm ? "c.h5" : "alone.h5"));
    run.resume = TRN_RESUME_NEVER;
    if (x.comm != comm && rank > 0) /* every lone rank its own file */
        run.checkpoint = in_directory("unused.h5");
    CHECK_OK(trn_factor_train(&f, &run, keep, NULL));
    trn_sparse_destroy(&rows);
    return f;
}

/* A store of factors to begin with. */
static void write_start(const char *path, int64_t rows, int64_t cols, int64_t r, make_t *w,
                        make_t *ht) {
    double objective = 0;
    trn_factors_t f = {.x = {.comm = comm, .rows = rows, .cols = cols}, .objective = &objective};
    trn_trainer_run_t run = plain_run(NULL);
    f.w = fill(comm, rows, r, w);
    f.ht = fill(comm, cols, r, ht);
    CHECK_OK(trn_factors_save(&f, path, &run, TRN_F64, NULL));
    trn_tall_free(&f.w), trn_tall_free(&f.ht);
}

static void near(double got, double wanted, double tolerance) {
    CHECK(fabs(got - wanted) <= tolerance * fmax(1, fabs(wanted)));
}

/* Figures of a factor: its norm, its sum, its first numbers. */
static void figures(trn_tall_t x, double norm, double sum, double first, double second) {
    double *all = tall_whole(x), squares = 0, total = 0;
    for (int64_t i = 0; i < x.rows * x.block.cols; i++)
        squares += all[i] * all[i], total += all[i];
    near(sqrt(squares), norm, 1e-10);
    near(total, sum, 1e-10);
    near(all[0], first, 1e-10);
    near(all[1], second, 1e-10);
    free(all);
}

static const double nmf_objectives[] = {2217.035150120519, 97.24222273369335, 95.17287522284704,
                                        93.60557718918079, 92.2993870877726,  91.16484362866848,
                                        90.14637145254693, 89.20877830173755, 88.32957834786296,
                                        87.49451350265402, 86.69489261700319};
static const double semi_objectives[] = {181.72276194598652, 170.7414186042472,  165.0509458157641,
                                         161.37415182768717, 159.08759919315713, 157.66116342570808,
                                         156.70673140235596, 156.02866816875124, 155.52088279025517,
                                         155.12022774818035, 154.78688938418617};

static void golden_nmf(void) {
    const char *start = in_directory("start.h5");
    trn_tall_t x = fill(comm, 60, 40, hash);
    write_start(start, 60, 40, 5, start_w, start_h);
    trn_factor_options_t o = {.method = TRN_FACTOR_NMF, .rank = 5, .steps = 200, .start = start};
    for (int sparse = 0; sparse < 2; sparse++) {
        trn_factors_t f = factor(x, sparse, o);
        for (int i = 0; i <= 10; i++)
            near(f.objective[i], nmf_objectives[i], 1e-12);
        for (int i = 1; i <= 200; i++)
            CHECK(f.objective[i] <= f.objective[i - 1] + 1e-12 * f.objective[0]);
        near(f.objective[200], 73.04019892060256, 1e-10);
        figures(f.w, 3.5211908355448798, 49.782686711913485, 0.34914316646807875,
                0.15985960881780098);
        figures(f.ht, 10.854066446231517, 122.1431346100876, 5.24549849281636e-09,
                tall_whole(f.ht)[1]);
        trn_factors_free(&f);
    }
    o.steps = 10;
    trn_factors_t f = factor(x, false, o);
    figures(f.w, 3.2012850447634427, 49.81141620043023, 0.26201262022013816, 0.0693787857394909);
    trn_factors_free(&f), trn_tall_free(&x);
}

static void golden_semi(void) {
    const char *start = in_directory("semi.h5");
    trn_tall_t x = fill(comm, 60, 40, hash_less);
    write_start(start, 60, 40, 5, start_a, start_h);
    trn_factor_options_t o = {.method = TRN_FACTOR_SEMI, .rank = 5, .steps = 100, .start = start};
    for (int sparse = 0; sparse < 2; sparse++) {
        trn_factors_t f = factor(x, sparse, o);
        for (int i = 0; i <= 10; i++) /* half the squared error */
            near(2 * f.objective[i], semi_objectives[i], 1e-12);
        near(2 * f.objective[100], 149.64707536980504, 1e-11);
        figures(f.w, 13.538328196363976, 206.05464485355128, 0.41940003454923075,
                0.9677752342998718);
        trn_factors_free(&f);
    }
    trn_tall_free(&x);
}

static void same(const trn_factors_t *a, const trn_factors_t *b) { /* b on one rank alone */
    int64_t r = a->options.rank, rows = trn_tall_start(comm, a->x.rows, rank),
            cols = trn_tall_start(comm, a->x.cols, rank);
    CHECK(memcmp(a->objective, b->objective, sizeof(double) * (size_t)(a->done + 1)) == 0);
    CHECK(memcmp(a->w.block.data, tall_row(b->w, rows),
                 sizeof(double) * (size_t)(a->w.block.rows * r)) == 0);
    CHECK(memcmp(a->ht.block.data, tall_row(b->ht, cols),
                 sizeof(double) * (size_t)(a->ht.block.rows * r)) == 0);
}

/* Several blocks of rows and of columns; threads. A sparse matrix is near to the dense one. */
static void same_bits(void) {
    enum { ROWS = 1300, COLS = 700 };
    for (int method = 0; method < 2; method++) {
        trn_tall_t x = fill(comm, ROWS, COLS, thin), alone = fill(MPI_COMM_SELF, ROWS, COLS, thin);
        trn_factor_options_t o = {
            .method = (trn_factor_method_t)method, .rank = 7, .steps = 5, .seed = 3};
        for (int sparse = 0; sparse < 2; sparse++) {
            trn_factors_t f = factor(x, sparse, o);
            o.threads = 2;
            trn_factors_t lone = factor(alone, sparse, o);
            o.threads = 1;
            same(&f, &lone);
            CHECK(f.objective[5] < f.objective[0]);
            for (int64_t i = 0; i < 7; i++) /* empty rows have no coordinates and are no NaN */
                CHECK(method == TRN_FACTOR_SEMI || tall_row(lone.w, 41)[i] == 0);
            trn_factors_free(&f), trn_factors_free(&lone);
        }
        trn_tall_free(&x), trn_tall_free(&alone);
    }
}

/* Rows that do not move, a factor that stays, an exact rank, a tolerance. */
static void limits(void) {
    int64_t ids[] = {3, 700, 12};
    trn_ids_t only = {.count = 3, .id = ids};
    trn_tall_t x = fill(comm, 900, 30, flat);
    trn_factor_options_t o = {.method = TRN_FACTOR_NMF, .rank = 2, .steps = 0, .seed = 1};
    trn_factors_t begun = factor(x, false, o);
    o.steps = 4, o.only = &only;
    trn_factors_t f = factor(x, false, o);
    int64_t first = trn_tall_start(comm, 900, rank);
    for (int64_t i = 0; i < f.w.block.rows; i++) {
        bool moves = first + i == 3 || first + i == 700 || first + i == 12;
        CHECK((memcmp(tall_row(f.w, i), tall_row(begun.w, i), 2 * sizeof(double)) != 0) == moves);
    }
    trn_factors_free(&f);
    o.only = NULL, o.keep_primitive = true;
    f = factor(x, false, o);
    CHECK(memcmp(f.ht.block.data, begun.ht.block.data,
                 sizeof(double) * (size_t)(2 * f.ht.block.rows)) == 0);
    trn_factors_free(&f);
    o.keep_primitive = false, o.steps = 3000, o.tolerance = 1e-9;
    f = factor(x, false, o);
    CHECK(f.done < 3000 && f.objective[f.done] < 1e-6 * f.objective[0]);
    trn_factors_free(&f), trn_factors_free(&begun), trn_tall_free(&x);
}

/* Saved after 3 steps and gone on with: as run through. Another matrix is another run. */
static void resumes(void) {
    trn_tall_t x = fill(comm, 700, 20, hash), y = fill(comm, 700, 20, flat);
    trn_factor_options_t o = {.method = TRN_FACTOR_SEMI, .rank = 3, .steps = 8, .seed = 5};
    trn_factors_t through = factor(x, false, o);
    trn_tall_in_t in = {.tall = x};
    trn_trainer_run_t run = plain_run(in_directory("go.h5"));
    trn_factors_t f = {.x = {comm, 700, 20, &in, NULL, "X"}, .options = o};
    f.options.steps = 3;
    run.keep_checkpoint = true;
    CHECK_OK(trn_factor_train(&f, &run, keep, NULL));
    trn_factors_free(&f);
    f.options.steps = 8;
    run.resume = TRN_RESUME_MUST;
    CHECK_OK(trn_factor_train(&f, &run, keep, NULL));
    CHECK(memcmp(f.objective, through.objective, 9 * sizeof(double)) == 0);
    CHECK(memcmp(f.w.block.data, through.w.block.data,
                 sizeof(double) * (size_t)(3 * f.w.block.rows)) == 0);
    trn_factors_free(&f);
    in.tall = y;
    CHECK_EQUAL(trn_factor_train(&f, &run, keep, NULL), TRN_USAGE);
    trn_factors_free(&f);
    in.tall = x, f.options.steps = 2;
    CHECK_EQUAL(trn_factor_train(&f, &run, keep, NULL), TRN_USAGE);
    trn_factors_free(&f), trn_factors_free(&through), trn_tall_free(&x), trn_tall_free(&y);
}

/* As many other rows are other rows. */
static void resumes_the_same_rows(void) {
    trn_tall_t x = fill(comm, 700, 20, hash);
    int64_t some[] = {1, 600}, others[] = {1, 601};
    trn_ids_t only = {.count = 2, .id = some};
    trn_tall_in_t in = {.tall = x};
    trn_trainer_run_t run = plain_run(in_directory("only.h5"));
    trn_factors_t f = {
        .x = {comm, 700, 20, &in, NULL, "X"},
        .options = {.method = TRN_FACTOR_SEMI, .rank = 3, .steps = 2, .seed = 5, .only = &only}};
    run.keep_checkpoint = true;
    CHECK_OK(trn_factor_train(&f, &run, keep, NULL));
    trn_factors_free(&f);
    run.resume = TRN_RESUME_MUST;
    only.id = others;
    CHECK_EQUAL(trn_factor_train(&f, &run, keep, NULL), TRN_USAGE);
    trn_factors_free(&f);
    only.id = some, f.options.steps = 3;
    CHECK_OK(trn_factor_train(&f, &run, keep, NULL));
    trn_factors_free(&f), trn_tall_free(&x);
}

static void refuses(void) {
    trn_tall_t x = fill(comm, 60, 40, hash_less);
    trn_tall_in_t in = {.tall = x};
    trn_trainer_run_t run = plain_run(in_directory("r.h5"));
    trn_factors_t f = {.x = {comm, 60, 40, &in, NULL, "X"},
                       .options = {.method = TRN_FACTOR_NMF, .rank = 2, .steps = 1}};
    CHECK_EQUAL(trn_factor_train(&f, &run, keep, NULL), TRN_INPUT);
    CHECK(strstr(trn_message(), "X: row 0, column 0 (from 0) is -0.5") != NULL);
    trn_factors_free(&f);
    f.options = (trn_factor_options_t){
        .method = TRN_FACTOR_SEMI, .rank = 4, .steps = 1, .start = in_directory("semi.h5")};
    CHECK_EQUAL(trn_factor_train(&f, &run, keep, NULL), TRN_INPUT); /* of rank 5 */
    trn_factors_free(&f), trn_tall_free(&x);
}

typedef struct attempt {
    trn_tall_t x;
    bool sparse;
    int method;
} attempt_t;

static trn_status_t attempt(void *user) {
    const attempt_t *a = user;
    trn_tall_in_t in = {.tall = a->x};
    trn_sparse_t *rows = NULL;
    trn_triplet_t t[3] = {{0, 0, 1}, {1, 2, 2}, {2, 1, 3}};
    trn_extent_t extent = {trn_tall_start(comm, 3, rank), a->x.block.rows, 0, 3};
    trn_status_t status = TRN_OK;
    if (a->sparse)
        status =
            trn_sparse_create(&rows, TRN_SPARSE_F64, extent, extent.rows, t + extent.first_row);
    int failed = status, any = 0; /* what the test itself takes may fail, too */
    MPI_Allreduce(&failed, &any, 1, MPI_INT, MPI_MAX, comm);
    trn_trainer_run_t run = plain_run(in_directory("m.h5"));
    trn_factors_t f = {
        .x = {comm, 3, 3, a->sparse ? NULL : &in, rows, "X"},
        .options = {.method = (trn_factor_method_t)a->method, .rank = 2, .steps = 2}};
    if (!any)
        status = trn_factor_train(&f, &run, keep, NULL);
    else
        status = trn_agree(comm, status);
    trn_sparse_destroy(&rows);
    trn_factors_free(&f);
    return status;
}

static void without_memory(void) {
    trn_tall_t x = fill(comm, 3, 3, hash);
    attempt_t a = {x, false, TRN_FACTOR_NMF};
    harness_inject(attempt, &a);
    a.method = TRN_FACTOR_SEMI;
    harness_inject(attempt, &a);
    a.sparse = true;
    harness_inject(attempt, &a);
    trn_tall_free(&x);
}

HARNESS_MAIN({"directory", make_directory}, {"golden steps of NMF", golden_nmf},
             {"golden steps of semi-NMF", golden_semi}, {"same bits", same_bits},
             {"limits", limits}, {"resumes", resumes},
             {"resumes the same rows", resumes_the_same_rows}, {"refuses", refuses},
             {"memory may fail", without_memory}, {"directory gone", remove_directory})
