/* nodes.h: nodes of a graph as people write them, numbers or names, and back. */
#ifndef TRN_ALGO_GRAPH_NODES_H
#define TRN_ALGO_GRAPH_NODES_H

#include "algo/common/names.h"
#include "algo/graph/edges.h"
#include "base/status.h"

#include <mpi.h>
#include <stdint.h>

/* Words out of a file or an option, each a node; `columns` of them belong together. Equal on all
 * ranks. Start with {0}. */
typedef struct trn_node_list {
    const char *where; /* the file, or the option as it is typed; borrowed */
    int columns;
    int64_t count;   /* words, a multiple of columns */
    char **word;     /* [count] into text */
    int64_t *line;   /* [count] of the file, from 1; 0: of an option */
    int32_t *node;   /* [count] once they are found */
    char *text;      /* cut up */
    int64_t letters; /* of all words */
} trn_node_list_t;

/* Read a file, plain or compressed, with a line of `columns` nodes for each `what` ("question"):
 * fields as of edges; blank lines and comments (#, %) are left out. Collective, equal arguments.
 * Fails (agreed) with TRN_INPUT naming FILE:LINE (other number of fields) or FILE (missing, none),
 * TRN_IO, TRN_MEMORY; free it then too. Cost: rank 0 reads. */
trn_status_t trn_node_list_read(trn_node_list_t *list, MPI_Comm comm, const char *path, int columns,
                                const char *what);

/* The same of the words of an option; one that has blanks in it is several. Local, equal arguments.
 * Fails with TRN_USAGE (no multiple of columns), TRN_MEMORY. */
trn_status_t trn_node_list_words(trn_node_list_t *list, const char *option, int columns, int count,
                                 char *const *words);

/* Find the nodes of the words: list->node. `side` has the names of the graph's `nodes` nodes, if
 * they have any. Collective, equal arguments. Fails (agreed) with TRN_INPUT, or TRN_USAGE for an
 * option's (no such node, and which may be meant), TRN_MEMORY, TRN_IO. Cost: rank 0 sees all names
 * once. */
trn_status_t trn_node_list_find(trn_node_list_t *list, MPI_Comm comm, trn_edges_side_t *side,
                                int64_t nodes);

/* That no node is there twice. Fails as trn_node_list_find. Local. */
trn_status_t trn_node_list_unique(const trn_node_list_t *list, int64_t nodes);

/* Free what it holds; {0} and twice are fine. Local. */
void trn_node_list_free(trn_node_list_t *list);

/* On rank 0 the names of numbers[count] (any order, also repeated) as labels; without, if nodes
 * have none. To be freed also on failure. Collective; `numbers` count there alone. Fails (agreed)
 * with TRN_MEMORY, TRN_IO. Cost: as trn_node_list_find. */
trn_status_t trn_node_names(trn_edges_side_t *side, MPI_Comm comm, int64_t count,
                            const int32_t *numbers, trn_labels_t *labels);

#endif
