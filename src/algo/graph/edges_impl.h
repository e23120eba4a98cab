/* edges_impl.h: what the files of the reader of edges share. */
#ifndef TRN_ALGO_GRAPH_EDGES_IMPL_H
#define TRN_ALGO_GRAPH_EDGES_IMPL_H

#include "algo/graph/edges.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    TRN_EDGES_NONE = -1,      /* the far end of a thing without edges, until reading is over */
    TRN_EDGES_FILE_SHIFT = 56 /* of places: the number of the file stands there */
};

/* A file of text while this rank reads it. Fields of a line are at least one. */
typedef struct trn_edges_reader {
    trn_edges_t *edges;
    int number;          /* of the file */
    int64_t offset;      /* of the present line */
    int64_t skip;        /* lines that begin before this byte are none of edges */
    int64_t lines;       /* of edges */
    int64_t least, most; /* fields of a line */
} trn_edges_reader_t;

/* Append an edge. Local. Fails with TRN_MEMORY. */
trn_status_t trn_edges_add(trn_edges_t *edges, int number, int32_t from, int32_t to, double weight);

/* The side that a column belongs to. Local. */
trn_edges_side_t *trn_edges_side(trn_edges_t *edges, int column);

/* "user" or "item", or "node". Local. */
const char *trn_edges_thing(const trn_edges_t *edges, int column);

/* Whether a line holds no edge: it is blank or a comment. Local. */
bool trn_edges_skips(const char *line);

/* Take a line of edges (without its newline; it is cut up). Local. Fails with TRN_INPUT without
 * file and line, TRN_MEMORY. */
trn_status_t trn_edges_line(trn_edges_reader_t *reader, char *line, int64_t length);

/* Whether `first` is a heading, `second` being the next line of edges or NULL; both are cut up.
 * Local. */
bool trn_edges_is_heading(char *first, char *second);

/* What is wrong with a number (of digits alone, or another one) that numbers nothing. */
trn_status_t trn_edges_refuse_number(const trn_edges_t *edges, int column, const char *number);

/* Let what this rank has read as numbers of a side become names. Local. Fails with TRN_MEMORY. */
trn_status_t trn_edges_to_names(trn_edges_t *edges, int side);

/* Read a file that is no text: a sparse matrix or the store of a knowledge graph. Collective. Fails
 * (agreed) as trn_edges_read. */
trn_status_t trn_edges_read_matrix(trn_edges_t *edges);

#endif
