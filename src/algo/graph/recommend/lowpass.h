/* lowpass.h: the ideal low-pass filter of GF-CF as factors: scores R_u Di^-1/2 V V^T Di^1/2, V
 * [items x rank] being the right singular vectors of Rn = Du^-1/2 R Di^-1/2 with the largest
 * values.
 *
 * Since Rn V = U S, the factors of user u are du^1/2 times row u of U S, those of item j are
 * dj^1/2 times row j of V. Vectors of values below 1e-6 of the largest, which are 1, are left out:
 * there is nothing but rounding, and any vectors would do. Source: Shen et al., CIKM 2021. */
#ifndef TRN_ALGO_GRAPH_RECOMMEND_LOWPASS_H
#define TRN_ALGO_GRAPH_RECOMMEND_LOWPASS_H

#include "algo/graph/recommend/interactions.h"
#include "algo/matrix/spectral/svd.h"
#include "base/ledger.h"

#include <stdint.h>

/* Start with {0}. */
typedef struct trn_lowpass {
    int64_t width;      /* vectors that are left */
    double *values;     /* [width] singular values, descending */
    float *user, *item; /* [this rank's users x width], [items x width] on every rank */
    int64_t steps;
    double residual;
} trn_lowpass_t;

/* Find the largest `rank` singular triplets, at most min(users, items), and make factors that give
 * `mix` times the scores. Collective, equal arguments. Fails (agreed) as trn_svd_krylov. Cost: as
 * that. */
trn_status_t trn_lowpass_create(trn_lowpass_t *lowpass, const trn_interactions_t *in, int64_t rank,
                                double mix, trn_svd_stop_t stop);

/* Free what it holds; {0} and twice are fine. Local. */
void trn_lowpass_free(trn_lowpass_t *lowpass);

/* Plan of that; factors stay under "factors". Local. */
void trn_lowpass_plan(trn_ledger_t *ledger, const trn_interactions_t *in, int64_t rank, int ranks,
                      int rank_at);

#endif
