/* gram.c: the verb `gram`: the Gram matrix of the columns, or of the rows, of a matrix in a file.
 */
#include "algo/matrix/gram.h"

#include "algo/matrix/matrix_file.h"
#include "base/clock.h"
#include "base/mem.h"
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

/* One job: A from its file, G of n x n. */
typedef struct job {
    trn_run_t *run;
    trn_matrix_info_t info;
    bool by_rows;
    int64_t terms, n;
    trn_matrix_type_t in, out; /* types of A in memory and of G */
} job_t;

/* Most bytes on one rank: A (twice while it is transposed), G, and what the sums take. */
static int64_t bytes_of(const job_t *job) {
    int64_t ranks = job->run->ranks, block = trn_tall_block(job->terms);
    int64_t blocks = (job->terms + block - 1) / block;
    int64_t share = (blocks + ranks - 1) / ranks * block;
    if (share > job->terms) share = job->terms;
    int64_t size = trn_matrix_type_size(job->in);
    int64_t a = share * job->n * size, transposing = 0;
    int64_t g = (job->n + ranks - 1) / ranks * job->n * trn_matrix_type_size(job->out);
    int64_t loading = job->info.sparse ? job->info.entries / ranks * 52 : 0;
    int64_t summing = g + trn_gram_bytes(job->terms, job->n, job->in);
    if (job->by_rows) transposing = (job->n / ranks + TRN_TALL_BLOCK) * job->terms * size;
    int64_t extra = transposing > summing ? transposing : summing;
    return a + (extra > loading ? extra : loading);
}

/* x = A^T if that is wanted. `a` is freed then. Collective. */
static trn_status_t transposed(trn_matrix_t **a, trn_tall_t *x, trn_tall_t *owned) {
    TRN_TRY(trn_tall_transpose(owned, *x));
    *x = *owned;
    trn_matrix_destroy(a);
    return TRN_OK;
}

static trn_status_t save(const job_t *job, const trn_matrix_t *g, const char *output) {
    json_t *made_with = trn_params_json(job->run->params);
    trn_status_t status =
        trn_matrix_file_save(job->run->comm, output, g, job->run->command, made_with, 0);
    json_decref(made_with);
    return status;
}

static trn_status_t work(const job_t *job, const char *output) {
    MPI_Comm comm = job->run->comm;
    const trn_matrix_info_t *info = &job->info;
    trn_dist_t *in = NULL, *out = NULL;
    trn_matrix_t *a = NULL, *g = NULL;
    trn_tall_t owned = {0};
    trn_status_t status = trn_tall_dist(&in, comm, info->rows, info->cols);
    if (status == TRN_OK) status = trn_dist_create(&out, job->n, job->n, job->run->ranks, 1);
    TRN_OR(done, trn_agree(comm, status));
    TRN_OR(done, trn_matrix_file_load(comm, job->run->files[0], info, job->in, in, &a));
    trn_tall_t x = {comm, info->rows, trn_matrix_block(a)};
    if (job->by_rows) TRN_OR(done, transposed(&a, &x, &owned));
    TRN_OR(done, trn_matrix_create(&g, comm, job->out, out));
    TRN_OR(done, trn_gram(x, trn_matrix_first_row(g), trn_matrix_block(g), job->run->threads));
    status = save(job, g, output);
done:
    trn_matrix_destroy(&a);
    trn_matrix_destroy(&g);
    trn_tall_free(&owned);
    trn_dist_destroy(&in);
    trn_dist_destroy(&out);
    return status;
}

static trn_status_t run(trn_run_t *run) {
    const char *output = trn_params_text(run->params, "output");
    bool single = strcmp(trn_params_text(run->params, "dtype"), "f32") == 0;
    job_t job = {.run = run,
                 .by_rows = trn_params_bool(run->params, "rows"),
                 .out = single ? TRN_MATRIX_F32 : TRN_MATRIX_F64};
    TRN_TRY(trn_matrix_file_place(run->comm, output, false));
    TRN_TRY(trn_matrix_file_probe(run->comm, run->files[0], &job.info));
    job.terms = job.by_rows ? job.info.cols : job.info.rows;
    job.n = job.by_rows ? job.info.rows : job.info.cols;
    job.in = job.by_rows ? TRN_MATRIX_F64 : job.info.type; /* transposes are of float64 */
    int64_t bytes = bytes_of(&job);
    double flops = (double)job.terms * (double)job.n * (double)(job.n + 1);
    json_object_set_new(run->result, "n", json_integer(job.n));
    json_object_set_new(run->result, "terms", json_integer(job.terms));
    json_object_set_new(run->result, "bytes_per_rank", json_integer(bytes));
    json_object_set_new(run->result, "flops", json_real(flops));
    if (trn_params_bool(run->params, "dry-run")) return TRN_OK;
    TRN_TRY(trn_mem_expect(bytes, run->ranks));
    double start = trn_seconds();
    TRN_TRY(work(&job, output));
    json_object_set_new(run->result, "seconds", json_real(trn_seconds() - start));
    json_object_set_new(run->result, "peak_rss", json_integer(trn_peak_rss()));
    return TRN_OK;
}

const trn_command_t trn_command_gram = {
    .name = "gram",
    .summary = "products of all pairs of columns, or rows, of a matrix",
    .files = "A -o G",
    .description =
        "G = A^T A, or A A^T with --rows, at half the work of a product; exactly symmetric, and "
        "the "
        "same bits on any number of ranks. Files are .npy, Matrix Market (.mtx, read also "
        "compressed) or HDF5 stores (.h5: matrices, embeddings, counts); a sparse A is filled up "
        "with zeros (multiply --transpose-a keeps it sparse). NaN and infinity in A spread to the "
        "rows and columns of G that they touch.",
    .min_files = 1,
    .max_files = 1,
    .operands = TRN_OPERANDS(TRN_READS("A")),
    .blas = true,
    .params = params,
    .run = run,
};
