/* windows.h: positive pointwise mutual information of nodes that come together in random walks, for
 * some nodes as rows and some, the landmarks, as columns.
 *
 * A walk that goes on forever meets i and, r steps later, j with the chance (D P^r)(i, j) / volume,
 * P = D^-1 A, D the degrees, so counts of a window of T have the closed form C = sum over r = 1..T
 * of D P^r, row sums T d and the sum T volume: PMI(i, j) = log(volume C(i, j) / (T d_i d_j)).
 * Source: Qiu et al.: Network embedding as matrix factorization (WSDM 2018), without negatives. As
 * degrees tell all sums, rows can be made one by one. */
#ifndef TRN_ALGO_GRAPH_SNAPSHOTS_WINDOWS_H
#define TRN_ALGO_GRAPH_SNAPSHOTS_WINDOWS_H

#include "base/ledger.h"
#include "base/status.h"
#include "mpi/sparse/sparse.h"

#include <mpi.h>
#include <stdint.h>

/* Set up to `degree`; start the rest with {0}. */
typedef struct trn_windows {
    MPI_Comm comm;
    int window; /* T, at least 1 */
    int threads;
    const trn_sparse_t *a; /* this rank's rows of A [n x n], symmetric; borrowed */
    const double *degree;  /* [n] row sums of A; borrowed */
    int64_t cols;          /* columns: landmark[cols], ascending; NULL: all n nodes. Borrowed */
    const int64_t *landmark;
    double volume;       /* sum of degrees */
    int steps;           /* of the terms below: T - 1, at least 1 */
    trn_sparse_t **term; /* [steps] this rank's rows of D P^r at the columns, r = 1 .. */
    double *merged[2];   /* [cols] numbers of a row */
    int32_t *column[2];  /* [cols] and their columns */
} trn_windows_t;

/* What becomes of a row: `count` columns, ascending, with positive PMI. Local. */
typedef trn_status_t trn_windows_take_t(void *user, int64_t row, int64_t count,
                                        const int32_t *column, const double *pmi);

/* Make the terms that all rows need. Collective, equal arguments but for A's rows. Fails (agreed)
 * as trn_spgemm; close it then too. Cost: T - 2 sparse products. */
trn_status_t trn_windows_open(trn_windows_t *windows);

/* Give local rows [first, first + count) for which wanted[row] is not 0 (NULL: all) to `take`.
 * Collective; rows may differ from rank to rank. Fails (agreed) as trn_spgemm and `take`. Cost: a
 * sparse product of these rows alone. */
trn_status_t trn_windows_rows(trn_windows_t *windows, int64_t first, int64_t count,
                              const unsigned char *wanted, trn_windows_take_t *take, void *user);

/* Free what it holds; {0} is fine. Local. */
void trn_windows_close(trn_windows_t *windows);

/* *degree = row sums of A on every rank, to be freed. Collective. Fails (agreed) with TRN_MEMORY.
 */
trn_status_t trn_windows_degrees(MPI_Comm comm, const trn_sparse_t *a, double **degree);

#endif
