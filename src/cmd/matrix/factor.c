/* factor.c: the verb `factor`: a matrix as a product of two thin ones: SVD, NMF, semi-NMF. */
#include "algo/matrix/factor/factor.h"

#include "algo/matrix/factor/factor_svd.h"
#include "base/mem.h"
#include "base/signal.h"
#include "cli/command.h"
#include "cli/training.h"
#include "mpi/agree.h"

#include <math.h>
#include <string.h>

static const trn_param_t params[] = {
    {"output", 'o', TRN_PARAM_TEXT, .metavar = "F.h5", .required = true, .file = TRN_STORE_WRITTEN,
     .help = "store to write: /coordinates, /primitive, /objective"},
    {"svd", 0, TRN_PARAM_BOOL, "false", .help = "the best factors there are, by singular vectors"},
    {"nmf", 0, TRN_PARAM_BOOL, "false", .help = "both factors nonnegative, of a nonnegative X"},
    {"snmf", 0, TRN_PARAM_BOOL, "false", .help = "nonnegative coordinates of any X"},
    {"rank", 'k', TRN_PARAM_INT, "10", 1, 1e9, .help = "columns of the coordinates"},
    {"dtype", 0, TRN_PARAM_CHOICE, "auto", .choices = "auto|f32|f64",
     .help = "numbers of coordinates and of the residual; auto: as X has them"},
    {"residual", 0, TRN_PARAM_TEXT, .metavar = "R", .file.use = TRN_FILE_WRITTEN,
     .help = "X less the product, as a file of any format"},
    {"steps", 0, TRN_PARAM_INT, "200", 0, 1e9, .needs = "nmf,snmf", .group = "Steps",
     .help = "at most so many"},
    {"tolerance", 0, TRN_PARAM_REAL, "1e-6", 0, 1, .needs = "nmf,snmf",
     .help = "done when a step lowers the objective by no more than this part of the first one; 0: "
             "never"},
    {"start", 0, TRN_PARAM_TEXT, .metavar = "S.h5", .needs = "nmf,snmf", .file.use = TRN_FILE_READ,
     .help = "factors to begin with; default: random numbers"},
    {"only", 0, TRN_PARAM_TEXT, .metavar = "IDS", .needs = "nmf,snmf", .file.use = TRN_FILE_READ,
     .help = "numbers of the rows whose coordinates move; the others stay as they begin"},
    {"keep-primitive", 0, TRN_PARAM_BOOL, "false", .needs = "start",
     .help = "coordinates alone move, as for new rows under a primitive that is known"},
    {"seed", 0, TRN_PARAM_INT, "1", 0, 9e18, .needs = "nmf,snmf",
     .help = "of the random numbers to begin with"},
    TRN_CHECKPOINT_PARAMS,
    {0}};

typedef struct job {
    trn_tall_in_t a; /* first: the program looks at it */
    const char *output, *residual;
    bool by_svd;
    trn_factor_options_t options;
    trn_dtype_t type;
    trn_ids_t only;
    trn_factor_svd_t svd;
    trn_factors_t factors;
    trn_run_t *run;
} job_t;

/* Looks ---------------------------------------------------------------------------------------- */

static trn_dtype_t type_named(const char *name, trn_matrix_type_t of_file) {
    if (strcmp(name, "auto") == 0) return of_file;
    return strcmp(name, "f32") == 0 ? TRN_F32 : TRN_F64;
}

static trn_status_t look_at_rank(const trn_run_t *run, job_t *job) {
    const trn_matrix_info_t *x = &job->a.in.info;
    int64_t side = x->rows < x->cols ? x->rows : x->cols;
    char has[256];
    snprintf(has, sizeof has, "%.180s is %lld x %lld", job->a.in.path, (long long)x->rows,
             (long long)x->cols);
    if (side == 0) return trn_fail(TRN_INPUT, "%s: an empty matrix has no factors", has);
    return trn_params_at_most(run->params, "rank", side, has, &job->options.rank);
}

static trn_status_t look_at_only(const trn_run_t *run, job_t *job, const char *path) {
    if (!path) return TRN_OK;
    TRN_TRY(trn_ids_read(&job->only, run->comm, path));
    TRN_TRY(trn_ids_within(&job->only, 0, job->a.in.info.rows, "rows"));
    job->options.only = &job->only;
    return trn_ids_unique(&job->only, job->a.in.info.rows);
}

static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    const trn_params_t *p = run->params;
    const trn_matrix_info_t *x = &job->a.in.info;
    job->run = run;
    job->output = trn_params_text(p, "output");
    job->residual = trn_params_text(p, "residual");
    job->by_svd = trn_params_bool(p, "svd");
    job->type = type_named(trn_params_text(p, "dtype"), x->type);
    job->options.method = trn_params_bool(p, "nmf") ? TRN_FACTOR_NMF : TRN_FACTOR_SEMI;
    job->options.steps = trn_params_int(p, "steps");
    job->options.tolerance = trn_params_real(p, "tolerance");
    job->options.seed = (uint64_t)trn_params_int(p, "seed");
    job->options.start = trn_params_text(p, "start");
    job->options.keep_primitive = trn_params_bool(p, "keep-primitive");
    job->options.threads = run->threads;
    if (job->by_svd) {
        TRN_TRY(trn_params_idle(p, "checkpoint checkpoint-every save-behind time-limit resume",
                                "beside --svd, which has no steps"));
        trn_signal_saves_nothing();
    }
    if (job->residual && x->sparse)
        return trn_fail(TRN_USAGE,
                        "%s: is sparse, and what is left of it is not: leave --residual "
                        "out, or convert it",
                        job->a.in.path);
    TRN_TRY(look_at_rank(run, job));
    if (job->residual) TRN_TRY(trn_matrix_file_place(run->comm, job->residual, false));
    TRN_TRY(look_at_only(run, job, trn_params_text(p, "only")));
    return trn_run_note(run, json_pack("{s:I, s:I, s:I}", "rows", (json_int_t)x->rows, "cols",
                                       (json_int_t)x->cols, "rank", (json_int_t)job->options.rank));
}

/* Entries of this rank's rows of the transpose, as if they were spread evenly, and a little more.
 */
static int64_t share_of_transpose(const job_t *job, int ranks, int rank) {
    const trn_matrix_info_t *x = &job->a.in.info;
    double all = 0, share = (double)trn_tall_rows(x->cols, ranks, rank);
    for (int r = 0; r < ranks; r++)
        all += (double)job->a.in.bands.entries[r];
    return (int64_t)(all * share / (double)x->cols * (ranks > 1 ? 1 + 1.0 / 32 : 1));
}

static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    const trn_matrix_info_t *x = &job->a.in.info;
    int64_t k = job->options.rank;
    if (x->sparse)
        trn_sparse_load_plan(ledger, x, TRN_SPARSE_F64, &job->a.in.bands, rank);
    else
        trn_tall_in_plan(ledger, &job->a, job->a.streams, ranks, rank);
    if (job->by_svd) {
        trn_factor_svd_plan(ledger, x, k, ranks, rank);
    } else {
        trn_factor_size_t size = {.rows = x->rows,
                                  .cols = x->cols,
                                  .rank = k,
                                  .steps = job->options.steps,
                                  .sparse = x->sparse,
                                  .threads = job->options.threads};
        size.entries = x->sparse ? job->a.in.bands.entries[rank] : 0;
        size.back = x->sparse ? share_of_transpose(job, ranks, rank) : 0;
        size.save_behind = trn_params_bool(job->run->params, "save-behind");
        trn_ledger_take(ledger, "lists", job->only.count, (int64_t)sizeof(int64_t));
        trn_factor_plan(ledger, &size, ranks, rank);
    }
    if (job->residual) trn_residual_plan(ledger, &job->a, job->residual, k, job->type, ranks, rank);
}

/* A Gram matrix, or two products a step. */
static void cost(const void *user, trn_cost_t *cost) {
    const job_t *job = user;
    const trn_matrix_info_t *x = &job->a.in.info;
    double numbers = (double)x->entries, k = (double)job->options.rank;
    double steps = (double)job->options.steps;
    double flops = job->by_svd ? numbers * ((double)x->cols + 2 * k) : 4 * numbers * k * steps;
    *cost = (trn_cost_t){.flops = flops, .file_bytes = 8 * numbers};
}

/* Work ----------------------------------------------------------------------------------------- */

static trn_rows_make_t make_of(const job_t *job, const json_t *made_with) {
    return (trn_rows_make_t){.names_of = job->a.in.names.rows,
                             .type = job->type,
                             .created_by = job->run->command,
                             .params = made_with};
}

/* What is left of X goes first: the store is what ends a job. Collective. */
static trn_status_t save_residual(job_t *job, const trn_residual_t *residual,
                                  const json_t *made_with) {
    if (!job->residual) return TRN_OK;
    trn_rows_make_t make = make_of(job, made_with);
    return trn_residual_save(residual, &job->a, job->residual, &make, job->type);
}

static trn_status_t factor_svd(job_t *job, const trn_factor_matrix_t *x, trn_sparse_t *sparse) {
    trn_factor_svd_t *svd = &job->svd;
    TRN_TRY(trn_factor_svd(svd, x, sparse, job->options.rank, job->options.threads));
    TRN_TRY(trn_matrix_in_names(&job->a.in, x->comm));
    json_t *made_with = trn_params_json(job->run->params);
    trn_rows_make_t make = make_of(job, made_with);
    trn_residual_t residual = {svd->rank, svd->primitive, svd->project, svd->coordinates};
    trn_status_t status = save_residual(job, &residual, made_with);
    if (status == TRN_OK) status = trn_factor_svd_save(svd, &job->a, job->output, &make, job->type);
    json_decref(made_with);
    return status;
}

/* At the end of the training, before its checkpoint goes. Collective. */
static trn_status_t write_factors(trn_factors_t *factors, void *user) {
    job_t *job = user;
    double *primitive = NULL;
    trn_trainer_run_t training = {.created_by = job->run->command,
                                  .params = trn_params_json(job->run->params)};
    trn_status_t status = trn_matrix_in_names(&job->a.in, factors->x.comm);
    if (status == TRN_OK && job->residual) status = trn_factors_primitive(factors, &primitive);
    trn_residual_t residual = {job->options.rank, primitive, NULL, factors->w};
    if (status == TRN_OK) status = save_residual(job, &residual, training.params);
    trn_free(&primitive);
    if (status == TRN_OK)
        status = trn_factors_save(factors, job->output, &training, job->type, &job->a.in);
    json_decref(training.params);
    return status;
}

static trn_status_t factor_steps(job_t *job, const trn_factor_matrix_t *x) {
    trn_trainer_run_t training;
    job->factors = (trn_factors_t){.x = *x, .options = job->options};
    trn_status_t status = trn_training_read(&training, job->run);
    if (status == TRN_OK) status = trn_factor_train(&job->factors, &training, write_factors, job);
    trn_training_free(&training);
    return status;
}

/* X in bands of rows, or open for passes. Collective. */
static trn_status_t work(trn_run_t *run, void *user) {
    job_t *job = user;
    const trn_matrix_info_t *info = &job->a.in.info;
    trn_dist_t *dist = NULL;
    trn_sparse_t *sparse = NULL;
    trn_status_t status;
    TRN_OR(done, trn_store_place(run->comm, job->output));
    if (info->sparse) {
        TRN_OR(done, trn_agree(run->comm, trn_tall_dist(&dist, run->comm, info->rows, info->cols)));
        TRN_OR(done, trn_sparse_file_load(run->comm, job->a.in.path, info, TRN_SPARSE_F64, dist,
                                          &sparse));
    } else {
        TRN_OR(done, trn_tall_in_open(&job->a, run->comm, job->a.streams));
    }
    trn_factor_matrix_t x = {.comm = run->comm,
                             .rows = info->rows,
                             .cols = info->cols,
                             .dense = info->sparse ? NULL : &job->a,
                             .sparse = sparse,
                             .name = job->a.in.path};
    status = job->by_svd ? factor_svd(job, &x, sparse) : factor_steps(job, &x);
done:
    trn_sparse_destroy(&sparse);
    trn_dist_destroy(&dist);
    return status;
}

static trn_status_t report(trn_run_t *run, void *user) {
    const job_t *job = user;
    const trn_factors_t *f = &job->factors;
    double objective = job->by_svd ? job->svd.objective : f->objective[f->done];
    double squares = job->by_svd ? job->svd.squares : f->squares;
    double error = squares > 0 ? sqrt(2 * objective / squares) : 0;
    if (!job->by_svd)
        TRN_TRY(trn_run_note(run, json_pack("{s:I, s:f}", "steps", (json_int_t)f->done,
                                            "first_objective", f->objective[0])));
    return trn_run_note(run,
                        json_pack("{s:f, s:f}", "objective", objective, "relative_error", error));
}

static void job_free(void *user) {
    job_t *job = user;
    trn_factor_svd_free(&job->svd);
    trn_factors_free(&job->factors);
    trn_ids_free(&job->only);
}

const trn_command_t trn_command_factor = {
    .name = "factor",
    .summary = "a matrix as a product of two thin ones: SVD, NMF, semi-NMF",
    .files = "X -o F.h5 --svd|--nmf|--snmf",
    .description =
        "X [n x d] ~ W H, W = /coordinates [n x rank] and H = /primitive [rank x d]; /objective "
        "has "
        "half the squared error at the start and after each step. X is any file that convert "
        "reads, "
        "may be larger than --memory, and stays sparse if it is. --svd: W has the left singular "
        "vectors, H the right ones times the values (also /values). --nmf: multiplicative steps, W "
        "first, as scikit-learn's solver mu; a number that is 0 stays 0. --snmf: W is nonnegative, "
        "H "
        "least squares. Neither ever raises the objective, and the number of ranks and threads "
        "does "
        "not change a bit. USR1 or TERM saves a checkpoint and ends with exit code 85; the same "
        "command goes on from there.",
    .examples = "the best factors of rank 5, and what they leave\ttrunnion factor A.npy --svd "
                "--rank 5 -o F.h5 --residual R.npy\n"
                "nonnegative factors of counts\ttrunnion factor X.h5 --nmf --rank 4 --steps 20 -o "
                "F.h5",
    .min_files = 1,
    .max_files = 1,
    .operands = TRN_OPERANDS(TRN_READS("X")),
    .saves = true,
    .blas = true,
    .params = params,
    .one_of = "svd nmf snmf",
    .steps = &(const trn_steps_t){.size = sizeof(job_t),
                                  .rows = true,
                                  .look = look,
                                  .plan = plan,
                                  .cost = cost,
                                  .work = work,
                                  .report = report,
                                  .free = job_free},
};
