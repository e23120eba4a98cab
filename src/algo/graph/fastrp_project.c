/* fastrp_project.c: U_0 = L R of fastrp.h, and its product with the adjacency where R is sparse. */
#include "algo/graph/fastrp_impl.h"

#include "base/mem.h"
#include "base/rng.h"
#include "mpi/agree.h"
#include "mpi/sparse/spgemm.h"

#include <math.h>
#include <string.h>

enum {
    STEP_NODES = 0,    /* of TRN_RNG_PROJECT: rows of R */
    STEP_FEATURES = 1, /* and of the projection of features */
    FEATURE_S = 3,     /* its density is 1/3 */
    SPARSE_BELOW = 8 /* entries in a row of U_0 for which it is kept sparse: with more, the product
                      * of dense rows, which needs no places, is as fast */
};

/* The lowest bit of a random word is the sign, the others say whether there is an entry: so a lower
 * density takes entries away and changes none. */
static void draw(uint64_t seed, uint64_t row, uint32_t step, double s, double scale, int64_t first,
                 int64_t count, double *numbers) {
    uint64_t below = (uint64_t)ceil(0x1p31 / s);
    for (int64_t column = first; column < first + count; column += 4) {
        uint32_t words[4];
        trn_rng_words(seed, row, (uint32_t)(column / 4), step, TRN_RNG_PROJECT, words);
        for (int64_t k = 0; k < 4 && column + k < first + count; k++)
            numbers[column + k - first] = words[k] >> 1 >= below ? 0
                                          : words[k] & 1         ? -scale
                                                                 : scale;
    }
}

void trn_fastrp_row(uint64_t seed, int64_t node, double s, double scale, int64_t count,
                    double *row) {
    draw(seed, (uint64_t)node, STEP_NODES, s, scale, 0, count, row);
}

int64_t trn_fastrp_random(const trn_fastrp_options_t *options) {
    return options->dim - options->feature_dim;
}

int64_t trn_fastrp_sparse(const trn_fastrp_options_t *options, int64_t nodes, int64_t given,
                          bool dense) {
    if (dense || options->feature_dim > 0) return -1;
    double s = options->sparsity > 0 ? options->sparsity : sqrt((double)nodes);
    double entries = given >= 0 ? (double)given : (double)nodes * (double)options->dim / s;
    return entries < (double)SPARSE_BELOW * (double)nodes ? (int64_t)entries : -1;
}

/* Degrees -------------------------------------------------------------------------------------- */

static double degree_of(const trn_fastrp_job_t *job, int64_t i) {
    const trn_sparse_t *a = job->in->adjacency;
    const int64_t *start = trn_sparse_start(a);
    if (job->options.neighbors || trn_sparse_type(a) == TRN_SPARSE_PATTERN)
        return (double)(start[i + 1] - start[i]);
    double sum = 0;
    for (int64_t e = start[i]; e < start[i + 1]; e++)
        sum += trn_sparse_value(a, e);
    return sum;
}

/* The power of two that is taken off all strengths changes no bit of rows of length 1, and keeps
 * them within float32. */
void trn_fastrp_degrees(trn_fastrp_job_t *job) {
    double most = 0, nothing = job->options.neighbors ? 1 : 0;
    for (int64_t i = 0; i < job->rows; i++) {
        double degree = degree_of(job, i);
        job->inverse[i] = degree > 0 ? 1 / degree : 0;
        job->strength[i] = degree > 0 ? pow(degree, job->options.alpha) : nothing;
        if (job->strength[i] > most) most = job->strength[i];
    }
    MPI_Allreduce(MPI_IN_PLACE, &most, 1, MPI_DOUBLE, MPI_MAX, job->in->comm);
    if (most > 0 && isfinite(most)) (void)frexp(most, &job->exponent);
    for (int64_t i = 0; i < job->rows; i++)
        job->strength[i] = ldexp(job->strength[i], -job->exponent);
    if (!job->property) return;
    int64_t cols = job->options.feature_dim;
    for (int64_t j = 0; j < trn_matrix_block(job->in->features).cols; j++)
        draw(job->options.seed, (uint64_t)j, STEP_FEATURES, FEATURE_S,
             sqrt(FEATURE_S / (double)cols), 0, cols, job->property + j * cols);
}

/* Rows of U_0 ---------------------------------------------------------------------------------- */

/* Columns [first, first + count) of row i of L R. */
static void random_part(const trn_fastrp_job_t *job, int64_t i, int64_t first, int64_t count,
                        double *numbers) {
    const trn_fastrp_in_t *in = job->in;
    double strength = job->strength[i];
    if (in->dense_r) {
        trn_view_t r = trn_matrix_block(in->dense_r);
        for (int64_t c = 0; c < count; c++)
            numbers[c] = strength * ((const double *)r.data)[i * r.stride + first + c];
        return;
    }
    if (!in->sparse_r) {
        double scale = sqrt(job->s / (double)trn_fastrp_random(&job->options));
        draw(job->options.seed, (uint64_t)(job->first + i), STEP_NODES, job->s, strength * scale,
             first, count, numbers);
        return;
    }
    const int64_t *start = trn_sparse_start(in->sparse_r);
    const int32_t *column = trn_sparse_column(in->sparse_r);
    memset(numbers, 0, (size_t)count * sizeof *numbers);
    for (int64_t e = start[i]; e < start[i + 1]; e++)
        if (column[e] >= first && column[e] < first + count)
            numbers[column[e] - first] = strength * trn_sparse_value(in->sparse_r, e);
}

/* Features come without the node's strength, as in GDS. */
void trn_fastrp_start_row(const trn_fastrp_job_t *job, int64_t i, double *row) {
    int64_t random = trn_fastrp_random(&job->options), cols = job->options.feature_dim;
    random_part(job, i, 0, random, row);
    if (!job->property) return;
    trn_view_t x = trn_matrix_block(job->in->features);
    memset(row + random, 0, (size_t)cols * sizeof *row);
    for (int64_t j = 0; j < x.cols; j++) {
        double feature = ((const double *)x.data)[i * x.stride + j] * ldexp(1, -job->exponent);
        for (int64_t c = 0; c < cols; c++)
            row[random + c] += feature * job->property[j * cols + c];
    }
}

void trn_fastrp_start(const trn_fastrp_job_t *job, trn_view_t u) {
    int threads = job->options.threads;
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
    for (int64_t part = 0; part < threads; part++) {
        double *row = job->space + part * 2 * u.cols;
        for (int64_t i = trn_part_start(u.rows, threads, part);
             i < trn_part_start(u.rows, threads, part + 1); i++) {
            trn_fastrp_start_row(job, i, row);
            for (int64_t c = 0; c < u.cols; c++)
                if (u.type == TRN_F32)
                    ((float *)u.data)[i * u.stride + c] = (float)row[c];
                else
                    ((double *)u.data)[i * u.stride + c] = row[c];
        }
    }
}

/* Sparse times sparse -------------------------------------------------------------------------- */

/* A slab of U_0 while it is made. */
typedef struct slab {
    int64_t first, cols;
    int64_t *start;
    int32_t *column;
    void *values;
    int64_t room_column, room_values;
} slab_t;

static int64_t value_size(const trn_fastrp_job_t *job) {
    return trn_matrix_type_size(job->options.type);
}

/* Entries of row i, which are few: room for a whole row first. */
static trn_status_t add_row(const trn_fastrp_job_t *job, slab_t *slab, int64_t i) {
    int64_t count = slab->start[i];
    TRN_TRY(trn_grow(&slab->column, &slab->room_column, count + slab->cols, sizeof *slab->column,
                     "a random projection"));
    TRN_TRY(trn_grow(&slab->values, &slab->room_values, count + slab->cols, (size_t)value_size(job),
                     "a random projection"));
    random_part(job, i, slab->first, slab->cols, job->space);
    for (int64_t c = 0; c < slab->cols; c++) {
        if (job->space[c] == 0) continue;
        slab->column[count] = (int32_t)c;
        if (job->options.type == TRN_F32)
            ((float *)slab->values)[count++] = (float)job->space[c];
        else
            ((double *)slab->values)[count++] = job->space[c];
    }
    slab->start[i + 1] = count;
    return TRN_OK;
}

static trn_status_t make_slab(const trn_fastrp_job_t *job, slab_t *slab, trn_sparse_t **out) {
    TRN_TRY(trn_alloc(&slab->start, job->rows + 1, sizeof *slab->start, "a random projection"));
    slab->start[0] = 0;
    for (int64_t i = 0; i < job->rows; i++)
        TRN_TRY(add_row(job, slab, i));
    int64_t count = slab->start[job->rows];
    TRN_TRY(trn_realloc(&slab->column, count, sizeof *slab->column, "a random projection"));
    TRN_TRY(trn_realloc(&slab->values, count, (size_t)value_size(job), "a random projection"));
    trn_status_t status =
        trn_sparse_adopt(out, job->options.type == TRN_F32 ? TRN_SPARSE_F32 : TRN_SPARSE_F64,
                         (trn_extent_t){job->first, job->rows, 0, slab->cols}, slab->start,
                         slab->column, slab->values);
    if (status == TRN_OK) slab->start = NULL, slab->column = NULL, slab->values = NULL;
    return status;
}

/* Entries of the product become numbers of u, whose other numbers are 0 already. */
static void spread(const trn_sparse_t *product, int64_t first, trn_view_t u) {
    const int64_t *start = trn_sparse_start(product);
    const int32_t *column = trn_sparse_column(product);
    for (int64_t i = 0; i < u.rows; i++)
        for (int64_t e = start[i]; e < start[i + 1]; e++) {
            int64_t at = i * u.stride + first + column[e];
            if (u.type == TRN_F32)
                ((float *)u.data)[at] = (float)trn_sparse_value(product, e);
            else
                ((double *)u.data)[at] = trn_sparse_value(product, e);
        }
}

/* Collective. */
static trn_status_t multiply_slab(const trn_fastrp_job_t *job, int64_t first, int64_t cols,
                                  trn_view_t u) {
    slab_t slab = {.first = first, .cols = cols};
    trn_sparse_t *start = NULL, *product = NULL;
    trn_spgemm_options_t options = {.threads = job->options.threads};
    trn_status_t status = trn_agree(job->in->comm, make_slab(job, &slab, &start));
    if (status == TRN_OK)
        status = trn_spgemm(job->in->comm, job->in->adjacency, start, &options, &product, NULL);
    if (status == TRN_OK) spread(product, first, u);
    trn_sparse_destroy(&product);
    trn_sparse_destroy(&start);
    trn_free(&slab.start);
    trn_free(&slab.column);
    trn_free(&slab.values);
    return status;
}

int64_t trn_fastrp_slabs(const trn_fastrp_options_t *options, int64_t nodes, int64_t edges,
                         int64_t entries) {
    trn_spgemm_size_t size = {.ranks = 1,
                              .threads = 1,
                              .rows = nodes,
                              .inner = nodes,
                              .cols = options->dim,
                              .a = edges,
                              .all_b = entries};
    int64_t number = trn_matrix_type_size(options->type);
    int64_t bytes = trn_ledger_bytes(trn_spgemm_guess(&size), (int64_t)sizeof(int32_t) + number);
    int64_t most = nodes * options->dim * number / 2 + 1;
    int64_t slabs = bytes / most + 1, quads = (options->dim + 3) / 4;
    return slabs < quads ? slabs : quads;
}

trn_status_t trn_fastrp_first(const trn_fastrp_job_t *job, trn_view_t u) {
    const trn_sparse_t *a = job->in->adjacency;
    int64_t sizes[] = {trn_sparse_count(a),
                       job->in->sparse_r ? trn_sparse_count(job->in->sparse_r) : 0};
    MPI_Allreduce(MPI_IN_PLACE, sizes, 2, MPI_INT64_T, MPI_SUM, job->in->comm);
    int64_t entries =
        trn_fastrp_sparse(&job->options, job->nodes, job->in->sparse_r ? sizes[1] : -1, false);
    int64_t slabs = trn_fastrp_slabs(&job->options, job->nodes, sizes[0], entries);
    int64_t quads = (job->options.dim + 3) / 4; /* four columns come of one draw */
    memset(u.data, 0, (size_t)(u.rows * u.stride * trn_matrix_type_size(u.type)));
    for (int64_t slab = 0; slab < slabs; slab++) {
        int64_t first = 4 * trn_part_start(quads, slabs, slab);
        int64_t end = 4 * trn_part_start(quads, slabs, slab + 1);
        if (end > job->options.dim) end = job->options.dim;
        TRN_TRY(multiply_slab(job, first, end - first, u));
    }
    return TRN_OK;
}
