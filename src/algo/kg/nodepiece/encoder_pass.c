/* encoder_pass.c: the encoder's forward and backward pass over a batch of rows. */
#include "algo/kg/nodepiece/encoder.h"

#include "algo/kg/nodepiece/encoder_impl.h"
#include "base/mem.h"
#include "kern/dense/gemm.h"
#include "kern/train/drop.h"
#include "kern/train/rows.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/reduce.h"

#include <string.h>

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static void product(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda,
                    const float *b, int64_t ldb, float *c) {
    trn_gemm(&(trn_gemm_t){.type = TRN_F32,
                           .m = m,
                           .n = n,
                           .k = k,
                           .alpha = 1,
                           .a = {a, lda, ta},
                           .b = {b, ldb, tb},
                           .c = c,
                           .ldc = n});
}

/* Where `piece` stands among those that the slot uses, which it joins if it is new. */
static int32_t place_of(work_t *w, slot_t *slot, int32_t piece) {
    if (piece < 0) return -1;
    if (w->mark[piece] < 0) {
        w->mark[piece] = (int32_t)slot->count;
        slot->used[slot->count++] = piece;
    }
    return w->mark[piece];
}

/* The pieces of own slot i in these rows, and their products with its part of the first layer. */
static void multiply_slot(trn_encoder_t *e, int64_t i, int64_t count, const int32_t *entity) {
    work_t *w = e->work;
    slot_t *slot = &w->slots[i];
    int64_t t = e->shape.piece, h = e->shape.hidden;
    slot->count = 0;
    for (int which = 0; which < 2; which++) {
        const int32_t *code = e->code[which] + i * e->entities;
        int32_t *place = slot->place + which * e->most;
        for (int64_t row = 0; row < count; row++)
            place[row] = place_of(w, slot, code[entity[row]]);
    }
    for (int64_t u = 0; u < slot->count; u++) {
        w->mark[slot->used[u]] = -1;
        memcpy(w->gathered + u * t, e->values[TRN_ENCODER_PIECE] + slot->used[u] * t,
               (size_t)t * sizeof(float));
    }
    product(false, false, slot->count, h, t, w->gathered, t,
            e->values[TRN_ENCODER_FIRST] + i * t * h, h, slot->table);
}

/* One group's part of the hidden rows of the present block. */
static void group_sums(void *user, int64_t group, double *values) {
    trn_encoder_t *e = user;
    const work_t *w = e->work;
    int64_t h = e->shape.hidden, rows = smaller(BLOCK, w->rows - w->block);
    int64_t first = trn_group_slot(e, group), end = trn_group_slot(e, group + 1);
    for (int64_t row = 0; row < rows; row++) {
        int64_t count = 0;
        for (int64_t s = first; s < end; s++) {
            const slot_t *slot = &w->slots[s - e->first_slot];
            for (int which = 0; which < 2; which++) {
                int32_t place = slot->place[which * e->most + w->block + row];
                if (place >= 0) w->addends[count++] = slot->table + place * h;
            }
        }
        trn_rows_sum(h, count, w->addends, w->tile);
        for (int64_t j = 0; j < h; j++)
            values[row * h + j] = (double)w->tile[j];
    }
}

static int64_t tiles(const work_t *w) {
    return (w->rows + TILE - 1) / TILE;
}

/* Rows of `width` numbers go from the ranks that own their tiles to all. */
static void share_tiles(const trn_encoder_t *e, int64_t width, float *rows) {
    const work_t *w = e->work;
    if (e->ranks == 1) return;
    for (int r = 0; r < e->ranks; r++) {
        int64_t start = smaller(w->rows, TILE * trn_part_start(tiles(w), e->ranks, r));
        int64_t end = smaller(w->rows, TILE * trn_part_start(tiles(w), e->ranks, r + 1));
        w->counts[r] = (int)((end - start) * width);
        w->counts[e->ranks + r] = (int)(start * width);
    }
    MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, rows, w->counts, w->counts + e->ranks,
                   MPI_FLOAT, e->comm);
}

/* Leave out hidden numbers of row `row`, and raise the rest. */
static void drop(const trn_encoder_t *e, int64_t row, int64_t limit, float by, float *hidden) {
    const trn_drop_t at = {.seed = e->seed,
                           .row = (uint64_t)e->work->step,
                           .step = (uint32_t)row,
                           .stream = TRN_RNG_DROPOUT};
    trn_drop_row(&at, (uint32_t)limit, by, e->shape.hidden, hidden, NULL);
}

/* What is left out, in 65536ths, and what the rest is multiplied by. */
static int64_t drop_limit(const trn_encoder_t *e, float *by) {
    int64_t limit = e->work->training ? (int64_t)(e->dropout * 65536) : 0;
    *by = (float)(65536.0 / (double)(65536 - limit));
    return limit;
}

/* The second layer of one tile; its hidden rows become what went into it. */
static void second_layer(trn_encoder_t *e, int64_t tile) {
    const work_t *w = e->work;
    int64_t h = e->shape.hidden, d = e->shape.dim, first = tile * TILE;
    int64_t rows = smaller(TILE, w->rows - first);
    const float *bias = e->values[TRN_ENCODER_BIAS];
    float by;
    int64_t limit = drop_limit(e, &by);
    for (int64_t row = first; row < first + rows; row++) {
        float *hidden = w->hidden + row * h;
        for (int64_t j = 0; j < h; j++) {
            float x = hidden[j] + bias[j];
            hidden[j] = x > 0 ? x : 0;
        }
        if (limit > 0) drop(e, row, limit, by, hidden);
    }
    float *out = e->out + first * d;
    product(false, false, rows, d, h, w->hidden + first * h, h, e->values[TRN_ENCODER_SECOND], d,
            out);
    for (int64_t row = 0; row < rows; row++)
        trn_rows_add(d, bias + h, out + row * d);
}

trn_status_t trn_encoder_forward(trn_encoder_t *e, int64_t count, const int32_t *entity,
                                 bool training, int64_t step) {
    work_t *w = e->work;
    int64_t h = e->shape.hidden;
    w->rows = count;
    w->training = training;
    w->step = step;
    for (int64_t i = 0; i < e->own_slots; i++)
        multiply_slot(e, i, count, entity);
    for (w->block = 0; w->block < count; w->block += BLOCK) {
        int64_t width = smaller(BLOCK, count - w->block) * h;
        TRN_TRY(trn_reduce_tree(e->comm, e->groups, width, group_sums, e, w->sum));
        float *hidden = w->hidden + w->block * h;
        for (int64_t i = 0; i < width; i++)
            hidden[i] = (float)w->sum[i];
    }
    int64_t first = trn_part_start(tiles(w), e->ranks, e->rank);
    int64_t end = trn_part_start(tiles(w), e->ranks, e->rank + 1);
    for (int64_t tile = first; tile < end; tile++)
        second_layer(e, tile);
    share_tiles(e, e->shape.dim, e->out);
    return TRN_OK;
}

/* A tile's part of the second layer's gradient and of the biases'; its hidden rows become the
 * gradient of what the first layer gave. values: [h x dim], [h], [dim]. */
static void second_back(void *user, int64_t tile, double *values) {
    trn_encoder_t *e = user;
    const work_t *w = e->work;
    int64_t h = e->shape.hidden, d = e->shape.dim, first = tile * TILE;
    int64_t rows = smaller(TILE, w->rows - first);
    float *hidden = w->hidden + first * h, *back = e->back + first * d, by;
    drop_limit(e, &by);
    product(true, false, h, d, rows, hidden, h, back, d, w->tile_second);
    for (int64_t i = 0; i < h * d; i++)
        values[i] = (double)w->tile_second[i];
    product(false, true, rows, h, d, back, d, e->values[TRN_ENCODER_SECOND], d, w->tile);
    double *bias = values + h * d;
    memset(bias, 0, (size_t)(h + d) * sizeof *bias);
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t j = 0; j < h; j++) { /* 0: not passed on, or left out */
            float g = hidden[row * h + j] > 0 ? by * w->tile[row * h + j] : 0;
            hidden[row * h + j] = g;
            bias[j] += (double)g;
        }
        for (int64_t j = 0; j < d; j++)
            bias[h + j] += (double)back[row * d + j];
    }
}

/* The gradients of an own slot's part of the first layer, and (added) of its pieces. */
static void slot_back(trn_encoder_t *e, int64_t i, double *values) {
    work_t *w = e->work;
    slot_t *slot = &w->slots[i];
    int64_t t = e->shape.piece, h = e->shape.hidden, n = slot->count;
    memset(slot->table, 0, (size_t)(n * h) * sizeof(float));
    for (int64_t row = 0; row < w->rows; row++)
        for (int which = 0; which < 2; which++) {
            int32_t place = slot->place[which * e->most + row];
            if (place >= 0) trn_rows_add(h, w->hidden + row * h, slot->table + place * h);
        }
    for (int64_t u = 0; u < n; u++)
        memcpy(w->gathered + u * t, e->values[TRN_ENCODER_PIECE] + slot->used[u] * t,
               (size_t)t * sizeof(float));
    product(true, false, t, h, n, w->gathered, t, slot->table, h,
            e->gradient[TRN_ENCODER_FIRST] + i * t * h);
    product(false, true, n, t, h, slot->table, h, e->values[TRN_ENCODER_FIRST] + i * t * h, h,
            w->input_back);
    for (int64_t u = 0; u < n; u++)
        for (int64_t j = 0; j < t; j++)
            values[w->spot[slot->used[u]] * t + j] += (double)w->input_back[u * t + j];
}

/* Number the pieces that the batch holds in any slot of any rank: only they have gradients. */
static void number_pieces(trn_encoder_t *e) {
    work_t *w = e->work;
    int64_t pieces = trn_encoder_rows(&e->shape, TRN_ENCODER_PIECE);
    memset(w->touched, 0, (size_t)pieces);
    for (int64_t i = 0; i < e->own_slots; i++)
        for (int64_t u = 0; u < w->slots[i].count; u++)
            w->touched[w->slots[i].used[u]] = 1;
    if (e->ranks > 1)
        MPI_Allreduce(MPI_IN_PLACE, w->touched, (int)pieces, MPI_UINT8_T, MPI_MAX, e->comm);
    w->spots = 0;
    for (int64_t i = 0; i < pieces; i++)
        if (w->touched[i]) w->spot[i] = (int32_t)w->spots++;
}

static void group_back(void *user, int64_t group, double *values) {
    trn_encoder_t *e = user;
    memset(values, 0, (size_t)(e->work->spots * e->shape.piece) * sizeof *values);
    for (int64_t s = trn_group_slot(e, group); s < trn_group_slot(e, group + 1); s++)
        slot_back(e, s - e->first_slot, values);
}

static void to_float(int64_t n, const double *from, float *to) {
    for (int64_t i = 0; i < n; i++)
        to[i] = (float)from[i];
}

trn_status_t trn_encoder_backward(trn_encoder_t *e, int64_t count) {
    work_t *w = e->work;
    int64_t h = e->shape.hidden, d = e->shape.dim;
    int64_t t = e->shape.piece, pieces = trn_encoder_rows(&e->shape, TRN_ENCODER_PIECE);
    w->rows = count;
    TRN_TRY(trn_reduce_tree(e->comm, tiles(w), h * d + h + d, second_back, e, w->sum));
    to_float(h * d, w->sum, e->gradient[TRN_ENCODER_SECOND]);
    to_float(h + d, w->sum + h * d, e->gradient[TRN_ENCODER_BIAS]);
    share_tiles(e, h, w->hidden);
    number_pieces(e);
    TRN_TRY(trn_reduce_tree(e->comm, e->groups, w->spots * t, group_back, e, w->sum));
    float *gradient = e->gradient[TRN_ENCODER_PIECE];
    memset(gradient, 0, (size_t)(pieces * t) * sizeof *gradient);
    for (int64_t i = 0; i < pieces; i++)
        if (w->touched[i]) to_float(t, w->sum + w->spot[i] * t, gradient + i * t);
    return TRN_OK;
}
