/* lock.h: one job at a time writes a file, and all its ranks see the directory it lies in. */
#ifndef TRN_IO_LOCK_H
#define TRN_IO_LOCK_H

#include "base/status.h"

#include <mpi.h>

typedef struct trn_lock trn_lock_t;

/* Take PATH.lock for this job. Rank 0 holds an fcntl lock on it, which a job loses when it dies,
 * however it does, on NFS too; what a dead job left behind hinders nobody, and neither clocks nor
 * host names matter. The file says who holds it, and the other ranks look for just that text:
 * where it does not appear within some seconds, the directory is not the shared one.
 *
 * What has the name and is not such a file of this user (a link, a directory, another user's, other
 * words) is never touched. With the lock in hand, temporary files that killed jobs left of PATH,
 * PATH.checkpoint and PATH.best are removed. A file system without locks is a warning, no failure.
 * Collective, equal arguments. Fails (agreed) with TRN_IO (another job holds it, with its number,
 * process and host; no lock of ours; PATH cannot be written; not shared, with the host's name),
 * TRN_MEMORY. Cost: one small file, three readings of the directory. */
trn_status_t trn_lock_take(trn_lock_t **lock, MPI_Comm comm, const char *path);

/* Remove the file and give the lock back; sets the pointer to NULL, NULL is fine. Local. */
void trn_lock_release(trn_lock_t **lock);

#endif
