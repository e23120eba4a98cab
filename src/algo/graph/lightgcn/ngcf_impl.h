/* ngcf_impl.h: layers as they lie; private to ngcf*.c. */
#ifndef TRN_ALGO_GRAPH_LIGHTGCN_NGCF_IMPL_H
#define TRN_ALGO_GRAPH_LIGHTGCN_NGCF_IMPL_H

#include "algo/graph/lightgcn/ngcf.h"

/* a, b: what f is taken of, and on the way back the gradients by them. */
typedef struct trn_ngcf_layer {
    trn_sides_t t, a, b;
    trn_sides_t next; /* X' */
} trn_ngcf_layer_t;

struct trn_ngcf {
    trn_bipartite_t *graph;
    int layers, kept; /* matrices are there for so many */
    trn_ngcf_layer_t layer[TRN_NGCF_LAYERS];
    trn_sides_t product, scratch; /* X * T; for the graph's products */
    trn_sides_t gradient[2];      /* by X' and by X, on the way back */
};

/* Where the weights of a layer are. */
typedef struct trn_ngcf_part {
    const char *w1, *b1, *w2, *b2;
} trn_ngcf_part_t;

trn_ngcf_part_t trn_ngcf_part(const trn_ngcf_t *ngcf, const void *weights, int layer);

/* c = x op(w) + beta c, block by block: the library may sum a row otherwise in a call of other
 * rows. Threads take whole blocks. Local. */
void trn_ngcf_multiply(const trn_ngcf_t *ngcf, const trn_sides_t *x, const void *w, bool transposed,
                       double beta, trn_sides_t *c);

/* Leave out numbers of a layer's rows; NULL: none. A row's random numbers are its own. Local. */
void trn_ngcf_leave_out(const trn_ngcf_t *ngcf, const trn_ngcf_drop_t *drop, int layer,
                        trn_sides_t *x);

/* The columns of a layer among embeddings. Local. */
trn_view_t trn_ngcf_columns(const trn_ngcf_t *ngcf, const trn_sides_t *wide, int side, int layer);

#endif
