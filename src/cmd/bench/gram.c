/* bench gram: A^T A as a Gram matrix beside the product A^T B of the same size. */
#include "algo/matrix/gram.h"
#include "algo/common/estimate.h"
#include "base/mem.h"
#include "cli/bench.h"
#include "cli/command.h"
#include "cmd/bench/contest/gemm_arm.h"
#include "mpi/agree.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* The Gram matrix's contestant. */
typedef struct subject {
    trn_dist_t *in, *out;
    trn_matrix_t *a, *gram; /* bands of rows */
    trn_tall_t x;
    int threads;
} subject_t;

/* A in the bands that tall matrices have, the result in even ones. */
static trn_status_t subject_create(subject_t *s, const trn_run_t *run, const trn_gemm_case_t *c) {
    *s = (subject_t){.threads = run->threads};
    trn_status_t status = trn_tall_dist(&s->in, run->comm, c->k, c->n);
    trn_status_t other = trn_dist_create(&s->out, c->n, c->n, run->ranks, 1);
    TRN_AGREE(run->comm, status ? status : other);
    TRN_TRY(trn_matrix_create(&s->a, run->comm, c->type, s->in));
    TRN_TRY(trn_matrix_create(&s->gram, run->comm, TRN_MATRIX_F64, s->out));
    trn_matrix_fill_normal(s->a, 1, TRN_RNG_TEST, 0, 1);
    s->x = (trn_tall_t){run->comm, c->k, trn_matrix_block(s->a), NULL};
    return TRN_OK;
}

static void subject_destroy(subject_t *s) {
    trn_matrix_destroy(&s->a);
    trn_matrix_destroy(&s->gram);
    trn_dist_destroy(&s->in);
    trn_dist_destroy(&s->out);
}

static trn_status_t subject_run(void *data) {
    subject_t *s = data;
    return trn_gram(s->x, trn_matrix_first_row(s->gram), trn_matrix_block(s->gram), s->threads);
}

static double number(trn_view_t view, int64_t i, int64_t j) {
    int64_t at = i * view.stride + j;
    return view.type == TRN_MATRIX_F32 ? (double)((const float *)view.data)[at]
                                       : ((const double *)view.data)[at];
}

/* A sign for each number, by the golden ratio's bits: as good as random, and the same
 * everywhere. */
static double sign(int64_t j) {
    return (uint64_t)j * 0x9e3779b97f4a7c15u >> 63 ? 1 : -1;
}

/* Freivalds' check: the largest |G s - A^T (A s)| for signs s, over eps sqrt(k) sum over columns of
 * |column|^2. want[n] is scratch. Collective. */
static double residual_of(const subject_t *s, double *want) {
    trn_view_t a = s->x.block, g = trn_matrix_block(s->gram);
    int64_t first = trn_matrix_first_row(s->gram);
    double worst = 0, scale = 0;
    memset(want, 0, sizeof *want * (size_t)a.cols);
    for (int64_t i = 0; i < a.rows; i++) {
        double sum = 0;
        for (int64_t j = 0; j < a.cols; j++)
            sum += number(a, i, j) * sign(j);
        for (int64_t j = 0; j < a.cols; j++)
            want[j] += number(a, i, j) * sum;
    }
    MPI_Allreduce(MPI_IN_PLACE, want, (int)a.cols, MPI_DOUBLE, MPI_SUM, s->x.comm);
    for (int64_t i = 0; i < g.rows; i++) {
        double sum = 0;
        for (int64_t j = 0; j < g.cols; j++)
            sum += number(g, i, j) * sign(j);
        worst = fmax(worst, fabs(sum - want[first + i]));
        scale += number(g, i, first + i);
    }
    MPI_Allreduce(MPI_IN_PLACE, &worst, 1, MPI_DOUBLE, MPI_MAX, s->x.comm);
    MPI_Allreduce(MPI_IN_PLACE, &scale, 1, MPI_DOUBLE, MPI_SUM, s->x.comm);
    return worst / (DBL_EPSILON * sqrt((double)s->x.rows) * scale);
}

/* One line; `over`: how many times as fast as the product. */
static trn_status_t note(trn_run_t *run, const trn_gemm_case_t *c, const char *name,
                         const trn_bench_entry_t *entry, double residual, double over) {
    double flops = 2.0 * (double)c->n * (double)c->n * (double)c->k;
    return trn_bench_case(
        run->result, "{s:s,s:s,s:I,s:I,s:i,s:f,s:f,s:f,s:f,s:f,s:f,s:s}", "what", name, "type",
        c->type == TRN_MATRIX_F32 ? "f32" : "f64", "rows", (json_int_t)c->k, "cols",
        (json_int_t)c->n, "P", run->ranks, "seconds_min", entry->shortest, "seconds_med",
        entry->median, "gflops_min", flops / entry->shortest * 1e-9, "util", entry->busy,
        "over_product", over, "resid", residual, "verdict", residual <= 10 ? "PASSED" : "FAILED");
}

/* In turns, so that both meet the same moods of the machine; then both are checked. */
static trn_status_t race(trn_run_t *run, const trn_gemm_case_t *c, subject_t *subject,
                         trn_gemm_arm_t **product) {
    double *want = NULL;
    TRN_TRY(subject_create(subject, run, c));
    TRN_TRY(trn_gemm_arm_create(product, run->comm, c, TRN_GEMM_OURS));
    trn_bench_entry_t entries[] = {{.body = subject_run, .data = subject},
                                   {.body = trn_gemm_arm_run, .data = *product}};
    TRN_TRY(trn_bench_race(run->comm, trn_params_int(run->params, "repeats"), 2, entries));
    TRN_TRY(trn_gemm_arm_check(*product));
    trn_status_t status = trn_agree(run->comm, trn_alloc(&want, c->n, sizeof *want, "a check"));
    double residual = status == TRN_OK ? residual_of(subject, want) : 0;
    trn_free(&want);
    if (status == TRN_OK && run->rank == 0) {
        status =
            note(run, c, "gram", &entries[0], residual, entries[1].shortest / entries[0].shortest);
        if (status == TRN_OK)
            status =
                note(run, c, "product", &entries[1], trn_gemm_arm_figures(*product)->residual, 1);
        if (status == TRN_OK) status = trn_bench_verdict(run->result);
    }
    return trn_agree(run->comm, status);
}

/* A as it lies for either of the two and once as made, and the sums. */
static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const trn_gemm_case_t *c = user;
    trn_ledger_take(ledger, "matrix", 3 * trn_tall_rows(c->k, ranks, rank) * c->m,
                    trn_matrix_type_size(c->type));
    trn_gram_plan(ledger, c->k, c->m, c->type, ranks, rank);
}

static trn_status_t run(trn_run_t *run) {
    bool single = strcmp(trn_params_text(run->params, "dtype"), "f32") == 0;
    int64_t rows = trn_params_int(run->params, "rows"), cols = trn_params_int(run->params, "cols");
    trn_gemm_case_t c = {.type = single ? TRN_MATRIX_F32 : TRN_MATRIX_F64,
                         .transpose_a = true,
                         .m = cols,
                         .n = cols,
                         .k = rows,
                         .layout = TRN_GEMM_NATIVE,
                         .memory = trn_params_size(run->params, "memory"),
                         .block = 128,
                         .threads = run->threads};
    bool dry = trn_params_bool(run->params, "dry-run");
    TRN_TRY(trn_estimate(run->ranks, dry, plan, &c, run->result));
    if (dry) return TRN_OK;
    subject_t subject = {0};
    trn_gemm_arm_t *product = NULL;
    TRN_TRY(trn_bench_begin(run->comm, run->threads, run->result));
    trn_status_t status = race(run, &c, &subject, &product);
    subject_destroy(&subject);
    trn_gemm_arm_destroy(&product);
    return status;
}

static const trn_param_t params[] = {
    {"rows", 0, TRN_PARAM_INT, "200000", 1, 1e12, .help = "rows of A"},
    {"cols", 0, TRN_PARAM_INT, "256", 1, 1 << 20, .help = "columns of A"},
    {"dtype", 0, TRN_PARAM_CHOICE, "f64", .choices = "f32|f64",
     .help = "type of the numbers of A; the Gram matrix is float64 in either case, the product of "
             "the same type"},
    {"repeats", 0, TRN_PARAM_INT, "7", 1, 1000000,
     .help = "timed runs of each, after one to warm up"},
    {0}};

const trn_command_t trn_bench_gram = {
    .name = "bench gram",
    .summary = "time A^T A as a Gram matrix, beside the product A^T B",
    .files = "",
    .description =
        "Makes A^T A of a random A whose rows are dealt to the ranks, and in turn with it the "
        "product A^T B of the same size, laid out as its plan likes best. Both are checked by "
        "Freivalds' method. gflops_min counts what the product does, 2 rows cols^2, over the "
        "shortest time; over_product is the product's shortest time over this one.",
    .params = params,
    .run = run,
};
