/* encoder.c: what an encoder holds: its numbers, hashes and room for its passes. */
#include "algo/kg/nodepiece/encoder.h"

#include "algo/kg/nodepiece/encoder_impl.h"
#include "base/mem.h"
#include "base/rng.h"
#include "kern/dense/blas.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/reduce.h"

#include <math.h>
#include <string.h>

enum { GROUPS = 8 /* of slots; more ranks stand aside in the first layer */ };

trn_encoder_shape_t trn_encoder_shape(const trn_nodepiece_hash_t *hash, int64_t piece,
                                      int64_t hidden, int64_t dim) {
    return (trn_encoder_shape_t){.anchors = hash->anchors + 1,
                                 .distances = hash->farthest + 1,
                                 .types = 2 * hash->relations + 1,
                                 .nearest = hash->nearest,
                                 .context = hash->context,
                                 .piece = piece,
                                 .hidden = hidden,
                                 .dim = dim};
}

int64_t trn_encoder_rows(const trn_encoder_shape_t *s, enum trn_encoder_part part) {
    switch (part) {
    case TRN_ENCODER_PIECE:
        return s->anchors + s->distances + s->types;
    case TRN_ENCODER_FIRST:
        return (s->nearest + s->context) * s->piece;
    case TRN_ENCODER_SECOND:
        return s->hidden;
    default:
        return 1;
    }
}

int64_t trn_encoder_width(const trn_encoder_shape_t *s, enum trn_encoder_part part) {
    switch (part) {
    case TRN_ENCODER_PIECE:
        return s->piece;
    case TRN_ENCODER_FIRST:
        return s->hidden;
    case TRN_ENCODER_SECOND:
        return s->dim;
    default:
        return s->hidden + s->dim;
    }
}

int64_t trn_encoder_parameters(const trn_encoder_shape_t *shape) {
    int64_t sum = 0;
    for (int p = 0; p < TRN_ENCODER_PARTS; p++)
        sum += trn_encoder_rows(shape, p) * trn_encoder_width(shape, p);
    return sum;
}

int64_t trn_group_slot(const trn_encoder_t *e, int64_t group) {
    return trn_part_start(e->shape.nearest + e->shape.context, e->groups, group);
}

static int64_t part_rows(const trn_encoder_t *e, int part) {
    if (part == TRN_ENCODER_FIRST) return e->own_slots * e->shape.piece;
    return trn_encoder_rows(&e->shape, part);
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* Room for the widest sum: a block's hidden rows, the pieces' gradient, the second layer's. */
static int64_t sum_width(const trn_encoder_shape_t *s) {
    int64_t pieces = trn_encoder_rows(s, TRN_ENCODER_PIECE) * s->piece;
    int64_t layer = s->hidden * s->dim + s->hidden + s->dim;
    return larger(BLOCK * s->hidden, larger(pieces, layer));
}

static int64_t widest_slot(const trn_encoder_shape_t *s, int64_t most) {
    return larger(trn_slot_room(s, 0, most), trn_slot_room(s, s->nearest, most));
}

static int64_t list_room(const trn_encoder_shape_t *s, int64_t slots, int64_t room, int64_t most) {
    (void)s;
    return room + slots * 2 * most;
}

/* The slots of rank `rank` of `ranks`. */
static void share_slots(trn_encoder_t *e, int ranks, int rank) {
    int64_t slots = e->shape.nearest + e->shape.context;
    e->groups = slots < GROUPS ? slots : GROUPS;
    e->first_group = trn_part_start(e->groups, ranks, rank);
    e->own_groups = trn_part_start(e->groups, ranks, rank + 1) - e->first_group;
    e->first_slot = trn_group_slot(e, e->first_group);
    e->own_slots = trn_group_slot(e, e->first_group + e->own_groups) - e->first_slot;
}

static trn_status_t create_work(trn_encoder_t *e) {
    const trn_encoder_shape_t *s = &e->shape;
    work_t *w = e->work;
    int64_t widest = widest_slot(s, e->most), pieces = trn_encoder_rows(s, TRN_ENCODER_PIECE);
    for (int64_t i = 0; i < e->own_slots; i++)
        w->room += trn_slot_room(s, e->first_slot + i, e->most);
    TRN_TRY(trn_alloc_zero(&w->slots, e->own_slots, sizeof *w->slots, "slots"));
    TRN_TRY(trn_alloc(&w->lists, list_room(s, e->own_slots, w->room, e->most), sizeof *w->lists,
                      "pieces of a batch"));
    TRN_TRY(trn_alloc(&w->tables, w->room * s->hidden, sizeof *w->tables, "products of pieces"));
    TRN_TRY(trn_alloc(&w->mark, pieces, sizeof *w->mark, "marks of pieces"));
    TRN_TRY(trn_alloc(&w->touched, pieces, sizeof *w->touched, "marks of pieces"));
    TRN_TRY(trn_alloc(&w->spot, pieces, sizeof *w->spot, "marks of pieces"));
    TRN_TRY(trn_alloc(&w->gathered, widest * s->piece, sizeof(float), "pieces of a slot"));
    TRN_TRY(trn_alloc(&w->input_back, widest * s->piece, sizeof(float), "pieces of a slot"));
    TRN_TRY(trn_alloc(&w->hidden, e->most * s->hidden, sizeof(float), "hidden rows"));
    TRN_TRY(trn_alloc(&w->tile, TILE * (s->dim + s->hidden), sizeof(float), "a tile"));
    TRN_TRY(trn_alloc(&w->tile_second, s->hidden * s->dim, sizeof(float), "a tile's gradient"));
    TRN_TRY(trn_alloc(&w->addends, 2 * e->own_slots, sizeof *w->addends, "rows to sum"));
    TRN_TRY(trn_alloc(&w->sum, sum_width(s), sizeof *w->sum, "sums"));
    TRN_TRY(trn_alloc(&w->counts, 2 * (int64_t)e->ranks, sizeof *w->counts, "counts"));
    int32_t *list = w->lists;
    float *table = w->tables;
    for (int64_t i = 0; i < e->own_slots; i++) {
        int64_t room = trn_slot_room(s, e->first_slot + i, e->most);
        w->slots[i] = (slot_t){.used = list, .place = list + room, .table = table};
        list += room + 2 * e->most;
        table += room * s->hidden;
    }
    for (int64_t i = 0; i < pieces; i++)
        w->mark[i] = -1;
    return TRN_OK;
}

static trn_status_t allocate(trn_encoder_t *e, const trn_kg_optimizer_t *optimiser) {
    const trn_encoder_shape_t *s = &e->shape;
    for (int p = 0; p < TRN_ENCODER_PARTS; p++) {
        int64_t rows = part_rows(e, p), width = trn_encoder_width(s, p);
        TRN_TRY(trn_alloc_zero(&e->values[p], rows * width, sizeof(float), "an encoder"));
        if (!optimiser) continue;
        TRN_TRY(trn_alloc_zero(&e->gradient[p], rows * width, sizeof(float), "gradients"));
        for (int which = 0; which < 2; which++) {
            int64_t moment = trn_kg_moment_width(*optimiser, which, width);
            if (moment > 0)
                TRN_TRY(trn_alloc_zero(&e->moments[p][which], rows * moment, sizeof(float),
                                       "optimiser state"));
        }
    }
    for (int i = 0; i < 2; i++)
        TRN_TRY(trn_alloc(&e->code[i], e->own_slots * e->entities, sizeof(int32_t), "hashes"));
    TRN_TRY(trn_alloc(&e->out, e->most * s->dim, sizeof(float), "encoded rows"));
    TRN_TRY(trn_alloc(&e->back, e->most * s->dim, sizeof(float), "gradients of rows"));
    TRN_TRY(trn_alloc_zero(&e->work, 1, sizeof(work_t), "an encoder"));
    return create_work(e);
}

trn_status_t trn_encoder_create(trn_encoder_t **encoder, MPI_Comm comm,
                                const trn_encoder_shape_t *shape, int64_t entities, int64_t most,
                                const trn_kg_optimizer_t *optimiser) {
    trn_encoder_t *e = NULL;
    *encoder = NULL;
    trn_status_t status = trn_agree(comm, trn_alloc_zero(&e, 1, sizeof *e, "an encoder"));
    if (status != TRN_OK) {
        trn_free(&e);
        return status;
    }
    e->comm = comm;
    MPI_Comm_rank(comm, &e->rank);
    MPI_Comm_size(comm, &e->ranks);
    e->shape = *shape;
    e->entities = entities;
    e->most = most;
    share_slots(e, e->ranks, e->rank);
    status = trn_agree(comm, allocate(e, optimiser));
    if (status == TRN_OK)
        *encoder = e;
    else
        trn_encoder_destroy(&e);
    return status;
}

void trn_encoder_destroy(trn_encoder_t **encoder) {
    trn_encoder_t *e = *encoder;
    if (!e) return;
    for (int p = 0; p < TRN_ENCODER_PARTS; p++) {
        trn_free(&e->values[p]);
        trn_free(&e->gradient[p]);
        trn_free(&e->moments[p][0]);
        trn_free(&e->moments[p][1]);
    }
    trn_free(&e->code[0]);
    trn_free(&e->code[1]);
    trn_free(&e->out);
    trn_free(&e->back);
    work_t *w = e->work;
    if (w) {
        void *all[] = {&w->slots,      &w->lists,   &w->tables,  &w->mark,        &w->gathered,
                       &w->input_back, &w->hidden,  &w->tile,    &w->tile_second, &w->sum,
                       &w->counts,     &w->addends, &w->touched, &w->spot};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            trn_free(all[i]);
    }
    trn_free(&e->work);
    trn_free(encoder);
}

/* What create_work takes. */
static void plan_work(trn_ledger_t *ledger, const trn_encoder_t *e) {
    const trn_encoder_shape_t *s = &e->shape;
    const int64_t number = (int64_t)sizeof(float);
    int64_t room = 0, widest = widest_slot(s, e->most), pieces = trn_encoder_rows(s, 0);
    for (int64_t i = 0; i < e->own_slots; i++)
        room += trn_slot_room(s, e->first_slot + i, e->most);
    trn_ledger_take(ledger, "encoder", room * (s->hidden + 1) + e->own_slots * 2 * e->most, number);
    trn_ledger_take(ledger, "encoder", 3 * pieces, number);
    trn_ledger_take(ledger, "encoder", 2 * widest * s->piece + e->most * s->hidden, number);
    trn_ledger_take(ledger, "encoder", TILE * (s->dim + s->hidden) + s->hidden * s->dim, number);
    trn_ledger_take(ledger, "encoder", sum_width(s), (int64_t)sizeof(double));
}

void trn_encoder_plan(trn_ledger_t *ledger, const trn_encoder_shape_t *shape, int64_t entities,
                      int64_t most, const trn_kg_optimizer_t *optimiser, int ranks, int rank) {
    trn_encoder_t e = {.shape = *shape, .entities = entities, .most = most};
    const int64_t number = (int64_t)sizeof(float);
    share_slots(&e, ranks, rank);
    for (int p = 0; p < TRN_ENCODER_PARTS; p++) {
        int64_t width = trn_encoder_width(shape, p), all = width;
        if (optimiser)
            all += width + trn_kg_moment_width(*optimiser, 0, width) +
                   trn_kg_moment_width(*optimiser, 1, width);
        trn_ledger_take(ledger, "encoder", part_rows(&e, p) * all, number);
    }
    trn_ledger_take(ledger, "encoder", 2 * e.own_slots * entities, number);
    trn_ledger_take(ledger, "encoder", 2 * most * shape->dim, number);
    plan_work(ledger, &e);
    trn_ledger_take(ledger, "libraries",
                    trn_blas_bytes(number, widest_slot(shape, most), shape->hidden), 1);
    trn_ledger_pass(
        ledger, "encoder",
        trn_reduce_bytes((trn_blocks_t){.blocks = e.groups}, sum_width(shape), ranks, rank), 1);
}

/* Standard deviations: pieces 1/4; then hidden numbers come out near 1 and vectors near scale. */
void trn_encoder_start(trn_encoder_t *e, uint64_t seed, double scale) {
    const trn_encoder_shape_t *s = &e->shape;
    double piece = 0.25, slots = (double)(s->nearest + s->context);
    double first = 1 / (piece * sqrt(slots * (double)s->piece));
    double second = scale * sqrt(2 / (double)s->hidden);
    e->seed = seed;
    for (int64_t i = 0; i < trn_encoder_rows(s, TRN_ENCODER_PIECE); i++)
        trn_rng_normal_row(seed, (uint64_t)i, 0, TRN_RNG_PIECE, piece, s->piece,
                           e->values[TRN_ENCODER_PIECE] + i * s->piece);
    for (int64_t i = 0; i < e->own_slots * s->piece; i++)
        trn_rng_normal_row(seed, (uint64_t)(e->first_slot * s->piece + i), 0, TRN_RNG_LAYER, first,
                           s->hidden, e->values[TRN_ENCODER_FIRST] + i * s->hidden);
    for (int64_t i = 0; i < s->hidden; i++)
        trn_rng_normal_row(seed, (uint64_t)i, 1, TRN_RNG_LAYER, second, s->dim,
                           e->values[TRN_ENCODER_SECOND] + i * s->dim);
}

/* Pieces are numbered anchors first, then distances, then types. */
static void take_row(trn_encoder_t *e, int64_t entity, const int32_t *near, const int32_t *distance,
                     const int32_t *relation) {
    const trn_encoder_shape_t *s = &e->shape;
    for (int64_t i = 0; i < e->own_slots; i++) {
        int64_t slot = e->first_slot + i, at = i * e->entities + entity;
        bool anchor = slot < s->nearest;
        int64_t piece =
            anchor ? near[slot] : s->anchors + s->distances + relation[slot - s->nearest];
        e->code[0][at] = (int32_t)piece;
        e->code[1][at] = anchor ? (int32_t)s->anchors + distance[slot] : -1;
    }
}

void trn_encoder_take(trn_encoder_t *e, const trn_nodepiece_hash_t *h) {
    for (int64_t i = 0; i < h->count; i++)
        take_row(e, h->first + i, h->near + i * h->nearest, h->distance + i * h->nearest,
                 h->relation + i * h->context);
}

trn_status_t trn_encoder_spread(trn_encoder_t *e, const trn_nodepiece_hash_t *h) {
    enum { PIECE_ROWS = 4096 };
    int64_t k = h->nearest, m = h->context;
    int32_t *rows = NULL;
    trn_status_t status =
        trn_agree(e->comm, trn_alloc(&rows, PIECE_ROWS * (2 * k + m), sizeof *rows, "hashes"));
    for (int r = 0; r < e->ranks && status == TRN_OK; r++) {
        int64_t end = trn_part_start(h->entities, e->ranks, r + 1);
        for (int64_t at = trn_part_start(h->entities, e->ranks, r), n; at < end; at += n) {
            n = end - at < PIECE_ROWS ? end - at : PIECE_ROWS;
            int32_t *part[3] = {rows, rows + n * k, rows + 2 * n * k};
            if (r == e->rank) {
                int64_t from = at - h->first;
                memcpy(part[0], h->near + from * k, (size_t)(n * k) * sizeof *rows);
                memcpy(part[1], h->distance + from * k, (size_t)(n * k) * sizeof *rows);
                memcpy(part[2], h->relation + from * m, (size_t)(n * m) * sizeof *rows);
            }
            MPI_Bcast(rows, (int)(n * (2 * k + m)), MPI_INT32_T, r, e->comm);
            for (int64_t i = 0; i < n; i++)
                take_row(e, at + i, part[0] + i * k, part[1] + i * k, part[2] + i * m);
        }
    }
    trn_free(&rows);
    return status;
}

void trn_encoder_step(trn_encoder_t *e, const trn_kg_options_t *options, double rate,
                      int64_t step) {
    for (int p = 0; p < TRN_ENCODER_PARTS; p++)
        trn_kg_step(options, rate, step, part_rows(e, p), trn_encoder_width(&e->shape, p),
                    e->values[p], e->moments[p][0], e->moments[p][1], e->gradient[p]);
}
