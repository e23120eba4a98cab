/* train.h: embeddings of users and items learned by LightGCN, in the trainers' frame.
 *
 * A step passes the embeddings of layer 0 along the whole graph (propagate.h), draws a batch of
 * triples (bpr.h), takes the gradient back the same way and moves every embedding by Adam. A step
 * costs two propagations however large its batch, so large batches with a higher rate are what
 * makes it cheap; and other items that are chosen among several drawn ones teach more than the ones
 * that a user would not want anyway. Source: He et al., LightGCN (SIGIR 2020); choosing the other
 * item: Zhang et al., Optimizing top-n collaborative filtering via dynamic negative item sampling
 * (SIGIR 2013). */
#ifndef TRN_ALGO_GRAPH_LIGHTGCN_TRAIN_H
#define TRN_ALGO_GRAPH_LIGHTGCN_TRAIN_H

#include "algo/common/trainer.h"
#include "algo/graph/lightgcn/propagate.h"
#include "base/ledger.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct trn_gcn_options {
    int64_t dim, layers; /* equal on all ranks, as all here but `threads` */
    int64_t epochs;      /* at most; one draws as many triples as there are likes */
    int64_t batch;       /* triples of a step */
    int64_t others;      /* items drawn for a triple, of which the one that scores highest counts */
    double rate, decay;  /* of Adam; of the penalty decay / 2 x squares of a triple's rows */
    double start;        /* deviation of the starting embeddings; 0: by Xavier's rule */
    trn_bipartite_kind_t kind; /* of the graph */
    bool ngcf;                 /* NGCF's layers instead (ngcf.h), at least one */
    double drop;               /* share of a layer's numbers that those leave out in training */
    uint64_t seed;
    double valid;           /* share of likes that is held out; for the checkpoint's settings */
    int64_t look, patience; /* epochs between looks at it, 0: none; looks without a better one
                             * after which training ends */
} trn_gcn_options_t;

/* Choose what is 0 of batch and others. Measured on Gowalla (810,128 likes, 40,981 items): steps of
 * 131072 with 32 others, rate .02 and decay .005 reach in 300 steps what 2048 with one take 396,000
 * for; of 600 items 32 are too many, for the best of them are often what a user likes. Local. */
void trn_gcn_defaults(trn_gcn_options_t *options, int64_t likes, int64_t items);

/* How good embeddings are, by what was held out: the higher, the better. Collective; fails agreed.
 */
typedef struct trn_gcn_judge {
    trn_status_t (*judge)(void *user, const trn_sides_t *final, double *score);
    void *user;
} trn_gcn_judge_t;

typedef struct trn_gcn_report {
    int64_t epochs, steps;       /* done, in all runs together */
    int64_t best_epoch;          /* whose embeddings these are */
    double best;                 /* their score, 0 without looks */
    double loss;                 /* mean of the last epoch's triples */
    double seconds, cpu_seconds; /* of training, this run; of all ranks' CPUs */
} trn_gcn_report_t;

/* What training came to; start with {0}. */
typedef struct trn_gcn_result {
    trn_sides_t final; /* embeddings behind the layers; the graph has to outlive both */
    trn_sides_t rows;  /* those of layer 0 */
    float *weights;    /* [count] of NGCF's layers, equal on all ranks */
    int64_t count;
} trn_gcn_result_t;

/* Free it; {0} and twice are fine. Local. */
void trn_gcn_free(trn_gcn_result_t *result);

/* Train on the graph of `adjacency`, of float32 (symmetric, or for NGCF of any
 * kind and in its blocks), and let `result` be the embeddings of the best look, or the last. A
 * checkpoint of the last state is left for the caller to remove when the result is safe
 * (trn_checkpoint_remove). Collective. Fails (agreed) as the frame, trn_bpr_create and the judge
 * do, with TRN_NUMERIC (the loss is not finite), TRN_USAGE (a checkpoint of other settings). Cost
 * of a step: 4 layers x edges x dim multiply-adds and 7 passes over all embeddings. */
trn_status_t trn_gcn_train(trn_bipartite_t *adjacency, const trn_gcn_options_t *options,
                           const trn_trainer_run_t *run, const trn_gcn_judge_t *judge,
                           trn_gcn_result_t *result, trn_gcn_report_t *report);

/* For plans: what that takes beside the adjacency; the result stays under
 * "embeddings". Local. */
void trn_gcn_take(trn_ledger_t *ledger, const trn_bipartite_size_t *size,
                  const trn_gcn_options_t *options, bool behind);

#endif
