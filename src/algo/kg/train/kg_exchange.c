/* kg_exchange.c: what ranks pass each other for a batch: the rows it needs, and what has come of
 * them.
 *
 * On one node ranks read it in place, in the window; a barrier before the reading is enough,
 * because nobody writes there again before the next but one. Between nodes it goes in messages:
 * candidates to all ranks and the gradients of relations too; any other row, and any gradient of
 * one, only to the rank that needs it, so that more ranks are sent less each. */
#include "algo/kg/train/kg_batch.h"

#include "algo/kg/train/kg_batch_impl.h"
#include "mpi/dist.h"

#include <string.h>

/* Where the rows of the batch lie: in whose hands, and where if in this rank's. */
static void find_places(trn_kg_batch_t *b, int64_t ids) {
    const trn_kg_state_t *s = b->state;
    trn_kg_exchange_t *x = &b->exchange;
    uint32_t blocks = (uint32_t)s->blocks;
    for (int64_t i = 0; i < ids; i++) {
        uint32_t id = (uint32_t)b->v.id[i], block = id % blocks;
        x->owner[i] = s->owner[block];
        x->place[i] = x->owner[i] == s->rank
                          ? ((int64_t)block - s->first_block) * s->rows + (int64_t)(id / blocks)
                          : -1;
    }
}

static const float *own_row(const trn_kg_batch_t *b, int64_t i) {
    return b->state->entity + b->exchange.place[i] * b->dim;
}

static void copy_row(const trn_kg_batch_t *b, const float *from, float *to) {
    if (to != from) memcpy(to, from, (size_t)b->dim * sizeof *to);
}

/* In place ------------------------------------------------------------------------------------- */

/* The one rank that needs row i of the batch, or -1: all do, as of candidates, and of known
 * entities where every rank makes all queries. */
static int needs(const trn_kg_batch_t *b, int64_t i) {
    int64_t now = b->epoch.now;
    if (i >= b->each * now || (i < now && b->draws.count == 0)) return -1;
    return trn_kg_batch_maker(b, i % now);
}

/* Own rows that others need, for them to read, in the order of the batch's rows. */
static void lay_out(trn_kg_batch_t *b, int64_t ids) {
    float *to = b->exchange.needed;
    for (int64_t i = 0; i < ids; i++) {
        if (b->exchange.place[i] < 0 || needs(b, i) == b->state->rank) continue;
        copy_row(b, own_row(b, i), to);
        to += b->dim;
    }
}

static void pick_up(trn_kg_batch_t *b, int64_t ids) {
    const trn_kg_state_t *s = b->state;
    const float *from[s->ranks];
    for (int r = 0; r < s->ranks; r++)
        from[r] = trn_kg_window_of(&b->exchange.window, r, b->exchange.needed);
    for (int64_t i = 0; i < ids; i++) {
        int owner = b->exchange.owner[i], by = needs(b, i);
        const float *row = from[owner];
        if (owner == s->rank)
            row = own_row(b, i);
        else if (by != owner)
            from[owner] += b->dim;
        if (by < 0 || by == s->rank) copy_row(b, row, b->v.rows + i * b->dim);
    }
}

/* In messages ---------------------------------------------------------------------------------- */

static void put_end_to_end(const int *counts, int ranks, int *start) {
    for (int r = 0, at = 0; r < ranks; at += counts[r++])
        start[r] = at;
}

/* Let the first `count` routes be gone; `in` has room for all rows that come. Both sides count,
 * pack and unpack in the order of routes. */
static void pass(const trn_kg_batch_t *b, int64_t count, float *in) {
    const trn_kg_exchange_t *x = &b->exchange;
    int ranks = b->state->ranks, rank = b->state->rank;
    int *out_count = x->counts, *out = out_count + ranks, *in_count = out + ranks,
        *at = in_count + ranks;
    memset(x->counts, 0, 4 * (size_t)ranks * sizeof *x->counts);
    for (int64_t i = 0; i < count; i++) {
        int from = x->route[i].from, to = x->route[i].to;
        out_count[to] += from == rank && to != rank;
        in_count[from] += to == rank && from != rank;
    }
    put_end_to_end(out_count, ranks, out);
    put_end_to_end(in_count, ranks, at);
    for (int64_t i = 0; i < count; i++) {
        const trn_kg_route_t *r = &x->route[i];
        if (r->from != rank) continue;
        copy_row(b, r->source, r->to == rank ? r->goal : x->needed + out[r->to]++ * b->dim);
    }
    put_end_to_end(out_count, ranks, out);
    MPI_Alltoallv(x->needed, out_count, out, x->row, in, in_count, at, x->row, b->state->comm);
    for (int64_t i = 0; i < count; i++) {
        const trn_kg_route_t *r = &x->route[i];
        if (r->to == rank && r->from != rank) copy_row(b, in + at[r->from]++ * b->dim, r->goal);
    }
}

/* Rows [first, first + count) from their owners to all. */
static void spread(const trn_kg_batch_t *b, int64_t first, int64_t count) {
    const trn_kg_exchange_t *x = &b->exchange;
    int ranks = b->state->ranks, *counts = x->counts, *start = counts + ranks;
    memset(counts, 0, (size_t)ranks * sizeof *counts);
    for (int64_t i = first; i < first + count; i++)
        counts[x->owner[i]]++;
    put_end_to_end(counts, ranks, start);
    float *to = x->needed + start[b->state->rank] * b->dim;
    for (int64_t i = first; i < first + count; i++) {
        if (x->place[i] < 0) continue;
        copy_row(b, own_row(b, i), to);
        to += b->dim;
    }
    MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, x->needed, counts, start, x->row,
                   b->state->comm);
    for (int64_t i = first; i < first + count; i++)
        copy_row(b, x->needed + start[x->owner[i]]++ * b->dim, b->v.rows + i * b->dim);
}

/* All rows to where they are needed: those of candidates, or else of known entities, to all ranks,
 * others to the rank that trains their query. g.rows, not yet in use, takes what comes. */
static void pass_rows(trn_kg_batch_t *b) {
    const trn_kg_exchange_t *x = &b->exchange;
    int64_t now = b->epoch.now, rows = b->each * now, first = b->draws.count > 0 ? 0 : now;
    if (b->draws.count > 0)
        spread(b, rows, b->draws.count);
    else
        spread(b, 0, now);
    for (int64_t i = first; i < rows; i++)
        x->route[i - first] =
            (trn_kg_route_t){x->owner[i], trn_kg_batch_maker(b, i % now),
                             x->place[i] < 0 ? NULL : own_row(b, i), b->v.rows + i * b->dim};
    pass(b, rows - first, b->g.rows);
}

/* The gradients of relations, of every query, on every rank. */
static void spread_relations(const trn_kg_batch_t *b) {
    const trn_kg_epoch_t *e = &b->epoch;
    int ranks = b->state->ranks, *counts = b->exchange.counts, *start = counts + ranks;
    for (int r = 0; r < ranks; r++) {
        int64_t first = trn_kg_epoch_tile(e, ranks, r) * e->tile;
        int64_t end = trn_kg_epoch_tile(e, ranks, r + 1) * e->tile;
        first = first < e->now ? first : e->now;
        end = end < e->now ? end : e->now;
        counts[r] = (int)((end - first) * b->relation_width);
        start[r] = (int)(first * b->relation_width);
    }
    MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, b->g.relation, counts, start, MPI_FLOAT,
                   b->state->comm);
}

/* Gradients to the owners of what they are of: of candidates each partial sum for itself, as their
 * sum has its own order; of queries' rows; of relations to all. v.rows, no longer in use, takes
 * what comes. */
static void pass_gradients(trn_kg_batch_t *b) {
    const trn_kg_exchange_t *x = &b->exchange;
    const trn_kg_draws_t *draws = &b->draws;
    int64_t now = b->epoch.now, rows = b->each * now;
    for (int64_t p = 0; p < draws->partials; p++) {
        float *sum = draws->partial + p * draws->count * b->dim;
        for (int64_t i = 0; i < draws->count; i++)
            x->route[i] = (trn_kg_route_t){draws->maker[p], x->owner[rows + i], sum + i * b->dim,
                                           sum + i * b->dim};
        pass(b, draws->count, b->v.rows);
    }
    for (int64_t i = 0; i < rows; i++)
        x->route[i] = (trn_kg_route_t){trn_kg_batch_maker(b, i % now), x->owner[i],
                                       b->g.rows + i * b->dim, b->g.rows + i * b->dim};
    pass(b, rows, b->v.rows);
    spread_relations(b);
}

/* Second rows ---------------------------------------------------------------------------------- */

/* Second rows, which may be matrices, go from their owners to those who train pieces with them, and
 * their gradients the way back, each in a message of its own. */
typedef enum way { TO_MAKER = 1, TO_OWNER } way_t;

static void carry(trn_kg_batch_t *b, way_t way) {
    const trn_kg_state_t *s = b->state;
    trn_kg_exchange_t *x = &b->exchange;
    int count = 0, width = (int)b->second_width;
    for (int64_t p = 0; p < b->epoch.pieces; p++) {
        int64_t first = b->epoch.piece[p].start;
        int64_t relation = b->epoch.query[b->epoch.pick[first]].relation;
        int maker = trn_kg_batch_maker(b, first), owner = trn_kg_second_owner(s, relation);
        int from = way == TO_MAKER ? owner : maker, to = way == TO_MAKER ? maker : owner;
        float *own = trn_kg_own_second(s, s->second, width, relation);
        float *row = way == TO_OWNER ? x->g_second + p * width : own ? own : x->visitor + p * width;
        if (way == TO_MAKER && maker == s->rank) x->second[p] = row;
        if (from == to) continue;
        if (from == s->rank)
            MPI_Isend(row, width, MPI_FLOAT, to, way, s->comm, &x->requests[count++]);
        else if (to == s->rank)
            MPI_Irecv(row, width, MPI_FLOAT, from, way, s->comm, &x->requests[count++]);
    }
    MPI_Waitall(count, x->requests, MPI_STATUSES_IGNORE);
}

void trn_kg_batch_fetch(trn_kg_batch_t *b) {
    int64_t ids = trn_kg_batch_ids(b);
    find_places(b, ids);
    if (b->second_width > 0) carry(b, TO_MAKER);
    if (b->state->ranks > 1 && !b->exchange.window.shared) {
        pass_rows(b);
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
    if (b->exchange.window.shared)
        MPI_Barrier(b->state->comm);
    else if (b->state->ranks > 1)
        pass_gradients(b);
}
