/* fit_parts.c: what kinds of maps share: checks of sizes, Gram matrices and what is in them, and
 * what a map leaves of its targets. */
#include "algo/map/fit_impl.h"

#include "algo/matrix/gram.h"
#include "algo/matrix/spectral/tall_orthonormal.h"
#include "base/mem.h"
#include "kern/dense/gemm.h"
#include "mpi/agree.h"
#include "mpi/reduce.h"

#include <math.h>

/* Checks --------------------------------------------------------------------------------------- */

static const char *path_of(const trn_fit_t *fit, int at) {
    return fit->in[at]->in.path;
}

trn_status_t trn_fit_same_rows(const trn_fit_t *fit, int at) {
    if (trn_fit_rows(fit, at) == trn_fit_rows(fit, 0)) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: has %lld rows, but %s has %lld; rows go in pairs",
                    path_of(fit, at), (long long)trn_fit_rows(fit, at), path_of(fit, 0),
                    (long long)trn_fit_rows(fit, 0));
}

trn_status_t trn_fit_same_cols(const trn_fit_t *fit, int at) {
    if (trn_fit_cols(fit, at) == trn_fit_cols(fit, 0)) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: has %lld columns, but %s has %lld", path_of(fit, at),
                    (long long)trn_fit_cols(fit, at), path_of(fit, 0),
                    (long long)trn_fit_cols(fit, 0));
}

trn_status_t trn_fit_rank(const trn_fit_t *fit, int64_t most, const char *what, int64_t *rank) {
    *rank = fit->options.rank ? fit->options.rank : most;
    if (*rank <= most) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: --rank %lld: there are %lld %s at most", path_of(fit, 0),
                    (long long)*rank, (long long)most, what);
}

trn_status_t trn_fit_allocate(trn_fit_t *fit) {
    int rank;
    MPI_Comm_rank(fit->comm, &rank);
    return trn_agree(fit->comm, rank == 0 ? trn_map_allocate(&fit->map) : TRN_OK);
}

void trn_fit_allocate_plan(const trn_fit_t *fit, int rank, trn_ledger_t *ledger) {
    if (rank == 0) trn_ledger_take(ledger, "map", trn_map_numbers(&fit->map), sizeof(double));
}

/* Names are literals; more figures than there is room for would be a fault of a kind. */
void trn_fit_note(trn_fit_t *fit, const char *name, double value) {
    if (fit->figures == TRN_FIT_FIGURES) return;
    fit->figure[fit->figures].name = name;
    fit->figure[fit->figures++].value = value;
}

/* Gram matrices and what is in them ------------------------------------------------------------ */

/* The largest number by size. Collective. */
static double largest(trn_tall_t x) {
    int64_t block = trn_tall_first_block(x);
    double most = 0;
    trn_view_t rows;
    for (int64_t at = 0; at < x.block.rows; at += rows.rows) {
        rows = trn_tall_block_rows(x, block++);
        for (int64_t i = 0; i < rows.rows; i++)
            for (int64_t j = 0; j < rows.cols; j++)
                most = fmax(most, fabs(((const double *)rows.data)[i * rows.stride + j]));
    }
    MPI_Allreduce(MPI_IN_PLACE, &most, 1, MPI_DOUBLE, MPI_MAX, x.comm);
    return most;
}

/* Squares that are zero, or have lost digits, of numbers that are not. Collective. */
static trn_status_t check_squares(const trn_fit_t *fit, trn_tall_t x, const double *gram) {
    static const double least = 1e-280;
    double trace = 0;
    for (int64_t j = 0; gram && j < x.block.cols; j++)
        trace += gram[j * x.block.cols + j];
    MPI_Bcast(&trace, 1, MPI_DOUBLE, 0, x.comm);
    if (!(trace < least) || largest(x) == 0) return TRN_OK;
    return trn_fail(TRN_NUMERIC,
                    "%s: squares of its numbers are too small for float64; scale it up first "
                    "(transform --scale)",
                    fit->in[0]->in.path);
}

trn_status_t trn_fit_gram(const trn_fit_t *fit, trn_tall_t x, double **gram) {
    int rank;
    int64_t n = x.block.cols;
    MPI_Comm_rank(fit->comm, &rank);
    *gram = NULL;
    TRN_AGREE(fit->comm,
              rank == 0 ? trn_alloc(gram, n * n, sizeof **gram, "a Gram matrix") : TRN_OK);
    trn_view_t whole = {TRN_MATRIX_F64, rank == 0 ? n : 0, n, n, *gram};
    TRN_TRY(trn_gram(x, 0, whole, fit->threads));
    return check_squares(fit, x, *gram);
}

void trn_fit_gram_plan(const trn_fit_t *fit, int64_t rows, int64_t n, int ranks, int rank,
                       trn_ledger_t *ledger) {
    (void)fit;
    if (rank == 0) trn_ledger_take(ledger, "work", n * n, sizeof(double));
    trn_gram_plan(ledger, rows, n, TRN_MATRIX_F64, ranks, rank);
}

/* A sum of a few thousand equal numbers is off by a few ten roundings. */
void trn_fit_clear(int64_t n, double *gram, const double *mean, int64_t rows) {
    static const double rounding = 5e-14;
    for (int64_t j = 0; j < n; j++) {
        if (!(sqrt(gram[j * n + j] / (double)rows) <= rounding * fabs(mean[j]))) continue;
        for (int64_t k = 0; k < n; k++)
            gram[j * n + k] = gram[k * n + j] = 0;
    }
}

/* Entry of largest size, the first of several, becomes positive. */
static void fix_sign(int64_t n, double *vector) {
    int64_t best = 0;
    for (int64_t j = 1; j < n; j++)
        if (fabs(vector[j]) > fabs(vector[best])) best = j;
    for (int64_t j = 0; j < n && vector[best] < 0; j++)
        if (j != best) vector[j] = -vector[j];
    vector[best] = fabs(vector[best]);
}

/* Equal values have any vectors that span their space; LAPACK of one rank decides. */
trn_status_t trn_fit_eig(int64_t n, double *gram, double *values, const char *what) {
    TRN_TRY(trn_tall_eig(MPI_COMM_SELF, n, gram, values, what));
    for (int64_t i = 0; i < n; i++)
        fix_sign(n, gram + i * n);
    return TRN_OK;
}

void trn_fit_eig_plan(int64_t n, int rank, trn_ledger_t *ledger) {
    if (rank == 0) trn_tall_eig_plan(ledger, n, 0);
}

/* Rounding of a sum of squares is about 1e-15 of the largest value: three digits are left to be
 * sure. */
int64_t trn_fit_rank_of(int64_t n, const double *values) {
    static const double least = 1e-12;
    int64_t rank = 0;
    for (int64_t i = 0; i < n; i++)
        rank += values[i] > least * values[n - 1] && values[i] > 0;
    return rank;
}

/* What a map leaves ---------------------------------------------------------------------------- */

typedef struct left {
    trn_tall_t x, t;
    const double *m;
    double *image; /* [block x t.cols] */
} left_t;

/* One block's part: a leaf of the tree. */
static void left_of(void *user, int64_t block, double *values) {
    const left_t *left = user;
    trn_view_t x = trn_tall_block_rows(left->x, block), t = trn_tall_block_rows(left->t, block);
    trn_gemm_f64(x.rows, t.cols, x.cols, (trn_factor_t){x.data, x.stride, false}, left->m, 0,
                 left->image);
    values[0] = values[1] = 0;
    for (int64_t i = 0; i < t.rows; i++)
        for (int64_t j = 0; j < t.cols; j++) {
            double wanted = ((const double *)t.data)[i * t.stride + j];
            double off = left->image[i * t.cols + j] - wanted;
            values[0] += off * off;
            values[1] += wanted * wanted;
        }
}

trn_status_t trn_fit_residual(trn_tall_t x, trn_tall_t t, const double *m, double squares[2]) {
    int64_t block = trn_tall_block(x.rows), blocks = (x.rows + block - 1) / block;
    int64_t numbers = (block < x.rows ? block : x.rows) * t.block.cols;
    left_t left = {x, t, m, NULL};
    trn_status_t status =
        trn_agree(x.comm, trn_alloc(&left.image, numbers, sizeof(double), "rows of a map"));
    if (status == TRN_OK) status = trn_reduce_tree(x.comm, blocks, 2, left_of, &left, squares);
    trn_free(&left.image);
    return status;
}

trn_status_t trn_fit_check_residual(const trn_fit_t *fit, const double squares[2]) {
    if (isfinite(squares[0]) && isfinite(squares[1])) return TRN_OK;
    return trn_fail(TRN_NUMERIC,
                    "%s: squares of its numbers, or of %s, are too large for float64; scale it "
                    "down first (transform --scale)",
                    fit->in[0]->in.path, fit->in[1]->in.path);
}

void trn_fit_residual_plan(int64_t rows, int64_t cols, int ranks, int rank, trn_ledger_t *ledger) {
    int64_t block = trn_tall_block(rows);
    (void)ranks, (void)rank;
    trn_ledger_pass(ledger, "work", (block < rows ? block : rows) * cols, sizeof(double));
}
