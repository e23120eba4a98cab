/* change.h: which nodes have other neighbors than a snapshot before. */
#ifndef TRN_ALGO_GRAPH_SNAPSHOTS_CHANGE_H
#define TRN_ALGO_GRAPH_SNAPSHOTS_CHANGE_H

#include "base/status.h"
#include "mpi/sparse/sparse.h"

#include <mpi.h>
#include <stdint.h>

/* Which are solved anew: of those that changed by more than `tolerance`, the share `most` of all
 * nodes, rounded up, that changed the most, of equals the smaller number. */
typedef struct trn_change_how {
    double tolerance; /* in [0, 1) */
    double most;      /* in [0, 1] */
} trn_change_how_t;

typedef struct trn_changed {
    int64_t changed; /* nodes of all ranks by more than the tolerance */
    int64_t chosen;
} trn_changed_t;

/* wanted[rows] = 1 for this rank's nodes that are solved anew, else 0. A row changes from a to b by
 * |a - b| / sqrt(|a|^2 + |b|^2), 0 for equal rows, 1 for rows that share no neighbor. (The measure
 * of DyG-MF's code, |b - (.64 b + .36 (a + c)) / 3| with the snapshot c after it, is .55 |b| where
 * nothing changes, so it would rank nodes by their degrees.) Collective. Fails (agreed) with
 * TRN_MEMORY. Cost: a pass over both, n numbers to all ranks, a sort of those that changed. */
trn_status_t trn_change_choose(MPI_Comm comm, const trn_sparse_t *before, const trn_sparse_t *now,
                               const trn_change_how_t *how, unsigned char *wanted,
                               trn_changed_t *changed);

#endif
