/* rotate.c: the plan of a rotation: which panels (runs of terms) there are, who lends each, and in
 * which order every rank uses them. The order is the same along all rings, shifted by the position,
 * so that the neighbor has just used what this rank needs next. It depends on the grid alone. */
#include "mpi/dense/rotate_impl.h"

#include "base/mem.h"

/* The order of panels -------------------------------------------------------------------------- */

int64_t trn_rotation_steps(const trn_rotation_t *r) {
    return r->panel_count * r->pieces;
}

/* Along a row of the grid, columns start at different panels, shifted by the row (`others`): both
 * operands then meet the same panel at the same step. */
int64_t trn_rotation_panel(const trn_rotation_t *r, const operand_t *o, int x, int64_t t) {
    int64_t offset = r->broadcast ? 0 : x + o->others;
    return (offset + t % r->panel_count) % r->panel_count;
}

/* At the first step of a round everybody takes from the owner; later from the neighbor, if it has
 * just had that panel. */
int trn_rotation_source(const trn_rotation_t *r, int which, int x, int64_t t) {
    const operand_t *o = &r->operand[which];
    int64_t panel = trn_rotation_panel(r, o, x, t);
    int owner = r->panels[panel].owner[which], next = (x + 1) % o->ranks;
    if (owner == x || t % r->panel_count == 0) return owner;
    return trn_rotation_panel(r, o, next, t - 1) == panel ? next : owner;
}

/* Planning ------------------------------------------------------------------------------------- */

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

/* By the pair of classes of its terms. */
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
    run_t *next = r->runs + panel->first + panel->runs, *run = panel->runs > 0 ? next - 1 : NULL;
    bool joined = run != NULL;
    for (int o = 0; o < 2 && joined; o++)
        joined = atom->local[o] == run->local[o] + run->count;
    if (joined) {
        run->count += atom->count;
        return TRN_OK;
    }
    *next = (run_t){atom->count, {atom->local[0], atom->local[1]}};
    panel->runs++;
    return TRN_OK;
}

/* Walk over the terms of this rank's layer, cut where the class changes in either operand. */
static trn_status_t walk(trn_rotation_t *r, const trn_frame_t *frame, int rank,
                         trn_status_t (*visit)(trn_rotation_t *, const atom_t *, int64_t *)) {
    trn_place_t place = trn_frame_place(frame, rank);
    trn_cut_t cut[2] = {trn_dist_col_cut(frame->a.wanted), trn_dist_row_cut(frame->b.wanted)};
    int64_t row = first_of(frame, place, true), col = first_of(frame, place, false);
    int64_t part[2] = {0, 0}, last = 0;
    if (row < 0 && col < 0) return TRN_OK;
    for (int o = 0; o < 2; o++)
        for (int x = 0; x < r->operand[o].ranks; x++)
            r->operand[o].passed[x] = 0;
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
            trn_place_t at = holder[o] < 0 ? place : trn_frame_place(frame, holder[o]);
            atom.key[o] = operand->moves ? cut[o].class_of[part[o]] : 0;
            atom.owner[o] = !operand->moves ? operand->me : o == 0 ? at.col : at.row;
            atom.local[o] = operand->passed[atom.owner[o]];
            operand->passed[atom.owner[o]] += atom.count;
        }
        TRN_TRY(visit(r, &atom, &last));
    }
    return TRN_OK;
}

/* Two walks over the terms: count, then list. Panels are then cut into `pieces` chunks, as many for
 * each, so that all ranks take the same number of steps. */
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
    bool moves = false;
    for (int o = 0; o < 2; o++)
        moves = moves || (r->operand[o].moves && !r->operand[o].in_place);
    r->pieces = moves && widest > 0 ? (widest - 1) / frame->chunk + 1 : 1;
    r->chunk = widest > 0 ? (widest - 1) / r->pieces + 1 : 0;
    return TRN_OK;
}

/* Chunks that this rank lends out of turn in one step, at most. */
static int most_starts(const trn_rotation_t *r, int which) {
    const operand_t *o = &r->operand[which];
    int most = 0;
    for (int64_t t = 0; t < r->panel_count && o->moves && !o->in_place && !r->broadcast; t++) {
        int count = 0;
        int64_t last = -1; /* packed once, even if several want it */
        for (int x = 0; x < o->ranks; x++) {
            int64_t panel = trn_rotation_panel(r, o, x, t);
            if (x == o->me || panel == last || trn_rotation_source(r, which, x, t) != o->me ||
                r->panels[panel].owner[which] != o->me)
                continue;
            last = panel;
            count++;
        }
        if (count > most) most = count;
    }
    return most;
}

/* The arrays of one operand; `blocks` [ranks of the ring] or NULL are read in place. */
static trn_status_t alloc_operand(operand_t *o, const trn_view_t *blocks) {
    o->in_place = o->moves && blocks;
    TRN_TRY(trn_alloc_zero(&o->home, o->ranks, sizeof *o->home, "blocks of a ring"));
    TRN_TRY(trn_alloc_zero(&o->passed, o->ranks, sizeof *o->passed, "blocks of a ring"));
    for (int x = 0; o->in_place && x < o->ranks; x++)
        o->home[x] = blocks[x];
    for (int i = 0; i < TRN_ROTATION_SLOTS; i++) {
        o->receive[i] = MPI_REQUEST_NULL;
        TRN_TRY(trn_alloc(&o->sends[i], o->ranks, sizeof(MPI_Request), "messages"));
        for (int x = 0; x < o->ranks; x++)
            o->sends[i][x] = MPI_REQUEST_NULL;
    }
    return TRN_OK;
}

/* `breadth`: numbers of one term that this rank's block has. */
static operand_t see(const trn_operand_t *operand, bool term_rows, int64_t breadth, MPI_Comm ring,
                     int others) {
    operand_t o = {.moves = operand->moves,
                   .spread = operand->spread,
                   .term_rows = term_rows,
                   .breadth = breadth,
                   .ring = ring,
                   .others = others};
    MPI_Comm_rank(ring, &o.me);
    MPI_Comm_size(ring, &o.ranks);
    return o;
}

/* Everything is known before the first run: which panels, who lends, how many chunks. Buffers are
 * the caller's. */
trn_status_t trn_rotation_create(trn_rotation_t **rotation, const trn_frame_t *frame, int rank,
                                 const trn_rotation_way_t *way) {
    const trn_product_t *p = &frame->product;
    trn_place_t place = trn_frame_place(frame, rank);
    *rotation = NULL;
    TRN_TRY(trn_alloc_zero(rotation, 1, sizeof **rotation, "a rotation"));
    trn_rotation_t *r = *rotation;
    r->type = p->type;
    r->transposed[0] = p->transpose_a;
    r->transposed[1] = p->transpose_b;
    r->broadcast = way->broadcast;
    r->off_node = way->off_node;
    r->size = trn_matrix_type_size(p->type);
    r->threads = way->threads;
    r->rows = frame->rows[place.row];
    r->cols = frame->cols[place.col];
    r->operand[0] = see(&frame->a, p->transpose_a, r->rows, way->row, place.row);
    r->operand[1] = see(&frame->b, !p->transpose_b, r->cols, way->col, place.col);
    trn_status_t status = alloc_operand(&r->operand[0], way->a_blocks);
    if (status == TRN_OK) status = alloc_operand(&r->operand[1], way->b_blocks);
    if (status == TRN_OK) status = plan_panels(r, frame, rank);
    for (int which = 0; which < 2 && status == TRN_OK; which++)
        r->operand[which].starts = most_starts(r, which);
    if (status != TRN_OK) trn_rotation_destroy(rotation);
    return status;
}

void trn_rotation_destroy(trn_rotation_t **rotation) {
    if (!*rotation) return;
    for (int which = 0; which < 2; which++) {
        operand_t *o = &(*rotation)->operand[which];
        trn_free(&o->home);
        trn_free(&o->passed);
        for (int i = 0; i < TRN_ROTATION_SLOTS; i++)
            trn_free(&o->sends[i]);
    }
    trn_free(&(*rotation)->panels);
    trn_free(&(*rotation)->runs);
    trn_free(rotation);
}

bool trn_rotation_scattered(const trn_rotation_t *r) {
    for (int64_t s = 0; s < r->panel_count; s++)
        if (r->panels[s].runs > 1) return true;
    return false;
}
