/* share.h: what rank 0 read, on every rank. */
#ifndef TRN_IO_SHARE_H
#define TRN_IO_SHARE_H

#include "base/status.h"

#include <mpi.h>
#include <stdint.h>

/* Give every rank rank 0's *bytes bytes at *data (a T**; allocated elsewhere, to be freed with
 * trn_free); `what` names them. Collective. Fails (agreed) with TRN_MEMORY, and then leaves
 * nothing allocated on ranks other than 0. Cost: a Bcast of the bytes. */
trn_status_t trn_share(MPI_Comm comm, void *data, int64_t *bytes, const char *what);

/* Read a whole small text file or pipe (plain or compressed) on rank 0 and share it, ended by NUL;
 * free *text with trn_free. Collective, equal arguments. Fails (agreed) with TRN_INPUT (missing,
 * damaged, changed meanwhile, not text, a line above 1 MiB, above 2 GiB in all), TRN_MEMORY,
 * TRN_IO.
 */
trn_status_t trn_share_file(MPI_Comm comm, const char *path, char **text);

#endif
