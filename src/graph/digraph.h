/* digraph.h: a directed graph in compressed rows, and its strongly connected components. */
#ifndef TRN_GRAPH_DIGRAPH_H
#define TRN_GRAPH_DIGRAPH_H

#include "base/ledger.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* Node v has the edges start[v] <= e < start[v + 1], to the nodes to[e]. */
typedef struct trn_digraph {
    int64_t nodes;  /* less than 2^31 */
    int64_t *start; /* [nodes + 1] */
    int32_t *to;    /* [start[nodes]] */
} trn_digraph_t;

/* Create the graph whose edges lead the other way; those of a node ascend. Fails with TRN_MEMORY;
 * free it then too. Local. Cost: one pass. */
trn_status_t trn_digraph_turn(trn_digraph_t *turned, const trn_digraph_t *graph);

/* Whether there is an edge from v to u, where those of a node ascend. Local. */
bool trn_digraph_has(const trn_digraph_t *graph, int32_t v, int32_t u);

/* Free what it holds; {0} and twice are fine. Local. */
void trn_digraph_free(trn_digraph_t *graph);

/* A graph whose strongly connected components are taken for one node each, its parts. They are
 * numbered against the edges: an edge between parts leads to the lower number. Start with {0}. */
typedef struct trn_condensed {
    int64_t nodes, parts;
    int32_t *part;    /* [nodes] */
    int32_t *first;   /* [parts + 1]: part p has the nodes member[first[p]] .. */
    int32_t *member;  /* [nodes], ascending within a part */
    bool *cyclic;     /* [parts]: its nodes reach themselves */
    trn_digraph_t to; /* edges between parts, none twice, in any order */
} trn_condensed_t;

/* Condense a graph. Fails with TRN_MEMORY; free it then too. Local. Cost: three passes over the
 * edges. Source: Pearce: A space-efficient algorithm for finding strongly connected components
 * (Inf. Proc. Letters 116, 2016), with a stack of our own. */
trn_status_t trn_condensed_create(trn_condensed_t *condensed, const trn_digraph_t *graph);

/* Plan of that: what stays is under `name`. Local. */
void trn_condensed_plan(trn_ledger_t *ledger, const char *name, int64_t nodes, int64_t edges);

/* Free what it holds; {0} and twice are fine. Local. */
void trn_condensed_free(trn_condensed_t *condensed);

/* Room for searches of shortest paths from one node after the other. Start with {0}. */
typedef struct trn_search {
    int64_t nodes, seen;
    int32_t *before; /* [nodes]: the node before it on its path, -1: not reached */
    int32_t *queue;  /* [nodes + 1]: those reached, the nearest first */
} trn_search_t;

/* Make room. Fails with TRN_MEMORY; free it then too. Local. Memory: 8 bytes a node. */
trn_status_t trn_search_create(trn_search_t *search, int64_t nodes);
void trn_search_free(trn_search_t *search);

/* Walk from `source` over its edges, ascending, to all that it reaches by at least one edge, or
 * until `target` (-1: none) is. The path to each is then the shortest one, of several the one whose
 * nodes are the lowest at the first place where they differ. Local. Cost: one pass over the edges
 * that are reached. */
void trn_search_run(trn_search_t *search, const trn_digraph_t *graph, int32_t source,
                    int32_t target);

/* Edges of the path to `target`, -1: it was not reached; its nodes, path[0] being the source, if
 * `path` is not NULL: one more than that. Local. */
int64_t trn_search_path(const trn_search_t *search, int32_t source, int32_t target, int32_t *path);

#endif
