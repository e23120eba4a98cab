/* snapshots.h: communities of the nodes of a graph over time, by separated factorization.
 *
 * M_t, the positive PMI of nodes with landmarks in windows of random walks on snapshot t
 * (windows.h, landmarks.h), ~ W_t H_t, none negative. H_t comes from the landmarks' block alone
 * (separated.h), which begins with H_(t-1), and a few rounds over all rows; given H_t each node's
 * row of W_t is a small problem of its own (nonneg.h), so rows lie with their owners and no number
 * of ranks shows. Landmarks stay those of the first snapshot, so that factors mean the same all the
 * time. With selective updates only nodes whose neighbors have changed (change.h) are solved anew
 * after it, and of H only what belongs to changed landmarks. Rows of W_t, scaled to sum 1, are
 * clustered (communities.h). A node without edges keeps its row.
 *
 * Source: Li et al., DyG-MF: dynamic graph clustering by temporal separated matrix factorization,
 * bi-clustering and selective updates; here without blocks of other nodes with each other. */
#ifndef TRN_ALGO_GRAPH_SNAPSHOTS_SNAPSHOTS_H
#define TRN_ALGO_GRAPH_SNAPSHOTS_SNAPSHOTS_H

#include "algo/graph/snapshots/change.h"
#include "algo/graph/snapshots/communities.h"
#include "algo/graph/snapshots/separated.h"
#include "algo/matrix/tall.h"
#include "base/ledger.h"
#include "base/status.h"
#include "mpi/sparse/sparse.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct trn_snapshots_options {
    int64_t k, dim;    /* clusters; columns of W */
    int64_t landmarks; /* at most */
    int window;
    int64_t parts; /* counts of a snapshot are made in so many parts: less memory, the same bits */
    int64_t steps; /* of the landmarks' factors, at most */
    double tolerance;
    int64_t rounds; /* over all rows; 0 with alpha > 0 */
    int starts;
    double alpha; /* weight of the bi-clustering term */
    bool selective;
    trn_change_how_t change;
    uint64_t seed;
    int threads;
} trn_snapshots_options_t;

/* What came of one snapshot; equal on all ranks but for the rows. */
typedef struct trn_snapshot {
    int64_t active, changed, solved; /* nodes with edges; that changed; whose rows were solved */
    int64_t bare, landmarks_solved;  /* landmarks without edges; solved */
    int64_t done;                    /* steps of the landmarks' factors; 0 in a selective update */
    double *course; /* [done + 1] objective of the landmarks' block before and after steps */
    int64_t rounds;
    double *falls;         /* [rounds + 1] half the squared error of all rows, after each round */
    double objective;      /* half the squared error of the rows that were solved */
    double squares;        /* sum of squares of these rows of M */
    int64_t found, placed; /* clusters, and nodes in them */
    double spread;         /* k-means' objective */
    double cpu_seconds;    /* of windows and solving, all ranks' */
    int32_t *label;        /* [own rows] -1: a node without edges so far */
    float *w;              /* [own rows x dim] */
    double *h;             /* [dim x landmarks] */
} trn_snapshot_t;

/* Start with {0}. */
typedef struct trn_snapshots {
    MPI_Comm comm;
    int64_t n, own, first; /* nodes; of this rank, as trn_tall deals them */
    trn_snapshots_options_t options;
    int64_t count, room;
    trn_snapshot_t *at;    /* [count] */
    int64_t landmarks;     /* that there are */
    int64_t *landmark;     /* [landmarks] ascending, on every rank */
    trn_sparse_t *before;  /* the last snapshot */
    trn_tall_t w;          /* its W */
    trn_separated_t block; /* rank 0 */
    trn_communities_t communities;
    double *h, *gram; /* H [dim x landmarks], H H^T, on every rank */
} trn_snapshots_t;

/* Begin: n nodes. Collective, equal arguments. Fails (agreed) with TRN_MEMORY. */
trn_status_t trn_snapshots_begin(trn_snapshots_t *s, MPI_Comm comm, int64_t n,
                                 const trn_snapshots_options_t *options);

/* The next snapshot: this rank's rows of a symmetric adjacency matrix, in the bands of
 * trn_tall_start, which now belong to `s` (*adjacency = NULL), also on failure. Collective. Fails
 * (agreed) with TRN_INPUT (no edges in the first), TRN_MEMORY, TRN_NUMERIC. Cost: a sparse product
 * of the rows that are solved; entries of their PMI x dim flops a round; dim^2 flops a sweep and
 * row; the landmarks' factors on rank 0. */
trn_status_t trn_snapshots_add(trn_snapshots_t *s, trn_sparse_t **adjacency);

/* Sizes of a job as one rank sees it, before there is data. */
typedef struct trn_snapshots_size {
    int64_t n, own;       /* nodes, of this rank */
    int64_t count;        /* snapshots */
    int64_t entries, all; /* of an adjacency matrix: of this rank, of all; the largest of them */
    int64_t value;        /* bytes of one number of it */
    int ranks, rank;
} trn_snapshots_size_t;

/* What the snapshots take beside the adjacency matrix that is given; results stay. Local. */
void trn_snapshots_plan(trn_ledger_t *ledger, const trn_snapshots_options_t *options,
                        const trn_snapshots_size_t *size);

/* Let go of what only the next snapshot needs. Local. */
void trn_snapshots_end(trn_snapshots_t *s);

/* Free what it holds; {0} and twice are fine. Local. */
void trn_snapshots_free(trn_snapshots_t *s);

#endif
