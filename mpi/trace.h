/* trace.h: what goes over the wire, and where time goes, phase by phase.
 *
 * The program `trunnion` wraps MPI calls through the profiling interface: each is counted, with its
 * bytes, towards the innermost open phase. Counting is always on (a few additions a call); clocks
 * are read only after trn_trace_enable. A program of yours that links the library has no wrappers
 * but its own: phases are timed there, and bytes and calls stay 0 unless it calls trn_trace_count.
 * All functions are for the thread that initialized MPI.
 *
 * Bytes are those the operation asks for, as if each rank sent straight to each receiver, own
 * share excluded, whatever the library does below; over all ranks, sent equals received. With n
 * bytes in a rank's buffer or share, P ranks:
 *   send, receive              n as matched (Irecv: n as posted)
 *   Bcast                      root sends n (P-1), the others receive n
 *   Reduce                     the others send n, root receives n (P-1)
 *   Gather(v), Scatter(v)      root receives or sends the shares of the others
 *   Allgather(v), Alltoall(v)  a rank sends and receives what concerns each other rank
 *   Reduce_scatter(_block)     sends the others' shares, receives own share (P-1) times
 *   Allreduce                  2 n (P-1) / P both ways: reduce-scatter and allgather
 *   Scan, Exscan               n to the next rank
 *   Barrier, Wait*, Test*      nothing
 * Other calls (non-blocking collectives, windows, files) are not seen. */
#ifndef TRN_MPI_TRACE_H
#define TRN_MPI_TRACE_H

#include "base/status.h"

#include <jansson.h>
#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Start reading clocks; `keep_events` also remembers every phase's begin and end (24 bytes each,
 * up to a million a rank) for trn_trace_write. Forgets all that was counted before. No phase may
 * be open. Local. */
void trn_trace_enable(bool keep_events);

/* Open and close a phase. Phases nest (16 deep; deeper ones count towards the 16th); its name is
 * borrowed: a string literal without quotes or backslashes. Also names the phase for the watchdog.
 * At most 63 different names; later ones count as "other". Local. Cost: a few comparisons. */
void trn_trace_begin(const char *phase);
void trn_trace_end(void);

/* Bytes that this rank has sent and received so far, and MPI calls; each may be NULL. Exact, so
 * that tests can hold an algorithm to its formula. Local. */
void trn_trace_bytes(int64_t *sent, int64_t *received, int64_t *calls);

/* Fill `into` on rank 0 (elsewhere it may be NULL) with "phases": an array of objects with phase,
 * calls, sent and received (bytes of all ranks), received_most (by one rank), seconds_most,
 * seconds_mean and mpi_seconds_mean (inclusive phase time; time inside MPI of the phase itself), in
 * order of first use; "(none)" is what lies outside phases, its seconds the whole time. Collective.
 * Fails (agreed) with TRN_MEMORY. Cost: one Gather of 4 KiB a rank. */
trn_status_t trn_trace_totals(MPI_Comm comm, json_t *into);

/* Write to `file` on rank 0 (ignored elsewhere): Chrome trace JSON (chrome://tracing, Perfetto)
 * with one process a rank and the totals above under "phases". Clocks are aligned at a barrier.
 * Collective. Fails (agreed) with TRN_MEMORY; look at the stream's error flag for the rest. Cost:
 * all events go to rank 0, one rank at a time. */
trn_status_t trn_trace_write(MPI_Comm comm, FILE *file);

#endif
