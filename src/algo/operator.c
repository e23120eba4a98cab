#include "algo/operator.h"

#include "base/mem.h"
#include "mpi/agree.h"

#include <math.h>
#include <string.h>

struct trn_operator {
    MPI_Comm comm;
    int64_t rows, cols; /* of the matrix as it was given */
    bool flipped;
    trn_tall_t dense;           /* borrowed */
    const trn_sparse_t *sparse; /* borrowed; NULL if dense */
    trn_sparse_t *transpose;    /* this rank's rows of the transposed sparse matrix */
    trn_tall_t mean;            /* [cols x 1], if centred */
};

trn_status_t trn_operator_dense(trn_operator_t **op, trn_tall_t matrix) {
    TRN_TRY(trn_alloc_zero(op, 1, sizeof **op, "an operator"));
    (*op)->comm = matrix.comm;
    (*op)->rows = matrix.rows;
    (*op)->cols = matrix.block.cols;
    (*op)->dense = matrix;
    return TRN_OK;
}

/* The entries of a block, row and column changed about. */
static void turn(const trn_sparse_t *sparse, trn_triplet_t *turned) {
    trn_extent_t extent = trn_sparse_extent(sparse);
    const int64_t *start = trn_sparse_start(sparse);
    for (int64_t i = 0; i < extent.rows; i++)
        for (int64_t e = start[i]; e < start[i + 1]; e++)
            turned[e] = (trn_triplet_t){extent.first_col + trn_sparse_column(sparse)[e],
                                        extent.first_row + i, trn_sparse_value(sparse, e)};
}

static trn_status_t plan_sparse(trn_operator_t **op, trn_dist_t **dist, trn_triplet_t **turned,
                                MPI_Comm comm, int64_t rows, int64_t cols,
                                const trn_sparse_t *sparse) {
    *op = NULL;
    *dist = NULL;
    *turned = NULL;
    if (rows > INT32_MAX || cols > INT32_MAX)
        return trn_fail(TRN_USAGE, "a sparse matrix of %lld x %lld: at most 2^31 - 1 either way",
                        (long long)rows, (long long)cols);
    TRN_TRY(trn_alloc_zero(op, 1, sizeof **op, "an operator"));
    TRN_TRY(trn_tall_dist(dist, comm, cols, rows));
    TRN_TRY(trn_alloc(turned, trn_sparse_count(sparse), sizeof **turned, "entries to transpose"));
    turn(sparse, *turned);
    return TRN_OK;
}

trn_status_t trn_operator_sparse(trn_operator_t **op, MPI_Comm comm, int64_t rows, int64_t cols,
                                 const trn_sparse_t *sparse) {
    enum { BATCH = 1 << 18 };
    trn_dist_t *dist;
    trn_triplet_t *turned;
    trn_status_t status =
        trn_agree(comm, plan_sparse(op, &dist, &turned, comm, rows, cols, sparse));
    if (status == TRN_OK) {
        **op = (trn_operator_t){.comm = comm, .rows = rows, .cols = cols, .sparse = sparse};
        status = trn_sparse_distribute(&(*op)->transpose, comm, TRN_SPARSE_F64, dist,
                                       trn_sparse_count(sparse), turned, BATCH);
    }
    trn_free(&turned);
    trn_dist_destroy(&dist);
    if (status != TRN_OK) trn_operator_destroy(op);
    return status;
}

void trn_operator_destroy(trn_operator_t **op) {
    if (!*op) return;
    trn_sparse_destroy(&(*op)->transpose);
    trn_tall_free(&(*op)->mean);
    trn_free(op);
}

void trn_operator_flip(trn_operator_t *op) {
    op->flipped = !op->flipped;
}

trn_tall_t trn_operator_mean(const trn_operator_t *op) {
    return op->mean;
}

int64_t trn_operator_rows(const trn_operator_t *op) {
    return op->flipped ? op->cols : op->rows;
}

int64_t trn_operator_cols(const trn_operator_t *op) {
    return op->flipped ? op->rows : op->cols;
}

MPI_Comm trn_operator_comm(const trn_operator_t *op) {
    return op->comm;
}

/* Products ------------------------------------------------------------------------------------- */

/* y = band x, where all of x [columns x y.cols] is here; sums run along rows. */
static void times_sparse(const trn_sparse_t *band, const double *x, trn_view_t y) {
    const int64_t *start = trn_sparse_start(band);
    const int32_t *column = trn_sparse_column(band);
    const double *value = trn_sparse_values(band);
    for (int64_t i = 0; i < y.rows; i++) {
        double *sum = (double *)y.data + i * y.stride;
        memset(sum, 0, sizeof *sum * (size_t)y.cols);
        for (int64_t e = start[i]; e < start[i + 1]; e++) {
            const double *row = x + column[e] * y.cols;
            for (int64_t j = 0; j < y.cols; j++)
                sum[j] += value[e] * row[j];
        }
    }
}

/* y = A x, or A^T x of a sparse matrix. Collective. */
static trn_status_t along_rows(const trn_operator_t *op, bool transposed, trn_tall_t x,
                               trn_tall_t y) {
    double *all;
    TRN_AGREE(op->comm, trn_alloc(&all, x.rows * x.block.cols, sizeof *all, "a block of vectors"));
    trn_status_t status = trn_tall_gather(x, all);
    if (status == TRN_OK) {
        if (op->sparse)
            times_sparse(transposed ? op->transpose : op->sparse, all, y.block);
        else
            trn_tall_multiply(1, op->dense, all, x.block.cols, 0, y);
    }
    trn_free(&all);
    return status;
}

/* y = A^T x of a dense matrix. Collective. */
static trn_status_t across_rows(const trn_operator_t *op, trn_tall_t x, trn_tall_t y) {
    int rank;
    int64_t cols = x.block.cols;
    double *all;
    TRN_AGREE(op->comm, trn_alloc(&all, op->cols * cols, sizeof *all, "a block of vectors"));
    trn_status_t status = trn_tall_cross(op->dense, x, all);
    if (status == TRN_OK) {
        MPI_Comm_rank(op->comm, &rank);
        const double *mine = all + trn_tall_start(op->comm, op->cols, rank) * cols;
        for (int64_t i = 0; i < y.block.rows; i++)
            memcpy((double *)y.block.data + i * y.block.stride, mine + i * cols,
                   sizeof *mine * (size_t)cols);
    }
    trn_free(&all);
    return status;
}

static trn_status_t product(const trn_operator_t *op, bool transposed, trn_tall_t x, trn_tall_t y) {
    if (op->sparse || !transposed) return along_rows(op, transposed, x, y);
    return across_rows(op, x, y);
}

/* y -= u (w^T x), where u or w may be all ones: with m the means and A - 1 m^T, the pairs are
 * (1, m) for A x and (m, 1) for A^T x. Collective. */
static trn_status_t take_off(const trn_operator_t *op, bool transposed, trn_tall_t x,
                             trn_tall_t y) {
    trn_tall_t ones;
    double *weight = NULL;
    trn_tall_t reach = transposed ? x : y;
    trn_status_t status = trn_tall_create(&ones, op->comm, op->rows, 1);
    if (status == TRN_OK)
        status = trn_alloc(&weight, x.block.cols, sizeof *weight, "sums of columns");
    TRN_OR(done, trn_agree(op->comm, status));
    for (int64_t i = 0; i < reach.block.rows; i++)
        ((double *)ones.block.data)[i] = 1;
    TRN_OR(done, trn_tall_cross(transposed ? ones : op->mean, x, weight));
    trn_tall_multiply(-1, transposed ? op->mean : ones, weight, x.block.cols, 1, y);
done:
    trn_free(&weight);
    trn_tall_free(&ones);
    return status;
}

trn_status_t trn_operator_apply(const trn_operator_t *op, bool transposed, trn_tall_t x,
                                trn_tall_t y) {
    transposed = transposed != op->flipped;
    TRN_TRY(product(op, transposed, x, y));
    return op->mean.block.cols > 0 ? take_off(op, transposed, x, y) : TRN_OK;
}

trn_status_t trn_operator_centre(trn_operator_t *op) {
    trn_tall_t ones, mean;
    trn_status_t status = trn_tall_create(&ones, op->comm, op->rows, 1);
    trn_status_t other = trn_tall_create(&mean, op->comm, op->cols, 1);
    TRN_OR(done, trn_agree(op->comm, status ? status : other));
    for (int64_t i = 0; i < ones.block.rows; i++)
        ((double *)ones.block.data)[i] = 1;
    TRN_OR(done, product(op, true, ones, mean));
    for (int64_t i = 0; i < mean.block.rows; i++)
        ((double *)mean.block.data)[i] /= (double)op->rows;
    op->mean = mean;
done:
    trn_tall_free(&ones);
    if (status != TRN_OK) trn_tall_free(&mean);
    return status;
}
