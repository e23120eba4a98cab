/* bench spgemm: the square of a made-up sparse matrix over all ranks. */
#include "mpi/sparse/spgemm.h"
#include "algo/common/estimate.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cli/bench.h"
#include "cli/command.h"
#include "mpi/agree.h"
#include "mpi/sparse/sparse_ops.h"
#include "mpi/trace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifdef TRN_GRAPHBLAS
#include <GraphBLAS.h>
#endif

enum { SEED = 1, SAMPLE = 16 /* rows that are computed again */ };

/* What is being timed, and what came of it. */
typedef struct square {
    trn_run_t *run;
    trn_spgemm_options_t options;
    trn_sparse_t *a, *c; /* bands */
    trn_spgemm_report_t report;
    int64_t nonzeros; /* of A */
    int64_t received; /* bytes of the last product, the most on a rank */
    int64_t peak;     /* bytes of the last product beside A, likewise */
} square_t;

/* The matrix --------------------------------------------------------------------------------------
 */

/* A row or column whose number, before permuting, has a density falling as its (-exponent)th power.
 */
static int64_t pick(double uniform, double exponent, int64_t n) {
    double at = exponent > 0 ? pow(uniform, 1 / (1 - exponent)) : uniform;
    int64_t i = (int64_t)(at * (double)n);
    return trn_rng_permuted(SEED, n, i < n ? i : n - 1);
}

/* This rank's share of the triplets; values lie in (0, 1), so that no sum vanishes. */
static trn_status_t make_triplets(trn_run_t *run, int64_t rows, trn_triplet_t **triplets,
                                  int64_t *count) {
    int64_t nonzeros = trn_params_int(run->params, "nonzeros");
    double exponent = trn_params_real(run->params, "exponent");
    int64_t first = trn_part_start(nonzeros, run->ranks, run->rank);
    *count = trn_part_start(nonzeros, run->ranks, run->rank + 1) - first;
    TRN_TRY(trn_alloc(triplets, *count, sizeof **triplets, "made-up entries"));
    for (int64_t i = 0; i < *count; i++) {
        double u[4];
        trn_rng_uniform(SEED, (uint64_t)(first + i), 0, 0, TRN_RNG_TEST, u);
        (*triplets)[i] =
            (trn_triplet_t){pick(u[0], exponent, rows), pick(u[1], exponent, rows), u[2]};
    }
    return TRN_OK;
}

/* A in bands of equal numbers of rows. Collective. */
static trn_status_t make_matrix(trn_run_t *run, trn_sparse_t **a) {
    int64_t rows = trn_params_int(run->params, "rows"), count = 0;
    bool f32 = strcmp(trn_params_text(run->params, "dtype"), "f32") == 0;
    trn_triplet_t *triplets = NULL;
    trn_dist_t *dist = NULL;
    trn_status_t status = make_triplets(run, rows, &triplets, &count);
    if (status == TRN_OK) status = trn_dist_create(&dist, rows, rows, run->ranks, 1);
    status = trn_agree(run->comm, status);
    if (status == TRN_OK)
        status = trn_sparse_distribute(a, run->comm, f32 ? TRN_SPARSE_F32 : TRN_SPARSE_F64, dist,
                                       count, triplets, TRN_SPARSE_BATCH);
    trn_free(&triplets);
    trn_dist_destroy(&dist);
    return status;
}

/* Cut A's bands anew so that each takes about as many multiplications. Collective. */
static trn_status_t balance(trn_run_t *run, trn_sparse_t **a) {
    int64_t *terms = NULL;
    trn_dist_t *dist = NULL;
    trn_sparse_t *even = NULL;
    trn_status_t status =
        trn_alloc(&terms, trn_sparse_extent(*a).rows, sizeof *terms, "terms of rows");
    TRN_OR(done, trn_agree(run->comm, status));
    TRN_OR(done, trn_spgemm_terms(run->comm, *a, *a, terms));
    TRN_OR(done, trn_sparse_cut_rows(run->comm, *a, terms, run->ranks, &dist));
    TRN_OR(done, trn_sparse_regroup(run->comm, *a, dist, &even));
    trn_sparse_destroy(a);
    *a = even;
done:
    trn_free(&terms);
    trn_dist_destroy(&dist);
    return status;
}

/* The check -------------------------------------------------------------------------------------
 */

/* Room to compute one row of C again on all ranks together. */
typedef struct again {
    int64_t start[2];
    int32_t *column;   /* [cols] of the row of A, */
    double *value;     /* [cols] with its values; */
    double *sum, *all; /* [cols] the row of C by the rows of B here, and by all */
    bool *present;     /* [cols] */
} again_t;

/* Rows as long as C is wide. */
static trn_status_t allocate(again_t *g, int64_t cols) {
    TRN_TRY(trn_alloc(&g->column, cols, sizeof *g->column, "a row"));
    TRN_TRY(trn_alloc(&g->value, cols, sizeof *g->value, "a row"));
    TRN_TRY(trn_alloc(&g->sum, cols, sizeof *g->sum, "a row"));
    TRN_TRY(trn_alloc(&g->all, cols, sizeof *g->all, "a row"));
    return trn_alloc(&g->present, cols, sizeof *g->present, "a row");
}

static void release(again_t *g) {
    trn_free(&g->column);
    trn_free(&g->value);
    trn_free(&g->sum);
    trn_free(&g->all);
    trn_free(&g->present);
}

/* Keep what this rank's rows of B are for in the row of A that rank `owner` has as its row `row`.
 * Collective. */
static void share_row(again_t *g, const square_t *s, int owner, int64_t row) {
    const trn_sparse_t *a = s->a;
    int64_t count = 0, first = trn_sparse_extent(a).first_row, kept = 0;
    if (s->run->rank == owner) {
        int64_t begin = trn_sparse_start(a)[row];
        count = trn_sparse_start(a)[row + 1] - begin;
        memcpy(g->column, trn_sparse_column(a) + begin, (size_t)count * sizeof *g->column);
        for (int64_t e = 0; e < count; e++)
            g->value[e] = trn_sparse_value(a, begin + e);
    }
    MPI_Bcast(&count, 1, MPI_INT64_T, owner, s->run->comm);
    MPI_Bcast(g->column, (int)count, MPI_INT32_T, owner, s->run->comm);
    MPI_Bcast(g->value, (int)count, MPI_DOUBLE, owner, s->run->comm);
    for (int64_t e = 0; e < count; e++) {
        int64_t k = g->column[e] - first;
        if (k < 0 || k >= trn_sparse_extent(a).rows) continue;
        g->column[kept] = (int32_t)k;
        g->value[kept++] = g->value[e];
    }
    g->start[0] = 0;
    g->start[1] = kept;
}

/* This rank's rows of B as the kernel takes them. */
static trn_spgemm_factor_t band_of(const trn_sparse_t *a) {
    trn_extent_t x = trn_sparse_extent(a);
    return (trn_spgemm_factor_t){x.rows,
                                 x.cols,
                                 trn_sparse_start(a),
                                 trn_sparse_column(a),
                                 trn_sparse_values(a),
                                 trn_sparse_type(a)};
}

/* The largest relative error in a row of C; infinite where an entry lacks or is too much. */
static double error_of_row(const again_t *g, const trn_sparse_t *c, int64_t row) {
    int64_t e = trn_sparse_start(c)[row], end = trn_sparse_start(c)[row + 1];
    bool pattern = trn_sparse_type(c) == TRN_SPARSE_PATTERN;
    double worst = 0;
    for (int64_t j = 0; j < trn_sparse_extent(c).cols; j++) {
        if (!(g->all[j] > 0)) continue;
        if (e == end || trn_sparse_column(c)[e] != j) return INFINITY;
        if (!pattern) worst = fmax(worst, fabs(trn_sparse_value(c, e) - g->all[j]) / g->all[j]);
        e++;
    }
    return e == end ? worst : INFINITY;
}

/* Compute some rows of C again by the twin in float64; *worst gets the largest relative error of
 * their entries, on every rank. Collective. */
static trn_status_t check(const square_t *s, double *worst) {
    trn_run_t *run = s->run;
    trn_extent_t x = trn_sparse_extent(s->c);
    int64_t rows = trn_params_int(run->params, "rows");
    again_t g = {0};
    trn_status_t status = trn_agree(run->comm, allocate(&g, rows));
    for (int64_t i = 0; i < SAMPLE && i < rows && status == TRN_OK; i++) {
        int64_t row = trn_rng_permuted(SEED + 1, rows, i) - x.first_row;
        int owner = row >= 0 && row < x.rows ? run->rank : -1;
        MPI_Allreduce(MPI_IN_PLACE, &owner, 1, MPI_INT, MPI_MAX, run->comm);
        share_row(&g, s, owner, row);
        trn_spgemm_t product = {.a = {1, x.rows, g.start, g.column, g.value, TRN_SPARSE_F64},
                                .b = band_of(s->a),
                                .type = TRN_SPARSE_F64};
        trn_spgemm_ref(&product, 0, g.sum, g.present);
        MPI_Reduce(g.sum, g.all, (int)rows, MPI_DOUBLE, MPI_SUM, owner, run->comm);
        if (run->rank == owner) *worst = fmax(*worst, error_of_row(&g, s->c, row));
    }
    MPI_Allreduce(MPI_IN_PLACE, worst, 1, MPI_DOUBLE, MPI_MAX, run->comm);
    release(&g);
    return status;
}

/* Our product -----------------------------------------------------------------------------------
 */

/* One run, with its bytes and its memory. */
static trn_status_t multiply(void *data) {
    square_t *s = data;
    trn_sparse_destroy(&s->c);
    int64_t before, after, now = trn_mem_now();
    trn_mem_reset_peak();
    trn_trace_bytes(NULL, &before, NULL);
    TRN_TRY(trn_spgemm(s->run->comm, s->a, s->a, &s->options, &s->c, &s->report));
    trn_trace_bytes(NULL, &after, NULL);
    s->received = after - before;
    s->peak = trn_mem_peak() - now;
    return TRN_OK;
}

/* One line. */
static trn_status_t note(const square_t *s, const char *by, double shortest, double median,
                         double resid) {
    static const double tolerance[] = {
        [TRN_SPARSE_PATTERN] = 0, [TRN_SPARSE_F32] = 1e-6, [TRN_SPARSE_F64] = 1e-13};
    bool ours = strcmp(by, "trunnion") == 0;
    double flops = 2 * (double)s->report.terms;
    return trn_bench_case(
        s->run->result, "{s:s,s:I,s:I,s:f,s:I,s:i,s:I,s:f,s:f,s:f,s:I,s:I,s:f,s:s}", "by", by,
        "rows", (json_int_t)trn_params_int(s->run->params, "rows"), "nnz", (json_int_t)s->nonzeros,
        "flops", flops, "nnz_out", (json_int_t)s->report.entries, "P", s->run->ranks, "phases",
        (json_int_t)(ours ? s->report.phases : 1), "seconds_min", shortest, "seconds_med", median,
        "mflops", 1e-6 * flops / shortest, "words_received",
        (json_int_t)(ours ? (s->received + 7) / 8 : 0), "peak_bytes",
        (json_int_t)(ours ? s->peak : 0), "resid", resid, "verdict",
        resid <= tolerance[trn_sparse_type(s->c)] ? "PASSED" : "FAILED");
}

static trn_status_t measure(square_t *s) {
    MPI_Comm comm = s->run->comm;
    double shortest, median, resid = 0;
    TRN_TRY(trn_bench_time(comm, trn_params_int(s->run->params, "repeats"), multiply, s, &shortest,
                           &median));
    TRN_TRY(check(s, &resid));
    int64_t most[2] = {s->received, s->peak};
    MPI_Allreduce(MPI_IN_PLACE, most, 2, MPI_INT64_T, MPI_MAX, comm);
    s->received = most[0];
    s->peak = most[1];
    s->nonzeros = trn_sparse_count(s->a);
    MPI_Allreduce(MPI_IN_PLACE, &s->nonzeros, 1, MPI_INT64_T, MPI_SUM, comm);
    return trn_agree(comm,
                     s->run->rank == 0 ? note(s, "trunnion", shortest, median, resid) : TRN_OK);
}

/* The rival -------------------------------------------------------------------------------------
 */

#ifdef TRN_GRAPHBLAS
typedef struct rival {
    GrB_Matrix a, c;
    GrB_Semiring semiring;
    GrB_Type type;
    bool sorted; /* have it put the rows of C in order, as ours are */
} rival_t;

static trn_status_t rival_failed(const char *what) {
    return trn_fail(TRN_INTERNAL, "GraphBLAS: %s failed", what);
}

static trn_status_t rival_multiply(void *data) {
    rival_t *r = data;
    GrB_Index rows;
    GrB_Matrix_free(&r->c);
    GrB_Matrix_nrows(&rows, r->a);
    if (GrB_Matrix_new(&r->c, r->type, rows, rows) != GrB_SUCCESS ||
        GrB_mxm(r->c, GrB_NULL, GrB_NULL, r->semiring, r->a, r->a, GrB_NULL) != GrB_SUCCESS)
        return rival_failed("the product");
    if (r->sorted && GrB_Matrix_wait(r->c, GrB_MATERIALIZE) != GrB_SUCCESS)
        return rival_failed("sorting");
    return TRN_OK;
}

/* A as it wants it. */
static trn_status_t rival_import(rival_t *r, const trn_sparse_t *a) {
    int64_t count = trn_sparse_count(a), rows = trn_sparse_extent(a).rows;
    bool f32 = trn_sparse_type(a) == TRN_SPARSE_F32;
    const GrB_Index *start = (const GrB_Index *)trn_sparse_start(a);
    GrB_Index *column, n = (GrB_Index)rows, m = (GrB_Index)count;
    TRN_TRY(trn_alloc(&column, count, sizeof *column, "columns for GraphBLAS"));
    for (int64_t e = 0; e < count; e++)
        column[e] = (GrB_Index)trn_sparse_column(a)[e];
    GrB_Info info = f32 ? GrB_Matrix_import_FP32(&r->a, GrB_FP32, n, n, start, column,
                                                 trn_sparse_values(a), n + 1, m, m, GrB_CSR_FORMAT)
                        : GrB_Matrix_import_FP64(&r->a, GrB_FP64, n, n, start, column,
                                                 trn_sparse_values(a), n + 1, m, m, GrB_CSR_FORMAT);
    if (info == GrB_SUCCESS) info = GrB_Matrix_wait(r->a, GrB_MATERIALIZE);
    trn_free(&column);
    return info == GrB_SUCCESS ? TRN_OK : rival_failed("taking the matrix");
}

/* The largest relative difference between its C, which is used up, and ours. */
static double rival_differs(rival_t *r, const trn_sparse_t *c) {
    GrB_Index *start, *column, sizes[3];
    void *values;
    bool iso;
    int64_t rows = trn_sparse_extent(c).rows;
    if (GxB_Matrix_unpack_CSR(r->c, &start, &column, &values, &sizes[0], &sizes[1], &sizes[2], &iso,
                              NULL, GrB_NULL) != GrB_SUCCESS)
        return INFINITY;
    bool same = memcmp(start, trn_sparse_start(c), (size_t)(rows + 1) * sizeof *start) == 0;
    double worst = 0;
    for (int64_t e = 0; same && e < trn_sparse_count(c); e++) {
        same = column[e] == (GrB_Index)trn_sparse_column(c)[e];
        if (trn_sparse_type(c) == TRN_SPARSE_PATTERN) continue;
        double ours = trn_sparse_value(c, e);
        double theirs = trn_sparse_type(c) == TRN_SPARSE_F32 ? (double)((float *)values)[e]
                                                             : ((double *)values)[e];
        worst = fmax(worst, fabs(theirs - ours) / ours);
    }
    free(start);
    free(column);
    free(values);
    return same ? worst : INFINITY;
}

static trn_status_t rival_measure(const square_t *s, rival_t *r) {
    MPI_Comm comm = s->run->comm;
    int64_t repeats = trn_params_int(s->run->params, "repeats");
    double shortest, median;
    TRN_TRY(rival_import(r, s->a));
    TRN_TRY(trn_bench_time(comm, repeats, rival_multiply, r, &shortest, &median));
    TRN_TRY(note(s, "graphblas_jumbled", shortest, median, 0));
    r->sorted = true;
    TRN_TRY(trn_bench_time(comm, repeats, rival_multiply, r, &shortest, &median));
    return note(s, "graphblas", shortest, median, rival_differs(r, s->c));
}

static trn_status_t against_graphblas(const square_t *s) {
    if (s->run->ranks > 1)
        return trn_fail(TRN_USAGE, "--against: GraphBLAS knows one process; use one rank");
    if (GrB_init(GrB_NONBLOCKING) != GrB_SUCCESS) return rival_failed("starting");
    GxB_Global_Option_set(GxB_GLOBAL_NTHREADS, s->run->threads);
    bool f32 = trn_sparse_type(s->a) == TRN_SPARSE_F32;
    rival_t r = {.type = f32 ? GrB_FP32 : GrB_FP64,
                 .semiring = f32 ? GrB_PLUS_TIMES_SEMIRING_FP32 : GrB_PLUS_TIMES_SEMIRING_FP64};
    if (s->options.boolean) {
        r.type = GrB_BOOL;
        r.semiring = GxB_ANY_PAIR_BOOL;
    }
    trn_status_t status = rival_measure(s, &r);
    GrB_Matrix_free(&r.a);
    GrB_Matrix_free(&r.c);
    GrB_finalize();
    return status;
}
#else
static trn_status_t against_graphblas(const square_t *s) {
    (void)s;
    return trn_fail(TRN_USAGE, "--against: this program was built without GraphBLAS; install "
                               "libsuitesparse-dev and build again");
}
#endif

/* The verb --------------------------------------------------------------------------------------
 */

/* What is left of --memory for the product, on the rank with least. Collective. */
static int64_t memory_left(const trn_run_t *run) {
    int64_t memory = trn_params_size(run->params, "memory");
    if (memory == 0) return 0;
    int64_t left = memory > trn_mem_now() + 1 ? memory - trn_mem_now() : 1;
    MPI_Allreduce(MPI_IN_PLACE, &left, 1, MPI_INT64_T, MPI_MIN, run->comm);
    return left;
}

static trn_status_t bench(square_t *s) {
    trn_run_t *run = s->run;
    TRN_TRY(make_matrix(run, &s->a));
    if (run->ranks > 1) TRN_TRY(balance(run, &s->a));
    s->options = (trn_spgemm_options_t){.threads = run->threads,
                                        .boolean = trn_params_bool(run->params, "boolean"),
                                        .phases = trn_params_int(run->params, "phases"),
                                        .memory = memory_left(run)};
    TRN_TRY(measure(s));
    if (strcmp(trn_params_text(run->params, "against"), "graphblas") == 0)
        TRN_AGREE(run->comm, against_graphblas(s));
    return trn_agree(run->comm, run->rank == 0 ? trn_bench_verdict(run->result) : TRN_OK);
}

/* Expectations for the uniform case: making the matrix, and the product. */
typedef struct sizes {
    int64_t making, product; /* bytes; one after the other */
} sizes_t;

static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const sizes_t *sizes = user;
    (void)ranks, (void)rank;
    trn_ledger_pass(ledger, "making", sizes->making, 1);
    trn_ledger_take(ledger, "product", sizes->product, 1);
}

static trn_status_t foretell(const trn_run_t *run) {
    double rows = (double)trn_params_int(run->params, "rows");
    double nonzeros = (double)trn_params_int(run->params, "nonzeros");
    double terms = nonzeros * nonzeros / rows, share = 1 / (double)run->ranks;
    sizes_t sizes = {(int64_t)(64 * nonzeros * share),
                     (int64_t)(28 * nonzeros + 12 * terms * share + 8 * rows)};
    json_object_set_new(run->result, "flops", json_real(2 * terms));
    return trn_estimate(run->ranks, true, plan, &sizes, run->result);
}

static trn_status_t run(trn_run_t *run) {
    if (trn_params_bool(run->params, "dry-run")) return foretell(run);
    TRN_TRY(trn_bench_begin(run->comm, run->threads, run->result));
    square_t s = {.run = run};
    trn_status_t status = bench(&s);
    trn_sparse_destroy(&s.a);
    trn_sparse_destroy(&s.c);
    return status;
}

static const trn_param_t params[] = {
    {"rows", 0, TRN_PARAM_INT, "200000", 1, 2147483647, .help = "rows and columns of A"},
    {"nonzeros", 0, TRN_PARAM_INT, "4000000", 0, 1e12,
     .help = "entries drawn for A; those that meet are summed"},
    {"exponent", 0, TRN_PARAM_REAL, "0", 0, 0.99,
     .help = "the i-th heaviest row or column is drawn with a chance like 1 / i^exponent; 0 is "
             "uniform"},
    {"dtype", 0, TRN_PARAM_CHOICE, "f64", .choices = "f32|f64", .help = "type of the values"},
    {"boolean", 0, TRN_PARAM_BOOL, "false",
     .help = "multiply patterns: or instead of +, and instead of x"},
    {"phases", 0, TRN_PARAM_INT, "1", 1, TRN_SPGEMM_BUCKETS,
     .help = "column slabs at the least; --memory may ask for more"},
    {"repeats", 0, TRN_PARAM_INT, "3", 1, 1000, .help = "products timed, after one to warm up"},
    {"against", 0, TRN_PARAM_CHOICE, "none", .choices = "none|graphblas",
     .help = "also time this library, on one rank with the same number of threads"},
    {0}};

const trn_command_t trn_bench_spgemm = {
    .name = "bench spgemm",
    .summary = "time the square of a made-up sparse matrix",
    .files = "",
    .description =
        "Draws a square matrix A, cuts it into bands of equal work, and times C = A A with its "
        "memory taken and given back each time. flops are two a term; words_received are 8 bytes, "
        "on the rank that receives most; peak_bytes is what a product takes beside A, C included, "
        "on the rank that takes most. resid is the largest relative error of the entries of 16 "
        "rows that all ranks compute again in float64; of a rival, the largest difference from "
        "ours. graphblas has its rows sorted, as ours are; graphblas_jumbled leaves them as they "
        "come and is not checked.",
    .params = params,
    .run = run,
};
