/* space.h: address space that a limit (ulimit -v, or a batch system's) leaves to this process.
 *
 * Libraries that get no memory do not all say so: OpenBLAS asks for ever, libgomp ends the process,
 * MPI and HDF5 fail in ways of their own. So what they will take is looked for beforehand. */
#ifndef TRN_BASE_SPACE_H
#define TRN_BASE_SPACE_H

#include "base/status.h"

#include <stdint.h>

/* What is kept free for MPI, HDF5 and stacks: allocations of ours that would leave less fail. */
enum { TRN_SPACE_RESERVE = 32 << 20 };

/* Bytes below the limit that are not in use; INT64_MAX where there is no limit. Local. Cost: with a
 * limit, one file of /proc is read. */
int64_t trn_space_left(void);

/* Whether `bytes` more, and the reserve, will fit below the limit. Fails with TRN_MEMORY saying for
 * `what`, and the limit that would do. Local. Cost: as above. */
trn_status_t trn_space_expect(int64_t bytes, const char *what);

/* The same for libraries that are about to start; under a limit threads share one heap from now on,
 * for a heap of its own would reserve 64 MiB for each. Local. */
trn_status_t trn_space_start(int64_t bytes, const char *what);

#endif
