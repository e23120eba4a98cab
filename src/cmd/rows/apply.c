/* apply.c: the verb `apply`: maps that `fit` made, over the rows of a matrix, in one pass. */
#include "algo/map/apply.h"

#include "algo/map/chain.h"
#include "base/mem.h"
#include "cli/rows/tables.h"
#include "mpi/agree.h"

#include <string.h>

static const trn_param_t params[] = {
    {"output", 'o', TRN_PARAM_TEXT, .metavar = "E2", .required = true, .file.use = TRN_FILE_WRITTEN,
     .help = "file to write, of any format"},
    {"inverse", 0, TRN_PARAM_BOOL, "false",
     .help =
         "back through all the maps, the last one first; of fewer columns than there were, pca, "
         "whiten and slice give the nearest rows"},
    {"loglik", 0, TRN_PARAM_TEXT, .metavar = "L", .file.use = TRN_FILE_WRITTEN,
     .help = "after a map that whitens: file for the log-likelihood of each row"},
    {"type", 0, TRN_PARAM_CHOICE, "auto", .choices = "auto|f64|f32|f16|bf16",
     .help = "numbers to write; auto: as narrow as those of E"},
    {"weights", 0, TRN_PARAM_TEXT, .metavar = "W", .file.use = TRN_FILE_READ,
     .help =
         "with a codebook of quantize --pq, --vq or --hashed: the matrix whose product with the "
         "rows of E is looked up, approximately; how far it is off is told"},
    {0}};

/* Maps, and matrices side by side. */
typedef struct job {
    trn_tall_in_t a;       /* first: the program looks at it */
    trn_tall_in_t *others; /* [count - 1] */
    trn_tall_in_t **in;    /* [count] */
    int count;
    trn_chain_t chain;
    const char *output, *loglik;
    trn_rows_make_t make;
    trn_apply_t apply;
} job_t;

static trn_status_t allocate(const trn_run_t *run, job_t *job) {
    TRN_TRY(trn_alloc_zero(&job->others, run->nfiles, sizeof *job->others, "matrices"));
    return trn_alloc(&job->in, run->nfiles, sizeof *job->in, "matrices");
}

/* Leading arguments are maps; what follows are matrices. Collective. */
static trn_status_t first(trn_run_t *run, void *user, const char **path) {
    job_t *job = user;
    trn_chain_t *chain = &job->chain;
    chain->inverse = trn_params_bool(run->params, "inverse");
    job->loglik = trn_params_text(run->params, "loglik");
    TRN_AGREE(run->comm, allocate(run, job));
    TRN_TRY(trn_params_idle(run->params, "weights", "unless the first file is a codebook"));
    TRN_TRY(trn_chain_look(chain, run->comm, run->nfiles, (const char *const *)run->files));
    if (chain->count == run->nfiles)
        return trn_fail(TRN_USAGE, "give the matrix behind the maps: %s is one, too",
                        run->files[run->nfiles - 1]);
    if (job->loglik && !trn_chain_whitens(chain))
        return trn_fail(TRN_USAGE,
                        "--loglik: has no effect unless the last map whitens (fit whiten, zca)");
    job->count = run->nfiles - chain->count;
    *path = run->files[chain->count];
    return TRN_OK;
}

/* One of several views has the width of its own. */
static trn_status_t check_view(const job_t *job, int v, const char *map_path) {
    const trn_map_t *map = &job->chain.map[trn_chain_first(&job->chain)];
    const trn_matrix_info_t *info = &job->in[v]->in.info;
    if (info->rows != job->a.in.info.rows)
        return trn_fail(TRN_INPUT, "%s: has %lld rows, but %s has %lld", job->in[v]->in.path,
                        (long long)info->rows, job->a.in.path, (long long)job->a.in.info.rows);
    if (job->count == 1 || job->chain.inverse || map->views != job->count ||
        info->cols == map->view[v])
        return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: has %lld columns, but view %d of %s has %lld",
                    job->in[v]->in.path, (long long)info->cols, v + 1, map_path,
                    (long long)map->view[v]);
}

static trn_status_t check_widths(const job_t *job) {
    const char *path = job->chain.path[trn_chain_first(&job->chain)];
    int64_t cols = 0;
    for (int v = 0; v < job->count; v++) {
        TRN_TRY(check_view(job, v, path));
        cols += job->in[v]->in.info.cols;
    }
    if (cols == job->chain.whole.in) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: has %lld columns%s, but %s %s %lld", job->a.in.path,
                    (long long)cols, job->count > 1 ? " with the others" : "", path,
                    job->chain.inverse ? "gives" : "takes", (long long)job->chain.whole.in);
}

static trn_dtype_t type_of(const trn_run_t *run, const job_t *job) {
    const char *type = trn_params_text(run->params, "type");
    bool wide = false;
    for (int v = 0; v < job->count; v++)
        wide = wide || job->in[v]->in.info.type == TRN_MATRIX_F64;
    if (strcmp(type, "auto") == 0) return wide ? TRN_F64 : TRN_F32;
    return trn_dtype_named(type);
}

static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    job->output = trn_params_text(run->params, "output");
    job->in[0] = &job->a;
    for (int v = 1; v < job->count; v++) {
        job->in[v] = &job->others[v - 1];
        TRN_TRY(trn_matrix_in_look(&job->in[v]->in, run->comm, run->files[job->chain.count + v]));
    }
    TRN_TRY(check_widths(job));
    TRN_TRY(trn_matrix_in_names(&job->a.in, run->comm));
    job->make = (trn_rows_make_t){
        .type = type_of(run, job), .names_of = job->a.in.names.rows, .created_by = run->command};
    job->apply = (trn_apply_t){
        .map = &job->chain.whole, .threads = run->threads, .wants_loglik = job->loglik != NULL};
    TRN_TRY(trn_rows_place(run->comm, job->output, &job->make, false));
    if (job->loglik) TRN_TRY(trn_matrix_file_place(run->comm, job->loglik, false));
    TRN_TRY(
        trn_run_note(run, json_pack("{s:I, s:I, s:I, s:i}", "rows", (json_int_t)job->a.in.info.rows,
                                    "cols_in", (json_int_t)job->chain.whole.in, "cols",
                                    (json_int_t)job->chain.whole.out, "maps", job->chain.count)));
    return job->chain.inverse ? trn_run_note(run, json_pack("{s:b}", "exact", job->chain.exact))
                              : TRN_OK;
}

static trn_status_t cut(trn_run_t *run, void *user, int ranks) {
    job_t *job = user;
    for (int v = 1; v < job->count; v++)
        TRN_TRY(trn_matrix_in_cut(&job->in[v]->in, run->comm, ranks));
    return TRN_OK;
}

/* Rows pass by once, so that they need not stay in memory where they can be read in order. */
static const bool STREAMS = true;

static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    int64_t rows = job->a.in.info.rows;
    trn_tall_made_t made = trn_apply_made((trn_apply_t *)&job->apply, job->chain.whole.out);
    trn_chain_plan(ledger, &job->chain, rank);
    for (int v = 0; v < job->count; v++)
        trn_tall_in_plan(ledger, job->in[v], STREAMS, ranks, rank);
    trn_apply_plan(ledger, &job->apply, job->count, rows, job->chain.whole.in, ranks, rank);
    trn_tall_save_plan(ledger, &job->a, job->output, &made, &job->make, ranks, rank);
}

static void cost(const void *user, trn_cost_t *cost) {
    const job_t *job = user;
    double rows = (double)job->a.in.info.rows, in = (double)job->chain.whole.in,
           out = (double)job->chain.whole.out;
    *cost = (trn_cost_t){.flops = 2 * rows * in * out, .file_bytes = 8 * rows * (in + out)};
}

static trn_status_t save(const trn_run_t *run, job_t *job) {
    trn_tall_made_t made = trn_apply_made(&job->apply, job->chain.whole.out);
    json_t *given = trn_params_json(run->params);
    job->make.params = given;
    trn_status_t status =
        trn_tall_save_if(&job->a, job->output, &made, &job->make, trn_apply_outcome);
    if (status == TRN_OK && job->loglik)
        status = trn_apply_save_loglik(&job->apply, job->loglik, &job->make);
    job->make.params = NULL;
    json_decref(given);
    return status;
}

static trn_status_t work(trn_run_t *run, void *user) {
    job_t *job = user;
    TRN_TRY(trn_chain_load(&job->chain, run->comm));
    for (int v = 0; v < job->count; v++)
        TRN_TRY(trn_tall_in_open(job->in[v], run->comm, STREAMS));
    TRN_TRY(trn_apply_open(&job->apply, job->count, job->in));
    return save(run, job);
}

static void job_free(void *user) {
    job_t *job = user;
    trn_apply_close(&job->apply);
    for (int v = 1; v < job->count; v++)
        trn_tall_in_free(&job->others[v - 1]);
    trn_chain_free(&job->chain);
    trn_free(&job->others);
    trn_free(&job->in);
}

/* A codebook of `quantize` is a map, too, that no matrix is. */
static trn_status_t run(trn_run_t *run) {
    enum { KIND = 32 };
    char kind[KIND];
    static const trn_steps_t maps = {.size = sizeof(job_t),
                                     .rows = true,
                                     .first = first,
                                     .look = look,
                                     .cut = cut,
                                     .plan = plan,
                                     .cost = cost,
                                     .work = work,
                                     .free = job_free};
    TRN_TRY(trn_map_kind(run->comm, run->files[0], kind, KIND));
    return trn_steps_run(run, strcmp(kind, "codebook") == 0 ? &trn_tables_steps : &maps);
}

const trn_command_t trn_command_apply = {
    .name = "apply",
    .summary = "take the rows of a matrix through maps that fit made",
    .files = "MAP... E -o E2",
    .description =
        "Row x of E becomes (x - mean) matrix + bias; several maps are joined first, so that rows "
        "pass by once. E is of any format and size, names of its rows are kept, products are in "
        "float64. Several E are laid side by side, as a discriminant of several views wants them. "
        "With --loglik L the log of the normal density of each row, -(r ln 2 pi + |y|^2) / 2, goes "
        "into a file of its own.",
    .examples = "project rows\ttrunnion apply P.h5 A.npy -o projected.npy\n"
                "and bring them back\ttrunnion apply P.h5 projected.npy --inverse -o back.npy",
    .min_files = 2,
    .max_files = 1 << 16,
    .operands = TRN_OPERANDS(TRN_READS("MAP"), TRN_READS("E")),
    .blas = true,
    .params = params,
    .plans = true,
    .run = run,
};
