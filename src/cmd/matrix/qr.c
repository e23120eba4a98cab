/* qr.c: the verb `qr`: orthonormal columns and the triangle that makes a tall matrix of them. */
#include "algo/matrix/spectral/qr.h"

#include "algo/matrix/matrix_file_plan.h"
#include "algo/matrix/tall_file.h"
#include "base/mem.h"
#include "cli/command.h"
#include "mpi/agree.h"

static const trn_param_t params[] = {{"output", 'o', TRN_PARAM_TEXT, .metavar = "F.h5",
                                      .help = "store to write", .required = true,
                                      .file = TRN_STORE_WRITTEN},
                                     {0}};

/* What is factored, and how it is expected to be, then was. */
typedef struct job {
    trn_matrix_in_t a; /* first: the program looks at it */
    trn_tall_file_t q; /* A, then Q in its place */
    double *r;         /* [cols x cols] */
    trn_qr_way_t way;
} job_t;

static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    (void)run;
    const trn_matrix_info_t *info = &job->a.info;
    if (info->rows >= info->cols && info->cols <= TRN_QR_MOST) return TRN_OK;
    return trn_fail(TRN_USAGE,
                    "%s: %lld x %lld; qr wants at least as many rows as columns, and at most "
                    "%d columns",
                    job->a.path, (long long)info->rows, (long long)info->cols, (int)TRN_QR_MOST);
}

static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    const trn_matrix_info_t *info = &job->a.info;
    int64_t rows = info->rows, n = info->cols, own = trn_tall_rows(rows, ranks, rank) * n;
    trn_ledger_take(ledger, "work", n * n, sizeof(double));
    trn_matrix_load_plan(ledger, info, TRN_MATRIX_F64, &job->a.bands, rank);
    trn_qr_plan(ledger, job->way, rows, n, ranks, rank);
    trn_ledger_pass(ledger, "saving",
                    trn_store_write_bytes((own + n * n) * (int64_t)sizeof(double)), 1);
}

/* Planned for the usual way; where not even that fits, for dependent columns, so that the number
 * named does either way. */
static trn_status_t cut(trn_run_t *run, void *user, int ranks) {
    job_t *job = user;
    int64_t limit = trn_params_size(run->params, "memory");
    job->way = TRN_QR_BASIS;
    int64_t dependent = trn_estimate_bytes(ranks, plan, job);
    job->way = TRN_QR_CHOLESKY;
    if (limit > 0 && trn_estimate_bytes(ranks, plan, job) > limit) job->way = TRN_QR_BASIS;
    json_object_set_new(run->result, "bytes_if_dependent", json_integer(dependent));
    return TRN_OK;
}

/* CholeskyQR2: two Gram matrices and two triangular solves. */
static void cost(const void *user, trn_cost_t *cost) {
    const trn_matrix_info_t *info = &((const job_t *)user)->a.info;
    double rows = (double)info->rows, n = (double)info->cols;
    *cost = (trn_cost_t){.flops = 4 * rows * n * n, .file_bytes = 16 * rows * n};
}

/* Dependent columns show in the course of the work, and take more: say how much, in all. */
static trn_status_t explain(const trn_run_t *run, const job_t *job, trn_status_t status) {
    job_t dependent = *job;
    dependent.way = TRN_QR_BASIS;
    int64_t limit = trn_params_size(run->params, "memory");
    int64_t bytes = trn_estimate_bytes(run->ranks, plan, &dependent);
    if (status != TRN_MEMORY || limit == 0 || bytes <= limit) return status;
    return trn_fail(TRN_MEMORY,
                    "%s: columns are nearly dependent, which takes a copy of them: each of %d "
                    "ranks needs %lld bytes, the limit is %lld; raise --memory or use more ranks",
                    job->a.path, run->ranks, (long long)bytes, (long long)limit);
}

static trn_status_t work(trn_run_t *run, void *user) {
    job_t *job = user;
    int64_t n = job->a.info.cols;
    TRN_AGREE(run->comm, trn_alloc(&job->r, n * n, sizeof *job->r, "an R"));
    TRN_TRY(trn_tall_file_load(&job->q, run->comm, job->a.path, &job->a.info));
    TRN_TRY(explain(run, job, trn_qr(job->q.tall, job->r, &job->way)));
    return trn_matrix_in_names(&job->a, run->comm);
}

static const char *name_of(trn_qr_way_t way) {
    return way == TRN_QR_CHOLESKY ? "choleskyqr2" : "basis";
}

static trn_status_t declare(void *user, trn_store_t *store) {
    job_t *job = user;
    int64_t n = job->a.info.cols;
    TRN_TRY(trn_tall_declare(store, "/q", job->q.tall));
    TRN_TRY(trn_store_dataset(store, "/r", TRN_F64, n, n));
    TRN_TRY(trn_matrix_in_declare(&job->a, store));
    return trn_store_set_text(store, "/", "method", name_of(job->way));
}

static trn_status_t write(const void *user, trn_store_t *store) {
    const job_t *job = user;
    TRN_TRY(trn_tall_write(store, "/q", job->q.tall));
    return trn_tall_write_whole(store, "/r", job->q.tall.comm, job->a.info.cols, job->r);
}

static trn_status_t report(trn_run_t *run, void *user) {
    const job_t *job = user;
    double low = 0, high = 0;
    for (int64_t i = 0, n = job->a.info.cols; i < n; i++) {
        double value = job->r[i * n + i];
        if (i == 0 || value < low) low = value;
        if (value > high) high = value;
    }
    return trn_run_note(run,
                        json_pack("{s:I, s:I, s:s, s:f, s:f}", "rows", (json_int_t)job->a.info.rows,
                                  "cols", (json_int_t)job->a.info.cols, "method", name_of(job->way),
                                  "smallest_diagonal", low, "largest_diagonal", high));
}

static void job_free(void *user) {
    job_t *job = user;
    trn_tall_file_free(&job->q);
    trn_free(&job->r);
}

const trn_command_t trn_command_qr = {
    .name = "qr",
    .summary = "factor a tall matrix into orthonormal columns and a triangle",
    .files = "A -o F.h5",
    .description =
        "A is dense or sparse, of any format, with at least as many rows as columns. F.h5 holds /q "
        "and /r, float64; the diagonal of /r is not negative. A rank-deficient matrix has zeros "
        "(to "
        "rounding) there, and the columns of /q are orthonormal all the same. The number of ranks "
        "does not change a bit.",
    .examples = "factor a matrix\ttrunnion qr A.npy -o F.h5\n"
                "what it would take on 1 to 8 ranks\ttrunnion qr A.npy --dry-run --ranks 1-8",
    .min_files = 1,
    .max_files = 1,
    .operands = TRN_OPERANDS(TRN_READS("A")),
    .blas = true,
    .params = params,
    .steps = &(const trn_steps_t){.size = sizeof(job_t),
                                  .matrix = true,
                                  .look = look,
                                  .cut = cut,
                                  .plan = plan,
                                  .cost = cost,
                                  .work = work,
                                  .kind = "qr",
                                  .declare = declare,
                                  .write = write,
                                  .report = report,
                                  .free = job_free},
};
