/* transform.c: the verb `transform`: a matrix in a file, changed number by number. */
#include "algo/matrix/transform.h"

#include "algo/cluster/codebook.h"
#include "algo/matrix/matrix_file_plan.h"
#include "algo/matrix/mobius.h"
#include "algo/matrix/passing.h"
#include "algo/matrix/rope.h"
#include "base/mem.h"
#include "cli/command.h"
#include "mpi/agree.h"

#include <string.h>

#define HYPERBOLIC "mobius,exp0,log0,mobius-add"

static const trn_param_t params[] = {
    {"output", 'o', TRN_PARAM_TEXT, .metavar = "Y", .required = true, .file.use = TRN_FILE_WRITTEN,
     .help = "file to write, .h5, .npy or .mtx"},
    {"pmi", 0, TRN_PARAM_BOOL, "false",
     .help = "pointwise mutual information of counts, log(x sum / (row column)); 0 stays 0"},
    {"ppmi", 0, TRN_PARAM_BOOL, "false",
     .help = "that where it is positive, else 0; a sparse matrix drops zeros"},
    {"shift", 0, TRN_PARAM_REAL, "1", 1e-300, 1e300, .metavar = "K", .needs = "pmi,ppmi",
     .help = "with --pmi, --ppmi: take log K off, as K negative samples would"},
    {"cds", 0, TRN_PARAM_REAL, "1", 0, 1, .metavar = "POWER", .needs = "pmi,ppmi",
     .help =
         "with --pmi, --ppmi: raise column sums to this power, which smooths them; 0.75 is usual"},
    {"log", 0, TRN_PARAM_BOOL, "false", .help = "log x; of a sparse matrix, of what is stored"},
    {"log1p", 0, TRN_PARAM_BOOL, "false", .help = "log(1 + x)"},
    {"scale", 0, TRN_PARAM_REAL, NULL, -1e300, 1e300, .metavar = "FACTOR", .help = "FACTOR x"},
    {"scale-rows", 0, TRN_PARAM_CHOICE, .choices = "l1|l2|max",
     .help = "divide every row by its norm; rows of zeros stay"},
    {"scale-cols", 0, TRN_PARAM_CHOICE, .choices = "l1|l2|max",
     .help = "divide every column by its norm; columns of zeros stay"},
    {"normalize", 0, TRN_PARAM_CHOICE, .choices = "sym",
     .help = "D^-1/2 X D^-1/2 of a square matrix, D its row sums"},
    {"binarize", 0, TRN_PARAM_BOOL, "false", .help = "1 where x is not 0"},
    {"rope", 0, TRN_PARAM_BOOL, "false",
     .help = "rotary position embedding: turn pair i of row m by m BASE^(-2i/columns)"},
    {"base", 0, TRN_PARAM_REAL, "10000", 1, 1e300, .needs = "rope", .help = "with --rope: BASE"},
    {"from", 0, TRN_PARAM_INT, "0", 0, 1e15, .metavar = "M", .needs = "rope",
     .help = "with --rope: position of the first row"},
    {"split", 0, TRN_PARAM_CHOICE, "pairs", .choices = "pairs|half", .needs = "rope",
     .help = "with --rope: columns 2i and 2i + 1 are a pair, or i and i + columns/2, as in "
             "checkpoints of LLaMA"},
    {"rope-check", 0, TRN_PARAM_INT, NULL, 1, 1e8, .metavar = "L", .needs = "rope",
     .help =
         "with --rope: tell up to which distance, at most L, this base keeps similar keys ahead "
         "of random ones; a dry run tells it, too"},
    {"add", 0, TRN_PARAM_TEXT, .metavar = "Z", .file.use = TRN_FILE_READ,
     .help = "alpha X + beta Z, Z of the size of X"},
    {"alpha", 0, TRN_PARAM_REAL, "1", -1e300, 1e300, .needs = "add",
     .help = "with --add: factor of X"},
    {"beta", 0, TRN_PARAM_REAL, "1", -1e300, 1e300, .needs = "add",
     .help = "with --add: factor of Z"},
    {"mobius", 0, TRN_PARAM_TEXT, .metavar = "M", .file.use = TRN_FILE_READ,
     .help = "rows are points of the Poincare ball: multiply each by the matrix M there"},
    {"exp0", 0, TRN_PARAM_BOOL, "false", .help = "from the tangent space at 0 into the ball"},
    {"log0", 0, TRN_PARAM_BOOL, "false", .help = "from the ball into that tangent space"},
    {"mobius-add", 0, TRN_PARAM_TEXT, .metavar = "B", .file.use = TRN_FILE_READ,
     .help = "add row i of B, on the right, to row i of X in the ball"},
    {"curvature", 0, TRN_PARAM_REAL, "1", 1e-100, 1e100, .metavar = "C", .needs = HYPERBOLIC,
     .help = "the ball's is -C, and its rows are shorter than 1/sqrt(C)"},
    {"project", 0, TRN_PARAM_REAL, NULL, 1e-15, 1, .metavar = "EPS", .needs = HYPERBOLIC,
     .help = "bring rows within EPS of the border, or beyond it, to (1 - EPS)/sqrt(C), before and "
             "after; else rows that are not in the ball are refused"},
    {"blocks", 0, TRN_PARAM_INT, NULL, 1, 1e9, .metavar = "K", .needs = "mobius",
     .help = "M is block diagonal: its K x K blocks stand one below the other"},
    {"norms", 0, TRN_PARAM_CHOICE, .choices = "l1|l2|max",
     .help = "write the norms of the rows, a dense matrix of one column"},
    {"dtype", 0, TRN_PARAM_CHOICE, "auto", .choices = "auto|f32|f64",
     .help = "numbers to read into and to write; auto: as in the files, .mtx being float64"},
    {0}};

/* X, maybe Z, and what is made of them. */
typedef struct job {
    const char *output, *add; /* add: file of Z, or NULL */
    bool norms, rotates, hyperbolic;
    trn_transform_t transform;
    trn_rope_t rope;     /* if it rotates */
    trn_mobius_t mobius; /* if it is hyperbolic */
    trn_codebook_t m;    /* its matrix */
    trn_mobius_told_t *told;
    trn_matrix_in_t x, z; /* the same rows */
    bool sparse;
    bool streams; /* rows pass by, for memory does not hold them */
    trn_matrix_type_t type;
    int64_t entries; /* of the result */
} job_t;

static trn_norm_t norm_named(const char *name) {
    return strcmp(name, "l1") == 0   ? TRN_NORM_L1
           : strcmp(name, "l2") == 0 ? TRN_NORM_L2
                                     : TRN_NORM_MAX;
}

/* Collective. */
static trn_status_t look_at_ball(const trn_run_t *run, job_t *job) {
    const trn_params_t *p = run->params;
    const char *m = trn_params_text(p, "mobius"), *b = trn_params_text(p, "mobius-add");
    int64_t cols = job->x.info.cols, side = cols;
    job->hyperbolic = m || b || trn_params_bool(p, "exp0") || trn_params_bool(p, "log0");
    if (!job->hyperbolic) return TRN_OK;
    if (b) job->add = b;
    job->sparse = false;
    job->mobius.kind = m                            ? TRN_MOBIUS_MULTIPLY
                       : b                          ? TRN_MOBIUS_ADD
                       : trn_params_bool(p, "exp0") ? TRN_MOBIUS_EXP0
                                                    : TRN_MOBIUS_LOG0;
    job->mobius.curvature = trn_params_real(p, "curvature");
    if (trn_params_given(p, "project")) job->mobius.project = trn_params_real(p, "project");
    if (!m) return TRN_OK;
    if (trn_params_given(p, "blocks")) side = trn_params_int(p, "blocks");
    TRN_TRY(trn_codebook_read(&job->m, run->comm, m, false));
    if (cols % side != 0 || job->m.k * job->m.parts != cols || job->m.width != side)
        return trn_fail(TRN_INPUT, "%s: is %lld x %lld, but rows of %s want %lld x %lld%s", m,
                        (long long)(job->m.k * job->m.parts), (long long)job->m.width, job->x.path,
                        (long long)cols, (long long)side,
                        cols % side != 0 ? ", and columns in whole blocks" : "");
    job->mobius.m = job->m.center;
    job->mobius.side = side;
    return TRN_OK;
}

/* What to do: exactly one thing (one_of). */
static void parse(const trn_params_t *p, job_t *job) {
    static const struct {
        const char *name;
        trn_transform_kind_t kind;
        bool flag, norm;
    } ways[] = {{"pmi", TRN_TRANSFORM_PMI, true, false},
                {"ppmi", TRN_TRANSFORM_PPMI, true, false},
                {"log", TRN_TRANSFORM_LOG, true, false},
                {"log1p", TRN_TRANSFORM_LOG1P, true, false},
                {"scale", TRN_TRANSFORM_SCALE, false, false},
                {"scale-rows", TRN_TRANSFORM_SCALE_ROWS, false, true},
                {"scale-cols", TRN_TRANSFORM_SCALE_COLS, false, true},
                {"normalize", TRN_TRANSFORM_SYMMETRIC, false, false},
                {"binarize", TRN_TRANSFORM_BINARIZE, true, false},
                {"norms", TRN_TRANSFORM_SCALE, false, true}};
    trn_transform_t *t = &job->transform;
    job->output = trn_params_text(p, "output");
    job->add = trn_params_text(p, "add");
    job->norms = trn_params_given(p, "norms");
    job->rotates = trn_params_bool(p, "rope");
    job->rope = (trn_rope_t){trn_params_real(p, "base"), trn_params_int(p, "from"),
                             strcmp(trn_params_text(p, "split"), "half") == 0};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (ways[i].flag ? !trn_params_bool(p, ways[i].name) : !trn_params_given(p, ways[i].name))
            continue;
        t->kind = ways[i].kind;
        if (ways[i].norm) t->norm = norm_named(trn_params_text(p, ways[i].name));
    }
    t->shift = trn_params_real(p, "shift");
    t->smoothing = trn_params_real(p, "cds");
    if (trn_params_given(p, "scale")) t->factor = trn_params_real(p, "scale");
}

/* Z is as large as X, and what comes out is dense where one of them is. Collective. */
static trn_status_t look_at_term(const trn_run_t *run, job_t *job) {
    const trn_matrix_info_t *x = &job->x.info, *z = &job->z.info;
    TRN_TRY(trn_matrix_in_look(&job->z, run->comm, job->add));
    if (z->rows != x->rows || z->cols != x->cols)
        return trn_fail(TRN_USAGE,
                        "%s: is %lld x %lld, but %s is %lld x %lld; only matrices "
                        "of one size can be added",
                        job->add, (long long)z->rows, (long long)z->cols, job->x.path,
                        (long long)x->rows, (long long)x->cols);
    job->sparse = job->sparse && z->sparse;
    if (z->type == TRN_MATRIX_F64) job->type = TRN_MATRIX_F64;
    return TRN_OK;
}

/* What the base of a rotation is good for, if that is asked for. Local. */
static trn_status_t check_base(trn_run_t *run, const job_t *job) {
    double least;
    if (!trn_params_given(run->params, "rope-check")) return TRN_OK;
    int64_t most = trn_params_int(run->params, "rope-check");
    int64_t first = trn_rope_first_negative(job->rope.base, job->x.info.cols, most, &least);
    TRN_TRY(
        trn_run_note(run, json_pack("{s:b, s:f}", "rope_holds", first == 0, "rope_least", least)));
    if (first == 0) return TRN_OK;
    return trn_run_note(run, json_pack("{s:I}", "rope_first_negative", (json_int_t)first));
}

static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    const char *dtype = trn_params_text(run->params, "dtype");
    parse(run->params, job);
    TRN_TRY(trn_matrix_file_place(run->comm, job->output, false));
    TRN_TRY(trn_matrix_in_look(&job->x, run->comm, run->files[0]));
    TRN_AGREE(run->comm, trn_alloc_zero(&job->told, 1, sizeof *job->told, "radii"));
    job->sparse = job->x.info.sparse && !job->rotates;
    job->type = job->x.info.type;
    TRN_TRY(look_at_ball(run, job));
    if (job->add) TRN_TRY(look_at_term(run, job));
    if (strcmp(dtype, "f32") == 0) job->type = TRN_MATRIX_F32;
    if (strcmp(dtype, "f64") == 0) job->type = TRN_MATRIX_F64;
    TRN_TRY(trn_matrix_file_place(run->comm, job->output, job->sparse && !job->norms));
    TRN_TRY(check_base(run, job));
    return trn_run_note(run, json_pack("{s:I, s:I}", "rows", (json_int_t)job->x.info.rows, "cols",
                                       (json_int_t)job->x.info.cols));
}

static trn_sparse_type_t sparse_type(const job_t *job) {
    return job->type == TRN_MATRIX_F32 ? TRN_SPARSE_F32 : TRN_SPARSE_F64;
}

static void plan_load(const job_t *job, const trn_matrix_in_t *in, int rank, trn_ledger_t *ledger) {
    if (job->sparse)
        trn_sparse_load_plan(ledger, &in->info, sparse_type(job), &in->bands, rank);
    else
        trn_matrix_load_plan(ledger, &in->info, job->type, &in->bands, rank);
}

/* X open once more, and its names as HDF5 holds them while they are laid out. */
static int64_t names_bytes(int64_t rows) {
    enum { NAME = 128 };
    int64_t most = trn_store_strings_bytes();
    return trn_store_open_bytes() + (rows < most / NAME ? rows * NAME : most);
}

/* A sparse sum is made beside its terms. */
static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    int64_t rows = job->x.bands.start[rank + 1] - job->x.bands.start[rank];
    int64_t entries = job->x.bands.entries[rank];
    if (job->streams)
        trn_rows_stream_plan(ledger, &job->x.info, trn_transform_block(job->x.info.rows),
                             job->type);
    else
        plan_load(job, &job->x, rank, ledger);
    trn_ledger_take(ledger, "matrix of the map", job->m.k * job->m.width, sizeof(double));
    if (job->hyperbolic) trn_mobius_plan(ledger, job->x.info.cols);
    if (job->add) {
        plan_load(job, &job->z, rank, ledger);
        if (strcmp(job->add, job->x.path) != 0) /* else every entry meets itself */
            entries += job->z.bands.entries[rank];
        trn_ledger_t before = *ledger;
        if (job->sparse) {
            trn_ledger_take(ledger, "sum", rows + 1, sizeof(int64_t));
            trn_ledger_take(ledger, "sum", entries, trn_sparse_entry_bytes(sparse_type(job)));
        }
        trn_ledger_back(ledger, &before);
    } else if (job->norms) {
        trn_ledger_take(ledger, "sums", rows, trn_matrix_type_size(job->type));
        trn_ledger_take(ledger, "sums", rows, sizeof(double) + sizeof(int));
    } else if (job->rotates) {
        trn_ledger_pass(ledger, "sums", job->x.info.cols / 2, sizeof(double));
    } else if (!job->hyperbolic) {
        trn_transform_plan(ledger, &job->transform, job->x.bands.start, job->x.info.cols, ranks,
                           rank);
    }
    if (job->x.info.named && rank == 0) /* the names go along */
        trn_ledger_take(ledger, "names", names_bytes(job->x.info.rows), 1);
    if (job->sparse && !job->norms)
        trn_sparse_save_plan(ledger, job->output, rows, entries, sparse_type(job));
    else
        trn_matrix_save_plan(ledger, job->output, rows, job->norms ? 1 : job->x.info.cols,
                             job->type);
}

/* Rows to ranks: sparse ones by what they weigh. Dense ones that memory does not hold pass by. */
static trn_status_t cut(trn_run_t *run, void *user, int ranks) {
    job_t *job = user;
    const trn_matrix_info_t *x = &job->x.info;
    int64_t limit = trn_params_size(run->params, "memory"), row = (int64_t)sizeof(int64_t);
    if (!job->sparse) row += x->cols * trn_matrix_type_size(job->type);
    trn_bands_free(&job->x.bands);
    trn_bands_free(&job->z.bands);
    TRN_TRY(trn_bands_cut(&job->x.bands, run->comm, ranks, job->x.path, x,
                          trn_transform_block(x->rows), row,
                          trn_sparse_entry_bytes(sparse_type(job))));
    if (job->add)
        return trn_bands_like(&job->z.bands, run->comm, job->add, &job->z.info, &job->x.bands);
    job->streams = false;
    job->streams =
        limit > 0 && !x->sparse && !x->routed && trn_estimate_bytes(ranks, plan, job) > limit;
    return TRN_OK;
}

/* A pass for the sums, one for the numbers. */
static void cost(const void *user, trn_cost_t *cost) {
    const job_t *job = user;
    double bytes = (double)job->x.info.entries * (job->sparse ? 12 : 8);
    *cost = (trn_cost_t){.bytes = 4 * bytes, .file_bytes = 2 * bytes};
}

/* Collective. */
static trn_status_t load(const job_t *job, const trn_matrix_in_t *in, trn_dist_t *dist,
                         trn_banded_t *m) {
    MPI_Comm comm = m->comm;
    if (job->sparse)
        return trn_sparse_file_load(comm, in->path, &in->info, sparse_type(job), dist, &m->sparse);
    return trn_matrix_file_load(comm, in->path, &in->info, job->type, dist, &m->dense);
}

/* What a saved file notes, and whose names its rows have. */
static trn_rows_make_t made_by(const trn_run_t *run, const job_t *job, const json_t *made_with) {
    return (trn_rows_make_t){
        .names_of = job->x.names.rows, .created_by = run->command, .params = made_with};
}

/* Collective. */
static trn_status_t save(const trn_run_t *run, job_t *job, const trn_banded_t *m) {
    json_t *made_with = trn_params_json(run->params);
    trn_status_t status = trn_matrix_in_names(&job->x, run->comm);
    trn_rows_make_t made = made_by(run, job, made_with);
    if (status == TRN_OK)
        status = m->sparse ? trn_sparse_file_save(run->comm, job->output, m->sparse, m->cols, &made)
                           : trn_matrix_file_save(run->comm, job->output, m->dense, &made);
    json_decref(made_with);
    return status;
}

/* A matrix of one column. Collective. */
static trn_status_t save_norms(const trn_run_t *run, job_t *job, const trn_banded_t *m) {
    trn_dist_t *dist = NULL;
    trn_banded_t norms = {.comm = m->comm, .rows = m->rows, .cols = 1};
    trn_status_t status = trn_agree(m->comm, trn_bands_dist(&dist, &job->x.bands, 1));
    TRN_OR(done, status);
    TRN_OR(done, trn_matrix_create(&norms.dense, m->comm, job->type, dist));
    status = trn_row_norms(m, job->transform.norm, trn_matrix_block(norms.dense), job->x.path);
    if (m->stream) status = trn_passing_outcome(m->stream->user, status);
    if (status == TRN_OK) status = save(run, job, &norms);
done:
    trn_matrix_destroy(&norms.dense);
    trn_dist_destroy(&dist);
    return status;
}

/* Numbers changed alone, in place or as they pass by. Collective. */
static trn_status_t change_alone(const void *user, const trn_banded_t *x) {
    const job_t *job = user;
    if (job->hyperbolic) return trn_mobius(x, NULL, &job->mobius, job->x.path, NULL, job->told);
    return job->rotates ? trn_rope(x, &job->rope, job->x.path)
                        : trn_transform(x, &job->transform, job->x.path);
}

/* What is asked for, done to x in place. Collective. */
static trn_status_t change(const trn_run_t *run, const job_t *job, trn_dist_t *dist,
                           trn_banded_t *x, trn_banded_t *z) {
    if (job->norms) return TRN_OK;
    if (!job->add) return change_alone(job, x);
    TRN_TRY(load(job, &job->z, dist, z));
    if (job->hyperbolic) return trn_mobius(x, z, &job->mobius, job->x.path, job->add, job->told);
    return trn_transform_add(x, trn_params_real(run->params, "alpha"), z,
                             trn_params_real(run->params, "beta"), job->x.path);
}

static trn_status_t work_in_memory(trn_run_t *run, job_t *job) {
    const trn_matrix_info_t *info = &job->x.info;
    trn_banded_t x = {run->comm, info->rows, info->cols, job->x.bands.start, NULL, NULL, NULL};
    trn_banded_t z = x;
    trn_dist_t *dist = NULL;
    trn_status_t status = trn_agree(run->comm, trn_bands_dist(&dist, &job->x.bands, info->cols));
    TRN_OR(done, status);
    TRN_OR(done, load(job, &job->x, dist, &x));
    TRN_OR(done, change(run, job, dist, &x, &z));
    job->entries = x.sparse ? trn_sparse_count(x.sparse) : 0;
    MPI_Allreduce(MPI_IN_PLACE, &job->entries, 1, MPI_INT64_T, MPI_SUM, run->comm);
    if (!x.sparse) job->entries = x.rows * x.cols;
    status = job->norms ? save_norms(run, job, &x) : save(run, job, &x);
done:
    trn_sparse_destroy(&x.sparse);
    trn_sparse_destroy(&z.sparse);
    trn_matrix_destroy(&x.dense);
    trn_matrix_destroy(&z.dense);
    trn_dist_destroy(&dist);
    return status;
}

/* The same without the matrix in memory. Collective. */
static trn_status_t work_passing(trn_run_t *run, job_t *job) {
    trn_passing_t passing = {0};
    json_t *made_with = trn_params_json(run->params);
    trn_status_t status =
        trn_passing_open(&passing, run->comm, job->x.path, job->type, job->x.bands.start);
    job->entries = job->x.info.entries;
    if (status == TRN_OK && job->norms) {
        status = save_norms(run, job, &passing.x);
    } else if (status == TRN_OK) {
        status = trn_matrix_in_names(&job->x, run->comm);
        trn_rows_make_t make = made_by(run, job, made_with);
        if (status == TRN_OK)
            status = trn_passing_save(&passing, job->output, make, change_alone, job);
    }
    trn_passing_close(&passing);
    json_decref(made_with);
    return status;
}

static trn_status_t work(trn_run_t *run, void *user) {
    job_t *job = user;
    TRN_TRY(job->streams ? work_passing(run, job) : work_in_memory(run, job));
    if (job->norms) job->entries = job->x.info.rows;
    return TRN_OK;
}

static trn_status_t report(trn_run_t *run, void *user) {
    const job_t *job = user;
    if (job->hyperbolic) {
        const trn_mobius_told_t *told = job->told;
        TRN_TRY(trn_run_note(run, json_pack("{s:I}", "projected", (json_int_t)told->projected)));
        if (told->before >= 0)
            TRN_TRY(trn_run_note(run, json_pack("{s:f}", "mean_radius_before", told->before)));
        if (told->after >= 0)
            TRN_TRY(trn_run_note(run, json_pack("{s:f}", "mean_radius_after", told->after)));
    }
    return trn_run_note(run, json_pack("{s:I}", "entries", (json_int_t)job->entries));
}

static void job_free(void *user) {
    job_t *job = user;
    trn_codebook_free(&job->m);
    trn_free(&job->told);
    trn_matrix_in_free(&job->x);
    trn_matrix_in_free(&job->z);
}

const trn_command_t trn_command_transform = {
    .name = "transform",
    .summary =
        "change a matrix number by number: PMI, logarithms, scaling, rotary and hyperbolic maps",
    .files = "X -o Y",
    .description =
        "Does one thing to X, dense or sparse, and writes it as Y with the names of its rows, the "
        "same bits on any number of ranks. X is any file that convert reads; a dense one may be "
        "larger than --memory. What a sparse matrix does not store is 0 and stays so. Sums are in "
        "float64. Numbers that have no transform, such as negative counts or NaN, are refused with "
        "their row and column; --scale, --add and --norms hand NaN and infinity on, and refuse "
        "finite numbers that would become infinite. A sum of a sparse and a dense matrix is dense, "
        "and "
        "so is what --rope turns. Queries and keys of length 1, as QKNorm has them, come of "
        "--scale-rows l2, which leaves rows of zeros as they are. --mobius, --mobius-add, --exp0 "
        "and "
        "--log0 are of the Poincare ball, in float64 and without clipping near its border; "
        "mean_radius is the mean distance of rows from 0, 2 artanh(sqrt(C) |x|) / "
        "sqrt(C).",
    .examples =
        "counts to positive pointwise mutual information\ttrunnion transform X.h5 --ppmi --cds "
        "0.75 -o Y.h5\n"
        "rows of length 1\ttrunnion transform A.npy --scale-rows l2 -o Y.npy",
    .min_files = 1,
    .max_files = 1,
    .operands = TRN_OPERANDS(TRN_READS("X")),
    .blas = true,
    .params = params,
    .one_of = "pmi ppmi log log1p scale scale-rows scale-cols normalize binarize add norms rope "
              "mobius exp0 log0 mobius-add",
    .steps = &(const trn_steps_t){.size = sizeof(job_t),
                                  .look = look,
                                  .cut = cut,
                                  .plan = plan,
                                  .cost = cost,
                                  .work = work,
                                  .report = report,
                                  .free = job_free},
};
