/* ngcf.h: Neural Graph Collaborative Filtering: layers that mix what comes along the edges.
 *
 * Layer l makes of X: T = A X; X' = f(T W1 + b1) + f((X * T) W2 + b2), f being the leaky ReLU of
 * slope .2 and * the product number by number. Embeddings are X_0 and the rows of X_1 .. X_L, each
 * divided by its norm, side by side; what goes on to the next layer is not divided. Rows are
 * multiplied in blocks of TRN_NGCF_BLOCK, which bands have to keep whole, and gradients of weights
 * are added by a tree over the blocks: bits depend on neither ranks nor threads. Source: Wang et
 * al., Neural Graph Collaborative Filtering (SIGIR 2019), and the authors' program, whose A is
 * D^-1 A + I. */
#ifndef TRN_ALGO_GRAPH_LIGHTGCN_NGCF_H
#define TRN_ALGO_GRAPH_LIGHTGCN_NGCF_H

#include "algo/graph/lightgcn/propagate.h"
#include "base/rng.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum { TRN_NGCF_BLOCK = 256, TRN_NGCF_LAYERS = 8 /* at most */ };

typedef struct trn_ngcf trn_ngcf_t;

/* Numbers of all weights of `layers` layers, which lie one after the other: of each W1 [dim x dim],
 * b1 [dim], W2, b2. Local. */
int64_t trn_ngcf_weights(int64_t dim, int layers);

/* Which numbers of X', of float32, a training leaves out, the others growing by 1 / (1 - share);
 * NULL: none. */
typedef struct trn_ngcf_drop {
    double share;
    uint64_t seed;
    uint32_t step; /* other ones in each */
} trn_ngcf_drop_t;

/* Prepare layers over `graph` (borrowed), whose bands begin at multiples of TRN_NGCF_BLOCK; `keep`:
 * for backward, too. Collective. Fails (agreed) with TRN_MEMORY, TRN_USAGE (bands, layers). Memory:
 * 6 matrices of the graph's width; if kept 8, and 4 more for each further layer. */
trn_status_t trn_ngcf_create(trn_ngcf_t **ngcf, trn_bipartite_t *graph, int layers, bool keep);

/* Free and set the pointer to NULL; NULL is fine. Local. */
void trn_ngcf_destroy(trn_ngcf_t **ngcf);

/* Create embeddings, (layers + 1) x dim wide; the graph has to outlive them. Collective. Fails
 * (agreed) with TRN_MEMORY. */
trn_status_t trn_ngcf_sides(trn_sides_t *sides, const trn_ngcf_t *ngcf);

/* out = embeddings of x by weights[] of the graph's type. Collective, equal weights. Fails (agreed)
 * as trn_bipartite_apply. */
trn_status_t trn_ngcf_forward(trn_ngcf_t *ngcf, const void *weights, const trn_ngcf_drop_t *drop,
                              const trn_sides_t *x, trn_sides_t *out);

/* After forward with the same x, weights and drop: gradients of x, and of the weights on every
 * rank, by that of out. Collective. Fails (agreed) as above, with TRN_MEMORY. */
trn_status_t trn_ngcf_backward(trn_ngcf_t *ngcf, const void *weights, const trn_ngcf_drop_t *drop,
                               const trn_sides_t *x, const trn_sides_t *out_gradient,
                               trn_sides_t *x_gradient, double *weights_gradient);

/* For plans: what create takes. Local. */
void trn_ngcf_take(trn_ledger_t *ledger, const trn_bipartite_size_t *size, int layers, bool keep);

#endif
