/* shared.h: blocks that all ranks of a node can read in place.
 *
 * Each rank's block is a file of its own in /dev/shm that its neighbors map too and that has no
 * name any more once all have it. Its space is reserved when it is made, so that a full /dev/shm is
 * a status and not a bus error later (which MPI_Win_allocate_shared leaves to chance). */
#ifndef TRN_MPI_SHARED_H
#define TRN_MPI_SHARED_H

#include "base/status.h"

#include <mpi.h>
#include <stdint.h>

typedef struct trn_shared trn_shared_t;

/* Make this rank's block of `bytes` (each rank may want another number), zeroed, 64-byte aligned.
 * Collective. Fails (agreed) with TRN_MEMORY: /dev/shm too small or missing, above --memory. Cost:
 * one split, an Allgather. Pages are of the system's usual size. */
trn_status_t trn_shared_create(trn_shared_t **shared, MPI_Comm comm, int64_t bytes);

/* Unmap and set to NULL; NULL is fine. Blocks stay readable to those that still map them. Local. */
void trn_shared_destroy(trn_shared_t **shared);

/* The block of a rank of the communicator, NULL if it is on another node. Local. */
void *trn_shared_block(const trn_shared_t *shared, int rank);

#endif
