/* svd.c: the verb `svd`: the largest singular values of a matrix, or its principal components. */
#include "algo/matrix/svd.h"

#include "algo/common/estimate.h"
#include "algo/matrix/matrix_file_plan.h"
#include "algo/matrix/tall_file.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
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

/* The matrix as it was loaded, and what came of it. Start with {0}. */
typedef struct work {
    trn_matrix_info_t info;
    trn_svd_options_t options;
    bool sparse; /* kept so: the Gram method wants zeros filled in */
    trn_tall_file_t dense;
    trn_dist_t *dist;
    trn_bands_t bands;
    trn_sparse_t *band;
    trn_svd_t svd;
} work_t;

static void work_free(work_t *work) {
    trn_svd_free(&work->svd);
    trn_sparse_destroy(&work->band);
    trn_dist_destroy(&work->dist);
    trn_bands_free(&work->bands);
    trn_tall_file_free(&work->dense);
}

static trn_svd_method_t method_named(const char *name) {
    return strcmp(name, "gram") == 0     ? TRN_SVD_GRAM
           : strcmp(name, "krylov") == 0 ? TRN_SVD_KRYLOV
                                         : TRN_SVD_AUTO;
}

static const char *name_of(trn_svd_method_t method) {
    return method == TRN_SVD_GRAM ? "gram" : "krylov";
}

/* As many values as were asked for, or by default up to ten of those that there are. */
static trn_status_t count_values(const trn_run_t *run, work_t *work) {
    const trn_matrix_info_t *info = &work->info;
    int64_t side = info->rows < info->cols ? info->rows : info->cols;
    char has[256];
    snprintf(has, sizeof has, "%.180s is %lld x %lld", run->files[0], (long long)info->rows,
             (long long)info->cols);
    if (side == 0) return trn_fail(TRN_INPUT, "%s: an empty matrix has no singular values", has);
    return trn_params_at_most(run->params, "rank", side, has, &work->options.rank);
}

/* Look at the file and choose. Collective. */
static trn_status_t choose(const trn_run_t *run, work_t *work) {
    trn_svd_options_t *options = &work->options;
    const char *path = run->files[0];
    TRN_TRY(trn_matrix_file_probe(run->comm, path, &work->info));
    const trn_matrix_info_t *info = &work->info;
    options->method = trn_svd_choose(method_named(trn_params_text(run->params, "method")),
                                     info->rows, info->cols, info->sparse);
    options->center = trn_params_bool(run->params, "center");
    options->stop = (trn_svd_stop_t){trn_params_real(run->params, "tolerance"),
                                     trn_params_int(run->params, "max-steps")};
    options->name = path;
    work->sparse = info->sparse && options->method == TRN_SVD_KRYLOV;
    if (options->method == TRN_SVD_GRAM)
        TRN_TRY(trn_params_idle(run->params, "tolerance max-steps",
                                "on the Gram method, which auto takes here"));
    TRN_TRY(count_values(run, work));
    TRN_AGREE(run->comm, trn_tall_dist(&work->dist, run->comm, info->rows, info->cols));
    return trn_bands_of(&work->bands, run->comm, path, info, work->dist);
}

/* What a rank has of the matrix, and of its transpose if that has to be made: of a square one as
 * much as of the matrix where that is more than an even share. */
static trn_operator_size_t size_of(const work_t *work, int ranks, int rank) {
    const trn_matrix_info_t *info = &work->info;
    trn_operator_size_t size = {info->rows, info->cols, work->sparse, work->options.center, 0, 0};
    if (!work->sparse) return size;
    int64_t all = 0, share = trn_tall_rows(info->cols, ranks, rank);
    for (int r = 0; r < ranks; r++)
        all += work->bands.entries[r];
    size.entries = work->bands.entries[rank];
    size.back = (int64_t)((double)all * (double)share / (double)info->cols);
    if (ranks > 1) size.back += size.back / 32;
    if (info->rows == info->cols && size.entries > size.back) size.back = size.entries;
    return size;
}

/* What `load`, `decompose` and `save` take. */
static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const work_t *work = user;
    const trn_matrix_info_t *info = &work->info;
    trn_operator_size_t size = size_of(work, ranks, rank);
    int64_t k = work->options.rank;
    int64_t vectors =
        (trn_tall_rows(info->rows, ranks, rank) + trn_tall_rows(info->cols, ranks, rank)) * k;
    if (work->sparse)
        trn_sparse_load_plan(ledger, info, TRN_SPARSE_F64, &work->bands, rank);
    else
        trn_matrix_load_plan(ledger, info, TRN_MATRIX_F64, &work->bands, rank);
    trn_svd_plan(ledger, work->options.method, &size, k, ranks, rank);
    trn_ledger_t before = {0};
    trn_ledger_back(ledger, &before);
    trn_ledger_take(ledger, "vectors", vectors, sizeof(double));
    trn_ledger_take(ledger, "saving", trn_store_write_bytes(vectors * (int64_t)sizeof(double)), 1);
}

/* Collective. */
static trn_status_t load(const trn_run_t *run, work_t *work) {
    const trn_matrix_info_t *info = &work->info;
    const char *path = run->files[0];
    if (!work->sparse) return trn_tall_file_load(&work->dense, run->comm, path, info);
    return trn_sparse_file_load(run->comm, path, info, TRN_SPARSE_F64, work->dist, &work->band);
}

static trn_status_t decompose(const trn_run_t *run, work_t *work) {
    trn_svd_matrix_t matrix = {run->comm, work->info.rows, work->info.cols, work->dense.tall,
                               work->band};
    trn_status_t status = trn_svd(&work->svd, matrix, &work->options);
    trn_sparse_destroy(&work->band); /* writing takes memory, too */
    trn_tall_file_free(&work->dense);
    return status;
}

static trn_status_t declare(trn_store_t *store, const work_t *work) {
    const trn_svd_t *svd = &work->svd;
    TRN_TRY(trn_tall_declare(store, "/u", svd->u));
    TRN_TRY(trn_store_dataset(store, "/singular_values", TRN_F64, svd->rank, 0));
    TRN_TRY(trn_tall_declare(store, "/v", svd->v));
    if (work->options.center)
        TRN_TRY(trn_store_dataset(store, "/mean", TRN_F64, work->info.cols, 0));
    TRN_TRY(trn_store_set_text(store, "/", "method", name_of(work->options.method)));
    TRN_TRY(trn_store_set_int(store, "/", "steps", svd->steps));
    TRN_TRY(trn_store_set_real(store, "/", "residual", svd->residual));
    return trn_store_begin(store);
}

/* Local: the outcome goes to trn_store_commit. */
static trn_status_t write_all(trn_store_t *store, MPI_Comm comm, const work_t *work) {
    const trn_svd_t *svd = &work->svd;
    TRN_TRY(trn_tall_write(store, "/u", svd->u));
    TRN_TRY(trn_tall_write_whole(store, "/singular_values", comm, svd->rank, svd->values));
    TRN_TRY(trn_tall_write(store, "/v", svd->v));
    return work->options.center ? trn_tall_write(store, "/mean", svd->mean) : TRN_OK;
}

static trn_status_t save(const trn_run_t *run, const char *output, const work_t *work) {
    trn_store_t *store;
    json_t *given = trn_params_json(run->params);
    trn_status_t status =
        trn_store_create(&store, run->comm, output, "svd", run->command, given, 0);
    if (status == TRN_OK) {
        status = declare(store, work);
        if (status == TRN_OK)
            status = trn_store_commit_replace(&store, write_all(store, run->comm, work));
        trn_store_abandon(&store);
    }
    json_decref(given);
    return status;
}

/* Collective. */
static void report(const trn_run_t *run, const work_t *work, double start) {
    const trn_svd_t *svd = &work->svd;
    const trn_matrix_info_t *info = &work->info;
    json_t *values = json_array(), *result;
    for (int64_t i = 0; i < svd->rank; i++)
        json_array_append_new(values, json_real(svd->values[i]));
    result =
        json_pack("{s:I, s:I, s:I, s:s, s:I, s:I, s:f, s:f, s:I, s:o}", "rows",
                  (json_int_t)info->rows, "cols", (json_int_t)info->cols, "entries",
                  (json_int_t)info->entries, "method", name_of(work->options.method), "steps",
                  (json_int_t)svd->steps, "basis", (json_int_t)svd->basis, "residual",
                  svd->residual, "seconds", trn_seconds() - start, "matrix_bytes",
                  (json_int_t)(work->sparse ? 12 * info->entries : 8 * info->rows * info->cols),
                  "singular_values", values);
    json_object_update(run->result, result);
    json_decref(result);
}

static trn_status_t run_svd(trn_run_t *run) {
    const char *output = trn_params_text(run->params, "output");
    double start = trn_seconds();
    work_t work = {0};
    bool dry = trn_params_bool(run->params, "dry-run");
    trn_status_t status = choose(run, &work);
    if (status == TRN_OK) status = trn_estimate(run->ranks, dry, plan, &work, run->result);
    if (status == TRN_OK && !dry) status = trn_store_place(run->comm, output);
    if (status == TRN_OK && !dry) status = load(run, &work);
    if (status == TRN_OK && !dry) status = decompose(run, &work);
    if (status == TRN_OK && !dry) status = save(run, output, &work);
    if (status == TRN_OK && !dry) report(run, &work, start);
    work_free(&work);
    return status;
}

const trn_command_t trn_command_svd = {
    .name = "svd",
    .summary = "find the largest singular values of a matrix and their vectors (PCA with --center)",
    .files = "A -o S.h5",
    .description =
        "A is dense or sparse: .h5, .npy or .mtx. S.h5 holds /u, /singular_values and /v, and "
        "/mean with --center, all float64; the entry of largest size in each column of /v is "
        "positive. Any matrix of finite numbers will do, rank-deficient ones (vectors of values "
        "that "
        "are 0 come out orthonormal, too) and numbers down to 1e-320 or up to 1e308. The number of "
        "ranks does not change a bit. Values below 1e-6 of the largest, of which both methods see "
        "only squares, are found by a second search beside the others; the Krylov method stops "
        "when the residuals of all wanted vectors are below the tolerance.",
    .min_files = 1,
    .max_files = 1,
    .operands = TRN_OPERANDS(TRN_READS("A")),
    .blas = true,
    .params = params,
    .run = run_svd,
};
