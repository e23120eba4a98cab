/* spread.h: how much of a centered matrix there is to explain. */
#ifndef TRN_ALGO_MATRIX_SPREAD_H
#define TRN_ALGO_MATRIX_SPREAD_H

#include "algo/matrix/tall.h"
#include "base/ledger.h"
#include "mpi/sparse/sparse.h"

#include <stdint.h>

/* *spread = the root of the sum of squares of a dense matrix, whose means were taken off already.
 * Collective. Fails (agreed) with TRN_MEMORY. Cost: one pass. */
trn_status_t trn_spread_dense(trn_tall_t x, double *spread);

/* The same of the float64 rows of this rank less `mean` [cols x 1], which is not filled in.
 * Collective. Fails (agreed) likewise. Memory: trn_spread_sparse_plan. */
trn_status_t trn_spread_sparse(trn_tall_t mean, int64_t rows, const trn_sparse_t *sparse,
                               double *spread);
void trn_spread_sparse_plan(trn_ledger_t *ledger, int64_t cols);

#endif
