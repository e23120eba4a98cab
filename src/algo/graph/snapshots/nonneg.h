/* nonneg.h: small least squares without negative numbers. */
#ifndef TRN_ALGO_GRAPH_SNAPSHOTS_NONNEG_H
#define TRN_ALGO_GRAPH_SNAPSHOTS_NONNEG_H

#include <stdint.h>

enum {
    TRN_NONNEG_SWEEPS = 1000 /* enough for the digits that float64 has, in all but odd cases */
};

/* w[r] >= 0 moves to where w G w / 2 - x w is least, gram G [r x r] symmetric positive
 * semidefinite, by coordinate descent from the w that is given: sweeps over all numbers until none
 * moves by more than 1e-13 of the largest, or `sweeps` at most; a number whose G(c, c) is 0 becomes
 * 0. No sweep raises it. For min |m - w H| over w: G = H H^T, x = H m. Local. Cost: r^2 flops a
 * sweep. Source: Hsieh, Dhillon: Fast coordinate descent methods with variable selection for
 * non-negative matrix factorization (KDD 2011), in cyclic order. */
void trn_nonneg_solve(int64_t r, const double *gram, const double *x, int sweeps, double *w);

#endif
