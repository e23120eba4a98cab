/* logits.c: products of rows with all rows that share the centers of a codebook (VQ-Logits). */
#include "cli/rows/logits.h"

#include "algo/matrix/tall_out.h"
#include "base/mem.h"
#include "cli/rows/clustering.h"
#include "kern/dense/gemm.h"
#include "mpi/agree.h"

/* Products of rows with centers, and a copy for each label. */
typedef struct job {
    trn_tall_in_t a; /* first: the program looks at it */
    trn_codebook_t book;
    double *product; /* [block x k] */
    const char *output;
    trn_dtype_t type;
} job_t;

static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    const char *path = trn_params_text(run->params, "codebook");
    job->output = trn_params_text(run->params, "output");
    job->type = trn_dtype_named(trn_params_text(run->params, "dtype"));
    if (!path) return trn_fail(TRN_USAGE, "--codebook must be given");
    TRN_TRY(trn_codebook_read(&job->book, run->comm, path, true));
    TRN_TRY(trn_clustering_fits(&job->book, job->a.in.info.cols));
    trn_rows_make_t make = {.type = job->type};
    return trn_rows_place(run->comm, job->output, &make, false);
}

/* k products a row, and then copies: where VQ-Logits saves. */
static void make_rows(void *user, int64_t first, trn_view_t rows, void *values) {
    job_t *job = user;
    const trn_codebook_t *book = &job->book;
    (void)first;
    trn_gemm(&(trn_gemm_t){.type = TRN_F64,
                           .m = rows.rows,
                           .n = book->k,
                           .k = book->width,
                           .alpha = 1,
                           .a = {rows.data, rows.stride, false},
                           .b = {book->center, book->width, true},
                           .c = job->product,
                           .ldc = book->k});
    for (int64_t i = 0; i < rows.rows; i++)
        for (int64_t v = 0; v < book->rows; v++) {
            double x = job->product[i * book->k + book->label[v]];
            if (job->type == TRN_F32)
                ((float *)values)[i * book->rows + v] = (float)x;
            else
                ((double *)values)[i * book->rows + v] = x;
        }
}

static trn_tall_made_t made_of(const job_t *job) {
    return (trn_tall_made_t){job->book.rows, job->type, make_rows, (void *)job};
}

/* Products of a block with all centers. */
static int64_t block_numbers(const job_t *job) {
    int64_t rows = job->a.in.info.rows, block = trn_tall_block(rows);
    return (block < rows ? block : rows) * job->book.k;
}

static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    const trn_codebook_t *book = &job->book;
    trn_tall_made_t made = made_of(job);
    trn_rows_make_t make = {.type = job->type};
    trn_ledger_take(ledger, "centers", book->k * book->width, sizeof(double));
    trn_ledger_take(ledger, "labels", book->rows, sizeof(int32_t));
    trn_ledger_take(ledger, "products", block_numbers(job), sizeof(double));
    trn_tall_in_plan(ledger, &job->a, job->a.streams, ranks, rank);
    trn_tall_save_plan(ledger, &job->a, job->output, &made, &make, ranks, rank);
}

static trn_status_t work(trn_run_t *run, void *user) {
    job_t *job = user;
    json_t *given = trn_params_json(run->params);
    trn_tall_made_t made = made_of(job);
    trn_rows_make_t make = {.type = job->type, .created_by = run->command, .params = given};
    trn_status_t status = trn_agree(
        run->comm, trn_alloc(&job->product, block_numbers(job), sizeof(double), "products"));
    if (status == TRN_OK) status = trn_matrix_in_names(&job->a.in, run->comm);
    make.names_of = job->a.in.names.rows;
    if (status == TRN_OK) status = trn_tall_in_open(&job->a, run->comm, job->a.streams);
    if (status == TRN_OK) status = trn_tall_save(&job->a, job->output, &made, &make);
    json_decref(given);
    return status;
}

static trn_status_t report(trn_run_t *run, void *user) {
    const job_t *job = user;
    double rows = (double)job->a.in.info.rows, cols = (double)job->book.width;
    return trn_run_note(
        run, json_pack("{s:I, s:I, s:f, s:f}", "rows", (json_int_t)job->a.in.info.rows, "cols",
                       (json_int_t)job->book.rows, "flops", 2 * rows * cols * (double)job->book.k,
                       "flops_of_all_rows", 2 * rows * cols * (double)job->book.rows));
}

static void job_free(void *user) {
    job_t *job = user;
    trn_codebook_free(&job->book);
    trn_free(&job->product);
}

const trn_steps_t trn_logits_steps = {.size = sizeof(job_t),
                                      .rows = true,
                                      .look = look,
                                      .plan = plan,
                                      .work = work,
                                      .report = report,
                                      .free = job_free};
