/* tables.c: approximate products of the rows of a file, looked up by the codes of their parts. */
#include "cli/rows/tables.h"

#include "algo/cluster/tables.h"
#include "base/mem.h"
#include "mpi/agree.h"

#include <math.h>
#include <string.h>

typedef struct job {
    trn_tall_in_t a; /* first: the program looks at it */
    trn_codebook_t book, weight;
    trn_tables_t tables;
    const char *output;
    trn_dtype_t type;
    double squares[2]; /* of differences, of exact products */
} job_t;

/* The rows stand behind the codebook. */
static trn_status_t first(trn_run_t *run, void *user, const char **path) {
    (void)user;
    if (run->nfiles != 2)
        return trn_fail(TRN_USAGE, "%s: a codebook takes one matrix behind it, not %d",
                        run->files[0], run->nfiles - 1);
    *path = run->files[1];
    return trn_params_idle(run->params, "inverse loglik", "with a codebook");
}

/* Codebook, weights and rows fit each other. */
static trn_status_t check(const job_t *job) {
    int64_t width = job->book.parts * job->book.width;
    if (width != job->a.in.info.cols)
        return trn_fail(TRN_INPUT, "%s: codes rows of %lld numbers, but those of %s have %lld",
                        job->book.path, (long long)width, job->a.in.path,
                        (long long)job->a.in.info.cols);
    if (job->weight.parts == 1 && job->weight.k == width) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: has %lld rows, but those of %s have %lld numbers",
                    job->weight.path, (long long)job->weight.k, job->a.in.path, (long long)width);
}

static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    const char *weights = trn_params_text(run->params, "weights");
    const char *type = trn_params_text(run->params, "type");
    if (!weights)
        return trn_fail(TRN_USAGE,
                        "%s: is a codebook; give --weights W, whose product with rows it "
                        "approximates, or see quantize --encode",
                        run->files[0]);
    job->output = trn_params_text(run->params, "output");
    job->type = strcmp(type, "auto") == 0 ? job->a.in.info.type : trn_dtype_named(type);
    TRN_TRY(trn_codebook_read(&job->book, run->comm, run->files[0], false));
    TRN_TRY(trn_codebook_read(&job->weight, run->comm, weights, false));
    job->tables = (trn_tables_t){.book = &job->book, .weight = &job->weight};
    TRN_TRY(check(job));
    TRN_TRY(trn_matrix_in_names(&job->a.in, run->comm));
    trn_rows_make_t make = {.type = job->type, .names_of = job->a.in.names.rows};
    return trn_rows_place(run->comm, job->output, &make, false);
}

static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    const trn_codebook_t *book = &job->book, *weight = &job->weight;
    trn_tall_made_t made = trn_tables_made((trn_tables_t *)&job->tables);
    trn_rows_make_t make = {.type = job->type, .names_of = job->a.in.names.rows};
    int64_t numbers = book->parts * book->k * book->width + weight->k * weight->width;
    trn_ledger_take(ledger, "centers", numbers, sizeof(double));
    trn_tall_in_plan(ledger, &job->a, job->a.streams, ranks, rank);
    trn_tables_plan(ledger, &job->tables, job->a.in.info.rows, 1, ranks, rank);
    trn_tall_save_plan(ledger, &job->a, job->output, &made, &make, ranks, rank);
}

static trn_status_t work(trn_run_t *run, void *user) {
    job_t *job = user;
    json_t *given = trn_params_json(run->params);
    trn_tall_made_t made = trn_tables_made(&job->tables);
    trn_rows_make_t make = {.type = job->type,
                            .names_of = job->a.in.names.rows,
                            .lossy = true,
                            .created_by = run->command,
                            .params = given};
    trn_status_t status = trn_tall_in_open(&job->a, run->comm, job->a.streams);
    if (status == TRN_OK) status = trn_tables_open(&job->tables, &job->a, 1);
    if (status == TRN_OK) status = trn_tall_save(&job->a, job->output, &made, &make);
    if (status == TRN_OK) status = trn_tables_error(&job->tables, &job->a, job->squares);
    json_decref(given);
    return status;
}

/* Flops as they would be without the exact product, which is made only to tell the error. */
static trn_status_t report(trn_run_t *run, void *user) {
    const job_t *job = user;
    const trn_codebook_t *book = &job->book;
    double rows = (double)job->a.in.info.rows, cols = (double)job->weight.width;
    double width = (double)(book->parts * book->width);
    double search = book->signs ? 0 : 2 * (double)book->k * width;
    return trn_run_note(
        run,
        json_pack("{s:I, s:I, s:I, s:s, s:f, s:f, s:f}", "rows", (json_int_t)job->a.in.info.rows,
                  "cols", (json_int_t)job->weight.width, "parts", (json_int_t)book->parts, "codes",
                  book->signs ? "signs" : "nearest centers", "flops",
                  rows * (search + (double)book->parts * cols), "flops_of_product",
                  2 * rows * width * cols, "relative_error",
                  job->squares[1] > 0 ? sqrt(job->squares[0] / job->squares[1]) : 0));
}

static void job_free(void *user) {
    job_t *job = user;
    trn_tables_close(&job->tables);
    trn_codebook_free(&job->book);
    trn_codebook_free(&job->weight);
}

const trn_steps_t trn_tables_steps = {.size = sizeof(job_t),
                                      .rows = true,
                                      .first = first,
                                      .look = look,
                                      .plan = plan,
                                      .work = work,
                                      .report = report,
                                      .free = job_free};
