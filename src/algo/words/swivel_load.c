/* swivel_load.c: counts in vocabulary order to cells in shard order, at the ranks that own them. */
#include "algo/words/swivel_state.h"

#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/watch.h"

#include <math.h>
#include <string.h>

/* A count on its way from the rank that read it to the owner of its row block. */
typedef struct travelling {
    int32_t row, col;
    float value;
} travelling_t;

typedef struct loader {
    trn_swivel_state_t *state;
    trn_store_t *counts;
    int64_t *row_ptr;       /* [V + 1] */
    int64_t begin, end;     /* nonzeros that this rank reads */
    int64_t pieces;         /* most of any rank: all take part in every exchange */
    int32_t *col;           /* [TRN_SWIVEL_PIECE] */
    double *value;          /* [TRN_SWIVEL_PIECE] */
    travelling_t *out, *in; /* [TRN_SWIVEL_PIECE], [in_capacity] */
    int64_t in_capacity;
    int *tally;         /* [4 x ranks]: counts and starts, out and in */
    int64_t *histogram; /* [k x k] cells of every shard in this rank's nonzeros */
    int64_t *fill;      /* [own x k] next free cell of each shard */
    MPI_Datatype type;
} loader_t;

static trn_status_t damaged(const loader_t *loader, const char *what) {
    return trn_fail(TRN_INPUT, "%s: %s; count the corpus again", trn_store_path(loader->counts),
                    what);
}

static trn_status_t read_marginals(trn_swivel_state_t *state, trn_store_t *counts) {
    double *sums = NULL, total = 0;
    trn_status_t status = trn_alloc(&sums, state->words, sizeof *sums, "marginals");
    if (status != TRN_OK) return status;
    TRN_OR(done, trn_store_read(counts, "/row_sums", 0, state->words, sums));
    for (int64_t word = 0; word < state->words; word++)
        total += sums[word];
    double shift = log(total + 1);
    for (int64_t word = 0; word < state->words; word++) {
        int64_t block = word % state->blocks - state->first;
        if (block >= 0 && block < state->own)
            state->row_bias[block * state->shard + word / state->blocks] =
                (float)(log(sums[word] + 1) - shift);
    }
    TRN_OR(done, trn_store_read(counts, "/col_sums", 0, state->words, sums));
    for (int64_t word = 0; word < state->words; word++)
        state->col_bias[word % state->blocks * state->shard + word / state->blocks] =
            (float)log(sums[word] + 1);
done:
    trn_free(&sums);
    return status;
}

static trn_status_t check_row_pointers(const loader_t *loader) {
    const trn_swivel_state_t *state = loader->state;
    for (int64_t word = 0; word < state->words; word++)
        if (loader->row_ptr[word] > loader->row_ptr[word + 1])
            return damaged(loader, "/row_ptr does not ascend");
    if (loader->row_ptr[0] != 0 || loader->row_ptr[state->words] != state->nonzeros)
        return damaged(loader, "/row_ptr does not fit /col");
    return TRN_OK;
}

static trn_status_t prepare(loader_t *loader) {
    trn_swivel_state_t *state = loader->state;
    TRN_TRY(read_marginals(state, loader->counts));
    TRN_TRY(trn_alloc(&loader->row_ptr, state->words + 1, sizeof(int64_t), "row pointers"));
    TRN_TRY(trn_alloc(&loader->col, TRN_SWIVEL_PIECE, sizeof(int32_t), "columns"));
    TRN_TRY(trn_alloc(&loader->value, TRN_SWIVEL_PIECE, sizeof(double), "counts"));
    TRN_TRY(trn_alloc(&loader->out, TRN_SWIVEL_PIECE, sizeof(travelling_t), "cells to send"));
    TRN_TRY(trn_alloc(&loader->tally, 4 * state->ranks, sizeof(int), "cell tallies"));
    TRN_TRY(trn_alloc_zero(&loader->histogram, state->blocks * state->blocks, sizeof(int64_t),
                           "shard sizes; choose a larger --shard-size"));
    TRN_TRY(trn_alloc(&loader->fill, state->own * state->blocks, sizeof(int64_t), "shard ends"));
    TRN_TRY(trn_store_read(loader->counts, "/row_ptr", 0, state->words + 1, loader->row_ptr));
    TRN_TRY(check_row_pointers(loader));
    loader->begin = trn_part_start(state->nonzeros, state->ranks, state->rank);
    loader->end = trn_part_start(state->nonzeros, state->ranks, state->rank + 1);
    return TRN_OK;
}

/* Row of nonzero `at`: the largest row that starts at or before it and is not empty. */
static int64_t row_of(const loader_t *loader, int64_t at) {
    int64_t low = 0, high = loader->state->words;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (loader->row_ptr[middle] <= at)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* First pass: how many cells each shard has. */
static trn_status_t tally_shards(loader_t *loader) {
    const trn_swivel_state_t *state = loader->state;
    uint32_t k = (uint32_t)state->blocks, words = (uint32_t)state->words;
    for (int64_t at = loader->begin; at < loader->end; at += TRN_SWIVEL_PIECE) {
        int64_t count = loader->end - at < TRN_SWIVEL_PIECE ? loader->end - at : TRN_SWIVEL_PIECE;
        TRN_TRY(trn_store_read(loader->counts, "/col", at, count, loader->col));
        int64_t row = row_of(loader, at);
        for (int64_t i = 0; i < count; i++) {
            while (at + i >= loader->row_ptr[row + 1])
                row++;
            uint32_t col = (uint32_t)loader->col[i];
            if (col >= words) return damaged(loader, "/col holds a column beyond the vocabulary");
            loader->histogram[row % k * k + col % k]++;
        }
        trn_watch_tick();
    }
    return TRN_OK;
}

static trn_status_t allocate_cells(loader_t *loader) {
    trn_swivel_state_t *state = loader->state;
    int64_t shards = state->own * state->blocks, total = 0;
    const int64_t *size = loader->histogram + state->first * state->blocks;
    for (int64_t shard = 0; shard < shards; shard++) {
        state->shard_start[shard] = loader->fill[shard] = total;
        total += size[shard];
    }
    state->shard_start[shards] = total;
    return trn_alloc(&state->cells, total, sizeof *state->cells, "observed cells");
}

/* Read nonzeros [at, at + count) and sort them by owner into loader->out. */
static trn_status_t pack(loader_t *loader, int64_t at, int64_t count) {
    const trn_swivel_state_t *state = loader->state;
    int *out_count = loader->tally, *out_start = loader->tally + state->ranks;
    memset(out_count, 0, (size_t)state->ranks * sizeof *out_count);
    memset(out_start, 0, (size_t)state->ranks * sizeof *out_start);
    if (count == 0) return TRN_OK;
    TRN_TRY(trn_store_read(loader->counts, "/col", at, count, loader->col));
    TRN_TRY(trn_store_read(loader->counts, "/value", at, count, loader->value));
    int64_t first_row = row_of(loader, at), row = first_row, last = at + count;
    for (; row < state->words && loader->row_ptr[row] < last; row++) {
        int64_t from = loader->row_ptr[row] > at ? loader->row_ptr[row] : at;
        int64_t to = loader->row_ptr[row + 1] < last ? loader->row_ptr[row + 1] : last;
        out_count[trn_part_of(state->blocks, state->ranks, row % state->blocks)] +=
            (int)(to - from);
    }
    for (int rank = 1; rank < state->ranks; rank++)
        out_start[rank] = out_start[rank - 1] + out_count[rank - 1];
    for (row = first_row; row < state->words && loader->row_ptr[row] < last; row++) {
        int64_t from = loader->row_ptr[row] > at ? loader->row_ptr[row] : at;
        int64_t to = loader->row_ptr[row + 1] < last ? loader->row_ptr[row + 1] : last;
        int owner = (int)trn_part_of(state->blocks, state->ranks, row % state->blocks);
        travelling_t *next = loader->out + out_start[owner];
        for (int64_t i = from - at; i < to - at; i++) {
            float value = (float)loader->value[i];
            if (!(value > 0) || !isfinite(value))
                return damaged(loader, "/value holds a count that is not positive and finite");
            *next++ = (travelling_t){(int32_t)row, loader->col[i], value};
        }
        out_start[owner] += (int)(to - from);
    }
    for (int rank = 0; rank < state->ranks; rank++)
        out_start[rank] -= out_count[rank];
    return TRN_OK;
}

/* Make room for what the other ranks announce. */
static trn_status_t expect(loader_t *loader) {
    const trn_swivel_state_t *state = loader->state;
    int *in_count = loader->tally + 2 * state->ranks, *in_start = in_count + state->ranks;
    int64_t total = 0;
    for (int rank = 0; rank < state->ranks; rank++) {
        in_start[rank] = (int)total;
        total += in_count[rank];
    }
    if (total > INT32_MAX)
        return trn_fail(TRN_INTERNAL, "too many cells in one exchange; use fewer ranks");
    if (total <= loader->in_capacity) return TRN_OK;
    trn_free(&loader->in);
    loader->in_capacity = 0;
    TRN_TRY(trn_alloc(&loader->in, total + total / 4, sizeof *loader->in, "cells to receive"));
    loader->in_capacity = total + total / 4;
    return TRN_OK;
}

static void place(loader_t *loader, int64_t count) {
    trn_swivel_state_t *state = loader->state;
    const trn_swivel_options_t *options = &state->options;
    uint32_t k = (uint32_t)state->blocks;
    bool root = options->exponent == 0.5;
    for (int64_t i = 0; i < count; i++) {
        const travelling_t *from = loader->in + i;
        uint32_t row = (uint32_t)from->row, col = (uint32_t)from->col;
        int64_t shard = (int64_t)(row % k - (uint32_t)state->first) * k + col % k;
        float power = root ? sqrtf(from->value) : powf(from->value, (float)options->exponent);
        state->cells[loader->fill[shard]++] = (trn_swivel_cell_t){
            .row = (uint16_t)(row / k),
            .col = (uint16_t)(col / k),
            .log_count = logf(from->value),
            .weight = (float)options->base + (float)options->scale * power,
        };
    }
}

/* Second pass: the cells themselves. Within a shard a row's cells arrive in column order. */
static trn_status_t deal(loader_t *loader) {
    const trn_swivel_state_t *state = loader->state;
    int *out_count = loader->tally, *out_start = out_count + state->ranks;
    int *in_count = out_start + state->ranks, *in_start = in_count + state->ranks;
    for (int64_t piece = 0; piece < loader->pieces; piece++) {
        int64_t at = loader->begin + piece * TRN_SWIVEL_PIECE, left = loader->end - at;
        int64_t count = left < 0 ? 0 : left < TRN_SWIVEL_PIECE ? left : TRN_SWIVEL_PIECE;
        TRN_AGREE(state->comm, pack(loader, at, count));
        MPI_Alltoall(out_count, 1, MPI_INT, in_count, 1, MPI_INT, state->comm);
        TRN_AGREE(state->comm, expect(loader));
        MPI_Alltoallv(loader->out, out_count, out_start, loader->type, loader->in, in_count,
                      in_start, loader->type, state->comm);
        place(loader, in_start[state->ranks - 1] + in_count[state->ranks - 1]);
        trn_watch_tick();
    }
    return TRN_OK;
}

/* Stable counting sort of every shard by row. */
static trn_status_t sort_shards(trn_swivel_state_t *state) {
    int64_t shards = state->own * state->blocks, largest = 0;
    for (int64_t shard = 0; shard < shards; shard++) {
        int64_t count = state->shard_start[shard + 1] - state->shard_start[shard];
        if (count > largest) largest = count;
    }
    trn_swivel_cell_t *sorted = NULL;
    int64_t *start = NULL;
    trn_status_t status = trn_alloc(&sorted, largest, sizeof *sorted, "sorted cells");
    if (status == TRN_OK) status = trn_alloc(&start, state->shard + 1, sizeof *start, "row starts");
    for (int64_t shard = 0; status == TRN_OK && shard < shards; shard++) {
        trn_swivel_cell_t *cells = state->cells + state->shard_start[shard];
        int64_t count = state->shard_start[shard + 1] - state->shard_start[shard];
        memset(start, 0, (size_t)(state->shard + 1) * sizeof *start);
        for (int64_t i = 0; i < count; i++)
            start[cells[i].row + 1]++;
        for (int64_t row = 0; row < state->shard; row++)
            start[row + 1] += start[row];
        for (int64_t i = 0; i < count; i++)
            sorted[start[cells[i].row]++] = cells[i];
        memcpy(cells, sorted, (size_t)count * sizeof *cells);
    }
    trn_free(&sorted);
    trn_free(&start);
    return status;
}

trn_status_t trn_swivel_load(trn_swivel_state_t *state, trn_store_t *counts) {
    loader_t loader = {.state = state, .counts = counts};
    trn_status_t status;
    MPI_Type_contiguous((int)sizeof(travelling_t), MPI_BYTE, &loader.type);
    MPI_Type_commit(&loader.type);
    TRN_OR(done, trn_agree(state->comm, prepare(&loader)));
    TRN_OR(done, trn_agree(state->comm, tally_shards(&loader)));
    MPI_Allreduce(MPI_IN_PLACE, loader.histogram, (int)(state->blocks * state->blocks), MPI_INT64_T,
                  MPI_SUM, state->comm);
    TRN_OR(done, trn_agree(state->comm, allocate_cells(&loader)));
    loader.pieces = (loader.end - loader.begin + TRN_SWIVEL_PIECE - 1) / TRN_SWIVEL_PIECE;
    MPI_Allreduce(MPI_IN_PLACE, &loader.pieces, 1, MPI_INT64_T, MPI_MAX, state->comm);
    TRN_OR(done, deal(&loader));
    TRN_OR(done, trn_agree(state->comm, sort_shards(state)));
done:
    MPI_Type_free(&loader.type);
    trn_free(&loader.row_ptr);
    trn_free(&loader.col);
    trn_free(&loader.value);
    trn_free(&loader.out);
    trn_free(&loader.in);
    trn_free(&loader.tally);
    trn_free(&loader.histogram);
    trn_free(&loader.fill);
    return status;
}
