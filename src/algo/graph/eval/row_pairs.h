/* row_pairs.h: pairs of rows of a matrix, such as edges that are held out, and pairs without an
 * edge.
 */
#ifndef TRN_ALGO_GRAPH_EVAL_ROW_PAIRS_H
#define TRN_ALGO_GRAPH_EVAL_ROW_PAIRS_H

#include "algo/graph/edges.h"
#include "algo/matrix/matrix_file_plan.h"
#include "base/status.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* The same on every rank. Start with {0}. */
typedef struct trn_row_pairs {
    int64_t rows; /* of the matrix */
    int64_t count;
    int64_t *key; /* [count] row of one x rows + row of the other; undirected: the smaller first */
    int64_t unknown;  /* edges of the file with an end that is no row: left out */
    int64_t repeated; /* that stand there more than once, whichever way: each is one pair */
} trn_row_pairs_t;

/* Read edges between rows of `in`, whose ends are names or numbers: keys ascend, each once.
 * Collective, equal arguments. Fails (agreed) as trn_edges_read and trn_side_rows, with TRN_INPUT
 * (none is left), TRN_MEMORY. Memory: 8 bytes an edge of all ranks, twice for a while. */
trn_status_t trn_row_pairs_read(trn_row_pairs_t *pairs, MPI_Comm comm, const char *path,
                                const trn_edges_how_t *how, bool directed, trn_matrix_in_t *in);

/* Draw `count` pairs of different rows, each with the same chance and on its own, none of which is
 * among avoid[n], n at most 2. Collective, equal arguments. Fails (agreed) with TRN_INPUT (there
 * are none, or so few that they are not met by chance), TRN_MEMORY. Cost: a binary search a try. */
trn_status_t trn_row_pairs_draw(trn_row_pairs_t *pairs, MPI_Comm comm, int64_t rows, int64_t count,
                                uint64_t seed, bool directed, const trn_row_pairs_t *const *avoid,
                                int n);

/* Free what they hold; {0} and twice are fine. Local. */
void trn_row_pairs_free(trn_row_pairs_t *pairs);

#endif
