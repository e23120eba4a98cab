/* closure_ask.h: whether b can be reached from a, and how: questions to a graph. */
#ifndef TRN_ALGO_GRAPH_CLOSURE_ASK_H
#define TRN_ALGO_GRAPH_CLOSURE_ASK_H

#include "algo/graph/nodes.h"
#include "base/ledger.h"
#include "base/status.h"
#include "graph/digraph.h"

#include <jansson.h>
#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* Questions, which a list of two columns has, and their answers. Start with {0}. */
typedef struct trn_asked {
    trn_node_list_t list; /* the caller's to fill */
    int64_t count;        /* of questions */
    int64_t *length;      /* [count] edges of a shortest path, -1: there is none. On rank 0 */
    int64_t *start;       /* [count + 1] of the paths, one node more than edges each */
    int32_t *path;        /* [start[count]] */
    trn_labels_t labels;  /* names of all nodes there */
} trn_asked_t;

/* Answer them: a path of 1 to `hops` edges (0: of any number), and if `reflexive` of none from a
 * node to itself; the shortest, and of several the one whose nodes are the lowest at the first
 * place where they differ. The graph is on every rank; a source with its questions is one rank's.
 * Collective, equal arguments. Fails (agreed) with TRN_MEMORY, TRN_IO; free it then too. Cost: a
 * search for each source, and all names of the graph once. */
trn_status_t trn_asked_answer(trn_asked_t *asked, MPI_Comm comm, const trn_digraph_t *graph,
                              int64_t hops, bool reflexive, trn_edges_side_t *side);

/* Plan of that, paths of a usual length. Local. */
void trn_asked_plan(trn_ledger_t *ledger, int64_t nodes, int64_t questions);

/* *table = a row for each question: from, to, reachable, length, and path as an array of names or
 * numbers or, if `flat`, as one text for people. On rank 0. Local. */
json_t *trn_asked_table(const trn_asked_t *asked, bool flat);

/* Free everything; {0} and twice are fine. Local. */
void trn_asked_free(trn_asked_t *asked);

#endif
