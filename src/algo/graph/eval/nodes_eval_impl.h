/* nodes_eval_impl.h: one evaluation on its way: training in tasks, then counting. */
#ifndef TRN_ALGO_GRAPH_EVAL_NODES_EVAL_IMPL_H
#define TRN_ALGO_GRAPH_EVAL_NODES_EVAL_IMPL_H

#include "algo/graph/eval/nodes_eval.h"

#include <stdbool.h>

/* A task is a group of labels of one item, and an item one percentage of one split. Items count as
 * split x percents + percentage, tasks as item x groups + group. D is cols + 1. */
typedef struct trn_nodes_run {
    const trn_node_labels_t *labels;
    const trn_nodes_how_t *how;
    const double *x; /* [nodes x cols] */
    int64_t cols, d;
    MPI_Comm comm;
    int rank, ranks;
    int32_t *order; /* [splits x nodes] */
    double *basis;  /* [D x D] eigenvectors of x's Gram matrix; NULL: none */
    double *values; /* [D] */
    int64_t groups, items, tasks;
    int64_t *own; /* [count] tasks of this rank, the longest first */
    int64_t count;
    double *w; /* [count x TRN_LOGISTIC_LABELS x D] */
} trn_nodes_run_t;

enum { TRN_NODES_BASIS = 4096 /* most columns for which a basis is worth its eigenvectors */ };

/* Labels [first, end) of a group. Local. */
int64_t trn_nodes_group_first(const trn_nodes_run_t *run, int64_t group);

/* present[labels] = whether each label has an example among those of an item that train. Local. */
void trn_nodes_present(const trn_nodes_run_t *run, int64_t item, uint8_t *present);

/* Fit all of this rank's tasks, into w. Collective. Fails (agreed) as trn_nodes_eval. */
trn_status_t trn_nodes_fit_all(trn_nodes_run_t *run, const char *name, trn_nodes_fits_t *fits);

/* The score of an item. Collective. Fails (agreed) with TRN_MEMORY. */
trn_status_t trn_nodes_count(const trn_nodes_run_t *run, int64_t item, trn_nodes_score_t *score);

#endif
