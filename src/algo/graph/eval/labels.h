/* labels.h: which labels the rows of a matrix have, out of a file of lines "node label label ...".
 */
#ifndef TRN_ALGO_GRAPH_EVAL_LABELS_H
#define TRN_ALGO_GRAPH_EVAL_LABELS_H

#include "algo/graph/edges.h"
#include "algo/matrix/matrix_file_plan.h"
#include "base/ledger.h"
#include "base/status.h"

#include <mpi.h>
#include <stdint.h>

/* On every rank. Start with {0}. */
typedef struct trn_node_labels {
    int64_t nodes;  /* rows that have labels */
    int64_t *row;   /* [nodes] ascending */
    int64_t *start; /* [nodes + 1] node i has label[start[i] .. start[i + 1]), ascending */
    int32_t *label;
    int64_t labels;   /* that some row has: numbered without gaps, in the order of the file's */
    int64_t most;     /* of one node */
    int64_t unknown;  /* labels of nodes that are no rows: left out */
    int64_t repeated; /* labels that a node has twice in the file: they count once */
    int64_t unused;   /* numbers of labels, below the largest, that no row has */
} trn_node_labels_t;

/* Read `path` for the rows of `in`, nodes and labels being numbers or names. What is unknown,
 * repeated or unused is counted and told in the log. Collective, equal arguments. Fails (agreed) as
 * trn_edges_read and trn_side_rows, with TRN_INPUT (no row has a label), TRN_MEMORY. Memory: 16
 * bytes a label of all nodes for a while. */
trn_status_t trn_node_labels_read(trn_node_labels_t *labels, MPI_Comm comm, const char *path,
                                  const trn_edges_how_t *how, trn_matrix_in_t *in);

/* Make them of pairs[count], (row << 32) + label, which are sorted; counts but what is unknown.
 * Local. Fails with TRN_MEMORY. */
trn_status_t trn_node_labels_make(trn_node_labels_t *labels, int64_t count, uint64_t *pairs);

/* What they hold, under "labels". Local. */
void trn_node_labels_plan(trn_ledger_t *ledger, const trn_node_labels_t *labels);

/* Free what they hold; {0} and twice are fine. Local. */
void trn_node_labels_free(trn_node_labels_t *labels);

#endif
