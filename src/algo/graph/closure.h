/* closure.h: which nodes of a graph reach which: its transitive closure R, row by row.
 *
 * Node j is in row i of R if a path of at least one edge leads from i to j. The graph's pattern is
 * on every rank (4 bytes an edge, 16 a node), R on none: rows are found in batches (graph/reach.h),
 * counted in a first pass, and found anew when they are written. So memory is bounded by the graph,
 * however many pairs there are, and no rank waits for a row of another. Squaring (R <- R or R R by
 * mpi/sparse/spgemm.h) would hold R twice and do as many Boolean products as pairs have common
 * neighbors; it comes to the same pairs, and so do bits on any number of ranks and threads, for
 * "or" is free of order.
 *
 * Bounds are exact: `hops` = H gives the pairs with a path of 1 to H edges. N rounds of squaring,
 * R_0 = A, R_(k+1) = R_k or R_k R_k, give those of 1 to 2^N. */
#ifndef TRN_ALGO_GRAPH_CLOSURE_H
#define TRN_ALGO_GRAPH_CLOSURE_H

#include "base/ledger.h"
#include "base/status.h"
#include "graph/digraph.h"
#include "graph/reach.h"
#include "io/store/store.h"
#include "mpi/sparse/sparse.h"

#include <jansson.h>
#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* {0}: all pairs, on one thread. */
typedef struct trn_closure_options {
    int64_t hops;   /* at most so many edges; 0: any number */
    bool measure;   /* find the longest of all shortest paths, too */
    bool reflexive; /* every node reaches itself */
    int threads;    /* below 1: 1 */
    int words;      /* sources of a batch / 64, 1 to TRN_REACH_WORDS; 0: that many */
} trn_closure_options_t;

/* Start with {0}; free it after any failure. */
typedef struct trn_closure {
    MPI_Comm comm;
    trn_closure_options_t options;
    trn_digraph_t graph;   /* all of it, on every rank; the caller's to fill */
    trn_condensed_t parts; /* of it, unless walks go by levels */
    int32_t *source;       /* [rows] the nodes whose rows are wanted; NULL: all. Owned */
    int64_t rows;
    int64_t *count; /* [rows] pairs of each row, on every rank */
    int64_t pairs, longest;
    trn_reach_t **reach; /* [threads] */
} trn_closure_t;

/* *graph = the pattern of a square matrix of which each rank has its band of rows, whole, on every
 * rank. Collective. Fails (agreed) with TRN_MEMORY; free it then too. Cost: two Allreduces, of a
 * number a node and one an edge. */
trn_status_t trn_digraph_gather(trn_digraph_t *graph, MPI_Comm comm, const trn_sparse_t *band);

/* Get ready: components, room for walks. closure->graph, source and rows are there. Collective.
 * Fails (agreed) with TRN_MEMORY. */
trn_status_t trn_closure_start(trn_closure_t *closure, MPI_Comm comm,
                               const trn_closure_options_t *options);

/* Plan of both, for a matrix of so many entries and `rows` wanted rows; the graph stays under
 * "graph". Local. */
void trn_closure_plan(trn_ledger_t *ledger, int64_t nodes, int64_t edges, int64_t rows,
                      const trn_closure_options_t *options);

/* Edges that N rounds of squaring see, at least 1; and the rounds after which nothing changes any
 * more, the one that finds that out included, where shortest paths have up to `longest` edges.
 * Local. */
int64_t trn_closure_hops(int64_t rounds);
int64_t trn_closure_rounds(int64_t longest);

/* Find count, pairs, longest. Collective; cannot fail. Cost: a batch of 64 x words rows is one pass
 * over the edges between the components that it reaches, or with a bound one for each level. */
void trn_closure_count(trn_closure_t *closure);

/* Call take(user, reach, first, count) for all batches of this rank's band of rows, which are
 * [first, first + count) of R; bands are cut by pairs. It stops at the first failure and returns
 * it. Local, after trn_closure_count. Cost: as that. */
typedef trn_status_t trn_closure_take_t(void *user, trn_reach_t *reach, int64_t first,
                                        int64_t count);
trn_status_t trn_closure_each(trn_closure_t *closure, trn_closure_take_t *take, void *user);

/* The rows of that band, and the pairs before it. Local. */
int64_t trn_closure_band(const trn_closure_t *closure, int rank, int64_t *before);

/* The numbers of the sources of batch rows [first, first + count), into sources[count]. Local. */
void trn_closure_sources(const trn_closure_t *closure, int64_t first, int64_t count,
                         int32_t *sources);

/* Free everything; {0} and twice are fine. Local. */
void trn_closure_free(trn_closure_t *closure);

/* Saving (closure_save.c) ---------------------------------------------------------------------- */

/* What a file of R notes. Borrowed. */
typedef struct trn_closure_make {
    bool packed; /* a store with a bit for every pair: /bits, of byte j/8 of row i bit j%8; else a
                  * sparse matrix, as convert reads it */
    const char *created_by;
    const json_t *params;
    trn_status_t (*declare)(void *user, trn_store_t *store); /* names; NULL: none. Collective */
    void *user;
} trn_closure_make_t;

/* Write R as `path`, whole or not at all: a store, or by its ending Matrix Market. Collective,
 * equal arguments, after trn_closure_count. Fails (agreed) with TRN_IO, TRN_USAGE (ending), and
 * TRN_MEMORY: a .mtx file is made of rows in memory, 4 bytes a pair; of a store rows pass by. Cost:
 * a pass as trn_closure_count, 8 bytes a pair written. */
trn_status_t trn_closure_save(trn_closure_t *closure, const char *path,
                              const trn_closure_make_t *make);

/* Bytes that this takes beside the closure, of a store. Local. */
int64_t trn_closure_save_bytes(int64_t nodes, int64_t rows, int ranks);

#endif
