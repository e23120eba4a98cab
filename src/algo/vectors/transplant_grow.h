/* transplant_grow.h: further rows for an embedding matrix, drawn as its rows are distributed. */
#ifndef TRN_ALGO_VECTORS_TRANSPLANT_GROW_H
#define TRN_ALGO_VECTORS_TRANSPLANT_GROW_H

#include "algo/matrix/tall_in.h"
#include "base/ledger.h"
#include "base/status.h"
#include "io/rows/rows.h"

#include <stdint.h>

/* mean[cols] of the rows of an open matrix, and upper triangular root[cols x cols], zero below,
 * with root^T root = epsilon x covariance (over n), on every rank. Collective; the matrix is
 * centered from then on. Fails (agreed) with TRN_NUMERIC (the covariance is not positive definite),
 * TRN_MEMORY, as trn_tall_in_outcome. Cost: two passes, rows x cols^2 flops over all ranks, and one
 * Cholesky factorization on rank 0. Source: resize_token_embeddings of the library transformers,
 * which draws from N(mean, epsilon x covariance). */
trn_status_t trn_grow_root(trn_tall_in_t *in, double epsilon, double *mean, double *root);

/* Write rows [first, first + own) of what is the source's rows, as numbers of `type`, followed by
 * drawn ones: row r of these is mean + normal numbers of (seed, r) x root. Local. Fails as
 * trn_rows_read, trn_rows_write; TRN_MEMORY. */
typedef struct trn_grow {
    const double *mean, *root;
    uint64_t seed;
    int64_t first, own;
    trn_dtype_t type;
} trn_grow_t;
trn_status_t trn_grow_write(const trn_grow_t *grow, trn_rows_t *source, trn_rows_out_t *out);

/* What the two take on a rank, the second under "rows". Local. */
void trn_grow_root_plan(trn_ledger_t *ledger, int64_t rows, int64_t cols, int ranks, int rank);
void trn_grow_write_plan(trn_ledger_t *ledger, const trn_rows_about_t *source, trn_dtype_t type);

#endif
