/* links_split.h: edges of a graph in two files, those to train on and those held out. */
#ifndef TRN_ALGO_GRAPH_EVAL_LINKS_SPLIT_H
#define TRN_ALGO_GRAPH_EVAL_LINKS_SPLIT_H

#include "algo/graph/graph.h"
#include "base/ledger.h"
#include "base/status.h"

#include <stdint.h>

/* Borrows all. */
typedef struct trn_links_split {
    double share; /* of the edges that is held out */
    uint64_t seed;
    const char *train, *test; /* files to write: lines "u v", or "u v weight" */
} trn_links_split_t;

/* What was written. */
typedef struct trn_links_split_told {
    int64_t train, test; /* edges */
    int64_t bare;        /* nodes that have edges, but none to train on */
} trn_links_split_told_t;

/* Divide the edges of a graph that is loaded as `adjacency`, by the nearest whole number to `share`
 * of them: which ones depends on the seed and on their places among all, ordered by their ends. An
 * undirected edge is written once, nodes by their names if they have any. Collective, equal
 * arguments. Fails (agreed) with TRN_INPUT (either file would be empty), TRN_IO, TRN_MEMORY. Cost:
 * every edge travels to rank 0, a megabyte at a time; memory there: the names of all nodes. */
trn_status_t trn_links_split(trn_graph_t *graph, const trn_sparse_t *adjacency,
                             const trn_links_split_t *how, trn_links_split_told_t *told);

/* What that takes beside the adjacency. Local. */
void trn_links_split_plan(trn_ledger_t *ledger, const trn_graph_t *graph, int rank);

#endif
