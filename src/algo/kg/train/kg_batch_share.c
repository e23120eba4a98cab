/* kg_batch_share.c: what ranks pass each other for a batch: the rows it needs, and what has come of
 * them. On one node they read it in place; a barrier before the reading is enough, because nobody
 * writes there again before the next but one. */
#include "algo/kg/train/kg_batch.h"

#include "mpi/dist.h"

#include <string.h>

static int64_t tiles(const trn_kg_batch_t *b) {
    return (b->now + b->tile - 1) / b->tile;
}

int64_t trn_kg_batch_tile(const trn_kg_batch_t *b, int64_t rank) {
    return trn_part_start(tiles(b), b->state->ranks, rank);
}

int trn_kg_batch_maker(const trn_kg_batch_t *b, int64_t question) {
    return b->maker[question / b->tile];
}

/* Where the rows of the batch lie: in whose hands, and where if in this rank's. */
static void find_places(trn_kg_batch_t *b, int64_t ids) {
    const trn_kg_state_t *s = b->state;
    uint32_t blocks = (uint32_t)s->blocks;
    for (int64_t i = 0; i < ids; i++) {
        uint32_t id = (uint32_t)b->id[i], block = id % blocks;
        b->owner[i] = s->owner[block];
        b->place[i] = b->owner[i] == s->rank
                          ? ((int64_t)block - s->first_block) * s->rows + (int64_t)(id / blocks)
                          : -1;
    }
}

/* The one rank that needs row id[i], or -1: all do. */
static int needs(const trn_kg_batch_t *b, int64_t i) {
    if (i >= b->each * b->now || (i < b->now && b->drawn == 0)) return -1;
    return trn_kg_batch_maker(b, i % b->now);
}

/* Own rows that others need, for them to read. */
static void lay_out(trn_kg_batch_t *b, int64_t ids) {
    const trn_kg_state_t *s = b->state;
    float *to = b->needed;
    for (int64_t i = 0; i < ids; i++) {
        if (b->place[i] < 0 || needs(b, i) == s->rank) continue;
        memcpy(to, s->entity + b->place[i] * b->dim, (size_t)b->dim * sizeof *to);
        to += b->dim;
    }
}

static void pick_up(trn_kg_batch_t *b, int64_t ids) {
    const trn_kg_state_t *s = b->state;
    const float *from[s->ranks];
    for (int r = 0; r < s->ranks; r++)
        from[r] = trn_kg_desk_of(&b->desk, r, b->needed);
    for (int64_t i = 0; i < ids; i++) {
        int owner = b->owner[i], by = needs(b, i);
        const float *row = from[owner];
        if (owner == s->rank)
            row = s->entity + b->place[i] * b->dim;
        else if (by != owner)
            from[owner] += b->dim;
        if (by < 0 || by == s->rank)
            memcpy(b->rows + i * b->dim, row, (size_t)b->dim * sizeof *row);
    }
}

/* Second rows, which may be matrices, go from their owners to those who train pieces with them, and
 * their gradients the way back, each in a message of its own. */
typedef enum way { TO_MAKER = 1, TO_OWNER } way_t;

static void carry(trn_kg_batch_t *b, way_t way) {
    const trn_kg_state_t *s = b->state;
    int count = 0, width = (int)b->second_width;
    for (int64_t p = 0; p < b->pieces; p++) {
        int64_t relation = b->question[b->pick[b->piece[p].start]].relation;
        int maker = trn_kg_batch_maker(b, b->piece[p].start);
        int owner = trn_kg_second_owner(s, relation), from = way == TO_MAKER ? owner : maker;
        int to = way == TO_MAKER ? maker : owner;
        float *own = trn_kg_own_second(s, s->second, width, relation);
        float *row = way == TO_OWNER ? b->g_second + p * width : own ? own : b->visitor + p * width;
        if (way == TO_MAKER && maker == s->rank) b->second[p] = row;
        if (from == to) continue;
        if (from == s->rank)
            MPI_Isend(row, width, MPI_FLOAT, to, way, s->comm, &b->requests[count++]);
        else if (to == s->rank)
            MPI_Irecv(row, width, MPI_FLOAT, from, way, s->comm, &b->requests[count++]);
    }
    MPI_Waitall(count, b->requests, MPI_STATUSES_IGNORE);
}

void trn_kg_batch_fetch(trn_kg_batch_t *b) {
    int64_t ids = b->each * b->now + b->drawn;
    find_places(b, ids);
    if (b->second_width > 0) carry(b, TO_MAKER);
    if (b->state->ranks > 1 && !b->desk.shared) {
        trn_kg_batch_pass_rows(b);
        return;
    }
    if (b->state->ranks > 1) {
        lay_out(b, ids);
        MPI_Barrier(b->state->comm);
    }
    pick_up(b, ids);
}

void trn_kg_batch_share(trn_kg_batch_t *b) {
    if (b->second_width > 0) carry(b, TO_OWNER);
    if (b->desk.shared)
        MPI_Barrier(b->state->comm);
    else if (b->state->ranks > 1)
        trn_kg_batch_pass_gradients(b);
}
