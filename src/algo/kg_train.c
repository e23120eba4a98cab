#include "algo/kg_train.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/signal.h"
#include "mpi/agree.h"
#include "mpi/trace.h"

#include <math.h>

typedef struct trainer {
    trn_kg_state_t *state;
    const trn_kg_t *kg;
    const trn_kg_run_t *run;
    const trn_kg_regime_t *regime;
    void *self; /* of the regime */
    trn_kg_report_t *report;
    double started, cpu_started, saved; /* seconds */
    int64_t done;                       /* epochs in this run */
} trainer_t;

static void show_progress(const trainer_t *t) {
    const trn_kg_state_t *s = t->state;
    if (s->rank != 0) return;
    double seconds = trn_seconds() - t->started, each = seconds / (double)t->done;
    int64_t eta = (int64_t)(each * (double)(s->options.epochs - s->epoch));
    trn_log(TRN_LOG_INFO, "kg-train",
            "epoch %lld/%lld  loss %.6g  %.4g triples/s  eta %02lld:%02lld:%02lld",
            (long long)s->epoch, (long long)s->options.epochs, t->report->loss,
            (double)t->kg->triples[TRN_TRAIN] / each, (long long)(eta / 3600),
            (long long)(eta / 60 % 60), (long long)(eta % 60));
    trn_event("epoch", "{s:I, s:f, s:f}", "epoch", (json_int_t)s->epoch, "loss", t->report->loss,
              "seconds", seconds);
}

static trn_status_t save(trainer_t *t) {
    trn_trace_begin("checkpoint");
    trn_status_t status = trn_kg_save(t->state, t->kg, t->run, t->run->checkpoint, true);
    trn_trace_end();
    t->saved = trn_seconds();
    return status;
}

static trn_status_t train_epochs(trainer_t *t) {
    trn_kg_state_t *s = t->state;
    while (s->epoch < s->options.epochs) {
        TRN_TRY(t->regime->epoch(t->self, &t->report->loss));
        t->done++;
        show_progress(t);
        double every = 60 * t->run->checkpoint_minutes;
        int votes[2] = {trn_signal_stop() != 0, every > 0 && trn_seconds() - t->saved >= every};
        MPI_Allreduce(MPI_IN_PLACE, votes, 2, MPI_INT, MPI_MAX, s->comm);
        if (s->epoch == s->options.epochs) break;
        if (votes[0] || votes[1]) TRN_TRY(save(t));
        if (votes[0])
            return trn_fail(TRN_STOPPED, "stopped after epoch %lld; %s holds the state",
                            (long long)s->epoch, t->run->checkpoint);
    }
    return TRN_OK;
}

static void finish_report(trainer_t *t) {
    double cpu = trn_cpu_seconds() - t->cpu_started;
    trn_kg_report_t *report = t->report;
    report->seconds = trn_seconds() - t->started;
    MPI_Allreduce(&cpu, &report->cpu_seconds, 1, MPI_DOUBLE, MPI_SUM, t->state->comm);
    report->epochs = t->state->epoch;
    report->triples_per_second =
        report->seconds > 0 ? (double)t->done * (double)t->kg->triples[TRN_TRAIN] / report->seconds
                            : 0;
}

static trn_status_t run_training(trainer_t *t, const char *output) {
    trn_kg_state_t *s = t->state;
    bool resumed = false;
    TRN_TRY(trn_kg_resume(s, t->kg, t->run, &resumed));
    t->started = t->saved = trn_seconds();
    t->cpu_started = trn_cpu_seconds();
    trn_trace_begin("train");
    trn_status_t status = train_epochs(t);
    trn_trace_end();
    finish_report(t);
    TRN_TRY(status);
    if (t->run->keep_checkpoint && t->done > 0) TRN_TRY(save(t));
    trn_trace_begin("write");
    status = trn_kg_save(s, t->kg, t->run, output, false);
    trn_trace_end();
    if (status == TRN_OK && !t->run->keep_checkpoint)
        trn_checkpoint_remove(s->comm, t->run->checkpoint);
    return status;
}

trn_status_t trn_kg_train(MPI_Comm comm, const trn_kg_t *kg, const trn_kg_header_t *header,
                          const trn_kg_options_t *options, const trn_kg_regime_t *regime,
                          const trn_kg_run_t *run, const char *output, trn_kg_report_t *report) {
    trainer_t t = {.kg = kg, .run = run, .regime = regime, .report = report};
    *report = (trn_kg_report_t){0};
    TRN_TRY(trn_kg_state_create(&t.state, comm, header, options));
    trn_trace_begin("load");
    trn_status_t status = regime->create(&t.self, t.state, kg);
    trn_trace_end();
    if (status == TRN_OK) {
        status = run_training(&t, output);
        regime->destroy(&t.self);
    }
    trn_kg_state_destroy(&t.state);
    return status;
}

int64_t trn_kg_train_memory(const trn_kg_header_t *header, const trn_kg_options_t *options,
                            const trn_kg_regime_t *regime, int64_t triples, int64_t ranks) {
    enum { PROGRAM = 36 << 20, NAME = 32 /* bytes of a name: its pointer and text */ };
    const trn_model_t *model = header->model;
    int64_t blocks = options->blocks, rows = (header->entities + blocks - 1) / blocks;
    int64_t relations = trn_kg_relation_rows(header), own = (blocks + ranks - 1) / ranks * rows;
    int64_t many[3] = {own, relations, relations}, sum = 0;
    int64_t width[3] = {header->shape.dim, model->relation_width(&header->shape),
                        model->second_width(&header->shape)};
    for (int i = 0; i < 3; i++)
        sum += many[i] * (width[i] + trn_kg_moment_width(options->optimiser, 0, width[i]) +
                          trn_kg_moment_width(options->optimiser, 1, width[i]));
    return sum * (int64_t)sizeof(float) + PROGRAM + NAME * (header->entities + header->relations) +
           (16 << 20) + regime->memory(header, options, triples, ranks);
}
