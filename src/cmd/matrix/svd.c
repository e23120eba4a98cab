/* svd.c: the verb `svd`: the largest singular values of a matrix, or its principal components. */
#include "algo/matrix/spectral/svd.h"

#include "algo/matrix/tall_file.h"
#include "algo/matrix/tall_in.h"
#include "cli/command.h"
#include "mpi/agree.h"

#include <string.h>

static const trn_param_t params[] = {
    {"output", 'o', TRN_PARAM_TEXT, .metavar = "S.h5", .required = true, .file = TRN_STORE_WRITTEN,
     .help = "store to write"},
    {"rank", 'k', TRN_PARAM_INT, "10", 1, 1e9,
     .help = "how many singular values; by default fewer where the matrix has fewer"},
    {"center", 0, TRN_PARAM_BOOL, "false",
     .help = "take the mean off every column first: principal component analysis"},
    {"method", 0, TRN_PARAM_CHOICE, "auto", .choices = "auto|gram|krylov",
     .help = "gram: eigenvectors of the Gram matrix of the shorter side, at most 4096; krylov: for "
             "all others; auto: gram for dense matrices with a side that short"},
    {"tolerance", 0, TRN_PARAM_REAL, "1e-9", 1e-14, 1, .needs = "method=auto|krylov",
     .help = "krylov: largest residual |A' u - s v| of a wanted vector, over the largest value"},
    {"max-steps", 0, TRN_PARAM_INT, "1000", 1, 1e9, .needs = "method=auto|krylov",
     .help = "krylov: give up after so many blocks"},
    {0}};

/* The matrix as it was loaded, and what came of it. */
typedef struct job {
    trn_tall_in_t a; /* first: the program looks at it */
    trn_svd_options_t options;
    bool sparse; /* kept so: the Gram method wants zeros filled in */
    trn_svd_t svd;
} job_t;

static trn_svd_method_t method_named(const char *name) {
    return strcmp(name, "gram") == 0     ? TRN_SVD_GRAM
           : strcmp(name, "krylov") == 0 ? TRN_SVD_KRYLOV
                                         : TRN_SVD_AUTO;
}

static const char *name_of(trn_svd_method_t method) {
    return method == TRN_SVD_GRAM ? "gram" : "krylov";
}

/* As many values as were asked for, or by default up to ten of those that there are. */
static trn_status_t count_values(const trn_run_t *run, job_t *job) {
    const trn_matrix_info_t *info = &job->a.in.info;
    int64_t side = info->rows < info->cols ? info->rows : info->cols;
    char has[256];
    snprintf(has, sizeof has, "%.180s is %lld x %lld", job->a.in.path, (long long)info->rows,
             (long long)info->cols);
    if (side == 0) return trn_fail(TRN_INPUT, "%s: an empty matrix has no singular values", has);
    return trn_params_at_most(run->params, "rank", side, has, &job->options.rank);
}

static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    trn_svd_options_t *options = &job->options;
    const trn_matrix_info_t *info = &job->a.in.info;
    options->method = trn_svd_choose(method_named(trn_params_text(run->params, "method")),
                                     info->rows, info->cols, info->sparse);
    options->center = trn_params_bool(run->params, "center");
    options->stop = (trn_svd_stop_t){trn_params_real(run->params, "tolerance"),
                                     trn_params_int(run->params, "max-steps")};
    options->name = job->a.in.path;
    job->a.spared = true; /* trn_svd names them */
    job->sparse = info->sparse && options->method == TRN_SVD_KRYLOV;
    if (options->method == TRN_SVD_GRAM)
        TRN_TRY(trn_params_idle(run->params, "tolerance max-steps",
                                "on the Gram method, which auto takes here"));
    return count_values(run, job);
}

/* What a rank has of the matrix, and of its transpose if that has to be made: of a square one as
 * much as of the matrix where that is more than an even share. */
static trn_operator_size_t size_of(const job_t *job, int ranks, int rank) {
    const trn_matrix_info_t *info = &job->a.in.info;
    trn_operator_size_t size = {info->rows, info->cols, job->sparse, job->options.center, 0, 0};
    if (!job->sparse) return size;
    int64_t all = 0, share = trn_tall_rows(info->cols, ranks, rank);
    for (int r = 0; r < ranks; r++)
        all += job->a.in.bands.entries[r];
    size.entries = job->a.in.bands.entries[rank];
    size.back = (int64_t)((double)all * (double)share / (double)info->cols);
    if (ranks > 1) size.back += size.back / 32;
    if (info->rows == info->cols && size.entries > size.back) size.back = size.entries;
    return size;
}

/* It stays in its file, for memory does not hold it, and passes by a dozen times. */
static bool streams(const job_t *job) {
    return job->a.streams && job->a.in.info.rows >= job->a.in.info.cols;
}

static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    const trn_matrix_info_t *info = &job->a.in.info;
    trn_operator_size_t size = size_of(job, ranks, rank);
    int64_t k = job->options.rank;
    int64_t vectors =
        (trn_tall_rows(info->rows, ranks, rank) + trn_tall_rows(info->cols, ranks, rank)) * k;
    if (streams(job))
        trn_tall_in_plan(ledger, &job->a, true, ranks, rank);
    else if (job->sparse)
        trn_sparse_load_plan(ledger, info, TRN_SPARSE_F64, &job->a.in.bands, rank);
    else
        trn_matrix_load_plan(ledger, info, TRN_MATRIX_F64, &job->a.in.bands, rank);
    trn_svd_plan(ledger, job->options.method, &size, k, ranks, rank);
    trn_ledger_t before = {0};
    trn_ledger_back(ledger, &before);
    trn_ledger_take(ledger, "vectors", vectors, sizeof(double));
    trn_ledger_take(ledger, "saving", trn_store_write_bytes(vectors * (int64_t)sizeof(double)), 1);
}

/* Gram: the matrix of the short side, its eigenvectors, four products with the vectors. Krylov:
 * products with three times as many vectors as are wanted, some ten times. */
static void cost(const void *user, trn_cost_t *cost) {
    const job_t *job = user;
    const trn_matrix_info_t *info = &job->a.in.info;
    double entries = (double)info->entries, k = (double)job->options.rank;
    double n = (double)(info->rows < info->cols ? info->rows : info->cols);
    if (job->options.method == TRN_SVD_GRAM)
        cost->flops = entries * (n + 8 * k) + 5 * n * n * n;
    else if (job->sparse)
        cost->bytes = 10 * 2 * entries * (12 + 8 * 3 * k);
    else
        cost->flops = 10 * 4 * entries * 3 * k;
    cost->file_bytes = 8 * (entries + (double)(info->rows + info->cols) * k);
}

/* Collective. */
static trn_status_t load(const trn_run_t *run, job_t *job, trn_tall_file_t *dense,
                         trn_sparse_t **sparse) {
    const trn_matrix_info_t *info = &job->a.in.info;
    const char *path = job->a.in.path;
    trn_dist_t *dist = NULL;
    if (streams(job)) {
        TRN_TRY(trn_tall_in_open(&job->a, run->comm, true));
        dense->tall = job->a.tall;
        return TRN_OK;
    }
    if (!job->sparse) return trn_tall_file_load(dense, run->comm, path, info);
    trn_status_t status =
        trn_agree(run->comm, trn_tall_dist(&dist, run->comm, info->rows, info->cols));
    if (status == TRN_OK)
        status = trn_sparse_file_load(run->comm, path, info, TRN_SPARSE_F64, dist, sparse);
    trn_dist_destroy(&dist);
    return status;
}

/* Memory of the matrix goes before anything is written, for that takes memory, too. */
static trn_status_t work(trn_run_t *run, void *user) {
    job_t *job = user;
    trn_svd_matrix_t matrix = {
        .comm = run->comm, .rows = job->a.in.info.rows, .cols = job->a.in.info.cols};
    trn_tall_file_t dense = {0};
    trn_status_t status = load(run, job, &dense, &matrix.sparse);
    if (status == TRN_OK) {
        matrix.dense = dense.tall;
        status = trn_tall_in_outcome(&job->a, trn_svd(&job->svd, matrix, &job->options));
    }
    trn_tall_in_close(&job->a);
    trn_sparse_destroy(&matrix.sparse);
    trn_tall_file_free(&dense);
    return status == TRN_OK ? trn_matrix_in_names(&job->a.in, run->comm) : status;
}

static trn_status_t declare(void *user, trn_store_t *store) {
    job_t *job = user;
    const trn_svd_t *svd = &job->svd;
    TRN_TRY(trn_tall_declare(store, "/u", svd->u));
    TRN_TRY(trn_store_dataset(store, "/singular_values", TRN_F64, svd->rank, 0));
    TRN_TRY(trn_tall_declare(store, "/v", svd->v));
    if (job->options.center)
        TRN_TRY(trn_store_dataset(store, "/mean", TRN_F64, job->a.in.info.cols, 0));
    TRN_TRY(trn_matrix_in_declare(&job->a.in, store)); /* of the rows of /u */
    TRN_TRY(trn_store_set_text(store, "/", "method", name_of(job->options.method)));
    TRN_TRY(trn_store_set_int(store, "/", "steps", svd->steps));
    return trn_store_set_real(store, "/", "residual", svd->residual);
}

static trn_status_t write(const void *user, trn_store_t *store) {
    const job_t *job = user;
    const trn_svd_t *svd = &job->svd;
    TRN_TRY(trn_tall_write(store, "/u", svd->u));
    TRN_TRY(trn_tall_write_whole(store, "/singular_values", svd->u.comm, svd->rank, svd->values));
    TRN_TRY(trn_tall_write(store, "/v", svd->v));
    return job->options.center ? trn_tall_write(store, "/mean", svd->mean) : TRN_OK;
}

/* Of principal components the shares of the variance. */
static trn_status_t report_shares(trn_run_t *run, const trn_svd_t *svd) {
    json_t *shares = json_array();
    double all = 0;
    for (int64_t i = 0; i < svd->rank; i++) {
        double root = svd->spread > 0 ? svd->values[i] / svd->spread : 0;
        json_array_append_new(shares, json_real(root * root));
        all += root * root;
    }
    return trn_run_note(
        run, json_pack("{s:f, s:o}", "explained_total", all < 1 ? all : 1, "explained", shares));
}

static trn_status_t report(trn_run_t *run, void *user) {
    const job_t *job = user;
    const trn_svd_t *svd = &job->svd;
    const trn_matrix_info_t *info = &job->a.in.info;
    int64_t bytes = job->sparse ? 12 * info->entries : 8 * info->rows * info->cols;
    json_t *values = json_array();
    for (int64_t i = 0; i < svd->rank; i++)
        json_array_append_new(values, json_real(svd->values[i]));
    TRN_TRY(
        trn_run_note(run, json_pack("{s:I, s:I, s:I, s:s, s:I, s:I, s:f, s:I, s:o}", "rows",
                                    (json_int_t)info->rows, "cols", (json_int_t)info->cols,
                                    "entries", (json_int_t)info->entries, "method",
                                    name_of(job->options.method), "steps", (json_int_t)svd->steps,
                                    "basis", (json_int_t)svd->basis, "residual", svd->residual,
                                    "matrix_bytes", (json_int_t)bytes, "singular_values", values)));
    return job->options.center ? report_shares(run, svd) : TRN_OK;
}

static void job_free(void *user) {
    job_t *job = user;
    trn_svd_free(&job->svd);
}

const trn_command_t trn_command_svd = {
    .name = "svd",
    .summary = "find the largest singular values of a matrix and their vectors (PCA with --center)",
    .files = "A -o S.h5",
    .description =
        "A is dense or sparse, of any format. S.h5 holds /u, /singular_values and /v, and "
        "/mean with --center, all float64; the entry of largest size in each column of /v is "
        "positive. Any matrix of finite numbers will do, rank-deficient ones (vectors of values "
        "that "
        "are 0 come out orthonormal, too) and numbers down to 1e-320 or up to 1e308. The number of "
        "ranks does not change a bit. Values below 1e-6 of the largest, of which both methods see "
        "only squares, are found by a second search beside the others; the Krylov method stops "
        "when the residuals of all wanted vectors are below the tolerance.",
    .examples = "principal components\ttrunnion svd A.npy --center --rank 5 -o S.h5\n"
                "the largest values of sparse counts\ttrunnion svd X.h5 --rank 8 -o S.h5",
    .min_files = 1,
    .max_files = 1,
    .operands = TRN_OPERANDS(TRN_READS("A")),
    .blas = true,
    .params = params,
    .steps = &(const trn_steps_t){.size = sizeof(job_t),
                                  .rows = true,
                                  .look = look,
                                  .plan = plan,
                                  .cost = cost,
                                  .work = work,
                                  .kind = "svd",
                                  .declare = declare,
                                  .write = write,
                                  .report = report,
                                  .free = job_free},
};
