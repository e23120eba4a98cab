/* joint.h: a plain file that all ranks write together, each its bytes: whole or not at all. */
#ifndef TRN_IO_JOINT_H
#define TRN_IO_JOINT_H

#include "base/status.h"

#include <mpi.h>
#include <stdint.h>

typedef struct trn_joint trn_joint_t;

/* Begin to write what will be `path`, `bytes` long, under a temporary name beside it; its disk
 * space is reserved here, and what killed jobs left of such files is removed. Collective, equal
 * arguments. Fails (agreed) with TRN_IO (directory, no space, file size limit), TRN_MEMORY. */
trn_status_t trn_joint_create(trn_joint_t **joint, MPI_Comm comm, const char *path, int64_t bytes);

/* The temporary name, borrowed: for what else has to write into the file. Local. */
const char *trn_joint_temporary(const trn_joint_t *joint);

/* Write `bytes` at `offset`. Local. Fails with TRN_IO; the failure must still be brought to
 * trn_joint_close. */
trn_status_t trn_joint_write(trn_joint_t *joint, int64_t offset, const void *data, int64_t bytes);

/* `status` is this rank's outcome so far. If all are well: sync, rename to `path`, sync the
 * directory; else remove the file and return the agreed failure. Frees the joint file either way;
 * NULL (on all ranks) is fine. Collective. Cost: one fsync. */
trn_status_t trn_joint_close(trn_joint_t **joint, trn_status_t status);

#endif
