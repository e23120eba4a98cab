/* ridge.c: targets as what rows say of them: (X^T X + l I) W = X^T T, centered. */
#include "algo/map/fit_impl.h"

#include "base/mem.h"
#include "kern/dense/lapack.h"
#include "mpi/agree.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

/* T may have any number of columns, each a regression of its own with the same factor. */
static trn_status_t check(trn_fit_t *fit) {
    TRN_TRY(trn_fit_same_rows(fit, 1));
    fit->map.out = trn_fit_cols(fit, 1);
    fit->map.has_mean = fit->map.has_bias = true;
    return TRN_OK;
}

/* Small systems, on rank 0 --------------------------------------------------------------------- */

/* Why a matrix has no factor: in what its eigenvalues say. `gram` is destroyed. */
static trn_status_t tell_rank(int64_t d, double *gram, const char *name) {
    double *values;
    TRN_TRY(trn_alloc(&values, d, sizeof *values, "eigenvalues"));
    trn_status_t status = trn_fit_eig(d, gram, values, name);
    if (status == TRN_OK)
        status = trn_fail(TRN_INPUT,
                          "%s: X^T X of %lld columns is singular, of rank %lld; give --lambda "
                          "above 0",
                          name, (long long)d, (long long)trn_fit_rank_of(d, values));
    trn_free(&values);
    return status;
}

/* r^T r = scaled gram: columns get length 1 first, for those of very different sizes are no
 * trouble by themselves. False: singular. */
static bool factorize(int64_t d, const double *gram, const double *scale, double *r, double *work) {
    static const double least = 1e-13; /* reciprocal condition: below it no digit is right */
    double norm = 0;
    for (int64_t i = 0; i < d; i++) {
        double sum = 0;
        for (int64_t j = 0; j < d; j++) {
            r[i * d + j] = gram[i * d + j] * scale[i] * scale[j];
            sum += fabs(r[i * d + j]);
        }
        norm = fmax(norm, sum);
    }
    return trn_lapack_cholesky(d, r) && trn_lapack_cholesky_condition(d, r, norm, work) >= least;
}

/* w [d x k]: row i times scale[i]. */
static void scale_rows(int64_t d, int64_t k, const double *scale, double *w) {
    for (int64_t i = 0; i < d; i++)
        for (int64_t j = 0; j < k; j++)
            w[i * k + j] *= scale[i];
}

/* With D = diag(scale): (D G D) (D^-1 w) = D b, and D G D = r^T r. */
trn_status_t trn_fit_solve(int64_t d, double *gram, double lambda, int64_t k, double *w,
                           const char *name) {
    double *r = NULL, *scale = NULL, *work = NULL;
    bool good = true;
    trn_status_t status = trn_alloc(&r, d * d, sizeof *r, "a Cholesky factor");
    if (status == TRN_OK) status = trn_alloc(&scale, d, sizeof *scale, "lengths of columns");
    if (status == TRN_OK)
        status = trn_alloc(&work, trn_lapack_invert_work(d), sizeof *work, "work of DPOCON");
    TRN_OR(done, status);
    for (int64_t i = 0; i < d; i++) {
        gram[i * d + i] += lambda;
        good = good && isfinite(gram[i * d + i]);
        scale[i] = gram[i * d + i] > 0 ? 1 / sqrt(gram[i * d + i]) : 0;
    }
    if (!good) {
        status = trn_fail(TRN_NUMERIC, "%s: X^T X is not finite; the numbers are too large", name);
    } else if (!factorize(d, gram, scale, r, work)) {
        status = tell_rank(d, gram, name);
    } else {
        scale_rows(d, k, scale, w);
        cblas_dtrsm(CblasRowMajor, CblasLeft, CblasUpper, CblasTrans, CblasNonUnit, (int)d, (int)k,
                    1, r, (int)d, w, (int)k);
        cblas_dtrsm(CblasRowMajor, CblasLeft, CblasUpper, CblasNoTrans, CblasNonUnit, (int)d,
                    (int)k, 1, r, (int)d, w, (int)k);
        scale_rows(d, k, scale, w);
    }
done:
    trn_free(&r);
    trn_free(&scale);
    trn_free(&work);
    return status;
}

void trn_fit_solve_plan(int64_t d, int rank, trn_ledger_t *ledger) {
    if (rank == 0)
        trn_ledger_pass(ledger, "work", d * d + d + trn_lapack_invert_work(d), sizeof(double));
}

/* Passes over the rows ------------------------------------------------------------------------- */

/* Both become centered. means [in + out] as they are. Collective. */
static trn_status_t center(trn_fit_t *fit, trn_tall_t x, trn_tall_t t, double *means) {
    int rank;
    int64_t d = fit->map.in, k = fit->map.out;
    MPI_Comm_rank(fit->comm, &rank);
    TRN_TRY(trn_tall_center(x, means));
    TRN_TRY(trn_tall_center(t, means + d));
    if (rank != 0) return TRN_OK;
    memcpy(fit->map.mean, means, sizeof *means * (size_t)d);
    memcpy(fit->map.bias, means + d, sizeof *means * (size_t)k);
    return TRN_OK;
}

/* How much of the targets is met. Collective. */
static trn_status_t measure(trn_fit_t *fit, trn_tall_t x, trn_tall_t t) {
    double squares[2];
    TRN_TRY(trn_map_share(&fit->map, fit->comm));
    TRN_TRY(trn_fit_residual(x, t, fit->map.matrix, squares));
    TRN_TRY(trn_fit_check_residual(fit, squares));
    trn_fit_note(fit, "residual", sqrt(squares[0]));
    if (squares[1] > 0) trn_fit_note(fit, "explained_total", 1 - squares[0] / squares[1]);
    return TRN_OK;
}

/* Collective. */
static trn_status_t run(trn_fit_t *fit) {
    trn_tall_t x = fit->in[0]->tall, t = fit->in[1]->tall;
    int64_t d = fit->map.in, k = fit->map.out;
    double *gram = NULL, *cross = NULL, *means = NULL;
    int rank;
    MPI_Comm_rank(fit->comm, &rank);
    trn_status_t status = trn_alloc(&means, d + k, sizeof *means, "column means");
    if (status == TRN_OK) status = trn_alloc(&cross, d * k, sizeof *cross, "products");
    TRN_OR(done, trn_agree(fit->comm, status));
    TRN_OR(done, trn_fit_allocate(fit));
    TRN_OR(done, center(fit, x, t, means));
    TRN_OR(done, trn_fit_gram(fit, x, &gram));
    TRN_OR(done, trn_tall_cross(x, t, cross));
    for (int i = 0; i < 2; i++)
        TRN_OR(done, trn_tall_in_outcome(fit->in[i], TRN_OK));
    if (rank == 0) {
        memcpy(fit->map.matrix, cross, sizeof *cross * (size_t)(d * k));
        trn_fit_clear(d, gram, means, trn_fit_rows(fit, 0));
        status =
            trn_fit_solve(d, gram, fit->options.lambda, k, fit->map.matrix, fit->in[0]->in.path);
    }
    TRN_OR(done, trn_agree(fit->comm, status));
    trn_free(&gram);
    trn_free(&cross);
    status = measure(fit, x, t);
done:
    trn_free(&gram);
    trn_free(&cross);
    trn_free(&means);
    return status;
}

static void plan(const trn_fit_t *fit, int ranks, int rank, trn_ledger_t *ledger) {
    int64_t rows = trn_fit_rows(fit, 0), d = fit->map.in, k = fit->map.out;
    trn_fit_allocate_plan(fit, rank, ledger);
    trn_ledger_take(ledger, "work", 2 * (d + k), sizeof(double));
    trn_ledger_pass(ledger, "work", trn_tall_rows(rows, ranks, rank), sizeof(double));
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "work", d * k, sizeof(double));
    trn_fit_gram_plan(fit, rows, d, ranks, rank, ledger);
    trn_tall_cross_plan(ledger, rows, d, k, ranks, rank);
    trn_fit_solve_plan(d, rank, ledger);
    trn_ledger_back(ledger, &before);
    if (rank != 0) trn_ledger_take(ledger, "map", trn_map_numbers(&fit->map), sizeof(double));
    trn_fit_residual_plan(rows, k, ranks, rank, ledger);
}

/* Least and most matrices, what they are, options, whether a few passes do. */
const trn_fit_kind_t trn_fit_ridge = {"ridge", 2, 2, "X T", "lambda", false, check, run, plan};
