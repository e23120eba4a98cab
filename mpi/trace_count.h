/* trace_count.h: how wrappers of MPI calls report to the trace. The library has none, so that a
 * user's own profiler sees every call; the program's are src/cli/trace_mpi.c. */
#ifndef TRN_MPI_TRACE_COUNT_H
#define TRN_MPI_TRACE_COUNT_H

#include <stdbool.h>
#include <stdint.h>

/* Whether clocks are read: trn_trace_enable was called. */
extern bool trn_trace_clocks;

/* Count one MPI call that began at `start` and moved so many bytes. Local. */
void trn_trace_count(double start, int64_t sent, int64_t received);

#endif
