/* orthogonalize.c: the verb `orthogonalize`: Muon's steps, or the polar factor, of a matrix in a
 * file. */
#include "algo/matrix/factor/orthogonalize.h"

#include "algo/matrix/tall_out.h"
#include "base/mem.h"
#include "cli/command.h"
#include "mpi/agree.h"

#include <math.h>
#include <string.h>

static const trn_param_t params[] = {
    {"output", 'o', TRN_PARAM_TEXT, .metavar = "X", .required = true, .file.use = TRN_FILE_WRITTEN,
     .help = "file to write, .h5, .npy or another that convert writes"},
    {"steps", 0, TRN_PARAM_INT, "5", 1, 1000, .excludes = "polar",
     .help = "steps of Muon's polynomial of degree 5"},
    {"polar", 0, TRN_PARAM_BOOL, "false",
     .help = "the orthogonal factor U V^T instead, to 1e-12, by as many steps as it takes"},
    {"scale", 0, TRN_PARAM_BOOL, "false",
     .help = "times sqrt(rows / columns) of a matrix of more rows than columns, as Muon's update"},
    {"dtype", 0, TRN_PARAM_CHOICE, "auto", .choices = "auto|f32|f64",
     .help = "numbers to write; auto: as G has them; all is done in float64"},
    {0}};

typedef struct job {
    trn_tall_in_t a; /* first: the program looks at it */
    const char *output;
    trn_orthogonalize_how_t how;
    trn_orthogonalized_t done;
    bool passes; /* rows pass by and meet a small factor; else the matrix is in memory */
    double scale;
    trn_rows_make_t make; /* type of the file */
    double *q;            /* [cols x cols] that factor */
} job_t;

/* Only the polar factor, and a wide matrix, need all numbers at a time. Collective. */
static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    const trn_matrix_info_t *info = &job->a.in.info;
    const char *dtype = trn_params_text(run->params, "dtype");
    int64_t side = info->rows < info->cols ? info->rows : info->cols;
    job->output = trn_params_text(run->params, "output");
    job->how = (trn_orthogonalize_how_t){.steps = (int)trn_params_int(run->params, "steps"),
                                         .polar = trn_params_bool(run->params, "polar"),
                                         .threads = run->threads,
                                         .name = job->a.in.path};
    bool single =
        strcmp(dtype, "auto") == 0 ? info->type == TRN_MATRIX_F32 : strcmp(dtype, "f32") == 0;
    job->make = (trn_rows_make_t){
        .rows = info->rows, .cols = info->cols, .type = single ? TRN_F32 : TRN_F64};
    job->passes = !job->how.polar && info->rows >= info->cols;
    job->scale = 1;
    if (trn_params_bool(run->params, "scale") && info->rows > info->cols)
        job->scale = sqrt((double)info->rows / (double)info->cols);
    if (side == 0) return trn_fail(TRN_INPUT, "%s: an empty matrix", job->a.in.path);
    if (side > TRN_ORTHOGONALIZE_SIDE)
        return trn_fail(TRN_INPUT, "%s: %lld x %lld; the shorter side may be %d at most",
                        job->a.in.path, (long long)info->rows, (long long)info->cols,
                        (int)TRN_ORTHOGONALIZE_SIDE);
    TRN_TRY(trn_rows_place(run->comm, job->output, &job->make, false));
    return trn_run_note(run, json_pack("{s:I, s:I}", "rows", (json_int_t)info->rows, "cols",
                                       (json_int_t)info->cols));
}

/* Rows as the factor leaves them, pieces of TRN_TALL_BLOCK as in memory. */
static void multiply(void *user, int64_t first, trn_view_t rows, void *values) {
    const job_t *job = user;
    (void)first;
    trn_tall_t x = {job->a.tall.comm, rows.rows, rows, NULL}, y = x;
    y.block.data = values;
    y.block.stride = rows.cols;
    trn_tall_multiply(1, x, job->q, rows.cols, 0, y);
}

/* How a row of the file is made of one of G. */
static trn_tall_made_t made(const job_t *job) {
    return (trn_tall_made_t){job->a.in.info.cols, TRN_F64, multiply, (void *)job};
}

/* In memory G is held once: it is read block by block, whatever its file. */
static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    const trn_matrix_info_t *info = &job->a.in.info;
    int64_t own = trn_tall_rows(info->rows, ranks, rank);
    trn_tall_made_t rows = made(job);
    trn_rows_make_t make = job->make;
    make.own_rows = own;
    trn_ledger_t before = *ledger;
    if (job->passes) {
        trn_tall_in_plan(ledger, &job->a, job->a.streams, ranks, rank);
        trn_ledger_take(ledger, "squares", info->cols * info->cols, sizeof(double));
        trn_orthogonalize_factor_plan(ledger, info->rows, info->cols, ranks, rank);
        trn_tall_save_plan(ledger, &job->a, job->output, &rows, &make, ranks, rank);
        return;
    }
    trn_ledger_take(ledger, "rows", own * info->cols, sizeof(double));
    trn_tall_in_plan(ledger, &job->a, true, ranks, rank);
    trn_ledger_back(ledger, &before);
    trn_ledger_take(ledger, "rows", own * info->cols, sizeof(double));
    trn_orthogonalize_plan(ledger, info->rows, info->cols, ranks, rank);
    trn_ledger_take(ledger, "saving", trn_rows_write_bytes(job->output, &make, rank == 0), 1);
}

static void cost(const void *user, trn_cost_t *cost) {
    const job_t *job = user;
    double m = (double)job->a.in.info.rows, n = (double)job->a.in.info.cols;
    double side = m < n ? m : n, steps = job->how.polar ? 40 : job->how.steps;
    *cost = (trn_cost_t){.flops = 3 * m * n * side + 6 * steps * side * side * side,
                         .file_bytes = 16 * m * n};
}

/* Only numbers of float64 can be so large that they have to be scaled. Collective. */
static trn_status_t work_passing(trn_run_t *run, job_t *job, const trn_rows_make_t *make) {
    int64_t n = job->a.in.info.cols;
    int exponent;
    TRN_AGREE(run->comm, trn_alloc(&job->q, n * n, sizeof *job->q, "a factor"));
    TRN_TRY(trn_tall_in_open(&job->a, run->comm, job->a.streams));
    trn_tall_in_scale(&job->a, &exponent);
    TRN_TRY(
        trn_tall_in_outcome(&job->a, trn_orthogonalize_factor(job->a.tall, exponent, job->how.steps,
                                                              run->threads, job->q)));
    for (int64_t i = 0; i < n * n; i++)
        job->q[i] *= job->scale;
    job->done.steps = job->how.steps;
    trn_tall_made_t rows = made(job);
    return trn_tall_save(&job->a, job->output, &rows, make);
}

/* *x = the rows as they pass by, once. Collective. */
static trn_status_t hold(trn_run_t *run, job_t *job, trn_tall_t *x) {
    const trn_matrix_info_t *info = &job->a.in.info;
    TRN_AGREE(run->comm, trn_tall_create(x, run->comm, info->rows, info->cols));
    TRN_TRY(trn_tall_in_open(&job->a, run->comm, true));
    int64_t block = trn_tall_first_block(job->a.tall);
    trn_view_t rows;
    for (int64_t at = 0; at < x->block.rows; at += rows.rows) {
        rows = trn_tall_block_rows(job->a.tall, block++);
        memcpy((double *)x->block.data + at * info->cols, rows.data,
               sizeof(double) * (size_t)(rows.rows * info->cols));
    }
    TRN_TRY(trn_tall_in_outcome(&job->a, TRN_OK));
    trn_tall_in_close(&job->a);
    return TRN_OK;
}

/* Collective. */
static trn_status_t work_in_memory(trn_run_t *run, job_t *job, trn_rows_make_t *make) {
    trn_rows_out_t *out;
    trn_tall_t x = {0};
    trn_status_t status = hold(run, job, &x);
    double *data = x.block.data;
    TRN_OR(done, status);
    TRN_OR(done, trn_orthogonalize(x, &job->how, &job->done));
    for (int64_t i = 0; i < x.block.rows * x.block.cols; i++)
        data[i] *= job->scale;
    make->own_first = trn_tall_start(run->comm, x.rows, run->rank);
    make->own_rows = x.block.rows;
    TRN_OR(done, trn_rows_create(&out, run->comm, job->output, make));
    status = trn_rows_write(out, make->own_first, make->own_rows, TRN_F64, data);
    status = trn_rows_commit(&out, status);
done:
    trn_tall_free(&x);
    return status;
}

static trn_status_t work(trn_run_t *run, void *user) {
    job_t *job = user;
    json_t *made_with = trn_params_json(run->params);
    trn_rows_make_t make = job->make;
    make.created_by = run->command;
    make.params = made_with;
    trn_status_t status = trn_matrix_in_names(&job->a.in, run->comm);
    make.names_of = job->a.in.names.rows;
    if (status == TRN_OK)
        status = job->passes ? work_passing(run, job, &make) : work_in_memory(run, job, &make);
    json_decref(made_with);
    return status;
}

static trn_status_t report(trn_run_t *run, void *user) {
    const job_t *job = user;
    TRN_TRY(trn_run_note(
        run, json_pack("{s:I, s:f}", "steps", (json_int_t)job->done.steps, "scale", job->scale)));
    if (!job->how.polar) return TRN_OK;
    return trn_run_note(run, json_pack("{s:f}", "residual", job->done.residual));
}

static void job_free(void *user) {
    trn_free(&((job_t *)user)->q);
}

const trn_command_t trn_command_orthogonalize = {
    .name = "orthogonalize",
    .summary = "bring singular values near 1 as Muon does, or the polar factor of a matrix",
    .files = "G -o X",
    .description =
        "Muon's update of a gradient or momentum G: after division by its Frobenius norm, steps X "
        "<- a X + (b A + c A A) X with A = X X^T of the shorter side. It leaves singular values "
        "between about 0.7 and 1.2 and singular vectors as they are: it does not orthogonalize "
        "quite; --polar does. All is done in float64, and the number of ranks does not change a "
        "bit. G is any file that convert reads; without --polar, and with no more columns than "
        "rows, it may be larger than --memory.",
    .examples = "an update of Muon\ttrunnion orthogonalize gradient.npy --scale -o X.npy\n"
                "the polar factor\ttrunnion orthogonalize gradient.npy --polar -o X.h5",
    .min_files = 1,
    .max_files = 1,
    .operands = TRN_OPERANDS(TRN_READS("G")),
    .blas = true,
    .params = params,
    .steps = &(const trn_steps_t){.size = sizeof(job_t),
                                  .rows = true,
                                  .look = look,
                                  .plan = plan,
                                  .cost = cost,
                                  .work = work,
                                  .report = report,
                                  .free = job_free},
};
