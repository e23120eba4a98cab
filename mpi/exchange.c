/* exchange.c: all ranks send something to all, of sizes that only the sender knows. Sizes go first,
 * then the ranks agree that they have room, then the bytes. What is received lies in one buffer
 * that is kept from call to call. */
#define _POSIX_C_SOURCE 200809L /* nanosleep */
#include "mpi/exchange.h"

#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/watch.h"

#include <limits.h>
#include <time.h>

enum {
    UNIT = sizeof(int64_t) /* counts are ints: in units of 8 bytes they reach 8 times as far */
};

void trn_parcels_free(trn_parcels_t *parcels) {
    trn_free(&parcels->data);
    trn_free(&parcels->start);
    parcels->capacity = 0;
}

/* A barrier that sleeps: for long waits, in which ranks that have to work need the processor. Each
 * look tells the watchdog that this rank lives. */
void trn_wait_all(MPI_Comm comm) {
    static const struct timespec nap = {.tv_nsec = 500000};
    MPI_Request all;
    int here = 0;
    MPI_Ibarrier(comm, &all);
    MPI_Test(&all, &here, MPI_STATUS_IGNORE);
    while (!here) {
        nanosleep(&nap, NULL);
        trn_watch_tick();
        MPI_Test(&all, &here, MPI_STATUS_IGNORE);
    }
}

/* Lay parcels of the given sizes out and make room for them. */
static trn_status_t make_room(trn_parcels_t *parcels, int ranks, const int64_t *bytes) {
    if (!parcels->start)
        TRN_TRY(trn_alloc(&parcels->start, ranks + 1, sizeof *parcels->start, "parcels"));
    parcels->start[0] = 0;
    for (int r = 0; r < ranks; r++)
        parcels->start[r + 1] = parcels->start[r] + bytes[r];
    int64_t total = parcels->start[ranks];
    if (total / UNIT > INT_MAX)
        return trn_fail(TRN_MEMORY, "one message of %lld bytes; use more ranks", (long long)total);
    if (total <= parcels->capacity) return TRN_OK;
    trn_free(&parcels->data); /* the old content is not wanted: no copy */
    parcels->capacity = 0;
    TRN_TRY(trn_alloc(&parcels->data, total + total / 4, 1, "messages from other ranks"));
    parcels->capacity = total + total / 4;
    return TRN_OK;
}

/* MPI's view: counts and displacements in units. */
static trn_status_t in_units(int ranks, const int64_t *bytes, int *counts, int *starts) {
    int64_t at = 0;
    for (int r = 0; r < ranks; r++) {
        counts[r] = (int)(bytes[r] / UNIT);
        starts[r] = (int)at;
        at += bytes[r] / UNIT;
        if (at > INT_MAX)
            return trn_fail(TRN_MEMORY, "one message of %lld bytes or more; use more ranks",
                            (long long)at * UNIT);
    }
    return TRN_OK;
}

/* Two agreements: one before the sizes travel, one before the data. */
trn_status_t trn_exchange(MPI_Comm comm, const void *send, const int64_t *send_bytes,
                          trn_parcels_t *parcels) {
    int ranks, *counts = NULL;
    int64_t *bytes = NULL;
    MPI_Comm_size(comm, &ranks);
    trn_status_t status = trn_alloc(&bytes, ranks, sizeof *bytes, "message sizes");
    if (status == TRN_OK) status = trn_alloc(&counts, 4 * ranks, sizeof *counts, "message sizes");
    if (status == TRN_OK) status = in_units(ranks, send_bytes, counts, counts + ranks);
    TRN_OR(done, trn_agree(comm, status));
    MPI_Alltoall(send_bytes, 1, MPI_INT64_T, bytes, 1, MPI_INT64_T, comm);
    status = make_room(parcels, ranks, bytes);
    if (status == TRN_OK) status = in_units(ranks, bytes, counts + 2 * ranks, counts + 3 * ranks);
    TRN_OR(done, trn_agree(comm, status));
    MPI_Alltoallv(send, counts, counts + ranks, MPI_INT64_T, parcels->data, counts + 2 * ranks,
                  counts + 3 * ranks, MPI_INT64_T, comm);
done:
    trn_free(&bytes);
    trn_free(&counts);
    return status;
}

/* As trn_exchange, but what a rank has goes to all. */
trn_status_t trn_gather_all(MPI_Comm comm, const void *send, int64_t bytes,
                            trn_parcels_t *parcels) {
    int ranks, *counts = NULL;
    int64_t *all = NULL;
    MPI_Comm_size(comm, &ranks);
    trn_status_t status = trn_alloc(&all, ranks, sizeof *all, "message sizes");
    if (status == TRN_OK) status = trn_alloc(&counts, 2 * ranks, sizeof *counts, "message sizes");
    TRN_OR(done, trn_agree(comm, status));
    MPI_Allgather(&bytes, 1, MPI_INT64_T, all, 1, MPI_INT64_T, comm);
    status = make_room(parcels, ranks, all);
    if (status == TRN_OK) status = in_units(ranks, all, counts, counts + ranks);
    TRN_OR(done, trn_agree(comm, status));
    int rank;
    MPI_Comm_rank(comm, &rank);
    MPI_Allgatherv(send, counts[rank], MPI_INT64_T, parcels->data, counts, counts + ranks,
                   MPI_INT64_T, comm);
done:
    trn_free(&all);
    trn_free(&counts);
    return status;
}
