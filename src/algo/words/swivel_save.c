/* swivel_save.c: results and checkpoints of Swivel, written and read at any number of ranks. */
#include "algo/words/swivel_state.h"

#include "algo/common/settings.h"
#include "base/log.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/dist.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { SETTINGS_BYTES = 512 };

/* Everything that the state depends on but the number of epochs, which may be raised. */
typedef struct settings {
    int64_t words, nonzeros, dim, shard;
    trn_swivel_options_t options;
    const char *optimiser;
} settings_t;

#define AT(field)     offsetof(settings_t, field)
#define OPTION(field) offsetof(settings_t, options.field)
static const trn_setting_t table[] = {
    {"words", "the words of the vocabulary", TRN_SETTING_INT, AT(words), NULL, NULL},
    {"nonzeros", "the counts", TRN_SETTING_INT, AT(nonzeros), NULL, NULL},
    {"dim", "--dim", TRN_SETTING_INT, AT(dim), NULL, NULL},
    {"shard", "--shard-size", TRN_SETTING_INT, AT(shard), NULL, NULL},
    {"optimiser", "the optimizer of --variant", TRN_SETTING_TEXT, AT(optimiser), NULL, NULL},
    {"rate", "--learning-rate", TRN_SETTING_REAL, OPTION(rate), NULL, NULL},
    {"final_rate", "--final-rate", TRN_SETTING_REAL, OPTION(final_rate), NULL, NULL},
    {"decay", "the decay of --variant", TRN_SETTING_REAL, OPTION(decay), NULL, NULL},
    {"accumulator", "the first accumulator of --variant", TRN_SETTING_REAL, OPTION(accumulator),
     NULL, NULL},
    {"base", "--confidence-base", TRN_SETTING_REAL, OPTION(base), NULL, NULL},
    {"scale", "--confidence-scale", TRN_SETTING_REAL, OPTION(scale), NULL, NULL},
    {"exponent", "--confidence-exponent", TRN_SETTING_REAL, OPTION(exponent), NULL, NULL},
    {"seed", "--seed", TRN_SETTING_SEED, OPTION(seed), NULL, NULL},
    {0}};

/* Borrowed strings only. */
static settings_t settings_of(const trn_swivel_state_t *s) {
    return (settings_t){.words = s->words,
                        .nonzeros = s->nonzeros,
                        .dim = s->dim,
                        .shard = s->shard,
                        .options = s->options,
                        .optimiser = s->options.optimiser == TRN_ADAGRAD ? "adagrad" : "rmsprop"};
}

/* The way of the vectors from block order to bands of words, a batch of words at a time. Sender
 * and receiver walk the batch in the same order, so that no numbers travel with the vectors. */
typedef struct exchange {
    const trn_swivel_state_t *state;
    int64_t batch;   /* words, a multiple of k */
    int64_t mine;    /* words of a batch that this rank writes, at most */
    float *out, *in; /* [2 x own x batch / k x d], [2 x mine x d] */
    float *sum;      /* [mine x d]: R + C */
    int *tally;      /* [4 x ranks]: counts and starts, out and in, in vectors */
    int64_t *cursor; /* [ranks] next vector from each rank */
} exchange_t;

/* Row blocks never leave their rank. */
static int row_holder(const trn_swivel_state_t *state, int64_t word) {
    return (int)trn_part_of(state->blocks, state->ranks, word % state->blocks);
}

/* Slot, counted over all ranks, where the word's column block now is. */
static int64_t col_slot(const trn_swivel_state_t *state, int64_t word) {
    return (word % state->blocks - trn_ring_round(state->ring) + state->blocks) % state->blocks;
}

/* Column blocks are where the present round has them. */
static int col_holder(const trn_swivel_state_t *state, int64_t word) {
    return (int)trn_part_of(state->blocks, state->ranks, col_slot(state, word));
}

/* A batch is a whole number of words of every block, so that each rank's part of it has the same
 * size. */
static trn_status_t exchange_create(exchange_t *x, const trn_swivel_state_t *state) {
    int64_t per_vector = state->dim * (int64_t)sizeof(float);
    int64_t groups = TRN_SWIVEL_BATCH_BYTES / per_vector / state->blocks;
    if (groups > state->shard) groups = state->shard; /* all words */
    if (groups < 1) groups = 1;
    *x = (exchange_t){.state = state, .batch = groups * state->blocks};
    x->mine = trn_part_start(state->words, state->ranks, state->rank + 1) -
              trn_part_start(state->words, state->ranks, state->rank);
    if (x->mine > x->batch) x->mine = x->batch;
    TRN_TRY(trn_alloc(&x->out, 2 * state->own * groups * state->dim, sizeof(float), "vectors out"));
    TRN_TRY(trn_alloc(&x->in, 2 * x->mine * state->dim, sizeof(float), "vectors in"));
    TRN_TRY(trn_alloc(&x->sum, x->mine * state->dim, sizeof(float), "summed vectors"));
    TRN_TRY(trn_alloc(&x->tally, 4 * state->ranks, sizeof(int), "vector tallies"));
    return trn_alloc(&x->cursor, state->ranks, sizeof(int64_t), "vector cursors");
}

/* Vectors of the words [from, to): what this rank sends and receives, per rank. */
static void tally(exchange_t *x, int64_t from, int64_t to) {
    const trn_swivel_state_t *s = x->state;
    int *out = x->tally, *in = x->tally + 2 * s->ranks;
    memset(x->tally, 0, (size_t)(4 * s->ranks) * sizeof *x->tally);
    /* Owners of words are bands of the vocabulary, holders of vectors bands of blocks. */
    for (int64_t word = from; word < to; word++) {
        int owner = (int)trn_part_of(s->words, s->ranks, word);
        int holders[2] = {row_holder(s, word), col_holder(s, word)};
        for (int i = 0; i < 2; i++) {
            out[owner] += holders[i] == s->rank;
            if (owner == s->rank) in[holders[i]]++;
        }
    }
    for (int rank = 1; rank < s->ranks; rank++) {
        out[s->ranks + rank] = out[s->ranks + rank - 1] + out[rank - 1];
        in[s->ranks + rank] = in[s->ranks + rank - 1] + in[rank - 1];
    }
}

/* In the order of words, row vector before column vector: the receiver walks the same way. */
static void pack(exchange_t *x, int64_t from, int64_t to) {
    const trn_swivel_state_t *s = x->state;
    int64_t d = s->dim;
    float *next = x->out; /* owners ascend with words */
    for (int64_t word = from; word < to; word++) {
        int64_t i = word / s->blocks;
        if (row_holder(s, word) == s->rank) {
            int64_t slot = word % s->blocks - s->first;
            memcpy(next, s->row_values + (slot * s->shard + i) * d, (size_t)d * sizeof *next);
            next += d;
        }
        if (col_holder(s, word) == s->rank) {
            const float *block = trn_ring_data(s->ring, col_slot(s, word) - s->first);
            memcpy(next, block + i * d, (size_t)d * sizeof *next);
            next += d;
        }
    }
}

/* R + C of this rank's words [from, to). */
static void add(exchange_t *x, int64_t from, int64_t to) {
    const trn_swivel_state_t *s = x->state;
    int64_t d = s->dim;
    for (int rank = 0; rank < s->ranks; rank++)
        x->cursor[rank] = x->tally[3 * s->ranks + rank];
    for (int64_t word = from; word < to; word++) {
        const float *row = x->in + x->cursor[row_holder(s, word)]++ * d;
        const float *col = x->in + x->cursor[col_holder(s, word)]++ * d;
        float *sum = x->sum + (word - from) * d;
        for (int64_t i = 0; i < d; i++)
            sum[i] = row[i] + col[i];
    }
}

/* Write /embedding batch by batch. Returns this rank's own outcome. Collective. */
static trn_status_t write_embedding(exchange_t *x, trn_store_t *store) {
    const trn_swivel_state_t *s = x->state;
    int64_t low = trn_part_start(s->words, s->ranks, s->rank);
    int64_t high = trn_part_start(s->words, s->ranks, s->rank + 1);
    trn_status_t status = TRN_OK;
    MPI_Datatype vector;
    MPI_Type_contiguous((int)s->dim, MPI_FLOAT, &vector);
    MPI_Type_commit(&vector);
    for (int64_t from = 0; from < s->words; from += x->batch) {
        int64_t to = from + x->batch < s->words ? from + x->batch : s->words;
        int *out = x->tally, *in = out + 2 * s->ranks;
        tally(x, from, to);
        pack(x, from, to);
        MPI_Alltoallv(x->out, out, out + s->ranks, vector, x->in, in, in + s->ranks, vector,
                      s->comm);
        int64_t mine = from > low ? from : low, end = to < high ? to : high;
        if (mine >= end) continue; /* others' words; the next batch needs everybody again */
        add(x, mine, end);
        if (status == TRN_OK)
            status = trn_store_write(store, "/embedding", mine, end - mine, x->sum);
    }
    MPI_Type_free(&vector);
    return status;
}

/* Bands of whole blocks, also where the last rows of a block are empty: so any number of ranks can
 * read its slots as one piece. */
static trn_status_t declare_training(const trn_swivel_state_t *state, trn_store_t *store) {
    static const char *const names[] = {"/row/values", "/row/accumulator", "/col/values",
                                        "/col/accumulator"};
    char settings[SETTINGS_BYTES];
    settings_t values = settings_of(state);
    TRN_TRY(trn_settings_text(table, &values, settings, sizeof settings));
    for (int i = 0; i < 4; i++)
        TRN_TRY(
            trn_store_dataset(store, names[i], TRN_F32, state->blocks * state->shard, state->dim));
    TRN_TRY(trn_store_dataset(store, "/progress/loss", TRN_F64, state->blocks, 0));
    TRN_TRY(trn_store_set_int(store, "/", "epoch", state->epoch));
    TRN_TRY(trn_store_set_int(store, "/", "round", trn_ring_round(state->ring)));
    return trn_store_set_text(store, "/", "settings", settings);
}

/* Local: every rank writes the band of its slots. */
static trn_status_t write_training(const trn_swivel_state_t *s, trn_store_t *store) {
    int64_t first = s->first * s->shard, rows = s->own * s->shard, width = s->shard * s->dim;
    TRN_TRY(trn_store_write(store, "/row/values", first, rows, s->row_values));
    TRN_TRY(trn_store_write(store, "/row/accumulator", first, rows, s->row_accumulator));
    for (int64_t slot = 0; slot < s->own; slot++, first += s->shard) {
        const float *block = trn_ring_data(s->ring, slot);
        TRN_TRY(trn_store_write(store, "/col/values", first, s->shard, block));
        TRN_TRY(trn_store_write(store, "/col/accumulator", first, s->shard, block + width));
    }
    return trn_store_write(store, "/progress/loss", s->first, s->own, s->loss);
}

/* A checkpoint is an embedding with more in it, so that it can be looked at while training goes on.
 */
static trn_status_t declare(const trn_swivel_state_t *state, trn_store_t *store,
                            trn_store_t *counts, bool training) {
    TRN_TRY(trn_store_copy_strings(store, "/vocab", counts));
    TRN_TRY(trn_store_dataset(store, "/embedding", TRN_F32, state->words, state->dim));
    if (training) TRN_TRY(declare_training(state, store));
    return trn_store_begin(store);
}

/* Vectors are summed and written batch by batch: no rank ever has the whole embedding. */
trn_status_t trn_swivel_save(const trn_swivel_state_t *state, trn_store_t *counts,
                             const trn_trainer_run_t *run, const char *path, bool training,
                             trn_store_t **behind) {
    exchange_t x = {0};
    trn_store_t *store = NULL;
    trn_status_t status;
    TRN_OR(done, trn_agree(state->comm, exchange_create(&x, state)));
    TRN_OR(done, trn_store_create(&store, state->comm, path, "embedding", run->created_by,
                                  run->params, state->options.seed));
    status = declare(state, store, counts, training);
    if (status == TRN_OK && behind) status = trn_store_write_behind(store);
    if (status != TRN_OK) {
        trn_store_abandon(&store);
        goto done;
    }
    /* From here on a failure of the disk is one rank's own; all take part to the end. */
    status = write_embedding(&x, store);
    if (status == TRN_OK && training) status = write_training(state, store);
    if (behind) {
        status = trn_store_commit_start(&store, status);
        *behind = store;
    } else {
        status =
            training ? trn_store_commit(&store, status) : trn_store_commit_replace(&store, status);
    }
done:
    trn_free(&x.out);
    trn_free(&x.in);
    trn_free(&x.sum);
    trn_free(&x.tally);
    trn_free(&x.cursor);
    return status;
}

/* Of other settings the state would be another run's. */
static trn_status_t check_settings(const trn_swivel_state_t *state, trn_store_t *store,
                                   int64_t *round) {
    const char *then;
    int64_t epoch;
    settings_t values = settings_of(state);
    TRN_TRY(trn_store_get_text(store, "/", "settings", &then));
    TRN_TRY(trn_settings_check(table, &values, trn_store_path(store), then));
    TRN_TRY(trn_store_get_int(store, "/", "epoch", &epoch));
    TRN_TRY(trn_store_get_int(store, "/", "round", round));
    if (epoch < 0 || *round < 0 || *round >= state->blocks)
        return trn_fail(TRN_INPUT, "%s: epoch %" PRId64 ", round %" PRId64 " cannot be",
                        trn_store_path(store), epoch, *round);
    return TRN_OK;
}

/* Read this rank's bands. Local. */
static trn_status_t read_training(trn_store_t *store, trn_swivel_state_t *s) {
    int64_t first = s->first * s->shard, rows = s->own * s->shard, width = s->shard * s->dim;
    int64_t round = 0;
    TRN_TRY(check_settings(s, store, &round));
    TRN_TRY(trn_store_get_int(store, "/", "epoch", &s->epoch));
    trn_ring_set_round(s->ring, round);
    TRN_TRY(trn_store_read(store, "/row/values", first, rows, s->row_values));
    TRN_TRY(trn_store_read(store, "/row/accumulator", first, rows, s->row_accumulator));
    for (int64_t slot = 0; slot < s->own; slot++, first += s->shard) {
        float *block = trn_ring_data(s->ring, slot);
        TRN_TRY(trn_store_read(store, "/col/values", first, s->shard, block));
        TRN_TRY(trn_store_read(store, "/col/accumulator", first, s->shard, block + width));
    }
    return trn_store_read(store, "/progress/loss", s->first, s->own, s->loss);
}

/* What trn_checkpoint_load calls for each generation, the newest first. */
static trn_status_t load_training(trn_store_t *store, void *user) {
    trn_swivel_state_t *state = user;
    return trn_agree(state->comm, read_training(store, state));
}

/* On as many ranks as there are now: the state is by blocks, not by ranks. */
trn_status_t trn_swivel_resume(trn_swivel_state_t *state, const trn_trainer_run_t *run,
                               bool *resumed) {
    TRN_TRY(trn_checkpoint_load(state->comm, run->checkpoint, "embedding", run->resume,
                                load_training, state, resumed));
    if (*resumed && state->rank == 0)
        trn_log(TRN_LOG_INFO, "swivel", "resumed from %s: epoch %lld, round %lld of %lld",
                run->checkpoint, (long long)state->epoch + 1,
                (long long)trn_ring_round(state->ring), (long long)state->blocks);
    return TRN_OK;
}
