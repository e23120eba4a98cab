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
#include <string.h>

/* What the ranks tell each other once a round, hidden behind the round's work. */
enum { VOTE_NOT_FINITE, VOTE_STOP, VOTE_SAVE, VOTE_WRITING /* still */, VOTES };

typedef struct trainer {
    trn_swivel_state_t *state;
    trn_store_t *counts;
    const trn_swivel_run_t *run;
    trn_swivel_report_t *report;
    trn_schedule_t schedule;
    trn_store_t *saving; /* a checkpoint that is being written behind, or NULL */
    double started, cpu_started, save_began; /* seconds */
    int64_t rounds_done;                     /* in this run */
    atomic_int not_finite;                   /* some thread has met such a loss */
} trainer_t;

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
static void train_shard(trainer_t *trainer, int64_t slot, float *scratch, double rate) {
    trn_swivel_state_t *state = trainer->state;
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
    if (!isfinite(loss)) atomic_store(&trainer->not_finite, 1);
}

/* All shards of one round: threads take whole shards; slot 0 comes first, for its column block has
 * the longest way to go, and is sent by the thread that may call MPI. */
static void train_round(trainer_t *trainer) {
    trn_swivel_state_t *state = trainer->state;
    double rate = rate_now(state);
    trn_ring_begin(state->ring);
    if (state->own > 0) {
        atomic_llong next = 1;
#pragma omp parallel num_threads(state->threads)
        {
            int thread = omp_get_thread_num();
            float *scratch = state->scratch[thread];
            if (thread == 0) {
                train_shard(trainer, 0, scratch, rate);
                trn_ring_depart(state->ring);
            }
            for (int64_t slot; (slot = atomic_fetch_add(&next, 1)) < state->own;) {
                train_shard(trainer, slot, scratch, rate);
                if (thread == 0) trn_ring_progress(state->ring);
            }
        }
    }
    trn_ring_shift(state->ring);
    trainer->rounds_done++;
    trn_watch_tick();
}

/* Three products of V^2 d / k multiplications and additions over all ranks: scores, and both
 * gradients. */
static double flops_per_round(const trn_swivel_state_t *state) {
    return 6.0 * (double)state->words * (double)state->words * (double)state->dim /
           (double)state->blocks;
}

/* Mean loss of this rank's shards of the present epoch, or of all shards of the last one. */
static double loss_so_far(const trainer_t *trainer) {
    const trn_swivel_state_t *state = trainer->state;
    int64_t round = trn_ring_round(state->ring);
    if (round == 0 || state->own == 0) return trainer->report->loss;
    double sum = 0;
    for (int64_t slot = 0; slot < state->own; slot++)
        sum += state->loss[slot];
    return sum / (double)(state->own * round);
}

/* By rank 0's own shards; the sum over all would be a message. */
static void show_progress(const trainer_t *trainer) {
    const trn_swivel_state_t *state = trainer->state;
    if (state->rank != 0) return;
    double seconds = trn_seconds() - trainer->started, rounds = (double)trainer->rounds_done;
    double flops = rounds * flops_per_round(state) / seconds;
    int64_t round = trn_ring_round(state->ring);
    double left = (double)((state->options.epochs - state->epoch) * state->blocks - round);
    int64_t eta = (int64_t)(left / rounds * seconds);
    trn_log(TRN_LOG_PROGRESS, "swivel",
            "epoch %lld/%lld round %lld/%lld  loss %.5g  %.3g cells/s  %.1f GF/s (%.0f %% of sgemm)"
            "  eta %02lld:%02lld:%02lld",
            (long long)state->epoch + 1, (long long)state->options.epochs, (long long)round,
            (long long)state->blocks, loss_so_far(trainer), flops / (6 * (double)state->dim),
            flops * 1e-9, trainer->report->ceiling > 0 ? 100 * flops / trainer->report->ceiling : 0,
            (long long)(eta / 3600), (long long)(eta / 60 % 60), (long long)(eta % 60));
}

/* Equal on all ranks, which have voted on it. */
static trn_status_t diverged(const trn_swivel_state_t *state) {
    return trn_fail(TRN_NUMERIC,
                    "the loss is not finite in epoch %lld, before round %lld; lower "
                    "--learning-rate (the last checkpoint is kept)",
                    (long long)state->epoch + 1, (long long)trn_ring_round(state->ring));
}

/* Wait for the checkpoint that is being written behind, if there is one. */
static trn_status_t finish_save(trainer_t *trainer) {
    if (!trainer->saving) return TRN_OK;
    trn_trace_begin("checkpoint");
    trn_status_t status = trn_store_commit_finish(&trainer->saving);
    trn_trace_end();
    trn_schedule_saved(&trainer->schedule, trainer->save_began);
    return status;
}

/* Never a state that is not finite: the last good checkpoint stays. */
static trn_status_t save(trainer_t *trainer, bool behind) {
    trn_swivel_state_t *state = trainer->state;
    if (trn_any(state->comm, atomic_load(&trainer->not_finite))) return diverged(state);
    TRN_TRY(finish_save(trainer));
    trainer->save_began = trn_seconds();
    trn_trace_begin("checkpoint");
    trn_status_t status =
        trn_swivel_save(state, trainer->counts, trainer->run, trainer->run->checkpoint, true,
                        behind ? &trainer->saving : NULL);
    trn_trace_end();
    if (!behind) trn_schedule_saved(&trainer->schedule, trainer->save_began);
    return status;
}

/* Mean shard loss of the epoch, summed over blocks in a fixed order. */
static trn_status_t close_epoch(trainer_t *trainer) {
    trn_swivel_state_t *state = trainer->state;
    double sum;
    TRN_TRY(trn_reduce_blocks(state->comm, state->blocks, 1, state->loss, &sum));
    trainer->report->loss = sum / ((double)state->blocks * (double)state->blocks);
    if (!isfinite(sum)) return diverged(state);
    state->epoch++;
    memset(state->loss, 0, (size_t)state->own * sizeof *state->loss);
    if (state->rank != 0) return TRN_OK;
    trn_log(TRN_LOG_INFO, "swivel", "epoch %lld/%lld  loss %.6g  %.1f s", (long long)state->epoch,
            (long long)state->options.epochs, trainer->report->loss,
            trn_seconds() - trainer->started);
    trn_event("epoch", "{s:I, s:f, s:f}", "epoch", (json_int_t)state->epoch, "loss",
              trainer->report->loss, "seconds", trn_seconds() - trainer->started);
    return TRN_OK;
}

/* What the votes ask for at the border after a round. */
static trn_status_t heed(trainer_t *trainer, const int votes[VOTES]) {
    if (votes[VOTE_NOT_FINITE]) return diverged(trainer->state);
    bool stop = votes[VOTE_STOP];
    if (stop || votes[VOTE_SAVE])
        TRN_TRY(save(trainer, !stop && trainer->run->save_behind));
    else if (!votes[VOTE_WRITING])
        TRN_TRY(finish_save(trainer));
    if (!stop) return TRN_OK;
    return trn_fail(TRN_STOPPED, "stopped in epoch %lld, before round %lld; %s holds the state",
                    (long long)trainer->state->epoch + 1,
                    (long long)trn_ring_round(trainer->state->ring), trainer->run->checkpoint);
}

/* The votes of a round travel while it computes, and count at its end. A save or a stop so comes a
 * round late, on all ranks in the same one. */
static trn_status_t train_epochs(trainer_t *trainer) {
    trn_swivel_state_t *state = trainer->state;
    while (state->epoch < state->options.epochs) {
        int votes[VOTES] = {atomic_load(&trainer->not_finite),
                            trn_schedule_stop(&trainer->schedule),
                            !trainer->saving && trn_schedule_save(&trainer->schedule),
                            trainer->saving && !trn_store_commit_ready(trainer->saving)};
        MPI_Request counting;
        MPI_Iallreduce(MPI_IN_PLACE, votes, VOTES, MPI_INT, MPI_MAX, state->comm, &counting);
        train_round(trainer);
        MPI_Wait(&counting, MPI_STATUS_IGNORE);
        if (trn_ring_round(state->ring) == 0) TRN_TRY(close_epoch(trainer));
        show_progress(trainer);
        if (state->epoch < state->options.epochs) TRN_TRY(heed(trainer, votes));
    }
    return TRN_OK;
}

/* Waiting is the mean of the ranks' shares. */
static void finish_report(trainer_t *trainer) {
    trn_swivel_state_t *state = trainer->state;
    trn_swivel_report_t *report = trainer->report;
    double sums[2] = {trn_cpu_seconds() - trainer->cpu_started, trn_ring_waited(state->ring)};
    report->seconds = trn_seconds() - trainer->started;
    MPI_Allreduce(MPI_IN_PLACE, sums, 2, MPI_DOUBLE, MPI_SUM, state->comm);
    report->cpu_seconds = sums[0];
    report->waited = report->seconds > 0 ? sums[1] / state->ranks / report->seconds : 0;
    report->flops = (double)trainer->rounds_done * flops_per_round(state);
    report->epochs = state->epoch;
}

/* The yardstick is measured before training, when all cores do nothing else. */
static trn_status_t run_training(trainer_t *trainer, const char *output) {
    trn_swivel_state_t *state = trainer->state;
    bool resumed = false;
    TRN_TRY(trn_swivel_resume(state, trainer->run, &resumed));
    if (!resumed) trn_swivel_state_init(state);
    double ceiling = trn_blas_ceiling() * state->threads;
    MPI_Allreduce(&ceiling, &trainer->report->ceiling, 1, MPI_DOUBLE, MPI_SUM, state->comm);
    trn_schedule_start(&trainer->schedule, trainer->run->checkpoint_minutes,
                       trainer->run->time_limit);
    trainer->started = trn_seconds();
    trainer->cpu_started = trn_cpu_seconds();
    trn_trace_begin("train");
    trn_status_t status = train_epochs(trainer);
    trn_trace_end();
    finish_report(trainer);
    TRN_TRY(status);
    trn_trace_begin("write");
    status = finish_save(trainer);
    if (status == TRN_OK && trainer->run->keep_checkpoint && trainer->rounds_done > 0)
        status = save(trainer, false);
    if (status == TRN_OK)
        status = trn_swivel_save(state, trainer->counts, trainer->run, output, false, NULL);
    trn_trace_end();
    if (status == TRN_OK && !trainer->run->keep_checkpoint)
        trn_checkpoint_remove(state->comm, trainer->run->checkpoint);
    return status;
}

/* Sizes are checked before memory is taken for them. */
trn_status_t trn_swivel_train(MPI_Comm comm, trn_store_t *counts,
                              const trn_swivel_options_t *options, const trn_swivel_run_t *run,
                              const char *output, trn_swivel_report_t *report) {
    int64_t words = 0, nonzeros = 0;
    *report = (trn_swivel_report_t){0};
    trn_status_t status = trn_store_need(counts, "/row_sums", TRN_F64, &words, 0);
    if (status == TRN_OK) status = trn_store_need(counts, "/col", TRN_I32, &nonzeros, 0);
    if (status == TRN_OK && words < 2)
        status = trn_fail(TRN_INPUT, "%s: a vocabulary of %lld words; at least 2 are needed",
                          trn_store_path(counts), (long long)words);
    TRN_AGREE(comm, status);
    trainer_t trainer = {.counts = counts, .run = run, .report = report};
    TRN_TRY(trn_swivel_state_create(&trainer.state, comm, words, options, run->threads));
    trainer.state->nonzeros = nonzeros;
    report->words = words, report->nonzeros = nonzeros;
    report->blocks = trainer.state->blocks, report->shard = trainer.state->shard;
    trn_trace_begin("load");
    status = trn_swivel_load(trainer.state, counts, TRN_SWIVEL_PIECE);
    trn_trace_end();
    if (status == TRN_OK) status = run_training(&trainer, output);
    trn_store_abandon(&trainer.saving);
    trn_swivel_state_destroy(&trainer.state);
    return status;
}
