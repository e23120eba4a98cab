/* trace_count.h: how the MPI wrappers (trace_mpi.c) report to the trace (trace.c). Private. */
#ifndef TRN_MPI_TRACE_COUNT_H
#define TRN_MPI_TRACE_COUNT_H

#include <stdbool.h>
#include <stdint.h>

/* Whether clocks are read. Lies in trace_mpi.c: whoever uses the trace thereby links the wrappers
 * out of the static library, and whoever does not keeps MPI's own functions. */
extern bool trn_trace_clocks;

/* Count one MPI call that began at `start` and moved so many bytes. Local. */
void trn_trace_count(double start, int64_t sent, int64_t received);

#endif
