/* eig.c: the verb `eig`: eigenvalues and eigenvectors of a symmetric matrix. */
#include "algo/matrix/eig.h"

#include "algo/common/estimate.h"
#include "algo/matrix/matrix_file_plan.h"
#include "algo/matrix/tall_file.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/command.h"
#include "mpi/agree.h"

#include <string.h>

static const trn_param_t params[] = {
    {"output", 'o', TRN_PARAM_TEXT, .metavar = "E.h5", .help = "store to write", .required = true,
     .file = TRN_STORE_WRITTEN},
    {"method", 0, TRN_PARAM_CHOICE, "auto", .choices = "auto|local|scalapack",
     .help = "local: one rank works, and the number of ranks does not change a bit; scalapack: all "
             "work, and it does; auto: local up to 2048 rows"},
    {0}};

static const char *name_of(trn_eig_method_t method) {
    return method == TRN_EIG_LOCAL ? "local" : "scalapack";
}

/* Local: the outcome goes to trn_store_commit. */
static trn_status_t write_all(trn_store_t *store, trn_tall_t vectors, const double *values) {
    TRN_TRY(trn_tall_write_whole(store, "/values", vectors.comm, vectors.rows, values));
    return trn_tall_write(store, "/vectors", vectors);
}

static trn_status_t declare(trn_store_t *store, trn_tall_t vectors, trn_eig_method_t method) {
    TRN_TRY(trn_store_dataset(store, "/values", TRN_F64, vectors.rows, 0));
    TRN_TRY(trn_tall_declare(store, "/vectors", vectors));
    TRN_TRY(trn_store_set_text(store, "/", "method", name_of(method)));
    return trn_store_begin(store);
}

static trn_status_t save(const trn_run_t *run, const char *output, trn_tall_t vectors,
                         const double *values, trn_eig_method_t method) {
    trn_store_t *store;
    json_t *given = trn_params_json(run->params);
    trn_status_t status =
        trn_store_create(&store, run->comm, output, "eigen", run->command, given, 0);
    if (status == TRN_OK) {
        status = declare(store, vectors, method);
        if (status == TRN_OK)
            status = trn_store_commit_replace(&store, write_all(store, vectors, values));
        trn_store_abandon(&store);
    }
    json_decref(given);
    return status;
}

static void report(const trn_run_t *run, int64_t n, const double *values, trn_eig_method_t method,
                   double start) {
    json_t *result = json_pack("{s:I, s:s, s:f, s:f, s:f}", "rows", (json_int_t)n, "method",
                               name_of(method), "smallest", n > 0 ? values[0] : 0, "largest",
                               n > 0 ? values[n - 1] : 0, "seconds", trn_seconds() - start);
    json_object_update(run->result, result);
    json_decref(result);
}

static trn_eig_method_t method_of(const trn_run_t *run) {
    const char *name = trn_params_text(run->params, "method");
    return strcmp(name, "local") == 0       ? TRN_EIG_LOCAL
           : strcmp(name, "scalapack") == 0 ? TRN_EIG_SCALAPACK
                                            : TRN_EIG_AUTO;
}

/* A matrix whose eigenvectors are wanted. */
typedef struct job {
    trn_run_t *run;
    const char *output;
    trn_matrix_info_t info;
    trn_dist_t *dist;
    trn_bands_t bands;
} job_t;

/* What `solve` takes. */
static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    int64_t n = job->info.rows, own = trn_tall_rows(n, ranks, rank) * n;
    trn_ledger_take(ledger, "work", n, sizeof(double));
    trn_matrix_load_plan(ledger, &job->info, TRN_MATRIX_F64, &job->bands, rank);
    trn_eig_plan(ledger, trn_eig_choose(method_of(job->run), n), n, ranks, rank);
    trn_ledger_pass(ledger, "saving", trn_store_write_bytes((own + n) * (int64_t)sizeof(double)),
                    1);
}

/* What rounding may do to a symmetric matrix on its way into a file, over the largest entry. */
static double tolerance_of(const trn_matrix_info_t *info) {
    return info->type == TRN_MATRIX_F32 ? 1e-5 : 1e-12;
}

static trn_status_t solve(const job_t *job) {
    trn_run_t *run = job->run;
    double start = trn_seconds(), *values = NULL;
    int64_t n = job->info.rows;
    const char *path = run->files[0];
    trn_eig_method_t method = method_of(run);
    trn_tall_file_t file = {0};
    TRN_TRY(trn_store_place(run->comm, job->output));
    trn_status_t status =
        trn_agree(run->comm, trn_alloc(&values, n, sizeof *values, "eigenvalues"));
    TRN_OR(done, status);
    TRN_OR(done, trn_tall_file_load(&file, run->comm, path, &job->info));
    TRN_OR(done, trn_eig_check(file.tall, tolerance_of(&job->info), path));
    TRN_OR(done, trn_eig(file.tall, values, &method));
    TRN_OR(done, save(run, job->output, file.tall, values, method));
    report(run, n, values, method, start);
done:
    trn_tall_file_free(&file);
    trn_free(&values);
    return status;
}

/* Look at A and say what it takes. Collective. */
static trn_status_t prepare(job_t *job) {
    trn_run_t *run = job->run;
    const char *path = run->files[0];
    TRN_TRY(trn_matrix_file_probe(run->comm, path, &job->info));
    const trn_matrix_info_t *info = &job->info;
    if (info->rows != info->cols)
        return trn_fail(TRN_INPUT, "%s: %lld x %lld is not symmetric; svd takes any matrix", path,
                        (long long)info->rows, (long long)info->cols);
    TRN_AGREE(run->comm, trn_tall_dist(&job->dist, run->comm, info->rows, info->cols));
    TRN_TRY(trn_bands_of(&job->bands, run->comm, path, info, job->dist));
    return trn_estimate(run->ranks, trn_params_bool(run->params, "dry-run"), plan, job,
                        run->result);
}

static trn_status_t run_eig(trn_run_t *run) {
    job_t job = {.run = run, .output = trn_params_text(run->params, "output")};
    trn_status_t status = prepare(&job);
    if (status == TRN_OK && !trn_params_bool(run->params, "dry-run")) status = solve(&job);
    trn_bands_free(&job.bands);
    trn_dist_destroy(&job.dist);
    return status;
}

const trn_command_t trn_command_eig = {
    .name = "eig",
    .summary = "find all eigenvalues and eigenvectors of a symmetric matrix",
    .files = "A -o E.h5",
    .description =
        "A is dense or sparse: .h5, .npy or .mtx; a(i, j) and a(j, i) may differ by rounding "
        "(1e-12 of the largest entry, 1e-5 in a float32 file), more is refused. E.h5 holds "
        "/values, ascending, and /vectors, float64: column j belongs to value j, has length 1, and "
        "its entry of largest size is positive. For a few values of a large matrix see svd.",
    .min_files = 1,
    .max_files = 1,
    .operands = TRN_OPERANDS(TRN_READS("A")),
    .blas = true,
    .params = params,
    .run = run_eig,
};
