#include "algo/kg/buckets/kg_placement.h"

#include "base/mem.h"
#include "mpi/dist.h"
#include "mpi/gather.h"
#include "mpi/watch.h"

#include <string.h>

enum { CHUNK_FLOATS = 1 << 21 /* of all slots together */ };

static int64_t row_floats(const trn_kg_placement_t *p) {
    return p->width[0] + p->width[1] + p->width[2];
}

static void shape(trn_kg_placement_t *p, const trn_kg_state_t *s, int64_t slots, int64_t most) {
    p->slots = slots;
    p->width[0] = s->header.shape.dim;
    p->width[1] = trn_kg_moment_width(s->options.optimiser, 0, p->width[0]);
    p->width[2] = trn_kg_moment_width(s->options.optimiser, 1, p->width[0]);
    p->chunk = CHUNK_FLOATS / (row_floats(p) * most);
    if (p->chunk > s->rows) p->chunk = s->rows;
    if (p->chunk < 1) p->chunk = 1;
}

static int64_t more_slots(const trn_kg_state_t *s, int64_t slots) {
    return slots > s->own_blocks ? slots - s->own_blocks : 0;
}

/* One rank alone moves nothing. */
static int64_t buffer_floats(const trn_kg_placement_t *p, const trn_kg_state_t *s) {
    return s->ranks > 1 ? p->slots * p->chunk * row_floats(p) : 0;
}

void trn_kg_placement_plan(trn_ledger_t *ledger, const trn_kg_state_t *s, int64_t slots,
                           int64_t most) {
    enum { PLACE = 20, SLOT = 24 /* bytes of a block and of a slot */ };
    trn_kg_placement_t p = {0};
    shape(&p, s, slots, most);
    const int64_t number = (int64_t)sizeof(float);
    trn_ledger_take(ledger, "visitors", more_slots(s, slots) * s->rows * row_floats(&p), number);
    trn_ledger_take(ledger, "visitors", 2 * buffer_floats(&p, s), number);
    trn_ledger_take(ledger, "visitors", s->blocks, PLACE);
    trn_ledger_take(ledger, "visitors", slots, SLOT + 2 * (int64_t)sizeof(MPI_Request));
}

trn_status_t trn_kg_placement_create(trn_kg_placement_t *p, trn_kg_state_t *s, int64_t slots,
                                     int64_t most) {
    *p = (trn_kg_placement_t){.state = s};
    shape(p, s, slots, most);
    for (int i = 0; i < TRN_KG_PARTS; i++)
        TRN_TRY(trn_alloc_zero(&p->more[i], more_slots(s, slots) * s->rows * p->width[i],
                               sizeof(float), "visiting entity blocks"));
    TRN_TRY(trn_alloc(&p->rank, s->blocks, sizeof *p->rank, "places of blocks"));
    TRN_TRY(trn_alloc(&p->slot, s->blocks, sizeof *p->slot, "places of blocks"));
    TRN_TRY(trn_alloc(&p->next_slot, s->blocks, sizeof *p->next_slot, "places of blocks"));
    TRN_TRY(trn_alloc(&p->taken, slots, sizeof *p->taken, "places of blocks"));
    TRN_TRY(trn_alloc(&p->leaving, slots, sizeof *p->leaving, "places of blocks"));
    TRN_TRY(trn_alloc(&p->coming, slots, sizeof *p->coming, "places of blocks"));
    TRN_TRY(trn_alloc(&p->requests, 2 * slots, sizeof(MPI_Request), "messages"));
    TRN_TRY(trn_alloc(&p->out, buffer_floats(p, s), sizeof *p->out, "blocks on their way"));
    TRN_TRY(trn_alloc(&p->in, buffer_floats(p, s), sizeof *p->in, "blocks on their way"));
    for (int64_t i = 0; i < slots; i++)
        p->taken[i] = i < s->own_blocks ? s->first_block + i : -1;
    for (int64_t b = 0; b < s->blocks; b++) {
        p->rank[b] = (int)trn_part_of(s->blocks, s->ranks, b);
        p->slot[b] = p->rank[b] == s->rank ? b - s->first_block : -1;
    }
    return TRN_OK;
}

void trn_kg_placement_free(trn_kg_placement_t *p) {
    for (int i = 0; i < TRN_KG_PARTS; i++)
        trn_free(&p->more[i]);
    trn_free(&p->rank);
    trn_free(&p->slot);
    trn_free(&p->next_slot);
    trn_free(&p->taken);
    trn_free(&p->leaving);
    trn_free(&p->coming);
    trn_free(&p->requests);
    trn_free(&p->out);
    trn_free(&p->in);
}

static float *slot_part(const trn_kg_placement_t *p, int part, int64_t slot) {
    const trn_kg_state_t *s = p->state;
    if (p->width[part] == 0) return NULL;
    int64_t size = s->rows * p->width[part];
    if (slot >= s->own_blocks) return p->more[part] + (slot - s->own_blocks) * size;
    return (part == 0 ? s->entity : s->moments[0][part - 1]) + slot * size;
}

float *trn_kg_placement_part(const trn_kg_placement_t *p, int part, int64_t block) {
    return slot_part(p, part, p->slot[block]);
}

/* The entities that are asked for. */
typedef struct wanted {
    const trn_kg_placement_t *places;
    const int32_t *entity;
} wanted_t;

static const float *own_row(const void *user, int64_t i) {
    const wanted_t *w = user;
    const trn_kg_state_t *s = w->places->state;
    int64_t block = w->entity[i] % s->blocks;
    if (w->places->rank[block] != s->rank) return NULL;
    return slot_part(w->places, 0, w->places->slot[block]) +
           w->entity[i] / s->blocks * w->places->width[0];
}

void trn_kg_placement_gather(const trn_kg_placement_t *p, int64_t count, const int32_t *entity,
                             float *rows) {
    const wanted_t wanted = {p, entity};
    trn_gather_rows(p->state->comm, count, p->width[0], own_row, &wanted, rows);
}

/* Between rows [first, first + count) of a slot and a buffer, all parts one after the other. */
static void copy_rows(const trn_kg_placement_t *p, int64_t slot, int64_t first, int64_t count,
                      float *buffer, bool out) {
    for (int i = 0; i < TRN_KG_PARTS; i++) {
        if (p->width[i] == 0) continue;
        float *rows = slot_part(p, i, slot) + first * p->width[i];
        size_t bytes = (size_t)(count * p->width[i]) * sizeof *rows;
        memcpy(out ? buffer : rows, out ? rows : buffer, bytes);
        buffer += count * p->width[i];
    }
}

/* Who leaves its slot, and who comes to which one: a slot that is free, or will be. A block that
 * only changes its slot does both. */
static void plan(trn_kg_placement_t *p, const int *to, bool home, int64_t *leaving,
                 int64_t *coming) {
    const trn_kg_state_t *s = p->state;
    *leaving = *coming = 0;
    for (int64_t b = 0; b < s->blocks; b++) {
        bool here = p->rank[b] == s->rank, stays = here && to[b] == s->rank;
        p->next_slot[b] = stays ? p->slot[b] : -1;
        if (home && to[b] == s->rank) p->next_slot[b] = b - s->first_block;
        if (here && p->next_slot[b] != p->slot[b]) p->leaving[(*leaving)++] = b;
    }
    for (int64_t i = 0; i < *leaving; i++)
        p->taken[p->slot[p->leaving[i]]] = -1;
    for (int64_t b = 0, free = 0; b < s->blocks; b++) {
        if (to[b] != s->rank || (p->slot[b] >= 0 && p->next_slot[b] == p->slot[b])) continue;
        if (p->next_slot[b] < 0) {
            while (p->taken[free] >= 0)
                free++;
            p->next_slot[b] = free;
        }
        p->taken[p->next_slot[b]] = b;
        p->coming[(*coming)++] = b;
    }
}

/* One chunk of rows of all blocks on the move. Messages between two ranks go in the order of
 * blocks on both sides. */
static void pass(trn_kg_placement_t *p, const int *to, int64_t leaving, int64_t coming,
                 int64_t first, int64_t count) {
    MPI_Comm comm = p->state->comm;
    int64_t size = count * row_floats(p), posted = 0;
    for (int64_t i = 0; i < coming; i++)
        MPI_Irecv(p->in + i * size, (int)size, MPI_FLOAT, p->rank[p->coming[i]], 0, comm,
                  &p->requests[posted++]);
    for (int64_t i = 0; i < leaving; i++) {
        int64_t block = p->leaving[i];
        copy_rows(p, p->slot[block], first, count, p->out + i * size, true);
        MPI_Isend(p->out + i * size, (int)size, MPI_FLOAT, to[block], 0, comm,
                  &p->requests[posted++]);
    }
    MPI_Waitall((int)posted, p->requests, MPI_STATUSES_IGNORE);
    for (int64_t i = 0; i < coming; i++)
        copy_rows(p, p->next_slot[p->coming[i]], first, count, p->in + i * size, false);
}

void trn_kg_placement_move(trn_kg_placement_t *p, const int *to, bool home) {
    const trn_kg_state_t *s = p->state;
    int64_t leaving, coming;
    if (s->ranks == 1) return;
    plan(p, to, home, &leaving, &coming);
    for (int64_t first = 0; leaving + coming > 0 && first < s->rows; first += p->chunk) {
        int64_t count = p->chunk < s->rows - first ? p->chunk : s->rows - first;
        pass(p, to, leaving, coming, first, count);
        trn_watch_tick();
    }
    for (int64_t b = 0; b < s->blocks; b++) {
        p->rank[b] = to[b];
        p->slot[b] = p->next_slot[b];
    }
}
