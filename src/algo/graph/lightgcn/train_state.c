/* train_state.c: what a rank holds while it trains: made, begun, freed, and how much it is. */
#include "algo/graph/lightgcn/train_state.h"

#include "base/mem.h"
#include "base/rng.h"
#include "mpi/agree.h"

#include <math.h>
#include <string.h>

void trn_gcn_defaults(trn_gcn_options_t *o, int64_t likes, int64_t items) {
    enum { STEPS = 6, LEAST = 1024, MOST = 131072, ITEMS = 1280, OTHERS = 32 };
    int64_t batch = likes / STEPS, others = items / ITEMS;
    if (o->batch == 0) o->batch = batch < LEAST ? LEAST : batch > MOST ? MOST : batch;
    if (o->others == 0) o->others = others < 1 ? 1 : others > OTHERS ? OTHERS : others;
}

/* A number that other likes would hardly give: hashes are added, so their order is no matter. */
static uint64_t hash_likes(const trn_sparse_t *likes) {
    trn_extent_t at = trn_sparse_extent(likes);
    uint64_t sum = 0;
    for (int64_t i = 0; i < at.rows; i++)
        for (int64_t e = trn_sparse_start(likes)[i]; e < trn_sparse_start(likes)[i + 1]; e++) {
            uint64_t x = (uint64_t)(at.first_row + i) << 32 | (uint32_t)trn_sparse_column(likes)[e];
            x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u; /* the end of splitmix64 */
            x = (x ^ x >> 27) * 0x94d049bb133111ebu;
            sum += x ^ x >> 31;
        }
    return sum;
}

static void count_likes(trn_gcn_state_t *s) {
    MPI_Comm comm = s->a->of.comm;
    s->likes = trn_sparse_count(s->a->of.likes);
    s->graph = hash_likes(s->a->of.likes);
    MPI_Allreduce(MPI_IN_PLACE, &s->likes, 1, MPI_INT64_T, MPI_SUM, comm);
    MPI_Allreduce(MPI_IN_PLACE, &s->graph, 1, MPI_UINT64_T, MPI_SUM, comm);
    for (int side = 0; side < TRN_SIDES; side++) /* a file to test may bring users and items */
        s->graph = s->graph * 31 + (uint64_t)s->a->start[side][s->a->ranks];
}

/* Xavier's rule: weights between -a and a with a^2 = 6 / (rows + columns); embeddings are normal
 * with the same deviation. */
static double xavier(int64_t rows, int64_t cols) {
    return sqrt(6.0 / (double)(rows + cols));
}

/* Weights follow from seed and place alone. */
static void begin_weights(trn_gcn_state_t *s) {
    enum { STEP = 4 /* 0 to 3 are of embeddings and of what is held out */ };
    trn_gcn_weights_t *w = &s->weights;
    int64_t d = s->options.dim, half = d * (d + 1);
    for (int64_t i = 0; i < w->count; i++) {
        double u[4], most = xavier(i % half < d * d ? d : 1, d);
        trn_rng_uniform(s->options.seed, (uint64_t)i, 0, STEP, TRN_RNG_EMBED, u);
        w->values[i] = (float)(most * (2 * u[0] - 1));
        w->mean[i] = w->square[i] = w->best[i] = 0;
    }
}

/* An embedding follows from seed, side and number alone. */
void trn_gcn_begin(trn_gcn_state_t *s) {
    for (int side = 0; side < TRN_SIDES; side++) {
        double deviation = s->options.start;
        if (deviation == 0)
            deviation = xavier(s->a->start[side][s->a->ranks], s->options.dim) / sqrt(3);
        trn_matrix_fill_normal(s->rows.side[side], s->options.seed, TRN_RNG_EMBED, (uint32_t)side,
                               deviation);
    }
    trn_sides_clear(&s->mean);
    trn_sides_clear(&s->square);
    begin_weights(s);
}

/* NGCF's part of a state: its matrices, and weights. Collective. */
static trn_status_t create_layers(trn_gcn_state_t *s) {
    trn_gcn_weights_t *w = &s->weights;
    int layers = (int)s->options.layers;
    TRN_TRY(trn_ngcf_create(&s->ngcf, s->a, layers, true));
    w->count = trn_ngcf_weights(s->options.dim, layers);
    trn_status_t status = trn_alloc(&w->values, w->count, sizeof *w->values, "weights");
    if (status == TRN_OK) status = trn_alloc(&w->mean, w->count, sizeof *w->mean, "weights");
    if (status == TRN_OK) status = trn_alloc(&w->square, w->count, sizeof *w->square, "weights");
    if (status == TRN_OK) status = trn_alloc(&w->best, w->count, sizeof *w->best, "weights");
    if (status == TRN_OK)
        status = trn_alloc(&w->gradient, w->count, sizeof *w->gradient, "weights");
    TRN_AGREE(s->a->of.comm, status);
    TRN_TRY(trn_ngcf_sides(&s->final, s->ngcf));
    return trn_ngcf_sides(&s->gradient, s->ngcf);
}

trn_status_t trn_gcn_create(trn_gcn_state_t *s) {
    trn_sides_t *sides[] = {&s->rows, &s->mean, &s->square, &s->scratch};
    enum { SIDES = sizeof sides / sizeof *sides };
    count_likes(s);
    for (int i = 0; i < SIDES; i++)
        TRN_TRY(trn_sides_create(sides[i], s->a));
    if (s->options.look > 0) {
        TRN_TRY(trn_sides_create(&s->best, s->a));
        trn_sides_clear(&s->best);
    }
    if (s->options.ngcf) {
        TRN_TRY(create_layers(s));
    } else {
        TRN_TRY(trn_sides_create(&s->final, s->a));
        TRN_TRY(trn_sides_create(&s->gradient, s->a));
    }
    return trn_bpr_create(&s->bpr, s->a);
}

void trn_gcn_destroy(trn_gcn_state_t *s) {
    trn_bpr_destroy(&s->bpr);
    trn_sides_free(&s->mean);
    trn_sides_free(&s->square);
    trn_sides_free(&s->best);
    trn_sides_free(&s->gradient);
    trn_sides_free(&s->scratch);
    trn_ngcf_destroy(&s->ngcf);
    trn_free(&s->weights.mean);
    trn_free(&s->weights.square);
    trn_free(&s->weights.best);
    trn_free(&s->weights.gradient);
}

void trn_gcn_free(trn_gcn_result_t *result) {
    trn_sides_free(&result->final);
    trn_sides_free(&result->rows);
    trn_free(&result->weights);
}

/* Rows, their moments, the best and scratch; two as wide as embeddings, which are the dim of all
 * layers with NGCF; and its layers. A checkpoint has the rows, moments and the best. */
void trn_gcn_take(trn_ledger_t *ledger, const trn_bipartite_size_t *size,
                  const trn_gcn_options_t *o, bool behind) {
    enum { COPIES = 3 * sizeof(float) + sizeof(double) /* moments, best, gradient of weights */ };
    int64_t one = trn_sides_bytes(size), saved = (o->look > 0 ? 4 : 3) * one;
    int64_t wide = o->ngcf ? (o->layers + 1) * one : one;
    int64_t weights = o->ngcf ? trn_ngcf_weights(o->dim, (int)o->layers) : 0;
    trn_bipartite_size_t embedding = *size;
    if (o->ngcf) embedding.dim *= o->layers + 1;
    trn_ledger_take(ledger, "embeddings", one + wide, 1);
    trn_ledger_take(ledger, "embeddings", weights, sizeof(float));
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "training", one, o->look > 0 ? 4 : 3);
    trn_ledger_take(ledger, "training", wide, 1);
    trn_ledger_take(ledger, "training", weights, COPIES);
    if (o->ngcf) trn_ngcf_take(ledger, size, (int)o->layers, true);
    trn_bpr_take(ledger, &embedding, o->batch, (int)o->others);
    trn_ledger_take(ledger, "saving", trn_store_write_bytes(saved) + trn_store_open_bytes(), 1);
    if (behind) trn_ledger_take(ledger, "saving", saved, 1);
    trn_ledger_back(ledger, &before);
}
