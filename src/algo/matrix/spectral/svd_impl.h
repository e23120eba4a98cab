/* svd_impl.h: what the two ways to singular vectors share. */
#ifndef TRN_ALGO_MATRIX_SVD_IMPL_H
#define TRN_ALGO_MATRIX_SVD_IMPL_H

#include "algo/matrix/spectral/svd.h"

/* From an orthonormal basis v [cols x rank] of the space of right vectors, which `svd` takes over,
 * make the triplets: the singular values of A v, and residuals. Collective. */
trn_status_t trn_svd_finish(trn_svd_t *svd, trn_operator_t *op, trn_tall_t v);

/* Plan of trn_svd_finish for an operator that may be wide, of which `away` directions are cut off,
 * beside v; u and v stay under "vectors" afterwards. Local. */
void trn_svd_finish_plan(trn_ledger_t *ledger, const trn_operator_size_t *op, int64_t rank,
                         int64_t away, int ranks, int at);

/* Exchange left and right vectors. Local. */
void trn_svd_swap(trn_svd_t *svd);

#endif
