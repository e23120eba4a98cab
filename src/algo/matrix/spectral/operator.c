/* operator.c: a matrix, dense or sparse, as products with blocks of columns; centered and deflated
 * without touching its numbers. */
#include "algo/matrix/spectral/operator.h"

#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/sparse/sparse_ops.h"
#include "mpi/sparse/spmm.h"

#include <math.h>
#include <string.h>

/* One of the two products of a sparse matrix, planned for blocks of `width` columns. */
typedef struct route {
    const trn_sparse_t *sparse; /* this rank's rows */
    int64_t rows, cols, width;  /* of the whole matrix; 0: no plan yet */
    trn_dist_t *dist_x, *dist_y;
    trn_matrix_t *x, *y;
    trn_spmm_plan_t *plan;
} route_t;

struct trn_operator {
    MPI_Comm comm;
    int64_t rows, cols; /* of the matrix as it was given */
    bool flipped;
    trn_tall_t dense;           /* borrowed */
    const trn_sparse_t *sparse; /* borrowed; NULL if dense */
    trn_sparse_t *transpose;    /* this rank's rows of the transposed sparse matrix */
    route_t route[2];           /* A x, A^T x */
    trn_tall_t mean;            /* [cols x 1], if centered */
    trn_tall_t away; /* [cols x any], orthonormal, borrowed: directions that are cut off */
};

/* Borrows the matrix. Local. */
trn_status_t trn_operator_dense(trn_operator_t **op, trn_tall_t matrix) {
    TRN_TRY(trn_alloc_zero(op, 1, sizeof **op, "an operator"));
    (*op)->comm = matrix.comm;
    (*op)->rows = matrix.rows;
    (*op)->cols = matrix.block.cols;
    (*op)->dense = matrix;
    return TRN_OK;
}

/* Column numbers are int32 in both directions. */
static trn_status_t plan_sparse(trn_operator_t **op, trn_dist_t **dist, MPI_Comm comm, int64_t rows,
                                int64_t cols) {
    *op = NULL;
    *dist = NULL;
    if (rows > INT32_MAX || cols > INT32_MAX)
        return trn_fail(TRN_USAGE, "a sparse matrix of %lld x %lld: at most 2^31 - 1 either way",
                        (long long)rows, (long long)cols);
    TRN_TRY(trn_alloc_zero(op, 1, sizeof **op, "an operator"));
    return trn_tall_dist(dist, comm, cols, rows);
}

trn_status_t trn_operator_sparse(trn_operator_t **op, MPI_Comm comm, int64_t rows, int64_t cols,
                                 const trn_sparse_t *sparse) {
    trn_dist_t *dist;
    trn_status_t status = trn_agree(comm, plan_sparse(op, &dist, comm, rows, cols));
    if (status == TRN_OK) {
        **op = (trn_operator_t){.comm = comm, .rows = rows, .cols = cols, .sparse = sparse};
        status = trn_sparse_transpose_all(comm, sparse, dist, &(*op)->transpose);
    }
    if (status == TRN_OK) {
        (*op)->route[0] = (route_t){.sparse = sparse, .rows = rows, .cols = cols};
        (*op)->route[1] = (route_t){.sparse = (*op)->transpose, .rows = cols, .cols = rows};
    }
    trn_dist_destroy(&dist);
    if (status != TRN_OK) trn_operator_destroy(op);
    return status;
}

static void route_close(route_t *route) {
    trn_spmm_plan_destroy(&route->plan);
    trn_matrix_destroy(&route->x);
    trn_matrix_destroy(&route->y);
    trn_dist_destroy(&route->dist_x);
    trn_dist_destroy(&route->dist_y);
    route->width = 0;
}

void trn_operator_destroy(trn_operator_t **op) {
    if (!*op) return;
    route_close(&(*op)->route[0]);
    route_close(&(*op)->route[1]);
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

/* Of rank `rank` of `ranks`, with so many entries of the matrix. */
static trn_spmm_size_t size_of(int64_t in, int64_t out, int64_t entries, int64_t width, int ranks,
                               int rank) {
    return (trn_spmm_size_t){.ranks = ranks,
                             .type = TRN_MATRIX_F64,
                             .rows = in,
                             .own_rows = trn_tall_rows(in, ranks, rank),
                             .out = out,
                             .own_out = trn_tall_rows(out, ranks, rank),
                             .cols = width,
                             .given = entries,
                             .entries = entries};
}

static trn_spmm_size_t route_size(const route_t *route, MPI_Comm comm, int64_t width) {
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    return size_of(route->cols, route->rows, trn_sparse_count(route->sparse), width, ranks, rank);
}

/* Plan for blocks of `width` columns. Collective. */
static trn_status_t route_open(route_t *route, MPI_Comm comm, int64_t width) {
    trn_dist_t *bands = NULL;
    route_close(route);
    trn_status_t status = trn_tall_dist(&bands, comm, route->rows, route->cols);
    if (status == TRN_OK) status = trn_tall_dist(&route->dist_x, comm, route->cols, width);
    if (status == TRN_OK) status = trn_tall_dist(&route->dist_y, comm, route->rows, width);
    TRN_OR(done, trn_agree(comm, status));
    TRN_OR(done, trn_matrix_create(&route->x, comm, TRN_MATRIX_F64, route->dist_x));
    TRN_OR(done, trn_matrix_create(&route->y, comm, TRN_MATRIX_F64, route->dist_y));
    trn_spmm_size_t size = route_size(route, comm, width);
    trn_spmm_options_t options = {.halo = trn_spmm_halo_guess(&size)};
    TRN_OR(done, trn_spmm_plan_create(&route->plan, comm, &options, route->sparse, bands,
                                      TRN_MATRIX_F64, route->dist_x, route->dist_y));
    route->width = width;
done:
    trn_dist_destroy(&bands);
    if (status != TRN_OK) route_close(route);
    return status;
}

static void copy(trn_view_t from, trn_view_t to) {
    for (int64_t i = 0; i < from.rows; i++)
        memcpy((double *)to.data + i * to.stride, (const double *)from.data + i * from.stride,
               sizeof(double) * (size_t)from.cols);
}

/* y = A x, or A^T x, of a sparse matrix; sums run along rows. Collective. */
static trn_status_t product_sparse(route_t *route, MPI_Comm comm, trn_tall_t x, trn_tall_t y) {
    if (route->width != x.block.cols) TRN_TRY(route_open(route, comm, x.block.cols));
    copy(x.block, trn_matrix_block(route->x));
    TRN_TRY(trn_spmm_execute(route->plan, 1, route->x, 0, route->y));
    copy(trn_matrix_block(route->y), y.block);
    return TRN_OK;
}

/* y = A x of a dense matrix. Collective. */
static trn_status_t along_rows(const trn_operator_t *op, trn_tall_t x, trn_tall_t y) {
    double *all;
    trn_status_t status = trn_agree(
        op->comm, trn_alloc(&all, x.rows * x.block.cols, sizeof *all, "a block of vectors"));
    if (status == TRN_OK) status = trn_tall_gather(x, all);
    if (status == TRN_OK) trn_tall_multiply(1, op->dense, all, x.block.cols, 0, y);
    trn_free(&all);
    return status;
}

/* y = A^T x of a dense matrix. Collective. */
static trn_status_t across_rows(const trn_operator_t *op, trn_tall_t x, trn_tall_t y) {
    int rank;
    int64_t cols = x.block.cols;
    double *all;
    trn_status_t status =
        trn_agree(op->comm, trn_alloc(&all, op->cols * cols, sizeof *all, "a block of vectors"));
    if (status == TRN_OK) status = trn_tall_cross(op->dense, x, all);
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

/* A x or A^T x of the matrix as it was given. */
static trn_status_t product(trn_operator_t *op, bool transposed, trn_tall_t x, trn_tall_t y) {
    if (op->sparse) return product_sparse(&op->route[transposed], op->comm, x, y);
    return transposed ? across_rows(op, x, y) : along_rows(op, x, y);
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

static trn_status_t centered_product(trn_operator_t *op, bool transposed, trn_tall_t x,
                                     trn_tall_t y) {
    TRN_TRY(product(op, transposed, x, y));
    return op->mean.block.cols > 0 ? take_off(op, transposed, x, y) : TRN_OK;
}

/* x loses what it has along the directions that are cut off. Collective. */
static trn_status_t cut_off(const trn_operator_t *op, trn_tall_t x) {
    double *along;
    trn_status_t status =
        trn_agree(op->comm, trn_alloc(&along, op->away.block.cols * x.block.cols, sizeof *along,
                                      "directions that are cut off"));
    if (status == TRN_OK) status = trn_tall_cross(op->away, x, along);
    if (status == TRN_OK) trn_tall_multiply(-1, op->away, along, x.block.cols, 1, x);
    trn_free(&along);
    return status;
}

/* A (I - V V^T), and its transpose (I - V V^T) A^T. Collective. */
static trn_status_t deflated_product(trn_operator_t *op, bool transposed, trn_tall_t x,
                                     trn_tall_t y) {
    if (transposed) {
        TRN_TRY(centered_product(op, true, x, y));
        return cut_off(op, y);
    }
    trn_tall_t beside;
    trn_status_t status =
        trn_agree(op->comm, trn_tall_create(&beside, op->comm, x.rows, x.block.cols));
    if (status == TRN_OK) {
        copy(x.block, beside.block);
        status = cut_off(op, beside);
    }
    if (status == TRN_OK) status = centered_product(op, false, beside, y);
    trn_tall_free(&beside);
    return status;
}

/* A flipped operator is its transpose: callers see the long side as rows. */
trn_status_t trn_operator_apply(trn_operator_t *op, bool transposed, trn_tall_t x, trn_tall_t y) {
    transposed = transposed != op->flipped;
    return op->away.block.cols > 0 ? deflated_product(op, transposed, x, y)
                                   : centered_product(op, transposed, x, y);
}

void trn_operator_deflate(trn_operator_t *op, trn_tall_t directions) {
    op->away = directions;
}

/* The means are A^T 1 / rows. The matrix is not filled up: what they take off is of rank one, and
 * taken off the product. */
trn_status_t trn_operator_center(trn_operator_t *op) {
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

/* Plans ---------------------------------------------------------------------------------------- */

void trn_operator_plan(trn_ledger_t *ledger, const trn_operator_size_t *s, int ranks, int rank) {
    enum { ENTRY = sizeof(int32_t) + sizeof(double) };
    int64_t own = trn_tall_rows(s->cols, ranks, rank);
    if (s->sparse) trn_sparse_move_take(ledger, "matrix", s->back, own, ENTRY);
    if (!s->center) return;
    trn_ledger_pass(ledger, "work", trn_tall_rows(s->rows, ranks, rank), sizeof(double));
    trn_ledger_take(ledger, "work", own, sizeof(double));
}

/* A route open for blocks of `width` columns: x of `in` rows, y of `out`. */
static void route_plan(trn_ledger_t *ledger, int64_t in, int64_t out, int64_t entries,
                       int64_t width, int ranks, int rank) {
    trn_spmm_size_t size = size_of(in, out, entries, width, ranks, rank);
    trn_ledger_take(ledger, "product", (size.own_rows + size.own_out) * width, sizeof(double));
    trn_spmm_take(ledger, &size);
}

void trn_operator_routes_plan(trn_ledger_t *ledger, const trn_operator_size_t *s, int64_t width,
                              int ranks, int rank) {
    if (!s->sparse) return;
    route_plan(ledger, s->cols, s->rows, s->entries, width, ranks, rank);
    route_plan(ledger, s->rows, s->cols, s->back, width, ranks, rank);
}

void trn_operator_apply_plan(trn_ledger_t *ledger, const trn_operator_size_t *s, int64_t width,
                             int64_t away, int ranks, int rank) {
    trn_ledger_t before = *ledger;
    if (away > 0) {
        trn_ledger_take(ledger, "work", trn_tall_rows(s->cols, ranks, rank) * width,
                        sizeof(double));
        trn_ledger_take(ledger, "work", away * width, sizeof(double));
        trn_tall_cross_plan(ledger, s->cols, away, width, ranks, rank);
    }
    trn_operator_routes_plan(ledger, s, width, ranks, rank);
    if (!s->sparse) {
        trn_ledger_take(ledger, "work", s->cols * width, sizeof(double));
        trn_tall_cross_plan(ledger, s->rows, s->cols, width, ranks, rank);
    }
    if (s->center)
        trn_ledger_pass(ledger, "work", trn_tall_rows(s->rows, ranks, rank) + width,
                        sizeof(double));
    trn_ledger_back(ledger, &before);
}
