/* train_step.c: the way forward and back of a step, through LightGCN's layers or NGCF's, and what
 * Adam does with the gradient. */
#include "algo/graph/lightgcn/train_state.h"

#include "kern/train/descent.h"

int64_t trn_gcn_steps(const trn_gcn_state_t *s) {
    return (s->likes + s->options.batch - 1) / s->options.batch;
}

/* Steps done; which numbers are left out follows from it. */
static int64_t steps_done(const trn_gcn_state_t *s) {
    return s->epoch * trn_gcn_steps(s) + s->step;
}

static trn_ngcf_drop_t drop_of(const trn_gcn_state_t *s) {
    return (trn_ngcf_drop_t){s->options.drop, s->options.seed, (uint32_t)steps_done(s)};
}

trn_status_t trn_gcn_forward(trn_gcn_state_t *s, bool training) {
    if (!s->ngcf)
        return trn_propagate(s->a, (int)s->options.layers, &s->rows, &s->final, &s->scratch);
    trn_ngcf_drop_t drop = drop_of(s);
    return trn_ngcf_forward(s->ngcf, s->weights.values, training && drop.share > 0 ? &drop : NULL,
                            &s->rows, &s->final);
}

/* Adam moves all rows: gradients reach most of them over the graph, and the others have moments.
 * LightGCN's penalty falls on rows of layer 0, as often as they stand in the batch. */
static void move_rows(trn_gcn_state_t *s, const trn_adam_t *adam, const trn_sides_t *gradient,
                      double decay) {
    for (int side = 0; side < TRN_SIDES; side++) {
        trn_view_t x = trn_sides_rows(&s->rows, side), g = trn_sides_rows(gradient, side);
        float *m = trn_sides_rows(&s->mean, side).data, *v = trn_sides_rows(&s->square, side).data;
#pragma omp parallel for num_threads(s->a->of.threads) if (s->a->of.threads > 1)
        for (int64_t i = 0; i < x.rows; i++)
            trn_adam_row(adam, x.cols, (float)(decay * (double)trn_bpr_times(s->bpr, side, i)),
                         (float *)x.data + i * x.cols, m + i * x.cols, v + i * x.cols,
                         (const float *)g.data + i * x.cols);
    }
}

/* The same on every rank, by the same gradient. */
static void move_weights(trn_gcn_state_t *s, const trn_adam_t *adam) {
    trn_gcn_weights_t *w = &s->weights;
    for (int64_t i = 0; i < w->count; i++) {
        float g = (float)w->gradient[i];
        trn_adam_row(adam, 1, 0, w->values + i, w->mean + i, w->square + i, &g);
    }
}

/* NGCF's penalty falls on the final rows. */
static void add_decay(trn_gcn_state_t *s, double decay) {
    for (int side = 0; side < TRN_SIDES; side++) {
        trn_view_t x = trn_sides_rows(&s->final, side), g = trn_sides_rows(&s->gradient, side);
        for (int64_t i = 0; i < x.rows; i++) {
            float by = (float)(decay * (double)trn_bpr_times(s->bpr, side, i));
            for (int64_t j = 0; j < x.cols; j++)
                ((float *)g.data)[i * x.cols + j] += by * ((const float *)x.data)[i * x.cols + j];
        }
    }
}

/* LightGCN's gradient comes out where the embeddings were, NGCF's in scratch. */
trn_status_t trn_gcn_descend(trn_gcn_state_t *s, int64_t batch) {
    const trn_adam_t adam = trn_adam_at(s->options.rate, steps_done(s) + 1);
    double decay = s->options.decay / (double)batch;
    if (!s->ngcf) {
        TRN_TRY(trn_propagate(s->a, (int)s->options.layers, &s->gradient, &s->final, &s->scratch));
        move_rows(s, &adam, &s->final, decay);
        return TRN_OK;
    }
    trn_ngcf_drop_t drop = drop_of(s);
    add_decay(s, decay);
    TRN_TRY(trn_ngcf_backward(s->ngcf, s->weights.values, drop.share > 0 ? &drop : NULL, &s->rows,
                              &s->gradient, &s->scratch, s->weights.gradient));
    move_rows(s, &adam, &s->scratch, 0);
    move_weights(s, &adam);
    return TRN_OK;
}
