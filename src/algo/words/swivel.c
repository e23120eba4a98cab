/* swivel.c: epochs and rounds. In round t row block i meets column block (i + t) mod k; no two
 * shards of a round share a row or a column, so it does not matter who trains which first, and the
 * bits depend on neither ranks nor threads. */
#include "algo/words/swivel_state.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/schedule.h"
#include "kern/dense/blas.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/reduce.h"
#include "mpi/trace.h"
#include "mpi/watch.h"

#include <math.h>
#include <omp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* What the ranks tell each other once a round, hidden behind the round's work. */
enum { VOTE_NOT_FINITE, VOTE_STOP, VOTE_SAVE, VOTE_WRITING /* still */, VOTES };

typedef struct learner {
    trn_trainer_t frame;
    trn_swivel_state_t *state;
    trn_store_t *counts;
    const char *output;
    trn_swivel_report_t *report;
    int64_t rounds_done;   /* in this run */
    atomic_int not_finite; /* some thread has met such a loss */
} learner_t;

/* Into [low, high]. */
static int64_t clamp(int64_t value, int64_t low, int64_t high) {
    return value < low ? low : value > high ? high : value;
}

/* Measured on wiki-aa-2015 (V = 8192 and 32768): a vector learns by its updates, V / S an epoch,
 * at nearly the same cost down to shards of 64; about 500 updates an epoch are plenty. */
void trn_swivel_defaults(trn_swivel_options_t *options, int64_t words, const trn_store_t *counts) {
    enum { SMALLEST = 64, LARGEST = 1024, UPDATES = 512, FEWEST_EPOCHS = 10, MOST_EPOCHS = 40 };
    int64_t stored = 0;
    if (options->shard == 0 && trn_store_get_int(counts, "/", "shard_size", &stored) == TRN_OK &&
        stored > 0)
        options->shard = stored;
    if (options->shard == 0)
        options->shard = clamp(words / UPDATES / SMALLEST * SMALLEST, SMALLEST, LARGEST);
    int64_t blocks = (words + options->shard - 1) / options->shard;
    if (options->epochs == 0)
        options->epochs = clamp(5 * UPDATES / (blocks ? blocks : 1), FEWEST_EPOCHS, MOST_EPOCHS);
    if (options->rate == 0) /* the published rate 1 diverges below S = 512 */
        options->rate = options->optimiser == TRN_RMSPROP ? 0.1
                        : options->shard >= 512           ? 1.0
                                                          : cbrt((double)options->shard / 512);
}

/* The rate falls linearly over the whole run; it depends on the round alone. */
static double rate_now(const trn_swivel_state_t *state) {
    const trn_swivel_options_t *o = &state->options;
    double done =
        ((double)state->epoch + (double)trn_ring_round(state->ring) / (double)state->blocks) /
        (double)o->epochs;
    return o->rate * (1 + (o->final_rate - 1) * done);
}

/* One step of one shard. Its row block is this rank's slot, its column block whatever lies in the
 * slot in this round; nobody else touches either meanwhile. A loss that is not finite is only
 * noted, for a thread cannot leave the round. */
static void train_shard(learner_t *l, int64_t slot, float *scratch, double rate) {
    trn_swivel_state_t *state = l->state;
    const trn_swivel_options_t *o = &state->options;
    int64_t d = state->dim, width = state->shard * d, block = trn_ring_block(state->ring, slot);
    const int64_t *start = state->shard_start + slot * state->blocks + block;
    float *col_values = trn_ring_data(state->ring, slot);
    /* The loss is divided by S, as in the paper's code: a step does not grow with its shard. */
    trn_swivel_rule_t rule = {o->optimiser, rate, o->decay, 1 / (double)state->shard};
    trn_swivel_side_t row = {
        trn_swivel_block_size(state, state->first + slot), state->row_values + slot * width,
        state->row_accumulator + slot * width, state->row_bias + slot * state->shard};
    trn_swivel_side_t col = {trn_swivel_block_size(state, block), col_values, col_values + width,
                             state->col_bias + block * state->shard};
    double loss = trn_swivel_step(&rule, d, &row, &col, start[1] - start[0],
                                  state->cells + start[0], scratch);
    state->loss[slot] += loss;
    if (!isfinite(loss)) atomic_store(&l->not_finite, 1);
}

/* All shards of one round: threads take whole shards; slot 0 comes first, for its column block has
 * the longest way to go, and is sent by the thread that may call MPI. */
static void train_round(learner_t *l) {
    trn_swivel_state_t *state = l->state;
    double rate = rate_now(state);
    trn_ring_begin(state->ring);
    if (state->own > 0) {
        atomic_llong next = 1;
#pragma omp parallel num_threads(state->threads)
        {
            int thread = omp_get_thread_num();
            float *scratch = state->scratch[thread];
            if (thread == 0) {
                train_shard(l, 0, scratch, rate);
                trn_ring_depart(state->ring);
            }
            for (int64_t slot; (slot = atomic_fetch_add(&next, 1)) < state->own;) {
                train_shard(l, slot, scratch, rate);
                if (thread == 0) trn_ring_progress(state->ring);
            }
        }
    }
    trn_ring_shift(state->ring);
    l->rounds_done++;
    trn_watch_tick();
}

/* Three products of V^2 d / k multiplications and additions over all ranks: scores, and both
 * gradients. */
static double flops_per_round(const trn_swivel_state_t *state) {
    return 6.0 * (double)state->words * (double)state->words * (double)state->dim /
           (double)state->blocks;
}

/* Mean loss of this rank's shards of the present epoch, or of all shards of the last one. */
static double loss_so_far(const learner_t *l) {
    const trn_swivel_state_t *state = l->state;
    int64_t round = trn_ring_round(state->ring);
    if (round == 0 || state->own == 0) return l->report->loss;
    double sum = 0;
    for (int64_t slot = 0; slot < state->own; slot++)
        sum += state->loss[slot];
    return sum / (double)(state->own * round);
}

/* By rank 0's own shards; the sum over all would be a message. */
static void show_progress(const learner_t *l) {
    const trn_swivel_state_t *state = l->state;
    if (state->rank != 0) return;
    double seconds = trn_seconds() - l->frame.started, rounds = (double)l->rounds_done;
    double flops = rounds * flops_per_round(state) / seconds;
    int64_t round = trn_ring_round(state->ring);
    double left = (double)((state->options.epochs - state->epoch) * state->blocks - round);
    int64_t eta = (int64_t)(left / rounds * seconds);
    trn_log(TRN_LOG_PROGRESS, "swivel",
            "epoch %lld/%lld round %lld/%lld  loss %.5g  %.3g cells/s  %.1f GF/s (%.0f %% of sgemm)"
            "  eta %02lld:%02lld:%02lld",
            (long long)state->epoch + 1, (long long)state->options.epochs, (long long)round,
            (long long)state->blocks, loss_so_far(l), flops / (6 * (double)state->dim),
            flops * 1e-9, l->report->ceiling > 0 ? 100 * flops / l->report->ceiling : 0,
            (long long)(eta / 3600), (long long)(eta / 60 % 60), (long long)(eta % 60));
}

/* Equal on all ranks, which have voted on it. */
static trn_status_t diverged(const trn_swivel_state_t *state) {
    return trn_fail(TRN_NUMERIC,
                    "the loss is not finite in epoch %lld, before round %lld; lower "
                    "--learning-rate (the last checkpoint is kept)",
                    (long long)state->epoch + 1, (long long)trn_ring_round(state->ring));
}

/* Never a state that is not finite: the last good checkpoint stays. */
static trn_status_t save(void *self, trn_store_t **behind) {
    learner_t *l = self;
    trn_swivel_state_t *state = l->state;
    const trn_trainer_run_t *run = l->frame.run;
    if (trn_any(state->comm, atomic_load(&l->not_finite))) return diverged(state);
    return trn_swivel_save(state, l->counts, run, run->checkpoint, true, behind);
}

/* Mean shard loss of the epoch, summed over blocks in a fixed order. */
static trn_status_t close_epoch(learner_t *l) {
    trn_swivel_state_t *state = l->state;
    double sum;
    TRN_TRY(trn_reduce_blocks(state->comm, state->blocks, 1, state->loss, &sum));
    l->report->loss = sum / ((double)state->blocks * (double)state->blocks);
    if (!isfinite(sum)) return diverged(state);
    state->epoch++;
    memset(state->loss, 0, (size_t)state->own * sizeof *state->loss);
    if (state->rank != 0) return TRN_OK;
    trn_log(TRN_LOG_INFO, "swivel", "epoch %lld/%lld  loss %.6g  %.1f s", (long long)state->epoch,
            (long long)state->options.epochs, l->report->loss, trn_seconds() - l->frame.started);
    trn_event("epoch", "{s:I, s:f, s:f}", "epoch", (json_int_t)state->epoch, "loss",
              l->report->loss, "seconds", trn_seconds() - l->frame.started);
    return TRN_OK;
}

/* What the votes ask for at the border after a round. */
static trn_status_t act(learner_t *l, const int votes[VOTES]) {
    char where[64];
    if (votes[VOTE_NOT_FINITE]) return diverged(l->state);
    snprintf(where, sizeof where, "epoch %lld, before round %lld", (long long)l->state->epoch + 1,
             (long long)trn_ring_round(l->state->ring));
    return trn_trainer_act(&l->frame, votes[VOTE_STOP], votes[VOTE_SAVE], votes[VOTE_WRITING],
                           where);
}

/* The votes of a round travel while it computes, and count at its end. A save or a stop so comes a
 * round late, on all ranks in the same one. */
static trn_status_t train_epochs(void *self) {
    learner_t *l = self;
    trn_trainer_t *frame = &l->frame;
    trn_swivel_state_t *state = l->state;
    while (state->epoch < state->options.epochs) {
        int votes[VOTES] = {atomic_load(&l->not_finite), trn_trainer_stops(frame),
                            trn_trainer_saves(frame), trn_trainer_writing(frame)};
        MPI_Request counting;
        MPI_Iallreduce(MPI_IN_PLACE, votes, VOTES, MPI_INT, MPI_MAX, state->comm, &counting);
        train_round(l);
        MPI_Wait(&counting, MPI_STATUS_IGNORE);
        if (trn_ring_round(state->ring) == 0) TRN_TRY(close_epoch(l));
        frame->advanced = true;
        show_progress(l);
        if (state->epoch < state->options.epochs) TRN_TRY(act(l, votes));
    }
    return TRN_OK;
}

/* Waiting is the mean of the ranks' shares. */
static void finish_report(learner_t *l) {
    trn_swivel_state_t *state = l->state;
    trn_swivel_report_t *report = l->report;
    double waited = trn_ring_waited(state->ring);
    MPI_Allreduce(MPI_IN_PLACE, &waited, 1, MPI_DOUBLE, MPI_SUM, state->comm);
    report->seconds = l->frame.seconds;
    report->cpu_seconds = l->frame.cpu_seconds;
    report->waited = report->seconds > 0 ? waited / state->ranks / report->seconds : 0;
    report->flops = (double)l->rounds_done * flops_per_round(state);
    report->epochs = state->epoch;
}

/* The yardstick is measured before training, when all cores do nothing else. */
static trn_status_t begin(void *self) {
    learner_t *l = self;
    trn_swivel_state_t *state = l->state;
    bool resumed = false;
    TRN_TRY(trn_swivel_resume(state, l->frame.run, &resumed));
    if (!resumed) trn_swivel_state_init(state);
    double ceiling = trn_blas_ceiling() * state->threads;
    MPI_Allreduce(&ceiling, &l->report->ceiling, 1, MPI_DOUBLE, MPI_SUM, state->comm);
    return TRN_OK;
}

static trn_status_t write_result(void *self) {
    learner_t *l = self;
    return trn_swivel_save(l->state, l->counts, l->frame.run, l->output, false, NULL);
}

static const trn_trained_t trained = {begin, train_epochs, save, write_result};

/* Sizes are checked before memory is taken for them. */
trn_status_t trn_swivel_train(MPI_Comm comm, trn_store_t *counts,
                              const trn_swivel_options_t *options, const trn_trainer_run_t *run,
                              int threads, const char *output, trn_swivel_report_t *report) {
    int64_t words = 0, nonzeros = 0;
    *report = (trn_swivel_report_t){0};
    trn_status_t status = trn_store_need(counts, "/row_sums", TRN_F64, &words, 0);
    if (status == TRN_OK) status = trn_store_need(counts, "/col", TRN_I32, &nonzeros, 0);
    if (status == TRN_OK && words < 2)
        status = trn_fail(TRN_INPUT, "%s: a vocabulary of %lld words; at least 2 are needed",
                          trn_store_path(counts), (long long)words);
    TRN_AGREE(comm, status);
    learner_t l = {.counts = counts, .output = output, .report = report};
    l.frame = (trn_trainer_t){.comm = comm, .run = run, .trained = &trained, .self = &l};
    TRN_TRY(trn_swivel_state_create(&l.state, comm, words, options, threads));
    l.state->nonzeros = nonzeros;
    report->words = words, report->nonzeros = nonzeros;
    report->blocks = l.state->blocks, report->shard = l.state->shard;
    trn_trace_begin("load");
    status = trn_swivel_load(l.state, counts, TRN_SWIVEL_PIECE);
    trn_trace_end();
    if (status == TRN_OK) {
        status = trn_trainer_run(&l.frame);
        finish_report(&l);
    }
    trn_swivel_state_destroy(&l.state);
    return status;
}
