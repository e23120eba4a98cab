/* kg_batch_pass.c: what ranks pass each other for a batch where they are not all on one node.
 * Candidates go to all ranks and the gradients of relations too; any other row, and any gradient of
 * one, only to the rank that needs it, so that more ranks are sent less each. */
#include "algo/kg/train/kg_batch.h"

#include <string.h>

/* Rows on their way: item i of [first, first + count) from one rank to another, or to itself. */
typedef struct passage {
    int64_t first, count;
    int (*from)(const trn_kg_batch_t *, int64_t i);
    int (*to)(const trn_kg_batch_t *, int64_t i);
    const float *(*source)(const trn_kg_batch_t *, int64_t i);
    float *(*goal)(const trn_kg_batch_t *, int64_t i);
    float *in; /* [rows that come, at most `count`] */
} passage_t;

static void copy_row(const trn_kg_batch_t *b, const float *from, float *to) {
    if (to != from) memcpy(to, from, (size_t)b->dim * sizeof *to);
}

static void put_end_to_end(const int *counts, int ranks, int *start) {
    for (int r = 0, at = 0; r < ranks; at += counts[r++])
        start[r] = at;
}

/* Both sides count, pack and unpack in the order of items. */
static void pass(const trn_kg_batch_t *b, const passage_t *p) {
    int ranks = b->state->ranks, rank = b->state->rank;
    int *out = b->counts, *out_start = out + ranks, *in = out + 2 * ranks, *in_start = in + ranks;
    int64_t d = b->dim, end = p->first + p->count;
    memset(out, 0, 4 * (size_t)ranks * sizeof *out);
    for (int64_t i = p->first; i < end; i++) {
        int from = p->from(b, i), to = p->to(b, i);
        out[to] += from == rank && to != rank;
        in[from] += to == rank && from != rank;
    }
    put_end_to_end(out, ranks, out_start);
    put_end_to_end(in, ranks, in_start);
    for (int64_t i = p->first; i < end; i++) {
        int to = p->to(b, i);
        if (p->from(b, i) != rank) continue;
        copy_row(b, p->source(b, i), to == rank ? p->goal(b, i) : b->needed + out_start[to]++ * d);
    }
    put_end_to_end(out, ranks, out_start);
    MPI_Alltoallv(b->needed, out, out_start, b->row, p->in, in, in_start, b->row, b->state->comm);
    for (int64_t i = p->first; i < end; i++) {
        int from = p->from(b, i);
        if (p->to(b, i) == rank && from != rank)
            copy_row(b, p->in + in_start[from]++ * d, p->goal(b, i));
    }
}

static int owner(const trn_kg_batch_t *b, int64_t i) {
    return b->owner[i];
}

static int maker(const trn_kg_batch_t *b, int64_t i) {
    return trn_kg_batch_maker(b, i % b->now);
}

static const float *own_row(const trn_kg_batch_t *b, int64_t i) {
    return b->state->entity + b->place[i] * b->dim;
}

static float *fetched_row(const trn_kg_batch_t *b, int64_t i) {
    return b->rows + i * b->dim;
}

static float *gradient(const trn_kg_batch_t *b, int64_t i) {
    return b->g_row + i * b->dim;
}

static const float *made_gradient(const trn_kg_batch_t *b, int64_t i) {
    return gradient(b, i);
}

/* Item i is row i of the branches, end to end. */
static int grower(const trn_kg_batch_t *b, int64_t i) {
    return b->grower[i / b->drawn];
}

static int candidate_owner(const trn_kg_batch_t *b, int64_t i) {
    return b->owner[b->each * b->now + i % b->drawn];
}

static float *branch_row(const trn_kg_batch_t *b, int64_t i) {
    return b->branch + i * b->dim;
}

static const float *grown_row(const trn_kg_batch_t *b, int64_t i) {
    return branch_row(b, i);
}

/* Rows [first, first + count) from their owners to all. */
static void spread(const trn_kg_batch_t *b, int64_t first, int64_t count) {
    int ranks = b->state->ranks, *counts = b->counts, *start = counts + ranks;
    memset(counts, 0, (size_t)ranks * sizeof *counts);
    for (int64_t i = first; i < first + count; i++)
        counts[b->owner[i]]++;
    put_end_to_end(counts, ranks, start);
    float *to = b->needed + start[b->state->rank] * b->dim;
    for (int64_t i = first; i < first + count; i++) {
        if (b->place[i] < 0) continue;
        copy_row(b, own_row(b, i), to);
        to += b->dim;
    }
    MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, b->needed, counts, start, b->row,
                   b->state->comm);
    for (int64_t i = first; i < first + count; i++)
        copy_row(b, b->needed + start[b->owner[i]]++ * b->dim, fetched_row(b, i));
}

void trn_kg_batch_pass_rows(trn_kg_batch_t *b) {
    int64_t rows = b->each * b->now, for_all = b->drawn > 0 ? 0 : b->now;
    if (b->drawn > 0)
        spread(b, rows, b->drawn);
    else
        spread(b, 0, for_all); /* every rank makes all queries */
    const passage_t others = {for_all, rows - for_all, owner,   maker,
                              own_row, fetched_row,    b->g_row};
    pass(b, &others);
}

/* The gradients of relations, of every question, on every rank. */
static void spread_relations(const trn_kg_batch_t *b) {
    int ranks = b->state->ranks, *counts = b->counts, *start = counts + ranks;
    for (int r = 0; r < ranks; r++) {
        int64_t first = trn_kg_batch_tile(b, r) * b->tile;
        int64_t end = trn_kg_batch_tile(b, r + 1) * b->tile;
        first = first < b->now ? first : b->now;
        end = end < b->now ? end : b->now;
        counts[r] = (int)((end - first) * b->relation_width);
        start[r] = (int)(first * b->relation_width);
    }
    MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, b->g_relation, counts, start, MPI_FLOAT,
                   b->state->comm);
}

void trn_kg_batch_pass_gradients(trn_kg_batch_t *b) {
    for (int64_t g = 0; g < b->grown; g++) {
        const passage_t branch = {g * b->drawn, b->drawn,   grower, candidate_owner,
                                  grown_row,    branch_row, b->rows};
        pass(b, &branch);
    }
    const passage_t rows = {0, b->each * b->now, maker, owner, made_gradient, gradient, b->rows};
    pass(b, &rows);
    spread_relations(b);
}
