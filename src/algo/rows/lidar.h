/* lidar.h: LiDAR: how many directions tell classes apart, by linear discriminant analysis: the
 * effective rank of Sw^-1/2 Sb Sw^-1/2, Sb the covariance of the class means and Sw that within
 * classes. */
#ifndef TRN_ALGO_ROWS_LIDAR_H
#define TRN_ALGO_ROWS_LIDAR_H

#include "algo/matrix/tall.h"
#include "algo/rows/groups.h"
#include "base/ledger.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct trn_lidar_how {
    double delta;   /* added to the diagonal of Sw */
    double epsilon; /* added to each part of the entropy's sum of 1 */
    bool unequal;   /* classes of other sizes are weighted by their rows, not refused */
    int threads;
} trn_lidar_how_t;

/* That classes can be told apart: two of them, of equal size unless that is not asked for, and more
 * rows than classes; no more columns than TRN_MEASURES_SIDE. `name` is the matrix's. Fails with
 * TRN_INPUT. Local. */
trn_status_t trn_lidar_check(const trn_groups_t *classes, int64_t cols, const trn_lidar_how_t *how,
                             const char *name);

/* *lidar = exp H(w / sum w + epsilon), w the eigenvalues of Sw^-1/2 Sb Sw^-1/2. For n classes of
 * n_c rows, N rows together: Sw = the sum of (x - m_c)(x - m_c)^T / (N - n) + delta I, Sb = the sum
 * of n_c (m_c - m)(m_c - m)^T x n / (N (n - 1)). means[own groups x cols] are those of this rank's
 * classes. Collective, equal arguments but for means. Fails (agreed) with TRN_MEMORY, TRN_NUMERIC
 * (Sw + delta I not positive definite, or beyond float64). Memory: trn_lidar_plan. Cost: a pass, V
 * d^2 flop over all ranks, and about 4 d^3 on rank 0. Source: Thilak et al., LiDAR: Sensing Linear
 * Probing Performance in Joint Embedding SSL Architectures (ICLR 2024). */
trn_status_t trn_lidar(const trn_groups_t *classes, trn_tall_t x, const double *means,
                       const trn_lidar_how_t *how, double *lidar);

/* What that takes beside x and the means. Local. */
void trn_lidar_plan(trn_ledger_t *ledger, const trn_groups_t *classes, int64_t cols, int ranks,
                    int rank);

#endif
