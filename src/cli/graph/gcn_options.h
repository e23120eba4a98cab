/* gcn_options.h: how `recommend` is told to train embeddings. */
#ifndef TRN_CLI_GRAPH_GCN_OPTIONS_H
#define TRN_CLI_GRAPH_GCN_OPTIONS_H

#include "algo/graph/lightgcn/train.h"
#include "cli/command.h"

/* clang-format off */
#define TRN_GCN_PARAMS \
    {"dim", 0, TRN_PARAM_INT, "64", 1, 65536, .needs = "method=lightgcn|ngcf", .group = "Training", \
     .help = "numbers of an embedding"}, \
    {"layers", 0, TRN_PARAM_INT, "3", 0, 16, .needs = "method=lightgcn|ngcf", \
     .help = "how far embeddings pass along the graph"}, \
    {"epochs", 0, TRN_PARAM_INT, "100", 1, 1000000, .needs = "method=lightgcn|ngcf", \
     .help = "at most; an epoch draws as many triples as there are interactions"}, \
    {"batch", 0, TRN_PARAM_INT, "0", 0, 1 << 28, .needs = "method=lightgcn|ngcf", \
     .help = "triples of a step; the embeddings pass along the whole graph in each, so large ones " \
             "are cheaper; 0: a sixth of an epoch, but 1024 to 131072"}, \
    {"negatives", 0, TRN_PARAM_INT, "0", 0, 64, .needs = "method=lightgcn|ngcf", \
     .help = "items that are drawn for a triple, of which it takes the one with the highest score; " \
             "1: as published; 0: one for 1280 items, but 1 to 32"}, \
    {"learning-rate", 0, TRN_PARAM_REAL, "0.02", 1e-9, 1e3, .needs = "method=lightgcn|ngcf", \
     .help = "of Adam; published: 0.001 with batches of 2048"}, \
    {"decay", 0, TRN_PARAM_REAL, "0.005", 0, 1e3, .needs = "method=lightgcn|ngcf", \
     .help = "weight of the squares of a triple's embeddings; published: 0.0001"}, \
    {"adjacency", 0, TRN_PARAM_CHOICE, "mean", .choices = "mean|sym", .needs = "method=ngcf", \
     .help = "what embeddings pass along: D^-1 A + I, as NGCF's program does, or D^-1/2 A D^-1/2"}, \
    {"dropout", 0, TRN_PARAM_REAL, "0.1", 0, 0.9, .needs = "method=ngcf", \
     .help = "share of a layer's numbers that is left out in a step"}, \
    {"valid", 0, TRN_PARAM_REAL, "0.05", 0, 0.9, .needs = "method=lightgcn|ngcf", \
     .help = "share of the interactions that is held out, to end training when it is found less " \
             "well than before; 0: train on all for --epochs"}, \
    {"look", 0, TRN_PARAM_INT, "5", 1, 100000, .needs = "method=lightgcn|ngcf", \
     .help = "epochs from one look at what is held out to the next"}, \
    {"patience", 0, TRN_PARAM_INT, "3", 1, 100000, .needs = "method=lightgcn|ngcf", \
     .help = "looks that may be worse than the best before training ends"}, \
    {"seed", 0, TRN_PARAM_INT, "1", 0, 9e18, .needs = "method=lightgcn|ngcf", \
     .help = "of the starting embeddings, the triples and what is held out"}
/* clang-format on */

/* What the options of these rows say. Local. */
trn_gcn_options_t trn_gcn_options(const trn_params_t *params);

/* Figures of a training into the result. Local. */
trn_status_t trn_gcn_note(trn_run_t *run, const trn_gcn_report_t *report, int64_t held);

#endif
