/* kg_bucketed.c: training in pairs of entity blocks, for graphs too big to be on every rank.
 *
 * Several times an epoch, each time with a part of the triples, the blocks meet in a round-robin
 * schedule (kg_schedule.h). Pairs of a round have no entity in common and are trained at the same
 * time, each by one rank, in batches out of its own bucket of triples against entities drawn from
 * its two blocks and guests from the others, the same for all pairs of a round (kg_pair.h): without
 * them nothing would tell a query how the blocks' scores compare. Between rounds the blocks that
 * change ranks travel (kg_places.h), at the end of an epoch all are at home again; triples never
 * move (kg_buckets.h).
 *
 * Relations are on every rank. All pairs of a round start from the same ones, each changes a copy,
 * and the changes are put together by a tree over pairs: so the number of ranks changes nothing.
 * Changes are added, but with Adagrad a step has the length that suits the squares of its own pair,
 * and eight pairs that agree would go eight times too far; so a change is multiplied with the root
 * of its pair's squares and, when all are added, divided by the root of all pairs' squares. Adam's
 * means are averaged over the pairs that had a gradient. */
#include "algo/kg/train/kg_state.h"

#include "algo/kg/buckets/kg_buckets.h"
#include "algo/kg/buckets/kg_pair.h"
#include "algo/kg/buckets/kg_placement.h"
#include "algo/kg/buckets/kg_schedule.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/reduce.h"
#include "mpi/trace.h"
#include "mpi/watch.h"

#include <math.h>
#include <string.h>

enum { MOST_BLOCKS = 4096, TALLIES = 2 /* behind the relations: loss, batches */ };

typedef struct bucketed {
    trn_kg_state_t *state;
    trn_kg_schedule_t schedule;
    trn_kg_placement_t places;
    trn_kg_buckets_t buckets;
    trn_kg_pairing_t pair;
    int64_t relations, width[TRN_KG_PARTS], row; /* numbers a relation adds to the sum */
    double *sum;                                 /* [relations x row + TALLIES] */
    int *to;                                     /* [blocks]: ranks they go to */
    int64_t guests;                              /* entities all pairs of a round see */
    int32_t *guest;                              /* [guests] */
    float *guest_value;                          /* [guests x dim] */
    int64_t triples, round, sweep;
} bucketed_t;

/* Numbers of one relation in a sum: its change, its moments' changes, and that it has some. */
static int64_t shape(bucketed_t *f, trn_kg_state_t *state) {
    const trn_kg_header_t *h = &state->header;
    f->state = state;
    f->relations = trn_kg_relation_rows(h);
    f->width[0] = h->model->relation_width(&h->shape);
    for (int i = 1; i < TRN_KG_PARTS; i++)
        f->width[i] = trn_kg_moment_width(state->options.optimiser, i - 1, f->width[0]);
    f->row = f->width[0] + f->width[1] + f->width[2] + 1;
    return f->relations * f->row + TALLIES;
}

static void destroy(void **self) {
    bucketed_t *f = *self;
    if (!f) return;
    trn_kg_schedule_free(&f->schedule);
    trn_kg_placement_free(&f->places);
    trn_kg_buckets_free(&f->buckets);
    trn_kg_pair_free(&f->pair);
    trn_free(&f->sum);
    trn_free(&f->to);
    trn_free(&f->guest);
    trn_free(&f->guest_value);
    trn_free(self);
}

static trn_status_t check(const trn_kg_state_t *state, const trn_kg_t *kg) {
    const trn_kg_options_t *o = &state->options;
    if (state->header.model->project)
        return trn_fail(TRN_USAGE,
                        "--model: %s projects entities, which --regime bucketed cannot; choose "
                        "another, or --regime batch",
                        state->header.model->name);
    if (o->all_answers || o->smoothing > 0 || o->entity_dropout > 0 || o->relation_dropout > 0)
        return trn_fail(TRN_USAGE, "--%s: --regime bucketed has no such thing; use --regime batch",
                        o->all_answers          ? "all-answers"
                        : o->smoothing > 0      ? "smoothing"
                        : o->entity_dropout > 0 ? "entity-dropout"
                                                : "relation-dropout");
    if (o->nodepiece)
        return trn_fail(TRN_USAGE, "--encoder: --regime bucketed trains the entities' own vectors; "
                                   "use --regime batch");
    if (o->negatives < 1)
        return trn_fail(TRN_USAGE, "--negatives: --regime bucketed draws some; give 1 or more, or "
                                   "--regime batch");
    if (o->sweeps < 1) return trn_fail(TRN_USAGE, "--sweeps: give 1 or more");
    if (state->blocks > MOST_BLOCKS)
        return trn_fail(TRN_USAGE, "--entity-blocks: %lld; --regime bucketed takes at most %d",
                        (long long)state->blocks, MOST_BLOCKS);
    if (kg->triples[TRN_TRAIN] < 1) return trn_fail(TRN_INPUT, "/train: no triples to train on");
    return TRN_OK;
}

static int64_t greater(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* Slots of the busiest rank. */
static int64_t most_slots(int64_t blocks, int64_t ranks) {
    int64_t pairs = (trn_kg_schedule_pairs(blocks) + ranks - 1) / ranks;
    return greater(2 * pairs, (blocks + ranks - 1) / ranks);
}

static trn_status_t allocate(bucketed_t *f, trn_kg_state_t *state) {
    int64_t pairs = trn_kg_schedule_pairs(state->blocks);
    int64_t own = trn_part_start(pairs, state->ranks, state->rank + 1) -
                  trn_part_start(pairs, state->ranks, state->rank);
    int64_t sum = shape(f, state);
    TRN_TRY(trn_kg_schedule_create(&f->schedule, state->blocks, state->options.seed));
    TRN_TRY(trn_kg_placement_create(&f->places, state, greater(2 * own, state->own_blocks),
                                    most_slots(state->blocks, state->ranks)));
    TRN_TRY(trn_kg_pair_create(&f->pair, state));
    TRN_TRY(trn_alloc(&f->sum, sum, sizeof *f->sum, "changes of relations"));
    TRN_TRY(trn_alloc(&f->to, state->blocks, sizeof *f->to, "places of blocks"));
    f->guests = trn_kg_pair_guests(state);
    TRN_TRY(trn_alloc(&f->guest, f->guests, sizeof *f->guest, "guests"));
    return trn_alloc(&f->guest_value, f->guests * state->header.shape.dim, sizeof(float), "guests");
}

static trn_status_t create(void **self, trn_kg_state_t *state, const trn_kg_t *kg) {
    bucketed_t *f = NULL;
    trn_status_t status = check(state, kg);
    if (status == TRN_OK) status = trn_alloc_zero(&f, 1, sizeof *f, "the trainer");
    if (status == TRN_OK) status = allocate(f, state);
    status = trn_agree(state->comm, status);
    *self = f;
    if (status == TRN_OK) {
        f->triples = kg->triples[TRN_TRAIN];
        state->span = state->options.sweeps * f->schedule.rounds;
    }
    if (status == TRN_OK) status = trn_kg_buckets_load(&f->buckets, state->comm, kg, &f->schedule);
    if (status == TRN_OK && state->rank == 0 && state->ranks > f->schedule.pairs)
        trn_log(TRN_LOG_WARN, "kg-train",
                "%lld entity blocks make %lld pairs at a time: %lld of %d ranks will be idle; "
                "raise --entity-blocks or use fewer ranks",
                (long long)state->blocks, (long long)f->schedule.pairs,
                (long long)(state->ranks - f->schedule.pairs), state->ranks);
    if (status != TRN_OK) destroy(self);
    return status;
}

/* Write what a relation's copy adds to the sum, or take what the sum adds to the relation. `roots`
 * says how a number's change is weighted: NULL, or by the root of its square sum. */
static double root(const bucketed_t *f, const float *squares, int64_t j) {
    return f->state->options.optimiser == TRN_KG_ADAM
               ? 1
               : sqrt((double)squares[f->width[1] == 1 ? 0 : j]) + 1e-10;
}

static void give(const bucketed_t *f, int64_t relation, double *row) {
    const trn_kg_state_t *s = f->state;
    const float *old[TRN_KG_PARTS] = {s->relation, s->moments[1][0], s->moments[1][1]};
    const trn_kg_copy_t *copy = &f->pair.relation;
    for (int part = 0; part < TRN_KG_PARTS; part++) {
        int64_t w = f->width[part], at = relation * w;
        for (int64_t j = 0; j < w; j++)
            row[j] = (double)copy->part[part][at + j] - (double)old[part][at + j];
        for (int64_t j = 0; part == 0 && j < w; j++)
            row[j] *= root(f, copy->part[1] + relation * f->width[1], j);
        row += w;
    }
    *row = 1;
}

/* One pair of the round, as a leaf of the sum over pairs. */
static void train_pair(void *user, int64_t k, double *values) {
    bucketed_t *f = user;
    const trn_kg_state_t *s = f->state;
    trn_kg_task_t task = {.bucket = (uint64_t)(f->round * f->schedule.pairs + k),
                          .sweep = f->sweep,
                          .guests = f->guests,
                          .guest = f->guest,
                          .guest_value = f->guest_value};
    trn_kg_schedule_blocks(&f->schedule, f->round, k, task.block);
    if (task.block[0] < 0) { /* the empty place may be on either side */
        task.block[0] = task.block[1];
        task.block[1] = -1;
    }
    for (int side = 0; side < 2 && task.block[side] >= 0; side++) {
        int64_t block = task.block[side];
        task.size[side] = (s->header.entities - block + s->blocks - 1) / s->blocks;
        for (int part = 0; part < TRN_KG_PARTS; part++)
            task.part[side][part] = trn_kg_placement_part(&f->places, part, block);
    }
    task.triples = trn_kg_bucket(&f->buckets, f->round, k, &task.count);
    trn_kg_pair_learn(&f->pair, &task);
    memset(values, 0, (size_t)(f->relations * f->row + TALLIES) * sizeof *values);
    for (int64_t r = 0; r < f->relations; r++)
        if (f->pair.touched[r]) give(f, r, values + r * f->row);
    double *tally = values + f->relations * f->row;
    tally[0] = f->pair.loss;
    tally[1] = (double)f->pair.batches;
}

/* The pairs' changes together make the relations of the next round. */
static void merge(bucketed_t *f) {
    trn_kg_state_t *s = f->state;
    const trn_kg_header_t *h = &s->header;
    bool adam = s->options.optimiser == TRN_KG_ADAM;
    for (int64_t r = 0; r < f->relations; r++) {
        const double *change = f->sum + r * f->row;
        double pairs = change[f->row - 1];
        if (pairs == 0) continue;
        float *values = s->relation + r * f->width[0];
        change += f->width[0];
        for (int part = 1; part < TRN_KG_PARTS; part++)
            for (int64_t j = 0; j < f->width[part]; j++, change++) {
                float *moment = &s->moments[1][part - 1][r * f->width[part] + j];
                *moment = (float)((double)*moment + *change / (adam ? pairs : 1));
            }
        const float *squares = s->moments[1][0] + r * f->width[1];
        change = f->sum + r * f->row;
        for (int64_t j = 0; j < f->width[0]; j++)
            values[j] = (float)((double)values[j] + change[j] / root(f, squares, j));
        if (h->model->normalize_relation) h->model->normalize_relation(&h->shape, 1, values, NULL);
    }
    double batches = f->sum[f->relations * f->row + 1] / (double)f->schedule.pairs;
    s->step += batches < 1 ? 1 : (int64_t)batches;
}

static void move(bucketed_t *f, bool home) {
    const trn_kg_state_t *s = f->state;
    for (int64_t b = 0; b < s->blocks; b++)
        f->to[b] = (int)(home ? trn_part_of(s->blocks, s->ranks, b)
                              : trn_part_of(f->schedule.pairs, s->ranks,
                                            trn_kg_schedule_pair(&f->schedule, f->round, b)));
    trn_trace_begin("pass blocks");
    trn_kg_placement_move(&f->places, f->to, home);
    trn_trace_end();
}

/* Draw the round's guests and fetch them. */
static void invite(bucketed_t *f) {
    const trn_kg_state_t *s = f->state;
    uint32_t words[4];
    trn_rng_words(s->options.seed, (uint64_t)f->round, (uint32_t)f->sweep, (uint32_t)s->epoch,
                  TRN_RNG_KG_GUEST, words);
    uint64_t key = (uint64_t)words[0] << 32 | words[1];
    for (int64_t i = 0; i < f->guests; i++)
        f->guest[i] = (int32_t)trn_rng_permuted(key, s->header.entities, i);
    trn_kg_placement_gather(&f->places, f->guests, f->guest, f->guest_value);
}

/* One round: the blocks come together, all pairs are trained, the relations put together. */
static trn_status_t play(bucketed_t *f) {
    move(f, false);
    invite(f);
    TRN_TRY(trn_reduce_tree(f->state->comm, f->schedule.pairs, f->relations * f->row + TALLIES,
                            train_pair, f, f->sum));
    merge(f);
    trn_watch_tick();
    return TRN_OK;
}

/* state->position counts rounds; between any two training can be left and gone on with. */
static trn_status_t epoch(void *self, double *loss) {
    bucketed_t *f = self;
    trn_kg_state_t *s = f->state;
    bool pause = false;
    while (s->position < s->span && !pause) {
        f->sweep = s->position / f->schedule.rounds;
        f->round = trn_kg_schedule_round(&f->schedule, s->epoch * s->options.sweeps + f->sweep,
                                         s->position % f->schedule.rounds);
        TRN_TRY(play(f));
        s->loss += f->sum[f->relations * f->row];
        if (!isfinite(s->loss)) return trn_kg_not_finite(s);
        s->position++;
        pause = trn_kg_pause(s, 0, NULL);
    }
    move(f, true);
    trn_kg_close_epoch(s, 2 * f->triples, loss);
    return TRN_OK;
}

static void plan(trn_ledger_t *ledger, const trn_kg_state_t *s, int64_t triples) {
    trn_kg_state_t state = *s; /* a bucketed points to one that it may change */
    bucketed_t f = {0};
    int64_t sum = shape(&f, &state), pairs = trn_kg_schedule_pairs(s->blocks);
    int64_t own =
        trn_part_start(pairs, s->ranks, s->rank + 1) - trn_part_start(pairs, s->ranks, s->rank);
    int64_t guests = trn_kg_pair_guests(s);
    trn_ledger_take(ledger, "batch", 3 * s->blocks, (int64_t)sizeof(int64_t));
    trn_kg_placement_plan(ledger, s, greater(2 * own, s->own_blocks),
                          most_slots(s->blocks, s->ranks));
    trn_kg_pair_plan(ledger, s);
    trn_ledger_take(ledger, "gradients", sum, (int64_t)sizeof(double));
    trn_ledger_take(ledger, "batch", guests, (int64_t)sizeof(int32_t));
    trn_ledger_take(ledger, "batch", guests * s->header.shape.dim, (int64_t)sizeof(float));
    trn_kg_buckets_plan(ledger, s->blocks, triples, s->ranks, s->rank);
    trn_ledger_take(ledger, "gradients",
                    trn_reduce_bytes((trn_blocks_t){.blocks = pairs}, sum, s->ranks, s->rank), 1);
    if (s->ranks > 1)
        trn_ledger_take(ledger, "messages", guests * s->header.shape.dim, (int64_t)sizeof(float));
}

const trn_kg_regime_t trn_kg_bucketed = {"bucketed", create, destroy, epoch, plan};
