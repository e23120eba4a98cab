/* split.h: likes held out of training, to see how good it is. */
#ifndef TRN_ALGO_GRAPH_LIGHTGCN_SPLIT_H
#define TRN_ALGO_GRAPH_LIGHTGCN_SPLIT_H

#include "base/status.h"
#include "mpi/sparse/sparse.h"

#include <stdint.h>

/* Create two patterns: each like of `likes` goes to `held` with probability `share`, by seed, user
 * and item alone, but every user keeps the first. Local. Fails with TRN_MEMORY. */
trn_status_t trn_split_likes(const trn_sparse_t *likes, double share, uint64_t seed,
                             trn_sparse_t **kept, trn_sparse_t **held);

#endif
