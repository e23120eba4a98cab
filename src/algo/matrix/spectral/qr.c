/* qr.c: A = Q R by Cholesky's factor of the Gram matrix, twice, and by an orthonormal basis where A
 * is too close to dependent columns for that; columns at either end of float64 are scaled first. */
#include "algo/matrix/spectral/qr.h"

#include "algo/matrix/gram.h"
#include "algo/matrix/scale.h"
#include "algo/matrix/spectral/tall_orthonormal.h"
#include "base/mem.h"
#include "kern/dense/blas.h"
#include "kern/dense/lapack.h"
#include "mpi/agree.h"

#include <cblas.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Work space of n columns, all but the first two for by_basis alone. */
typedef struct work {
    double *small;   /* [n x n] */
    double *largest; /* [n]: of each column of A */
    trn_tall_t copy; /* of A */
    double *upper;   /* [n x n] */
    double *lapack;
    double *scratch; /* [block x n] */
} work_t;

static trn_status_t check(trn_tall_t a) {
    int64_t n = a.block.cols;
    if (a.rows < n)
        return trn_fail(TRN_USAGE,
                        "QR of a %lld x %lld matrix: it wants at least as many rows as columns; "
                        "give the transpose",
                        (long long)a.rows, (long long)n);
    if (n > TRN_QR_MOST)
        return trn_fail(TRN_USAGE, "QR of a %lld x %lld matrix: at most %d columns",
                        (long long)a.rows, (long long)n, (int)TRN_QR_MOST);
    return TRN_OK;
}

/* What the usual way takes; by_basis takes more when it is needed. */
static trn_status_t work_create(work_t *work, trn_tall_t a) {
    TRN_TRY(check(a));
    TRN_TRY(trn_alloc(&work->largest, a.block.cols, sizeof(double), "columns of a matrix"));
    return trn_alloc(&work->small, a.block.cols * a.block.cols, sizeof(double), "an R");
}

static trn_status_t work_extend(work_t *work, trn_tall_t a) {
    int64_t n = a.block.cols;
    const char *what = "a QR factorisation";
    TRN_TRY(trn_tall_create(&work->copy, a.comm, a.rows, n));
    TRN_TRY(trn_alloc(&work->upper, n * n, sizeof(double), what));
    TRN_TRY(trn_alloc(&work->lapack, trn_lapack_qr_work(n), sizeof(double), what));
    return trn_alloc(&work->scratch, TRN_TALL_BLOCK * n, sizeof(double), what);
}

static void work_destroy(work_t *work) {
    trn_tall_free(&work->copy);
    trn_free(&work->small);
    trn_free(&work->largest);
    trn_free(&work->upper);
    trn_free(&work->lapack);
    trn_free(&work->scratch);
}

/* Columns whose numbers have no squares in float64 are scaled by powers of two, each by its own: A
 * D = Q (R D), so that a small column is as exact as a large one. Collective. */
static void scale_columns(trn_tall_t a, double *largest) {
    int64_t n = a.block.cols;
    memset(largest, 0, sizeof *largest * (size_t)n);
    for (int64_t i = 0; i < a.block.rows; i++) {
        const double *row = (const double *)a.block.data + i * a.block.stride;
        for (int64_t j = 0; j < n; j++) /* NaN and infinity are found in the Gram matrix */
            if (fabs(row[j]) > largest[j] && isfinite(row[j])) largest[j] = fabs(row[j]);
    }
    MPI_Allreduce(MPI_IN_PLACE, largest, (int)n, MPI_DOUBLE, MPI_MAX, a.comm);
    for (int64_t j = 0; j < n; j++)
        trn_scale_view(trn_tall_cols(a, j, 1).block, -trn_scale_exponent(largest[j]));
}

static trn_status_t scale_back(int64_t n, const double *largest, double *r) {
    for (int64_t j = 0; j < n; j++)
        for (int64_t i = 0; i <= j; i++)
            TRN_TRY(
                trn_scale_back(r + i * n + j, 1, trn_scale_exponent(largest[j]), "R of A = Q R"));
    return TRN_OK;
}

/* From rank 0 to all. Collective. */
static void share(MPI_Comm comm, int64_t n, double *matrix) {
    MPI_Datatype row;
    MPI_Type_contiguous((int)n, MPI_DOUBLE, &row);
    MPI_Type_commit(&row);
    MPI_Bcast(matrix, (int)n, row, 0, comm);
    MPI_Type_free(&row);
}

/* right = left right, both [n x n] and upper triangular. */
static void multiply_upper(int64_t n, const double *left, double *right) {
    cblas_dtrmm(CblasRowMajor, CblasLeft, CblasUpper, CblasNoTrans, CblasNonUnit, (int)n, (int)n, 1,
                left, (int)n, right, (int)n);
}

/* The Cholesky factor of a Gram matrix in its place, by rank 0 for all; *good if there is one and
 * its condition, judged by its diagonal, lets CholeskyQR2 succeed. Collective. */
static trn_status_t factor(MPI_Comm comm, int64_t n, double *gram, bool *good) {
    static const double worst = 1e6;
    double low = INFINITY, high = 0;
    for (int64_t i = 0; i < n * n; i++)
        if (!isfinite(gram[i]))
            return trn_fail(TRN_NUMERIC, "QR: not finite; a number is NaN or infinite");
    *good = trn_lapack_cholesky(n, gram);
    share(comm, n, gram);
    for (int64_t i = 0; i < n; i++) {
        low = fmin(low, gram[i * n + i]);
        high = fmax(high, gram[i * n + i]);
    }
    *good = !trn_any(comm, !*good || !(high <= worst * low));
    return TRN_OK;
}

/* Cholesky twice: the second time sets right what rounding did to the first. Unless *good, a r is
 * still A. Collective. */
static trn_status_t by_cholesky(trn_tall_t a, double *r, work_t *work, bool *good) {
    int64_t n = a.block.cols;
    for (int pass = 0; pass < 2; pass++) {
        double *gram = pass == 0 ? r : work->small;
        TRN_TRY(trn_tall_gram(a, gram));
        TRN_TRY(factor(a.comm, n, gram, good));
        if (!*good && pass == 0)
            for (int64_t i = 0; i < n * n; i++)
                r[i] = i % (n + 1) == 0;
        if (!*good) return TRN_OK;
        trn_tall_solve(a, gram);
    }
    multiply_upper(n, work->small, r);
    return TRN_OK;
}

static void copy(trn_tall_t from, trn_tall_t to) {
    for (int64_t i = 0; i < from.block.rows; i++)
        memcpy((double *)to.block.data + i * to.block.stride,
               (const double *)from.block.data + i * from.block.stride,
               sizeof(double) * (size_t)from.block.cols);
}

/* Columns of Q and rows of R change sign where R's diagonal is negative. */
static void fix_signs(trn_tall_t a, double *r) {
    int64_t n = a.block.cols;
    for (int64_t i = 0; i < n; i++) {
        if (r[i * n + i] >= 0) continue;
        for (int64_t j = i; j < n; j++)
            r[i * n + j] = -r[i * n + j];
        for (int64_t k = 0; k < a.block.rows; k++) {
            double *value = (double *)a.block.data + k * a.block.stride + i;
            *value = -*value;
        }
    }
}

/* Given A = B r: Q' a basis of B's columns, M = Q'^T B = Q'' R', Q = Q' Q'', R = R' r. Collective.
 */
static trn_status_t by_basis(trn_tall_t a, double *r, work_t *work) {
    int rank;
    int64_t n = a.block.cols;
    MPI_Comm_rank(a.comm, &rank);
    TRN_AGREE(a.comm, work_extend(work, a));
    copy(a, work->copy);
    TRN_TRY(trn_tall_orthonormalize(trn_tall_cols(a, 0, 0), a));
    TRN_TRY(trn_tall_cross(a, work->copy, work->small));
    if (rank == 0) {
        trn_lapack_qr(n, work->small, work->upper, work->lapack);
        multiply_upper(n, work->upper, r);
    }
    share(a.comm, n, work->small);
    share(a.comm, n, r);
    trn_tall_rotate(a, n, work->small, work->scratch);
    fix_signs(a, r);
    return TRN_OK;
}

/* Cholesky's way is one pass over A less, and right where the condition is below about 10^6; else
 * the basis. */
trn_status_t trn_qr(trn_tall_t a, double *r, trn_qr_way_t *way) {
    work_t work = {0};
    bool good = false;
    trn_status_t status = trn_agree(a.comm, work_create(&work, a));
    if (status == TRN_OK && a.block.cols > 0) {
        scale_columns(a, work.largest);
        status = by_cholesky(a, r, &work, &good);
        if (status == TRN_OK && !good) status = by_basis(a, r, &work);
        if (status == TRN_OK) status = scale_back(a.block.cols, work.largest, r);
    }
    if (way) *way = good ? TRN_QR_CHOLESKY : TRN_QR_BASIS;
    work_destroy(&work);
    return status;
}

/* For plans, in the order in which trn_qr takes memory. */
void trn_qr_plan(trn_ledger_t *ledger, trn_qr_way_t way, int64_t rows, int64_t cols, int ranks,
                 int rank) {
    int64_t n = cols;
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "work", n * n + n, sizeof(double));
    trn_gram_plan(ledger, rows, n, TRN_MATRIX_F64, ranks, rank);
    trn_ledger_take(ledger, "libraries", trn_blas_bytes(sizeof(double), n, n), 1);
    if (way == TRN_QR_BASIS) {
        trn_ledger_take(ledger, "matrix", trn_tall_rows(rows, ranks, rank) * n, sizeof(double));
        trn_ledger_take(ledger, "work", n * n + trn_lapack_qr_work(n) + TRN_TALL_BLOCK * n,
                        sizeof(double));
        trn_tall_orthonormalize_plan(ledger, rows, 0, n, ranks, rank);
        trn_tall_cross_plan(ledger, rows, n, n, ranks, rank);
    }
    trn_ledger_back(ledger, &before);
}
