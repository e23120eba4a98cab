/* procrustes.c: the rotation, or reflection, that brings rows of A nearest to rows of B. */
#include "algo/map/fit_impl.h"

#include "algo/matrix/spectral/spread.h"
#include "base/mem.h"
#include "kern/dense/gemm.h"
#include "kern/dense/lapack.h"
#include "mpi/agree.h"

#include <math.h>
#include <string.h>

/* Both of one shape, for a rotation keeps the number of columns. */
static trn_status_t check(trn_fit_t *fit) {
    TRN_TRY(trn_fit_same_rows(fit, 1));
    TRN_TRY(trn_fit_same_cols(fit, 1));
    fit->map.out = fit->map.count = fit->map.in;
    fit->map.has_mean = fit->map.has_bias = fit->options.center;
    return TRN_OK;
}

/* The rotation, on rank 0 ---------------------------------------------------------------------- */

/* matrix = left right; *negative: its determinant. */
static trn_status_t join(int64_t d, const double *left, const double *right, double *matrix,
                         bool *negative) {
    double *copy = NULL, *work = NULL;
    trn_gemm_f64(d, d, d, (trn_factor_t){left, d, false}, right, 0, matrix);
    trn_status_t status = trn_alloc(&copy, d * d, sizeof *copy, "a rotation");
    if (status == TRN_OK)
        status = trn_alloc(&work, trn_lapack_invert_work(d), sizeof *work, "work of DGETRI");
    if (status == TRN_OK) {
        memcpy(copy, matrix, sizeof *copy * (size_t)(d * d));
        (void)trn_lapack_invert(d, copy, negative, work);
    }
    trn_free(&copy);
    trn_free(&work);
    return status;
}

/* cross = A^T B = U diag(values) V^T: O = U V^T; a rotation gives up the weakest direction's sign
 * for a determinant of 1. *sum = what O gains: tr(O^T A^T B). */
static trn_status_t turn(trn_fit_t *fit, double *cross, double *left, double *right, double *work,
                         double *sum) {
    int64_t d = fit->map.in;
    double *values = fit->map.values;
    bool negative;
    for (int64_t i = 0; i < d * d; i++)
        if (!isfinite(cross[i]))
            return trn_fail(TRN_NUMERIC, "%s: A^T B is not finite; the numbers are too large",
                            fit->in[0]->in.path);
    if (!trn_lapack_svd(d, cross, values, left, right, work))
        return trn_fail(TRN_NUMERIC, "%s: singular values of A^T B did not converge",
                        fit->in[0]->in.path);
    TRN_TRY(join(d, left, right, fit->map.matrix, &negative));
    *sum = 0;
    for (int64_t j = 0; j < d; j++)
        *sum += values[j];
    if (negative && fit->options.rotation) {
        for (int64_t j = 0; j < d; j++)
            right[(d - 1) * d + j] = -right[(d - 1) * d + j];
        *sum -= 2 * values[d - 1];
        TRN_TRY(join(d, left, right, fit->map.matrix, &negative));
    }
    trn_fit_note(fit, "determinant", negative ? -1 : 1);
    return TRN_OK;
}

/* O, times the scale that makes |s A O - B| least: sum of values over |A|^2. Rank 0; `cross` is
 * destroyed, left and right are [d x d]. */
static trn_status_t make(trn_fit_t *fit, double *cross, double a_squares) {
    int64_t d = fit->map.in;
    double *left = NULL, *right = NULL, *work = NULL, sum = 0, scale = 1;
    trn_status_t status = trn_alloc(&left, d * d, sizeof *left, "singular vectors");
    if (status == TRN_OK) status = trn_alloc(&right, d * d, sizeof *right, "singular vectors");
    if (status == TRN_OK)
        status = trn_alloc(&work, trn_lapack_svd_work(d), sizeof *work, "work of DGESVD");
    if (status == TRN_OK) status = turn(fit, cross, left, right, work, &sum);
    if (status == TRN_OK && fit->options.scale) {
        if (a_squares > 0)
            scale = sum / a_squares;
        else
            status = trn_fail(TRN_INPUT, "%s: all rows are %s; no scale brings them anywhere",
                              fit->in[0]->in.path, fit->options.center ? "equal" : "zero");
    }
    for (int64_t i = 0; i < d * d && status == TRN_OK; i++)
        fit->map.matrix[i] *= scale;
    if (fit->options.scale) trn_fit_note(fit, "scale", scale);
    trn_free(&left);
    trn_free(&right);
    trn_free(&work);
    return status;
}

/* Passes over the rows ------------------------------------------------------------------------- */

/* *rounding = the most that centering leaves of rows that are all equal. Collective. */
static trn_status_t center(trn_fit_t *fit, trn_tall_t a, trn_tall_t b, double *rounding) {
    int rank;
    int64_t d = fit->map.in;
    double *means;
    MPI_Comm_rank(fit->comm, &rank);
    trn_status_t status =
        trn_agree(fit->comm, trn_alloc(&means, 2 * d, sizeof *means, "column means"));
    if (status == TRN_OK) status = trn_tall_center(a, means);
    if (status == TRN_OK) status = trn_tall_center(b, means + d);
    *rounding = 0;
    for (int64_t j = 0; j < d && status == TRN_OK; j++)
        *rounding = fmax(*rounding, 5e-14 * fabs(means[j]) * sqrt((double)a.rows * (double)d));
    if (status == TRN_OK && rank == 0) {
        memcpy(fit->map.mean, means, sizeof *means * (size_t)d);
        memcpy(fit->map.bias, means + d, sizeof *means * (size_t)d);
    }
    trn_free(&means);
    return status;
}

/* What is left is measured by itself, for it may be nothing but rounding. Collective. */
static trn_status_t run(trn_fit_t *fit) {
    trn_tall_t a = fit->in[0]->tall, b = fit->in[1]->tall;
    int64_t d = fit->map.in;
    double *cross, length = 0, rounding = 0, left[2];
    int rank;
    MPI_Comm_rank(fit->comm, &rank);
    trn_status_t status = trn_agree(fit->comm, trn_alloc(&cross, d * d, sizeof *cross, "products"));
    if (status == TRN_OK) status = trn_fit_allocate(fit);
    if (status == TRN_OK && fit->options.center) status = center(fit, a, b, &rounding);
    TRN_OR(done, status);
    TRN_OR(done, trn_tall_cross(a, b, cross));
    TRN_OR(done, trn_spread_dense(a, &length));
    if (length <= rounding) length = 0;
    for (int i = 0; i < 2; i++)
        TRN_OR(done, trn_tall_in_outcome(fit->in[i], TRN_OK));
    TRN_OR(done, trn_agree(fit->comm, rank == 0 ? make(fit, cross, length * length) : TRN_OK));
    TRN_OR(done, trn_map_share(&fit->map, fit->comm));
    TRN_OR(done, trn_fit_residual(a, b, fit->map.matrix, left));
    TRN_OR(done, trn_fit_check_residual(fit, left));
    trn_fit_note(fit, "residual", sqrt(left[0]));
    trn_fit_note(fit, "relative_residual", left[1] > 0 ? sqrt(left[0] / left[1]) : 0);
done:
    trn_free(&cross);
    return status;
}

static void plan(const trn_fit_t *fit, int ranks, int rank, trn_ledger_t *ledger) {
    int64_t rows = trn_fit_rows(fit, 0), d = fit->map.in;
    trn_fit_allocate_plan(fit, rank, ledger);
    trn_ledger_take(ledger, "work", d * d + 4 * d, sizeof(double));
    trn_ledger_pass(ledger, "work", trn_tall_rows(rows, ranks, rank), sizeof(double));
    trn_tall_cross_plan(ledger, rows, d, d, ranks, rank);
    if (rank == 0)
        trn_ledger_pass(ledger, "work", 3 * d * d + trn_lapack_svd_work(d), sizeof(double));
    if (rank != 0) trn_ledger_take(ledger, "map", trn_map_numbers(&fit->map), sizeof(double));
    trn_fit_residual_plan(rows, d, ranks, rank, ledger);
}

/* Least and most matrices, what they are, options, whether a few passes do. */
const trn_fit_kind_t trn_fit_procrustes = {"procrustes", 2,     2,   "A B", "scale center rotation",
                                           false,        check, run, plan};
