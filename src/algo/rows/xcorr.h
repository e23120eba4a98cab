/* xcorr.h: the cross-correlation matrix of the columns of two matrices of as many rows, and the
 * loss of Barlow Twins, which wants it to be the identity. */
#ifndef TRN_ALGO_ROWS_XCORR_H
#define TRN_ALGO_ROWS_XCORR_H

#include "algo/matrix/tall_in.h"
#include "base/ledger.h"
#include "base/status.h"

#include <stdint.h>

/* Sums over the correlations c(i, j). */
typedef struct trn_barlow {
    double on;  /* sum of (1 - c(i, i))^2 */
    double off; /* sum of c(i, j)^2, i != j */
} trn_barlow_t;

/* c[d x d] on every rank = correlations of column i of a with column j of b, both open, of V rows
 * and d columns: deviations from the mean, in a second pass, over the population's standard
 * deviation sqrt(variance + epsilon). Both sources are centered afterwards. Collective, equal
 * arguments. Fails (agreed) with TRN_INPUT naming the first column that is constant, unless epsilon
 * > 0; TRN_NUMERIC (squares beyond float64), TRN_MEMORY, and as trn_tall_in_outcome. Cost: four
 * passes, one more for each 2^21 numbers of c; 2 V d^2 flop over all ranks. Source: Zbontar et al.,
 * Barlow Twins: Self-Supervised Learning via Redundancy Reduction (ICML 2021). */
trn_status_t trn_xcorr(trn_tall_in_t *a, trn_tall_in_t *b, double epsilon, double *c,
                       trn_barlow_t *loss);

/* What that takes beside rows and c. Local. */
void trn_xcorr_plan(trn_ledger_t *ledger, int64_t rows, int64_t cols, int ranks, int rank);

#endif
