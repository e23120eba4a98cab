/* factor_state.h: the state of a factorization between steps; for the files factor*.c only. */
#ifndef TRN_ALGO_MATRIX_FACTOR_FACTOR_STATE_H
#define TRN_ALGO_MATRIX_FACTOR_FACTOR_STATE_H

#include "algo/matrix/factor/factor.h"
#include "algo/matrix/spectral/operator.h"

typedef struct trn_factor_state {
    trn_factors_t *f;
    double total, mean;   /* |X|^2; the mean of |X| */
    unsigned char *moves; /* [own rows of W], NULL: all do */
    trn_tall_t xw;        /* X^T W [d x r] */
    double *ww, *hh;      /* W^T W and H H^T, [r x r] */
    double *whole;        /* dense: H^T on every rank [d x r] */
    double *sums;         /* dense: W^T X [r x d] and W^T W on every rank */
    int threads;
    double *scratch;    /* [threads x trn_factor_scratch] */
    trn_operator_t *op; /* sparse: X both ways; NULL until it is needed */
    trn_tall_t xh;      /* sparse: X H^T [n x r] */
} trn_factor_state_t;

/* Make room. Collective. Fails (agreed) with TRN_MEMORY. */
trn_status_t trn_factor_state_create(trn_factor_state_t *state, trn_factors_t *factors);
void trn_factor_state_free(trn_factor_state_t *state);

/* Look at all of X: total, mean, and that nothing is negative for NMF. Collective. Fails (agreed)
 * with TRN_INPUT. */
trn_status_t trn_factor_scan(trn_factor_state_t *state);

/* Make what steps need of the present W and H, and objective[done]. Collective. */
trn_status_t trn_factor_begin(trn_factor_state_t *state);

/* The same after a resume: objectives are there. Collective. */
trn_status_t trn_factor_go_on(trn_factor_state_t *state);

/* One step. Collective. Fails (agreed) with TRN_NUMERIC, TRN_MEMORY, TRN_INPUT (reading). */
trn_status_t trn_factor_step(trn_factor_state_t *state);

/* W[i, :] of n rows, TRN_TALL_BLOCK at most, moved by the rule of the method: xh = X H^T and w, [n
 * x r] without gaps; moves [n] or NULL. xh may be the last TRN_TALL_BLOCK x r numbers of scratch.
 * Local. */
void trn_factor_move(const trn_factor_state_t *state, int64_t n, const double *xh, double *w,
                     const unsigned char *moves, double *scratch);

/* Numbers of scratch of a thread. Local. */
int64_t trn_factor_scratch(int64_t rank);

/* Begin anew, or from options.start; or from a checkpoint. Collective. Fail (agreed) with
 * TRN_INPUT, TRN_MEMORY, TRN_IO. */
trn_status_t trn_factor_start(trn_factor_state_t *state);
trn_status_t trn_factor_resume(trn_factor_state_t *state, const trn_trainer_run_t *run,
                               bool *resumed);

/* ht = this rank's columns of the /primitive of an open store. Local. Fails with TRN_INPUT,
 * TRN_MEMORY, TRN_IO. */
trn_status_t trn_factor_read_primitive(trn_store_t *store, trn_tall_t ht);

/* Save the state; *behind as in trn_trained_t. Collective. */
trn_status_t trn_factor_checkpoint(trn_factor_state_t *state, const trn_trainer_run_t *run,
                                   trn_store_t **behind);

#endif
