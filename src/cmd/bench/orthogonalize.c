/* bench orthogonalize: Muon's steps on the square of the shorter side, beside the same steps on the
 * matrix itself, and one product as a measure of both. */
#include "algo/matrix/factor/orthogonalize.h"

#include "algo/common/estimate.h"
#include "algo/matrix/gram.h"
#include "base/mem.h"
#include "cli/bench.h"
#include "cli/command.h"
#include "mpi/agree.h"

#include <math.h>
#include <string.h>

/* G, and what each way makes of it. */
typedef struct arms {
    trn_tall_t g, ours, direct, scratch;
    double *a, *s; /* [cols x cols] of the direct way */
    int steps, threads;
} arms_t;

static trn_status_t create(arms_t *arms, const trn_run_t *run, int64_t rows, int64_t cols) {
    *arms = (arms_t){.steps = (int)trn_params_int(run->params, "steps"), .threads = run->threads};
    trn_tall_t *all[] = {&arms->g, &arms->ours, &arms->direct, &arms->scratch};
    for (int i = 0; i < 4; i++)
        TRN_TRY(trn_tall_create(all[i], run->comm, rows, cols));
    trn_tall_random(arms->g, 1);
    TRN_TRY(trn_alloc(&arms->a, cols * cols, sizeof(double), "a Gram matrix"));
    return trn_alloc(&arms->s, cols * cols, sizeof(double), "a Gram matrix");
}

static void destroy(arms_t *arms) {
    trn_tall_free(&arms->g);
    trn_tall_free(&arms->ours);
    trn_tall_free(&arms->direct);
    trn_tall_free(&arms->scratch);
    trn_free(&arms->a);
    trn_free(&arms->s);
}

static void copy(trn_tall_t from, trn_tall_t to) {
    memcpy(to.block.data, from.block.data,
           sizeof(double) * (size_t)(from.block.rows * from.block.cols));
}

static trn_status_t run_ours(void *data) {
    arms_t *arms = data;
    trn_orthogonalize_how_t how = {
        .steps = arms->steps, .threads = arms->threads, .name = "the matrix"};
    trn_orthogonalized_t done;
    copy(arms->g, arms->ours);
    return trn_orthogonalize(arms->ours, &how, &done);
}

/* A <- X^T X, S <- a I + b A + c A A, X <- X S. */
static trn_status_t step_directly(arms_t *arms, bool first) {
    int64_t n = arms->g.block.cols;
    trn_view_t whole = {TRN_MATRIX_F64, n, n, n, arms->a};
    TRN_TRY(trn_gram(arms->direct, 0, whole, arms->threads));
    double by = 1, sum = 0;
    for (int64_t i = 0; i < n && first; i++)
        sum += arms->a[i * n + i];
    if (first) by = 1 / (sqrt(sum) + 1e-7);
    for (int64_t i = 0; i < n * n; i++)
        arms->a[i] *= by * by;
    trn_tall_t square = {MPI_COMM_SELF, n, whole, NULL}, out = square;
    out.block.data = arms->s;
    trn_tall_multiply(2.0315 * by, square, arms->a, n, 0, out);
    for (int64_t i = 0; i < n * n; i++)
        arms->s[i] += -4.7750 * by * arms->a[i];
    for (int64_t i = 0; i < n; i++)
        arms->s[i * n + i] += 3.4445 * by;
    trn_tall_multiply(1, arms->direct, arms->s, n, 0, arms->scratch);
    trn_tall_t kept = arms->direct;
    arms->direct = arms->scratch;
    arms->scratch = kept;
    return TRN_OK;
}

static trn_status_t run_direct(void *data) {
    arms_t *arms = data;
    copy(arms->g, arms->direct);
    for (int k = 0; k < arms->steps; k++)
        TRN_TRY(step_directly(arms, k == 0));
    return TRN_OK;
}

static trn_status_t run_product(void *data) {
    arms_t *arms = data;
    int64_t n = arms->g.block.cols;
    trn_tall_multiply(1, arms->g, arms->a, n, 0, arms->scratch);
    return TRN_OK;
}

/* The largest difference of the two results. Collective. */
static double difference(const arms_t *arms) {
    const double *x = arms->ours.block.data, *y = arms->direct.block.data;
    double worst = 0;
    for (int64_t i = 0; i < arms->g.block.rows * arms->g.block.cols; i++)
        worst = fmax(worst, fabs(x[i] - y[i]));
    MPI_Allreduce(MPI_IN_PLACE, &worst, 1, MPI_DOUBLE, MPI_MAX, arms->g.comm);
    return worst;
}

/* `of_product`: its flops a second, over those of the product. */
static trn_status_t note(trn_run_t *run, const arms_t *arms, const char *what, double flops,
                         const trn_bench_entry_t *entry, double product, double off) {
    double rate = flops / entry->median;
    return trn_bench_case(run->result, "{s:s,s:I,s:I,s:i,s:f,s:f,s:f,s:f,s:f,s:s}", "what", what,
                          "rows", (json_int_t)arms->g.rows, "cols", (json_int_t)arms->g.block.cols,
                          "P", run->ranks, "seconds_min", entry->shortest, "seconds_med",
                          entry->median, "gflops", rate * 1e-9, "of_product", rate / product,
                          "resid", off, "verdict", off <= 1e-9 ? "PASSED" : "FAILED");
}

/* In turns, so that all meet the same moods of the machine. */
static trn_status_t race(trn_run_t *run, arms_t *arms) {
    trn_bench_entry_t entries[] = {{.body = run_ours, .data = arms},
                                   {.body = run_direct, .data = arms},
                                   {.body = run_product, .data = arms}};
    TRN_TRY(trn_bench_race(run->comm, trn_params_int(run->params, "repeats"), 3, entries));
    TRN_TRY(run_ours(arms));
    TRN_TRY(run_direct(arms));
    double off = difference(arms), m = (double)arms->g.rows, n = (double)arms->g.block.cols;
    double steps = arms->steps, product = 2 * m * n * n;
    double ours = 3 * m * n * n + (6 * steps - 5) * n * n * n;
    double direct = steps * (3 * m * n * n + 2 * n * n * n);
    double rate = product / entries[2].median;
    trn_status_t status = TRN_OK;
    if (run->rank == 0) {
        status = note(run, arms, "squares", ours, &entries[0], rate, off);
        if (status == TRN_OK) status = note(run, arms, "direct", direct, &entries[1], rate, off);
        if (status == TRN_OK) status = note(run, arms, "product", product, &entries[2], rate, 0);
        if (status == TRN_OK) status = trn_bench_verdict(run->result);
    }
    return trn_agree(run->comm, status);
}

typedef struct shape {
    int64_t rows, cols;
} shape_t;

static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const shape_t *s = user;
    trn_ledger_take(ledger, "matrix", 4 * trn_tall_rows(s->rows, ranks, rank) * s->cols,
                    sizeof(double));
    trn_ledger_take(ledger, "squares", 2 * s->cols * s->cols, sizeof(double));
    trn_orthogonalize_plan(ledger, s->rows, s->cols, ranks, rank);
}

static trn_status_t run(trn_run_t *run) {
    shape_t s = {trn_params_int(run->params, "rows"), trn_params_int(run->params, "cols")};
    bool dry = trn_params_bool(run->params, "dry-run");
    if (s.cols > s.rows)
        return trn_fail(TRN_USAGE, "--cols %lld: at most as many as --rows, %lld",
                        (long long)s.cols, (long long)s.rows);
    TRN_TRY(trn_estimate(run->ranks, dry, plan, &s, run->result));
    if (dry) return TRN_OK;
    arms_t arms;
    TRN_TRY(trn_bench_begin(run->comm, run->threads, run->result));
    trn_status_t status = trn_agree(run->comm, create(&arms, run, s.rows, s.cols));
    if (status == TRN_OK) status = race(run, &arms);
    destroy(&arms);
    return status;
}

static const trn_param_t params[] = {
    {"rows", 0, TRN_PARAM_INT, "4096", 1, 1e9, .help = "rows of G"},
    {"cols", 0, TRN_PARAM_INT, "1024", 1, 16384, .help = "columns of G, the shorter side"},
    {"steps", 0, TRN_PARAM_INT, "5", 1, 1000, .help = "of Muon's polynomial"},
    {"repeats", 0, TRN_PARAM_INT, "5", 1, 1000000,
     .help = "timed runs of each, after one to warm up"},
    {0}};

const trn_command_t trn_bench_orthogonalize = {
    .name = "bench orthogonalize",
    .summary = "time Muon's steps on squares, beside steps on the matrix itself",
    .files = "",
    .description =
        "Takes Muon's steps with a random float64 G whose rows are dealt to the ranks: as "
        "orthogonalize does it, on the square of the shorter side; directly, with a Gram matrix "
        "and a product with the whole matrix in each step; and one such product alone. gflops "
        "counts what each of them does, of_product is that over the product's; the results of "
        "both ways are compared.",
    .blas = true,
    .params = params,
    .run = run,
};
