/* gram.c: the verb `gram`: the Gram matrix of the columns, or of the rows, of a matrix in a file.
 */
#include "algo/matrix/gram.h"

#include "algo/matrix/tall_file.h"
#include "algo/matrix/tall_in.h"
#include "cli/command.h"
#include "mpi/agree.h"

#include <string.h>

static const trn_param_t params[] = {
    {"output", 'o', TRN_PARAM_TEXT, .metavar = "G", .required = true, .file.use = TRN_FILE_WRITTEN,
     .help = "file to write, .h5, .npy or .mtx"},
    {"rows", 0, TRN_PARAM_BOOL, "false", .help = "A A^T, the products of rows, instead of A^T A"},
    {"dtype", 0, TRN_PARAM_CHOICE, "f64", .choices = "f32|f64",
     .help = "numbers to write; sums are in float64 whatever A holds"},
    {0}};

/* A and G, n x n. */
typedef struct job {
    trn_tall_in_t a; /* first: the program looks at it */
    const char *output;
    bool by_rows;
    int64_t terms, n;
    trn_matrix_type_t in, out; /* types of A in memory and of G */
} job_t;

static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    const trn_matrix_info_t *info = &job->a.in.info;
    bool single = strcmp(trn_params_text(run->params, "dtype"), "f32") == 0;
    job->output = trn_params_text(run->params, "output");
    TRN_TRY(trn_matrix_file_place(run->comm, job->output, false));
    job->by_rows = trn_params_bool(run->params, "rows");
    job->terms = job->by_rows ? info->cols : info->rows;
    job->n = job->by_rows ? info->rows : info->cols;
    job->in = job->by_rows ? TRN_MATRIX_F64 : info->type; /* transposes are of float64 */
    job->a.single = job->in == TRN_MATRIX_F32;
    job->a.spared = true; /* they spread, as in any product */
    job->out = single ? TRN_MATRIX_F32 : TRN_MATRIX_F64;
    double flops = (double)job->terms * (double)job->n * (double)(job->n + 1);
    return trn_run_note(run, json_pack("{s:I, s:I, s:f}", "n", (json_int_t)job->n, "terms",
                                       (json_int_t)job->terms, "flops", flops));
}

/* A stays in its file: memory does not hold it, and columns are multiplied. */
static bool streams(const job_t *job) {
    return job->a.streams && !job->by_rows && job->a.in.info.rows >= job->a.in.info.cols;
}

static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    const trn_matrix_info_t *info = &job->a.in.info;
    int64_t rows = trn_part_start(job->n, ranks, rank + 1) - trn_part_start(job->n, ranks, rank);
    int64_t size = trn_matrix_type_size(job->in);
    trn_ledger_t before = *ledger;
    if (streams(job))
        trn_tall_in_plan(ledger, &job->a, true, ranks, rank);
    else
        trn_matrix_load_plan(ledger, info, job->in, &job->a.in.bands, rank);
    if (job->by_rows) {
        trn_tall_transpose_plan(ledger, info->rows, info->cols, ranks, rank);
        trn_ledger_give(ledger, "matrix", trn_tall_rows(info->rows, ranks, rank) * info->cols,
                        size);
    }
    trn_ledger_take(ledger, "result", rows * job->n, trn_matrix_type_size(job->out));
    trn_gram_plan(ledger, job->terms, job->n, job->in, ranks, rank);
    trn_ledger_back(ledger, &before);
    trn_ledger_take(ledger, "result", rows * job->n, trn_matrix_type_size(job->out));
    trn_matrix_save_plan(ledger, job->output, rows, job->n, job->out);
}

static void cost(const void *user, trn_cost_t *cost) {
    const job_t *job = user;
    double terms = (double)job->terms, n = (double)job->n;
    *cost = (trn_cost_t){.flops = terms * n * (n + 1), .file_bytes = 8 * n * (terms + n)};
}

/* Of rows, products are named as they are. Collective. */
static trn_status_t save(const trn_run_t *run, job_t *job, const trn_matrix_t *g) {
    json_t *made_with = trn_params_json(run->params);
    trn_rows_make_t made = {.created_by = run->command, .params = made_with};
    trn_status_t status = job->by_rows ? trn_matrix_in_names(&job->a.in, run->comm) : TRN_OK;
    made.names_of = job->a.in.names.rows;
    if (status == TRN_OK) status = trn_matrix_file_save(run->comm, job->output, g, &made);
    json_decref(made_with);
    return status;
}

/* A in memory or as a stream, or its transpose. Collective. */
static trn_status_t load(const trn_run_t *run, job_t *job, trn_tall_file_t *a, trn_tall_t *owned) {
    const trn_matrix_info_t *info = &job->a.in.info;
    if (streams(job)) {
        TRN_TRY(trn_tall_in_open(&job->a, run->comm, true));
        a->tall = job->a.tall;
        return TRN_OK;
    }
    TRN_TRY(trn_tall_file_load_as(a, run->comm, job->a.in.path, info, job->in));
    if (!job->by_rows) return TRN_OK;
    TRN_TRY(trn_tall_transpose(owned, a->tall));
    trn_tall_file_free(a);
    a->tall = *owned;
    return TRN_OK;
}

/* What A holds goes before anything is written, for that takes memory, too. */
static trn_status_t work(trn_run_t *run, void *user) {
    job_t *job = user;
    trn_dist_t *dist = NULL;
    trn_matrix_t *g = NULL;
    trn_tall_file_t a = {0};
    trn_tall_t owned = {0};
    trn_status_t status =
        trn_agree(run->comm, trn_dist_create(&dist, job->n, job->n, run->ranks, 1));
    TRN_OR(done, status);
    TRN_OR(done, load(run, job, &a, &owned));
    TRN_OR(done, trn_matrix_create(&g, run->comm, job->out, dist));
    status = trn_gram(a.tall, trn_matrix_first_row(g), trn_matrix_block(g), run->threads);
    if (status == TRN_OK)
        status = trn_gram_check(a.tall, trn_matrix_first_row(g), trn_matrix_block(g), job->output);
    TRN_OR(done, trn_tall_in_outcome(&job->a, status));
    trn_tall_in_close(&job->a);
    trn_tall_file_free(&a);
    trn_tall_free(&owned);
    status = save(run, job, g);
done:
    trn_tall_file_free(&a);
    trn_tall_free(&owned);
    trn_matrix_destroy(&g);
    trn_dist_destroy(&dist);
    return status;
}

const trn_command_t trn_command_gram = {
    .name = "gram",
    .summary = "products of all pairs of columns, or rows, of a matrix",
    .files = "A -o G",
    .description =
        "G = A^T A, or A A^T with --rows, at half the work of a product; exactly symmetric, and "
        "the same bits on any number of ranks. A is any file that convert reads, and may be larger "
        "than --memory; a sparse one is filled up with zeros (multiply --transpose-a keeps it "
        "sparse). NaN and infinity in A spread to the rows and columns of G that they touch.",
    .examples = "products of all pairs of columns\ttrunnion gram A.npy -o G.npy\n"
                "of all pairs of rows, in float32\ttrunnion gram A.npy --rows --dtype f32 -o G.h5",
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
                                  .work = work},
};
