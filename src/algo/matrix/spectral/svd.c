/* svd.c: singular values of any matrix: what is scaled, centered and by which method; the Gram
 * method; and what both methods end with, the way from a basis of right vectors to triplets. */
#include "algo/matrix/spectral/svd.h"

#include "algo/matrix/gram.h"
#include "algo/matrix/scale.h"
#include "algo/matrix/spectral/spread.h"
#include "algo/matrix/spectral/svd_impl.h"
#include "algo/matrix/spectral/tall_orthonormal.h"
#include "base/mem.h"
#include "kern/dense/lapack.h"
#include "mpi/agree.h"

#include <math.h>
#include <string.h>

void trn_svd_free(trn_svd_t *svd) {
    trn_free(&svd->values);
    trn_tall_free(&svd->u);
    trn_tall_free(&svd->v);
    trn_tall_free(&svd->mean);
    *svd = (trn_svd_t){0};
}

void trn_svd_swap(trn_svd_t *svd) {
    trn_tall_t u = svd->u;
    svd->u = svd->v;
    svd->v = u;
}

/* From a basis to triplets --------------------------------------------------------------------- */

/* Work space of k vectors. */
typedef struct finish {
    trn_tall_t image; /* A v, [rows x k] */
    trn_tall_t back;  /* A^T u - s v, [cols x k] */
    double *core;     /* [k x k] */
    double *left;     /* [k x k]: left vectors of the core as columns */
    double *right;    /* [k x k]: its right vectors as rows, then as columns */
    double *work;     /* of LAPACK's SVD; rank 0 */
    double *scratch;  /* [block x k] */
} finish_t;

/* All that may fail, before the messages. LAPACK's work is taken on every rank, though rank 0 alone
 * uses it: plans are then alike. */
static trn_status_t finish_create(finish_t *finish, trn_svd_t *svd, trn_operator_t *op) {
    MPI_Comm comm = trn_operator_comm(op);
    int64_t k = svd->rank, rows = trn_operator_rows(op), cols = trn_operator_cols(op);
    const char *what = "singular vectors";
    TRN_TRY(trn_alloc(&svd->values, k, sizeof(double), what));
    TRN_TRY(trn_tall_create(&svd->u, comm, rows, k));
    TRN_TRY(trn_tall_create(&finish->image, comm, rows, k));
    TRN_TRY(trn_tall_create(&finish->back, comm, cols, k));
    TRN_TRY(trn_alloc(&finish->core, k * k, sizeof(double), what));
    TRN_TRY(trn_alloc(&finish->left, k * k, sizeof(double), what));
    TRN_TRY(trn_alloc(&finish->right, k * k, sizeof(double), what));
    TRN_TRY(trn_alloc(&finish->work, trn_lapack_svd_work(k), sizeof(double), what));
    return trn_alloc(&finish->scratch, TRN_TALL_BLOCK * k, sizeof(double), what);
}

static void finish_destroy(finish_t *finish) {
    trn_tall_free(&finish->image);
    trn_tall_free(&finish->back);
    trn_free(&finish->core);
    trn_free(&finish->left);
    trn_free(&finish->right);
    trn_free(&finish->work);
    trn_free(&finish->scratch);
}

/* y = x, both of the same shape. */
static void copy(trn_tall_t x, trn_tall_t y) {
    const double *from = x.block.data;
    double *to = y.block.data;
    for (int64_t i = 0; i < x.block.rows; i++)
        for (int64_t j = 0; j < x.block.cols; j++)
            to[i * y.block.stride + j] = from[i * x.block.stride + j];
}

/* The core's singular values and vectors, by rank 0 for all. Collective. */
static trn_status_t split_core(finish_t *finish, trn_svd_t *svd, MPI_Comm comm) {
    int rank;
    int64_t k = svd->rank;
    MPI_Comm_rank(comm, &rank);
    trn_status_t status = TRN_OK;
    if (rank == 0 &&
        !trn_lapack_svd(k, finish->core, svd->values, finish->left, finish->right, finish->work))
        status = trn_fail(TRN_NUMERIC, "singular values of the core did not converge");
    TRN_AGREE(comm, status);
    MPI_Datatype row;
    MPI_Type_contiguous((int)k, MPI_DOUBLE, &row);
    MPI_Type_commit(&row);
    MPI_Bcast(svd->values, 1, row, 0, comm);
    MPI_Bcast(finish->left, (int)k, row, 0, comm);
    MPI_Bcast(finish->right, (int)k, row, 0, comm);
    MPI_Type_free(&row);
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j < i; j++) {
            double above = finish->right[j * k + i];
            finish->right[j * k + i] = finish->right[i * k + j];
            finish->right[i * k + j] = above;
        }
    return TRN_OK;
}

/* The largest |A^T u - s v| over the largest value. Collective. */
static trn_status_t measure(finish_t *finish, trn_svd_t *svd, trn_operator_t *op) {
    int64_t k = svd->rank;
    TRN_TRY(trn_operator_apply(op, true, svd->u, finish->back));
    double *back = finish->back.block.data;
    const double *v = svd->v.block.data;
    for (int64_t i = 0; i < svd->v.block.rows; i++)
        for (int64_t j = 0; j < k; j++)
            back[i * k + j] -= svd->values[j] * v[i * svd->v.block.stride + j];
    TRN_TRY(trn_tall_gram(finish->back, finish->core));
    double worst = 0;
    for (int64_t j = 0; j < k; j++)
        worst = fmax(worst, sqrt(finish->core[j * k + j]));
    svd->residual = worst > 0 ? worst / svd->values[0] : 0;
    return TRN_OK;
}

/* A v is orthonormalized to u, and the small core u^T A v split: this is a Rayleigh-Ritz step,
 * which makes of any basis of the right space the best triplets in it. */
trn_status_t trn_svd_finish(trn_svd_t *svd, trn_operator_t *op, trn_tall_t v) {
    MPI_Comm comm = trn_operator_comm(op);
    finish_t finish = {0};
    svd->rank = v.block.cols;
    svd->v = v;
    trn_status_t status = trn_agree(comm, finish_create(&finish, svd, op));
    TRN_OR(done, status);
    TRN_OR(done, trn_operator_apply(op, false, svd->v, finish.image));
    copy(finish.image, svd->u);
    TRN_OR(done, trn_tall_orthonormalize(trn_tall_cols(svd->u, 0, 0), svd->u));
    TRN_OR(done, trn_tall_cross(svd->u, finish.image, finish.core));
    TRN_OR(done, split_core(&finish, svd, comm));
    trn_tall_rotate(svd->u, svd->rank, finish.left, finish.scratch);
    trn_tall_rotate(svd->v, svd->rank, finish.right, finish.scratch);
    TRN_OR(done, measure(&finish, svd, op));
done:
    finish_destroy(&finish);
    return status;
}

/* By the Gram matrix --------------------------------------------------------------------------- */

/* As many values as the shorter side, and a Gram matrix that fits one rank. */
static trn_status_t check(trn_tall_t a, int64_t rank) {
    int64_t rows = a.rows, cols = a.block.cols, side = rows < cols ? rows : cols;
    if (rank < 1 || rank > side)
        return trn_fail(TRN_USAGE, "%lld singular values of a %lld x %lld matrix, which has %lld",
                        (long long)rank, (long long)rows, (long long)cols, (long long)side);
    if (side > TRN_SVD_GRAM_MOST)
        return trn_fail(TRN_USAGE,
                        "a %lld x %lld matrix: the Gram method takes %d rows or columns at most; "
                        "use the Krylov method",
                        (long long)rows, (long long)cols, (int)TRN_SVD_GRAM_MOST);
    return TRN_OK;
}

/* The last `k` eigenvectors, which are rows, as columns, strongest first: this rank's rows. */
static void last_rows(const double *vectors, int64_t n, trn_tall_t v) {
    int rank;
    MPI_Comm_rank(v.comm, &rank);
    int64_t first = trn_tall_start(v.comm, n, rank), k = v.block.cols;
    double *to = v.block.data;
    for (int64_t i = 0; i < v.block.rows; i++)
        for (int64_t j = 0; j < k; j++)
            to[i * v.block.stride + j] = vectors[(n - 1 - j) * n + first + i];
}

/* a has at least as many rows as columns. Collective. */
static trn_status_t by_gram(trn_svd_t *svd, trn_tall_t a, int64_t k) {
    int64_t n = a.block.cols;
    trn_operator_t *op = NULL;
    trn_tall_t v = {0};
    double *gram = NULL, *values = NULL;
    trn_status_t status = trn_operator_dense(&op, a);
    if (status == TRN_OK) status = trn_alloc(&gram, n * n, sizeof *gram, "a Gram matrix");
    if (status == TRN_OK) status = trn_alloc(&values, n, sizeof *values, "eigenvalues");
    if (status == TRN_OK) status = trn_tall_create(&v, a.comm, n, k);
    TRN_OR(done, trn_agree(a.comm, status));
    TRN_OR(done, trn_tall_gram(a, gram));
    TRN_OR(done, trn_tall_eig(a.comm, n, gram, values, "the Gram matrix"));
    last_rows(gram, n, v);
    trn_free(&gram);
    status = trn_svd_finish(svd, op, v);
    v = (trn_tall_t){0};
done:
    trn_free(&gram);
    trn_free(&values);
    trn_tall_free(&v);
    trn_operator_destroy(&op);
    return status;
}

/* Of the shorter side; a wide matrix is transposed, and u and v change places. */
trn_status_t trn_svd_gram(trn_svd_t *svd, trn_tall_t a, int64_t rank) {
    *svd = (trn_svd_t){0};
    TRN_AGREE(a.comm, check(a, rank));
    bool wide = a.rows < a.block.cols;
    trn_tall_t tall = {0};
    trn_status_t status = TRN_OK;
    if (wide) status = trn_tall_transpose(&tall, a);
    if (status == TRN_OK) status = by_gram(svd, wide ? tall : a, rank);
    trn_tall_free(&tall);
    if (wide) trn_svd_swap(svd);
    if (status == TRN_OK) trn_tall_fix_signs(svd->v, svd->u);
    if (status != TRN_OK) trn_svd_free(svd);
    return status;
}

/* Any matrix ----------------------------------------------------------------------------------- */

trn_svd_method_t trn_svd_choose(trn_svd_method_t asked, int64_t rows, int64_t cols, bool sparse) {
    if (asked != TRN_SVD_AUTO) return asked;
    int64_t side = rows < cols ? rows : cols;
    return !sparse && side <= TRN_SVD_GRAM_MOST ? TRN_SVD_GRAM : TRN_SVD_KRYLOV;
}

/* The largest number by size of this rank's rows of a dense matrix. */
static trn_status_t largest_dense(trn_tall_t x, const char *name, double *largest) {
    int64_t block = trn_tall_first_block(x), first = block * trn_tall_block(x.rows);
    trn_view_t rows;
    *largest = 0;
    for (int64_t at = 0; at < x.block.rows; at += rows.rows) {
        double here;
        rows = trn_tall_block_rows(x, block++);
        TRN_TRY(trn_largest(rows, first + at, name, &here));
        if (here > *largest) *largest = here;
    }
    return TRN_OK;
}

/* Scale the numbers so that their fourth powers stay within float64; *exponent undoes it.
 * Collective. */
static trn_status_t scale(trn_svd_matrix_t a, const char *name, int *exponent) {
    double largest;
    TRN_AGREE(a.comm, a.sparse ? trn_largest_sparse(a.sparse, name, &largest)
                               : largest_dense(a.dense, name, &largest));
    MPI_Allreduce(MPI_IN_PLACE, &largest, 1, MPI_DOUBLE, MPI_MAX, a.comm);
    *exponent = trn_scale_exponent(largest);
    if (a.sparse)
        trn_scale_sparse(a.sparse, -*exponent);
    else if (a.dense.source)
        a.dense.source->exponent = -*exponent;
    else
        trn_scale_view(a.dense.block, -*exponent);
    return TRN_OK;
}

/* The means of a dense matrix come off its numbers, and this rank keeps its part of them. A sparse
 * one is not filled up: its operator takes them off. Collective. */
static trn_status_t center(trn_svd_t *svd, trn_svd_matrix_t a, trn_operator_t *op) {
    int rank;
    double *mean = NULL;
    MPI_Comm_rank(a.comm, &rank);
    trn_status_t status = trn_tall_create(&svd->mean, a.comm, a.cols, 1);
    if (status == TRN_OK && !a.sparse)
        status = trn_alloc(&mean, a.cols, sizeof *mean, "column means");
    TRN_OR(done, trn_agree(a.comm, status));
    TRN_OR(done, a.sparse ? trn_operator_center(op) : trn_tall_center(a.dense, mean));
    const double *mine =
        a.sparse ? trn_operator_mean(op).block.data : mean + trn_tall_start(a.comm, a.cols, rank);
    memcpy(svd->mean.block.data, mine, sizeof *mine * (size_t)svd->mean.block.rows);
    status = a.sparse ? trn_spread_sparse(svd->mean, a.rows, a.sparse, &svd->spread)
                      : trn_spread_dense(a.dense, &svd->spread);
done:
    trn_free(&mean);
    return status;
}

static trn_status_t open_operator(trn_operator_t **op, trn_svd_matrix_t a) {
    return a.sparse ? trn_operator_sparse(op, a.comm, a.rows, a.cols, a.sparse)
                    : trn_agree(a.comm, trn_operator_dense(op, a.dense));
}

/* Small values --------------------------------------------------------------------------------- */

/* Both methods see squares: what is below 1e-8 of the largest value drowns in the rounding of its
 * square, and of a space of such values they bring up just any vectors. So where values that small
 * are wanted, the others are cut off, and a search beside them, in which the small ones are the
 * largest, comes down by the same factor again. */
static const double CLEAR = 1e-6;    /* values of this part of the largest are right to rounding */
static const double NOTHING = 1e-14; /* values of this part of the largest are rounding */

/* How many of the values stand clear of rounding after `stage` searches beside others. */
static int64_t count_clear(const trn_svd_t *svd, int stage) {
    int64_t count = 0;
    double least = svd->values[0] * CLEAR;
    for (int i = 0; i < stage; i++)
        least *= CLEAR;
    while (count < svd->rank && svd->values[count] >= least)
        count++;
    return count;
}

/* Vectors found beside others, made orthonormal to them. */
static trn_status_t join(trn_tall_t *joint, trn_tall_t clear, trn_tall_t found) {
    int64_t r = clear.block.cols, k = r + found.block.cols;
    TRN_TRY(trn_agree(clear.comm, trn_tall_create(joint, clear.comm, clear.rows, k)));
    copy(clear, trn_tall_cols(*joint, 0, r));
    copy(found, trn_tall_cols(*joint, r, k - r));
    return trn_tall_orthonormalize(trn_tall_cols(*joint, 0, r), trn_tall_cols(*joint, r, k - r));
}

/* Put vectors found beside the first `clear` of `svd` in the place of its others; *better unless
 * that search did not arrive. Collective. */
static trn_status_t search_beside(trn_svd_t *svd, trn_operator_t *op, int64_t clear,
                                  trn_svd_stop_t stop, bool *better) {
    enum { STEPS = 200 /* where nothing but rounding is left, no search arrives */ };
    trn_svd_t found = {0};
    trn_tall_t joint = {0}, first = trn_tall_cols(svd->v, 0, clear);
    int64_t k = svd->rank, steps = svd->steps, basis = svd->basis;
    stop.steps = stop.steps < STEPS ? stop.steps : STEPS;
    trn_operator_deflate(op, first);
    trn_status_t status = trn_svd_krylov(&found, op, k - clear, stop);
    trn_operator_deflate(op, (trn_tall_t){0});
    *better = status == TRN_OK;
    if (status == TRN_NUMERIC) return TRN_OK;
    if (status == TRN_OK) status = join(&joint, first, found.v);
    if (status == TRN_OK) {
        trn_svd_free(svd);
        status = trn_svd_finish(svd, op, joint);
        joint = (trn_tall_t){0};
        svd->steps = steps + found.steps;
        svd->basis = basis;
    }
    trn_svd_free(&found);
    trn_tall_free(&joint);
    if (status == TRN_OK) trn_tall_fix_signs(svd->v, svd->u);
    return status;
}

/* Find wanted values that the method could not see. With all vectors of the short side there is
 * nothing that could be missed. Collective. */
static trn_status_t find_small(trn_svd_t *svd, trn_operator_t *op, trn_svd_stop_t stop) {
    int64_t rows = trn_operator_rows(op), cols = trn_operator_cols(op), clear;
    bool better = svd->rank < (rows < cols ? rows : cols);
    for (int stage = 0; better && (clear = count_clear(svd, stage)) < svd->rank; stage++) {
        if (svd->values[clear] <= NOTHING * svd->values[0]) return TRN_OK;
        TRN_TRY(search_beside(svd, op, clear, stop, &better));
    }
    return TRN_OK;
}

/* All together --------------------------------------------------------------------------------- */

static trn_status_t decompose(trn_svd_t *svd, trn_svd_matrix_t a, const trn_svd_options_t *options,
                              trn_operator_t *op) {
    trn_tall_t mean;
    if (options->center) TRN_TRY(center(svd, a, op));
    double spread = svd->spread;
    mean = svd->mean;
    svd->mean = (trn_tall_t){0};
    trn_status_t status = svd->method == TRN_SVD_KRYLOV
                              ? trn_svd_krylov(svd, op, options->rank, options->stop)
                              : trn_svd_gram(svd, a.dense, options->rank);
    if (status == TRN_OK) status = find_small(svd, op, options->stop);
    svd->mean = mean;
    svd->spread = spread;
    return status;
}

trn_status_t trn_svd(trn_svd_t *svd, trn_svd_matrix_t matrix, const trn_svd_options_t *options) {
    trn_svd_method_t method =
        trn_svd_choose(options->method, matrix.rows, matrix.cols, matrix.sparse != NULL);
    trn_operator_t *op = NULL;
    trn_status_t status;
    int exponent;
    *svd = (trn_svd_t){.method = method};
    if (method == TRN_SVD_GRAM && matrix.sparse)
        return trn_fail(TRN_USAGE, "%s: the Gram method takes dense matrices", options->name);
    TRN_OR(done, scale(matrix, options->name, &exponent));
    TRN_OR(done, open_operator(&op, matrix));
    TRN_OR(done, decompose(svd, matrix, options, op));
    svd->method = method;
    status = trn_scale_back(svd->values, svd->rank, exponent, "the largest singular value");
    if (status == TRN_OK && options->center)
        status = trn_scale_back(svd->mean.block.data, svd->mean.block.rows, exponent, "a mean");
    if (status == TRN_OK) status = trn_scale_back(&svd->spread, 1, exponent, "the spread of rows");
    status = trn_agree(matrix.comm, status);
done:
    trn_operator_destroy(&op);
    if (status != TRN_OK) trn_svd_free(svd);
    return status;
}

/* Plans ---------------------------------------------------------------------------------------- */

void trn_svd_finish_plan(trn_ledger_t *ledger, const trn_operator_size_t *op, int64_t k,
                         int64_t away, int ranks, int at) {
    int64_t long_side = op->rows > op->cols ? op->rows : op->cols;
    int64_t short_side = op->rows + op->cols - long_side;
    int64_t rows = trn_tall_rows(long_side, ranks, at), cols = trn_tall_rows(short_side, ranks, at);
    trn_ledger_take(ledger, "vectors", rows * k + k, sizeof(double));
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "work", (rows + cols) * k + 3 * k * k, sizeof(double));
    trn_ledger_take(ledger, "work", trn_lapack_svd_work(k) + TRN_TALL_BLOCK * k, sizeof(double));
    trn_operator_apply_plan(ledger, op, k, away, ranks, at);
    trn_tall_orthonormalize_plan(ledger, long_side, 0, k, ranks, at);
    trn_ledger_back(ledger, &before);
}

static void gram_plan(trn_ledger_t *ledger, const trn_operator_size_t *matrix, int64_t k, int ranks,
                      int at) {
    bool wide = matrix->rows < matrix->cols;
    int64_t n = wide ? matrix->rows : matrix->cols, m = matrix->rows + matrix->cols - n;
    trn_operator_size_t tall = {.rows = m, .cols = n};
    if (wide) trn_tall_transpose_plan(ledger, n, m, ranks, at);
    trn_ledger_take(ledger, "work", n * n + n, sizeof(double));
    trn_ledger_take(ledger, "vectors", trn_tall_rows(n, ranks, at) * k, sizeof(double));
    trn_gram_plan(ledger, m, n, TRN_MATRIX_F64, ranks, at);
    trn_tall_eig_plan(ledger, n, at);
    trn_ledger_give(ledger, "work", n * n, sizeof(double));
    trn_svd_finish_plan(ledger, &tall, k, 0, ranks, at);
    trn_ledger_give(ledger, "work", n, sizeof(double));
    if (wide) trn_ledger_give(ledger, "matrix", trn_tall_rows(m, ranks, at) * n, sizeof(double));
}

void trn_svd_plan(trn_ledger_t *ledger, trn_svd_method_t method, const trn_operator_size_t *matrix,
                  int64_t k, int ranks, int at) {
    int64_t side = matrix->rows < matrix->cols ? matrix->rows : matrix->cols;
    trn_operator_size_t op = *matrix;
    trn_operator_plan(ledger, matrix, ranks, at);
    if (matrix->sparse && matrix->center) trn_spread_sparse_plan(ledger, matrix->cols);
    if (!matrix->sparse &&
        matrix->center) { /* its numbers change, and the operator does not know */
        op.center = false;
        trn_ledger_take(ledger, "work", matrix->cols, sizeof(double));
        trn_tall_cross_plan(ledger, matrix->rows, 1, matrix->cols, ranks, at);
        trn_ledger_give(ledger, "work", matrix->cols, sizeof(double));
    }
    if (method == TRN_SVD_KRYLOV)
        trn_svd_krylov_plan(ledger, &op, k, 0, ranks, at);
    else
        gram_plan(ledger, &op, k, ranks, at);
    if (k == side) return;
    trn_ledger_t before = *ledger; /* a search for small values beside those that are there */
    trn_svd_krylov_plan(ledger, &op, k, k, ranks, at);
    trn_ledger_back(ledger, &before);
}
