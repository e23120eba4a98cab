/* landmarks.h: the nodes that all others are described by. */
#ifndef TRN_ALGO_GRAPH_SNAPSHOTS_LANDMARKS_H
#define TRN_ALGO_GRAPH_SNAPSHOTS_LANDMARKS_H

#include "base/ledger.h"
#include "base/status.h"
#include "mpi/sparse/sparse.h"
#include "mpi/sparse/spgemm.h"

#include <mpi.h>
#include <stdint.h>

/* Up to `want` landmarks of a graph: nodes by the sum of their positive PMI (windows.h, of a window
 * of 2 at most), descending, of equals the smaller number; first those that have no edge to any
 * taken before, then, while there are too few, the others, of 4 x want nodes at the top. Nodes
 * without edges are never taken. *landmark [*count], ascending, on every rank, to be freed.
 * Collective, equal arguments but for A's rows. Fails (agreed) as windows do. Cost: a sparse
 * product A A, in parts such that a rank holds about 16 MiB of one; all nodes at once where `want`
 * allows. Source: DyG-MF's code, which takes no others (and so often very few). */
trn_status_t trn_landmarks_pick(MPI_Comm comm, const trn_sparse_t *a, const double *degree,
                                int window, int64_t want, int threads, int64_t **landmark,
                                int64_t *count);

/* What that takes of a graph whose product A A has these sizes: the landmarks stay. Local. */
void trn_landmarks_plan(trn_ledger_t *ledger, const trn_spgemm_size_t *size, int window,
                        int64_t want);

#endif
