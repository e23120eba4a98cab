/* manifest.h: what ran where: the part of a log's or benchmark's head that all verbs share. */
#ifndef TRN_IO_MANIFEST_H
#define TRN_IO_MANIFEST_H

#include "base/status.h"

#include <jansson.h>
#include <mpi.h>

/* Add version, commit, time (UTC), cpu, ranks, hosts (names, each once, in rank order) and
 * libraries to the object `into` on rank 0; other ranks only take part. Collective. Fails (agreed)
 * with TRN_MEMORY. Cost: one Gather of a host name a rank. */
trn_status_t trn_manifest(MPI_Comm comm, json_t *into);

#endif
