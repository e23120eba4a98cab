/* reach.h: what many nodes of a graph reach, some hundred of them at a time: the rows of its
 * transitive closure.
 *
 * Each node, or each strongly connected component, has a bit for every source of a batch, and walks
 * hand bits on by "or": an edge is looked at once for all sources that have come to it. Or is free
 * of order, so that the result does not depend on how sources are put into batches.
 *
 * Without a bound, components are walked in topological order, each once: the cost of a batch is
 * the edges of the components that it reaches, and a look at 1 bit each of the others. With a
 * bound, or to measure distances, walks go level by level, each source being at a node once at
 * most. Source: Then et al.: The more the merrier: efficient multi-source graph traversal (PVLDB 8,
 * 2014) for the levels. */
#ifndef TRN_GRAPH_REACH_H
#define TRN_GRAPH_REACH_H

#include "base/ledger.h"
#include "base/status.h"
#include "graph/digraph.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    TRN_REACH_WORD = 64, /* sources a word */
    TRN_REACH_WORDS = 8  /* words a batch, at most */
};

/* How to walk. Graphs are borrowed. */
typedef struct trn_reach_how {
    const trn_digraph_t *graph;   /* by levels: */
    const trn_condensed_t *parts; /* or by components, if this is not NULL */
    int64_t hops;                 /* by levels: paths of at most so many edges; 0: of any length */
    bool reflexive;               /* a node reaches itself by no edge */
    int words;                    /* 1 to TRN_REACH_WORDS: a batch has 64 times as many sources */
} trn_reach_how_t;

/* A batch of sources and what they reach. Opaque. */
typedef struct trn_reach trn_reach_t;

/* Make room for batches. Fails with TRN_MEMORY. Local. Memory: trn_reach_plan. */
trn_status_t trn_reach_create(trn_reach_t **reach, const trn_reach_how_t *how);

/* Free and set the pointer to NULL; NULL is fine. Local. */
void trn_reach_destroy(trn_reach_t **reach);

/* Plan of that, under "sources": by components, at most as many as nodes, or by levels. Local. */
void trn_reach_plan(trn_ledger_t *ledger, int64_t nodes, int words, bool levels);

/* Bits of sources that came to a node at a level, which is the number of edges: bits[words]. */
typedef void trn_reach_met_t(void *user, int64_t level, int32_t node, const uint64_t *bits);

/* Walk from `count` sources, none twice, at most 64 x words; `met` is called for each node and
 * level that walks by levels come to, or is NULL. Local; it cannot fail. */
void trn_reach_run(trn_reach_t *reach, int64_t count, const int32_t *sources, trn_reach_met_t *met,
                   void *user);

/* Of the last batch, with `i` a place among its sources. How many nodes it reaches; their numbers,
 * ascending, until the next call; whether `node` is one of them; the longest of all shortest paths,
 * by levels. Local. Rows are held as lists of nodes, or as bitmaps where that is shorter: where a
 * 32nd of all pairs is there. */
int64_t trn_reach_count(const trn_reach_t *reach, int64_t i);
const int32_t *trn_reach_row(trn_reach_t *reach, int64_t i);
bool trn_reach_has(const trn_reach_t *reach, int64_t i, int32_t node);
int64_t trn_reach_longest(const trn_reach_t *reach);

/* bits[words]: the sources of the last batch that reach `node`. Borrowed. Local. */
const uint64_t *trn_reach_sources(const trn_reach_t *reach, int32_t node);

#endif
