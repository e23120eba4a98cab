#include "mpi/dense/rotate_impl.h"

#include "base/mem.h"
#include "kern/dense/gemm.h"
#include "mpi/watch.h"

#include <string.h>

enum {
    SLOTS = TRN_ROTATION_SLOTS,
    TAGS = 1 << 14, /* messages of one pair come in order, so tags may repeat */
};
/* Between two looks at messages lie at least so many rows of C and so much work, on one node and
 * off it: bands of few rows cost BLAS time (3 % at 256), but a network without hardware of its own
 * takes from a look only what is in its buffers. */
static const int64_t BAND_ROWS[2] = {2048, 256};
static const double BAND_FLOPS[2] = {2e9, 5e8};
static const double CALL_FLOPS = 5e11; /* of one call at most: the watchdog must see us work */

/* Terms [*from, *from + width) of its panel that make up the chunk of step t. */
static int64_t chunk_of(const trn_rotation_t *r, const panel_t *panel, int64_t t, int64_t *from) {
    int64_t piece = t / r->panel_count;
    *from = trn_part_start(panel->width, r->pieces, piece);
    return trn_part_start(panel->width, r->pieces, piece + 1) - *from;
}

/* Scratch: slots for the chunks of this step and the two after it; the same for chunks lent out of
 * turn, where they must be packed. A stationary operand needs a slot only if its terms do not lie
 * together. */
static int64_t slot_bytes(const trn_rotation_t *r, const operand_t *o) {
    int64_t bytes = r->size * o->breadth * r->chunk;
    return (bytes + TRN_ALIGNMENT - 1) / TRN_ALIGNMENT * TRN_ALIGNMENT;
}

/* Returns the bytes that an operand needs; without `memory` it does no more than that. */
static int64_t lay_out(const trn_rotation_t *r, operand_t *o, char *memory) {
    int64_t slot = slot_bytes(r, o), used = 0;
    if ((!o->moves || o->in_place) && !trn_rotation_scattered(r)) return 0;
    for (int i = 0; i < SLOTS; i++) {
        if (memory) o->slot[i] = memory + used;
        used += slot;
    }
    for (int i = 0; i < SLOTS; i++) {
        if (memory) o->start[i] = memory + used;
        used += slot * (o->term_rows && !o->spread && !trn_rotation_scattered(r) ? 0 : o->starts);
    }
    return used;
}

int64_t trn_rotation_scratch(const trn_rotation_t *rotation) {
    operand_t a = rotation->operand[0], b = rotation->operand[1];
    return lay_out(rotation, &a, NULL) + lay_out(rotation, &b, NULL);
}

/* Running -------------------------------------------------------------------------------------- */

/* A chunk as BLAS takes it. */
typedef struct chunk {
    char *data;
    int64_t stride;
} chunk_t;

/* A term of a panel, in the block of the rank that lends it. */
static char *home_at(const trn_rotation_t *r, const operand_t *o, trn_view_t home, int64_t term) {
    return (char *)home.data + r->size * (o->term_rows ? term * home.stride : term);
}

/* Whether chunks of an operand go from rank to rank in messages of our own. */
static bool travels(const trn_rotation_t *r, const operand_t *o) {
    return o->moves && !o->in_place && !r->broadcast;
}

/* Copy terms [from, from + width) of a panel that can be read here to `to`, side by side. */
static void pack(const trn_rotation_t *r, int which, const panel_t *panel, int64_t from,
                 int64_t width, char *to) {
    const operand_t *o = &r->operand[which];
    trn_view_t home = o->home[panel->owner[which]];
    int64_t rows = o->term_rows ? 1 : o->breadth;
    for (int64_t row = 0; row < rows; row++) {
        int64_t skip = from, left = width;
        for (const run_t *run = r->runs + panel->first; left > 0; run++) {
            int64_t count = run->count - skip < left ? run->count - skip : left;
            if (count <= 0) {
                skip -= run->count;
                continue;
            }
            const char *data = home_at(r, o, home, run->local[which] + skip);
            if (o->term_rows) {
                for (int64_t i = 0; i < count; i++, to += r->size * o->breadth)
                    memcpy(to, data + r->size * i * home.stride, (size_t)(r->size * o->breadth));
            } else {
                memcpy(to, data + r->size * row * home.stride, (size_t)(r->size * count));
                to += r->size * count;
            }
            skip = 0;
            left -= count;
        }
    }
}

/* The chunk where it lies, if its terms lie together in this operand; else data is NULL. */
static chunk_t in_place(const trn_rotation_t *r, int which, const panel_t *panel, int64_t from,
                        int64_t width) {
    const operand_t *o = &r->operand[which];
    const run_t *run = r->runs + panel->first;
    for (; from >= run->count; run++)
        from -= run->count;
    trn_view_t home = o->home[panel->owner[which]];
    chunk_t chunk = {home_at(r, o, home, run->local[which] + from), home.stride};
    for (width -= run->count - from; width > 0; width -= run->count) {
        int64_t next = run->local[which] + run->count;
        if ((++run)->local[which] != next) return (chunk_t){NULL, 0};
    }
    return chunk;
}

/* Stride of a chunk of `width` terms in a slot. */
static int64_t packed_stride(const operand_t *o, int64_t width) {
    return o->term_rows ? o->breadth : width;
}

/* MPI's name for a number of the product. */
static MPI_Datatype number(const trn_rotation_t *r) {
    return r->type == TRN_F32 ? MPI_FLOAT : MPI_DOUBLE;
}

/* Lend to everybody who gets its chunk of step t from here: those of this rank's own panels, or, if
 * `used`, the chunk that it uses at step t - 1, the others. */
static void post_sends(trn_rotation_t *r, int which, int64_t t, const chunk_t *used) {
    operand_t *o = &r->operand[which];
    const panel_t *packed = NULL; /* the last one, which several may want */
    int starts = 0;
    if (!travels(r, o) || t >= trn_rotation_steps(r)) return;
    for (int x = 0; x < o->ranks; x++) {
        if (x == o->me || trn_rotation_source(r, which, x, t) != o->me) continue;
        const panel_t *panel = &r->panels[trn_rotation_panel(r, o, x, t)];
        int64_t from, width = chunk_of(r, panel, t, &from);
        bool own = panel->owner[which] == o->me;
        if (width == 0 || o->breadth == 0 || own == (used != NULL)) continue;
        chunk_t chunk = used ? *used : (chunk_t){NULL, 0};
        if (own) {
            chunk = in_place(r, which, panel, from, width);
            if (!chunk.data || chunk.stride != packed_stride(o, width)) {
                if (panel != packed) starts++;
                chunk.data = o->start[t % SLOTS] + (starts - 1) * slot_bytes(r, o);
                if (panel != packed) pack(r, which, panel, from, width, chunk.data);
                packed = panel;
            }
        }
        MPI_Isend(chunk.data, (int)(width * o->breadth), number(r), x, (int)(t % TAGS), o->ring,
                  &o->sends[t % SLOTS][x]);
    }
}

/* Ask for the chunk of step t, if another rank has it: its owner, or else, if `passed`, the
 * neighbor that uses it at step t - 1. */
static void post_receive(trn_rotation_t *r, int which, int64_t t, bool passed) {
    operand_t *o = &r->operand[which];
    if (!travels(r, o) || t >= trn_rotation_steps(r)) return;
    int from_rank = trn_rotation_source(r, which, o->me, t);
    const panel_t *panel = &r->panels[trn_rotation_panel(r, o, o->me, t)];
    int64_t from, width = chunk_of(r, panel, t, &from);
    if (from_rank == o->me || width == 0 || o->breadth == 0) return;
    if ((panel->owner[which] != from_rank) != passed) return;
    MPI_Irecv(o->slot[t % SLOTS], (int)(width * o->breadth), number(r), from_rank, (int)(t % TAGS),
              o->ring, &o->receive[t % SLOTS]);
}

/* At step t: what comes from owners may travel two steps ahead, so that a network has work while
 * ranks use panels of their own; what is passed on goes when it is here. */
static void move_on(trn_rotation_t *r, int which, int64_t t, const chunk_t *used) {
    post_receive(r, which, t + 2, false);
    post_sends(r, which, t + 2, NULL);
    post_receive(r, which, t + 1, true);
    post_sends(r, which, t + 1, used);
}

/* The chunk of step t, which is here by now or comes with a broadcast. */
static chunk_t take_chunk(trn_rotation_t *r, int which, int64_t t) {
    operand_t *o = &r->operand[which];
    const panel_t *panel = &r->panels[trn_rotation_panel(r, o, o->me, t)];
    int64_t from, width = chunk_of(r, panel, t, &from);
    int owner = panel->owner[which];
    bool mine = !o->moves || o->in_place || owner == o->me;
    bool shout = r->broadcast && o->moves && !o->in_place;
    chunk_t chunk = {o->slot[t % SLOTS], packed_stride(o, width)};
    if (width == 0 || o->breadth == 0) return chunk;
    if (mine) {
        chunk_t home = in_place(r, which, panel, from, width);
        if (home.data && (!shout || home.stride == chunk.stride))
            chunk = home;
        else
            pack(r, which, panel, from, width, chunk.data);
    }
    if (shout) MPI_Bcast(chunk.data, (int)(width * o->breadth), number(r), owner, o->ring);
    return chunk;
}

/* MPI moves messages on only when it is called: let all that are under way have a look. */
static void progress(trn_rotation_t *r) {
    for (int which = 0; which < 2; which++) {
        operand_t *o = &r->operand[which];
        int done;
        if (!travels(r, o)) continue;
        MPI_Testall(SLOTS, o->receive, &done, MPI_STATUSES_IGNORE);
        for (int i = 0; i < SLOTS; i++)
            MPI_Testall(o->ranks, o->sends[i], &done, MPI_STATUSES_IGNORE);
    }
    trn_watch_tick();
}

/* C += A B for one chunk, in bands of rows between which messages move on. */
static void multiply(trn_rotation_t *r, int64_t width, double alpha, chunk_t a, chunk_t b,
                     double beta, trn_view_t c) {
    double flops = 2.0 * (double)r->rows * (double)r->cols * (double)width;
    int64_t bands = (int64_t)(flops / BAND_FLOPS[r->off_node]);
    int64_t most = r->rows / BAND_ROWS[r->off_node];
    int64_t least = 1 + (int64_t)(flops / CALL_FLOPS);
    if (bands > most) bands = most;
    if (bands < least) bands = least;
    if (bands > r->rows) bands = r->rows > 1 ? r->rows : 1;
    for (int64_t band = 0; band < bands; band++) {
        int64_t first = trn_part_start(r->rows, bands, band);
        int64_t rows = trn_part_start(r->rows, bands, band + 1) - first;
        const char *from = a.data + r->size * (r->transposed[0] ? first : first * a.stride);
        trn_view_t to = trn_view_part(c, first, rows, 0, r->cols);
        trn_gemm(&(trn_gemm_t){.type = r->type,
                               .m = rows,
                               .n = r->cols,
                               .k = width,
                               .alpha = alpha,
                               .beta = beta,
                               .a = {from, a.stride, r->transposed[0]},
                               .b = {b.data, b.stride, r->transposed[1]},
                               .c = to.data,
                               .ldc = to.stride,
                               .threads = r->threads});
        progress(r);
    }
}

/* Wait until what was lent at step t is no longer read. */
static void settle(trn_rotation_t *r, int64_t t) {
    for (int which = 0; which < 2; which++)
        if (travels(r, &r->operand[which]))
            MPI_Waitall(r->operand[which].ranks, r->operand[which].sends[t % SLOTS],
                        MPI_STATUSES_IGNORE);
}

/* Blocks that are read in place must be complete before, and must not change until all are done. */
static void ring_barrier(trn_rotation_t *r) {
    for (int which = 0; which < 2; which++)
        if (r->operand[which].in_place) MPI_Barrier(r->operand[which].ring);
}

/* Two steps ahead, what comes from owners is under way; one step ahead, what is passed on. The sum
 * over terms runs in the order of the panels, starting at this rank's own: it depends on the grid,
 * not on timing. */
void trn_rotation_run(trn_rotation_t *rotation, double alpha, trn_view_t a, trn_view_t b,
                      double beta, trn_view_t c, void *scratch) {
    trn_rotation_t *r = rotation;
    chunk_t chunk[2] = {{NULL, 0}, {NULL, 0}};
    char *memory = scratch;
    memory += lay_out(r, &r->operand[0], memory);
    lay_out(r, &r->operand[1], memory);
    r->operand[0].home[r->operand[0].me] = a;
    r->operand[1].home[r->operand[1].me] = b;
    ring_barrier(r);
    if (trn_rotation_steps(r) == 0) multiply(r, 0, alpha, chunk[0], chunk[1], beta, c);
    for (int which = 0; which < 2 && trn_rotation_steps(r) > 0; which++)
        for (int64_t t = 0; t < 2; t++) {
            post_receive(r, which, t, false);
            post_sends(r, which, t, NULL);
        }
    for (int64_t t = 0; t < trn_rotation_steps(r); t++) {
        int64_t from;
        int64_t width = chunk_of(
            r, &r->panels[trn_rotation_panel(r, &r->operand[0], r->operand[0].me, t)], t, &from);
        for (int which = 0; which < 2; which++)
            MPI_Wait(&r->operand[which].receive[t % SLOTS], MPI_STATUS_IGNORE);
        settle(r, t); /* the chunk of step t - 1 has left the slot that step t + 2 needs */
        for (int which = 0; which < 2; which++) {
            chunk[which] = take_chunk(r, which, t);
            move_on(r, which, t, &chunk[which]);
        }
        multiply(r, width, alpha, chunk[0], chunk[1], t == 0 ? beta : 1, c);
    }
    for (int64_t t = 0; t < SLOTS; t++)
        settle(r, t);
    ring_barrier(r);
}
