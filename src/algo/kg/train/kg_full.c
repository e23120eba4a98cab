/* kg_full.c: training against all entities.
 *
 * Candidates lie in the blocks of the state, which ranks own. Each rank holds the batch's queries
 * and scores its blocks; the blocks' parts of the loss are put together in their order, then each
 * block's gradients are complete, and those of the queries are summed by a tree over blocks. So
 * ranks do not change a bit, and scores of a batch and all entities never stand in one memory. */
#include "algo/kg/train/kg_batch.h"

#include "base/mem.h"
#include "kern/train/descent.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/reduce.h"
#include "mpi/watch.h"

#include <limits.h>
#include <math.h>
#include <string.h>

enum { CHUNK = 256 /* questions that are scored together */ };

typedef struct full {
    trn_kg_batch_t batch;
    trn_metric_t metric;
    int64_t first, chunk;    /* questions of the batch now at work */
    float *scores, *weights; /* [own blocks x CHUNK x rows], block by block */
    trn_loss_part_t *part;   /* [blocks x chunk] */
    float *scale;            /* [blocks x chunk]: what weights are multiplied with */
    float *leaf;             /* [CHUNK x width] */
    double *sum;             /* [CHUNK x width] */
    float *g_entity;         /* as the state's entities */
    int *counts;             /* [2 x ranks] */
} full_t;

static int64_t block_rows(const trn_kg_state_t *s, int64_t block) {
    return (s->header.entities - block + s->blocks - 1) / s->blocks;
}

/* A block's place in an array that has `each` numbers for every own row. */
static int64_t offset(const full_t *f, int64_t block, int64_t each) {
    return (block - f->batch.state->first_block) * f->batch.state->rows * each;
}

static trn_status_t allocate(full_t *f, trn_kg_state_t *state, const trn_kg_t *kg) {
    const trn_kg_batch_plan_t plan = {.tile = CHUNK};
    TRN_TRY(trn_kg_batch_create(&f->batch, state, kg, &plan));
    int64_t own = state->own_blocks * state->rows, chunks = state->blocks * CHUNK;
    int64_t width = f->batch.width;
    if (chunks > INT_MAX / (int64_t)sizeof *f->part)
        return trn_fail(TRN_USAGE, "--entity-blocks: %lld are too many for a message; fewer do",
                        (long long)state->blocks);
    TRN_TRY(trn_alloc(&f->scores, own * CHUNK, sizeof(float), "scores"));
    TRN_TRY(trn_alloc(&f->weights, f->metric == TRN_METRIC_DOT ? 0 : own * CHUNK, sizeof(float),
                      "weights"));
    TRN_TRY(trn_alloc(&f->part, chunks, sizeof *f->part, "parts of the loss"));
    TRN_TRY(trn_alloc(&f->scale, chunks, sizeof(float), "weights"));
    TRN_TRY(trn_alloc(&f->leaf, CHUNK * width, sizeof(float), "gradients of queries"));
    TRN_TRY(trn_alloc(&f->sum, CHUNK * width, sizeof(double), "gradients of queries"));
    TRN_TRY(trn_alloc(&f->counts, 2 * (int64_t)state->ranks, sizeof *f->counts, "counts"));
    return trn_alloc_zero(&f->g_entity, own * f->batch.dim, sizeof(float), "gradients");
}

static void destroy(void **self) {
    full_t *f = *self;
    if (!f) return;
    trn_kg_batch_free(&f->batch);
    trn_free(&f->scores);
    trn_free(&f->weights);
    trn_free(&f->part);
    trn_free(&f->scale);
    trn_free(&f->leaf);
    trn_free(&f->sum);
    trn_free(&f->counts);
    trn_free(&f->g_entity);
    trn_free(self);
}

/* Which losses and models go with all entities. */
static trn_status_t check(const trn_kg_state_t *state) {
    trn_loss_kind_t loss = state->options.loss.kind;
    if (state->header.model->project)
        return trn_fail(TRN_USAGE,
                        "--negatives: %s projects every candidate for every relation, so it trains "
                        "against some only; give a number above 0",
                        state->header.model->name);
    if (state->options.filtered && (state->options.all_answers || state->options.smoothing > 0))
        return trn_fail(TRN_USAGE, "--filtered: leaves out known answers, which --all-answers asks "
                                   "for and --smoothing gives weight to; drop one");
    if (loss != TRN_LOSS_SOFTMAX && loss != TRN_LOSS_BCE)
        return trn_fail(TRN_USAGE, "--loss: margin and adversarial need --negatives above 0");
    return TRN_OK;
}

static trn_status_t create(void **self, trn_kg_state_t *state, const trn_kg_t *kg) {
    full_t *f = NULL;
    trn_status_t status = check(state);
    if (status == TRN_OK) status = trn_alloc_zero(&f, 1, sizeof *f, "the trainer");
    if (status == TRN_OK) {
        f->metric = state->header.model->metric(&state->header.shape);
        status = allocate(f, state, kg);
    }
    *self = f;
    status = trn_agree(state->comm, status);
    if (status == TRN_OK) status = trn_kg_batch_open(&f->batch);
    if (status != TRN_OK) destroy(self);
    return status;
}

/* What every answer of a question weighs, and what every entity does. */
static float label_weight(const full_t *f, const trn_kg_labeled_t *q) {
    const trn_kg_options_t *o = &f->batch.state->options;
    return (float)(1 - o->smoothing) / (float)(o->loss.kind == TRN_LOSS_SOFTMAX ? q->labels : 1);
}

static float smoothing(const full_t *f) {
    const trn_kg_state_t *s = f->batch.state;
    return (float)(s->options.smoothing / (double)s->header.entities);
}

/* For every answer of question i that is in this block: to[place] -= by, or the sum of from[place]
 * times the answer's weight. */
static float answers(const full_t *f, int64_t i, int64_t block, const float *from, float by,
                     float *to) {
    const trn_kg_batch_t *b = &f->batch;
    const trn_kg_labeled_t *q = &b->epoch.query[b->epoch.pick[f->first + i]];
    float sum = 0, weight = label_weight(f, q);
    for (int32_t k = 0; k < q->labels; k++) {
        int32_t answer = b->epoch.label[q->first + k];
        if (answer % b->state->blocks != block) continue;
        if (to) to[answer / b->state->blocks] -= weight * by;
        if (from) sum += weight * (from[answer / b->state->blocks] + by);
    }
    return sum;
}

/* Other known answers of question i that are in this block are none of its negatives. */
static void mask_answers(const full_t *f, int64_t i, int64_t block, float *scores) {
    const trn_kg_batch_t *b = &f->batch;
    const int32_t *answer;
    int32_t own = b->epoch.label[b->epoch.query[b->epoch.pick[f->first + i]].first];
    for (int64_t k = trn_kg_epoch_answers(&b->epoch, f->first + i, &answer) - 1; k >= 0; k--)
        if (answer[k] % b->state->blocks == block && answer[k] != own)
            scores[answer[k] / b->state->blocks] = TRN_KG_MASKED;
}

/* Scores of a block, and its part of every question's loss. */
static void score_block(full_t *f, int64_t block) {
    const trn_kg_batch_t *b = &f->batch;
    const trn_kg_state_t *s = b->state;
    const trn_loss_t *loss = &s->options.loss;
    int64_t n = block_rows(s, block);
    float *scores = f->scores + offset(f, block, CHUNK), target[CHUNK] = {0}, even = smoothing(f);
    float *weights = f->metric == TRN_METRIC_DOT ? scores : f->weights + offset(f, block, CHUNK);
    float shift = loss->kind == TRN_LOSS_BCE ? loss->margin : 0;
    trn_loss_part_t *part = f->part + block * f->chunk;
    trn_compare(f->metric, b->width, f->chunk, b->v.query + f->first * b->width, n,
                s->entity + offset(f, block, b->dim), NULL, scores, n);
    for (int64_t i = 0; i < f->chunk; i++) {
        target[i] = answers(f, i, block, scores + i * n, shift, NULL);
        for (int64_t j = 0; even > 0 && j < n; j++)
            target[i] += even * (scores[i * n + j] + shift);
        if (s->options.filtered) mask_answers(f, i, block, scores + i * n);
    }
    trn_loss_parts(loss, f->chunk, n, scores, NULL, weights, part);
    for (int64_t i = 0; i < f->chunk; i++)
        part[i].cost -= target[i];
}

static void score(full_t *f) {
    const trn_kg_state_t *s = f->batch.state;
    for (int64_t k = s->first_block; k < s->first_block + s->own_blocks; k++)
        score_block(f, k);
    if (s->ranks == 1) return;
    for (int r = 0; r < s->ranks; r++) {
        int64_t start = trn_part_start(s->blocks, s->ranks, r), each = sizeof *f->part;
        int64_t end = trn_part_start(s->blocks, s->ranks, r + 1);
        f->counts[r] = (int)((end - start) * f->chunk * each);
        f->counts[s->ranks + r] = (int)(start * f->chunk * each);
    }
    MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, f->part, f->counts, f->counts + s->ranks,
                   MPI_BYTE, s->comm);
}

/* Put the blocks' parts together. Returns the chunk's loss. */
static double combine(full_t *f) {
    int64_t m = f->chunk, blocks = f->batch.state->blocks;
    double loss = 0, each = 1 / (double)f->batch.epoch.now;
    bool softmax = f->batch.state->options.loss.kind == TRN_LOSS_SOFTMAX;
    for (int64_t i = 0; i < m; i++) {
        const trn_loss_part_t *part = f->part + i;
        float top = part->top;
        double sum = 0;
        for (int64_t k = 1; k < blocks; k++)
            top = part[k * m].top > top ? part[k * m].top : top;
        for (int64_t k = 0; k < blocks; k++) {
            sum += exp((double)part[k * m].top - (double)top) * (double)part[k * m].sum;
            loss += (double)part[k * m].cost;
        }
        for (int64_t k = 0; k < blocks; k++)
            f->scale[k * m + i] =
                (float)(softmax ? exp((double)part[k * m].top - (double)top) / sum * each : each);
        if (softmax) loss += log(sum) + (double)top;
    }
    return loss;
}

/* The gradients of one block: its entities' are added up, its part of the queries' is given. */
static void block_back(void *user, int64_t block, double *values) {
    full_t *f = user;
    const trn_kg_batch_t *b = &f->batch;
    const trn_kg_state_t *s = b->state;
    int64_t n = block_rows(s, block), size = f->chunk * b->width;
    float *scores = f->scores + offset(f, block, CHUNK), each = 1 / (float)b->epoch.now;
    float *weights = f->metric == TRN_METRIC_DOT ? scores : f->weights + offset(f, block, CHUNK);
    float even = smoothing(f) * each;
    trn_scale_rows(f->chunk, n, f->scale + block * f->chunk, weights);
    for (int64_t i = 0; i < f->chunk; i++) {
        for (int64_t j = 0; even > 0 && j < n; j++)
            weights[i * n + j] -= even;
        answers(f, i, block, NULL, each, weights + i * n);
    }
    memset(f->leaf, 0, (size_t)size * sizeof(float));
    trn_compare_back(f->metric, b->width, f->chunk, b->v.query + f->first * b->width, n,
                     s->entity + offset(f, block, b->dim), scores, weights, n, f->leaf,
                     f->g_entity + offset(f, block, b->dim));
    for (int64_t i = 0; i < size; i++)
        values[i] = (double)f->leaf[i];
}

static trn_status_t learn_chunk(full_t *f, double *loss) {
    const trn_kg_batch_t *b = &f->batch;
    int64_t size = f->chunk * b->width;
    score(f);
    *loss += combine(f);
    TRN_TRY(trn_reduce_tree(b->state->comm, b->state->blocks, size, block_back, f, f->sum));
    for (int64_t i = 0; i < size; i++)
        b->g.query[f->first * b->width + i] = (float)f->sum[i];
    return TRN_OK;
}

static trn_status_t learn(full_t *f, double *loss) {
    trn_kg_batch_t *b = &f->batch;
    trn_kg_batch_query(b, 0, b->epoch.now);
    for (f->first = 0; f->first < b->epoch.now; f->first += CHUNK) {
        f->chunk = b->epoch.now - f->first < CHUNK ? b->epoch.now - f->first : CHUNK;
        TRN_TRY(learn_chunk(f, loss));
    }
    int ranks = b->state->ranks, rank = b->state->rank;
    int64_t low = trn_kg_epoch_tile(&b->epoch, ranks, rank) * CHUNK;
    int64_t high = trn_kg_epoch_tile(&b->epoch, ranks, rank + 1) * CHUNK;
    trn_kg_batch_back(b, low, high < b->epoch.now ? high : b->epoch.now);
    trn_kg_batch_share(b);
    trn_kg_batch_step(b, NULL, f->g_entity);
    return TRN_OK;
}

static trn_status_t epoch(void *self, double *loss) {
    full_t *f = self;
    trn_kg_batch_t *b = &f->batch;
    trn_kg_state_t *s = b->state;
    for (bool pause = false; s->position < s->span && !pause; trn_watch_tick()) {
        trn_kg_batch_pick(b, s->position);
        TRN_TRY(learn(f, &s->loss));
        if (!isfinite(s->loss)) return trn_kg_not_finite(s);
        s->position += b->epoch.now;
        pause = trn_kg_pause(s, 0, NULL);
    }
    trn_kg_close_epoch(s, s->span, loss);
    return TRN_OK;
}

static void plan(trn_ledger_t *ledger, const trn_kg_state_t *s, int64_t triples) {
    const trn_kg_header_t *h = &s->header;
    const trn_kg_batch_plan_t plan = {.tile = CHUNK};
    int64_t width = h->model->query_width(&h->shape), own = s->own_blocks * s->rows;
    bool product = h->model->metric(&h->shape) == TRN_METRIC_DOT;
    const int64_t number = (int64_t)sizeof(float);
    trn_kg_batch_take(ledger, s, triples, &plan);
    trn_ledger_take(ledger, "scores", own * CHUNK * (product ? 1 : 2), number);
    trn_ledger_take(ledger, "scores", s->blocks * CHUNK, (int64_t)sizeof(trn_loss_part_t) + number);
    trn_ledger_take(ledger, "gradients", own * h->shape.dim + CHUNK * width, number);
    trn_ledger_take(ledger, "gradients", CHUNK * width, (int64_t)sizeof(double));
    trn_ledger_take(
        ledger, "gradients",
        trn_reduce_bytes((trn_blocks_t){.blocks = s->blocks}, CHUNK * width, s->ranks, s->rank), 1);
}

const trn_kg_regime_t trn_kg_full = {"full", create, destroy, epoch, plan};
