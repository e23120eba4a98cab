/* The encoder of hashes: vectors against the definition, gradients against central differences, the
 * same bits on any number of ranks, and memory that runs out. */
#include "harness.h"

#include "algo/kg/nodepiece/encoder.h"
#include "base/rng.h"
#include "mpi/agree.h"
#include "mpi/dist.h"

#include <math.h>
#include <string.h>

enum { ENTITIES = 700, ROWS = 600, K = 5, M = 4, ANCHORS = 30, FARTHEST = 3, RELATIONS = 6 };

/* Made-up hashes of entities [first, first + count). */
static trn_nodepiece_hash_t hashes(int64_t first, int64_t count) {
    static int32_t near[ENTITIES * K], distance[ENTITIES * K], relation[ENTITIES * M];
    for (int64_t e = 0; e < ENTITIES; e++)
        for (int64_t i = 0; i < K + M; i++) {
            uint32_t words[4];
            trn_rng_words(3, (uint64_t)e, (uint32_t)i, 0, TRN_RNG_TEST, words);
            if (i < K) {
                near[e * K + i] = (int32_t)(words[0] % (ANCHORS + 1));
                distance[e * K + i] = (int32_t)(words[1] % (FARTHEST + 1));
            } else
                relation[e * M + i - K] = (int32_t)(words[0] % (2 * RELATIONS + 1));
        }
    return (trn_nodepiece_hash_t){.entities = ENTITIES,
                                  .relations = RELATIONS,
                                  .anchors = ANCHORS,
                                  .nearest = K,
                                  .context = M,
                                  .farthest = FARTHEST,
                                  .first = first,
                                  .count = count,
                                  .near = near + first * K,
                                  .distance = distance + first * K,
                                  .relation = relation + first * M};
}

static const trn_kg_optimizer_t adam = TRN_KG_ADAM;

/* An encoder on `on` with starting values. */
static trn_status_t make(trn_encoder_t **e, MPI_Comm on) {
    int me, all;
    MPI_Comm_rank(on, &me);
    MPI_Comm_size(on, &all);
    int64_t first = trn_part_start(ENTITIES, all, me);
    trn_nodepiece_hash_t band = hashes(first, trn_part_start(ENTITIES, all, me + 1) - first);
    trn_encoder_shape_t shape = trn_encoder_shape(&band, 8, 24, 10);
    TRN_TRY(trn_encoder_create(e, on, &shape, ENTITIES, ROWS, &adam));
    trn_encoder_start(*e, 5, 1);
    (*e)->dropout = 0.25;
    trn_status_t status = trn_encoder_spread(*e, &band);
    if (status != TRN_OK) trn_encoder_destroy(e);
    return status;
}

static void ids_of(int32_t *ids) {
    for (int32_t i = 0; i < ROWS; i++)
        ids[i] = i * 7 % ENTITIES;
}

/* What the loss gives for each encoded number: made-up, and the loss is their sum of products. */
static void weigh(float *back) {
    for (int64_t i = 0; i < ROWS * 10; i++)
        back[i] = (float)sin((double)i * 0.37);
}

static double loss_of(const trn_encoder_t *e) {
    double sum = 0;
    for (int64_t i = 0; i < ROWS * e->shape.dim; i++)
        sum += sin((double)i * 0.37) * (double)e->out[i];
    return sum;
}

/* Row `entity` by the definition, on one rank. */
static void plain(const trn_encoder_t *e, int64_t entity, double *out) {
    const trn_encoder_shape_t *s = &e->shape;
    int64_t t = s->piece, h = s->hidden, d = s->dim;
    for (int64_t j = 0; j < d; j++)
        out[j] = (double)e->values[TRN_ENCODER_BIAS][h + j];
    trn_nodepiece_hash_t all = hashes(0, ENTITIES);
    for (int64_t u = 0; u < h; u++) {
        double x = (double)e->values[TRN_ENCODER_BIAS][u];
        for (int64_t slot = 0; slot < K + M; slot++)
            for (int64_t i = 0; i < t; i++) {
                const float *pieces = e->values[TRN_ENCODER_PIECE];
                int64_t anchor = all.near[entity * K + slot % K];
                int64_t far = ANCHORS + 1 + all.distance[entity * K + slot % K];
                int64_t type = ANCHORS + FARTHEST + 2;
                if (slot >= K) type += all.relation[entity * M + slot - K];
                double input = slot >= K
                                   ? (double)pieces[type * t + i]
                                   : (double)pieces[anchor * t + i] + (double)pieces[far * t + i];
                x += input * (double)e->values[TRN_ENCODER_FIRST][(slot * t + i) * h + u];
            }
        for (int64_t j = 0; x > 0 && j < d; j++)
            out[j] += x * (double)e->values[TRN_ENCODER_SECOND][u * d + j];
    }
}

static void follows_the_definition(void) {
    trn_encoder_t *e = NULL;
    int32_t ids[ROWS];
    double wanted[10], worst = 0, most = 0;
    ids_of(ids);
    CHECK_OK(make(&e, MPI_COMM_SELF));
    if (!harness_well()) return;
    CHECK_OK(trn_encoder_forward(e, ROWS, ids, false, 0));
    for (int64_t i = 0; i < ROWS; i++) {
        plain(e, ids[i], wanted);
        for (int64_t j = 0; j < 10; j++) {
            worst = fmax(worst, fabs(wanted[j] - (double)e->out[i * 10 + j]));
            most = fmax(most, fabs(wanted[j]));
        }
    }
    CHECK(most > 0.5);
    CHECK(worst < 1e-5 * most);
    trn_encoder_destroy(&e);
}

/* Add to one learned number on the ranks that hold it; row is global. */
static void change(trn_encoder_t *e, int part, int64_t row, int64_t column, float by) {
    int64_t first = part == TRN_ENCODER_FIRST ? e->first_slot * e->shape.piece : 0;
    int64_t own = part == TRN_ENCODER_FIRST ? e->own_slots * e->shape.piece
                                            : trn_encoder_rows(&e->shape, part);
    if (row < first || row >= first + own) return;
    e->values[part][(row - first) * trn_encoder_width(&e->shape, part) + column] += by;
}

/* The gradient of that number, on every rank. */
static double gradient_of(const trn_encoder_t *e, int part, int64_t row, int64_t column) {
    bool first = part == TRN_ENCODER_FIRST;
    int64_t start = first ? e->first_slot * e->shape.piece : 0;
    int64_t own = first ? e->own_slots * e->shape.piece : trn_encoder_rows(&e->shape, part);
    double mine = 0;
    if (row >= start && row < start + own && (first || rank == 0))
        mine =
            (double)e->gradient[part][(row - start) * trn_encoder_width(&e->shape, part) + column];
    MPI_Allreduce(MPI_IN_PLACE, &mine, 1, MPI_DOUBLE, MPI_SUM, comm);
    return mine;
}

/* A hidden number that crosses 0 within the step spoils the difference: a few may. */
static void gradients_are_differences(void) {
    enum { NUMBERS = 40 };
    const float step = 2e-4f;
    trn_encoder_t *e = NULL;
    int32_t ids[ROWS];
    ids_of(ids);
    CHECK_OK(make(&e, comm));
    if (!harness_well()) return;
    CHECK_OK(trn_encoder_forward(e, ROWS, ids, true, 3));
    weigh(e->back);
    CHECK_OK(trn_encoder_backward(e, ROWS));
    for (int part = 0; part < TRN_ENCODER_PARTS; part++) {
        int64_t rows = trn_encoder_rows(&e->shape, part);
        int64_t width = trn_encoder_width(&e->shape, part);
        double error[NUMBERS], most = 0;
        for (int64_t n = 0; n < NUMBERS; n++) {
            int64_t row = n * 17 % rows, column = n * 5 % width;
            double loss[2];
            for (int i = 0; i < 2; i++) {
                change(e, part, row, column, i ? -step : step);
                CHECK_OK(trn_encoder_forward(e, ROWS, ids, true, 3));
                loss[i] = loss_of(e);
                change(e, part, row, column, i ? step : -step);
            }
            double wanted = (loss[0] - loss[1]) / (2 * (double)step);
            error[n] = fabs(wanted - gradient_of(e, part, row, column));
            most = fmax(most, fabs(wanted));
        }
        int64_t bad = 0;
        for (int64_t n = 0; n < NUMBERS; n++)
            bad += error[n] > 0.01 * most;
        CHECK(most > 0.1);
        CHECK(bad <= 3);
    }
    trn_encoder_destroy(&e);
}

/* Two steps on all ranks and on this one alone. */
static void bits_of_one_rank(void) {
    trn_encoder_t *e[2] = {NULL, NULL};
    trn_kg_options_t options = {.optimiser = TRN_KG_ADAM, .rate = 0.01};
    int32_t ids[ROWS];
    ids_of(ids);
    for (int i = 0; i < 2; i++) {
        CHECK_OK(make(&e[i], i ? MPI_COMM_SELF : comm));
        if (!harness_well()) return;
        for (int64_t step = 1; step <= 2; step++) {
            CHECK_OK(trn_encoder_forward(e[i], ROWS, ids, true, step));
            weigh(e[i]->back);
            CHECK_OK(trn_encoder_backward(e[i], ROWS));
            trn_encoder_step(e[i], &options, 0.01, step);
        }
        CHECK_OK(trn_encoder_forward(e[i], ROWS, ids, false, 0));
    }
    CHECK(memcmp(e[0]->out, e[1]->out, ROWS * 10 * sizeof(float)) == 0);
    int64_t pieces = trn_encoder_rows(&e[0]->shape, TRN_ENCODER_PIECE) * 8;
    CHECK(memcmp(e[0]->values[TRN_ENCODER_PIECE], e[1]->values[TRN_ENCODER_PIECE],
                 (size_t)pieces * sizeof(float)) == 0);
    float before = e[1]->out[0];
    CHECK_OK(trn_encoder_forward(e[1], ROWS, ids, true, 1));
    CHECK(e[1]->out[0] != before); /* dropout does something */
    trn_encoder_destroy(&e[0]);
    trn_encoder_destroy(&e[1]);
}

static trn_status_t one_pass(void *unused) {
    (void)unused;
    trn_encoder_t *e = NULL;
    int32_t ids[ROWS];
    ids_of(ids);
    TRN_TRY(make(&e, comm));
    trn_status_t status = trn_encoder_forward(e, ROWS, ids, true, 1);
    if (status == TRN_OK) {
        weigh(e->back);
        status = trn_encoder_backward(e, ROWS);
    }
    trn_encoder_destroy(&e);
    return status;
}

static void memory_runs_out(void) {
    harness_inject(one_pass, NULL);
}

HARNESS_MAIN({"follows_the_definition", follows_the_definition},
             {"gradients_are_differences", gradients_are_differences},
             {"bits_of_one_rank", bits_of_one_rank}, {"memory_runs_out", memory_runs_out})
