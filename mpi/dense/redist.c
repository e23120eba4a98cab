/* redist.c: a matrix from one distribution to another. Each pair of ranks has in common some rows
 * times some columns; these travel in tiles of at most TRN_REDIST_MESSAGE bytes, packed unless they
 * lie together on a side. Two buffers each way: one tile is packed while the one before is under
 * way. */
#include "mpi/dense/redist.h"

#include "base/mem.h"
#include "mpi/agree.h"

#include <stdbool.h>
#include <string.h>

enum { TAG = 0x7001 };

/* Consecutive rows (or columns) common to a share here and one there. */
typedef struct run {
    int64_t at;          /* number among all common ones */
    int64_t here, there; /* numbers in the two blocks */
    int64_t count;
} run_t;

typedef struct runs {
    run_t *list; /* ascending */
    int64_t count, total;
} runs_t;

/* What this rank and one peer have for each other, in one direction. It travels by rows, columns
 * ascending, in tiles that both sides cut alike: some whole rows, or a part of one. */
typedef struct overlap {
    int peer;
    runs_t rows, cols;
    int64_t tile_rows, tile_cols; /* at most */
    int64_t row, col;             /* where the next tile begins */
} overlap_t;

typedef struct tile {
    int64_t row, rows, col, cols;
} tile_t;

/* A message under way. */
typedef struct slot {
    const overlap_t *overlap;
    tile_t tile;
    char *buffer;
    MPI_Request request;
    bool packed; /* came through the buffer and must be unpacked */
} slot_t;

struct trn_redist {
    MPI_Comm comm;
    int rank, ranks;
    int64_t size; /* bytes of a number */
    const trn_dist_t *from, *to;
    overlap_t leaving, coming[2]; /* two: the last tile of one lands when the next has begun */
    slot_t out[2], in[2];
    void *memory; /* NULL if it is lent */
};

/* Planning ------------------------------------------------------------------------------------- */

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* Room that a rank needs: bytes of a message out and in, runs in a list of rows and of columns. */
typedef struct workspace {
    int64_t out, in, rows, cols;
} workspace_t;

/* A list of runs has at most as many as the two cuts have parts, and as this rank has rows or
 * columns. */
static workspace_t workspace_of(int64_t size, const trn_dist_t *from, const trn_dist_t *to,
                                int rank) {
    int64_t from_rows = trn_dist_local_rows(from, rank), to_rows = trn_dist_local_rows(to, rank);
    int64_t from_cols = trn_dist_local_cols(from, rank), to_cols = trn_dist_local_cols(to, rank);
    int64_t row_parts = trn_dist_row_parts(from) + trn_dist_row_parts(to);
    int64_t col_parts = trn_dist_col_parts(from) + trn_dist_col_parts(to);
    workspace_t space = {.rows = least(row_parts, most(from_rows, to_rows)),
                         .cols = least(col_parts, most(from_cols, to_cols))};
    if (trn_dist_ranks(from) <= 1 && trn_dist_ranks(to) <= 1) return space; /* nobody to talk to */
    space.out = least(TRN_REDIST_MESSAGE, from_rows * from_cols * size);
    space.in = least(TRN_REDIST_MESSAGE, trn_dist_missing(from, to, rank) * size);
    return space;
}

_Static_assert(TRN_REDIST_PART == 3 * sizeof(run_t), "three lists of runs");

static int64_t bytes_of_lists(workspace_t space) {
    return (space.rows + space.cols) * TRN_REDIST_PART;
}

int64_t trn_redist_bytes(trn_dtype_t type, const trn_dist_t *from, const trn_dist_t *to, int rank) {
    workspace_t space = workspace_of(trn_matrix_type_size(type), from, to, rank);
    return bytes_of_lists(space) + 2 * (space.out + space.in);
}

/* The same order and sizes as trn_redist_bytes counts: three pairs of lists, then two buffers out
 * and two in. */
void trn_redist_lend(trn_redist_t *redist, void *memory) {
    workspace_t space = workspace_of(redist->size, redist->from, redist->to, redist->rank);
    overlap_t *overlaps[] = {&redist->leaving, &redist->coming[0], &redist->coming[1]};
    for (int i = 0; i < 3; i++) {
        overlaps[i]->rows.list = (run_t *)memory + i * (space.rows + space.cols);
        overlaps[i]->cols.list = overlaps[i]->rows.list + space.rows;
    }
    char *buffers = (char *)memory + bytes_of_lists(space);
    for (int i = 0; i < 2; i++) {
        redist->out[i].buffer = buffers + i * space.out;
        redist->in[i].buffer = buffers + 2 * space.out + i * space.in;
    }
}

/* `bare`: without memory, which is lent before each run. */
static trn_status_t plan(trn_redist_t **redist, MPI_Comm comm, trn_dtype_t type,
                         const trn_dist_t *from, const trn_dist_t *to, bool bare) {
    int ranks, holders = (int)most(trn_dist_ranks(from), trn_dist_ranks(to));
    MPI_Comm_size(comm, &ranks);
    if (trn_dist_rows(from) != trn_dist_rows(to) || trn_dist_cols(from) != trn_dist_cols(to))
        return trn_fail(TRN_USAGE, "relayout: from %lld x %lld to %lld x %lld; sizes must agree",
                        (long long)trn_dist_rows(from), (long long)trn_dist_cols(from),
                        (long long)trn_dist_rows(to), (long long)trn_dist_cols(to));
    if (holders > ranks)
        return trn_fail(TRN_USAGE, "relayout: blocks on %d ranks, but there are %d; cut it less",
                        holders, ranks);
    TRN_TRY(trn_alloc_zero(redist, 1, sizeof **redist, "a relayout"));
    trn_redist_t *r = *redist;
    *r = (trn_redist_t){.comm = comm, .ranks = ranks, .from = from, .to = to};
    r->size = trn_matrix_type_size(type);
    MPI_Comm_rank(comm, &r->rank);
    for (int i = 0; i < 2; i++)
        r->out[i].request = r->in[i].request = MPI_REQUEST_NULL;
    if (bare) return TRN_OK;
    TRN_TRY(trn_alloc(&r->memory, trn_redist_bytes(type, from, to, r->rank), 1,
                      "messages of a relayout"));
    trn_redist_lend(r, r->memory);
    return TRN_OK;
}

static trn_status_t create(trn_redist_t **redist, MPI_Comm comm, trn_dtype_t type,
                           const trn_dist_t *from, const trn_dist_t *to, bool bare) {
    *redist = NULL;
    TRN_TRY(trn_check_equal(comm, trn_dist_rows(from), "rows of a relayout"));
    TRN_TRY(trn_check_equal(comm, trn_dist_cols(from), "columns of a relayout"));
    trn_status_t status = trn_agree(comm, plan(redist, comm, type, from, to, bare));
    if (status != TRN_OK) trn_redist_destroy(redist);
    return status;
}

trn_status_t trn_redist_create(trn_redist_t **redist, MPI_Comm comm, trn_dtype_t type,
                               const trn_dist_t *from, const trn_dist_t *to) {
    return create(redist, comm, type, from, to, false);
}

trn_status_t trn_redist_create_bare(trn_redist_t **redist, MPI_Comm comm, trn_dtype_t type,
                                    const trn_dist_t *from, const trn_dist_t *to) {
    return create(redist, comm, type, from, to, true);
}

void trn_redist_destroy(trn_redist_t **redist) {
    if (!*redist) return;
    trn_free(&(*redist)->memory);
    trn_free(redist);
}

/* What two ranks have in common ---------------------------------------------------------------- */

/* List what two walks have in common. Runs that follow each other in the block here are one; with
 * `strict` they must do so in the block there as well. */
static void join(runs_t *runs, trn_spans_t here, trn_spans_t there, bool strict) {
    trn_span_t x, y;
    runs->count = runs->total = 0;
    bool go_on = trn_spans_next(&here, &x) && trn_spans_next(&there, &y);
    while (go_on) {
        int64_t x_end = x.first + x.count, y_end = y.first + y.count;
        int64_t first = most(x.first, y.first), count = least(x_end, y_end) - first;
        if (count > 0) {
            run_t run = {runs->total, x.local + first - x.first, y.local + first - y.first, count};
            run_t *last = runs->count > 0 ? &runs->list[runs->count - 1] : NULL;
            if (last && last->here + last->count == run.here &&
                (!strict || last->there + last->count == run.there))
                last->count += count;
            else
                runs->list[runs->count++] = run;
            runs->total += count;
        }
        go_on = x_end < y_end ? trn_spans_next(&here, &x) : trn_spans_next(&there, &y);
    }
}

/* Prepare for a peer; `here` is the distribution that counts on this rank, `there` the peer's.
 * False if they have nothing for each other. */
static bool find_overlap(overlap_t *overlap, int64_t size, const trn_dist_t *here, int rank,
                         const trn_dist_t *there, int peer) {
    overlap->peer = peer;
    overlap->row = overlap->col = 0;
    join(&overlap->rows, trn_dist_row_spans(here, rank), trn_dist_row_spans(there, peer), false);
    if (overlap->rows.total == 0) return false;
    join(&overlap->cols, trn_dist_col_spans(here, rank), trn_dist_col_spans(there, peer), false);
    if (overlap->cols.total == 0) return false;
    overlap->tile_cols = least(overlap->cols.total, TRN_REDIST_MESSAGE / size);
    overlap->tile_rows = most(1, TRN_REDIST_MESSAGE / (overlap->cols.total * size));
    return true;
}

/* Columns inside, rows outside; both sides walk alike, so tiles need no description on the way. */
static bool next_tile(overlap_t *overlap, tile_t *tile) {
    if (overlap->row >= overlap->rows.total) return false;
    *tile = (tile_t){overlap->row, least(overlap->tile_rows, overlap->rows.total - overlap->row),
                     overlap->col, least(overlap->tile_cols, overlap->cols.total - overlap->col)};
    overlap->col += tile->cols;
    if (overlap->col < overlap->cols.total) return true;
    overlap->col = 0;
    overlap->row += tile->rows;
    return true;
}

/* The run that holds number `at` of the common ones. */
static const run_t *find(const runs_t *runs, int64_t at) {
    int64_t low = 0, high = runs->count;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (runs->list[middle].at <= at)
            low = middle;
        else
            high = middle;
    }
    return &runs->list[low];
}

/* Moving --------------------------------------------------------------------------------------- */

/* Address of a number in a block. */
static char *number(trn_view_t view, int64_t row, int64_t col) {
    return trn_view_part(view, row, 0, col, 0).data;
}

/* Where a tile lies if it is one stretch of the block's memory, else NULL. */
static char *stretch(trn_view_t view, const overlap_t *overlap, tile_t tile) {
    const run_t *row = find(&overlap->rows, tile.row), *col = find(&overlap->cols, tile.col);
    if (tile.row + tile.rows > row->at + row->count || tile.col + tile.cols > col->at + col->count)
        return NULL;
    if (tile.rows > 1 && tile.cols != view.stride) return NULL;
    return number(view, row->here + tile.row - row->at, col->here + tile.col - col->at);
}

/* Copy a tile's part of one row between the block and a buffer; returns the buffer's next byte. */
static char *pack_row(trn_view_t view, int64_t row, const run_t *run, tile_t tile, char *buffer,
                      bool unpack) {
    int64_t size = trn_matrix_type_size(view.type), end = tile.col + tile.cols;
    char *start = number(view, row, 0);
    for (int64_t at = tile.col; at < end; run++) {
        int64_t skip = at - run->at, count = least(run->count - skip, end - at);
        char *block = start + (run->here + skip) * size;
        memcpy(unpack ? block : buffer, unpack ? buffer : block, (size_t)(count * size));
        buffer += count * size;
        at += count;
    }
    return buffer;
}

/* Between a tile of the block and a buffer, row by row. */
static void pack(trn_view_t view, const overlap_t *overlap, tile_t tile, char *buffer,
                 bool unpack) {
    const run_t *row = find(&overlap->rows, tile.row), *col = find(&overlap->cols, tile.col);
    for (int64_t i = tile.row; i < tile.row + tile.rows; i++) {
        if (i == row->at + row->count) row++;
        buffer = pack_row(view, row->here + i - row->at, col, tile, buffer, unpack);
    }
}

/* Copy what stays on this rank. */
static void keep(trn_redist_t *redist, trn_view_t from, trn_view_t to) {
    runs_t rows = redist->leaving.rows, cols = redist->leaving.cols; /* only their lists */
    int rank = redist->rank;
    join(&rows, trn_dist_row_spans(redist->from, rank), trn_dist_row_spans(redist->to, rank), true);
    join(&cols, trn_dist_col_spans(redist->from, rank), trn_dist_col_spans(redist->to, rank), true);
    bool whole = cols.count == 1 && cols.total == from.stride && cols.total == to.stride;
    for (int64_t r = 0; r < rows.count; r++) {
        run_t row = rows.list[r];
        int64_t times = whole ? 1 : row.count, height = whole ? row.count : 1;
        for (int64_t i = 0; i < times; i++) {
            char *source = number(from, row.here + i, 0), *target = number(to, row.there + i, 0);
            for (int64_t c = 0; c < cols.count; c++) {
                run_t col = cols.list[c];
                memcpy(target + col.there * redist->size, source + col.here * redist->size,
                       (size_t)(height * col.count * redist->size));
            }
        }
    }
}

/* Fits an int: a tile is at most one message. */
static int bytes_of(const trn_redist_t *redist, tile_t tile) {
    return (int)(tile.rows * tile.cols * redist->size);
}

/* Start sending the next tile, if there is one. */
static bool depart(trn_redist_t *redist, overlap_t *overlap, slot_t *slot, trn_view_t from) {
    tile_t tile;
    if (!next_tile(overlap, &tile)) return false;
    MPI_Wait(&slot->request, MPI_STATUS_IGNORE); /* the buffer's last message */
    char *data = stretch(from, overlap, tile);
    if (!data) pack(from, overlap, tile, data = slot->buffer, false);
    MPI_Isend(data, bytes_of(redist, tile), MPI_BYTE, overlap->peer, TAG, redist->comm,
              &slot->request);
    return true;
}

/* Be ready for the next tile, if there is one. */
static bool await(trn_redist_t *redist, overlap_t *overlap, slot_t *slot, trn_view_t to) {
    if (!next_tile(overlap, &slot->tile)) return false;
    char *data = stretch(to, overlap, slot->tile);
    slot->overlap = overlap;
    slot->packed = !data;
    MPI_Irecv(data ? data : slot->buffer, bytes_of(redist, slot->tile), MPI_BYTE, overlap->peer,
              TAG, redist->comm, &slot->request);
    return true;
}

/* Let a tile that was awaited come in. */
static void land(slot_t *slot, trn_view_t to) {
    if (slot->request == MPI_REQUEST_NULL) return;
    MPI_Wait(&slot->request, MPI_STATUS_IGNORE);
    if (slot->packed) pack(to, slot->overlap, slot->tile, slot->buffer, true);
}

/* Steps are numbered by round and tile. Each posts one message each way and then waits only for
 * what earlier steps have posted, so that no circle of ranks can wait for each other. */
void trn_redist_run(trn_redist_t *redist, trn_view_t from, trn_view_t to) {
    int rank = redist->rank, ranks = redist->ranks, step = 0;
    overlap_t *leaving = &redist->leaving, *coming = &redist->coming[0];
    keep(redist, from, to);
    for (int d = 1; d < ranks; d++) {
        int next = (rank + d) % ranks, previous = (rank - d + ranks) % ranks;
        bool out = find_overlap(leaving, redist->size, redist->from, rank, redist->to, next);
        bool in = find_overlap(coming, redist->size, redist->to, rank, redist->from, previous);
        for (bool more = out || in; more; step ^= more) {
            bool awaited = in && await(redist, coming, &redist->in[step], to);
            bool departed = out && depart(redist, leaving, &redist->out[step], from);
            more = awaited || departed;
            if (more) land(&redist->in[step ^ 1], to);
        }
        if (in) coming = &redist->coming[coming == &redist->coming[0]];
    }
    land(&redist->in[step ^ 1], to);
    for (int i = 0; i < 2; i++)
        MPI_Wait(&redist->out[i].request, MPI_STATUS_IGNORE);
}

/* For one move; plans keep their relayouts and lend them memory. */
trn_status_t trn_matrix_redistribute(const trn_matrix_t *from, trn_matrix_t *to) {
    MPI_Comm comm = trn_matrix_comm(from);
    trn_view_t source = trn_matrix_block(from), target = trn_matrix_block(to);
    trn_redist_t *redist;
    if (source.type != target.type)
        return trn_agree(comm, trn_fail(TRN_USAGE, "relayout: from %s to %s; types must agree",
                                        source.type == TRN_F32 ? "float32" : "float64",
                                        target.type == TRN_F32 ? "float32" : "float64"));
    TRN_TRY(
        trn_redist_create(&redist, comm, source.type, trn_matrix_dist(from), trn_matrix_dist(to)));
    trn_redist_run(redist, source, target);
    trn_redist_destroy(&redist);
    return TRN_OK;
}
