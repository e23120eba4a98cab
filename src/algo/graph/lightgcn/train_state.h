/* train_state.h: what a rank holds while it trains; private to train*.c. */
#ifndef TRN_ALGO_GRAPH_LIGHTGCN_TRAIN_STATE_H
#define TRN_ALGO_GRAPH_LIGHTGCN_TRAIN_STATE_H

#include "algo/graph/lightgcn/bpr.h"
#include "algo/graph/lightgcn/ngcf.h"
#include "algo/graph/lightgcn/train.h"

/* Weights of NGCF's layers, on every rank the same. */
typedef struct trn_gcn_weights {
    int64_t count;                        /* 0: LightGCN has none */
    float *values, *mean, *square, *best; /* [count]; the last as `best` below */
    double *gradient;                     /* [count] */
} trn_gcn_weights_t;

typedef struct trn_gcn_state {
    trn_bipartite_t *a;
    trn_gcn_options_t options;
    int64_t likes;                        /* of all ranks */
    uint64_t graph;                       /* a hash of them */
    trn_sides_t rows;                     /* embeddings of layer 0 */
    trn_sides_t mean, square;             /* Adam's moments */
    trn_sides_t best;                     /* of the best look; nothing without looks */
    trn_sides_t final, gradient, scratch; /* the first two as wide as embeddings */
    trn_ngcf_t *ngcf;                     /* NULL: LightGCN */
    trn_gcn_weights_t weights;
    trn_bpr_t *bpr;
    int64_t epoch, step;       /* done: epochs, steps of the next one */
    int64_t best_epoch, worse; /* epochs done then; looks since */
    double score;              /* then */
    double loss;               /* of the last epoch, mean */
} trn_gcn_state_t;

/* Allocate all, given `a` and `options`; the starting embeddings; free all but `final`. The first
 * is Collective and fails (agreed) with TRN_MEMORY, TRN_INPUT (nobody to learn from): destroy it
 * then, too. The others are Local. */
trn_status_t trn_gcn_create(trn_gcn_state_t *state);
void trn_gcn_begin(trn_gcn_state_t *state);
void trn_gcn_destroy(trn_gcn_state_t *state);

/* final = embeddings of the rows; `training`: NGCF leaves some numbers out. Collective. Fails
 * (agreed) as trn_propagate, trn_ngcf_forward. */
trn_status_t trn_gcn_forward(trn_gcn_state_t *state, bool training);

/* By the gradient of the mean loss of `batch` triples by final: move rows and weights. Collective.
 * Fails (agreed) as trn_gcn_forward, trn_ngcf_backward. */
trn_status_t trn_gcn_descend(trn_gcn_state_t *state, int64_t batch);

/* Steps of an epoch. Local. */
int64_t trn_gcn_steps(const trn_gcn_state_t *state);

/* Save the state as a checkpoint, behind if `behind` is not NULL. Collective. Fails (agreed). */
trn_status_t trn_gcn_save(const trn_gcn_state_t *state, const trn_trainer_run_t *run,
                          trn_store_t **behind);

/* Go on from a checkpoint, if there is one and the policy allows. Collective. Fails (agreed) with
 * TRN_INPUT (damaged), TRN_USAGE (of other settings). */
trn_status_t trn_gcn_resume(trn_gcn_state_t *state, const trn_trainer_run_t *run, bool *resumed);

#endif
