/* schedule.h: when a long run saves its state, and when it stops so that another goes on: the one
 * place where that is decided. Ranks decide alone and then vote. All functions Local. */
#ifndef TRN_BASE_SCHEDULE_H
#define TRN_BASE_SCHEDULE_H

#include "base/status.h"

#include <stdbool.h>

/* Zero: no time limit, no saves but those that a signal asks for. Times are of trn_seconds. */
typedef struct trn_schedule {
    double every;                      /* seconds between saves; 0: none */
    double limit;                      /* when the job will be ended; 0: never */
    double untried;                    /* seconds set aside for a save before one was measured */
    double saved, asked;               /* when last */
    double longest_save, longest_step; /* seconds; a step lies between two askings */
} trn_schedule_t;

/* *limit = when the job will be ended as --time-limit TEXT says: MINUTES from now; "auto": the time
 * in SLURM_JOB_END_TIME (seconds since 1970; where Slurm does not set it, cluster/job.sh does), 0
 * if there is none; "none": 0. A wall clock that is set later changes nothing. Fails with
 * TRN_USAGE. */
trn_status_t trn_time_limit(const char *text, double *limit);

/* Begin now. */
void trn_schedule_start(trn_schedule_t *schedule, double save_minutes, double limit);

/* Whether to save and stop: a signal asked for it, or what is left of the time is less than twice
 * the longest save so far (a twentieth of all time before the first), twice the longest step, and
 * 10 s for what comes after. Once true it stays so until a save is measured. To be asked once a
 * step. */
bool trn_schedule_stop(trn_schedule_t *schedule);

/* Whether a save is due. */
bool trn_schedule_save(const trn_schedule_t *schedule);

/* A save that began at `began` is done. */
void trn_schedule_saved(trn_schedule_t *schedule, double began);

#endif
