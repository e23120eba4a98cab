/* grid.h: ranks as a rows x cols x layers grid.
 *
 * Rank r of the communicator stands at row i, column j, layer l with r = (l rows + i) cols + j;
 * ranks from rows x cols x layers on stand aside. All communicators are made by MPI_Comm_split
 * with plain keys, never as cartesian ones (those corrupt MPI-IO, see io/store/store.h). */
#ifndef TRN_MPI_GRID_H
#define TRN_MPI_GRID_H

#include "base/status.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* How many ranks cut m (rows), n (cols) and k (layers) of C[m x n] += A[m x k] B[k x n]. */
typedef struct trn_grid_shape {
    int rows, cols, layers;
} trn_grid_shape_t;

/* Words that each rank receives, its own share excluded, when the blocks are evenly spread:
 * mk/(pm pk) (1 - 1/pn) + kn/(pk pn) (1 - 1/pm) + mn/(pm pn) (1 - 1/pk). Local. */
double trn_grid_words(trn_grid_shape_t shape, int64_t m, int64_t n, int64_t k);

/* A grid of ranks. Opaque. */
typedef struct trn_grid trn_grid_t;

/* Form the grid over `comm` (borrowed), which must have at least rows x cols x layers ranks.
 * Collective, equal arguments. Fails (agreed) with TRN_USAGE, TRN_MEMORY. Cost: five splits. */
trn_status_t trn_grid_create(trn_grid_t **grid, MPI_Comm comm, trn_grid_shape_t shape);

/* Free the communicators, set the pointer to NULL; NULL is fine. Collective. */
void trn_grid_destroy(trn_grid_t **grid);

/* The shape; this rank's place in it, -1 where it stands aside; whether it takes part. Local. */
trn_grid_shape_t trn_grid_shape(const trn_grid_t *grid);
int trn_grid_row(const trn_grid_t *grid);
int trn_grid_col(const trn_grid_t *grid);
int trn_grid_layer(const trn_grid_t *grid);
bool trn_grid_member(const trn_grid_t *grid);

/* Communicators, owned by the grid; MPI_COMM_NULL on ranks that stand aside, but for the node's.
 * Local. */
MPI_Comm trn_grid_row_comm(const trn_grid_t *grid);   /* same row and layer; rank = column */
MPI_Comm trn_grid_col_comm(const trn_grid_t *grid);   /* same column and layer; rank = row */
MPI_Comm trn_grid_fiber_comm(const trn_grid_t *grid); /* same row and column; rank = layer */
MPI_Comm trn_grid_layer_comm(const trn_grid_t *grid); /* same layer; rank = row x cols + column */
MPI_Comm trn_grid_node_comm(const trn_grid_t *grid);  /* ranks that share this node's memory */

#endif
