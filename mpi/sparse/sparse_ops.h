/* sparse_ops.h: whole sparse matrices moved about: regrouped, transposed, permuted, cut for
 * balance.
 *
 * Every entry that moves goes through trn_sparse_route, so that memory stays bounded: beside the
 * two matrices 40 bytes an entry of the new block, and 76 bytes x TRN_SPARSE_BATCH. */
#ifndef TRN_MPI_SPARSE_SPARSE_OPS_H
#define TRN_MPI_SPARSE_SPARSE_OPS_H

#include "base/ledger.h"
#include "base/status.h"
#include "mpi/dist.h"
#include "mpi/sparse/sparse.h"

#include <mpi.h>
#include <stdint.h>

enum { TRN_SPARSE_BATCH = 1 << 16 /* triplets that a rank sends and receives in one round */ };

/* The same matrix, its blocks cut by `dist` (of the same extents; rank r gets block r, ranks beyond
 * an empty one). The blocks of `sparse` may lie anywhere but must not overlap. Collective, equal
 * `dist`. Fails (agreed) with TRN_MEMORY, TRN_INPUT (an entry outside). Cost: 24 bytes an entry
 * that changes rank. */
trn_status_t trn_sparse_regroup(MPI_Comm comm, const trn_sparse_t *sparse, const trn_dist_t *dist,
                                trn_sparse_t **regrouped);

/* The transposed matrix, cut by `dist`, whose rows are the columns of `sparse`. Otherwise as
 * trn_sparse_regroup. Collective. */
trn_status_t trn_sparse_transpose_all(MPI_Comm comm, const trn_sparse_t *sparse,
                                      const trn_dist_t *dist, trn_sparse_t **transpose);

/* P S P^T, cut by `dist`: entry (i, j) of the square matrix goes to (p(i), p(j)) with the
 * permutation p = trn_rng_permuted(seed, n, .), which spreads rows of much work over all bands.
 * Otherwise as trn_sparse_regroup; also TRN_USAGE (`dist` is not square). Collective. */
trn_status_t trn_sparse_permute(MPI_Comm comm, const trn_sparse_t *sparse, uint64_t seed,
                                const trn_dist_t *dist, trn_sparse_t **permuted);

/* Create the distribution that cuts a matrix, held in row bands in the order of the ranks, into
 * `parts` bands of about equal weight: weight[rows of this band], each counting one more, NULL: the
 * entries of the rows (trn_spgemm_terms has better ones for products). Collective, equal `parts`.
 * Fails (agreed) with TRN_MEMORY, TRN_USAGE (`parts` below 1, no bands). Cost: one Exscan, two
 * Allreduces of at most `parts` numbers. */
trn_status_t trn_sparse_cut_rows(MPI_Comm comm, const trn_sparse_t *sparse, const int64_t *weight,
                                 int parts, trn_dist_t **dist);

/* For plans: what these take on a rank whose new block has `entries` entries of `entry` bytes in
 * `rows` rows; the block stays under `name`. Local. */
void trn_sparse_move_take(trn_ledger_t *ledger, const char *name, int64_t entries, int64_t rows,
                          int64_t entry);

#endif
