/* kg_train.c: the loop over epochs, looks at the valid split, and the best model. */
#include "algo/kg/train/kg_train.h"

#include "algo/kg/train/kg_valid.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/trace.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct learner {
    trn_trainer_t trainer;
    trn_kg_state_t *state;
    const trn_kg_t *kg;
    const trn_trainer_run_t *run;
    const trn_kg_regime_t *regime;
    void *self; /* of the regime */
    trn_kg_report_t *report;
    trn_kg_valid_t valid;
    const char *output;
    char *best;   /* file of the best model so far */
    int64_t done; /* epochs in this run */
} learner_t;

static void show_progress(const learner_t *t) {
    const trn_kg_state_t *s = t->state;
    if (s->rank != 0) return;
    double seconds = trn_seconds() - t->trainer.started, each = seconds / (double)t->done;
    int64_t eta = (int64_t)(each * (double)(s->options.epochs - s->epoch));
    trn_log(TRN_LOG_INFO, "kg-train",
            "epoch %lld/%lld  loss %.6g  %.4g triples/s  eta %02lld:%02lld:%02lld",
            (long long)s->epoch, (long long)s->options.epochs, t->report->loss,
            (double)t->kg->triples[TRN_TRAIN] / each, (long long)(eta / 3600),
            (long long)(eta / 60 % 60), (long long)(eta % 60));
    trn_event("epoch", "{s:I, s:f, s:f}", "epoch", (json_int_t)s->epoch, "loss", t->report->loss,
              "seconds", seconds);
}

/* Look at the valid split, and keep the model if it is the best so far; *enough if it has not been
 * that for as long as patience goes. */
static trn_status_t look(learner_t *t, bool *enough) {
    trn_kg_state_t *s = t->state;
    const trn_kg_options_t *o = &s->options;
    double mrr = 0;
    *enough = false;
    if (o->valid_every == 0) return TRN_OK;
    if (s->epoch % o->valid_every != 0 && s->epoch < o->epochs) return TRN_OK;
    trn_trace_begin("valid");
    trn_status_t status = s->extra ? s->extra->refresh(s->extra_self) : TRN_OK;
    if (status == TRN_OK) status = trn_kg_valid_mrr(&t->valid, s, &mrr);
    trn_trace_end();
    TRN_TRY(status);
    if (s->rank == 0)
        trn_log(TRN_LOG_INFO, "kg-train", "epoch %lld  valid MRR %.5f (best so far %.5f)",
                (long long)s->epoch, mrr, s->best_mrr);
    if (s->rank == 0) trn_event("valid", "{s:I, s:f}", "epoch", (json_int_t)s->epoch, "mrr", mrr);
    *enough = o->patience > 0 && s->epoch - s->best_epoch >= o->patience * o->valid_every;
    if (mrr <= s->best_mrr) return TRN_OK;
    *enough = false;
    s->best_mrr = mrr;
    s->best_epoch = s->epoch;
    return trn_kg_save(s, t->kg, t->run, t->best, false, NULL);
}

/* The best model becomes the result. */
static trn_status_t take_best(const learner_t *t) {
    trn_status_t status = TRN_OK;
    if (t->state->rank == 0 && rename(t->best, t->output) != 0)
        status = trn_fail(TRN_IO, "%s: cannot be renamed to %s: %s", t->best, t->output,
                          strerror(errno));
    return trn_agree(t->state->comm, status);
}

/* A resumed run needs the best model of the run before it. */
static trn_status_t find_best(const learner_t *t) {
    trn_status_t status = TRN_OK;
    if (t->state->rank == 0 && t->state->best_epoch > 0 && access(t->best, R_OK) != 0)
        status = trn_fail(TRN_INPUT,
                          "%s: the best model so far, of epoch %lld, is gone; start again with "
                          "--resume never",
                          t->best, (long long)t->state->best_epoch);
    return trn_agree(t->state->comm, status);
}

static trn_status_t save(void *self, trn_store_t **behind) {
    learner_t *t = self;
    return trn_kg_save(t->state, t->kg, t->run, t->run->checkpoint, true, behind);
}

/* Train, and when an epoch is interrupted or over and there is reason, save. trn_kg_pause says so
 * only when a save behind is written on all ranks, if there is one. */
static trn_status_t train_epochs(void *self) {
    learner_t *t = self;
    trn_kg_state_t *s = t->state;
    while (s->epoch < s->options.epochs) {
        bool enough = false;
        TRN_TRY(t->regime->epoch(t->self, &t->report->loss));
        if (s->position == 0) {
            t->done++;
            show_progress(t);
            TRN_TRY(look(t, &enough));
            if (enough || s->epoch == s->options.epochs) break;
        }
        double stop_save[2] = {trn_trainer_stops(&t->trainer), trn_trainer_saves(&t->trainer)};
        if (!trn_kg_pause(s, 2, stop_save)) continue;
        char where[48];
        snprintf(where, sizeof where, "epoch %lld", (long long)s->epoch + 1);
        TRN_TRY(trn_trainer_act(&t->trainer, stop_save[0] > 0, stop_save[1] > 0, false, where));
    }
    t->trainer.advanced = t->done > 0;
    return TRN_OK;
}

static void finish_report(learner_t *t) {
    trn_kg_report_t *report = t->report;
    report->seconds = t->trainer.seconds;
    report->cpu_seconds = t->trainer.cpu_seconds;
    report->epochs = t->state->epoch;
    report->triples_per_second =
        report->seconds > 0 ? (double)t->done * (double)t->kg->triples[TRN_TRAIN] / report->seconds
                            : 0;
}

static trn_status_t write_result(void *self) {
    learner_t *t = self;
    trn_kg_state_t *s = t->state;
    t->report->best_epoch = s->best_epoch;
    t->report->valid_mrr = s->best_mrr;
    if (s->best_epoch > 0) return take_best(t);
    return trn_kg_save(s, t->kg, t->run, t->output, false, NULL);
}

static trn_status_t begin(void *self) {
    learner_t *t = self;
    bool resumed = false;
    TRN_TRY(trn_kg_resume(t->state, t->kg, t->run, &resumed));
    return find_best(t);
}

static const trn_trained_t trained = {begin, train_epochs, save, write_result};

/* After a failure with no checkpoint to go on from, the best model so far is half a result. */
static void drop_best(const learner_t *t) {
    if (t->state->rank == 0 && t->best && access(t->run->checkpoint, F_OK) != 0)
        trn_store_remove(t->best);
}

/* Everything beside the state. */
static trn_status_t prepare(learner_t *t) {
    trn_kg_state_t *s = t->state;
    char path[4096];
    snprintf(path, sizeof path, "%s.best", t->output);
    trn_status_t status = trn_strdup(&t->best, path);
    if (status == TRN_OK && s->rank == 0 && s->options.valid_every > 0)
        status = trn_store_replaceable(path);
    TRN_AGREE(s->comm, status);
    TRN_TRY(trn_kg_start_from(s, t->kg));
    if (s->options.valid_every > 0) TRN_TRY(trn_kg_valid_create(&t->valid, s, t->kg));
    return t->regime->create(&t->self, s, t->kg);
}

trn_status_t trn_kg_train(MPI_Comm comm, const trn_kg_t *kg, const trn_kg_header_t *header,
                          const trn_kg_options_t *options, const trn_kg_regime_t *regime,
                          const trn_trainer_run_t *run, const char *output,
                          trn_kg_report_t *report) {
    learner_t t = {.kg = kg, .run = run, .regime = regime, .report = report, .output = output};
    t.trainer = (trn_trainer_t){.comm = comm, .run = run, .trained = &trained, .self = &t};
    *report = (trn_kg_report_t){0};
    TRN_TRY(trn_kg_state_create(&t.state, comm, header, options));
    t.state->trainer = &t.trainer;
    trn_trace_begin("load");
    trn_status_t status = prepare(&t);
    trn_trace_end();
    if (status == TRN_OK) status = trn_trainer_run(&t.trainer);
    finish_report(&t);
    if (status != TRN_OK && options->valid_every > 0) drop_best(&t);
    if (t.self) regime->destroy(&t.self);
    trn_kg_valid_free(&t.valid);
    trn_free(&t.best);
    trn_kg_state_destroy(&t.state);
    return status;
}

void trn_kg_train_plan(trn_ledger_t *ledger, const trn_kg_train_size_t *size, int ranks, int rank) {
    const trn_kg_header_t *h = size->header;
    int64_t valid = size->kg->triples[TRN_VALID];
    bool looks = size->options->valid_every > 0;
    trn_kg_state_t shape = trn_kg_state_shape(h, size->options, ranks, rank);
    trn_kg_state_plan(ledger, &shape);
    trn_kg_start_plan(ledger, &shape);
    if (looks) trn_kg_valid_plan(ledger, h, valid, size->found, ranks, rank);
    size->regime->plan(ledger, &shape, size->kg->triples[TRN_TRAIN]);
    if (looks) trn_kg_valid_mrr_plan(ledger, h, valid, ranks, rank);
    trn_kg_save_plan(ledger, &shape, size->save_behind);
}
