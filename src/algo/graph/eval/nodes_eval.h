/* nodes_eval.h: how well labels of nodes are told from vectors of them, by the protocol of
 * DeepWalk: one-vs-rest logistic regression on a part of the nodes, and F1 of the labels that it
 * gives to the others, each as many as it has. */
#ifndef TRN_ALGO_GRAPH_EVAL_NODES_EVAL_H
#define TRN_ALGO_GRAPH_EVAL_NODES_EVAL_H

#include "algo/graph/eval/labels.h"
#include "base/ledger.h"
#include "base/status.h"

#include <mpi.h>
#include <stdint.h>

/* What is tried. Borrows all. */
typedef struct trn_nodes_how {
    const double *percent; /* [percents] of the nodes that train, the others test */
    int percents, splits;
    uint64_t seed;        /* of the splits */
    const int64_t *order; /* [splits x nodes] places of nodes among those with labels: the first of
                           * a split train; NULL: drawn */
    double c;             /* weight of the loss */
    double tolerance;     /* gradient at the end, as part of that at the start */
    int threads;
} trn_nodes_how_t;

/* Of one split and percentage. */
typedef struct trn_nodes_score {
    int64_t train, test; /* nodes */
    int64_t untrained;   /* labels without an example to train on: never given */
    double micro, macro; /* F1 of all labels given together; mean F1 of the labels */
} trn_nodes_score_t;

/* How training went, all together. */
typedef struct trn_nodes_fits {
    int64_t fits, products, unsettled, steps; /* steps: the most */
} trn_nodes_fits_t;

/* score[splits x percents] of the labels of vectors x [labels->nodes x cols], both equal on every
 * rank. Labels are dealt to ranks and threads in groups fixed by their number: bits depend on
 * neither. Collective, equal arguments. Fails (agreed) with TRN_INPUT (a percentage leaves no node
 * to train on or to test), TRN_NUMERIC (numbers of x are too large: `name` stands before it),
 * TRN_MEMORY. Cost: as trn_logistic_fit for each label, split and percentage. Source: Perozzi,
 * Al-Rfou, Skiena: DeepWalk (KDD 2014), section 6. */
trn_status_t trn_nodes_eval(const trn_node_labels_t *labels, MPI_Comm comm, const double *x,
                            int64_t cols, const trn_nodes_how_t *how, const char *name,
                            trn_nodes_score_t *score, trn_nodes_fits_t *fits);

/* Nodes that train at so many percent, as DeepWalk's script rounds. Local. */
int64_t trn_nodes_train(const trn_node_labels_t *labels, double percent);

/* What trn_nodes_eval takes beside x, for vectors of `cols` numbers. Local. */
void trn_nodes_eval_plan(trn_ledger_t *ledger, const trn_node_labels_t *labels, int64_t cols,
                         const trn_nodes_how_t *how, int ranks, int rank);

#endif
