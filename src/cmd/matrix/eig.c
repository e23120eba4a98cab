/* eig.c: the verb `eig`: eigenvalues and eigenvectors of a symmetric matrix. */
#include "algo/matrix/spectral/eig.h"

#include "algo/matrix/matrix_file_plan.h"
#include "algo/matrix/tall_file.h"
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

/* A matrix whose eigenvectors are wanted, and these. */
typedef struct job {
    trn_matrix_in_t a; /* first: the program looks at it */
    trn_eig_method_t method;
    trn_tall_file_t vectors; /* A, then they in its place */
    double *values;          /* [rows] ascending */
} job_t;

static trn_eig_method_t method_named(const char *name) {
    return strcmp(name, "local") == 0       ? TRN_EIG_LOCAL
           : strcmp(name, "scalapack") == 0 ? TRN_EIG_SCALAPACK
                                            : TRN_EIG_AUTO;
}

static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    const trn_matrix_info_t *info = &job->a.info;
    if (info->rows != info->cols)
        return trn_fail(TRN_INPUT, "%s: %lld x %lld is not symmetric; svd takes any matrix",
                        job->a.path, (long long)info->rows, (long long)info->cols);
    job->method = trn_eig_choose(method_named(trn_params_text(run->params, "method")), info->rows);
    return TRN_OK;
}

static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    int64_t n = job->a.info.rows, own = trn_tall_rows(n, ranks, rank) * n;
    trn_ledger_take(ledger, "work", n, sizeof(double));
    trn_matrix_load_plan(ledger, &job->a.info, TRN_MATRIX_F64, &job->a.bands, rank);
    trn_eig_plan(ledger, job->method, n, ranks, rank);
    trn_ledger_pass(ledger, "saving", trn_store_write_bytes((own + n) * (int64_t)sizeof(double)),
                    1);
}

/* Tridiagonal form, and the vectors back: 4/3 n^3 of it half as fast as a product. */
static void cost(const void *user, trn_cost_t *cost) {
    double n = (double)((const job_t *)user)->a.info.rows;
    *cost = (trn_cost_t){.flops = (2 * 4. / 3 + 2) * n * n * n, .file_bytes = 16 * n * n};
}

/* What rounding may do to a symmetric matrix on its way into a file, over the largest entry. */
static double tolerance_of(const trn_matrix_info_t *info) {
    return info->type == TRN_MATRIX_F32 ? 1e-5 : 1e-12;
}

static trn_status_t work(trn_run_t *run, void *user) {
    job_t *job = user;
    const trn_matrix_info_t *info = &job->a.info;
    TRN_AGREE(run->comm, trn_alloc(&job->values, info->rows, sizeof *job->values, "eigenvalues"));
    TRN_TRY(trn_tall_file_load(&job->vectors, run->comm, job->a.path, info));
    TRN_TRY(trn_eig_check(job->vectors.tall, tolerance_of(info), job->a.path));
    TRN_TRY(trn_eig(job->vectors.tall, job->values, &job->method));
    return trn_matrix_in_names(&job->a, run->comm);
}

static const char *name_of(trn_eig_method_t method) {
    return method == TRN_EIG_LOCAL ? "local" : "scalapack";
}

static trn_status_t declare(void *user, trn_store_t *store) {
    job_t *job = user;
    TRN_TRY(trn_store_dataset(store, "/values", TRN_F64, job->a.info.rows, 0));
    TRN_TRY(trn_tall_declare(store, "/vectors", job->vectors.tall));
    TRN_TRY(trn_matrix_in_declare(&job->a, store));
    return trn_store_set_text(store, "/", "method", name_of(job->method));
}

static trn_status_t write(const void *user, trn_store_t *store) {
    const job_t *job = user;
    trn_tall_t vectors = job->vectors.tall;
    TRN_TRY(trn_tall_write_whole(store, "/values", vectors.comm, vectors.rows, job->values));
    return trn_tall_write(store, "/vectors", vectors);
}

static trn_status_t report(trn_run_t *run, void *user) {
    const job_t *job = user;
    int64_t n = job->a.info.rows;
    return trn_run_note(run, json_pack("{s:I, s:s, s:f, s:f}", "rows", (json_int_t)n, "method",
                                       name_of(job->method), "smallest", n > 0 ? job->values[0] : 0,
                                       "largest", n > 0 ? job->values[n - 1] : 0));
}

static void job_free(void *user) {
    job_t *job = user;
    trn_tall_file_free(&job->vectors);
    trn_free(&job->values);
}

const trn_command_t trn_command_eig = {
    .name = "eig",
    .summary = "find all eigenvalues and eigenvectors of a symmetric matrix",
    .files = "A -o E.h5",
    .description =
        "A is dense or sparse, of any format; a(i, j) and a(j, i) may differ by rounding "
        "(1e-12 of the largest entry, 1e-5 in a float32 file), more is refused. E.h5 holds "
        "/values, ascending, and /vectors, float64: column j belongs to value j, has length 1, and "
        "its entry of largest size is positive. For a few values of a large matrix see svd.",
    .examples = "all eigenvectors of a symmetric matrix\ttrunnion eig S.npy -o E.h5\n"
                "how long it might take on 4 ranks\ttrunnion eig S.npy --dry-run --ranks 4",
    .min_files = 1,
    .max_files = 1,
    .operands = TRN_OPERANDS(TRN_READS("A")),
    .blas = true,
    .params = params,
    .steps = &(const trn_steps_t){.size = sizeof(job_t),
                                  .matrix = true,
                                  .look = look,
                                  .plan = plan,
                                  .cost = cost,
                                  .work = work,
                                  .kind = "eigen",
                                  .declare = declare,
                                  .write = write,
                                  .report = report,
                                  .free = job_free},
};
