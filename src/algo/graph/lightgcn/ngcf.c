/* ngcf.c: NGCF's layers forward and back. Matrices of a layer are kept for the way back, or all
 * layers share those of one. */
#include "algo/graph/lightgcn/ngcf_impl.h"
#include "algo/graph/lightgcn/ngcf_rows.h"
#include "base/mem.h"
#include "kern/dense/gemm.h"
#include "kern/train/drop.h"
#include "mpi/agree.h"
#include "mpi/reduce.h"

#include <string.h>

int64_t trn_ngcf_weights(int64_t dim, int layers) {
    return layers * 2 * dim * (dim + 1);
}

trn_ngcf_part_t trn_ngcf_part(const trn_ngcf_t *n, const void *weights, int layer) {
    int64_t d = n->graph->of.dim, size = trn_matrix_type_size(n->graph->of.type);
    const char *w1 = (const char *)weights + trn_ngcf_weights(d, layer) * size;
    const char *b1 = w1 + d * d * size, *w2 = b1 + d * size;
    return (trn_ngcf_part_t){w1, b1, w2, w2 + d * d * size};
}

/* Creation ------------------------------------------------------------------------------------- */

/* Blocks must not be cut by bands, for their products are summed as wholes. */
static trn_status_t check_bands(const trn_bipartite_t *graph, int layers) {
    if (layers < 1 || layers > TRN_NGCF_LAYERS)
        return trn_fail(TRN_USAGE, "ngcf: %d layers; 1 to %d are possible", layers,
                        TRN_NGCF_LAYERS);
    for (int side = 0; side < TRN_SIDES; side++)
        for (int r = 0; r < graph->ranks; r++) {
            const int64_t *start = graph->start[side];
            if (start[r] % TRN_NGCF_BLOCK != 0 && start[r] != start[graph->ranks])
                return trn_fail(TRN_USAGE, "ngcf: a band begins at %lld, within a block of %d",
                                (long long)start[r], TRN_NGCF_BLOCK);
        }
    return TRN_OK;
}

static trn_status_t create_wide(trn_ngcf_t *n) {
    int64_t columns[] = {0, n->graph->of.dim * (n->layers + 1)};
    for (int side = 0; side < TRN_SIDES; side++)
        TRN_TRY(trn_dist_create_at(&n->graph->wide[side], n->graph->ranks, n->graph->start[side], 1,
                                   columns));
    return TRN_OK;
}

static trn_status_t create_sides(trn_ngcf_t *n, bool keep) {
    for (int l = 0; l < n->kept; l++) {
        trn_ngcf_layer_t *x = &n->layer[l];
        TRN_TRY(trn_sides_create(&x->t, n->graph));
        TRN_TRY(trn_sides_create(&x->a, n->graph));
        TRN_TRY(trn_sides_create(&x->b, n->graph));
        TRN_TRY(trn_sides_create(&x->next, n->graph));
    }
    for (int i = 0; i < 2 && keep; i++)
        TRN_TRY(trn_sides_create(&n->gradient[i], n->graph));
    TRN_TRY(trn_sides_create(&n->product, n->graph));
    return trn_sides_create(&n->scratch, n->graph);
}

trn_status_t trn_ngcf_create(trn_ngcf_t **ngcf, trn_bipartite_t *graph, int layers, bool keep) {
    *ngcf = NULL;
    TRN_TRY(check_bands(graph, layers));
    trn_status_t status = trn_alloc_zero(ngcf, 1, sizeof **ngcf, "layers");
    trn_ngcf_t *n = *ngcf;
    if (status == TRN_OK) {
        n->graph = graph;
        n->layers = layers;
        n->kept = keep ? layers : 1;
        status = create_wide(n);
    }
    status = trn_agree(graph->of.comm, status);
    if (status == TRN_OK) status = create_sides(n, keep);
    if (status != TRN_OK) trn_ngcf_destroy(ngcf);
    return status;
}

void trn_ngcf_destroy(trn_ngcf_t **ngcf) {
    trn_ngcf_t *n = *ngcf;
    if (!n) return;
    for (int l = 0; l < TRN_NGCF_LAYERS; l++) {
        trn_sides_free(&n->layer[l].t);
        trn_sides_free(&n->layer[l].a);
        trn_sides_free(&n->layer[l].b);
        trn_sides_free(&n->layer[l].next);
    }
    for (int side = 0; side < TRN_SIDES; side++) {
        trn_sides_free(&n->gradient[side]);
    }
    trn_sides_free(&n->product);
    trn_sides_free(&n->scratch);
    trn_free(ngcf);
}

trn_status_t trn_ngcf_sides(trn_sides_t *sides, const trn_ngcf_t *n) {
    trn_status_t status = TRN_OK;
    *sides = (trn_sides_t){{NULL}};
    for (int side = 0; side < TRN_SIDES && status == TRN_OK; side++)
        status = trn_matrix_create(&sides->side[side], n->graph->of.comm, n->graph->of.type,
                                   n->graph->wide[side]);
    if (status != TRN_OK) trn_sides_free(sides);
    return status;
}

/* Blocks --------------------------------------------------------------------------------------- */

void trn_ngcf_multiply(const trn_ngcf_t *n, const trn_sides_t *x, const void *w, bool transposed,
                       double beta, trn_sides_t *c) {
    int64_t d = n->graph->of.dim;
    for (int side = 0; side < TRN_SIDES; side++) {
        trn_view_t from = trn_sides_rows(x, side), to = trn_sides_rows(c, side);
        int64_t size = trn_matrix_type_size(to.type), blocks = (to.rows - 1) / TRN_NGCF_BLOCK + 1;
        if (to.rows == 0) continue;
#pragma omp parallel for num_threads(n->graph->of.threads) if (n->graph->of.threads > 1)
        for (int64_t k = 0; k < blocks; k++) {
            int64_t first = k * TRN_NGCF_BLOCK, left = to.rows - first;
            trn_gemm(&(trn_gemm_t){.type = to.type,
                                   .m = left < TRN_NGCF_BLOCK ? left : TRN_NGCF_BLOCK,
                                   .n = d,
                                   .k = d,
                                   .alpha = 1,
                                   .beta = beta,
                                   .a = {(const char *)from.data + first * d * size, d, false},
                                   .b = {w, d, transposed},
                                   .c = (char *)to.data + first * d * size,
                                   .ldc = d,
                                   .threads = 1});
        }
    }
}

void trn_ngcf_leave_out(const trn_ngcf_t *n, const trn_ngcf_drop_t *drop, int layer,
                        trn_sides_t *x) {
    enum { WHOLE = 65536 };
    int64_t d = n->graph->of.dim;
    for (int side = 0; side < TRN_SIDES && drop; side++) {
        trn_view_t v = trn_sides_rows(x, side);
        for (int64_t i = 0; i < v.rows; i++) {
            trn_drop_t at = {.seed = drop->seed,
                             .row = (uint64_t)(trn_matrix_first_row(x->side[side]) + i),
                             .column = (uint32_t)((2 * layer + side) * (d + 8) / 8),
                             .step = drop->step,
                             .stream = TRN_RNG_DROPOUT};
            trn_drop_row(&at, (uint32_t)(drop->share * WHOLE), (float)(1 / (1 - drop->share)), d,
                         (float *)v.data + i * d, NULL);
        }
    }
}

/* Forward -------------------------------------------------------------------------------------- */

trn_view_t trn_ngcf_columns(const trn_ngcf_t *n, const trn_sides_t *wide, int side, int layer) {
    trn_view_t v = trn_sides_rows(wide, side);
    return trn_view_part(v, 0, v.rows, layer * n->graph->of.dim, n->graph->of.dim);
}

static trn_status_t layer_forward(trn_ngcf_t *n, const trn_ngcf_part_t *w, const trn_sides_t *x,
                                  trn_ngcf_layer_t *l) {
    TRN_TRY(trn_bipartite_apply(n->graph, false, x, &l->t, &n->scratch));
    for (int side = 0; side < TRN_SIDES; side++)
        trn_ngcf_product(trn_sides_rows(x, side), trn_sides_rows(&l->t, side),
                         trn_sides_rows(&n->product, side));
    trn_ngcf_multiply(n, &l->t, w->w1, false, 0, &l->a);
    trn_ngcf_multiply(n, &n->product, w->w2, false, 0, &l->b);
    for (int side = 0; side < TRN_SIDES; side++)
        trn_ngcf_activate(w->b1, w->b2, trn_sides_rows(&l->a, side), trn_sides_rows(&l->b, side),
                          trn_sides_rows(&l->next, side));
    return TRN_OK;
}

/* Rows of one matrix into columns of a wider one. */
static void copy_columns(trn_view_t x, trn_view_t to) {
    int64_t size = trn_matrix_type_size(x.type);
    for (int64_t i = 0; i < x.rows; i++)
        memcpy((char *)to.data + i * to.stride * size, (const char *)x.data + i * x.stride * size,
               (size_t)(x.cols * size));
}

trn_status_t trn_ngcf_forward(trn_ngcf_t *n, const void *weights, const trn_ngcf_drop_t *drop,
                              const trn_sides_t *x, trn_sides_t *out) {
    for (int side = 0; side < TRN_SIDES; side++)
        copy_columns(trn_sides_rows(x, side), trn_ngcf_columns(n, out, side, 0));
    for (int k = 0; k < n->layers; k++) {
        trn_ngcf_layer_t *l = &n->layer[k % n->kept];
        trn_ngcf_part_t w = trn_ngcf_part(n, weights, k);
        TRN_TRY(layer_forward(n, &w, x, l));
        trn_ngcf_leave_out(n, drop, k, &l->next);
        for (int side = 0; side < TRN_SIDES; side++)
            trn_ngcf_divide(trn_sides_rows(&l->next, side), trn_ngcf_columns(n, out, side, k + 1));
        x = &l->next;
    }
    return TRN_OK;
}

/* For plans. */
void trn_ngcf_take(trn_ledger_t *ledger, const trn_bipartite_size_t *size, int layers, bool keep) {
    enum { LAYER = 4, SHARED = 2, BACK = 2 };
    int64_t matrices = LAYER * (keep ? layers : 1) + SHARED + (keep ? BACK : 0);
    trn_ledger_take(ledger, "layers", matrices, trn_sides_bytes(size));
}
