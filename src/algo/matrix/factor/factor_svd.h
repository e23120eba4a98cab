/* factor_svd.h: the best factors of a rank, X ~ W H with W = U and H = diag(s) V^T, and what is
 * left of X.
 *
 * A tall X with at most TRN_SVD_GRAM_MOST columns meets its Gram matrix, and coordinates are made
 * as they are written: no rank holds U. Where that would not do (a side too long, values below 1e-3
 * of the largest, of which a Gram matrix has lost the digits, numbers whose squares overflow) they
 * come from algo/matrix/spectral/svd.h. */
#ifndef TRN_ALGO_MATRIX_FACTOR_FACTOR_SVD_H
#define TRN_ALGO_MATRIX_FACTOR_FACTOR_SVD_H

#include "algo/matrix/factor/factor.h"
#include "algo/matrix/spectral/svd.h"
#include "algo/matrix/tall_out.h"

/* Start with {0}. */
typedef struct trn_factor_svd {
    int64_t rank;
    double *values;    /* [rank] */
    double *primitive; /* [rank x cols], on every rank */
    double
        *project; /* [cols x rank] V / s: rows of X become coordinates; NULL: they are those of */
    trn_tall_t coordinates;
    double objective, squares; /* half the squared error; sum of squares of X */
} trn_factor_svd_t;

/* Collective, equal arguments but for rows; numbers of a sparse X may be scaled afterwards. Fails
 * (agreed) as trn_svd and reading do. Cost: 1 <= rank <= the short side; rows x cols^2 flops /
 * ranks and 9 cols^3 on rank 0; else those of trn_svd. */
trn_status_t trn_factor_svd(trn_factor_svd_t *svd, const trn_factor_matrix_t *x,
                            trn_sparse_t *sparse, int64_t rank, int threads);

/* Whether a Gram matrix is tried first. Local. */
bool trn_factor_svd_lean(const trn_matrix_info_t *info);

/* Plan of that, and of the coordinates on their way into a store, for such an X. Local. */
void trn_factor_svd_plan(trn_ledger_t *ledger, const trn_matrix_info_t *info, int64_t rank,
                         int ranks, int at);

/* Free what it holds; {0} and twice are fine. Local. */
void trn_factor_svd_free(trn_factor_svd_t *svd);

/* A store of kind "factors": /coordinates of `type`, /primitive, /values, /objective [1]; `in` has
 * the names of rows open; of `make` count created_by and params. Collective. Fails (agreed) with
 * TRN_IO, TRN_MEMORY, and as reading. */
trn_status_t trn_factor_svd_save(const trn_factor_svd_t *svd, trn_tall_in_t *in, const char *path,
                                 const trn_rows_make_t *make, trn_dtype_t type);

/* X less W H, for the rows that pass by. */
typedef struct trn_residual {
    int64_t rank;
    const double *primitive, *project; /* as above */
    trn_tall_t coordinates;            /* W, where project is NULL */
} trn_residual_t;

/* Write X - W H as `path`, numbers of `type`. Collective. Fails (agreed) as trn_tall_save. */
trn_status_t trn_residual_save(const trn_residual_t *residual, trn_tall_in_t *in, const char *path,
                               const trn_rows_make_t *make, trn_dtype_t type);
void trn_residual_plan(trn_ledger_t *ledger, const trn_tall_in_t *in, const char *path,
                       int64_t rank, trn_dtype_t type, int ranks, int at);

#endif
