/* graph_options.c: options of graphs as the reader wants them. */
#include "cli/graph/graph_options.h"

trn_edges_how_t trn_edges_options(const trn_params_t *params) {
    return (trn_edges_how_t){.layout = TRN_EDGES_PAIRS,
                             .ids = (trn_edges_ids_t)trn_params_choice(params, "ids"),
                             .header = (trn_edges_header_t)trn_params_choice(params, "header"),
                             .extra = trn_params_bool(params, "extra-columns")};
}

trn_graph_how_t trn_graph_options(const trn_params_t *params) {
    trn_graph_how_t how = {.edges = trn_edges_options(params),
                           .directed = trn_params_bool(params, "directed"),
                           .loops = trn_params_choice(params, "self-loops") == 1,
                           .isolated = trn_params_choice(params, "isolated") == 0,
                           .nodes = trn_params_int(params, "nodes")};
    how.edges.weighted = trn_params_bool(params, "weighted");
    how.edges.relation = trn_params_text(params, "relation");
    how.repeated = (trn_repeated_t)trn_params_choice(params, "repeated");
    return how;
}

trn_status_t trn_graph_note(trn_run_t *run, const trn_graph_t *graph) {
    const trn_graph_counts_t *c = &graph->counts;
    return trn_run_note(run, json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "nodes",
                                       (json_int_t)graph->rows, "edges", (json_int_t)c->edges,
                                       "self_loops", (json_int_t)c->loops, "repeated",
                                       (json_int_t)c->repeated, "isolated", (json_int_t)c->isolated,
                                       "zero_weight", (json_int_t)c->zero));
}
