/* trainer.h: the frame around a long training: resume, save now and then, stop in time, finish.
 *
 * What is trained is the user's, behind four functions; the frame has the clock, the schedule of
 * checkpoints, the one that is being written behind, and the order of things at the start and the
 * end. Ranks find out for themselves what is due and vote on it in a message of the user's, who
 * knows how to hide it; what the votes come to is done by trn_trainer_act. */
#ifndef TRN_ALGO_COMMON_TRAINER_H
#define TRN_ALGO_COMMON_TRAINER_H

#include "algo/common/checkpoint.h"
#include "base/schedule.h"
#include "base/status.h"
#include "io/store/store.h"

#include <jansson.h>
#include <mpi.h>
#include <stdbool.h>

/* How to run a training; decides nothing about the result. */
typedef struct trn_trainer_run {
    const char *checkpoint;    /* file, borrowed */
    double checkpoint_minutes; /* 0: only when asked to stop */
    bool save_behind;          /* go on while a checkpoint is written */
    double time_limit;         /* when the job will be ended (trn_time_limit); 0: never */
    bool keep_checkpoint;      /* after success: save the last state, else remove the files */
    trn_resume_t resume;
    const char *created_by;
    json_t *params; /* recorded in every file; borrowed */
} trn_trainer_run_t;

/* What is trained. All Collective; failures are agreed. */
typedef struct trn_trained {
    /* Go on from run->checkpoint if there is one and the policy allows, else begin. */
    trn_status_t (*begin)(void *self);
    /* Train to the end, or until something fails, or trn_trainer_act says to stop. */
    trn_status_t (*train)(void *self);
    /* Save the state as a checkpoint. `behind` NULL: it is there afterwards; else *behind is a
     * store that is being written, for trn_store_commit_finish. */
    trn_status_t (*save)(void *self, trn_store_t **behind);
    /* Write the result. */
    trn_status_t (*write)(void *self);
} trn_trained_t;

/* Start with `run`, `trained` and `self`, the rest {0}. */
typedef struct trn_trainer {
    MPI_Comm comm;
    const trn_trainer_run_t *run;
    const trn_trained_t *trained;
    void *self; /* of `trained` */
    trn_schedule_t schedule;
    trn_store_t *saving;         /* a checkpoint that is being written behind, or NULL */
    double started, cpu_started; /* seconds */
    double save_began;
    double seconds, cpu_seconds; /* of training alone, this run; of CPUs, all ranks' */
    bool advanced;               /* set by the user when the state is not the one it began with */
} trn_trainer_t;

/* The whole run: begin, train, write, and what becomes of the checkpoint: kept with the last state,
 * or removed once the result is there. Times are set also when training fails. Collective, equal
 * arguments. Fails (agreed) as `trained` does. A checkpoint still being written after a failure is
 * given up. */
trn_status_t trn_trainer_run(trn_trainer_t *trainer);

/* What this rank has to vote on: that it was asked to stop, or has to for the time limit; that a
 * checkpoint is due and none is being written; that its part of one written behind is not there
 * yet. Local; the first to be asked once a step. */
bool trn_trainer_stops(trn_trainer_t *trainer);
bool trn_trainer_saves(const trn_trainer_t *trainer);
bool trn_trainer_writing(const trn_trainer_t *trainer);

/* Do what any rank (of `writing`: one at least) has voted for: save, behind if the run wants that
 * and goes on; or wait for a checkpoint that all have written. If any rank stops: TRN_STOPPED,
 * "stopped in WHERE; FILE holds the state". Collective, equal arguments. Fails (agreed) as saving
 * does. */
trn_status_t trn_trainer_act(trn_trainer_t *trainer, bool stop, bool save, bool writing,
                             const char *where);

#endif
