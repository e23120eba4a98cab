/* trace_mpi.c: MPI calls on their way through: each wrapper counts the bytes that its call moves by
 * the rules of mpi/trace.h and passes the call on. Completed calls are progress for the watchdog.
 * Linked into the program and the tests of messages, never into the library: there MPI's functions
 * belong to the user's profiler. */
#include "base/clock.h"
#include "mpi/trace_count.h"
#include "mpi/watch.h"

#include <mpi.h>
#include <stdbool.h>

/* A call begins: it may have to wait. */
static double now(void) {
    trn_watch_wait();
    return trn_trace_clocks ? trn_seconds() : 0;
}

/* Count, tick and pass the result on. */
static int done(double start, int64_t sent, int64_t received, int result) {
    trn_trace_count(start, sent, received);
    trn_watch_tick();
    return result;
}

/* As above for Test*: a message that has not come is no progress, and the rank goes on waiting. */
static int tested(double start, bool completed, int result) {
    trn_trace_count(start, 0, 0);
    if (completed) trn_watch_tick();
    return result;
}

static int64_t bytes(int64_t count, MPI_Datatype type) {
    MPI_Count size = 0;
    if (type != MPI_DATATYPE_NULL) PMPI_Type_size_x(type, &size);
    return count * (int64_t)size;
}

/* Bytes to or from a rank; MPI_PROC_NULL moves none. */
static int64_t peer_bytes(int peer, int64_t count, MPI_Datatype type) {
    return peer == MPI_PROC_NULL ? 0 : bytes(count, type);
}

static int64_t status_bytes(const MPI_Status *status) {
    MPI_Count count = 0;
    PMPI_Get_elements_x(status, MPI_BYTE, &count);
    return count > 0 ? (int64_t)count : 0;
}

typedef struct place {
    int rank, ranks;
    int64_t others; /* ranks - 1 */
} place_t;

static place_t place(MPI_Comm comm) {
    place_t at;
    PMPI_Comm_rank(comm, &at.rank);
    PMPI_Comm_size(comm, &at.ranks);
    at.others = at.ranks - 1;
    return at;
}

/* Sum of counts[0..ranks) but this rank's own. */
static int64_t sum_others(const int *counts, place_t at) {
    int64_t sum = 0;
    for (int r = 0; r < at.ranks; r++)
        if (r != at.rank) sum += counts[r];
    return sum;
}

/* Messages ------------------------------------------------------------------------------------ */

int MPI_Send(const void *data, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm) {
    double start = now();
    int result = PMPI_Send(data, count, type, to, tag, comm);
    return done(start, peer_bytes(to, count, type), 0, result);
}

int MPI_Isend(const void *data, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm,
              MPI_Request *request) {
    double start = now();
    int result = PMPI_Isend(data, count, type, to, tag, comm, request);
    return done(start, peer_bytes(to, count, type), 0, result);
}

int MPI_Recv(void *data, int count, MPI_Datatype type, int from, int tag, MPI_Comm comm,
             MPI_Status *status) {
    double start = now();
    MPI_Status own;
    if (status == MPI_STATUS_IGNORE) status = &own;
    int result = PMPI_Recv(data, count, type, from, tag, comm, status);
    return done(start, 0, status_bytes(status), result);
}

int MPI_Irecv(void *data, int count, MPI_Datatype type, int from, int tag, MPI_Comm comm,
              MPI_Request *request) {
    double start = now();
    int result = PMPI_Irecv(data, count, type, from, tag, comm, request);
    return done(start, 0, peer_bytes(from, count, type), result);
}

int MPI_Sendrecv(const void *out, int out_count, MPI_Datatype out_type, int to, int out_tag,
                 void *in, int in_count, MPI_Datatype in_type, int from, int in_tag, MPI_Comm comm,
                 MPI_Status *status) {
    double start = now();
    MPI_Status own;
    if (status == MPI_STATUS_IGNORE) status = &own;
    int result = PMPI_Sendrecv(out, out_count, out_type, to, out_tag, in, in_count, in_type, from,
                               in_tag, comm, status);
    return done(start, peer_bytes(to, out_count, out_type), status_bytes(status), result);
}

int MPI_Wait(MPI_Request *request, MPI_Status *status) {
    double start = now();
    return done(start, 0, 0, PMPI_Wait(request, status));
}

int MPI_Waitall(int count, MPI_Request *requests, MPI_Status *statuses) {
    double start = now();
    return done(start, 0, 0, PMPI_Waitall(count, requests, statuses));
}

int MPI_Waitany(int count, MPI_Request *requests, int *index, MPI_Status *status) {
    double start = now();
    return done(start, 0, 0, PMPI_Waitany(count, requests, index, status));
}

int MPI_Waitsome(int count, MPI_Request *requests, int *out_count, int *indices,
                 MPI_Status *statuses) {
    double start = now();
    return done(start, 0, 0, PMPI_Waitsome(count, requests, out_count, indices, statuses));
}

int MPI_Test(MPI_Request *request, int *flag, MPI_Status *status) {
    double start = now();
    int result = PMPI_Test(request, flag, status);
    return tested(start, *flag, result);
}

int MPI_Testall(int count, MPI_Request *requests, int *flag, MPI_Status *statuses) {
    double start = now();
    int result = PMPI_Testall(count, requests, flag, statuses);
    return tested(start, *flag, result);
}

int MPI_Testany(int count, MPI_Request *requests, int *index, int *flag, MPI_Status *status) {
    double start = now();
    int result = PMPI_Testany(count, requests, index, flag, status);
    return tested(start, *flag, result);
}

int MPI_Testsome(int count, MPI_Request *requests, int *out_count, int *indices,
                 MPI_Status *statuses) {
    double start = now();
    int result = PMPI_Testsome(count, requests, out_count, indices, statuses);
    return tested(start, *out_count > 0, result);
}

/* Collectives --------------------------------------------------------------------------------- */

int MPI_Barrier(MPI_Comm comm) {
    double start = now();
    return done(start, 0, 0, PMPI_Barrier(comm));
}

int MPI_Bcast(void *data, int count, MPI_Datatype type, int root, MPI_Comm comm) {
    double start = now();
    place_t at = place(comm);
    int64_t n = bytes(count, type);
    bool out = at.rank == root;
    int result = PMPI_Bcast(data, count, type, root, comm);
    return done(start, out ? n * at.others : 0, out ? 0 : n, result);
}

int MPI_Reduce(const void *out, void *in, int count, MPI_Datatype type, MPI_Op op, int root,
               MPI_Comm comm) {
    double start = now();
    place_t at = place(comm);
    int64_t n = bytes(count, type);
    bool to = at.rank == root;
    int result = PMPI_Reduce(out, in, count, type, op, root, comm);
    return done(start, to ? 0 : n, to ? n * at.others : 0, result);
}

int MPI_Allreduce(const void *out, void *in, int count, MPI_Datatype type, MPI_Op op,
                  MPI_Comm comm) {
    double start = now();
    place_t at = place(comm);
    int64_t n = 2 * bytes(count, type) * at.others / at.ranks;
    return done(start, n, n, PMPI_Allreduce(out, in, count, type, op, comm));
}

static int64_t scan_bytes(bool there, int count, MPI_Datatype type) {
    return there ? bytes(count, type) : 0;
}

int MPI_Scan(const void *out, void *in, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm) {
    double start = now();
    place_t at = place(comm);
    int result = PMPI_Scan(out, in, count, type, op, comm);
    return done(start, scan_bytes(at.rank < at.others, count, type),
                scan_bytes(at.rank > 0, count, type), result);
}

int MPI_Exscan(const void *out, void *in, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm) {
    double start = now();
    place_t at = place(comm);
    int result = PMPI_Exscan(out, in, count, type, op, comm);
    return done(start, scan_bytes(at.rank < at.others, count, type),
                scan_bytes(at.rank > 0, count, type), result);
}

int MPI_Reduce_scatter_block(const void *out, void *in, int count, MPI_Datatype type, MPI_Op op,
                             MPI_Comm comm) {
    double start = now();
    int64_t n = bytes(count, type) * place(comm).others;
    return done(start, n, n, PMPI_Reduce_scatter_block(out, in, count, type, op, comm));
}

int MPI_Reduce_scatter(const void *out, void *in, const int *counts, MPI_Datatype type, MPI_Op op,
                       MPI_Comm comm) {
    double start = now();
    place_t at = place(comm);
    int64_t sent = bytes(sum_others(counts, at), type);
    int64_t received = bytes(counts[at.rank] * at.others, type);
    return done(start, sent, received, PMPI_Reduce_scatter(out, in, counts, type, op, comm));
}

int MPI_Allgather(const void *out, int out_count, MPI_Datatype out_type, void *in, int in_count,
                  MPI_Datatype in_type, MPI_Comm comm) {
    double start = now();
    int64_t n = bytes(in_count, in_type) * place(comm).others; /* `out` may be MPI_IN_PLACE */
    return done(start, n, n, PMPI_Allgather(out, out_count, out_type, in, in_count, in_type, comm));
}

int MPI_Allgatherv(const void *out, int out_count, MPI_Datatype out_type, void *in,
                   const int *in_counts, const int *places, MPI_Datatype in_type, MPI_Comm comm) {
    double start = now();
    place_t at = place(comm);
    int64_t sent = bytes(in_counts[at.rank] * at.others, in_type);
    int64_t received = bytes(sum_others(in_counts, at), in_type);
    return done(start, sent, received,
                PMPI_Allgatherv(out, out_count, out_type, in, in_counts, places, in_type, comm));
}

int MPI_Gather(const void *out, int out_count, MPI_Datatype out_type, void *in, int in_count,
               MPI_Datatype in_type, int root, MPI_Comm comm) {
    double start = now();
    place_t at = place(comm);
    bool to = at.rank == root;
    int result = PMPI_Gather(out, out_count, out_type, in, in_count, in_type, root, comm);
    return done(start, to ? 0 : bytes(out_count, out_type),
                to ? bytes(in_count, in_type) * at.others : 0, result);
}

int MPI_Gatherv(const void *out, int out_count, MPI_Datatype out_type, void *in,
                const int *in_counts, const int *places, MPI_Datatype in_type, int root,
                MPI_Comm comm) {
    double start = now();
    place_t at = place(comm);
    bool to = at.rank == root;
    int result = PMPI_Gatherv(out, out_count, out_type, in, in_counts, places, in_type, root, comm);
    return done(start, to ? 0 : bytes(out_count, out_type),
                to ? bytes(sum_others(in_counts, at), in_type) : 0, result);
}

int MPI_Scatter(const void *out, int out_count, MPI_Datatype out_type, void *in, int in_count,
                MPI_Datatype in_type, int root, MPI_Comm comm) {
    double start = now();
    place_t at = place(comm);
    bool from = at.rank == root;
    int result = PMPI_Scatter(out, out_count, out_type, in, in_count, in_type, root, comm);
    return done(start, from ? bytes(out_count, out_type) * at.others : 0,
                from ? 0 : bytes(in_count, in_type), result);
}

int MPI_Scatterv(const void *out, const int *out_counts, const int *places, MPI_Datatype out_type,
                 void *in, int in_count, MPI_Datatype in_type, int root, MPI_Comm comm) {
    double start = now();
    place_t at = place(comm);
    bool from = at.rank == root;
    int result =
        PMPI_Scatterv(out, out_counts, places, out_type, in, in_count, in_type, root, comm);
    return done(start, from ? bytes(sum_others(out_counts, at), out_type) : 0,
                from ? 0 : bytes(in_count, in_type), result);
}

int MPI_Alltoall(const void *out, int out_count, MPI_Datatype out_type, void *in, int in_count,
                 MPI_Datatype in_type, MPI_Comm comm) {
    double start = now();
    int64_t n = bytes(in_count, in_type) * place(comm).others; /* `out` may be MPI_IN_PLACE */
    return done(start, n, n, PMPI_Alltoall(out, out_count, out_type, in, in_count, in_type, comm));
}

int MPI_Alltoallv(const void *out, const int *out_counts, const int *out_places,
                  MPI_Datatype out_type, void *in, const int *in_counts, const int *in_places,
                  MPI_Datatype in_type, MPI_Comm comm) {
    double start = now();
    place_t at = place(comm);
    int64_t received = bytes(sum_others(in_counts, at), in_type);
    int64_t sent = out == MPI_IN_PLACE ? received : bytes(sum_others(out_counts, at), out_type);
    return done(start, sent, received,
                PMPI_Alltoallv(out, out_counts, out_places, out_type, in, in_counts, in_places,
                               in_type, comm));
}
