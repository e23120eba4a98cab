/* kg_state.c: the numbers of training on this rank, their start and their steps. */
#include "algo/kg/train/kg_state.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "kern/train/descent.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/gather.h"

#include <limits.h>
#include <math.h>

int64_t trn_kg_moment_width(trn_kg_optimizer_t optimiser, int which, int64_t width) {
    if (optimiser == TRN_KG_ADAM) return width;
    if (which == 1) return 0;
    return optimiser == TRN_KG_ADAGRAD_ROW ? width > 0 : width;
}

double trn_kg_rate(const trn_kg_options_t *options, int64_t epoch) {
    double done = options->epochs > 1 ? (double)epoch / (double)(options->epochs - 1) : 0;
    return options->rate * (1 + (options->final_rate - 1) * done);
}

static bool all_zero(int64_t width, const float *g) {
    for (int64_t j = 0; j < width; j++)
        if (g[j] != 0) return false;
    return true;
}

static void step_row_mean(double rate, int64_t width, float *values, float *squares,
                          const float *g) {
    double sum = 0;
    for (int64_t j = 0; j < width; j++)
        sum += (double)g[j] * (double)g[j];
    *squares += (float)(sum / (double)width);
    float by = (float)(rate / (sqrt((double)*squares) + 1e-10));
    for (int64_t j = 0; j < width; j++)
        values[j] -= by * g[j];
}

/* Kingma, Ba: Adam (ICLR 2015), with its constants; the correction goes by steps of training. */
static void step_adam(double rate, int64_t step, int64_t width, float *values, float *squares,
                      float *mean, const float *g) {
    const double keep_mean = 0.9, keep_squares = 0.999;
    float by = (float)(rate * sqrt(1 - pow(keep_squares, (double)step)) /
                       (1 - pow(keep_mean, (double)step)));
    for (int64_t j = 0; j < width; j++) {
        mean[j] = 0.9f * mean[j] + 0.1f * g[j];
        squares[j] = 0.999f * squares[j] + 0.001f * g[j] * g[j];
        values[j] -= by * mean[j] / (sqrtf(squares[j]) + 1e-8f);
    }
}

void trn_kg_step(const trn_kg_options_t *options, double rate, int64_t step, int64_t count,
                 int64_t width, float *values, float *moment0, float *moment1, const float *g) {
    if (options->optimiser == TRN_KG_ADAGRAD) {
        trn_adagrad(count * width, (float)rate, values, moment0, g);
        return;
    }
    for (int64_t i = 0; i < count; i++, values += width, g += width) {
        if (all_zero(width, g)) continue;
        if (options->optimiser == TRN_KG_ADAGRAD_ROW)
            step_row_mean(rate, width, values, moment0 + i, g);
        else
            step_adam(rate, step, width, values, moment0 + i * width, moment1 + i * width, g);
    }
}

static trn_status_t allocate(trn_kg_state_t *state) {
    const trn_kg_header_t *h = &state->header;
    int64_t relations = trn_kg_relation_rows(h), entities = state->own_blocks * state->rows;
    int64_t rows[3] = {entities, relations, state->own_second};
    int64_t width[3] = {h->shape.dim, h->model->relation_width(&h->shape),
                        h->model->second_width(&h->shape)};
    float **values[3] = {&state->entity, &state->relation, &state->second};
    for (int i = 0; i < 3; i++) {
        if (i == 2 && width[i] == 0) continue;
        TRN_TRY(trn_alloc_zero(values[i], rows[i] * width[i], sizeof(float), "model vectors"));
        for (int which = 0; which < 2; which++) {
            int64_t moment = trn_kg_moment_width(state->options.optimiser, which, width[i]);
            if (moment > 0)
                TRN_TRY(trn_alloc_zero(&state->moments[i][which], rows[i] * moment, sizeof(float),
                                       "optimiser state"));
        }
    }
    return TRN_OK;
}

static trn_status_t allocate_owners(trn_kg_state_t *state) {
    TRN_TRY(trn_alloc(&state->owner, state->blocks, sizeof *state->owner, "owners of blocks"));
    for (int64_t b = 0; b < state->blocks; b++)
        state->owner[b] = (int)trn_part_of(state->blocks, state->ranks, b);
    return TRN_OK;
}

static void start(trn_kg_state_t *state) {
    const trn_kg_header_t *h = &state->header;
    const trn_kg_options_t *o = &state->options;
    int64_t d = h->shape.dim, width = h->model->relation_width(&h->shape);
    int64_t second = h->model->second_width(&h->shape), relations = trn_kg_relation_rows(h);
    for (int64_t block = 0; block < state->own_blocks; block++) {
        float *row = state->entity + block * state->rows * d;
        for (int64_t e = state->first_block + block; e < h->entities; e += state->blocks, row += d)
            trn_rng_normal_row(o->seed, (uint64_t)e, 0, TRN_RNG_KG_ENTITY, o->scale, d, row);
        if (o->unit_entities && h->model->normalize_entity)
            h->model->normalize_entity(&h->shape, (row - state->entity) / d - block * state->rows,
                                       state->entity + block * state->rows * d);
    }
    for (int64_t r = 0; r < relations; r++) {
        trn_rng_normal_row(o->seed, (uint64_t)r, 0, TRN_RNG_KG_RELATION, o->scale, width,
                           state->relation + r * width);
        float *row = trn_kg_own_second(state, state->second, second, r);
        if (row)
            trn_rng_normal_row(o->seed, (uint64_t)r, 0, TRN_RNG_KG_SECOND, o->scale, second, row);
        if (h->model->start_relation)
            h->model->start_relation(&h->shape, 1, state->relation + r * width, row);
        if (h->model->normalize_relation)
            h->model->normalize_relation(&h->shape, 1, state->relation + r * width, row);
    }
}

trn_kg_state_t trn_kg_state_shape(const trn_kg_header_t *header, const trn_kg_options_t *options,
                                  int ranks, int rank) {
    trn_kg_state_t s = {.ranks = ranks, .rank = rank, .header = *header, .options = *options};
    if (options->blocks > header->entities) s.options.blocks = header->entities;
    s.blocks = s.options.blocks;
    s.rows = (header->entities + s.blocks - 1) / s.blocks;
    s.first_block = trn_part_start(s.blocks, ranks, rank);
    s.own_blocks = trn_part_start(s.blocks, ranks, rank + 1) - s.first_block;
    int64_t second = header->model->second_width(&header->shape);
    int64_t relations = second > 0 ? trn_kg_relation_rows(header) : 0;
    s.first_second = trn_part_start(relations, ranks, rank);
    s.own_second = trn_part_start(relations, ranks, rank + 1) - s.first_second;
    return s;
}

void trn_kg_state_plan(trn_ledger_t *ledger, const trn_kg_state_t *s) {
    const trn_kg_header_t *h = &s->header;
    int64_t rows[3] = {s->own_blocks * s->rows, trn_kg_relation_rows(h), s->own_second};
    int64_t width[3] = {h->shape.dim, h->model->relation_width(&h->shape),
                        h->model->second_width(&h->shape)};
    const int64_t number = (int64_t)sizeof(float);
    for (int i = 0; i < 3; i++) {
        int64_t moments = trn_kg_moment_width(s->options.optimiser, 0, width[i]) +
                          trn_kg_moment_width(s->options.optimiser, 1, width[i]);
        trn_ledger_take(ledger, "model", rows[i] * width[i], number);
        trn_ledger_take(ledger, "optimizer", rows[i] * moments, number);
    }
    trn_ledger_take(ledger, "model", s->blocks, (int64_t)sizeof(int));
}

trn_status_t trn_kg_state_create(trn_kg_state_t **out, MPI_Comm comm, const trn_kg_header_t *header,
                                 const trn_kg_options_t *options) {
    trn_kg_state_t *state = NULL;
    *out = NULL;
    trn_status_t status = TRN_OK;
    if (options->blocks < 1 || header->entities < 1)
        status = trn_fail(TRN_USAGE, "--entity-blocks: %lld blocks of %lld entities cannot be",
                          (long long)options->blocks, (long long)header->entities);
    if (options->dura > 0 && header->model->metric(&header->shape) != TRN_METRIC_DOT)
        status = trn_fail(TRN_USAGE, "--regularizer: dura is for distmult and complex, whose "
                                     "scores are products");
    int64_t second = header->model->second_width(&header->shape);
    if (second > INT_MAX)
        status = trn_fail(TRN_USAGE,
                          "--relation-dim: matrices of %lld numbers are too big for a "
                          "message; make --dim or this smaller",
                          (long long)second);
    if (status == TRN_OK) status = trn_alloc_zero(&state, 1, sizeof *state, "the training state");
    TRN_OR(failed, trn_agree(comm, status));
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    *state = trn_kg_state_shape(header, options, ranks, rank);
    state->comm = comm;
    status = allocate(state);
    if (status == TRN_OK) status = allocate_owners(state);
    TRN_OR(failed, trn_agree(comm, status));
    start(state);
    *out = state;
    return TRN_OK;
failed:
    trn_kg_state_destroy(&state);
    return status;
}

void trn_kg_state_destroy(trn_kg_state_t **out) {
    trn_kg_state_t *state = *out;
    if (!state) return;
    trn_free(&state->entity);
    trn_free(&state->relation);
    trn_free(&state->second);
    trn_free(&state->owner);
    for (int i = 0; i < 3; i++)
        for (int which = 0; which < 2; which++)
            trn_free(&state->moments[i][which]);
    trn_free(out);
}

/* Of one row, whose numbers are moduli where it is complex. */
static void regularise_row(float n3, float l2, bool complex, int64_t width, const float *restrict v,
                           float *restrict g) {
    int64_t half = width / 2;
    if (n3 > 0 && complex) {
        for (int64_t j = 0; j < half; j++) {
            float by = n3 * sqrtf(v[j] * v[j] + v[half + j] * v[half + j]);
            g[j] += by * v[j];
            g[half + j] += by * v[half + j];
        }
    } else if (n3 > 0) {
        for (int64_t j = 0; j < width; j++)
            g[j] += n3 * fabsf(v[j]) * v[j];
    }
    for (int64_t j = 0; l2 > 0 && j < width; j++)
        g[j] += l2 * v[j];
}

/* Of an entity e and its product with the relation r: |e|^2 / 2 + 3 |e r|^2 / 2, times weight. */
static void regularise_product(float weight, bool complex, int64_t width, const float *restrict e,
                               const float *restrict r, float *restrict ge, float *restrict gr) {
    int64_t parts = complex ? 2 : 1, n = width / parts;
    for (int64_t j = 0; j < n; j++) {
        float ee = 0, rr = 0;
        for (int64_t k = j; k < width; k += n) {
            ee += e[k] * e[k];
            rr += r[k] * r[k];
        }
        for (int64_t k = j; k < width; k += n) {
            ge[k] += weight * (1 + 3 * rr) * e[k];
            gr[k] += weight * 3 * ee * r[k];
        }
    }
}

void trn_kg_regularise(const trn_kg_state_t *state, int64_t questions, const trn_kg_rows_t *v,
                       const trn_kg_rows_t *g) {
    const trn_kg_options_t *o = &state->options;
    const trn_kg_header_t *h = &state->header;
    bool complex = h->model->complex;
    int64_t d = h->shape.dim, rw = h->model->relation_width(&h->shape);
    double each = (double)questions;
    float n3 = (float)(o->n3 / each), l2 = (float)(o->l2 / each), dura = (float)(o->dura / each);
    if (n3 > 0 || l2 > 0) {
        regularise_row(n3, l2, complex, d, v->known, g->known);
        if (v->answer) regularise_row(n3, l2, complex, d, v->answer, g->answer);
        if (!complex || rw == d) /* numbers of modulus 1, as phases, have nothing to lose */
            regularise_row(n3, l2, complex, rw, v->relation, g->relation);
    }
    if (dura > 0) {
        regularise_product(dura, complex, d, v->known, v->relation, g->known, g->relation);
        if (v->answer)
            regularise_product(dura, complex, d, v->answer, v->relation, g->answer, g->relation);
    }
}

bool trn_kg_pause(trn_kg_state_t *state, int count, double *values) {
    enum { MOST = 16 };
    double sums[MOST + 2] = {0};
    if (state->rank == 0 && state->position > 0)
        trn_log(TRN_LOG_PROGRESS, "kg-train", "epoch %lld/%lld  %.1f %%",
                (long long)state->epoch + 1, (long long)state->options.epochs,
                100 * (double)state->position / (double)state->span);
    for (int i = 0; i < count; i++)
        sums[i] = values[i];
    trn_trainer_t *t = state->trainer;
    sums[count] = t && (trn_trainer_stops(t) || trn_trainer_saves(t));
    sums[count + 1] = t && t->saving && !trn_trainer_writing(t);
    MPI_Allreduce(MPI_IN_PLACE, sums, count + 2, MPI_DOUBLE, MPI_SUM, state->comm);
    for (int i = 0; i < count; i++)
        values[i] = sums[i];
    return sums[count] > 0 || sums[count + 1] >= state->ranks;
}

void trn_kg_close_epoch(trn_kg_state_t *state, int64_t questions, double *loss) {
    if (state->position < state->span) return;
    *loss = state->loss / (double)questions;
    state->position = 0;
    state->loss = 0;
    state->epoch++;
}

trn_status_t trn_kg_not_finite(const trn_kg_state_t *state) {
    return trn_fail(TRN_NUMERIC,
                    "the loss is not finite in epoch %lld; lower --learning-rate (the last "
                    "checkpoint is kept)",
                    (long long)state->epoch + 1);
}

float *trn_kg_own_row(const trn_kg_state_t *state, float *values, int64_t width, int64_t entity) {
    int64_t block = entity % state->blocks - state->first_block;
    if (block < 0 || block >= state->own_blocks) return NULL;
    return values + (block * state->rows + entity / state->blocks) * width;
}

float *trn_kg_own_second(const trn_kg_state_t *state, float *values, int64_t width,
                         int64_t relation) {
    int64_t row = relation - state->first_second;
    return values && row >= 0 && row < state->own_second ? values + row * width : NULL;
}

int trn_kg_second_owner(const trn_kg_state_t *state, int64_t relation) {
    return (int)trn_part_of(trn_kg_relation_rows(&state->header), state->ranks, relation);
}

int32_t trn_kg_negative(const trn_kg_state_t *state, int64_t j, uint32_t words[4]) {
    if (j % 4 == 0)
        trn_rng_words(state->options.seed, (uint64_t)state->step, (uint32_t)(j / 4), 0,
                      TRN_RNG_KG_NEGATIVE, words);
    return (int32_t)((uint64_t)words[j % 4] * (uint64_t)state->header.entities >> 32);
}

/* The entities that trn_kg_gather is asked for. */
typedef struct wanted {
    const trn_kg_state_t *state;
    const int32_t *entity;
} wanted_t;

static const float *own_row(const void *user, int64_t i) {
    const wanted_t *w = user;
    return trn_kg_own_row(w->state, w->state->entity, w->state->header.shape.dim, w->entity[i]);
}

void trn_kg_gather(const trn_kg_state_t *state, int64_t count, const int32_t *entity, float *rows) {
    const wanted_t wanted = {state, entity};
    trn_gather_rows(state->comm, count, state->header.shape.dim, own_row, &wanted, rows);
}
