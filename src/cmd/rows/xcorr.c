/* xcorr.c: the verb `xcorr`: correlations of the columns of two matrices, and Barlow Twins' loss.
 */
#include "algo/rows/xcorr.h"

#include "base/mem.h"
#include "cli/command.h"
#include "mpi/agree.h"

static const trn_param_t params[] = {
    {"output", 'o', TRN_PARAM_TEXT, .metavar = "C", .file.use = TRN_FILE_WRITTEN,
     .help = "file to write the correlations to, .h5, .npy or another that convert writes"},
    {"lambda", 0, TRN_PARAM_REAL, "0.0051", 0, 1e300,
     .help = "weight of correlations off the diagonal in the loss"},
    {"epsilon", 0, TRN_PARAM_REAL, "0", 0, 1e300,
     .help = "added to variances, so that a constant column has correlations of 0; batch "
             "normalization adds 1e-5"},
    {0}};

/* Both matrices stream if the first one does, which the program decides by the plan. */
typedef struct job {
    trn_tall_in_t a; /* first: the program looks at it */
    trn_tall_in_t b;
    const char *output; /* NULL: none */
    double epsilon;
    double *c; /* [d x d] */
    trn_barlow_t loss;
} job_t;

/* C as a file, cut evenly though every rank has all of it. */
static trn_rows_make_t shape(const job_t *job, int ranks, int rank) {
    int64_t d = job->a.in.info.cols, first = trn_part_start(d, ranks, rank);
    return (trn_rows_make_t){.rows = d,
                             .cols = d,
                             .own_first = first,
                             .own_rows = trn_part_start(d, ranks, rank + 1) - first,
                             .type = TRN_F64};
}

static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    const trn_matrix_info_t *a = &job->a.in.info, *b = &job->b.in.info;
    job->output = trn_params_text(run->params, "output");
    job->epsilon = trn_params_real(run->params, "epsilon");
    TRN_TRY(trn_matrix_in_look(&job->b.in, run->comm, run->files[1]));
    if (a->rows != b->rows || a->cols != b->cols)
        return trn_fail(TRN_INPUT,
                        "%s is %lld x %lld, but %s is %lld x %lld; rows and columns go "
                        "in pairs",
                        job->a.in.path, (long long)a->rows, (long long)a->cols, job->b.in.path,
                        (long long)b->rows, (long long)b->cols);
    if (a->rows == 0 || a->cols == 0)
        return trn_fail(TRN_INPUT, "%s: an empty matrix has no correlations", job->a.in.path);
    trn_rows_make_t make = shape(job, run->ranks, run->rank);
    if (job->output) TRN_TRY(trn_rows_place(run->comm, job->output, &make, false));
    return trn_run_note(
        run, json_pack("{s:I, s:I}", "rows", (json_int_t)a->rows, "cols", (json_int_t)a->cols));
}

static trn_status_t cut(trn_run_t *run, void *user, int ranks) {
    return trn_matrix_in_cut(&((job_t *)user)->b.in, run->comm, ranks);
}

/* Rows are let go of before C is written. */
static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    int64_t d = job->a.in.info.cols;
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "result", d * d, sizeof(double));
    trn_tall_in_plan(ledger, &job->a, job->a.streams, ranks, rank);
    trn_tall_in_plan(ledger, &job->b, job->a.streams, ranks, rank);
    trn_xcorr_plan(ledger, job->a.in.info.rows, d, ranks, rank);
    trn_ledger_back(ledger, &before);
    trn_rows_make_t make = shape(job, ranks, rank);
    trn_ledger_take(ledger, "result", d * d, sizeof(double));
    if (job->output)
        trn_ledger_take(ledger, "saving", trn_rows_write_bytes(job->output, &make, rank == 0), 1);
}

static void cost(const void *user, trn_cost_t *cost) {
    const trn_matrix_info_t *info = &((const job_t *)user)->a.in.info;
    double numbers = (double)info->rows * (double)info->cols;
    *cost = (trn_cost_t){.flops = 2 * numbers * (double)info->cols, .file_bytes = 8 * numbers};
}

/* Collective. */
static trn_status_t save(const trn_run_t *run, const job_t *job) {
    trn_rows_out_t *out;
    json_t *made_with = trn_params_json(run->params);
    trn_rows_make_t make = shape(job, run->ranks, run->rank);
    make.created_by = run->command;
    make.params = made_with;
    trn_status_t status = trn_rows_create(&out, run->comm, job->output, &make);
    if (status == TRN_OK) {
        status = trn_rows_write(out, make.own_first, make.own_rows, TRN_F64,
                                job->c + make.own_first * make.cols);
        status = trn_rows_commit(&out, status);
    }
    json_decref(made_with);
    return status;
}

static trn_status_t work(trn_run_t *run, void *user) {
    job_t *job = user;
    int64_t d = job->a.in.info.cols;
    TRN_AGREE(run->comm, trn_alloc(&job->c, d * d, sizeof *job->c, "correlations"));
    TRN_TRY(trn_tall_in_open(&job->a, run->comm, job->a.streams));
    TRN_TRY(trn_tall_in_open(&job->b, run->comm, job->a.streams));
    TRN_TRY(trn_xcorr(&job->a, &job->b, job->epsilon, job->c, &job->loss));
    trn_tall_in_close(&job->a);
    trn_tall_in_close(&job->b);
    return job->output ? save(run, job) : TRN_OK;
}

static trn_status_t report(trn_run_t *run, void *user) {
    const job_t *job = user;
    double lambda = trn_params_real(run->params, "lambda");
    return trn_run_note(run, json_pack("{s:f, s:f, s:f, s:f}", "on_diagonal", job->loss.on,
                                       "off_diagonal", job->loss.off, "lambda", lambda, "loss",
                                       job->loss.on + lambda * job->loss.off));
}

static void job_free(void *user) {
    job_t *job = user;
    trn_tall_in_free(&job->b);
    trn_free(&job->c);
}

const trn_command_t trn_command_xcorr = {
    .name = "xcorr",
    .summary = "correlate the columns of two matrices; the loss of Barlow Twins",
    .files = "A B [-o C]",
    .description =
        "Row i of A and row i of B are two views of one thing, such as an embedding of it and of "
        "its noisy copy. C(i, j) is the correlation of column i of A with column j of B: both less "
        "their means, over the population's standard deviations, in float64. on_diagonal is the "
        "sum of (1 - C(i, i))^2, off_diagonal that of all other C(i, j)^2, loss on_diagonal + "
        "lambda off_diagonal. A and B are any files that convert reads, and may be larger than "
        "--memory; the number of ranks does not change a bit.",
    .examples = "the loss of two views\ttrunnion xcorr A.npy A.npy --epsilon 1e-5\n"
                "correlations of all columns\ttrunnion xcorr A.npy A.npy -o C.npy",
    .min_files = 2,
    .max_files = 2,
    .operands = TRN_OPERANDS(TRN_READS("A"), TRN_READS("B")),
    .blas = true,
    .params = params,
    .steps = &(const trn_steps_t){.size = sizeof(job_t),
                                  .rows = true,
                                  .look = look,
                                  .cut = cut,
                                  .plan = plan,
                                  .cost = cost,
                                  .work = work,
                                  .report = report,
                                  .free = job_free},
};
