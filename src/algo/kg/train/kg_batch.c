/* kg_batch.c: the rows of a batch, and the queries that are made of them. */
#include "algo/kg/train/kg_batch.h"

#include "algo/kg/train/kg_batch_impl.h"
#include "base/mem.h"
#include "kern/dense/blas.h"
#include "kern/train/drop.h"
#include "mpi/dist.h"

#include <string.h>

enum { COLUMN_OF_RELATION = 1 << 20 /* dropout draws an entity's numbers before it */ };

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* An array of a batch: one table allocates, frees and counts them all. */
typedef struct part {
    void *pointer; /* T** */
    int64_t count;
    size_t size;
    bool shared; /* in the window, for others to read */
} part_t;

enum { MOST_PARTS = 32 };

static int64_t own_rows(const trn_kg_batch_t *b) {
    return b->state->own_blocks * b->state->rows + trn_kg_relation_rows(&b->state->header);
}

/* Returns how many arrays there are. */
static int parts_of(trn_kg_batch_t *b, part_t part[MOST_PARTS]) {
    trn_kg_draws_t *r = &b->draws;
    trn_kg_vectors_t *v = &b->v;
    trn_kg_gradients_t *g = &b->g;
    trn_kg_exchange_t *x = &b->exchange;
    trn_kg_lists_t *l = &b->lists;
    const trn_kg_options_t *o = &b->state->options;
    bool several = b->state->ranks > 1, dropout = o->entity_dropout > 0 || o->relation_dropout > 0;
    int64_t n = b->epoch.size, ids = b->each * n + r->count, d = b->dim, rw = b->relation_width;
    int64_t second = b->epoch.most_pieces * b->second_width, pieces = b->epoch.most_pieces;
    int64_t projected = b->state->header.model->project ? b->each * n * b->width : 0;
    const part_t all[] = {
        {&v->id, ids, sizeof *v->id, false},
        {&v->rows, ids * d, sizeof(float), false},
        {&v->relation, n * rw, sizeof(float), false},
        {&v->projected, projected, sizeof(float), false},
        {&v->query, n * b->width, sizeof(float), false},
        {&v->kept, dropout ? n * (d + rw) : 0, 1, false},
        {&g->query, n * b->width, sizeof(float), false},
        {&g->projected, projected, sizeof(float), false},
        {&r->maker, r->most, sizeof *r->maker, false},
        {&x->maker, (n + b->epoch.tile - 1) / b->epoch.tile, sizeof *x->maker, false},
        {&x->owner, ids, sizeof *x->owner, false},
        {&x->place, ids, sizeof *x->place, false},
        {&x->route, several ? ids : 0, sizeof *x->route, false},
        {&x->counts, 4 * (int64_t)b->state->ranks, sizeof *x->counts, false},
        {&x->second, pieces, sizeof *x->second, false},
        {&x->visitor, several ? second : 0, sizeof(float), false},
        {&x->g_second, second, sizeof(float), false},
        {&x->requests, pieces, sizeof *x->requests, false},
        {&l->head, own_rows(b), sizeof *l->head, false},
        {&l->next, ids, sizeof *l->next, false},
        {&l->sum, larger(larger(d, rw), b->second_width), sizeof(float), false},
        {&x->needed, several ? ids * d : 0, sizeof(float), true},
        {&g->rows, b->each * n * d, sizeof(float), true},
        {&g->relation, n * rw, sizeof(float), true},
        {&r->partial, r->most * r->count * d, sizeof(float), true}};
    _Static_assert(sizeof all / sizeof *all <= MOST_PARTS, "there is room for all arrays");
    memcpy(part, all, sizeof all);
    return sizeof all / sizeof *all;
}

static void batch_shape(trn_kg_batch_t *b, trn_kg_state_t *state, int64_t triples,
                        const trn_kg_batch_plan_t *plan) {
    const trn_kg_header_t *h = &state->header;
    *b = (trn_kg_batch_t){.state = state,
                          .each = state->options.all_answers ? 1 : 2 + state->options.self_negative,
                          .draws = {.count = plan->negatives, .most = plan->partials},
                          .dim = h->shape.dim,
                          .width = h->model->query_width(&h->shape),
                          .relation_width = h->model->relation_width(&h->shape),
                          .second_width = h->model->second_width(&h->shape)};
    trn_kg_epoch_shape(&b->epoch, state, triples, plan->tile);
}

trn_status_t trn_kg_batch_create(trn_kg_batch_t *b, trn_kg_state_t *state, const trn_kg_t *kg,
                                 const trn_kg_batch_plan_t *plan) {
    part_t part[MOST_PARTS];
    batch_shape(b, state, kg->triples[TRN_TRAIN], plan);
    int parts = parts_of(b, part);
    for (int i = 0; i < parts; i++)
        if (!part[i].shared)
            TRN_TRY(trn_alloc(part[i].pointer, part[i].count, part[i].size, "a batch of training"));
    for (int64_t i = 0; i < own_rows(b); i++)
        b->lists.head[i] = -1;
    return trn_kg_epoch_create(&b->epoch, state, kg);
}

static int64_t aligned(const part_t *part) {
    int64_t bytes = part->count * (int64_t)part->size;
    return (bytes + TRN_ALIGNMENT - 1) / TRN_ALIGNMENT * TRN_ALIGNMENT;
}

trn_status_t trn_kg_batch_open(trn_kg_batch_t *b) {
    trn_kg_exchange_t *x = &b->exchange;
    part_t part[MOST_PARTS];
    int64_t bytes = 0;
    int parts = parts_of(b, part);
    for (int i = 0; i < parts; i++)
        if (part[i].shared) bytes += aligned(&part[i]);
    TRN_TRY(trn_kg_window_create(&x->window, b->state->comm, bytes));
    char *at = x->window.own;
    for (int i = 0; i < parts; i++) {
        if (!part[i].shared) continue;
        *(void **)part[i].pointer = at;
        at += aligned(&part[i]);
    }
    MPI_Type_contiguous((int)b->dim, MPI_FLOAT, &x->row);
    MPI_Type_commit(&x->row);
    return TRN_OK;
}

void trn_kg_batch_free(trn_kg_batch_t *b) {
    part_t part[MOST_PARTS];
    if (!b->state) return;
    for (int i = 0, parts = parts_of(b, part); i < parts; i++)
        if (!part[i].shared) trn_free(part[i].pointer);
    trn_kg_epoch_free(&b->epoch);
    trn_kg_window_free(&b->exchange.window);
    if (b->exchange.row) MPI_Type_free(&b->exchange.row);
}

void trn_kg_batch_take(trn_ledger_t *ledger, const trn_kg_state_t *shape, int64_t triples,
                       const trn_kg_batch_plan_t *plan) {
    trn_kg_state_t state = *shape; /* a batch points to one that it may change */
    trn_kg_batch_t b;
    part_t part[MOST_PARTS];
    batch_shape(&b, &state, triples, plan);
    int parts = parts_of(&b, part);
    for (int i = 0; i < parts; i++)
        if (!part[i].shared) trn_ledger_take(ledger, "batch", part[i].count, (int64_t)part[i].size);
    trn_kg_epoch_plan(ledger, &b.epoch, state.ranks);
    for (int i = 0; i < parts; i++)
        if (part[i].shared) trn_ledger_take(ledger, "shared", aligned(&part[i]), 1);
    trn_ledger_take(ledger, "libraries", trn_blas_bytes((int64_t)sizeof(float), plan->tile, b.dim),
                    1);
}

/* The entities whose rows the batch needs, and who trains its tiles. */
static void list_ids(trn_kg_batch_t *b) {
    const trn_kg_epoch_t *e = &b->epoch;
    int64_t tiles = trn_kg_epoch_tiles(e), ids = 0;
    int32_t *id = b->v.id;
    for (int64_t i = 0; i < tiles; i++)
        b->exchange.maker[i] = (int)trn_part_of(tiles, b->state->ranks, i);
    for (int64_t i = 0; i < e->now; i++)
        id[ids++] = e->query[e->pick[i]].known;
    for (int64_t i = 0; e->single && i < e->now; i++)
        id[ids++] = e->label[e->query[e->pick[i]].first];
    for (int64_t i = 0; b->each == 3 && i < e->now; i++)
        id[ids++] = id[i];
    uint32_t words[4];
    for (int64_t j = 0; j < b->draws.count; j++)
        id[ids + j] = trn_kg_negative(b->state, j, words);
}

void trn_kg_batch_pick(trn_kg_batch_t *b, int64_t first) {
    bool project = b->state->header.model->project != NULL;
    trn_kg_epoch_pick(&b->epoch, b->state, first);
    list_ids(b);
    trn_kg_batch_fetch(b);
    int64_t part = b->epoch.now * b->width;
    b->v.known = project ? b->v.projected : b->v.rows;
    b->v.answer = b->v.known + part;
    b->v.self = b->v.answer + part;
    b->g.compared = (project ? b->g.projected : b->g.rows) + part;
    b->draws.rows = b->v.rows + b->each * b->epoch.now * b->dim;
}

/* Drop numbers of a query's row with this probability and raise the others; kept: which. */
static void drop(const trn_kg_batch_t *b, int64_t query, uint32_t column, double probability,
                 int64_t width, float *row, uint8_t *kept) {
    const trn_drop_t at = {.seed = b->state->options.seed,
                           .row = (uint64_t)query,
                           .column = column,
                           .step = (uint32_t)b->state->step,
                           .stream = TRN_RNG_KG_DROPOUT};
    trn_drop_row(&at, (uint32_t)(probability * 65536), (float)(1 / (1 - probability)), width, row,
                 kept);
}

static void drop_rows(trn_kg_batch_t *b, int64_t low, int64_t high) {
    const trn_kg_options_t *o = &b->state->options;
    int64_t d = b->dim, rw = b->relation_width;
    for (int64_t i = low; i < high; i++) {
        int64_t query = b->epoch.pick[i];
        uint8_t *kept = b->v.kept + i * (d + rw);
        drop(b, query, 0, o->entity_dropout, d, b->v.rows + i * d, kept);
        drop(b, query, COLUMN_OF_RELATION, o->relation_dropout, rw, b->v.relation + i * rw,
             kept + d);
    }
}

void trn_kg_batch_query(trn_kg_batch_t *b, int64_t low, int64_t high) {
    const trn_kg_state_t *s = b->state;
    const trn_model_t *model = s->header.model;
    const trn_model_shape_t *at = &s->header.shape;
    int64_t d = b->dim, rw = b->relation_width, w = b->width;
    for (int64_t i = low; i < high; i++)
        memcpy(b->v.relation + i * rw, s->relation + b->epoch.query[b->epoch.pick[i]].relation * rw,
               (size_t)rw * sizeof(float));
    if (s->options.entity_dropout > 0 || s->options.relation_dropout > 0) drop_rows(b, low, high);
    for (int64_t p = 0; p < b->epoch.pieces; p++) {
        int64_t i = b->epoch.piece[p].start, n = b->epoch.piece[p].end - i;
        if (i < low || i >= high) continue;
        const trn_kg_labeled_t *q = &b->epoch.query[b->epoch.pick[i]];
        if (model->project) {
            for (int64_t j = i; j < b->each * b->epoch.now; j += b->epoch.now)
                model->project(at, b->exchange.second[p], n, b->v.rows + j * d, b->v.known + j * w);
        }
        model->query(at, (trn_side_t)q->side, n, b->v.known + i * w, b->v.relation + i * rw,
                     b->v.query + i * w);
    }
    memset(b->g.query + low * w, 0, (size_t)((high - low) * w) * sizeof(float));
    for (int64_t j = low; j < (b->each - 1) * b->epoch.now; j += b->epoch.now)
        memset(b->g.compared + j * w, 0, (size_t)((high - low) * w) * sizeof(float));
}
