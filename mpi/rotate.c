#include "mpi/rotate.h"

#include "base/mem.h"
#include "kern/gemm.h"
#include "mpi/watch.h"

#include <string.h>

enum {
    BAND_ROWS = 2048, /* rows of C between two looks at the messages: fewer cost BLAS time */
    TAGS = 1 << 14,   /* messages of one pair come in order, so tags may repeat */
};
static const double BAND_FLOPS = 2e9;

/* Terms that lie together in both operands; -1 where this rank does not hold them. */
typedef struct run {
    int64_t count, local[2];
} run_t;

typedef struct panel {
    int64_t key[2]; /* classes of the terms in op(A) and op(B) */
    int owner[2];   /* position of the rank that lends it, in the row and in the column */
    int64_t width;  /* terms */
    int64_t first, runs;
} panel_t;

/* One operand as one rank sees it. */
typedef struct operand {
    bool moves;
    bool spread;     /* the block is a view whose rows do not touch */
    bool term_rows;  /* a term is a row of the stored matrix: chunks are contiguous */
    int64_t breadth; /* numbers of a term in this rank's block */
    MPI_Comm ring;
    int me, ranks;
    int others; /* position in the other ring: panels are offset by it */
    trn_view_t home;
    char *slot[2];                  /* the chunk of even and of odd steps, received or packed */
    char *start[2];                 /* chunks packed for ranks that begin with them */
    int starts;                     /* such chunks a step */
    MPI_Request receive, *sends[2]; /* [ranks] each: of even and of odd steps */
} operand_t;

struct trn_rotation {
    trn_matrix_type_t type;
    bool transposed[2], broadcast;
    int64_t size; /* bytes of a number */
    int threads;
    int64_t rows, cols;
    operand_t operand[2];
    panel_t *panels;
    run_t *runs;
    int64_t panel_count, run_count, run_room;
    int64_t pieces; /* chunks of a panel */
    int64_t chunk;  /* terms of the widest */
};

/* The order of panels ---------------------------------------------------------------------------
 */

static int64_t steps(const trn_rotation_t *r) {
    return r->panel_count * r->pieces;
}

/* The panel that position `x` of a ring uses at step t. */
static int64_t panel_at(const trn_rotation_t *r, const operand_t *o, int x, int64_t t) {
    int64_t offset = r->broadcast ? 0 : x + o->others;
    return (offset + t % r->panel_count) % r->panel_count;
}

/* Who passes position x its chunk of step t: the neighbour who has just used it, or its owner, who
 * may be x itself. */
static int source(const trn_rotation_t *r, int which, int x, int64_t t) {
    const operand_t *o = &r->operand[which];
    int64_t panel = panel_at(r, o, x, t);
    int owner = r->panels[panel].owner[which], next = (x + 1) % o->ranks;
    if (owner == x || t % r->panel_count == 0) return owner;
    return panel_at(r, o, next, t - 1) == panel ? next : owner;
}

/* Terms [*from, *from + width) of its panel that make up the chunk of step t. */
static int64_t chunk_of(const trn_rotation_t *r, const panel_t *panel, int64_t t, int64_t *from) {
    int64_t piece = t / r->panel_count;
    *from = trn_part_start(panel->width, r->pieces, piece);
    return trn_part_start(panel->width, r->pieces, piece + 1) - *from;
}

/* Planning --------------------------------------------------------------------------------------
 */

/* The global number of the first row of block row i, or of the first column of block column j; -1
 * where it is empty. */
static int64_t first_of(const trn_frame_t *frame, trn_place_t place, bool row) {
    for (int l = 0; l < frame->shape.layers; l++) {
        int rank =
            frame->rank_at[(l * frame->shape.rows + place.row) * frame->shape.cols + place.col];
        trn_spans_t spans = row ? trn_dist_row_spans(frame->c.wanted, rank)
                                : trn_dist_col_spans(frame->c.wanted, rank);
        trn_span_t span;
        if (trn_spans_next(&spans, &span)) return span.first;
    }
    return -1;
}

static panel_t *find_panel(trn_rotation_t *r, const int64_t key[2], int64_t after) {
    for (int64_t i = 1; i <= r->panel_count; i++) { /* most often the next one */
        panel_t *panel = &r->panels[(after + i) % r->panel_count];
        if (panel->key[0] == key[0] && panel->key[1] == key[1]) return panel;
    }
    return NULL;
}

/* Some consecutive terms with the same two classes. */
typedef struct atom {
    int64_t count, key[2], local[2];
    int owner[2];
} atom_t;

/* First pass: which panels there are and how many runs each may have. */
static trn_status_t note_panel(trn_rotation_t *r, const atom_t *atom, int64_t *last) {
    panel_t *panel = r->panel_count ? find_panel(r, atom->key, *last) : NULL;
    if (!panel) {
        if ((r->panel_count & (r->panel_count - 1)) == 0)
            TRN_TRY(trn_realloc(&r->panels, r->panel_count ? 2 * r->panel_count : 1,
                                sizeof *r->panels, "panels"));
        panel = &r->panels[r->panel_count++];
        *panel = (panel_t){.key = {atom->key[0], atom->key[1]},
                           .owner = {atom->owner[0], atom->owner[1]}};
    }
    *last = panel - r->panels;
    panel->width += atom->count;
    panel->runs++;
    return TRN_OK;
}

/* Second pass: the terms of each panel, joined where they lie together. */
static trn_status_t note_run(trn_rotation_t *r, const atom_t *atom, int64_t *last) {
    panel_t *panel = find_panel(r, atom->key, *last);
    *last = panel - r->panels;
    run_t *run = &r->runs[panel->first + panel->runs - 1];
    bool joined = panel->runs > 0;
    for (int o = 0; o < 2 && joined; o++)
        joined =
            run->local[o] < 0 ? atom->local[o] < 0 : atom->local[o] == run->local[o] + run->count;
    if (joined) {
        run->count += atom->count;
        return TRN_OK;
    }
    r->runs[panel->first + panel->runs++] = (run_t){atom->count, {atom->local[0], atom->local[1]}};
    return TRN_OK;
}

/* Walk over the terms of this rank's layer, cut where the class changes in either operand. */
static trn_status_t walk(trn_rotation_t *r, const trn_frame_t *frame, int rank,
                         trn_status_t (*visit)(trn_rotation_t *, const atom_t *, int64_t *)) {
    trn_place_t place = trn_frame_place(frame, rank);
    trn_cut_t cut[2] = {trn_dist_col_cut(frame->a.wanted), trn_dist_row_cut(frame->b.wanted)};
    int64_t row = first_of(frame, place, true), col = first_of(frame, place, false);
    int64_t part[2] = {0, 0}, local[2] = {0, 0}, last = 0;
    if (row < 0 && col < 0) return TRN_OK;
    for (int64_t term = 0, end; term < frame->product.k; term = end) {
        for (int o = 0; o < 2; o++)
            while (cut[o].start[part[o] + 1] <= term)
                part[o]++;
        int64_t ends[2] = {cut[0].start[part[0] + 1], cut[1].start[part[1] + 1]};
        end = ends[0] < ends[1] ? ends[0] : ends[1];
        int holder[2] = {row < 0 ? -1 : trn_dist_owner(frame->a.wanted, row, term),
                         col < 0 ? -1 : trn_dist_owner(frame->b.wanted, term, col)};
        if (trn_frame_place(frame, holder[0] < 0 ? holder[1] : holder[0]).layer != place.layer)
            continue;
        atom_t atom = {.count = end - term};
        for (int o = 0; o < 2; o++) {
            const operand_t *operand = &r->operand[o];
            bool mine = !operand->moves || holder[o] == rank;
            trn_place_t at = holder[o] < 0 ? place : trn_frame_place(frame, holder[o]);
            atom.key[o] = operand->moves ? cut[o].class_of[part[o]] : 0;
            atom.owner[o] = !operand->moves ? operand->me : o == 0 ? at.col : at.row;
            atom.local[o] = mine ? local[o] : -1;
            if (mine) local[o] += atom.count;
        }
        TRN_TRY(visit(r, &atom, &last));
    }
    return TRN_OK;
}

static trn_status_t plan_panels(trn_rotation_t *r, const trn_frame_t *frame, int rank) {
    int64_t runs = 0, widest = 0;
    TRN_TRY(walk(r, frame, rank, note_panel));
    for (int64_t s = 0; s < r->panel_count; s++) {
        panel_t *panel = &r->panels[s];
        panel->first = runs;
        runs += panel->runs;
        panel->runs = 0;
        if (panel->width > widest) widest = panel->width;
    }
    TRN_TRY(trn_alloc(&r->runs, runs, sizeof *r->runs, "terms of panels"));
    if (r->panel_count > 0) TRN_TRY(walk(r, frame, rank, note_run));
    bool moves = r->operand[0].moves || r->operand[1].moves;
    r->pieces = moves && widest > 0 ? (widest - 1) / frame->chunk + 1 : 1;
    r->chunk = widest > 0 ? (widest - 1) / r->pieces + 1 : 0;
    return TRN_OK;
}

/* Chunks that this rank lends out of turn in one step, at most. */
static int most_starts(const trn_rotation_t *r, int which) {
    const operand_t *o = &r->operand[which];
    int most = 0;
    for (int64_t t = 0; t < r->panel_count && o->moves && !r->broadcast; t++) {
        int count = 0;
        for (int x = 0; x < o->ranks; x++)
            count += x != o->me && source(r, which, x, t) == o->me &&
                     r->panels[panel_at(r, o, x, t)].owner[which] == o->me;
        if (count > most) most = count;
    }
    return most;
}

static trn_status_t plan_operand(trn_rotation_t *r, int which) {
    operand_t *o = &r->operand[which];
    o->starts = most_starts(r, which);
    o->receive = MPI_REQUEST_NULL;
    for (int odd = 0; odd < 2; odd++) {
        TRN_TRY(trn_alloc(&o->sends[odd], o->ranks, sizeof(MPI_Request), "messages"));
        for (int x = 0; x < o->ranks; x++)
            o->sends[odd][x] = MPI_REQUEST_NULL;
    }
    return TRN_OK;
}

static operand_t see(const trn_role_t *role, bool term_rows, int64_t breadth, MPI_Comm ring,
                     int others) {
    operand_t o = {.moves = role->moves,
                   .spread = role->spread,
                   .term_rows = term_rows,
                   .breadth = breadth,
                   .ring = ring,
                   .others = others};
    MPI_Comm_rank(ring, &o.me);
    MPI_Comm_size(ring, &o.ranks);
    return o;
}

trn_status_t trn_rotation_create(trn_rotation_t **rotation, const trn_frame_t *frame, int rank,
                                 MPI_Comm row, MPI_Comm col, bool broadcast, int threads) {
    const trn_product_t *p = &frame->product;
    trn_place_t place = trn_frame_place(frame, rank);
    *rotation = NULL;
    TRN_TRY(trn_alloc_zero(rotation, 1, sizeof **rotation, "a rotation"));
    trn_rotation_t *r = *rotation;
    r->type = p->type;
    r->transposed[0] = p->transpose_a;
    r->transposed[1] = p->transpose_b;
    r->broadcast = broadcast;
    r->size = trn_matrix_type_size(p->type);
    r->threads = threads;
    r->rows = frame->rows[place.row];
    r->cols = frame->cols[place.col];
    r->operand[0] = see(&frame->a, p->transpose_a, r->rows, row, place.row);
    r->operand[1] = see(&frame->b, !p->transpose_b, r->cols, col, place.col);
    trn_status_t status = plan_panels(r, frame, rank);
    for (int which = 0; which < 2 && status == TRN_OK; which++)
        status = plan_operand(r, which);
    if (status != TRN_OK) trn_rotation_destroy(rotation);
    return status;
}

void trn_rotation_destroy(trn_rotation_t **rotation) {
    if (!*rotation) return;
    for (int which = 0; which < 2; which++)
        for (int odd = 0; odd < 2; odd++)
            trn_free(&(*rotation)->operand[which].sends[odd]);
    trn_free(&(*rotation)->panels);
    trn_free(&(*rotation)->runs);
    trn_free(rotation);
}

/* Scratch: two slots for the chunks of this step and the next; the same for chunks lent out of
 * turn, where they must be packed. A stationary operand needs a slot only if its terms do not lie
 * together. */
static int64_t slot_bytes(const trn_rotation_t *r, const operand_t *o) {
    int64_t bytes = r->size * o->breadth * r->chunk;
    return (bytes + TRN_ALIGNMENT - 1) / TRN_ALIGNMENT * TRN_ALIGNMENT;
}

static bool scattered(const trn_rotation_t *r) {
    for (int64_t s = 0; s < r->panel_count; s++)
        if (r->panels[s].runs > 1) return true;
    return false;
}

static int64_t lay_out(const trn_rotation_t *r, operand_t *o, char *memory) {
    int64_t slot = slot_bytes(r, o), used = 0;
    if (!o->moves && !scattered(r)) return 0;
    for (int odd = 0; odd < 2; odd++) {
        o->slot[odd] = memory + used;
        used += slot;
    }
    for (int odd = 0; odd < 2; odd++) {
        o->start[odd] = memory + used;
        used += slot * (o->term_rows && !o->spread && !scattered(r) ? 0 : o->starts);
    }
    return used;
}

int64_t trn_rotation_scratch(const trn_rotation_t *rotation) {
    operand_t a = rotation->operand[0], b = rotation->operand[1];
    return lay_out(rotation, &a, NULL) + lay_out(rotation, &b, NULL);
}

/* Running ---------------------------------------------------------------------------------------
 */

/* A chunk as BLAS takes it. */
typedef struct chunk {
    char *data;
    int64_t stride;
} chunk_t;

static char *home_at(const trn_rotation_t *r, const operand_t *o, int64_t term) {
    return (char *)o->home.data + r->size * (o->term_rows ? term * o->home.stride : term);
}

/* Copy terms [from, from + width) of a panel that this rank holds to `to`, side by side. */
static void pack(const trn_rotation_t *r, int which, const panel_t *panel, int64_t from,
                 int64_t width, char *to) {
    const operand_t *o = &r->operand[which];
    int64_t rows = o->term_rows ? 1 : o->breadth;
    for (int64_t row = 0; row < rows; row++) {
        int64_t skip = from, left = width;
        for (const run_t *run = r->runs + panel->first; left > 0; run++) {
            int64_t count = run->count - skip < left ? run->count - skip : left;
            if (count <= 0) {
                skip -= run->count;
                continue;
            }
            const char *data = home_at(r, o, run->local[which] + skip);
            if (o->term_rows) {
                for (int64_t i = 0; i < count; i++, to += r->size * o->breadth)
                    memcpy(to, data + r->size * i * o->home.stride, (size_t)(r->size * o->breadth));
            } else {
                memcpy(to, data + r->size * row * o->home.stride, (size_t)(r->size * count));
                to += r->size * count;
            }
            skip = 0;
            left -= count;
        }
    }
}

/* The chunk where it lies, if its terms lie together; else data is NULL. */
static chunk_t in_place(const trn_rotation_t *r, int which, const panel_t *panel, int64_t from,
                        int64_t width) {
    const run_t *run = r->runs + panel->first;
    for (; from >= run->count; run++)
        from -= run->count;
    if (from + width > run->count) return (chunk_t){NULL, 0};
    const operand_t *o = &r->operand[which];
    return (chunk_t){home_at(r, o, run->local[which] + from), o->home.stride};
}

/* Stride of a chunk of `width` terms in a slot. */
static int64_t packed_stride(const operand_t *o, int64_t width) {
    return o->term_rows ? o->breadth : width;
}

static MPI_Datatype number(const trn_rotation_t *r) {
    return r->type == TRN_MATRIX_F32 ? MPI_FLOAT : MPI_DOUBLE;
}

/* Lend to everybody who gets its chunk of step t from here. `used` is the chunk that this rank
 * used at step t - 1 (data NULL before the first). */
static void lend(trn_rotation_t *r, int which, int64_t t, chunk_t used) {
    operand_t *o = &r->operand[which];
    int starts = 0;
    if (!o->moves || r->broadcast || t >= steps(r)) return;
    for (int x = 0; x < o->ranks; x++) {
        if (x == o->me || source(r, which, x, t) != o->me) continue;
        const panel_t *panel = &r->panels[panel_at(r, o, x, t)];
        int64_t from, width = chunk_of(r, panel, t, &from);
        if (width == 0 || o->breadth == 0) continue;
        chunk_t chunk = used;
        if (panel->owner[which] == o->me) {
            chunk = in_place(r, which, panel, from, width);
            if (!chunk.data || chunk.stride != packed_stride(o, width)) {
                chunk.data = o->start[t % 2] + starts++ * slot_bytes(r, o);
                pack(r, which, panel, from, width, chunk.data);
            }
        }
        MPI_Isend(chunk.data, (int)(width * o->breadth), number(r), x, (int)(t % TAGS), o->ring,
                  &o->sends[t % 2][x]);
    }
}

/* Ask for the chunk of step t, if somebody else has it. */
static void ask(trn_rotation_t *r, int which, int64_t t) {
    operand_t *o = &r->operand[which];
    if (!o->moves || r->broadcast || t >= steps(r)) return;
    int from_rank = source(r, which, o->me, t);
    int64_t from, width = chunk_of(r, &r->panels[panel_at(r, o, o->me, t)], t, &from);
    if (from_rank == o->me || width == 0 || o->breadth == 0) return;
    MPI_Irecv(o->slot[t % 2], (int)(width * o->breadth), number(r), from_rank, (int)(t % TAGS),
              o->ring, &o->receive);
}

/* The chunk of step t, which is here by now or comes with a broadcast. */
static chunk_t obtain(trn_rotation_t *r, int which, int64_t t) {
    operand_t *o = &r->operand[which];
    const panel_t *panel = &r->panels[panel_at(r, o, o->me, t)];
    int64_t from, width = chunk_of(r, panel, t, &from);
    int owner = panel->owner[which];
    bool mine = !o->moves || owner == o->me, shout = r->broadcast && o->moves;
    chunk_t chunk = {o->slot[t % 2], packed_stride(o, width)};
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

static void progress(trn_rotation_t *r) {
    for (int which = 0; which < 2; which++) {
        operand_t *o = &r->operand[which];
        int done;
        if (!o->moves || r->broadcast) continue;
        MPI_Test(&o->receive, &done, MPI_STATUS_IGNORE);
        for (int odd = 0; odd < 2; odd++)
            MPI_Testall(o->ranks, o->sends[odd], &done, MPI_STATUSES_IGNORE);
    }
    trn_watch_tick();
}

/* C += A B for one chunk, in bands of rows between which messages move on. */
static void multiply(trn_rotation_t *r, int64_t width, double alpha, chunk_t a, chunk_t b,
                     double beta, trn_view_t c) {
    double flops = 2.0 * (double)r->rows * (double)r->cols * (double)width;
    int64_t bands = (int64_t)(flops / BAND_FLOPS), most = r->rows / BAND_ROWS;
    if (bands > most) bands = most;
    if (bands < 1) bands = 1;
    for (int64_t band = 0; band < bands; band++) {
        int64_t first = trn_part_start(r->rows, bands, band);
        int64_t rows = trn_part_start(r->rows, bands, band + 1) - first;
        const char *from = a.data + r->size * (r->transposed[0] ? first : first * a.stride);
        trn_view_t to = trn_view_part(c, first, rows, 0, r->cols);
        trn_gemm((trn_number_t)r->type, r->transposed[0], r->transposed[1], rows, r->cols, width,
                 alpha, from, a.stride, b.data, b.stride, beta, to.data, to.stride, r->threads);
        progress(r);
    }
}

static void settle(trn_rotation_t *r, int64_t t) {
    for (int which = 0; which < 2; which++)
        if (r->operand[which].moves && !r->broadcast)
            MPI_Waitall(r->operand[which].ranks, r->operand[which].sends[t % 2],
                        MPI_STATUSES_IGNORE);
}

void trn_rotation_run(trn_rotation_t *rotation, double alpha, trn_view_t a, trn_view_t b,
                      double beta, trn_view_t c, void *scratch) {
    trn_rotation_t *r = rotation;
    chunk_t chunk[2] = {{NULL, 0}, {NULL, 0}};
    char *memory = scratch;
    memory += lay_out(r, &r->operand[0], memory);
    lay_out(r, &r->operand[1], memory);
    r->operand[0].home = a;
    r->operand[1].home = b;
    if (steps(r) == 0) multiply(r, 0, alpha, chunk[0], chunk[1], beta, c);
    for (int which = 0; which < 2 && steps(r) > 0; which++) {
        ask(r, which, 0);
        lend(r, which, 0, chunk[which]);
    }
    for (int64_t t = 0; t < steps(r); t++) {
        int64_t from;
        int64_t width =
            chunk_of(r, &r->panels[panel_at(r, &r->operand[0], r->operand[0].me, t)], t, &from);
        for (int which = 0; which < 2; which++)
            MPI_Wait(&r->operand[which].receive, MPI_STATUS_IGNORE);
        settle(r, t); /* the chunk of step t - 1 has left the slot that step t + 1 needs */
        for (int which = 0; which < 2; which++) {
            chunk[which] = obtain(r, which, t);
            ask(r, which, t + 1);
            lend(r, which, t + 1, chunk[which]);
        }
        multiply(r, width, alpha, chunk[0], chunk[1], t == 0 ? beta : 1, c);
    }
    settle(r, 0);
    settle(r, 1);
}
