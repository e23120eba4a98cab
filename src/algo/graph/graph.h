/* graph.h: the adjacency matrix of a graph in a file of any kind (algo/graph/edges.h), each rank a
 * band of rows.
 *
 * A program looks, cuts, plans and loads, as steps of a verb do (cli/steps.h). Row u has an entry
 * for each v that u has an edge to; of an undirected graph also for each that has one to u, once
 * whichever way it is written. Edges of one place are summed in float64, by ascending weight. */
#ifndef TRN_ALGO_GRAPH_GRAPH_H
#define TRN_ALGO_GRAPH_GRAPH_H

#include "algo/graph/edges.h"
#include "algo/matrix/matrix_file_plan.h"
#include "base/ledger.h"
#include "mpi/sparse/sparse.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* An edge that is there several times, in either direction if the graph is undirected. */
typedef enum trn_repeated {
    TRN_REPEATED_AUTO, /* adds up if text has weights, else counts once */
    TRN_REPEATED_ONCE, /* counts once, with the largest weight */
    TRN_REPEATED_ADD,  /* weights add up, each being 1 if the graph has none */
    TRN_REPEATED_REFUSE
} trn_repeated_t;

/* How it is to be read. */
typedef struct trn_graph_how {
    trn_edges_how_t edges;
    bool directed;
    bool loops;    /* edges from a node to itself are kept, else dropped; counted either way */
    bool isolated; /* nodes without any edge are fine, else refused */
    trn_repeated_t repeated;
    int64_t nodes; /* how many there are; 0: as many as the edges name */
} trn_graph_how_t;

/* Of all ranks. edges: what is left, each counted once; the others as they stand in the file. */
typedef struct trn_graph_counts {
    int64_t edges, loops, repeated, isolated, zero;
} trn_graph_counts_t;

/* Start with {0}; must stay where it is. */
typedef struct trn_graph {
    MPI_Comm comm;
    const char *path; /* borrowed */
    trn_graph_how_t how;
    int64_t rows, cols; /* equal, but for a bipartite graph: things of either sort */
    trn_edges_t edges;  /* until it is loaded: then without edges, but with the sides' names */
    int64_t *degree;    /* [blocks] entries in each block of trn_tall_block(rows) rows */
    trn_bands_t bands;  /* of rows, one a rank, by trn_graph_cut; `entries` at most */
    trn_graph_counts_t counts; /* known once it is loaded */
} trn_graph_t;

/* Read the file. Several paths: all in one adjacency. Collective, equal arguments. Fails (agreed)
 * as trn_edges_read and with TRN_INPUT (a number that --nodes excludes, no edges), TRN_MEMORY.
 * Cost: as that. */
trn_status_t trn_graph_look(trn_graph_t *graph, MPI_Comm comm, const char *path,
                            const trn_graph_how_t *how);

/* The same of the first of `files` files, whose nodes are numbered together: the others are in
 * graph->edges, as trn_edges_read has them (how->edges.paths), until they are freed. Collective. */
trn_status_t trn_graph_look_at(trn_graph_t *graph, MPI_Comm comm, int files,
                               const char *const *paths, const trn_graph_how_t *how);

/* The same of one of several files that are numbered together, whose edges `edges` gives away;
 * names stay with it, and all things of all files are nodes. Collective, equal arguments. Fails
 * (agreed) likewise; free the graph then too. */
trn_status_t trn_graph_take(trn_graph_t *graph, trn_edges_t *edges, int file,
                            const trn_graph_how_t *how);

/* Cut the rows for `ranks` ranks, which need not be there, into bands of whole blocks of
 * trn_tall_block rows, after the bands it had before: even ones as of trn_tall_start (`row` and
 * `entry` 0), or such that a row that weighs `row` and `entry` for each entry gives the ranks about
 * the same weight. Local, equal on all ranks. Fails with TRN_MEMORY. */
trn_status_t trn_graph_cut(trn_graph_t *graph, int ranks, int64_t row, int64_t entry);

/* Plan of trn_graph_load, of an adjacency of `type`: it stays under "graph". The edges are held
 * already (trn_held_now), and are given back. Local. */
void trn_graph_plan(trn_ledger_t *ledger, const trn_graph_t *graph, trn_sparse_type_t type,
                    int ranks, int rank);

/* *adjacency = this rank's band of graph->bands, cut for as many ranks as there are, of `type`: a
 * pattern only if nothing is weighted or added up. Frees the edges and counts, which it tells in
 * the log where something was dropped. Collective. Fails (agreed) with TRN_INPUT (what is refused,
 * naming a node), TRN_MEMORY. Cost: an edge travels twice each way; a sort of each row. */
trn_status_t trn_graph_load(trn_graph_t *graph, trn_sparse_type_t type, trn_sparse_t **adjacency);

/* The type that its adjacency has: a pattern where no entry is other than 1, else `real`. Local. */
trn_sparse_type_t trn_graph_type(const trn_graph_t *graph, trn_sparse_type_t real);

/* The distribution of a matrix of `cols` columns over the bands. Fails with TRN_MEMORY. Local. */
trn_status_t trn_graph_dist(trn_dist_t **dist, const trn_graph_t *graph, int64_t cols);

/* Let rows to write have the names of the nodes, if they have any. Local. */
void trn_graph_name(trn_graph_t *graph, trn_rows_make_t *make);

/* Free everything; {0} and twice are fine. Local. */
void trn_graph_free(trn_graph_t *graph);

#endif
