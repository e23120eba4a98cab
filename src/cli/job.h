/* job.h: what the launcher says of the job that this process belongs to. */
#ifndef TRN_CLI_JOB_H
#define TRN_CLI_JOB_H

#include "base/status.h"

#include <mpi.h>

/* Rank according to the launcher's environment, before MPI is started; -1: not launched by MPI.
 * Local. */
int trn_launched_rank(void);

/* That the processes of this job found each other: not that each of several believes to be alone,
 * as happens where the launcher is that of another MPI, or Slurm starts tasks without PMIx. Fails
 * with TRN_MPI, with the launcher and what to start instead. Local, after MPI_Init. */
trn_status_t trn_job_check(void);

#endif
