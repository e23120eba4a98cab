/* ngcf_back.c: gradients of NGCF's layers, last to first. For each: gradients by what f is taken
 * of, those of the weights out of them, block by block, and those by T and X, of which T's go back
 * along the edges. */
#include "algo/graph/lightgcn/ngcf_impl.h"
#include "algo/graph/lightgcn/ngcf_rows.h"
#include "base/mem.h"
#include "kern/dense/gemm.h"
#include "mpi/agree.h"
#include "mpi/reduce.h"

#include <string.h>

/* What a block's share of the weights' gradient is made of. */
typedef struct shares {
    const trn_ngcf_t *n;
    const trn_ngcf_layer_t *l;
    int side;
    double *x; /* [2 x TRN_NGCF_BLOCK x dim] a block of T or X * T, and of gradients */
} shares_t;

/* A block of rows as float64. */
static void widen(trn_view_t v, int64_t first, int64_t rows, double *to) {
    for (int64_t i = 0; i < rows * v.cols; i++)
        to[i] = v.type == TRN_F64 ? ((const double *)v.data)[first * v.cols + i]
                                  : (double)((const float *)v.data)[first * v.cols + i];
}

/* w [d x d] = x^T g and b [d] = column sums of g, of one block. */
static void share_of(const shares_t *s, trn_view_t x, trn_view_t g, int64_t first, double *w) {
    int64_t d = g.cols, left = g.rows - first, rows = left < TRN_NGCF_BLOCK ? left : TRN_NGCF_BLOCK;
    double *wide_x = s->x, *wide_g = s->x + TRN_NGCF_BLOCK * d, *b = w + d * d;
    widen(x, first, rows, wide_x);
    widen(g, first, rows, wide_g);
    trn_gemm_f64(d, d, rows, (trn_factor_t){wide_x, d, true}, wide_g, 0, w);
    memset(b, 0, (size_t)d * sizeof *b);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < d; j++)
            b[j] += wide_g[i * d + j];
}

static void leaf(void *user, int64_t block, double *values) {
    const shares_t *s = user;
    const trn_bipartite_t *graph = s->n->graph;
    int64_t d = graph->of.dim;
    int64_t first = block * TRN_NGCF_BLOCK - graph->start[s->side][graph->rank];
    share_of(s, trn_sides_rows(&s->l->t, s->side), trn_sides_rows(&s->l->a, s->side), first,
             values);
    share_of(s, trn_sides_rows(&s->n->product, s->side), trn_sides_rows(&s->l->b, s->side), first,
             values + d * (d + 1));
}

/* Gradient of a layer's weights: users' blocks and items', each by their tree. Collective. */
static trn_status_t add_shares(shares_t *s, double *gradient) {
    const trn_bipartite_t *graph = s->n->graph;
    int64_t width = trn_ngcf_weights(graph->of.dim, 1);
    double *sum = NULL;
    TRN_AGREE(graph->of.comm, trn_alloc(&sum, width, sizeof *sum, "gradients of weights"));
    memset(gradient, 0, (size_t)width * sizeof *gradient);
    trn_status_t status = TRN_OK;
    for (s->side = 0; s->side < TRN_SIDES && status == TRN_OK; s->side++) {
        const int64_t *start = graph->start[s->side];
        trn_blocks_t blocks = {.blocks = (start[graph->ranks] - 1) / TRN_NGCF_BLOCK + 1,
                               .start = start,
                               .rows = TRN_NGCF_BLOCK};
        status = trn_reduce_tree_of(graph->of.comm, blocks, width, leaf, s, sum);
        for (int64_t i = 0; i < width && status == TRN_OK; i++)
            gradient[i] += sum[i];
    }
    trn_free(&sum);
    return status;
}

/* One layer: n->gradient[0] is by X' and becomes that by X. */
static trn_status_t layer_back(trn_ngcf_t *n, const trn_ngcf_part_t *w, const trn_sides_t *x,
                               shares_t *shares, double *weights_gradient) {
    trn_ngcf_layer_t *l = &n->layer[shares->l - n->layer];
    trn_sides_t *next = &n->gradient[0], *t = &n->gradient[1];
    for (int side = 0; side < TRN_SIDES; side++) {
        trn_ngcf_activate_back(trn_sides_rows(next, side), trn_sides_rows(&l->a, side),
                               trn_sides_rows(&l->b, side));
        trn_ngcf_product(trn_sides_rows(x, side), trn_sides_rows(&l->t, side),
                         trn_sides_rows(&n->product, side));
    }
    TRN_TRY(add_shares(shares, weights_gradient));
    trn_ngcf_multiply(n, &l->a, w->w1, true, 0, t);
    trn_ngcf_multiply(n, &l->b, w->w2, true, 0, &n->product);
    for (int side = 0; side < TRN_SIDES; side++)
        trn_ngcf_product_back(trn_sides_rows(x, side), trn_sides_rows(&l->t, side),
                              trn_sides_rows(&n->product, side), trn_sides_rows(t, side));
    TRN_TRY(trn_bipartite_apply(n->graph, true, t, next, &n->scratch));
    for (int side = 0; side < TRN_SIDES; side++)
        trn_ngcf_add(trn_sides_rows(&n->product, side), trn_sides_rows(next, side));
    return TRN_OK;
}

/* Numbers that were left out have no gradient, and the others grow as they did. */
trn_status_t trn_ngcf_backward(trn_ngcf_t *n, const void *weights, const trn_ngcf_drop_t *drop,
                               const trn_sides_t *x, const trn_sides_t *out_gradient,
                               trn_sides_t *x_gradient, double *weights_gradient) {
    int64_t d = n->graph->of.dim;
    shares_t shares = {.n = n};
    TRN_AGREE(n->graph->of.comm,
              trn_alloc(&shares.x, 2 * TRN_NGCF_BLOCK * d, sizeof(double), "a block"));
    trn_status_t status = TRN_OK;
    trn_sides_clear(&n->gradient[0]);
    for (int k = n->layers - 1; k >= 0 && status == TRN_OK; k--) {
        trn_ngcf_part_t w = trn_ngcf_part(n, weights, k);
        shares.l = &n->layer[k];
        for (int side = 0; side < TRN_SIDES; side++)
            trn_ngcf_divide_back(trn_sides_rows(&n->layer[k].next, side),
                                 trn_ngcf_columns(n, out_gradient, side, k + 1),
                                 trn_sides_rows(&n->gradient[0], side));
        trn_ngcf_leave_out(n, drop, k, &n->gradient[0]);
        status = layer_back(n, &w, k > 0 ? &n->layer[k - 1].next : x, &shares,
                            weights_gradient + trn_ngcf_weights(d, k));
    }
    for (int side = 0; side < TRN_SIDES && status == TRN_OK; side++) {
        trn_view_t to = trn_sides_rows(x_gradient, side);
        trn_view_t from = trn_sides_rows(&n->gradient[0], side);
        memcpy(to.data, from.data, (size_t)(to.rows * d * trn_matrix_type_size(to.type)));
        trn_ngcf_add(trn_ngcf_columns(n, out_gradient, side, 0), to);
    }
    trn_free(&shares.x);
    return status;
}
