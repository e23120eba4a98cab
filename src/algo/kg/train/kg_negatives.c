/* kg_negatives.c: training against candidates that are drawn for a batch and shared by its
 * questions.
 *
 * Ranks share out the batch's questions in tiles fixed by the problem: everything about a question
 * is computed by one rank. What remains to be put together are the gradients of the candidates, by
 * a tree over tiles. So ranks do not change a bit. */
#include "algo/kg/train/kg_batch.h"

#include "base/mem.h"
#include "kern/train/descent.h"
#include "mpi/agree.h"
#include "mpi/reduce.h"
#include "mpi/watch.h"

#include <limits.h>
#include <math.h>
#include <string.h>

enum { TILES = 8, LEAST = 16 /* questions in a tile */, LEVELS = 4 /* of the tree over tiles */ };

typedef struct negatives {
    trn_kg_batch_t batch;
    trn_metric_t metric;
    int64_t drawn, size;     /* candidates; numbers of their gradients */
    int64_t columns;         /* candidates of a question: drawn, and perhaps the known entity */
    float *scores, *weights; /* [tile x columns] */
    float *true_score;       /* [tile] */
    float *self_score, *self_back; /* [tile]: of known entities, and how they give way */
    float *own, *scale;            /* [tile]: weight of the answer, factor of the others */
    float *candidates, *back;      /* [drawn x width], projected; their gradient */
    float *level;                  /* [LEVELS x size]: branches that are being added up */
    int32_t *place, *next; /* with `filtered` [entities]: an entity's place among the candidates, or
                            * -1; [drawn]: its next one */
    const float **g_drawn; /* [drawn]: gradients of candidates, where they are complete */
    double loss[TILES];    /* of this batch, by tile */
} negatives_t;

static int64_t tile_of(const trn_kg_options_t *options, int64_t triples) {
    int64_t batch = options->batch < 2 * triples ? options->batch : 2 * triples;
    int64_t tile = (batch + TILES - 1) / TILES;
    return tile < LEAST ? LEAST : tile;
}

/* Most partial sums of any batch; the last one of an epoch may have fewer tiles. */
static int64_t most_partials(int64_t ranks) {
    int64_t most = 0;
    for (int64_t tiles = 1; tiles <= TILES; tiles++) {
        int64_t partials = trn_tree_parts(tiles, (int)ranks, NULL);
        most = partials > most ? partials : most;
    }
    return most;
}

static trn_kg_batch_plan_t plan_of(const trn_kg_options_t *options, int64_t triples,
                                   int64_t ranks) {
    return (trn_kg_batch_plan_t){.negatives = options->negatives,
                                 .partials = most_partials(ranks),
                                 .tile = tile_of(options, triples)};
}

static trn_status_t allocate(negatives_t *d, trn_kg_state_t *state, const trn_kg_t *kg) {
    trn_kg_batch_plan_t plan = plan_of(&state->options, kg->triples[TRN_TRAIN], state->ranks);
    int64_t tile = plan.tile;
    TRN_TRY(trn_kg_batch_create(&d->batch, state, kg, &plan));
    const trn_kg_batch_t *b = &d->batch;
    int64_t projected = state->header.model->project ? d->drawn * b->width : 0;
    d->size = d->drawn * b->dim;
    if (d->size > INT_MAX / TILES)
        return trn_fail(TRN_USAGE, "--negatives: %lld of %lld numbers are too many for a message",
                        (long long)d->drawn, (long long)b->dim);
    TRN_TRY(trn_alloc(&d->scores, tile * d->columns, sizeof(float), "scores"));
    TRN_TRY(trn_alloc(&d->weights, tile * d->columns, sizeof(float), "weights"));
    TRN_TRY(trn_alloc(&d->self_score, tile, sizeof(float), "scores"));
    TRN_TRY(trn_alloc(&d->self_back, tile, sizeof(float), "weights"));
    TRN_TRY(trn_alloc(&d->true_score, tile, sizeof(float), "scores"));
    TRN_TRY(trn_alloc(&d->own, tile, sizeof(float), "weights"));
    TRN_TRY(trn_alloc(&d->scale, tile, sizeof(float), "weights"));
    TRN_TRY(trn_alloc(&d->candidates, projected, sizeof(float), "projected candidates"));
    TRN_TRY(trn_alloc(&d->back, projected, sizeof(float), "their gradients"));
    if (state->options.filtered) {
        TRN_TRY(trn_alloc(&d->place, state->header.entities, sizeof *d->place, "candidates"));
        TRN_TRY(trn_alloc(&d->next, d->drawn, sizeof *d->next, "candidates"));
        memset(d->place, -1, (size_t)state->header.entities * sizeof *d->place);
    }
    TRN_TRY(trn_alloc(&d->g_drawn, d->drawn, sizeof *d->g_drawn, "gradients of candidates"));
    return trn_alloc(&d->level, LEVELS * d->size, sizeof(float), "gradients of candidates");
}

static void destroy(void **self) {
    negatives_t *d = *self;
    if (!d) return;
    trn_kg_batch_free(&d->batch);
    trn_free(&d->scores);
    trn_free(&d->weights);
    trn_free(&d->true_score);
    trn_free(&d->self_score);
    trn_free(&d->self_back);
    trn_free(&d->own);
    trn_free(&d->scale);
    trn_free(&d->candidates);
    trn_free(&d->back);
    trn_free(&d->level);
    trn_free(&d->place);
    trn_free(&d->next);
    trn_free(&d->g_drawn);
    trn_free(self);
}

static trn_status_t create(void **self, trn_kg_state_t *state, const trn_kg_t *kg) {
    negatives_t *d = NULL;
    trn_status_t status = TRN_OK;
    if (state->options.all_answers || state->options.smoothing > 0)
        status = trn_fail(TRN_USAGE, "--%s: only against all entities; add --negatives 0",
                          state->options.all_answers ? "all-answers" : "smoothing");
    if (status == TRN_OK) status = trn_alloc_zero(&d, 1, sizeof *d, "the trainer");
    if (status == TRN_OK) {
        d->drawn = state->options.negatives;
        d->columns = d->drawn + state->options.self_negative;
        d->metric = state->header.model->metric(&state->header.shape);
        status = allocate(d, state, kg);
    }
    *self = d;
    status = trn_agree(state->comm, status);
    if (status == TRN_OK) status = trn_kg_batch_open(&d->batch);
    if (status != TRN_OK) destroy(self);
    return status;
}

/* Scores of the known entities of n questions from i on, beside those of the drawn candidates.
 * Softmax may count a drawn one for many; this one stands for itself, or where it is the answer for
 * nothing. */
static void score_self(negatives_t *d, int64_t i, int64_t n) {
    const trn_kg_batch_t *b = &d->batch;
    const trn_loss_t *loss = &b->state->options.loss;
    float alone = loss->kind == TRN_LOSS_SOFTMAX ? logf(loss->weight) : 0;
    if (d->columns == d->drawn) return;
    trn_compare_rows(d->metric, b->width, n, b->v.query + i * b->width, b->v.self + i * b->width,
                     d->self_score);
    for (int64_t j = 0; j < n; j++) {
        bool is_answer = b->v.id[i + j] == b->v.id[b->epoch.now + i + j];
        d->scores[j * d->columns + d->drawn] = is_answer ? TRN_KG_MASKED : d->self_score[j] - alone;
    }
}

/* List the places of each candidate in the batch at work, or forget them. */
static void list_candidates(negatives_t *d, bool forget) {
    const trn_kg_batch_t *b = &d->batch;
    const int32_t *id = b->v.id + b->each * b->epoch.now;
    for (int64_t c = 0; d->place && c < d->drawn; c++) {
        if (!forget) d->next[c] = d->place[id[c]];
        d->place[id[c]] = forget ? -1 : (int32_t)c;
    }
}

/* Candidates that are known answers too of n questions from i on are none of their negatives. */
static void mask_answers(negatives_t *d, int64_t i, int64_t n) {
    const trn_kg_batch_t *b = &d->batch;
    for (int64_t j = 0; d->place && j < n; j++) {
        const int32_t *answer;
        float *scores = d->scores + j * d->columns;
        for (int64_t k = trn_kg_epoch_answers(&b->epoch, i + j, &answer) - 1; k >= 0; k--) {
            for (int32_t c = d->place[answer[k]]; c >= 0; c = d->next[c])
                scores[c] = TRN_KG_MASKED;
            if (d->columns > d->drawn && answer[k] == b->v.id[i + j])
                scores[d->drawn] = TRN_KG_MASKED;
        }
    }
}

static void score_self_back(negatives_t *d, int64_t i, int64_t n) {
    const trn_kg_batch_t *b = &d->batch;
    if (d->columns == d->drawn) return;
    for (int64_t j = 0; j < n; j++)
        d->self_back[j] = d->weights[j * d->columns + d->drawn];
    trn_compare_rows_back(d->metric, b->width, n, b->v.query + i * b->width,
                          b->v.self + i * b->width, d->self_score, d->self_back,
                          b->g.query + i * b->width, b->g.compared + (b->epoch.now + i) * b->width);
}

/* Score the questions of one piece and pass gradients back as far as to its queries, its answers
 * and the candidates. Returns its loss. */
static double learn_piece(negatives_t *d, int64_t p, float *g_drawn) {
    trn_kg_batch_t *b = &d->batch;
    const trn_kg_state_t *s = b->state;
    const trn_model_t *model = s->header.model;
    const trn_kg_options_t *o = &s->options;
    int64_t i = b->epoch.piece[p].start, n = b->epoch.piece[p].end - i, w = b->width,
            many = d->drawn;
    const float *candidates = b->draws.rows, *query = b->v.query + i * w, *second = NULL;
    float *back = g_drawn;
    if (model->project) {
        second = b->exchange.second[p];
        candidates = d->candidates;
        back = d->back;
        model->project(&s->header.shape, second, many, b->draws.rows, d->candidates);
        memset(back, 0, (size_t)(many * w) * sizeof(float));
    }
    trn_compare_rows(d->metric, w, n, query, b->v.answer + i * w, d->true_score);
    trn_compare(d->metric, w, n, query, many, candidates, NULL, d->scores, d->columns);
    score_self(d, i, n);
    mask_answers(d, i, n);
    trn_loss_part_t part[n];
    trn_loss_parts(&o->loss, n, d->columns, d->scores, d->true_score, d->weights, part);
    double loss = 0;
    for (int64_t j = 0; j < n; j++) {
        double scale, own;
        loss +=
            trn_loss_close(&o->loss, d->columns, (double)d->true_score[j], &part[j], &scale, &own);
        d->scale[j] = (float)(scale / (double)b->epoch.now);
        d->own[j] = (float)(own / (double)b->epoch.now);
    }
    trn_scale_rows(n, d->columns, d->scale, d->weights);
    trn_compare_rows_back(d->metric, w, n, query, b->v.answer + i * w, d->true_score, d->own,
                          b->g.query + i * w, b->g.compared + i * w);
    score_self_back(d, i, n);
    trn_compare_back(d->metric, w, n, query, many, candidates, d->scores, d->weights, d->columns,
                     b->g.query + i * w, back);
    if (model->project)
        model->project_back(&s->header.shape, second, many, b->draws.rows, back, g_drawn,
                            b->exchange.g_second + p * b->second_width);
    return loss;
}

/* Train one tile; g_drawn is overwritten with its gradient of the candidates. */
static void learn_tile(void *user, int64_t tile, float *g_drawn) {
    negatives_t *d = user;
    trn_kg_batch_t *b = &d->batch;
    int64_t low = tile * b->epoch.tile,
            high = low + b->epoch.tile < b->epoch.now ? low + b->epoch.tile : b->epoch.now;
    memset(g_drawn, 0, (size_t)d->size * sizeof(float));
    trn_kg_batch_query(b, low, high);
    for (int64_t p = 0; p < b->epoch.pieces; p++) {
        if (b->epoch.piece[p].start < low || b->epoch.piece[p].start >= high) continue;
        if (b->second_width > 0)
            memset(b->exchange.g_second + p * b->second_width, 0,
                   (size_t)b->second_width * sizeof(float));
        d->loss[tile] += learn_piece(d, p, g_drawn);
    }
    trn_kg_batch_back(b, low, high);
}

/* The gradients of all candidates: this rank's tiles, summed as far as the tree over tiles has them
 * together. */
static void make_partials(negatives_t *d) {
    trn_kg_batch_t *b = &d->batch;
    trn_tree_part_t part[TILES];
    int64_t tiles = trn_kg_epoch_tiles(&b->epoch);
    b->draws.partials = trn_tree_parts(tiles, b->state->ranks, part);
    for (int64_t p = 0; p < b->draws.partials; p++) {
        b->draws.maker[p] = part[p].owner;
        if (part[p].owner == b->state->rank)
            trn_tree_part_sum(&part[p], d->size, learn_tile, d, d->level,
                              b->draws.partial + p * d->size);
    }
}

/* The gradient of candidate j, whose partial sums are complete. */
static const float *join_partials(negatives_t *d, int64_t j) {
    const trn_kg_batch_t *b = &d->batch;
    const float *part[TILES];
    int64_t at = j * b->dim;
    for (int64_t p = 0; p < b->draws.partials; p++)
        part[p] = trn_kg_window_of(&b->exchange.window, b->draws.maker[p],
                                   b->draws.partial + p * d->size + at);
    return trn_tree_join(trn_kg_epoch_tiles(&b->epoch), b->state->ranks, part, b->dim,
                         d->level + at, d->size);
}

static void learn(negatives_t *d) {
    trn_kg_batch_t *b = &d->batch;
    list_candidates(d, false);
    make_partials(d);
    list_candidates(d, true);
    trn_kg_batch_share(b);
    for (int64_t j = 0, before = b->each * b->epoch.now; j < d->drawn; j++)
        if (b->exchange.place[before + j] >= 0) d->g_drawn[j] = join_partials(d, j);
    trn_kg_batch_step(b, d->g_drawn, NULL);
}

static trn_status_t epoch(void *self, double *loss) {
    negatives_t *d = self;
    trn_kg_batch_t *b = &d->batch;
    trn_kg_state_t *s = b->state;
    for (bool pause = false; s->position < s->span && !pause; trn_watch_tick()) {
        memset(d->loss, 0, sizeof d->loss);
        trn_kg_batch_pick(b, s->position);
        learn(d);
        pause = trn_kg_pause(s, TILES, d->loss);
        for (int t = 0; t < TILES; t++) /* each of one rank, the others have zeros */
            s->loss += d->loss[t];
        if (!isfinite(s->loss)) return trn_kg_not_finite(s);
        s->position += b->epoch.now;
    }
    trn_kg_close_epoch(s, s->span, loss);
    return TRN_OK;
}

static void plan(trn_ledger_t *ledger, const trn_kg_state_t *s, int64_t triples) {
    const trn_kg_header_t *h = &s->header;
    const trn_kg_options_t *o = &s->options;
    trn_kg_batch_plan_t plan = plan_of(o, triples, s->ranks);
    int64_t drawn = o->negatives, columns = drawn + o->self_negative;
    const int64_t number = (int64_t)sizeof(float);
    trn_kg_batch_take(ledger, s, triples, &plan);
    trn_ledger_take(ledger, "scores", plan.tile * (2 * columns + 5), number);
    if (h->model->project)
        trn_ledger_take(ledger, "scores", 2 * drawn * h->model->query_width(&h->shape), number);
    if (o->filtered) trn_ledger_take(ledger, "scores", h->entities + drawn, number);
    trn_ledger_take(ledger, "gradients", drawn, (int64_t)sizeof(float *));
    trn_ledger_take(ledger, "gradients", LEVELS * drawn * h->shape.dim, number);
}

const trn_kg_regime_t trn_kg_negatives = {"drawn", create, destroy, epoch, plan};
