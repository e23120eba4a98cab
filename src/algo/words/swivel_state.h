/* swivel_state.h: what one rank holds while Swivel trains; private to algo/swivel*.c. */
#ifndef TRN_ALGO_WORDS_SWIVEL_STATE_H
#define TRN_ALGO_WORDS_SWIVEL_STATE_H

#include "algo/words/swivel.h"
#include "mpi/ring.h"

enum {
    TRN_SWIVEL_PIECE = 1 << 19,       /* cells that a rank reads and deals at a time */
    TRN_SWIVEL_BATCH_BYTES = 8 << 20, /* of the embedding that all ranks write at a time */
};

typedef struct trn_swivel_state {
    MPI_Comm comm;
    int rank, ranks, threads;
    trn_swivel_options_t options; /* shard resolved */
    int64_t words, nonzeros;      /* V and the number of observed cells, of all ranks */
    int64_t blocks, shard, dim;   /* k, S, d */
    int64_t first, own;           /* this rank's row blocks are [first, first + own) */
    float *row_values;            /* [own x S x d]; blocks shorter than S end in zero rows */
    float *row_accumulator;       /* [own x S x d] */
    float *row_bias;              /* [own x S]: b_i - D */
    float *col_bias;              /* [k x S]: c_j of every block */
    trn_ring_t *ring;             /* column blocks: values [S x d], accumulator [S x d] */
    int64_t *shard_start;         /* [own x k + 1] into cells */
    trn_swivel_cell_t *cells;     /* by shard (row block, column block), then row, then column */
    float **scratch;              /* [threads], each trn_swivel_scratch(S, d) */
    double *loss;                 /* [own] of the shards of this epoch so far */
    int64_t epoch;                /* epochs done; the ring knows the round */
} trn_swivel_state_t;

/* Words of block `block`: ceil((V - block) / k). Local. */
int64_t trn_swivel_block_size(const trn_swivel_state_t *state, int64_t block);

/* Allocate everything whose size is known from V, k, S, d, and make the ring at round 0.
 * Collective. Fails (agreed) with TRN_MEMORY. */
trn_status_t trn_swivel_state_create(trn_swivel_state_t **state, MPI_Comm comm, int64_t words,
                                     const trn_swivel_options_t *options, int threads);

/* Free and set the pointer to NULL. Local. */
void trn_swivel_state_destroy(trn_swivel_state_t **state);

/* Fill in the starting vectors and accumulators, from the seed and the word's number alone. Local.
 */
void trn_swivel_state_init(trn_swivel_state_t *state);

/* Read marginals and counts, `piece` of them at a time, and deal the cells to the owners of their
 * row blocks; state->nonzeros is known. Collective. Fails (agreed) with TRN_INPUT, TRN_MEMORY,
 * TRN_IO. Cost: one read of everything; each count travels once as 8 bytes. */
trn_status_t trn_swivel_load(trn_swivel_state_t *state, trn_store_t *counts, int64_t piece);

/* Write an embedding store; with `training` also everything needed to go on. `behind` NULL: it is
 * there afterwards; else *behind is a store that is being written, for trn_store_commit_finish, and
 * `training` is true. Collective. Fails (agreed) with TRN_IO, TRN_MEMORY. */
trn_status_t trn_swivel_save(const trn_swivel_state_t *state, trn_store_t *counts,
                             const trn_trainer_run_t *run, const char *path, bool training,
                             trn_store_t **behind);

/* Go on from a checkpoint if there is one and the policy allows. Collective. Fails (agreed) with
 * TRN_INPUT (damaged, or of other settings). */
trn_status_t trn_swivel_resume(trn_swivel_state_t *state, const trn_trainer_run_t *run,
                               bool *resumed);

#endif
