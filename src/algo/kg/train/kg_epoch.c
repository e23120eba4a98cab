/* kg_epoch.c: the order of queries. It is decided by seed and epoch alone, never by ranks. */
#include "algo/kg/train/kg_epoch.h"

#include "base/mem.h"
#include "base/rng.h"
#include "mpi/dist.h"

#include <stdlib.h>
#include <string.h>

enum {
    RUN = 32,  /* queries of one relation that stay together where the model projects */
    AHEAD = 16 /* batches whose queries are looked up at a time */
};

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

void trn_kg_epoch_shape(trn_kg_epoch_t *e, const trn_kg_state_t *state, int64_t triples,
                        int64_t tile) {
    const trn_kg_header_t *h = &state->header;
    int ranks = state->ranks;
    *e = (trn_kg_epoch_t){.labels = 2 * triples,
                          .single = !state->options.all_answers,
                          .size = smaller(state->options.batch, 2 * triples),
                          .tile = tile,
                          .ahead.epoch = -1};
    /* a batch or more for each rank, or else one: the parts of ranks are whole batches */
    e->ahead.most = ranks < AHEAD ? AHEAD / ranks * ranks : AHEAD;
    /* pieces begin where side or relation changes (they are sorted), or a tile */
    int64_t kinds = h->model->project ? 2 * trn_kg_relation_rows(h) : 2;
    e->most_pieces = smaller(e->size, kinds) + (e->size + tile - 1) / tile;
}

static int compare3(const int32_t a[3], const int32_t b[3]) {
    for (int i = 0; i < 3; i++)
        if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
    return 0;
}

static int by_head(const void *a, const void *b) {
    const trn_triple_t *p = a, *q = b;
    return compare3((int32_t[3]){p->relation, p->head, p->tail},
                    (int32_t[3]){q->relation, q->head, q->tail});
}

static int by_tail(const void *a, const void *b) {
    const trn_triple_t *p = a, *q = b;
    return compare3((int32_t[3]){p->relation, p->tail, p->head},
                    (int32_t[3]){q->relation, q->tail, q->head});
}

static bool same_query(const trn_kg_labeled_t *a, const trn_kg_labeled_t *b) {
    return a->side == b->side && a->relation == b->relation && a->known == b->known;
}

/* The query of one triple, whose answer is label `at`; with all answers together it may be the last
 * query again. */
static void add_query(trn_kg_epoch_t *e, const trn_kg_header_t *header, const trn_triple_t *t,
                      bool head, int64_t at) {
    trn_side_t side = head ? TRN_SIDE_HEAD : TRN_SIDE_TAIL;
    int64_t row = trn_kg_query_row(header, t->relation, &side);
    trn_kg_labeled_t q = {(int32_t)side, (int32_t)row, head ? t->tail : t->head, 1, at};
    e->label[at] = head ? t->head : t->tail;
    if (!e->single && e->count > 0 && same_query(&q, &e->query[e->count - 1]))
        e->query[e->count - 1].labels++;
    else
        e->query[e->count++] = q;
}

/* Both queries of every triple, by side, relation row, known entity and answer: those for heads
 * come last, reciprocal relations too having the higher rows. Triples are sorted, as they are
 * smaller. */
static void sort_queries(trn_kg_epoch_t *e, const trn_kg_header_t *header, trn_triple_t *triples) {
    int64_t count = e->labels / 2;
    for (int head = 0; head < 2; head++) {
        qsort(triples, (size_t)count, sizeof *triples, head ? by_tail : by_head);
        for (int64_t i = 0; i < count; i++)
            add_query(e, header, &triples[i], head, head * count + i);
    }
}

trn_status_t trn_kg_epoch_create(trn_kg_epoch_t *e, trn_kg_state_t *state, const trn_kg_t *kg) {
    int64_t count = e->labels / 2;
    trn_triple_t *triples = NULL;
    if (count < 1) return trn_fail(TRN_INPUT, "/train: no triples to train on");
    TRN_TRY(trn_alloc(&e->query, e->labels, sizeof *e->query, "queries"));
    TRN_TRY(trn_alloc(&e->label, e->labels, sizeof *e->label, "answers"));
    TRN_TRY(trn_alloc(&e->piece, e->most_pieces, sizeof *e->piece, "pieces of a batch"));
    TRN_TRY(trn_alloc(&e->ahead.query, e->ahead.most * e->size, sizeof *e->ahead.query,
                      "queries of a batch"));
    TRN_TRY(
        trn_alloc(&e->ahead.counts, 2 * (int64_t)state->ranks, sizeof *e->ahead.counts, "counts"));
    TRN_TRY(trn_alloc(&triples, count, sizeof *triples, "training triples"));
    trn_status_t status = trn_kg_read(kg, TRN_TRAIN, 0, count, triples);
    if (status == TRN_OK) sort_queries(e, &state->header, triples);
    state->span = e->count;
    trn_free(&triples);
    return status;
}

void trn_kg_epoch_free(trn_kg_epoch_t *e) {
    trn_free(&e->query);
    trn_free(&e->label);
    trn_free(&e->piece);
    trn_free(&e->ahead.query);
    trn_free(&e->ahead.counts);
}

void trn_kg_epoch_plan(trn_ledger_t *ledger, const trn_kg_epoch_t *e, int ranks) {
    trn_ledger_take(ledger, "queries", e->labels, (int64_t)(sizeof *e->query + sizeof *e->label));
    trn_ledger_take(ledger, "batch", e->most_pieces, (int64_t)sizeof *e->piece);
    trn_ledger_take(ledger, "batch", e->ahead.most * e->size, (int64_t)sizeof *e->ahead.query);
    trn_ledger_take(ledger, "batch", 2 * (int64_t)ranks, (int64_t)sizeof *e->ahead.counts);
    /* triples, which qsort copies; meanwhile the batch is not touched, and half of the queries */
    trn_ledger_pass(ledger, "queries", e->labels / 2, (int64_t)sizeof(trn_triple_t));
}

/* A number that decides the order of queries in this epoch. */
static uint64_t order_of(const trn_kg_state_t *state) {
    uint32_t words[4];
    trn_rng_words(state->options.seed, (uint64_t)state->epoch, 0, 0, TRN_RNG_KG_ORDER, words);
    return (uint64_t)words[0] << 32 | words[1];
}

/* Where the queries of one side and relation, and with `known` of one known entity, begin or end.
 */
static int64_t border(const trn_kg_epoch_t *e, const trn_kg_labeled_t *like, bool known, bool end) {
    int64_t low = 0, high = e->count;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        const trn_kg_labeled_t *q = &e->query[middle];
        int order = q->side != like->side ? q->side - like->side : q->relation - like->relation;
        if (order == 0 && known) order = q->known - like->known;
        if (order < 0 || (end && order == 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int64_t trn_kg_epoch_answers(const trn_kg_epoch_t *e, int64_t i, const int32_t **answer) {
    const trn_kg_labeled_t *q = &e->query[e->pick[i]];
    *answer = e->label + q->first;
    if (!e->single) return q->labels;
    int64_t first = border(e, q, true, false); /* a query a label */
    *answer = e->label + first;
    return border(e, q, true, true) - first;
}

/* The query that comes in place `at` of the epoch. A projection of the candidates is made for each
 * relation of a batch: so for models that project runs of a relation's queries, in an order of
 * their own in every epoch, are shuffled in place of queries. */
static int64_t query_at(const trn_kg_epoch_t *e, bool project, uint64_t order, int64_t at) {
    if (!project) return trn_rng_permuted(order, e->count, at);
    int64_t runs = e->count / RUN;
    if (at < runs * RUN) at = trn_rng_permuted(order, runs, at / RUN) * RUN + at % RUN;
    const trn_kg_labeled_t *q = &e->query[at];
    int64_t first = border(e, q, false, false), count = border(e, q, false, true) - first;
    return first + trn_rng_permuted(order ^ (uint64_t)first, count, at - first);
}

static int ascending(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Look up the queries of the batches from place `first` on, each rank those of some batches. */
static void look_ahead(trn_kg_epoch_t *e, const trn_kg_state_t *s, int64_t first) {
    trn_kg_ahead_t *ahead = &e->ahead;
    uint64_t order = order_of(s);
    bool project = s->header.model->project != NULL;
    int *counts = ahead->counts, *starts = counts + s->ranks;
    int64_t left = e->count - first;
    int64_t batches = smaller((left + e->size - 1) / e->size, ahead->most);
    for (int r = 0; r < s->ranks; r++) {
        int64_t low = trn_part_start(batches, s->ranks, r) * e->size;
        int64_t high = smaller(left, trn_part_start(batches, s->ranks, r + 1) * e->size);
        counts[r] = (int)larger(high - low, 0);
        starts[r] = (int)low;
    }
    int64_t *own = ahead->query + starts[s->rank], count = counts[s->rank];
    for (int64_t i = 0; i < count; i++)
        own[i] = query_at(e, project, order, first + (own - ahead->query) + i);
    for (int64_t i = 0; i < count; i += e->size)
        qsort(own + i, (size_t)smaller(e->size, count - i), sizeof *own, ascending);
    if (s->ranks > 1)
        MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, ahead->query, counts, starts,
                       MPI_INT64_T, s->comm);
    ahead->epoch = s->epoch;
    ahead->first = first;
    ahead->end = smaller(e->count, first + batches * e->size);
}

static void cut_pieces(trn_kg_epoch_t *e, bool project) {
    e->pieces = 0;
    for (int64_t i = 0, end; i < e->now; i = end) {
        const trn_kg_labeled_t *q = &e->query[e->pick[i]];
        int64_t tile_end = smaller(e->now, (i / e->tile + 1) * e->tile);
        for (end = i + 1; end < tile_end; end++) {
            const trn_kg_labeled_t *other = &e->query[e->pick[end]];
            if (other->side != q->side || (project && other->relation != q->relation)) break;
        }
        e->piece[e->pieces++] = (trn_kg_piece_t){i, end};
    }
}

void trn_kg_epoch_pick(trn_kg_epoch_t *e, const trn_kg_state_t *state, int64_t first) {
    trn_kg_ahead_t *ahead = &e->ahead;
    if (ahead->epoch != state->epoch || first < ahead->first || first >= ahead->end)
        look_ahead(e, state, first);
    e->pick = ahead->query + (first - ahead->first);
    e->now = smaller(e->size, e->count - first);
    cut_pieces(e, state->header.model->project != NULL);
}

int64_t trn_kg_epoch_tiles(const trn_kg_epoch_t *e) {
    return (e->now + e->tile - 1) / e->tile;
}

int64_t trn_kg_epoch_tile(const trn_kg_epoch_t *e, int64_t ranks, int64_t rank) {
    return trn_part_start(trn_kg_epoch_tiles(e), ranks, rank);
}
