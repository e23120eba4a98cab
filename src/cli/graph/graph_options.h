/* graph_options.h: how a verb is told to read a graph. */
#ifndef TRN_CLI_GRAPH_GRAPH_OPTIONS_H
#define TRN_CLI_GRAPH_GRAPH_OPTIONS_H

#include "algo/graph/graph.h"
#include "cli/command.h"

/* Rows of every verb that reads edges of text. */
/* clang-format off */
#define TRN_EDGES_PARAMS \
    {"ids", 0, TRN_PARAM_CHOICE, "auto", .choices = "auto|numbers|names", .group = "Reading", \
     .help = "what stands in the file: numbers from 0, or names, numbered by their first " \
             "appearance; auto: numbers if every field is one"}, \
    {"header", 0, TRN_PARAM_CHOICE, "auto", .choices = "auto|skip|keep", \
     .help = "the first line is a heading, or is not; auto: if it has usual headings, or is not of " \
             "numbers and the second line is"}, \
    {"extra-columns", 0, TRN_PARAM_BOOL, "false", \
     .help = "leave out columns behind those that are wanted, such as times; else they are refused"}

/* Rows of every verb that reads a graph: by default "true" or "false" directed, and self-loops
 * "drop" or "keep". */
#define TRN_GRAPH_PARAMS TRN_GRAPH_PARAMS_OF("false", "drop")
#define TRN_GRAPH_PARAMS_OF(directed_usually, loops_usually) \
    TRN_EDGES_PARAMS, \
    {"directed", 0, TRN_PARAM_BOOL, directed_usually, \
     .help = "edges lead from the first to the second only"}, \
    {"weighted", 0, TRN_PARAM_BOOL, "false", \
     .help = "a third column, or the numbers of a matrix, are weights; else every edge is 1"}, \
    {"self-loops", 0, TRN_PARAM_CHOICE, loops_usually, .choices = "drop|keep", \
     .help = "what becomes of edges from a node to itself"}, \
    {"repeated", 0, TRN_PARAM_CHOICE, "auto", .choices = "auto|once|add|refuse", \
     .help = "an edge that is there several times (whichever way, if not directed) counts once, " \
             "with its largest weight, or adds up; auto: adds up where text has weights"}, \
    {"isolated", 0, TRN_PARAM_CHOICE, "keep", .choices = "keep|refuse", \
     .help = "whether there may be nodes without edges"}, \
    {"nodes", 0, TRN_PARAM_INT, "0", 0, 2147483646, .metavar = "N", \
     .help = "how many nodes there are, numbered from 0; those that no edge names have none"}, \
    {"relation", 0, TRN_PARAM_TEXT, .metavar = "NAME", \
     .help = "of a knowledge graph: triples of this relation only"}
/* clang-format on */

/* What the options of these rows say; texts are borrowed. Local. */
trn_edges_how_t trn_edges_options(const trn_params_t *params);
trn_graph_how_t trn_graph_options(const trn_params_t *params);

/* Figures of a graph that is loaded, into the result: nodes, edges, loops, ... Local. */
trn_status_t trn_graph_note(trn_run_t *run, const trn_graph_t *graph);

#endif
