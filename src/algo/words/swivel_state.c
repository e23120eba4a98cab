/* swivel_state.c: what a rank holds, and how much that is. */
#include "algo/words/swivel_state.h"

#include "base/mem.h"
#include "base/rng.h"
#include "mpi/agree.h"
#include "mpi/dist.h"

#include <math.h>
#include <string.h>

int64_t trn_swivel_block_size(const trn_swivel_state_t *state, int64_t block) {
    return (state->words - block + state->blocks - 1) / state->blocks;
}

/* All that lives as long as training does. Rows that fill up the last block of a side are zero and
 * stay so: their gradient is never asked for. */
static trn_status_t allocate(trn_swivel_state_t *state) {
    int64_t rows = state->own * state->shard;
    TRN_TRY(trn_alloc_zero(&state->row_values, rows * state->dim, sizeof(float), "row vectors"));
    TRN_TRY(trn_alloc_zero(&state->row_accumulator, rows * state->dim, sizeof(float),
                           "row accumulators"));
    TRN_TRY(trn_alloc_zero(&state->row_bias, rows, sizeof(float), "row marginals"));
    TRN_TRY(trn_alloc_zero(&state->col_bias, state->blocks * state->shard, sizeof(float),
                           "column marginals"));
    TRN_TRY(trn_alloc_zero(&state->shard_start, state->own * state->blocks + 1, sizeof(int64_t),
                           "shard starts"));
    TRN_TRY(trn_alloc_zero(&state->loss, state->own, sizeof(double), "losses"));
    TRN_TRY(trn_alloc_zero(&state->scratch, state->threads, sizeof(float *), "scratch"));
    for (int thread = 0; thread < state->threads; thread++)
        TRN_TRY(trn_alloc(&state->scratch[thread], trn_swivel_scratch(state->shard, state->dim),
                          sizeof(float), "scratch of a thread"));
    return TRN_OK;
}

/* Blocks are as even as can be: V mod k of them have one word more. */
trn_status_t trn_swivel_state_create(trn_swivel_state_t **out, MPI_Comm comm, int64_t words,
                                     const trn_swivel_options_t *options, int threads) {
    trn_swivel_state_t *state = NULL;
    trn_status_t status =
        trn_agree(comm, trn_alloc_zero(&state, 1, sizeof *state, "the training state"));
    *out = NULL;
    if (status != TRN_OK) {
        trn_free(&state);
        return status;
    }
    state->comm = comm;
    MPI_Comm_rank(comm, &state->rank);
    MPI_Comm_size(comm, &state->ranks);
    state->threads = threads;
    state->options = *options;
    state->words = words;
    state->dim = options->dim;
    state->blocks = (words + options->shard - 1) / options->shard;
    /* The largest block, which is smaller than the shard size asked for when k does not divide V.
     */
    state->shard = state->options.shard = (words + state->blocks - 1) / state->blocks;
    state->first = trn_part_start(state->blocks, state->ranks, state->rank);
    state->own = trn_part_start(state->blocks, state->ranks, state->rank + 1) - state->first;
    status = trn_agree(comm, allocate(state));
    if (status == TRN_OK)
        status = trn_ring_create(&state->ring, comm, state->blocks,
                                 2 * state->shard * state->dim * (int64_t)sizeof(float));
    if (status != TRN_OK) trn_swivel_state_destroy(&state);
    *out = state;
    return status;
}

void trn_swivel_state_destroy(trn_swivel_state_t **out) {
    trn_swivel_state_t *state = *out;
    if (!state) return;
    trn_ring_destroy(&state->ring);
    for (int thread = 0; state->scratch && thread < state->threads; thread++)
        trn_free(&state->scratch[thread]);
    trn_free(&state->scratch);
    trn_free(&state->row_values);
    trn_free(&state->row_accumulator);
    trn_free(&state->row_bias);
    trn_free(&state->col_bias);
    trn_free(&state->shard_start);
    trn_free(&state->cells);
    trn_free(&state->loss);
    trn_free(out);
}

/* N(0, 1/sqrt(d)) by word number, so that the start does not depend on blocks or ranks. */
static void init_block(const trn_swivel_state_t *state, int64_t block, trn_rng_stream_t stream,
                       float *values, float *accumulator) {
    int64_t size = trn_swivel_block_size(state, block), d = state->dim;
    memset(values, 0, (size_t)(state->shard * d) * sizeof *values);
    for (int64_t i = 0; i < size; i++)
        trn_rng_normal_row(state->options.seed, (uint64_t)(block + i * state->blocks), 0, stream,
                           1 / sqrt((double)d), d, values + i * d);
    for (int64_t i = 0; i < state->shard * d; i++)
        accumulator[i] = (float)state->options.accumulator;
}

void trn_swivel_state_init(trn_swivel_state_t *state) {
    int64_t width = state->shard * state->dim;
    for (int64_t slot = 0; slot < state->own; slot++) {
        float *col = trn_ring_data(state->ring, slot);
        init_block(state, state->first + slot, TRN_RNG_ROW_INIT, state->row_values + slot * width,
                   state->row_accumulator + slot * width);
        init_block(state, trn_ring_block(state->ring, slot), TRN_RNG_COL_INIT, col, col + width);
    }
}
