/* graph_options.c: options of graphs as the reader wants them. */
#include "cli/graph/graph_options.h"

#include <string.h>

trn_edges_how_t trn_edges_options(const trn_params_t *params) {
    const char *ids = trn_params_text(params, "ids"), *header = trn_params_text(params, "header");
    return (trn_edges_how_t){.layout = TRN_EDGES_PAIRS,
                             .ids = strcmp(ids, "names") == 0     ? TRN_IDS_NAMES
                                    : strcmp(ids, "numbers") == 0 ? TRN_IDS_NUMBERS
                                                                  : TRN_IDS_AUTO,
                             .header = strcmp(header, "skip") == 0   ? TRN_HEADER_SKIP
                                       : strcmp(header, "keep") == 0 ? TRN_HEADER_KEEP
                                                                     : TRN_HEADER_AUTO,
                             .extra = trn_params_bool(params, "extra-columns")};
}

static trn_repeated_t repeated_of(const char *text) {
    return strcmp(text, "refuse") == 0 ? TRN_REPEATED_REFUSE
           : strcmp(text, "add") == 0  ? TRN_REPEATED_ADD
           : strcmp(text, "once") == 0 ? TRN_REPEATED_ONCE
                                       : TRN_REPEATED_AUTO;
}

trn_graph_how_t trn_graph_options(const trn_params_t *params) {
    trn_graph_how_t how = {.edges = trn_edges_options(params),
                           .directed = trn_params_bool(params, "directed"),
                           .loops = strcmp(trn_params_text(params, "self-loops"), "keep") == 0,
                           .isolated = strcmp(trn_params_text(params, "isolated"), "keep") == 0,
                           .nodes = trn_params_int(params, "nodes")};
    how.edges.weighted = trn_params_bool(params, "weighted");
    how.edges.relation = trn_params_text(params, "relation");
    how.repeated = repeated_of(trn_params_text(params, "repeated"));
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
