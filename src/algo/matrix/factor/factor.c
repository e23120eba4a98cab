/* factor.c: the loop of a factorization in the trainers' frame. */
#include "algo/matrix/factor/factor.h"

#include "algo/matrix/factor/factor_state.h"
#include "base/clock.h"
#include "base/log.h"
#include "mpi/agree.h"

#include <stdio.h>
#include <string.h>

typedef struct learner {
    trn_factor_state_t state;
    trn_trainer_t frame;
    trn_status_t (*write)(trn_factors_t *factors, void *user);
    void *user;
} learner_t;

/* What steps need of the factors is made anew after a resume: the same bits, for it depends on the
 * factors alone. */
static trn_status_t begin(void *self) {
    learner_t *l = self;
    trn_factor_state_t *s = &l->state;
    bool resumed = false;
    TRN_TRY(trn_factor_scan(s));
    TRN_TRY(trn_factor_resume(s, l->frame.run, &resumed));
    if (!resumed) {
        TRN_TRY(trn_factor_start(s));
        return trn_factor_begin(s);
    }
    return trn_factor_go_on(s);
}

static bool arrived(const trn_factors_t *f) {
    const double *o = f->objective;
    return f->done > 0 && f->options.tolerance > 0 &&
           o[f->done - 1] - o[f->done] <= f->options.tolerance * o[0];
}

static void show(const learner_t *l) {
    const trn_factors_t *f = l->state.f;
    int rank;
    MPI_Comm_rank(f->x.comm, &rank);
    if (rank != 0) return;
    double seconds = trn_seconds() - l->frame.started;
    trn_log(TRN_LOG_PROGRESS, "factor", "step %lld of %lld  objective %.8g  %.1f s",
            (long long)f->done, (long long)f->options.steps, f->objective[f->done], seconds);
    trn_event("step", "{s:I, s:f, s:f}", "step", (json_int_t)f->done, "objective",
              f->objective[f->done], "seconds", seconds);
}

static trn_status_t train(void *self) {
    enum { STOP, SAVE, WRITING, VOTES };
    learner_t *l = self;
    trn_trainer_t *frame = &l->frame;
    trn_factors_t *f = l->state.f;
    while (f->done < f->options.steps && !arrived(f)) {
        int votes[VOTES] = {trn_trainer_stops(frame), trn_trainer_saves(frame),
                            trn_trainer_writing(frame)};
        MPI_Allreduce(MPI_IN_PLACE, votes, VOTES, MPI_INT, MPI_MAX, f->x.comm);
        TRN_TRY(trn_factor_step(&l->state));
        frame->advanced = true;
        show(l);
        char where[64];
        snprintf(where, sizeof where, "step %lld", (long long)f->done);
        if (f->done < f->options.steps && !arrived(f))
            TRN_TRY(trn_trainer_act(frame, votes[STOP], votes[SAVE], votes[WRITING], where));
    }
    return TRN_OK;
}

static trn_status_t save(void *self, trn_store_t **behind) {
    learner_t *l = self;
    return trn_factor_checkpoint(&l->state, l->frame.run, behind);
}

/* What steps used goes first. */
static trn_status_t write_result(void *self) {
    learner_t *l = self;
    trn_factor_state_free(&l->state);
    return l->write(l->state.f, l->user);
}

trn_status_t trn_factor_train(trn_factors_t *factors, const trn_trainer_run_t *run,
                              trn_status_t (*write)(trn_factors_t *factors, void *user),
                              void *user) {
    static const trn_trained_t trained = {begin, train, save, write_result};
    learner_t l = {.write = write, .user = user};
    l.frame = (trn_trainer_t){.comm = factors->x.comm, .run = run, .trained = &trained, .self = &l};
    if (factors->x.dense) factors->x.dense->still = true;
    trn_status_t status = trn_factor_state_create(&l.state, factors);
    if (status == TRN_OK) status = trn_trainer_run(&l.frame);
    trn_factor_state_free(&l.state);
    return status;
}
