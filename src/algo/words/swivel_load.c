/* swivel_load.c: counts in vocabulary order to cells in shard order, at the ranks that own them.
 *
 * Every rank reads an even share of the nonzeros, once, piece by piece, and sends each to the owner
 * of its row block. All ranks have the row pointers, so that an owner knows how many will come and,
 * of every message, which nonzeros it holds: it puts them down where their rows belong, whoever has
 * read them. Then every row block is cut into its shards. */
#include "algo/words/swivel_state.h"

#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/watch.h"

#include <math.h>
#include <string.h>

/* A count on its way from the rank that read it to the owner of its row block. */
typedef struct count {
    int32_t col;
    float value;
} count_t;

/* A count in its row, until the cell that is made of it takes its place. */
typedef union slot {
    count_t count;
    trn_swivel_cell_t cell;
} slot_t;
_Static_assert(sizeof(slot_t) == sizeof(trn_swivel_cell_t), "slots become an array of cells");

typedef struct loader {
    trn_swivel_state_t *state;
    trn_store_t *counts;
    int64_t *row_ptr; /* [V + 1] */
    int64_t piece;    /* nonzeros that a rank reads at a time */
    int32_t *col;     /* [piece] */
    double *value;    /* [piece] */
    count_t *out;     /* [piece] */
    count_t *in;      /* [in_room] */
    int64_t in_room;
    int *tally;         /* [4 x ranks]: counts and starts, out and in */
    slot_t *slots;      /* [row_start[own x S]] by row block, then row, then column */
    int64_t *row_start; /* [own x S + 1] in slots; rows beyond a short block are empty */
    MPI_Datatype type;
} loader_t;

/* Such a store passed its checksums: whoever wrote it, wrote it so. */
static trn_status_t damaged(const loader_t *loader, const char *what) {
    return trn_fail(TRN_INPUT, "%s: %s; count the corpus again", trn_store_path(loader->counts),
                    what);
}

/* b_i - D and c_j of the model, which are constants; summed in vocabulary order, so the same on all
 * ranks. Row sums are the sums of stored rows, as in Swivel's own preparation. */
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

/* Everything that follows indexes by them. */
static trn_status_t check_row_pointers(const loader_t *loader) {
    const trn_swivel_state_t *state = loader->state;
    for (int64_t word = 0; word < state->words; word++)
        if (loader->row_ptr[word] > loader->row_ptr[word + 1])
            return damaged(loader, "/row_ptr does not ascend");
    if (loader->row_ptr[0] != 0 || loader->row_ptr[state->words] != state->nonzeros)
        return damaged(loader, "/row_ptr does not fit /col");
    return TRN_OK;
}

/* Where this rank's rows will lie. */
static trn_status_t lay_rows(loader_t *loader) {
    const trn_swivel_state_t *state = loader->state;
    int64_t rows = state->own * state->shard, total = 0;
    TRN_TRY(trn_alloc(&loader->row_start, rows + 1, sizeof(int64_t), "row starts"));
    for (int64_t row = 0; row < rows; row++) {
        int64_t word = row % state->shard * state->blocks + state->first + row / state->shard;
        loader->row_start[row] = total;
        if (word < state->words) total += loader->row_ptr[word + 1] - loader->row_ptr[word];
    }
    loader->row_start[rows] = total;
    return trn_alloc(&loader->slots, total, sizeof *loader->slots, "observed cells");
}

/* What may fail before the first exchange. Local. */
static trn_status_t prepare(loader_t *loader, int64_t piece) {
    trn_swivel_state_t *state = loader->state;
    int64_t most = INT32_MAX / state->ranks; /* all ranks' pieces may go to one: counts are ints */
    int64_t share = (state->nonzeros + state->ranks - 1) / state->ranks;
    if (most > share) most = share > 0 ? share : 1;
    loader->piece = piece < most ? piece : most;
    TRN_TRY(read_marginals(state, loader->counts));
    TRN_TRY(trn_alloc(&loader->row_ptr, state->words + 1, sizeof(int64_t), "row pointers"));
    TRN_TRY(trn_alloc(&loader->col, loader->piece, sizeof(int32_t), "columns"));
    TRN_TRY(trn_alloc(&loader->value, loader->piece, sizeof(double), "counts"));
    TRN_TRY(trn_alloc(&loader->out, loader->piece, sizeof(count_t), "counts to send"));
    TRN_TRY(trn_alloc(&loader->tally, 4 * state->ranks, sizeof(int), "tallies of counts"));
    TRN_TRY(trn_store_read(loader->counts, "/row_ptr", 0, state->words + 1, loader->row_ptr));
    TRN_TRY(check_row_pointers(loader));
    return lay_rows(loader);
}

/* Dealing -------------------------------------------------------------------------------------- */

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

/* The nonzeros [*at, *last) that `rank` reads as its piece `piece`; none behind its share. */
static void piece_of(const loader_t *loader, int64_t rank, int64_t piece, int64_t *at,
                     int64_t *last) {
    const trn_swivel_state_t *state = loader->state;
    int64_t end = trn_part_start(state->nonzeros, state->ranks, rank + 1);
    *at = trn_part_start(state->nonzeros, state->ranks, rank) + piece * loader->piece;
    if (*at > end) *at = end;
    *last = end - *at < loader->piece ? end : *at + loader->piece;
}

/* The part of nonzeros [at, last) that lies in `row`, [*from, *to); false behind the last row. */
static bool row_span(const loader_t *loader, int64_t row, int64_t at, int64_t last, int64_t *from,
                     int64_t *to) {
    if (row >= loader->state->words || loader->row_ptr[row] >= last) return false;
    *from = loader->row_ptr[row] > at ? loader->row_ptr[row] : at;
    *to = loader->row_ptr[row + 1] < last ? loader->row_ptr[row + 1] : last;
    return true;
}

/* Rows are dealt to blocks in turn, blocks to ranks in bands. */
static int owner_of(const trn_swivel_state_t *state, int64_t row) {
    return (int)trn_part_of(state->blocks, state->ranks, row % state->blocks);
}

/* Check count[n] as they were read, and make them `next`. */
static trn_status_t pack_run(const loader_t *loader, int64_t n, const int32_t *col,
                             const double *value, count_t *next) {
    for (int64_t i = 0; i < n; i++) {
        next[i] = (count_t){col[i], (float)value[i]};
        if ((uint64_t)next[i].col >= (uint64_t)loader->state->words)
            return damaged(loader, "/col holds a column beyond the vocabulary");
        if (!(next[i].value > 0) || !isfinite(next[i].value))
            return damaged(loader, "/value holds a count that is not positive and finite");
    }
    return TRN_OK;
}

/* Read nonzeros [at, last) and sort them by owner, in their order, into loader->out. */
static trn_status_t pack(loader_t *loader, int64_t at, int64_t last) {
    const trn_swivel_state_t *state = loader->state;
    int *out_count = loader->tally, *out_start = loader->tally + state->ranks;
    memset(out_count, 0, (size_t)state->ranks * sizeof *out_count);
    memset(out_start, 0, (size_t)state->ranks * sizeof *out_start);
    if (at == last) return TRN_OK;
    TRN_TRY(trn_store_read(loader->counts, "/col", at, last - at, loader->col));
    TRN_TRY(trn_store_read(loader->counts, "/value", at, last - at, loader->value));
    /* Rows are ascending in a piece and in each owner's part of it, which is how put_down takes
     * them. */
    int64_t first = row_of(loader, at), from, to;
    for (int64_t row = first; row_span(loader, row, at, last, &from, &to); row++)
        out_count[owner_of(state, row)] += (int)(to - from);
    for (int rank = 1; rank < state->ranks; rank++)
        out_start[rank] = out_start[rank - 1] + out_count[rank - 1];
    for (int64_t row = first; row_span(loader, row, at, last, &from, &to); row++) {
        int *start = &out_start[owner_of(state, row)];
        TRN_TRY(pack_run(loader, to - from, loader->col + from - at, loader->value + from - at,
                         loader->out + *start));
        *start += (int)(to - from);
    }
    for (int rank = 0; rank < state->ranks; rank++)
        out_start[rank] -= out_count[rank]; /* each had moved to its end */
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
    if (total <= loader->in_room) return TRN_OK;
    trn_free(&loader->in);
    loader->in_room = 0;
    TRN_TRY(trn_alloc(&loader->in, total + total / 4, sizeof *loader->in, "counts to receive"));
    loader->in_room = total + total / 4;
    return TRN_OK;
}

/* Put down what `rank` sent of its nonzeros [at, last): those in my rows, in order. */
static void put_down(loader_t *loader, const count_t *counts, int64_t at, int64_t last) {
    const trn_swivel_state_t *state = loader->state;
    if (at == last) return;
    int64_t from, to;
    for (int64_t row = row_of(loader, at); row_span(loader, row, at, last, &from, &to); row++) {
        int64_t block = row % state->blocks - state->first;
        if (block < 0 || block >= state->own) continue;
        int64_t start = loader->row_start[block * state->shard + row / state->blocks];
        slot_t *slot = loader->slots + start + (from - loader->row_ptr[row]);
        for (int64_t i = from; i < to; i++)
            (slot++)->count = *counts++;
    }
}

/* Every count to the owner of its row. */
static trn_status_t deal(loader_t *loader) {
    const trn_swivel_state_t *state = loader->state;
    int *out_count = loader->tally, *out_start = out_count + state->ranks;
    int *in_count = out_start + state->ranks, *in_start = in_count + state->ranks;
    int64_t share = (state->nonzeros + state->ranks - 1) / state->ranks, at, last;
    int64_t pieces = (share + loader->piece - 1) / loader->piece; /* of the rank with most */
    for (int64_t piece = 0; piece < pieces; piece++) {
        piece_of(loader, state->rank, piece, &at, &last);
        TRN_AGREE(state->comm, pack(loader, at, last));
        MPI_Alltoall(out_count, 1, MPI_INT, in_count, 1, MPI_INT, state->comm);
        TRN_AGREE(state->comm, expect(loader));
        MPI_Alltoallv(loader->out, out_count, out_start, loader->type, loader->in, in_count,
                      in_start, loader->type, state->comm);
        for (int rank = 0; rank < state->ranks; rank++) {
            piece_of(loader, rank, piece, &at, &last);
            put_down(loader, loader->in + in_start[rank], at, last);
        }
        trn_watch_tick();
    }
    return TRN_OK;
}

/* Cutting -------------------------------------------------------------------------------------- */

/* What the step wants of a count x at (row, col) of its shard: log x and the confidence. Numbers in
 * a shard are below its size, at most 65536. */
static trn_swivel_cell_t make_cell(const trn_swivel_options_t *options, int64_t row, uint32_t col,
                                   float value) {
    float power = options->exponent == 0.5 ? sqrtf(value) : powf(value, (float)options->exponent);
    return (trn_swivel_cell_t){
        .row = (uint16_t)row,
        .col = (uint16_t)col,
        .log_count = logf(value),
        .weight = (float)options->base + (float)options->scale * power,
    };
}

/* Cut one row block into its k shards: its cells in the order of rows and columns, each to the end
 * of its shard, which thereby is in that order too. next[k] and made[cells of the block] are
 * scratch. */
static trn_status_t cut_block(loader_t *loader, int64_t block, int64_t *next, slot_t *made) {
    const trn_swivel_state_t *state = loader->state;
    const int64_t *row_start = loader->row_start + block * state->shard;
    int64_t first = row_start[0], end = row_start[state->shard], at = first;
    uint32_t k = (uint32_t)state->blocks; /* numbers below 2^32 divide faster */
    memset(next, 0, (size_t)k * sizeof *next);
    for (int64_t i = first; i < end; i++)
        next[(uint32_t)loader->slots[i].count.col % k]++;
    for (int64_t shard = 0; shard < state->blocks; shard++) {
        state->shard_start[block * state->blocks + shard] = at;
        at += next[shard];
        next[shard] = at - first - next[shard];
    }
    for (int64_t row = 0; row < state->shard; row++)
        for (int64_t i = row_start[row]; i < row_start[row + 1]; i++) {
            const count_t *count = &loader->slots[i].count;
            uint32_t col = (uint32_t)count->col;
            if (i > row_start[row] && count[0].col <= loader->slots[i - 1].count.col)
                return damaged(loader, "/col does not ascend in a row");
            made[next[col % k]++].cell = make_cell(&state->options, row, col / k, count->value);
        }
    memcpy(loader->slots + first, made, (size_t)(end - first) * sizeof *made);
    return TRN_OK;
}

/* One row block after the other, so that the copy is a k-th of the cells. Local. */
static trn_status_t cut_blocks(loader_t *loader) {
    trn_swivel_state_t *state = loader->state;
    int64_t largest = 0;
    for (int64_t row = 0; row < state->own * state->shard; row += state->shard) {
        int64_t cells = loader->row_start[row + state->shard] - loader->row_start[row];
        if (cells > largest) largest = cells;
    }
    int64_t *next = NULL;
    slot_t *made = NULL;
    trn_status_t status;
    TRN_OR(done, trn_alloc(&next, state->blocks, sizeof *next, "shard ends"));
    TRN_OR(done, trn_alloc(&made, largest, sizeof *made, "the cells of a row block"));
    for (int64_t block = 0; block < state->own; block++)
        TRN_OR(done, cut_block(loader, block, next, made));
    state->shard_start[state->own * state->blocks] = loader->row_start[state->own * state->shard];
done:
    trn_free(&next);
    trn_free(&made);
    return status;
}

/* Every step is agreed on before the next message. */
trn_status_t trn_swivel_load(trn_swivel_state_t *state, trn_store_t *counts, int64_t piece) {
    loader_t loader = {.state = state, .counts = counts};
    trn_status_t status;
    MPI_Type_contiguous((int)sizeof(count_t), MPI_BYTE, &loader.type);
    MPI_Type_commit(&loader.type);
    TRN_OR(done, trn_agree(state->comm, prepare(&loader, piece)));
    TRN_OR(done, deal(&loader));
    TRN_OR(done, trn_agree(state->comm, cut_blocks(&loader)));
    state->cells = &loader.slots->cell; /* every slot is a cell now, and no larger than that */
    loader.slots = NULL;
done:
    MPI_Type_free(&loader.type);
    trn_free(&loader.row_ptr);
    trn_free(&loader.col);
    trn_free(&loader.value);
    trn_free(&loader.out);
    trn_free(&loader.in);
    trn_free(&loader.tally);
    trn_free(&loader.slots);
    trn_free(&loader.row_start);
    return status;
}
