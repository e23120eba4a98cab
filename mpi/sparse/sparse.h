/* sparse.h: sparse blocks in compressed rows, and the way of entries to their owners. */
#ifndef TRN_MPI_SPARSE_SPARSE_H
#define TRN_MPI_SPARSE_SPARSE_H

#include "base/status.h"
#include "kern/sparse/sparse_type.h"
#include "mpi/dist.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* One entry by its global row and column. */
typedef struct trn_triplet {
    int64_t row, col;
    double value;
} trn_triplet_t;

/* Rows [first_row, first_row + rows) and columns [first_col, first_col + cols) of a matrix. */
typedef struct trn_extent {
    int64_t first_row, rows, first_col, cols;
} trn_extent_t;

/* A block in compressed rows, all on this rank. Opaque. */
typedef struct trn_sparse trn_sparse_t;

/* Create the block at `extent` from `count` triplets in any order, all inside it; entries of one
 * place are summed in float64 by ascending value, so that the order of arrival does not show.
 * Fails with TRN_MEMORY, TRN_USAGE (a triplet outside, 2^31 columns or more). Local.
 * Cost: O(count log(longest row)); 16 bytes an entry of scratch memory. */
trn_status_t trn_sparse_create(trn_sparse_t **sparse, trn_sparse_type_t type, trn_extent_t extent,
                               int64_t count, const trn_triplet_t *triplets);

/* The same from triplets of base/mem, which are freed on the way: on success *triplets is NULL.
 * Local. */
trn_status_t trn_sparse_create_from(trn_sparse_t **sparse, trn_sparse_type_t type,
                                    trn_extent_t extent, int64_t count, trn_triplet_t **triplets);

/* Create the block at `extent` from arrays that are in order already, as trn_sparse_start and the
 * functions beside it describe them: start[rows + 1], column[start[rows]] (local, strictly
 * ascending in every row), values[start[rows]] by type (NULL for a pattern). All three must come
 * from base/mem; they belong to the block on success, to the caller still on failure. Fails with
 * TRN_MEMORY, TRN_USAGE (out of order or outside the extent, 2^31 columns or more). Local. Cost:
 * one pass over start and column. */
trn_status_t trn_sparse_adopt(trn_sparse_t **sparse, trn_sparse_type_t type, trn_extent_t extent,
                              int64_t *start, int32_t *column, void *values);

/* Create the transpose of a block. Fails with TRN_MEMORY, TRN_USAGE (2^31 rows or more). Local.
 * Cost: O(entries + rows + columns). */
trn_status_t trn_sparse_transpose(trn_sparse_t **transpose, const trn_sparse_t *sparse);

/* Free and set the pointer to NULL; NULL is fine. Local. */
void trn_sparse_destroy(trn_sparse_t **sparse);

/* What part of the matrix it is, the type of its values, and how many entries it has. Local. */
trn_extent_t trn_sparse_extent(const trn_sparse_t *sparse);
trn_sparse_type_t trn_sparse_type(const trn_sparse_t *sparse);
int64_t trn_sparse_count(const trn_sparse_t *sparse);

/* The arrays: entries of local row i are start[i] <= e < start[i + 1], with ascending local columns
 * column[e]; values is const float *, const double * or NULL by type. Borrowed. Local. */
const int64_t *trn_sparse_start(const trn_sparse_t *sparse);  /* [rows + 1] */
const int32_t *trn_sparse_column(const trn_sparse_t *sparse); /* [count] */
const void *trn_sparse_values(const trn_sparse_t *sparse);    /* [count] */

/* Value of entry `e` as float64; 1 in a pattern. Local. */
double trn_sparse_value(const trn_sparse_t *sparse, int64_t e);

/* Let every value become change(user, row, column, value), by global numbers, row by row; entries
 * for which that is 0 go, if `drop`. The block must have values; they are rounded to its type, and
 * memory does not shrink. Local. */
void trn_sparse_map(trn_sparse_t *sparse, bool drop,
                    double (*change)(void *user, int64_t row, int64_t col, double value),
                    void *user);

/* What trn_sparse_route asks its caller. All three get `user`. */
typedef struct trn_route {
    /* The rank that an entry belongs to; anything outside the communicator means "outside". */
    int (*owner)(void *user, int64_t row, int64_t col);
    /* Fill in up to `room` triplets, *count of them; 0 when there are no more. */
    trn_status_t (*give)(void *user, int64_t room, trn_triplet_t *triplets, int64_t *count);
    /* Triplets that have arrived; borrowed for the call. */
    trn_status_t (*take)(void *user, int64_t count, const trn_triplet_t *triplets);
    void *user;
} trn_route_t;

/* Send every triplet that `give` yields to `take` on its owner. At most `batch` triplets (at least
 * one a rank) are held on either side: those for a rank whose share of the batch is full wait for
 * the next round, so that memory is bounded however uneven the owners are. The order of arrival
 * depends on the number of ranks. Collective, equal `batch`. Fails (agreed) with TRN_MEMORY,
 * TRN_INPUT (an entry outside the matrix), TRN_USAGE (batch) and with what `give` and `take`
 * return. Memory: 76 bytes x batch. Cost: 24 bytes an entry that changes rank; per round two
 * agreements, an Alltoall and an Alltoallv. */
trn_status_t trn_sparse_route(MPI_Comm comm, const trn_route_t *route, int64_t batch);

/* The rank that holds the block of an entry under `dist`, by the order of mpi/matrix.h; -1 outside.
 * Local. */
int trn_sparse_owner(const trn_dist_t *dist, int64_t row, int64_t col);

/* What part of the matrix the block of `rank` covers under `dist`, by the same order; nothing for
 * ranks beyond the blocks. Local. */
trn_extent_t trn_sparse_extent_of(const trn_dist_t *dist, int rank);

/* Create on every rank its block of the matrix cut by `dist` from all ranks' triplets; ranks beyond
 * the blocks get an empty one. Collective, equal arguments but for the triplets. Fails (agreed) as
 * trn_sparse_route and trn_sparse_create do. */
trn_status_t trn_sparse_distribute(trn_sparse_t **sparse, MPI_Comm comm, trn_sparse_type_t type,
                                   const trn_dist_t *dist, int64_t count,
                                   const trn_triplet_t *triplets, int64_t batch);

#endif
