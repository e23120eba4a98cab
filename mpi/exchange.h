/* exchange.h: parcels of any size from every rank to every rank. */
#ifndef TRN_MPI_EXCHANGE_H
#define TRN_MPI_EXCHANGE_H

#include "base/status.h"

#include <mpi.h>
#include <stdint.h>

/* What came in: the parcels of ranks 0, 1, ... one after the other. Start with {0}. */
typedef struct trn_parcels {
    void *data;       /* trn_alloc'ed, kept for the next exchange */
    int64_t capacity; /* bytes */
    int64_t *start;   /* [ranks + 1]: rank r's parcel is data[start[r] .. start[r + 1]) */
} trn_parcels_t;

/* Free what parcels hold; they are as new. Local. */
void trn_parcels_free(trn_parcels_t *parcels);

/* Send rank r the send_bytes[r] bytes that stand in `send` behind those for the ranks before it.
 * Every number must be a multiple of 8. Collective. Fails (agreed) with TRN_MEMORY, also when one
 * rank would send or receive 2^34 bytes or more. Cost: one Alltoall, one Allreduce, one Alltoallv.
 */
trn_status_t trn_exchange(MPI_Comm comm, const void *send, const int64_t *send_bytes,
                          trn_parcels_t *parcels);

/* Wait until all ranks are here, asleep rather than spinning; counts as progress for the watchdog.
 * For the end of a phase in which some ranks may have had nothing to do. Collective. Cost: up to a
 * millisecond. */
void trn_wait_all(MPI_Comm comm);

/* Every rank gets everybody's `bytes` bytes of `send`; otherwise as trn_exchange. Collective. */
trn_status_t trn_gather_all(MPI_Comm comm, const void *send, int64_t bytes, trn_parcels_t *parcels);

#endif
