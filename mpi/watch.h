/* watch.h: the watchdog: a job that makes no progress ends with a message instead of hanging.
 *
 * Agreement (mpi/agree.h) cannot see a rank that is stuck: in a library, on a dead disk, in a
 * message that never comes. One thread a rank looks whether the rank still ticks. Its last words go
 * straight to file descriptor 2, not to the log: the log's sink may be silent on this rank, or be
 * what hangs. This is the one place where the library writes and ends the job. */
#ifndef TRN_MPI_WATCH_H
#define TRN_MPI_WATCH_H

#include "base/status.h"

#include <mpi.h>

/* Start watching; `seconds` without a tick on this rank print rank, host and phase and end the job
 * by MPI_Abort(comm, 70), or by _exit(70) if that has not worked within 5 s. Time does not count
 * during which the process was stopped, or others had the processor. A rank that waits for a
 * message has its time as long as another rank of its node makes progress, and twice the time if
 * ranks of other nodes may be. 0: no watchdog. `comm` must outlive the watch. Collective, equal
 * arguments. Fails (agreed) with TRN_MEMORY (no thread to be had). Cost: a page of shared memory,
 * and a thread that wakes up at most 20 times a second. */
trn_status_t trn_watch_start(MPI_Comm comm, double seconds);

/* Name what this rank does now (borrowed: a string literal, say); counts as progress. Returns the
 * name before, so that who has done a part can give it back. Local. */
const char *trn_watch_phase(const char *phase);

/* Progress happened: a phase, a block read, written or synced; in the program `trunnion` every
 * completed MPI call too. Local; any thread. Cost: two relaxed loads and a store. */
void trn_watch_tick(void);

/* This rank waits for a message, until it ticks. In the program `trunnion` every MPI call says so.
 * Local. Cost: as trn_watch_tick. */
void trn_watch_wait(void);

/* Stop watching; fine when nothing is watched. To be called before MPI_Finalize, when no other
 * thread ticks. Local. */
void trn_watch_stop(void);

#endif
