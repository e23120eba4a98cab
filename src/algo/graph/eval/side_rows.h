/* side_rows.h: which rows of a matrix the nodes of a file of edges or labels are. */
#ifndef TRN_ALGO_GRAPH_EVAL_SIDE_ROWS_H
#define TRN_ALGO_GRAPH_EVAL_SIDE_ROWS_H

#include "algo/graph/edges.h"
#include "algo/matrix/matrix_file_plan.h"
#include "base/status.h"

#include <mpi.h>
#include <stdint.h>

/* How a file whose nodes are rows of `in` is best read: as `ids` says, but "auto" is by names where
 * the rows have names. Local. */
trn_edges_ids_t trn_side_ids(const trn_matrix_in_t *in, trn_edges_ids_t ids);

/* Start with {0}; free `row` with trn_free. */
typedef struct trn_side_rows {
    int64_t count; /* things with a place in `row`; the others have no row */
    int32_t *row;  /* [count] -1: there is none */
} trn_side_rows_t;

/* The row that has the name of each thing of a side, or, where they or the rows have no names, that
 * number. On every rank. Collective. Fails (agreed) as trn_matrix_in_names, trn_edges_names and
 * trn_row_names_find. Memory: 4 bytes a name, or a row; on rank 0 the names of a million. Cost: a
 * pass over the names of all rows for each million. */
trn_status_t trn_side_rows(trn_side_rows_t *rows, trn_edges_side_t *side, MPI_Comm comm,
                           trn_matrix_in_t *in);

/* The row of thing `number`, or -1. Local. */
int32_t trn_side_row(const trn_side_rows_t *rows, int32_t number);

#endif
