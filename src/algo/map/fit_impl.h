/* fit_impl.h: what a kind of map is, and what kinds share. */
#ifndef TRN_ALGO_MAP_FIT_IMPL_H
#define TRN_ALGO_MAP_FIT_IMPL_H

#include "algo/map/fit.h"
#include "kern/dense/gemm.h"

struct trn_fit_kind {
    const char *name;
    int least, most;      /* matrices */
    const char *matrices; /* what they are, for messages */
    const char *has;      /* its options, between blanks */
    bool brief;           /* two or three passes do */
    trn_status_t (*check)(trn_fit_t *fit);
    trn_status_t (*run)(trn_fit_t *fit); /* fit->map has its shape; rank 0 takes its memory */
    /* What that takes, the map among it. */
    void (*plan)(const trn_fit_t *fit, int ranks, int rank, trn_ledger_t *ledger);
};

extern const trn_fit_kind_t trn_fit_pca, trn_fit_whiten, trn_fit_zca, trn_fit_slice;
extern const trn_fit_kind_t trn_fit_remove, trn_fit_calibrate, trn_fit_soft;
extern const trn_fit_kind_t trn_fit_procrustes, trn_fit_ridge, trn_fit_discriminant;

/* Sizes of a matrix. Local. */
static inline int64_t trn_fit_rows(const trn_fit_t *fit, int at) {
    return fit->in[at]->in.info.rows;
}
static inline int64_t trn_fit_cols(const trn_fit_t *fit, int at) {
    return fit->in[at]->in.info.cols;
}

/* That matrix `at` has as many rows (columns) as the first. Local. */
trn_status_t trn_fit_same_rows(const trn_fit_t *fit, int at);
trn_status_t trn_fit_same_cols(const trn_fit_t *fit, int at);

/* *rank = the one asked for, or `most` of what there are: `what`. Local. */
trn_status_t trn_fit_rank(const trn_fit_t *fit, int64_t most, const char *what, int64_t *rank);

/* Take memory for the map on rank 0. Collective. Fails (agreed) with TRN_MEMORY. Its plan. */
trn_status_t trn_fit_allocate(trn_fit_t *fit);
void trn_fit_allocate_plan(const trn_fit_t *fit, int rank, trn_ledger_t *ledger);

/* Tell a figure. Local. */
void trn_fit_note(trn_fit_t *fit, const char *name, double value);

/* *gram [n x n], on rank 0 alone, = x^T x; to be freed with trn_free. Collective. Fails (agreed) as
 * trn_gram, and with TRN_NUMERIC where squares vanish that should not. */
trn_status_t trn_fit_gram(const trn_fit_t *fit, trn_tall_t x, double **gram);

/* Eigenvalues, ascending, and eigenvectors, as rows of positive largest entry (the first of
 * several), in the place of gram [n x n]. Local, for rank 0. Fails with TRN_NUMERIC, TRN_MEMORY. */
trn_status_t trn_fit_eig(int64_t n, double *gram, double *values, const char *what);

/* Rows and columns of a centered gram [n x n], of `rows` rows, become zero where they are but the
 * rounding of their mean: of columns that are constant. Local. */
void trn_fit_clear(int64_t n, double *gram, const double *mean, int64_t rows);

/* Plans of the two: on rank 0 [n x n] stays under "work". Local. */
void trn_fit_gram_plan(const trn_fit_t *fit, int64_t rows, int64_t n, int ranks, int rank,
                       trn_ledger_t *ledger);
void trn_fit_eig_plan(int64_t n, int rank, trn_ledger_t *ledger);

/* How many of ascending values[n] are more than 1e-12 of the largest. Local. */
int64_t trn_fit_rank_of(int64_t n, const double *values);

/* squares[0] = |x M - t|^2 and squares[1] = |t|^2 of rows as they pass by, M [x.cols x t.cols] on
 * every rank: what is left is summed itself, for it may be a difference of large numbers.
 * Collective. Fails (agreed) with TRN_MEMORY. That they are finite, else TRN_NUMERIC; its plan.
 * Local.
 */
trn_status_t trn_fit_residual(trn_tall_t x, trn_tall_t t, const double *m, double squares[2]);
trn_status_t trn_fit_check_residual(const trn_fit_t *fit, const double squares[2]);
void trn_fit_residual_plan(int64_t rows, int64_t cols, int ranks, int rank, trn_ledger_t *ledger);

/* w [d x k], given as X^T T, becomes (gram + lambda I)^-1 w; gram [d x d] = X^T X is destroyed. For
 * rank 0. Local. Fails with TRN_INPUT naming `name` and the rank of a gram that is singular,
 * TRN_MEMORY. Cost: d^3/3 + 2 d^2 k flop. */
trn_status_t trn_fit_solve(int64_t d, double *gram, double lambda, int64_t k, double *w,
                           const char *name);
void trn_fit_solve_plan(int64_t d, int rank, trn_ledger_t *ledger);

#endif
