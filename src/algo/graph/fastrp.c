/* fastrp.c: the products of fastrp.h, one after the other, between two matrices that take turns. A
 * third holds the sum where more than the last two products are in it; else the last step makes it
 * of these two in place. */
#include "algo/graph/fastrp_impl.h"

#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/sparse/spgemm.h"
#include "mpi/sparse/spmm.h"

#include <math.h>
#include <string.h>

/* What the weights ask for. */
typedef struct shape {
    int products; /* up to the last weight that is not 0 */
    bool sum;     /* a matrix for the sum is needed before the last step */
} shape_t;

static shape_t shape_of(const trn_fastrp_options_t *options) {
    shape_t shape = {options->weights, options->self != 0};
    while (shape.products > 0 && options->weight[shape.products - 1] == 0)
        shape.products--;
    for (int k = 0; k + 2 < shape.products; k++)
        shape.sum = shape.sum || options->weight[k] != 0;
    shape.sum = shape.sum || shape.products == 0;
    return shape;
}

/* A run ---------------------------------------------------------------------------------------- */

typedef struct run {
    trn_fastrp_job_t job;
    shape_t shape;
    bool sparse;        /* the first product */
    trn_dist_t *square; /* of the adjacency */
    trn_matrix_t *u[2]; /* U_k in u[(k + 1) % 2] */
    trn_matrix_t *z;
    trn_spmm_plan_t *plan;
} run_t;

static trn_status_t check(const trn_fastrp_in_t *in, const trn_fastrp_options_t *options) {
    int64_t nodes = trn_dist_rows(in->dist);
    trn_extent_t extent = trn_sparse_extent(in->adjacency);
    if (extent.cols != nodes || trn_dist_cols(in->dist) != options->dim || options->dim < 1 ||
        options->feature_dim > options->dim || (options->feature_dim > 0) != !!in->features)
        return trn_fail(TRN_USAGE, "fastrp: sizes that do not fit each other");
    return TRN_OK;
}

/* Arguments, and all arrays but the matrices. Local. */
static trn_status_t begin(run_t *run, const trn_fastrp_in_t *in,
                          const trn_fastrp_options_t *options) {
    trn_fastrp_job_t *job = &run->job;
    trn_extent_t extent = trn_sparse_extent(in->adjacency);
    int rank;
    TRN_TRY(check(in, options));
    MPI_Comm_rank(in->comm, &rank);
    job->in = in;
    job->options = *options;
    if (job->options.threads < 1) job->options.threads = 1;
    job->nodes = trn_dist_rows(in->dist);
    job->rows = trn_dist_local_rows(in->dist, rank);
    job->first = extent.first_row;
    job->s = options->sparsity > 0 ? options->sparsity : sqrt((double)job->nodes);
    job->bad = INT64_MAX;
    run->shape = shape_of(options);
    TRN_TRY(trn_alloc(&job->strength, job->rows, sizeof(double), "strengths of nodes"));
    TRN_TRY(trn_alloc(&job->inverse, job->rows, sizeof(double), "degrees of nodes"));
    TRN_TRY(trn_alloc(&job->space, 2 * job->options.threads * options->dim, sizeof(double),
                      "rows of a thread"));
    if (in->features)
        TRN_TRY(trn_alloc(&job->property,
                          trn_matrix_block(in->features).cols * options->feature_dim,
                          sizeof(double), "a projection of features"));
    trn_cut_t cut = trn_dist_row_cut(in->dist);
    return trn_dist_create_at(&run->square, cut.parts, cut.start, 1, (int64_t[]){0, job->nodes});
}

/* Whether the first product is sparse, the same everywhere. Collective. */
static void choose(run_t *run) {
    const trn_fastrp_in_t *in = run->job.in;
    int64_t given = in->sparse_r ? trn_sparse_count(in->sparse_r) : 0;
    MPI_Allreduce(MPI_IN_PLACE, &given, 1, MPI_INT64_T, MPI_SUM, in->comm);
    run->sparse = trn_fastrp_sparse(&run->job.options, run->job.nodes, in->sparse_r ? given : -1,
                                    in->dense_r) >= 0;
}

/* Bytes that the halo may take beside what is held already. Collective. */
static int64_t memory_left(const trn_fastrp_job_t *job, int64_t *beside) {
    int64_t limit = trn_mem_limit_now(), left = limit - trn_mem_now();
    *beside = 0;
    if (limit == 0) return 0;
    if (left < 1) left = 1;
    MPI_Allreduce(MPI_IN_PLACE, &left, 1, MPI_INT64_T, MPI_MIN, job->in->comm);
    *beside = limit - left;
    return left;
}

/* Columns of a slab of other ranks' rows, two of which are held unless one is all: such that they
 * take about as much as a rank's share of Z, or the ranks together could hold no more than one.
 * What is needed is guessed, so that plans know it, too. */
static int64_t width_of(const trn_fastrp_options_t *options, int64_t nodes, int64_t entries,
                        int ranks) {
    enum { GRAIN = 16, LEAST = 32 /* columns: fewer cost more than they save */ };
    trn_spmm_size_t size = {.ranks = ranks,
                            .type = options->type,
                            .rows = nodes,
                            .own_rows = nodes / ranks,
                            .cols = options->dim,
                            .entries = entries / ranks};
    int64_t share = (nodes / ranks + 1) * options->dim * trn_matrix_type_size(options->type);
    int64_t whole = trn_spmm_halo_guess(&size), width;
    if (ranks == 1 || (options->width == 0 && whole <= share)) return options->dim;
    if (options->width > 0) return options->width;
    width = (int64_t)((double)options->dim * (double)share / (2 * (double)whole));
    return width < LEAST ? LEAST : width / GRAIN * GRAIN;
}

/* The second matrix, that of the sum, and the product of dense ones. Collective. */
static trn_status_t prepare(run_t *run) {
    trn_fastrp_job_t *job = &run->job;
    const trn_fastrp_in_t *in = job->in;
    trn_spmm_options_t options = {.threads = job->options.threads, .wide_sums = true};
    int64_t entries = trn_sparse_count(in->adjacency);
    int ranks;
    MPI_Comm_size(in->comm, &ranks);
    MPI_Allreduce(MPI_IN_PLACE, &entries, 1, MPI_INT64_T, MPI_SUM, in->comm);
    options.width = width_of(&job->options, job->nodes, entries, ranks);
    if (run->shape.sum) {
        TRN_TRY(trn_matrix_create(&run->z, in->comm, job->options.type, in->dist));
        trn_view_t z = trn_matrix_block(run->z);
        memset(z.data, 0, (size_t)(z.rows * z.stride * trn_matrix_type_size(z.type)));
        if (job->options.self != 0) trn_fastrp_self(job, z);
    }
    if (run->shape.products < (run->sparse ? 2 : 1)) return TRN_OK;
    TRN_TRY(trn_matrix_create(&run->u[1], in->comm, job->options.type, in->dist));
    options.memory = memory_left(job, &options.beside);
    return trn_spmm_plan_create(&run->plan, in->comm, &options, in->adjacency, run->square,
                                job->options.type, in->dist, in->dist);
}

/* Collective. */
static trn_status_t first_product(run_t *run) {
    trn_fastrp_job_t *job = &run->job;
    TRN_TRY(trn_matrix_create(&run->u[0], job->in->comm, job->options.type, job->in->dist));
    if (run->sparse) TRN_TRY(trn_fastrp_first(job, trn_matrix_block(run->u[0])));
    TRN_TRY(prepare(run));
    if (run->sparse) return TRN_OK;
    trn_fastrp_start(job, trn_matrix_block(run->u[1]));
    return trn_spmm_execute(run->plan, 1, run->u[1], 0, run->u[0]);
}

/* What product k adds: the one before the last waits for the last step. */
static trn_fastrp_step_t step_of(const run_t *run, int k) {
    const double *weight = run->job.options.weight;
    int now = (k + 1) % 2, products = run->shape.products;
    trn_fastrp_step_t step = {.u = trn_matrix_block(run->u[now]), .last = k == products};
    if (k != products - 1) step.weight = weight[k - 1];
    if (step.last && k > 1) {
        step.old = trn_matrix_block(run->u[!now]);
        step.before = weight[k - 2];
    }
    if (run->z) step.z = trn_matrix_block(run->z);
    return step;
}

/* Collective. */
static trn_status_t products(run_t *run) {
    for (int k = 1; k <= run->shape.products; k++) {
        int now = (k + 1) % 2;
        if (k == 1)
            TRN_TRY(first_product(run));
        else
            TRN_TRY(trn_spmm_execute(run->plan, 1, run->u[!now], 0, run->u[now]));
        trn_fastrp_step_t step = step_of(run, k);
        trn_fastrp_rows(&run->job, &step);
    }
    return run->shape.products > 0 ? TRN_OK : prepare(run);
}

static void end(run_t *run) {
    trn_spmm_plan_destroy(&run->plan);
    trn_matrix_destroy(&run->u[0]);
    trn_matrix_destroy(&run->u[1]);
    trn_matrix_destroy(&run->z);
    trn_dist_destroy(&run->square);
    trn_free(&run->job.strength);
    trn_free(&run->job.inverse);
    trn_free(&run->job.space);
    trn_free(&run->job.property);
}

trn_status_t trn_fastrp(trn_matrix_t **z, const trn_fastrp_in_t *in,
                        const trn_fastrp_options_t *options) {
    run_t run = {0};
    *z = NULL;
    trn_status_t status = trn_agree(in->comm, begin(&run, in, options));
    if (status == TRN_OK) {
        trn_fastrp_degrees(&run.job);
        choose(&run);
        status = products(&run);
    }
    trn_matrix_t **sum = run.shape.products > 0 ? &run.u[(run.shape.products + 1) % 2] : &run.z;
    if (status == TRN_OK) status = trn_fastrp_finish(&run.job, trn_matrix_block(*sum));
    if (status == TRN_OK) {
        *z = *sum;
        *sum = NULL;
    }
    end(&run);
    return status;
}

/* Plans ---------------------------------------------------------------------------------------- */

int trn_fastrp_products(const trn_fastrp_size_t *size, const trn_fastrp_options_t *options,
                        bool *sparse) {
    *sparse = trn_fastrp_sparse(options, size->nodes, size->projected, size->dense) >= 0;
    int products = shape_of(options).products;
    return *sparse && products > 0 ? products - 1 : products;
}

/* The largest slab of U_0 and its product. */
static void plan_first(trn_ledger_t *ledger, const trn_fastrp_size_t *s,
                       const trn_fastrp_options_t *options) {
    int64_t number = trn_matrix_type_size(options->type);
    int64_t entries = trn_fastrp_sparse(options, s->nodes, s->projected, s->dense);
    int64_t slabs = trn_fastrp_slabs(options, s->nodes, s->entries, entries);
    int64_t own =
        s->nodes > 0 ? (int64_t)((double)entries * (double)s->rows / (double)s->nodes) : 0;
    trn_spgemm_size_t size = {.ranks = s->ranks,
                              .threads = options->threads,
                              .rows = s->rows,
                              .inner = s->nodes,
                              .cols = (options->dim + slabs - 1) / slabs,
                              .a = s->own,
                              .all_b = entries / slabs,
                              .type = options->type == TRN_F32 ? TRN_SPARSE_F32 : TRN_SPARSE_F64};
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "product", s->rows + 1, sizeof(int64_t));
    trn_ledger_take(ledger, "product", own / slabs, (int64_t)sizeof(int32_t) + number);
    trn_spgemm_take(ledger, &size);
    trn_ledger_back(ledger, &before);
}

void trn_fastrp_plan(trn_ledger_t *ledger, const trn_fastrp_size_t *s,
                     const trn_fastrp_options_t *options) {
    bool sparse;
    int64_t number = trn_matrix_type_size(options->type);
    shape_t shape = shape_of(options);
    int dense = trn_fastrp_products(s, options, &sparse);
    int64_t held = 2 * width_of(options, s->nodes, s->entries, s->ranks);
    trn_spmm_size_t size = {.ranks = s->ranks,
                            .type = options->type,
                            .rows = s->nodes,
                            .own_rows = s->rows,
                            .out = s->nodes,
                            .own_out = s->rows,
                            .cols = held < options->dim ? held : options->dim,
                            .given = s->own,
                            .entries = s->own};
    trn_ledger_take(ledger, "vectors", s->rows * options->dim, number);
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "work", 2 * s->rows, sizeof(double));
    trn_ledger_take(ledger, "work",
                    2 * (options->threads > 0 ? options->threads : 1) * options->dim,
                    sizeof(double));
    trn_ledger_take(ledger, "work", s->features * options->feature_dim, sizeof(double));
    if (sparse && shape.products > 0) plan_first(ledger, s, options);
    if (shape.sum && shape.products > 0)
        trn_ledger_take(ledger, "work", s->rows * options->dim, number);
    if (dense > 0) {
        trn_ledger_take(ledger, "work", s->rows * options->dim, number);
        trn_spmm_take(ledger, &size);
    }
    trn_ledger_back(ledger, &before);
}
