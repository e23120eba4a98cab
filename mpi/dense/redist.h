/* redist.h: a matrix from one distribution to another: every number that changes its rank travels
 * once. */
#ifndef TRN_MPI_DENSE_REDIST_H
#define TRN_MPI_DENSE_REDIST_H

#include "base/status.h"
#include "mpi/dist.h"
#include "mpi/matrix.h"

#include <mpi.h>
#include <stdint.h>

enum {
    TRN_REDIST_MESSAGE = 1 << 20, /* bytes at most: packed within a cache, yet hides latency */
    TRN_REDIST_PART = 96 /* bytes of memory for each part that distributions are cut into */
};

/* One relayout, planned once and run often. Opaque. */
typedef struct trn_redist trn_redist_t;

/* Plan to bring a matrix of `type` from distribution `from` (each number on one rank) to `to` (of
 * the same size; may hold copies, see trn_dist_gathered). Both are borrowed and must outlive the
 * plan. Collective, equal arguments. Fails (agreed) with TRN_MEMORY, TRN_USAGE (sizes differ, more
 * holders than ranks). Memory: trn_redist_bytes. */
trn_status_t trn_redist_create(trn_redist_t **redist, MPI_Comm comm, trn_dtype_t type,
                               const trn_dist_t *from, const trn_dist_t *to);

/* The same without memory: before each run such a plan must be lent trn_redist_bytes, aligned to
 * TRN_ALIGNMENT, which other plans may use in between. Collective, equal arguments. Fails likewise.
 */
trn_status_t trn_redist_create_bare(trn_redist_t **redist, MPI_Comm comm, trn_dtype_t type,
                                    const trn_dist_t *from, const trn_dist_t *to);
void trn_redist_lend(trn_redist_t *redist, void *memory);

/* Bytes that such a plan takes on `rank`: two messages each way and what two ranks have in common.
 * Local. */
int64_t trn_redist_bytes(trn_dtype_t type, const trn_dist_t *from, const trn_dist_t *to, int rank);

/* Move: `from` and `to` are this rank's blocks, of the sizes that the distributions say, any
 * stride, not overlapping. Never fails. Collective. Cost: trn_dist_missing numbers received; peers
 * are met in turn (rank + 1, rank + 2, ...), in pieces of bounded size. */
void trn_redist_run(trn_redist_t *redist, trn_view_t from, trn_view_t to);

/* Free and set the pointer to NULL; NULL is fine. Local. */
void trn_redist_destroy(trn_redist_t **redist);

/* Plan, move and free in one go, for matrices on one communicator. Collective. Fails (agreed) as
 * trn_redist_create, and with TRN_USAGE where types differ. */
trn_status_t trn_matrix_redistribute(const trn_matrix_t *from, trn_matrix_t *to);

#endif
