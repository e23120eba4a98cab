/* bench spmm: a made-up sparse matrix times dense ones over all ranks. */
#include "mpi/sparse/spmm.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cli/bench.h"
#include "cli/command.h"
#include "kern/sparse/spmm.h"
#include "mpi/agree.h"
#include "mpi/sparse/sparse_ops.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifdef TRN_GRAPHBLAS
#include <GraphBLAS.h>
#endif

enum {
    SEED = 1,
    SAMPLE = 16 /* rows of each rank that are computed again, beside its longest */
};
/* Steps of the random numbers: what they are for. */
enum { LENGTHS, COLUMNS, VALUES, DENSE };

/* What is being timed, and what came of it. */
typedef struct product {
    trn_run_t *run;
    trn_matrix_type_t type;
    int64_t rows, dim;
    trn_dist_t *s_dist, *dist; /* of S; of B and C */
    trn_sparse_t *s;
    trn_matrix_t *b, *c;
    trn_spmm_plan_t *plan;
    double planning; /* seconds */
    double triad;    /* bytes a second, all ranks and threads together */
} product_t;

/* The matrix ------------------------------------------------------------------------------------
 */

/* Lengths of rows: the k-th longest in proportion to (k + 1)^-exponent, rounded by lot; which row
 * is k-th is a permutation's business, so that even bands are balanced. */
static void make_lengths(const product_t *p, int64_t first, int64_t count, int64_t *start) {
    double exponent = trn_params_real(p->run->params, "exponent"), sum = 0;
    double nonzeros = (double)trn_params_int(p->run->params, "nonzeros");
    for (int64_t k = 0; k < p->rows; k++)
        sum += pow((double)(k + 1), -exponent);
    start[0] = 0;
    for (int64_t i = 0; i < count; i++) {
        double u[4], k = (double)trn_rng_permuted(SEED, p->rows, first + i) + 1;
        trn_rng_uniform(SEED, (uint64_t)(first + i), 0, LENGTHS, TRN_RNG_TEST, u);
        int64_t length = (int64_t)(nonzeros * pow(k, -exponent) / sum + u[0]);
        start[i + 1] = start[i] + (length < p->rows ? length : p->rows);
    }
}

/* Entry j of a row with n has its column somewhere in the j-th of n parts of all columns:
 * ascending, and spread like uniform draws. Values lie in (0, 1). */
static void make_entries(const product_t *p, int64_t first, int64_t count, const int64_t *start,
                         int32_t *column, void *values) {
    for (int64_t i = 0; i < count; i++)
        for (int64_t e = start[i]; e < start[i + 1]; e++) {
            int64_t n = start[i + 1] - start[i], j = e - start[i];
            int64_t low = trn_part_start(p->rows, n, j), high = trn_part_start(p->rows, n, j + 1);
            double u[4];
            trn_rng_uniform(SEED, (uint64_t)(first + i), (uint32_t)j, COLUMNS, TRN_RNG_TEST, u);
            column[e] = (int32_t)(low + (int64_t)(u[0] * (double)(high - low)));
            if (p->type == TRN_MATRIX_F32)
                ((float *)values)[e] = (float)u[1];
            else
                ((double *)values)[e] = u[1];
        }
}

static trn_status_t make_sparse(product_t *p) {
    trn_extent_t x = trn_sparse_extent_of(p->s_dist, p->run->rank);
    int64_t *start = NULL;
    int32_t *column = NULL;
    void *values = NULL;
    size_t size = (size_t)trn_matrix_type_size(p->type);
    trn_status_t status = trn_alloc(&start, x.rows + 1, sizeof *start, "row pointers");
    if (status == TRN_OK) {
        make_lengths(p, x.first_row, x.rows, start);
        status = trn_alloc(&column, start[x.rows], sizeof *column, "column numbers");
    }
    if (status == TRN_OK) status = trn_alloc(&values, start[x.rows], size, "values");
    if (status == TRN_OK) {
        make_entries(p, x.first_row, x.rows, start, column, values);
        status =
            trn_sparse_adopt(&p->s, p->type == TRN_MATRIX_F32 ? TRN_SPARSE_F32 : TRN_SPARSE_F64, x,
                             start, column, values);
    }
    if (status == TRN_OK) return TRN_OK;
    trn_free(&start);
    trn_free(&column);
    trn_free(&values);
    return status;
}

/* Row `row` of B: numbers in (-1/2, 1/2) by place. */
static void dense_row(const product_t *p, int64_t row, void *values) {
    for (int64_t j = 0; j < p->dim; j += 4) {
        double u[4];
        trn_rng_uniform(SEED, (uint64_t)row, (uint32_t)(j / 4), DENSE, TRN_RNG_TEST, u);
        for (int64_t k = 0; k < 4 && j + k < p->dim; k++)
            if (p->type == TRN_MATRIX_F32)
                ((float *)values)[j + k] = (float)(u[k] - 0.5);
            else
                ((double *)values)[j + k] = u[k] - 0.5;
    }
}

static void fill(const product_t *p) {
    trn_view_t b = trn_matrix_block(p->b), c = trn_matrix_block(p->c);
    int64_t size = trn_matrix_type_size(p->type);
    for (int64_t i = 0; i < b.rows; i++)
        dense_row(p, trn_matrix_first_row(p->b) + i, (char *)b.data + i * b.stride * size);
    if (c.rows > 0) memset(c.data, 0, (size_t)(c.rows * c.cols * size)); /* its pages are there */
}

/* The check ---------------------------------------------------------------------------------------
 */

/* Error of row `i` of the band as a part of what rounding may do: unit roundoff x (entries + 1) x
 * sum of |values| x 1/2, the largest number of B. `b` and `column` have room for its entries'
 * rows. `got(data, i, j)` is the number under test. */
static double error_of_row(const product_t *p, int64_t i, void *b, int32_t *column, double *wanted,
                           double (*got)(const void *data, int64_t i, int64_t j),
                           const void *data) {
    int64_t first = trn_sparse_start(p->s)[i], n = trn_sparse_start(p->s)[i + 1] - first;
    int64_t size = trn_matrix_type_size(p->type), start[] = {0, n};
    bool wide = p->type == TRN_MATRIX_F64;
    double sum = 0, worst = 0;
    for (int64_t e = 0; e < n; e++) {
        column[e] = (int32_t)e;
        dense_row(p, trn_sparse_column(p->s)[first + e], (char *)b + e * p->dim * size);
        sum += trn_sparse_value(p->s, first + e);
    }
    trn_spmm_ref(&(trn_spmm_t){.rows = 1,
                               .start = start,
                               .column = column,
                               .entries = wide ? TRN_SPARSE_F64 : TRN_SPARSE_F32,
                               .values = (const char *)trn_sparse_values(p->s) + first * size,
                               .wide = wide,
                               .b = {{b, p->dim}, {NULL, 0}},
                               .cols = p->dim,
                               .alpha = 1},
                 wanted);
    for (int64_t j = 0; j < p->dim; j++) {
        double off = fabs(got(data, i, j) - wanted[j]);
        worst = off <= worst ? worst : off; /* a NaN stays */
    }
    double unit = wide ? DBL_EPSILON / 2 : (double)FLT_EPSILON / 2;
    return n == 0 ? (worst == 0 ? 0 : INFINITY) : worst / (unit * (double)(n + 1) * 0.5 * sum);
}

static double ours(const void *data, int64_t i, int64_t j) {
    trn_view_t c = trn_matrix_block(((const product_t *)data)->c);
    if (c.type == TRN_MATRIX_F32) return (double)((const float *)c.data)[i * c.stride + j];
    return ((const double *)c.data)[i * c.stride + j];
}

/* The largest error_of_row of some rows of every rank, on every rank. Collective. */
static trn_status_t check(const product_t *p, double (*got)(const void *, int64_t, int64_t),
                          const void *data, double *resid) {
    const int64_t *start = trn_sparse_start(p->s);
    int64_t rows = trn_sparse_extent(p->s).rows, longest = 0;
    for (int64_t i = 0; i < rows; i++)
        if (start[i + 1] - start[i] > start[longest + 1] - start[longest]) longest = i;
    int64_t most = rows > 0 ? start[longest + 1] - start[longest] : 0;
    void *b = NULL;
    int32_t *column = NULL;
    double *wanted = NULL;
    trn_status_t status =
        trn_alloc(&b, most * p->dim, (size_t)trn_matrix_type_size(p->type), "rows of B");
    if (status == TRN_OK) status = trn_alloc(&column, most, sizeof *column, "a row");
    if (status == TRN_OK) status = trn_alloc(&wanted, p->dim, sizeof *wanted, "a row");
    status = trn_agree(p->run->comm, status);
    *resid = 0;
    for (int64_t k = 0; k <= SAMPLE && rows > 0 && status == TRN_OK; k++) {
        int64_t i = k < SAMPLE ? trn_part_start(rows, SAMPLE, k) : longest;
        double error = error_of_row(p, i, b, column, wanted, got, data);
        if (!(error <= *resid)) *resid = error;
    }
    if (isnan(*resid)) *resid = INFINITY; /* which a maximum does not lose */
    if (status == TRN_OK) MPI_Allreduce(MPI_IN_PLACE, resid, 1, MPI_DOUBLE, MPI_MAX, p->run->comm);
    trn_free(&b);
    trn_free(&column);
    trn_free(&wanted);
    return status;
}

/* One line --------------------------------------------------------------------------------------
 */

static trn_status_t multiply(void *data) {
    product_t *p = data;
    return trn_spmm_execute(p->plan, 1, p->b, 0, p->c);
}

/* `by` is whose times and errors these are. Collective. */
static trn_status_t note(const product_t *p, const char *by, double shortest, double median,
                         double resid) {
    bool own = strcmp(by, "trunnion") == 0;
    int64_t nonzeros = trn_sparse_count(p->s), most[2] = {0, 0};
    if (own) most[0] = trn_spmm_received(p->plan), most[1] = trn_mem_peak();
    MPI_Allreduce(MPI_IN_PLACE, &nonzeros, 1, MPI_INT64_T, MPI_SUM, p->run->comm);
    MPI_Allreduce(MPI_IN_PLACE, most, 2, MPI_INT64_T, MPI_MAX, p->run->comm);
    double size = (double)trn_matrix_type_size(p->type), dim = (double)p->dim;
    double bytes = (double)nonzeros * (dim * size + 4 + size) + (double)p->rows * (dim * size + 8);
    double rate = bytes / shortest;
    trn_status_t status = TRN_OK;
    if (p->run->rank == 0)
        status = trn_bench_case(
            p->run->result, "{s:s,s:s,s:I,s:I,s:I,s:i,s:i,s:f,s:f,s:f,s:f,s:f,s:f,s:I,s:I,s:f,s:s}",
            "by", by, "dtype", p->type == TRN_MATRIX_F32 ? "f32" : "f64", "rows",
            (json_int_t)p->rows, "nnz", (json_int_t)nonzeros, "d", (json_int_t)p->dim, "P",
            p->run->ranks, "threads", p->run->threads, "seconds_plan", own ? p->planning : 0,
            "seconds_min", shortest, "seconds_med", median, "gflops",
            2e-9 * (double)nonzeros * dim / shortest, "gbytes", 1e-9 * rate, "of_triad",
            rate / p->triad, "words_received", (json_int_t)most[0], "peak_bytes",
            (json_int_t)most[1], "resid", resid, "verdict", resid <= 1 ? "PASSED" : "FAILED");
    return trn_agree(p->run->comm, status);
}

/* The rival ---------------------------------------------------------------------------------------
 */

#ifdef TRN_GRAPHBLAS
typedef struct rival {
    GrB_Matrix s, b, c;
    GrB_Type type;
    GrB_Semiring semiring;
} rival_t;

static trn_status_t rival_outcome(bool good, const char *what) {
    return good ? TRN_OK : trn_fail(TRN_INTERNAL, "GraphBLAS: %s failed", what);
}

static trn_status_t rival_multiply(void *data) {
    rival_t *r = data;
    GrB_Info info = GrB_mxm(r->c, GrB_NULL, GrB_NULL, r->semiring, r->s, r->b, GrB_NULL);
    if (info == GrB_SUCCESS) info = GrB_Matrix_wait(r->c, GrB_MATERIALIZE);
    return rival_outcome(info == GrB_SUCCESS, "the product");
}

static double theirs(const void *data, int64_t i, int64_t j) {
    double value;
    GrB_Info info = GrB_Matrix_extractElement_FP64(&value, ((const rival_t *)data)->c, (GrB_Index)i,
                                                   (GrB_Index)j);
    return info == GrB_NO_VALUE ? 0 : info == GrB_SUCCESS ? value : NAN;
}

/* S and B as it wants them. B goes over by malloc: GraphBLAS keeps and frees it. */
static trn_status_t rival_import(rival_t *r, const product_t *p) {
    int64_t count = trn_sparse_count(p->s);
    GrB_Index n = (GrB_Index)p->rows, m = (GrB_Index)count, d = (GrB_Index)p->dim, *column;
    const GrB_Index *start = (const GrB_Index *)trn_sparse_start(p->s);
    size_t bytes = (size_t)(p->rows * p->dim * trn_matrix_type_size(p->type));
    TRN_TRY(trn_alloc(&column, count, sizeof *column, "columns for GraphBLAS"));
    for (int64_t e = 0; e < count; e++)
        column[e] = (GrB_Index)trn_sparse_column(p->s)[e];
    GrB_Info info =
        p->type == TRN_MATRIX_F32
            ? GrB_Matrix_import_FP32(&r->s, GrB_FP32, n, n, start, column, trn_sparse_values(p->s),
                                     n + 1, m, m, GrB_CSR_FORMAT)
            : GrB_Matrix_import_FP64(&r->s, GrB_FP64, n, n, start, column, trn_sparse_values(p->s),
                                     n + 1, m, m, GrB_CSR_FORMAT);
    trn_free(&column);
    void *copy = malloc(bytes);
    if (!copy) return trn_fail(TRN_MEMORY, "no memory for the matrix that GraphBLAS gets");
    memcpy(copy, trn_matrix_block(p->b).data, bytes);
    if (info == GrB_SUCCESS)
        info = GxB_Matrix_import_FullR(&r->b, r->type, n, d, &copy, bytes, false, GrB_NULL);
    if (info == GrB_SUCCESS) info = GrB_Matrix_new(&r->c, r->type, n, d);
    free(copy); /* NULL if it has been taken */
    return rival_outcome(info == GrB_SUCCESS, "taking the matrices");
}

static trn_status_t rival_measure(const product_t *p, rival_t *r) {
    double shortest, median, resid;
    TRN_TRY(rival_import(r, p));
    TRN_TRY(trn_bench_time(p->run->comm, trn_params_int(p->run->params, "repeats"), rival_multiply,
                           r, &shortest, &median));
    TRN_TRY(check(p, theirs, r, &resid));
    return note(p, "graphblas", shortest, median, resid);
}

static trn_status_t against_graphblas(const product_t *p) {
    GxB_Global_Option_set(GxB_GLOBAL_NTHREADS, p->run->threads);
    bool f32 = p->type == TRN_MATRIX_F32;
    rival_t r = {.type = f32 ? GrB_FP32 : GrB_FP64,
                 .semiring = f32 ? GrB_PLUS_TIMES_SEMIRING_FP32 : GrB_PLUS_TIMES_SEMIRING_FP64};
    trn_status_t status = rival_measure(p, &r);
    GrB_Matrix_free(&r.s);
    GrB_Matrix_free(&r.b);
    GrB_Matrix_free(&r.c);
    return status;
}

static trn_status_t rival_start(const trn_run_t *run) {
    if (run->ranks > 1)
        return trn_fail(TRN_USAGE, "--against: GraphBLAS knows one process; use one rank");
    return rival_outcome(GrB_init(GrB_NONBLOCKING) == GrB_SUCCESS, "starting");
}

static void rival_end(void) {
    GrB_finalize();
}
#else
static trn_status_t against_graphblas(const product_t *p) {
    (void)p;
    return TRN_OK;
}

static trn_status_t rival_start(const trn_run_t *run) {
    (void)run;
    return trn_fail(TRN_USAGE, "--against: this program was built without GraphBLAS; install "
                               "libsuitesparse-dev and build again");
}

static void rival_end(void) {}
#endif

/* The verb ---------------------------------------------------------------------------------------
 */

static trn_status_t measure(product_t *p, bool compare) {
    trn_run_t *run = p->run;
    double shortest, median, resid, start = trn_seconds();
    trn_mem_reset_peak();
    trn_spmm_options_t options = {.threads = run->threads,
                                  .width = trn_params_int(run->params, "width"),
                                  .memory = trn_params_size(run->params, "plan-memory")};
    TRN_TRY(trn_spmm_plan_create(&p->plan, run->comm, &options, p->s, p->s_dist, p->type, p->dist,
                                 p->dist));
    p->planning = trn_seconds() - start;
    TRN_TRY(trn_bench_time(run->comm, trn_params_int(run->params, "repeats"), multiply, p,
                           &shortest, &median));
    TRN_TRY(check(p, ours, p, &resid));
    TRN_TRY(note(p, "trunnion", shortest, median, resid));
    return compare ? trn_agree(run->comm, against_graphblas(p)) : TRN_OK;
}

/* All of one width. Collective. */
static trn_status_t run_case(product_t *p, int64_t dim, bool compare) {
    MPI_Comm comm = p->run->comm;
    p->dim = dim;
    trn_status_t status = trn_dist_create(&p->dist, p->rows, dim, p->run->ranks, 1);
    TRN_OR(done, trn_agree(comm, status));
    TRN_OR(done, trn_matrix_create(&p->b, comm, p->type, p->dist));
    TRN_OR(done, trn_matrix_create(&p->c, comm, p->type, p->dist));
    fill(p);
    status = measure(p, compare);
done:
    trn_spmm_plan_destroy(&p->plan);
    trn_matrix_destroy(&p->b);
    trn_matrix_destroy(&p->c);
    trn_dist_destroy(&p->dist);
    return status;
}

static trn_status_t parse_dim(const char *word, int64_t *dim) {
    char *end;
    *dim = strtoll(word, &end, 10);
    if (*end == 0 && *dim >= 1 && *dim <= 1 << 20) return TRN_OK;
    return trn_fail(TRN_USAGE, "--dim: '%s' is no integer from 1 to %d; give columns of B", word,
                    1 << 20);
}

static trn_status_t bench(product_t *p, bool compare) {
    trn_run_t *run = p->run;
    char *const *words;
    int count = trn_params_list(run->params, "dim", &words);
    int64_t dim;
    for (int i = 0; i < count; i++) /* before anything takes time */
        TRN_TRY(parse_dim(words[i], &dim));
    TRN_TRY(trn_bench_triad(run->comm, run->threads, &p->triad));
    if (run->rank == 0)
        json_object_set_new(run->result, "triad_gbytes", json_real(1e-9 * p->triad));
    trn_status_t status = trn_dist_create(&p->s_dist, p->rows, p->rows, run->ranks, 1);
    if (status == TRN_OK) status = make_sparse(p);
    TRN_AGREE(run->comm, status);
    for (int i = 0; i < count; i++) {
        TRN_TRY(parse_dim(words[i], &dim));
        TRN_TRY(run_case(p, dim, compare));
    }
    return trn_agree(run->comm, run->rank == 0 ? trn_bench_verdict(run->result) : TRN_OK);
}

/* S, B, C and the most that rows of other ranks can take. */
static trn_status_t foretell(const trn_run_t *run) {
    double rows = (double)trn_params_int(run->params, "rows"), share = 1 / (double)run->ranks;
    double nonzeros = (double)trn_params_int(run->params, "nonzeros");
    double size = strcmp(trn_params_text(run->params, "dtype"), "f32") == 0 ? 4 : 8;
    char *const *words;
    int count = trn_params_list(run->params, "dim", &words);
    int64_t widest = 0, dim;
    for (int i = 0; i < count; i++) {
        TRN_TRY(parse_dim(words[i], &dim));
        widest = dim > widest ? dim : widest;
    }
    double far = rows * (1 - share), own = rows * share;
    double sparse = nonzeros * share * (8 + size), dense = size * (double)widest * (2 * own + far);
    json_object_set_new(run->result, "bytes_per_rank",
                        json_pack("{s:I}", "total", (json_int_t)(sparse + dense)));
    json_object_set_new(run->result, "flops", json_real(2 * nonzeros * (double)widest));
    return TRN_OK;
}

static trn_status_t run(trn_run_t *run) {
    if (trn_params_bool(run->params, "dry-run")) return foretell(run);
    TRN_TRY(trn_bench_begin(run->comm, run->threads, run->result));
    bool f32 = strcmp(trn_params_text(run->params, "dtype"), "f32") == 0;
    product_t p = {.run = run,
                   .type = f32 ? TRN_MATRIX_F32 : TRN_MATRIX_F64,
                   .rows = trn_params_int(run->params, "rows")};
    bool compare = strcmp(trn_params_text(run->params, "against"), "graphblas") == 0;
    if (compare) TRN_AGREE(run->comm, rival_start(run));
    trn_status_t status = bench(&p, compare);
    if (compare) rival_end();
    trn_sparse_destroy(&p.s);
    trn_dist_destroy(&p.s_dist);
    return status;
}

static const trn_param_t params[] = {
    {"rows", 0, TRN_PARAM_INT, "1000000", 1, 2147483647, .help = "rows and columns of S"},
    {"nonzeros", 0, TRN_PARAM_INT, "20000000", 0, 1e12,
     .help = "entries of S, give or take what rounding the lengths of rows does"},
    {"exponent", 0, TRN_PARAM_REAL, "0.58", 0, 2,
     .help = "the k-th longest row has entries in proportion to 1 / k^exponent; 0: rows alike"},
    {"dim", 0, TRN_PARAM_LIST, "64 128 256", .metavar = "D", .help = "columns of B, one case each"},
    {"dtype", 0, TRN_PARAM_CHOICE, "f32", .choices = "f32|f64", .help = "type of all numbers"},
    {"width", 0, TRN_PARAM_INT, "0", 0, 1 << 20,
     .help = "columns of B that travel at a time; 0 means as --plan-memory allows"},
    {"plan-memory", 0, TRN_PARAM_SIZE, "0", 0, INFINITY, .needs = "width=0",
     .help = "most that the plan may hold in any rank; 0 means no limit"},
    {"repeats", 0, TRN_PARAM_INT, "5", 1, 1000, .help = "products timed, after one to warm up"},
    {"against", 0, TRN_PARAM_CHOICE, "none", .choices = "none|graphblas",
     .help = "also time this library, on one rank with the same number of threads"},
    {0}};

const trn_command_t trn_bench_spmm = {
    .name = "bench spmm",
    .summary = "time a made-up sparse matrix times dense ones, beside the machine's memory",
    .files = "",
    .description =
        "Makes a square matrix S, the same on any number of ranks, and times C = S B; making the "
        "plan is seconds_plan, once. gbytes is the rate by the gather model, which counts every "
        "entry of S and the row of B that it meets, and C, once: nnz (d w + 4 + w) + rows (d w + "
        "8) bytes with w = 4 or 8; of_triad is its share of STREAM's triad (triad_gbytes) on all "
        "ranks and threads in the same run. words_received and peak_bytes (S, B, C and the plan) "
        "are those of the rank with most. resid is the largest error in 17 rows of each rank that "
        "are computed again in float64, as a part of what rounding can do to a sum of so many "
        "terms. PASSED: resid is at most 1.",
    .params = params,
    .run = run,
};
