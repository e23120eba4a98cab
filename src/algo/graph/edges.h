/* edges.h: edges between numbered things, out of files of any kind, each rank its part of them.
 *
 * Text has a line an edge, "u v" or "u v weight", or a line a thing, "u v v v ..."; fields between
 * blanks, tabs, commas or semicolons; lines that begin with # or % and blank ones are skipped. It
 * may be compressed, or come through a pipe. What stands in a column are numbers from 0 if every
 * field is one ("0" or digits without a leading 0), else names, numbered by their first appearance.
 * Sparse matrices of any format give an edge for each entry, the store of a knowledge graph one for
 * each train triple. Bits of what is made of edges must not depend on which rank has which. */
#ifndef TRN_ALGO_GRAPH_EDGES_H
#define TRN_ALGO_GRAPH_EDGES_H

#include "algo/common/numbering.h"
#include "base/status.h"
#include "io/rows/rows.h"
#include "io/store/store.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

enum { TRN_EDGES_FILES = 127 /* most that are numbered together */ };

typedef enum trn_edges_layout {
    TRN_EDGES_AUTO,  /* lists; refused where every line has the same three or more fields, for that
                      * may be pairs with further columns */
    TRN_EDGES_PAIRS, /* u v [weight] */
    TRN_EDGES_LISTS  /* u v v v ...; u alone is a thing without edges */
} trn_edges_layout_t;

typedef enum trn_edges_ids { TRN_IDS_AUTO, TRN_IDS_NUMBERS, TRN_IDS_NAMES } trn_edges_ids_t;

typedef enum trn_edges_header {
    TRN_HEADER_AUTO, /* the first line is none of edges if it has usual headings, or if it is not
                      * of numbers and the second is */
    TRN_HEADER_SKIP,
    TRN_HEADER_KEEP
} trn_edges_header_t;

/* How files are to be read. {0}: lists between things of one sort. */
typedef struct trn_edges_how {
    trn_edges_layout_t layout;
    trn_edges_header_t header;
    trn_edges_ids_t ids;
    bool bipartite; /* the columns are of two sorts, such as users and items, numbered apart */
    bool weighted;  /* pairs: a third column is wanted, finite and not negative; edges of weight 0
                     * are dropped. Of matrices: their numbers */
    int paths;      /* the last so many files have lines of paths instead, "v v v ...": an edge from
                     * each to the next */
    bool extra;     /* pairs: columns behind the wanted ones are left out; else they are refused */
    const char *relation; /* of a knowledge graph; NULL: all. Borrowed */
    const char *thing[2]; /* "user", "item", in the singular, for messages; NULL: "node" */
} trn_edges_how_t;

/* What one file has. from, to and weight are this rank's, in the order of the file. */
typedef struct trn_edges_file {
    const char *path; /* borrowed */
    int64_t count;
    int32_t *from, *to; /* [count], numbers on every sort's side */
    double *weight;     /* [count]; NULL: not weighted */
    int64_t paths;      /* of this rank: path p has the edges [end[p - 1], end[p]), from 0 on */
    int64_t *end;       /* [paths] */
    int64_t room, room_to, room_weight, room_end;
    int64_t all;  /* edges of all ranks */
    int64_t zero; /* edges of weight 0, which were dropped: of all ranks */
} trn_edges_file_t;

/* Things of one sort. */
typedef struct trn_edges_side {
    int64_t count; /* the largest number and one, or distinct names */
    bool named;
    trn_numbering_t names; /* of text */
    trn_names_feed_t rows; /* or of a matrix whose rows have names */
    trn_store_t *graph;    /* or of a knowledge graph's entities */
    int64_t odd; /* while text is read: where this rank's first number stands that numbers nothing,
                  * file << 56 plus byte of its line; -1: there is none */
    char odd_text[32];
    trn_numbering_feed_t feed;
    char **block;
} trn_edges_side_t;

/* Edges of files that are numbered together, such as those to train and to test. Start with {0};
 * must stay where it is. */
typedef struct trn_edges {
    MPI_Comm comm;
    trn_edges_how_t how;
    int files;
    bool matrix; /* it was no text: every edge of an undirected graph may be there both ways */
    trn_edges_file_t *file;   /* [files] */
    trn_edges_side_t side[2]; /* of from and to; the second is of use only if bipartite */
} trn_edges_t;

/* Read paths[files]; names are numbered in this order of files. Several must all be text.
 * Collective, equal arguments. Fails (agreed) with TRN_INPUT naming FILE:LINE (a line with one
 * field or with too many, a weight that is negative or not finite, a number of 2^31 or more, no
 * UTF-8), FILE (missing, empty, no sparse matrix, several readings), TRN_MEMORY, TRN_IO; free it
 * then too. Cost: one read; a plain file is read by all ranks, what is compressed by one. Memory: 8
 * bytes an edge of this rank, 16 if weighted; names as trn_numbering_settle. */
trn_status_t trn_edges_read(trn_edges_t *edges, MPI_Comm comm, const trn_edges_how_t *how,
                            int files, const char *const *paths);

/* Free the edges of a file, or everything; {0} and twice are fine. Local. */
void trn_edges_file_free(trn_edges_file_t *file);
void trn_edges_free(trn_edges_t *edges);

/* *names = those of side->names `first` to first + count on rank 0: the shape of trn_strings_t
 * (io/store/store.h), `self` being a named trn_edges_side_t. Collective. Fails (agreed) as
 * trn_numbering_feed, trn_rows_feed, trn_store_read_some_strings. */
trn_status_t trn_edges_names(void *self, const char *name, int64_t first, int64_t count,
                             const char *const **names);

/* Declare the names of a side, if it has any, as `dataset` of a store. Collective. Fails (agreed)
 * as above and as trn_store_strings_from. */
trn_status_t trn_edges_declare_names(trn_edges_side_t *side, trn_store_t *store,
                                     const char *dataset);

#endif
