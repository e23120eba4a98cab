/* train.c: the loop: forward, a batch, back, Adam; looks at what was held out; votes at the border
 * of every step. */
#include "algo/graph/lightgcn/train.h"

#include "algo/graph/lightgcn/train_state.h"
#include "base/clock.h"
#include "base/log.h"
#include "kern/dense/finite.h"
#include "mpi/agree.h"
#include "mpi/watch.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { VOTE_STOP, VOTE_SAVE, VOTE_WRITING /* still */, VOTES };

typedef struct learner {
    trn_trainer_t frame;
    trn_gcn_state_t state;
    const trn_gcn_judge_t *judge;
} learner_t;

/* A step --------------------------------------------------------------------------------------- */

static trn_status_t train_step(trn_gcn_state_t *s) {
    int64_t first = s->step * s->options.batch, left = s->likes - first;
    trn_bpr_batch_t batch = {.seed = s->options.seed,
                             .epoch = s->epoch,
                             .first = first,
                             .count = left < s->options.batch ? left : s->options.batch,
                             .others = (int)s->options.others};
    TRN_TRY(trn_gcn_forward(s, true));
    TRN_TRY(trn_bpr_step(s->bpr, &batch, &s->final, &s->gradient));
    TRN_TRY(trn_gcn_descend(s, batch.count));
    s->step++;
    trn_watch_tick();
    return TRN_OK;
}

/* Epochs --------------------------------------------------------------------------------------- */

static void copy(const trn_sides_t *from, trn_sides_t *to) {
    for (int side = 0; side < TRN_SIDES; side++) {
        trn_view_t x = trn_sides_rows(from, side), y = trn_sides_rows(to, side);
        memcpy(y.data, x.data, (size_t)(x.rows * x.cols * trn_matrix_type_size(x.type)));
    }
}

static void copy_weights(const trn_gcn_state_t *s, const float *from, float *to) {
    if (s->weights.count > 0) memcpy(to, from, (size_t)s->weights.count * sizeof *to);
}

static trn_status_t look(learner_t *l) {
    trn_gcn_state_t *s = &l->state;
    double score = 0;
    TRN_TRY(trn_gcn_forward(s, false));
    TRN_TRY(l->judge->judge(l->judge->user, &s->final, &score));
    if (s->best_epoch > 0 && !(score > s->score)) {
        s->worse++;
    } else {
        s->score = score;
        s->best_epoch = s->epoch;
        s->worse = 0;
        copy(&s->rows, &s->best);
        copy_weights(s, s->weights.values, s->weights.best);
    }
    if (s->a->rank == 0) {
        trn_log(TRN_LOG_INFO, "recommend", "epoch %lld: %.5f of what is held out is found%s",
                (long long)s->epoch, score, s->worse ? ", no more than before" : "");
        trn_event("look", "{s:I, s:f, s:f}", "epoch", (json_int_t)s->epoch, "score", score,
                  "seconds", trn_seconds() - l->frame.started);
    }
    return TRN_OK;
}

static bool ended(const trn_gcn_state_t *s) {
    return s->epoch >= s->options.epochs ||
           (s->options.look > 0 && s->step == 0 && s->worse >= s->options.patience);
}

static trn_status_t close_epoch(learner_t *l) {
    trn_gcn_state_t *s = &l->state;
    double sum;
    int64_t users = trn_sparse_extent(s->a->of.likes).rows;
    TRN_TRY(trn_bpr_loss(s->bpr, &sum));
    memset(trn_bpr_losses(s->bpr), 0, (size_t)users * sizeof(double));
    s->loss = sum / (double)s->likes;
    s->epoch++;
    s->step = 0;
    if (!isfinite(sum))
        return trn_fail(
            TRN_NUMERIC,
            "the loss is not finite in epoch %lld; lower --learning-rate, and begin anew "
            "with --resume never",
            (long long)s->epoch);
    if (s->a->rank == 0) {
        trn_log(TRN_LOG_PROGRESS, "recommend", "epoch %lld/%lld  loss %.6g  %.1f s",
                (long long)s->epoch, (long long)s->options.epochs, s->loss,
                trn_seconds() - l->frame.started);
        trn_event("epoch", "{s:I, s:f, s:f}", "epoch", (json_int_t)s->epoch, "loss", s->loss,
                  "seconds", trn_seconds() - l->frame.started);
    }
    bool due =
        s->options.look > 0 && (s->epoch % s->options.look == 0 || s->epoch >= s->options.epochs);
    return due ? look(l) : TRN_OK;
}

/* One step and what is due behind it. */
static trn_status_t train_one(learner_t *l) {
    trn_gcn_state_t *s = &l->state;
    trn_trainer_t *frame = &l->frame;
    int votes[VOTES] = {trn_trainer_stops(frame), trn_trainer_saves(frame),
                        trn_trainer_writing(frame)};
    char where[64];
    MPI_Allreduce(MPI_IN_PLACE, votes, VOTES, MPI_INT, MPI_MAX, frame->comm);
    TRN_TRY(train_step(s));
    if (s->step == trn_gcn_steps(s)) TRN_TRY(close_epoch(l));
    frame->advanced = true;
    if (ended(s)) return TRN_OK;
    snprintf(where, sizeof where, "epoch %lld, before step %lld", (long long)s->epoch + 1,
             (long long)s->step + 1);
    return trn_trainer_act(frame, votes[VOTE_STOP], votes[VOTE_SAVE], votes[VOTE_WRITING], where);
}

static trn_status_t train(void *self) {
    learner_t *l = self;
    while (!ended(&l->state))
        TRN_TRY(train_one(l));
    return TRN_OK;
}

static trn_status_t begin(void *self) {
    learner_t *l = self;
    bool resumed = false;
    TRN_TRY(trn_gcn_resume(&l->state, l->frame.run, &resumed));
    if (!resumed) trn_gcn_begin(&l->state);
    return TRN_OK;
}

static trn_status_t save(void *self, trn_store_t **behind) {
    learner_t *l = self;
    return trn_gcn_save(&l->state, l->frame.run, behind);
}

/* The last step's numbers no loss has been taken of. Collective. */
static trn_status_t check_finite(const trn_gcn_state_t *s) {
    bool bad = false;
    for (int side = 0; side < TRN_SIDES; side++) {
        trn_view_t v = trn_sides_rows(&s->final, side);
        bad |= trn_not_finite_f32(v.rows * v.cols, v.data) >= 0;
    }
    if (!trn_any(s->a->of.comm, bad)) return TRN_OK;
    return trn_fail(TRN_NUMERIC,
                    "an embedding is not finite in the end; lower --learning-rate, and "
                    "begin anew with --resume never");
}

/* The result stays in memory: the best look's rows, or the last, behind the layers. */
static trn_status_t finish(void *self) {
    learner_t *l = self;
    trn_gcn_state_t *s = &l->state;
    if (s->options.look > 0 && s->best_epoch > 0) {
        copy(&s->best, &s->rows);
        copy_weights(s, s->weights.best, s->weights.values);
    }
    TRN_TRY(trn_gcn_forward(s, false));
    return check_finite(s);
}

static const trn_trained_t trained = {begin, train, save, finish};

static void report_of(const learner_t *l, trn_gcn_report_t *report) {
    const trn_gcn_state_t *s = &l->state;
    *report = (trn_gcn_report_t){.epochs = s->epoch,
                                 .steps = s->epoch * trn_gcn_steps(s) + s->step,
                                 .best_epoch = s->best_epoch > 0 ? s->best_epoch : s->epoch,
                                 .best = s->score,
                                 .loss = s->loss,
                                 .seconds = l->frame.seconds,
                                 .cpu_seconds = l->frame.cpu_seconds};
}

trn_status_t trn_gcn_train(trn_bipartite_t *a, const trn_gcn_options_t *options,
                           const trn_trainer_run_t *run, const trn_gcn_judge_t *judge,
                           trn_gcn_result_t *result, trn_gcn_report_t *report) {
    trn_trainer_run_t kept = *run;
    kept.keep_checkpoint = true; /* until the caller has written the result */
    learner_t l = {.judge = judge, .state = {.a = a, .options = *options}};
    l.frame = (trn_trainer_t){.comm = a->of.comm, .run = &kept, .trained = &trained, .self = &l};
    trn_status_t status = trn_gcn_create(&l.state);
    if (status == TRN_OK) status = trn_trainer_run(&l.frame);
    report_of(&l, report);
    *result = (trn_gcn_result_t){l.state.final, l.state.rows, l.state.weights.values,
                                 l.state.weights.count};
    trn_gcn_destroy(&l.state);
    if (status != TRN_OK) trn_gcn_free(result);
    return status;
}
