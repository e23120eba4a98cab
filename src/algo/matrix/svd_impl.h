/* svd_impl.h: what the two ways to singular vectors share. */
#ifndef TRN_ALGO_MATRIX_SVD_IMPL_H
#define TRN_ALGO_MATRIX_SVD_IMPL_H

#include "algo/matrix/svd.h"

/* From an orthonormal basis v [cols x rank] of the space of right vectors, which `svd` takes over,
 * make the triplets: the singular values of A v, and residuals. Collective. */
trn_status_t trn_svd_finish(trn_svd_t *svd, trn_operator_t *op, trn_tall_t v);

/* Bytes that trn_svd_finish takes on the rank that needs most. Local. */
int64_t trn_svd_finish_bytes(int64_t rows, int64_t cols, int64_t rank, int ranks);

/* Bytes that trn_svd_krylov takes there. Local. */
int64_t trn_svd_krylov_bytes(int64_t rows, int64_t cols, int64_t rank, int ranks);

/* Exchange left and right vectors. Local. */
void trn_svd_swap(trn_svd_t *svd);

#endif
