/* swivel.h: Swivel word embeddings from a co-occurrence store, on any number of ranks.
 *
 * Words are dealt to k = ceil(V / S) blocks: word w is row (and column) w / k of block w mod k, so
 * that every block holds its share of frequent words. Rank r owns the row blocks
 * [kr/P, k(r+1)/P); column blocks rotate (mpi/ring.h): in round t row block i meets column block
 * (i + t) mod k. Shards of one round share no row and no column, so their order is free and the
 * bits do not depend on ranks or threads. An epoch is k rounds. */
#ifndef TRN_ALGO_WORDS_SWIVEL_H
#define TRN_ALGO_WORDS_SWIVEL_H

#include "algo/common/trainer.h"
#include "base/status.h"
#include "io/store/store.h"
#include "kern/train/swivel.h"

#include <jansson.h>
#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* Everything that decides the result. */
typedef struct trn_swivel_options {
    int64_t dim, epochs;
    int64_t shard; /* S */
    trn_optimizer_t optimiser;
    double rate;                  /* at the start */
    double final_rate;            /* reached linearly at the end, as a fraction of `rate` */
    double decay;                 /* RMSProp only */
    double accumulator;           /* starting value of every accumulator */
    double base, scale, exponent; /* confidence f(x) = base + scale x^exponent */
    uint64_t seed;
} trn_swivel_options_t;

/* What came out of a run. */
typedef struct trn_swivel_report {
    int64_t words, nonzeros, blocks, shard, epochs; /* epochs done, of those before a resume too */
    double loss;                                    /* mean shard loss of the last epoch */
    double seconds, cpu_seconds;                    /* training alone, this run, all ranks' CPU */
    double flops;                                   /* of the GEMMs in `seconds` */
    double ceiling;                                 /* sgemm flop/s of all ranks and threads */
    double waited; /* share of `seconds` waiting for blocks, mean */
} trn_swivel_report_t;

/* How training is to run, as far as memory depends on it. */
typedef struct trn_swivel_use {
    int threads;
    bool save_behind;
    bool dry; /* only say what it takes */
} trn_swivel_use_t;

/* Fill in what is 0: the shard size (from the store's attribute shard_size, else from the size of
 * the vocabulary), the epochs and the learning rate (from the number and size of blocks). Local. */
void trn_swivel_defaults(trn_swivel_options_t *options, int64_t words, const trn_store_t *counts);

/* Say what training from `counts` takes of memory, and unless use->dry refuse it if that is too
 * much: trn_estimate. Options are filled in. Collective, equal arguments. Fails (agreed) with
 * TRN_MEMORY, TRN_INPUT, TRN_IO. Cost: one read of /row_ptr. */
trn_status_t trn_swivel_estimate(MPI_Comm comm, trn_store_t *counts,
                                 const trn_swivel_options_t *options, const trn_swivel_use_t *use,
                                 json_t *result);

/* Train from the open store `counts` (kind "cooccurrence") and write an embedding store to
 * `output`: /embedding = R + C [V x d] float32 in vocabulary order, /vocab. Checkpoints are
 * embedding stores as well, with /row, /col and their accumulators [kS x d] in block order (column
 * blocks in the order of the round) and attributes epoch and round. Collective, equal arguments.
 * Fails (agreed) with TRN_INPUT (bad counts, checkpoint of other settings), TRN_MEMORY, TRN_IO,
 * TRN_NUMERIC (loss not finite; the last good checkpoint stays), TRN_STOPPED (a signal asked for
 * it, or the time limit is near; the checkpoint is written).
 * Cost: 6 V^2 d flops an epoch over all ranks; each rank sends and receives one column block with
 * its accumulator, 8 S d bytes, a round. */
trn_status_t trn_swivel_train(MPI_Comm comm, trn_store_t *counts,
                              const trn_swivel_options_t *options, const trn_trainer_run_t *run,
                              int threads, const char *output, trn_swivel_report_t *report);

#endif
