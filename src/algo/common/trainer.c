/* trainer.c: what all trainings have in common. */
#include "algo/common/trainer.h"

#include "base/clock.h"
#include "mpi/trace.h"

bool trn_trainer_stops(trn_trainer_t *t) {
    return trn_schedule_stop(&t->schedule);
}

bool trn_trainer_saves(const trn_trainer_t *t) {
    return !t->saving && trn_schedule_save(&t->schedule);
}

bool trn_trainer_writing(const trn_trainer_t *t) {
    return t->saving && !trn_store_commit_ready(t->saving);
}

/* Wait for the checkpoint that is being written behind, if there is one. */
static trn_status_t finish_save(trn_trainer_t *t) {
    if (!t->saving) return TRN_OK;
    trn_trace_begin("checkpoint");
    trn_status_t status = trn_store_commit_finish(&t->saving);
    trn_trace_end();
    trn_schedule_saved(&t->schedule, t->save_began);
    return status;
}

/* One checkpoint at a time. What a save takes tells the schedule how early to stop. */
static trn_status_t save(trn_trainer_t *t, bool behind) {
    TRN_TRY(finish_save(t));
    t->save_began = trn_seconds();
    trn_trace_begin("checkpoint");
    trn_status_t status = t->trained->save(t->self, behind ? &t->saving : NULL);
    trn_trace_end();
    if (!behind) trn_schedule_saved(&t->schedule, t->save_began);
    return status;
}

trn_status_t trn_trainer_act(trn_trainer_t *t, bool stop, bool save_now, bool writing,
                             const char *where) {
    if (stop || save_now)
        TRN_TRY(save(t, !stop && t->run->save_behind));
    else if (!writing)
        TRN_TRY(finish_save(t));
    if (!stop) return TRN_OK;
    return trn_fail(TRN_STOPPED, "stopped in %s; %s holds the state", where, t->run->checkpoint);
}

static trn_status_t train(trn_trainer_t *t) {
    trn_schedule_start(&t->schedule, t->run->checkpoint_minutes, t->run->time_limit);
    t->started = trn_seconds();
    t->cpu_started = trn_cpu_seconds();
    trn_trace_begin("train");
    trn_status_t status = t->trained->train(t->self);
    trn_trace_end();
    double cpu = trn_cpu_seconds() - t->cpu_started;
    t->seconds = trn_seconds() - t->started;
    MPI_Allreduce(&cpu, &t->cpu_seconds, 1, MPI_DOUBLE, MPI_SUM, t->comm);
    return status;
}

/* The checkpoint goes last: until the result is safe, it is what there is. */
static trn_status_t finish(trn_trainer_t *t) {
    TRN_TRY(finish_save(t));
    if (t->run->keep_checkpoint && t->advanced) TRN_TRY(save(t, false));
    trn_trace_begin("write");
    trn_status_t status = t->trained->write(t->self);
    trn_trace_end();
    if (status == TRN_OK && !t->run->keep_checkpoint)
        trn_checkpoint_remove(t->comm, t->run->checkpoint);
    return status;
}

trn_status_t trn_trainer_run(trn_trainer_t *t) {
    trn_status_t status = t->trained->begin(t->self);
    if (status == TRN_OK) status = train(t);
    if (status == TRN_OK) status = finish(t);
    trn_store_abandon(&t->saving);
    return status;
}
