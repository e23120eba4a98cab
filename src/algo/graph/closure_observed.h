/* closure_observed.h: what paths tell of who reaches whom, held against what is so.
 *
 * A path v_1 .. v_m shows that each of v_1 .. v_(m-1) reaches its target v_m, and nothing else: row
 * t of R^obs has k if some path with target t comes through k. (So R^obs is read the other way than
 * R, whose row k has t.) Pairs of R that R^obs lacks have a degree: one less than the fewest
 * observed pairs (k, u), (u, .), .. (., t) in a row that join them; 0 is what was observed, 1 what
 * has to be put together of two. Source: Wang et al.: ALPINE: Unveiling the planning capability of
 * autoregressive learning in language models (NeurIPS 2024). */
#ifndef TRN_ALGO_GRAPH_CLOSURE_OBSERVED_H
#define TRN_ALGO_GRAPH_CLOSURE_OBSERVED_H

#include "algo/graph/closure.h"
#include "algo/graph/graph.h"
#include "base/status.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    TRN_OBSERVED_DEGREES = 64, /* told apart; the last is for all above */
    TRN_OBSERVED_SIZES = 32    /* edges of a source: none, 1, 2-3, 4-7, .. */
};

/* Start with {0}. */
typedef struct trn_observed {
    trn_sparse_t *band;     /* rows t of R^obs, float64: how many paths; as the graph's bands */
    int64_t pairs;          /* of all ranks */
    int64_t paths, outside; /* paths, and steps of them that are no edges of the graph */
    /* Once it is compared: pairs of R by their degree, those that observed pairs do not join; and
     * by the number of edges of their source, those of R and those of R that are observed. */
    int64_t degree[TRN_OBSERVED_DEGREES], apart;
    int64_t size_pairs[TRN_OBSERVED_SIZES], size_observed[TRN_OBSERVED_SIZES];
} trn_observed_t;

/* R^obs of the paths in a file of graph->edges, which has been cut into bands and still has them.
 * Collective. Fails (agreed) with TRN_MEMORY; free it then too. Cost: 24 bytes a node of a path
 * travel; a sort of each path. */
trn_status_t trn_observed_read(trn_observed_t *observed, trn_graph_t *graph, int file);

/* Count steps of paths that are no edges of the graph. Collective. */
void trn_observed_steps(trn_observed_t *observed, MPI_Comm comm, const trn_digraph_t *graph,
                        const trn_edges_file_t *paths);

/* Hold R against R^obs, after trn_closure_count. Collective. Fails (agreed) with TRN_MEMORY. Cost:
 * a pass as trn_closure_count, and one by levels over the observed pairs. */
trn_status_t trn_observed_compare(trn_observed_t *observed, trn_closure_t *closure);

/* Plans, where paths have `steps` edges: of reading, what stays being under "observed"; of
 * comparing, beside the closure's. Local. */
void trn_observed_read_plan(trn_ledger_t *ledger, int64_t nodes, int64_t steps, int ranks);
void trn_observed_plan(trn_ledger_t *ledger, int64_t nodes, int64_t steps, int words, int threads);

/* Figures for a result: tables of pairs by degree and by edges of the source. Local. */
json_t *trn_observed_note(const trn_observed_t *observed, const trn_closure_t *closure);

/* Free what it holds; {0} and twice are fine. Local. */
void trn_observed_free(trn_observed_t *observed);

#endif
