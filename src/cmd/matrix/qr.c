/* qr.c: the verb `qr`: orthonormal columns and the triangle that makes a tall matrix of them. */
#include "algo/matrix/qr.h"

#include "algo/common/estimate.h"
#include "algo/matrix/matrix_file_plan.h"
#include "algo/matrix/tall_file.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/command.h"
#include "mpi/agree.h"

static const trn_param_t params[] = {{"output", 'o', TRN_PARAM_TEXT, .metavar = "F.h5",
                                      .help = "store to write", .required = true,
                                      .file = TRN_STORE_WRITTEN},
                                     {0}};

static const char *name_of(trn_qr_way_t way) {
    return way == TRN_QR_CHOLESKY ? "choleskyqr2" : "basis";
}

/* Local: the outcome goes to trn_store_commit. */
static trn_status_t write_all(trn_store_t *store, trn_tall_t q, const double *r) {
    TRN_TRY(trn_tall_write(store, "/q", q));
    return trn_tall_write_whole(store, "/r", q.comm, q.block.cols, r);
}

static trn_status_t declare(trn_store_t *store, trn_tall_t q, trn_qr_way_t way) {
    TRN_TRY(trn_tall_declare(store, "/q", q));
    TRN_TRY(trn_store_dataset(store, "/r", TRN_F64, q.block.cols, q.block.cols));
    TRN_TRY(trn_store_set_text(store, "/", "method", name_of(way)));
    return trn_store_begin(store);
}

static trn_status_t save(const trn_run_t *run, const char *output, trn_tall_t q, const double *r,
                         trn_qr_way_t way) {
    trn_store_t *store;
    json_t *given = trn_params_json(run->params);
    trn_status_t status = trn_store_create(&store, run->comm, output, "qr", run->command, given, 0);
    if (status == TRN_OK) {
        status = declare(store, q, way);
        if (status == TRN_OK) status = trn_store_commit_replace(&store, write_all(store, q, r));
        trn_store_abandon(&store);
    }
    json_decref(given);
    return status;
}

static void report(const trn_run_t *run, trn_tall_t q, const double *r, trn_qr_way_t way,
                   double start) {
    double low = 0, high = 0;
    for (int64_t i = 0, n = q.block.cols; i < n; i++) {
        double value = r[i * n + i];
        if (i == 0 || value < low) low = value;
        if (value > high) high = value;
    }
    json_t *result =
        json_pack("{s:I, s:I, s:s, s:f, s:f, s:f}", "rows", (json_int_t)q.rows, "cols",
                  (json_int_t)q.block.cols, "method", name_of(way), "smallest_diagonal", low,
                  "largest_diagonal", high, "seconds", trn_seconds() - start);
    json_object_update(run->result, result);
    json_decref(result);
}

/* What is factored, and how it is expected to be. */
typedef struct job {
    trn_run_t *run;
    const char *output;
    trn_matrix_info_t info;
    trn_dist_t *dist;
    trn_bands_t bands;
    trn_qr_way_t way;
} job_t;

/* What `factor` takes. */
static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    int64_t rows = job->info.rows, n = job->info.cols, own = trn_tall_rows(rows, ranks, rank) * n;
    trn_ledger_take(ledger, "work", n * n, sizeof(double));
    trn_matrix_load_plan(ledger, &job->info, TRN_MATRIX_F64, &job->bands, rank);
    trn_qr_plan(ledger, job->way, rows, n, ranks, rank);
    trn_ledger_pass(ledger, "saving",
                    trn_store_write_bytes((own + n * n) * (int64_t)sizeof(double)), 1);
}

/* Dependent columns show in the course of the work, and take more: say how much, in all. */
static trn_status_t explain(job_t *job, trn_status_t status) {
    int64_t limit = trn_params_size(job->run->params, "memory");
    job->way = TRN_QR_BASIS;
    int64_t bytes = trn_estimate_bytes(job->run->ranks, plan, job);
    if (status != TRN_MEMORY || limit == 0 || bytes <= limit) return status;
    return trn_fail(TRN_MEMORY,
                    "%s: columns are nearly dependent, which takes a copy of them: each of %d "
                    "ranks needs %lld bytes, the limit is %lld; raise --memory or use more ranks",
                    job->run->files[0], job->run->ranks, (long long)bytes, (long long)limit);
}

static trn_status_t factor(job_t *job) {
    trn_run_t *run = job->run;
    const trn_matrix_info_t *info = &job->info;
    double start = trn_seconds(), *r = NULL;
    trn_tall_file_t file = {0};
    trn_qr_way_t way;
    TRN_TRY(trn_store_place(run->comm, job->output));
    trn_status_t status =
        trn_agree(run->comm, trn_alloc(&r, info->cols * info->cols, sizeof *r, "an R"));
    TRN_OR(done, status);
    TRN_OR(done, trn_tall_file_load(&file, run->comm, run->files[0], info));
    TRN_OR(done, explain(job, trn_qr(file.tall, r, &way)));
    TRN_OR(done, save(run, job->output, file.tall, r, way));
    report(run, file.tall, r, way, start);
done:
    trn_tall_file_free(&file);
    trn_free(&r);
    return status;
}

/* A refusal names what is enough either way. */
static trn_status_t estimate(job_t *job, bool dry) {
    trn_run_t *run = job->run;
    job->way = TRN_QR_BASIS;
    int64_t dependent = trn_estimate_bytes(run->ranks, plan, job);
    job->way = TRN_QR_CHOLESKY;
    trn_status_t status = trn_estimate(run->ranks, dry, plan, job, run->result);
    json_object_set_new(json_object_get(run->result, "bytes_per_rank"), "if_dependent",
                        json_integer(dependent));
    return status == TRN_OK ? TRN_OK : trn_mem_expect(dependent, run->ranks);
}

/* Look at A and say what QR takes: usually, and where columns turn out to be dependent. */
static trn_status_t prepare(job_t *job) {
    trn_run_t *run = job->run;
    const char *path = run->files[0];
    TRN_TRY(trn_matrix_file_probe(run->comm, path, &job->info));
    if (job->info.rows < job->info.cols || job->info.cols > TRN_QR_MOST)
        return trn_fail(TRN_USAGE,
                        "%s: %lld x %lld; qr wants at least as many rows as columns, and at most "
                        "%d columns",
                        path, (long long)job->info.rows, (long long)job->info.cols,
                        (int)TRN_QR_MOST);
    TRN_AGREE(run->comm, trn_tall_dist(&job->dist, run->comm, job->info.rows, job->info.cols));
    TRN_TRY(trn_bands_of(&job->bands, run->comm, path, &job->info, job->dist));
    return estimate(job, trn_params_bool(run->params, "dry-run"));
}

static trn_status_t run_qr(trn_run_t *run) {
    job_t job = {.run = run, .output = trn_params_text(run->params, "output")};
    trn_status_t status = prepare(&job);
    if (status == TRN_OK && !trn_params_bool(run->params, "dry-run")) status = factor(&job);
    trn_bands_free(&job.bands);
    trn_dist_destroy(&job.dist);
    return status;
}

const trn_command_t trn_command_qr = {
    .name = "qr",
    .summary = "factor a tall matrix into orthonormal columns and a triangle",
    .files = "A -o F.h5",
    .description =
        "A is dense or sparse: .h5, .npy or .mtx, with at least as many rows as columns. F.h5 "
        "holds /q and /r, float64; the diagonal of /r is not negative. A rank-deficient matrix has "
        "zeros (to rounding) there, and the columns of /q are orthonormal all the same. The number "
        "of ranks does not change a bit.",
    .min_files = 1,
    .max_files = 1,
    .operands = TRN_OPERANDS(TRN_READS("A")),
    .blas = true,
    .params = params,
    .run = run_qr,
};
