/* qr.c: the verb `qr`: orthonormal columns and the triangle that makes a tall matrix of them. */
#include "algo/matrix/qr.h"

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

/* An R is of n^2 numbers, on every rank, as are a few helpers; A is factored in place. */
static void predict(const trn_run_t *run, const trn_matrix_info_t *info) {
    int64_t matrix = (info->rows / run->ranks + TRN_TALL_BLOCK) * info->cols * 8,
            work = 4 * info->cols * info->cols * 8;
    json_object_set_new(run->result, "bytes_per_rank",
                        json_pack("{s:I, s:I, s:I}", "matrix", (json_int_t)matrix, "work",
                                  (json_int_t)work, "total", (json_int_t)(matrix + work)));
}

static trn_status_t factor(trn_run_t *run, const char *output, const trn_matrix_info_t *info) {
    double start = trn_seconds(), *r = NULL;
    trn_tall_file_t file = {0};
    trn_qr_way_t way;
    TRN_TRY(trn_store_place(run->comm, output));
    trn_status_t status =
        trn_agree(run->comm, trn_alloc(&r, info->cols * info->cols, sizeof *r, "an R"));
    TRN_OR(done, status);
    TRN_OR(done, trn_tall_file_load(&file, run->comm, run->files[0], info));
    TRN_OR(done, trn_qr(file.tall, r, &way));
    TRN_OR(done, save(run, output, file.tall, r, way));
    report(run, file.tall, r, way, start);
done:
    trn_tall_file_free(&file);
    trn_free(&r);
    return status;
}

static trn_status_t run_qr(trn_run_t *run) {
    const char *output = trn_params_text(run->params, "output");
    trn_matrix_info_t info;
    TRN_TRY(trn_matrix_file_probe(run->comm, run->files[0], &info));
    if (info.rows < info.cols || info.cols > TRN_QR_MOST)
        return trn_fail(TRN_USAGE,
                        "%s: %lld x %lld; qr wants at least as many rows as columns, and at most "
                        "%d columns",
                        run->files[0], (long long)info.rows, (long long)info.cols,
                        (int)TRN_QR_MOST);
    if (!trn_params_bool(run->params, "dry-run")) return factor(run, output, &info);
    predict(run, &info);
    return TRN_OK;
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
