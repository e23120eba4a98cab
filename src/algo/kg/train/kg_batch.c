/* kg_batch.c: the order of questions, and the rows of a batch. */
#include "algo/kg/train/kg_batch.h"

#include "base/mem.h"
#include "base/rng.h"
#include "mpi/dist.h"

#include <stdlib.h>
#include <string.h>

enum {
    RUN = 32,   /* questions of one relation that stay together where the model projects */
    AHEAD = 16, /* batches whose questions are looked up at a time, shared out to ranks */
    COLUMN_OF_RELATION = 1 << 20 /* dropout draws an entity's numbers before it */
};

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* Arrays of a batch: where, how many, of what size. One table allocates, frees and counts. The last
 * ones are for others to read. */
typedef struct part {
    void *pointer; /* T** */
    int64_t count;
    size_t size;
} part_t;

enum { PARTS = 27, OPEN = 23 /* the first one that others read */ };

static int64_t own_rows(const trn_kg_batch_t *b) {
    return b->state->own_blocks * b->state->rows + trn_kg_relation_rows(&b->state->header);
}

static int parts_of(trn_kg_batch_t *b, part_t part[PARTS]) {
    bool project = b->state->header.model->project != NULL;
    int64_t n = b->size, ids = b->each * n + b->drawn, d = b->dim;
    bool dropout = b->state->options.entity_dropout > 0 || b->state->options.relation_dropout > 0;
    const part_t all[PARTS] = {
        {&b->question, b->labels, sizeof *b->question},
        {&b->label, b->labels, sizeof *b->label},
        {&b->ahead, b->ahead_most * n, sizeof *b->ahead},
        {&b->piece, b->most_pieces, sizeof *b->piece},
        {&b->id, ids, sizeof *b->id},
        {&b->maker, (n + b->tile - 1) / b->tile, sizeof *b->maker},
        {&b->owner, ids, sizeof *b->owner},
        {&b->place, ids, sizeof *b->place},
        {&b->rows, ids * d, sizeof(float)},
        {&b->relation, n * b->relation_width, sizeof(float)},
        {&b->projected, project ? b->each * n * b->width : 0, sizeof(float)},
        {&b->query, n * b->width, sizeof(float)},
        {&b->g_query, n * b->width, sizeof(float)},
        {&b->g_projected, project ? b->each * n * b->width : 0, sizeof(float)},
        {&b->kept, dropout ? n * (d + b->relation_width) : 0, 1},
        {&b->head, own_rows(b), sizeof *b->head},
        {&b->next, ids, sizeof *b->next},
        {&b->g_second, b->most_pieces * b->second_width, sizeof(float)},
        {&b->second, b->most_pieces, sizeof *b->second},
        {&b->visitor, b->state->ranks > 1 ? b->most_pieces * b->second_width : 0, sizeof(float)},
        {&b->requests, b->most_pieces, sizeof *b->requests},
        {&b->grower, b->branches, sizeof *b->grower},
        {&b->sum, larger(larger(d, b->relation_width), b->second_width), sizeof(float)},
        {&b->needed, b->state->ranks > 1 ? ids * d : 0, sizeof(float)},
        {&b->g_row, b->each * n * d, sizeof(float)},
        {&b->g_relation, n * b->relation_width, sizeof(float)},
        {&b->branch, b->branches * b->drawn * d, sizeof(float)}};
    memcpy(part, all, sizeof all);
    return PARTS;
}

static void shape(trn_kg_batch_t *b, trn_kg_state_t *state, int64_t triples, int64_t drawn,
                  int64_t branches, int64_t tile) {
    const trn_kg_header_t *h = &state->header;
    *b = (trn_kg_batch_t){.state = state,
                          .labels = 2 * triples,
                          .single = !state->options.all_answers,
                          .each = state->options.all_answers ? 1 : 2 + state->options.self_negative,
                          .size = smaller(state->options.batch, 2 * triples),
                          .drawn = drawn,
                          .branches = branches,
                          .tile = tile,
                          .dim = h->shape.dim,
                          .width = h->model->query_width(&h->shape),
                          .relation_width = h->model->relation_width(&h->shape),
                          .second_width = h->model->second_width(&h->shape)};
    b->ahead_most = state->ranks < AHEAD ? AHEAD / state->ranks * state->ranks : AHEAD;
    int64_t kinds = h->model->project ? 2 * trn_kg_relation_rows(h) : 2;
    b->most_pieces = smaller(b->size, kinds) + (b->size + tile - 1) / tile;
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

static bool same_question(const trn_kg_asked_t *a, const trn_kg_asked_t *b) {
    return a->side == b->side && a->relation == b->relation && a->known == b->known;
}

/* The question of one triple, whose answer is label `at`; with all answers together it may be the
 * last question again. */
static void ask(trn_kg_batch_t *b, const trn_triple_t *t, bool head, int64_t at) {
    trn_side_t side = head ? TRN_SIDE_HEAD : TRN_SIDE_TAIL;
    int64_t row = trn_kg_query_row(&b->state->header, t->relation, &side);
    trn_kg_asked_t q = {(int32_t)side, (int32_t)row, head ? t->tail : t->head, 1, at};
    b->label[at] = head ? t->head : t->tail;
    if (!b->single && b->questions > 0 && same_question(&q, &b->question[b->questions - 1]))
        b->question[b->questions - 1].labels++;
    else
        b->question[b->questions++] = q;
}

/* Both questions of every triple, by side, relation row, known entity and answer: those for heads
 * come last, reciprocal relations too having the higher rows. Triples are sorted, as they are
 * smaller. */
static void sort_questions(trn_kg_batch_t *b, trn_triple_t *triples) {
    int64_t count = b->labels / 2;
    for (int head = 0; head < 2; head++) {
        qsort(triples, (size_t)count, sizeof *triples, head ? by_tail : by_head);
        for (int64_t i = 0; i < count; i++)
            ask(b, &triples[i], head, head * count + i);
    }
}

trn_status_t trn_kg_batch_create(trn_kg_batch_t *b, trn_kg_state_t *state, const trn_kg_t *kg,
                                 int64_t drawn, int64_t branches, int64_t tile) {
    int64_t count = kg->triples[TRN_TRAIN];
    part_t part[PARTS];
    trn_triple_t *triples = NULL;
    shape(b, state, count, drawn, branches, tile);
    if (count < 1) return trn_fail(TRN_INPUT, "/train: no triples to train on");
    parts_of(b, part);
    for (int i = 0; i < OPEN; i++)
        TRN_TRY(trn_alloc(part[i].pointer, part[i].count, part[i].size, "a batch of training"));
    TRN_TRY(trn_alloc(&b->counts, 4 * (int64_t)state->ranks, sizeof *b->counts, "counts"));
    for (int64_t i = 0; i < own_rows(b); i++)
        b->head[i] = -1;
    TRN_TRY(trn_alloc(&triples, count, sizeof *triples, "training triples"));
    trn_status_t status = trn_kg_read(kg, TRN_TRAIN, 0, count, triples);
    if (status == TRN_OK) sort_questions(b, triples);
    state->span = b->questions;
    trn_free(&triples);
    return status;
}

static int64_t aligned(const part_t *part) {
    int64_t bytes = part->count * (int64_t)part->size;
    return (bytes + TRN_ALIGNMENT - 1) / TRN_ALIGNMENT * TRN_ALIGNMENT;
}

trn_status_t trn_kg_batch_open(trn_kg_batch_t *b) {
    part_t part[PARTS];
    int64_t bytes = 0;
    parts_of(b, part);
    for (int i = OPEN; i < PARTS; i++)
        bytes += aligned(&part[i]);
    TRN_TRY(trn_kg_desk_create(&b->desk, b->state->comm, bytes));
    char *at = b->desk.own;
    for (int i = OPEN; i < PARTS; at += aligned(&part[i++]))
        *(void **)part[i].pointer = at;
    MPI_Type_contiguous((int)b->dim, MPI_FLOAT, &b->row);
    MPI_Type_commit(&b->row);
    return TRN_OK;
}

void trn_kg_batch_free(trn_kg_batch_t *b) {
    part_t part[PARTS];
    if (!b->state) return;
    parts_of(b, part);
    for (int i = 0; i < OPEN; i++)
        trn_free(part[i].pointer);
    trn_kg_desk_free(&b->desk);
    trn_free(&b->counts);
    if (b->row) MPI_Type_free(&b->row);
}

int64_t trn_kg_batch_bytes(const trn_kg_header_t *header, const trn_kg_options_t *options,
                           int64_t triples, int64_t drawn, int64_t branches, int64_t tile,
                           int64_t ranks) {
    trn_kg_state_t state = {
        .ranks = (int)ranks, .header = *header, .options = *options, .blocks = options->blocks};
    trn_kg_batch_t b;
    part_t part[PARTS];
    int64_t early = 0, late = 0;
    state.rows = (header->entities + state.blocks - 1) / state.blocks;
    state.own_blocks = (state.blocks + ranks - 1) / ranks;
    shape(&b, &state, triples, drawn, branches, tile);
    for (int i = 0, n = parts_of(&b, part); i < n; i++)
        *(i < OPEN ? &early : &late) += part[i].count * (int64_t)part[i].size;
    return early + larger(late, 2 * triples * (int64_t)sizeof(trn_triple_t)); /* qsort copies */
}

/* A number that decides the order of questions in this epoch. */
static uint64_t order_of(const trn_kg_batch_t *b) {
    uint32_t words[4];
    trn_rng_words(b->state->options.seed, (uint64_t)b->state->epoch, 0, 0, TRN_RNG_KG_ORDER, words);
    return (uint64_t)words[0] << 32 | words[1];
}

/* Where the questions of one side and relation, and with `known` of one known entity, begin or
 * end. */
static int64_t border(const trn_kg_batch_t *b, const trn_kg_asked_t *like, bool known, bool end) {
    int64_t low = 0, high = b->questions;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        const trn_kg_asked_t *q = &b->question[middle];
        int order = q->side != like->side ? q->side - like->side : q->relation - like->relation;
        if (order == 0 && known) order = q->known - like->known;
        if (order < 0 || (end && order == 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int64_t trn_kg_batch_answers(const trn_kg_batch_t *b, int64_t i, const int32_t **answer) {
    const trn_kg_asked_t *q = &b->question[b->pick[i]];
    *answer = b->label + q->first;
    if (!b->single) return q->labels;
    int64_t first = border(b, q, true, false); /* a question a label */
    *answer = b->label + first;
    return border(b, q, true, true) - first;
}

/* The question that comes in place `at` of the epoch. A projection of the candidates is made for
 * each relation of a batch: so for models that project runs of a relation's questions, in an order
 * of their own in every epoch, are shuffled in place of questions. */
static int64_t question_at(const trn_kg_batch_t *b, uint64_t order, int64_t at) {
    if (!b->state->header.model->project) return trn_rng_permuted(order, b->questions, at);
    int64_t runs = b->questions / RUN;
    if (at < runs * RUN) at = trn_rng_permuted(order, runs, at / RUN) * RUN + at % RUN;
    const trn_kg_asked_t *q = &b->question[at];
    int64_t first = border(b, q, false, false), count = border(b, q, false, true) - first;
    return first + trn_rng_permuted(order ^ (uint64_t)first, count, at - first);
}

static int ascending(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void cut_pieces(trn_kg_batch_t *b) {
    bool project = b->state->header.model->project != NULL;
    b->pieces = 0;
    for (int64_t i = 0, end; i < b->now; i = end) {
        const trn_kg_asked_t *q = &b->question[b->pick[i]];
        int64_t tile_end = smaller(b->now, (i / b->tile + 1) * b->tile);
        for (end = i + 1; end < tile_end; end++) {
            const trn_kg_asked_t *other = &b->question[b->pick[end]];
            if (other->side != q->side || (project && other->relation != q->relation)) break;
        }
        b->piece[b->pieces++] = (trn_kg_piece_t){i, end};
    }
}

static void draw(trn_kg_batch_t *b, int32_t *to) {
    uint32_t words[4] = {0};
    for (int64_t j = 0; j < b->drawn; j++) {
        if (j % 4 == 0)
            trn_rng_words(b->state->options.seed, (uint64_t)b->state->step, (uint32_t)(j / 4), 0,
                          TRN_RNG_KG_NEGATIVE, words);
        to[j] = (int32_t)((uint64_t)words[j % 4] * (uint64_t)b->state->header.entities >> 32);
    }
}

/* Look up the questions of the batches from place `first` on, each rank those of some batches. */
static void look_ahead(trn_kg_batch_t *b, int64_t first) {
    const trn_kg_state_t *s = b->state;
    uint64_t order = order_of(b);
    int64_t left = b->questions - first;
    int64_t batches = smaller((left + b->size - 1) / b->size, b->ahead_most);
    for (int r = 0; r < s->ranks; r++) {
        int64_t low = trn_part_start(batches, s->ranks, r) * b->size;
        int64_t high = smaller(left, trn_part_start(batches, s->ranks, r + 1) * b->size);
        b->counts[r] = (int)larger(high - low, 0);
        b->counts[s->ranks + r] = (int)low;
    }
    int64_t *own = b->ahead + b->counts[s->ranks + s->rank], count = b->counts[s->rank];
    for (int64_t i = 0; i < count; i++)
        own[i] = question_at(b, order, first + (own - b->ahead) + i);
    for (int64_t i = 0; i < count; i += b->size)
        qsort(own + i, (size_t)smaller(b->size, count - i), sizeof *own, ascending);
    if (s->ranks > 1)
        MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, b->ahead, b->counts,
                       b->counts + s->ranks, MPI_INT64_T, s->comm);
    b->ahead_epoch = s->epoch;
    b->ahead_first = first;
    b->ahead_end = smaller(b->questions, first + batches * b->size);
}

void trn_kg_batch_pick(trn_kg_batch_t *b, int64_t first) {
    if (b->ahead_epoch != b->state->epoch || first < b->ahead_first || first >= b->ahead_end)
        look_ahead(b, first);
    b->pick = b->ahead + (first - b->ahead_first);
    b->now = smaller(b->size, b->questions - first);
    int64_t tiles = (b->now + b->tile - 1) / b->tile;
    for (int64_t i = 0; i < tiles; i++)
        b->maker[i] = (int)trn_part_of(tiles, b->state->ranks, i);
    cut_pieces(b);
    int64_t ids = 0;
    for (int64_t i = 0; i < b->now; i++)
        b->id[ids++] = b->question[b->pick[i]].known;
    for (int64_t i = 0; b->single && i < b->now; i++)
        b->id[ids++] = b->label[b->question[b->pick[i]].first];
    for (int64_t i = 0; b->each == 3 && i < b->now; i++)
        b->id[ids++] = b->id[i];
    draw(b, b->id + ids);
    trn_kg_batch_fetch(b);
    bool project = b->state->header.model->project != NULL;
    b->known = project ? b->projected : b->rows;
    b->answer = b->known + b->now * b->width;
    b->self = b->answer + b->now * b->width;
    b->g_compared = (project ? b->g_projected : b->g_row) + b->now * b->width;
    b->candidates = b->rows + ids * b->dim;
}

/* Let go numbers of a row with this probability and raise the others: eight numbers a draw. */
static void drop(const trn_kg_batch_t *b, int64_t question, uint32_t column, double probability,
                 int64_t width, float *row, uint8_t *kept) {
    float by = (float)(1 / (1 - probability));
    uint32_t words[4], limit = (uint32_t)(probability * 65536);
    for (int64_t k = 0; k < width; k++) {
        if (k % 8 == 0)
            trn_rng_words(b->state->options.seed, (uint64_t)question, column + (uint32_t)(k / 8),
                          (uint32_t)b->state->step, TRN_RNG_KG_DROPOUT, words);
        kept[k] = (words[k % 8 / 2] >> 16 * (k % 2) & 0xffff) >= limit;
        row[k] = kept[k] ? row[k] * by : 0;
    }
}

static void drop_rows(trn_kg_batch_t *b, int64_t low, int64_t high) {
    const trn_kg_options_t *o = &b->state->options;
    int64_t d = b->dim, rw = b->relation_width;
    for (int64_t i = low; i < high; i++) {
        uint8_t *kept = b->kept + i * (d + rw);
        drop(b, b->pick[i], 0, o->entity_dropout, d, b->rows + i * d, kept);
        drop(b, b->pick[i], COLUMN_OF_RELATION, o->relation_dropout, rw, b->relation + i * rw,
             kept + d);
    }
}

void trn_kg_batch_query(trn_kg_batch_t *b, int64_t low, int64_t high) {
    const trn_kg_state_t *s = b->state;
    const trn_model_t *model = s->header.model;
    const trn_model_shape_t *at = &s->header.shape;
    int64_t d = b->dim, rw = b->relation_width, w = b->width;
    for (int64_t i = low; i < high; i++)
        memcpy(b->relation + i * rw, s->relation + b->question[b->pick[i]].relation * rw,
               (size_t)rw * sizeof(float));
    if (s->options.entity_dropout > 0 || s->options.relation_dropout > 0) drop_rows(b, low, high);
    for (int64_t p = 0; p < b->pieces; p++) {
        int64_t i = b->piece[p].start, n = b->piece[p].end - i;
        if (i < low || i >= high) continue;
        const trn_kg_asked_t *q = &b->question[b->pick[i]];
        if (model->project) {
            for (int64_t j = i; j < b->each * b->now; j += b->now)
                model->project(at, b->second[p], n, b->rows + j * d, b->known + j * w);
        }
        model->query(at, (trn_side_t)q->side, n, b->known + i * w, b->relation + i * rw,
                     b->query + i * w);
    }
    memset(b->g_query + low * w, 0, (size_t)((high - low) * w) * sizeof(float));
    for (int64_t j = low; j < (b->each - 1) * b->now; j += b->now)
        memset(b->g_compared + j * w, 0, (size_t)((high - low) * w) * sizeof(float));
}
