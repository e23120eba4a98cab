/* propagate.c: products with the joined adjacency of users and items, by two plans of sparse times
 * dense. Layers run in scaled numbers z = D^-1/2 y, for which a layer is z' = D^-1 R z + D^-1/2 x:
 * one pass over the rows behind each product, none before. Nodes without edges have rows of zeros
 * in A; where a power of their degree is a factor it is 1, so that they keep what they have. */
#include "algo/graph/lightgcn/propagate.h"

#include "algo/graph/lightgcn/blend.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/large.h"

#include <math.h>
#include <string.h>

/* Bands ---------------------------------------------------------------------------------------- */

/* Likes of all items, on every rank: integers, so their sum has no order. Collective. */
static trn_status_t count_items(const trn_bipartite_of_t *of, int64_t items, int64_t **degree) {
    TRN_AGREE(of->comm, trn_alloc_zero(degree, items, sizeof **degree, "likes of items"));
    const int32_t *column = trn_sparse_column(of->likes);
    for (int64_t e = 0; e < trn_sparse_count(of->likes); e++)
        (*degree)[column[e]]++;
    trn_sum_large(of->comm, items, MPI_INT64_T, *degree);
    return TRN_OK;
}

/* Cut items so that each band weighs about the same; the bands do not show in any bit. */
static void cut_items(const trn_bipartite_of_t *of, const int64_t *degree, int ranks,
                      int64_t *start) {
    enum { ROW = 2 /* what an item weighs beside its likes */ };
    int64_t items = trn_dist_cols(of->bands), block = of->block > 0 ? of->block : 1;
    int64_t all = ROW * items, before = 0;
    int rank = 0;
    for (int64_t i = 0; i < items; i++)
        all += degree[i];
    for (int64_t i = 0; i < items; i++) {
        while (i % block == 0 && rank < ranks && before >= trn_part_start(all, ranks, rank))
            start[rank++] = i;
        before += degree[i] + ROW;
    }
    while (rank <= ranks)
        start[rank++] = items;
}

/* Powers of the degrees of the rows here. */
static trn_status_t set_powers(trn_bipartite_t *a, int side) {
    int64_t rows = a->start[side][a->rank + 1] - a->start[side][a->rank];
    TRN_TRY(trn_alloc(&a->root[side], rows, sizeof(double), "degrees"));
    TRN_TRY(trn_alloc(&a->inverse[side], rows, sizeof(double), "degrees"));
    for (int64_t i = 0; i < rows; i++) {
        double degree = a->degree[side][i] > 0 ? (double)a->degree[side][i] : 1;
        a->root[side][i] = 1 / sqrt(degree);
        a->inverse[side][i] = 1 / degree;
    }
    return TRN_OK;
}

static trn_status_t set_degrees(trn_bipartite_t *a, const int64_t *of_items) {
    const int64_t *start = trn_sparse_start(a->of.likes);
    int64_t users = trn_sparse_extent(a->of.likes).rows, first = a->start[TRN_ITEMS][a->rank];
    int64_t items = a->start[TRN_ITEMS][a->rank + 1] - first;
    TRN_TRY(trn_alloc(&a->degree[TRN_USERS], users, sizeof(int64_t), "degrees"));
    TRN_TRY(trn_alloc(&a->degree[TRN_ITEMS], items, sizeof(int64_t), "degrees"));
    for (int64_t i = 0; i < users; i++)
        a->degree[TRN_USERS][i] = start[i + 1] - start[i];
    for (int64_t i = 0; i < items; i++)
        a->degree[TRN_ITEMS][i] = of_items[first + i];
    TRN_TRY(set_powers(a, TRN_USERS));
    return set_powers(a, TRN_ITEMS);
}

static trn_status_t set_dists(trn_bipartite_t *a) {
    int64_t columns[] = {0, a->of.dim};
    for (int side = 0; side < TRN_SIDES; side++)
        TRN_TRY(trn_dist_create_at(&a->dist[side], a->ranks, a->start[side], 1, columns));
    return TRN_OK;
}

/* What is there before the plans: everything but them. Collective. */
static trn_status_t set_bands(trn_bipartite_t *a) {
    int64_t items = trn_dist_cols(a->of.bands), *degree = NULL;
    trn_status_t status = TRN_OK;
    for (int side = 0; side < TRN_SIDES && status == TRN_OK; side++)
        status = trn_alloc(&a->start[side], a->ranks + 1, sizeof(int64_t), "bands");
    TRN_AGREE(a->of.comm, status);
    for (int r = 0; r <= a->ranks; r++)
        a->start[TRN_USERS][r] = r < trn_dist_row_parts(a->of.bands)
                                     ? trn_dist_row_start(a->of.bands, r)
                                     : trn_dist_rows(a->of.bands);
    status = count_items(&a->of, items, &degree);
    if (status == TRN_OK) {
        cut_items(&a->of, degree, a->ranks, a->start[TRN_ITEMS]);
        status = set_degrees(a, degree);
    }
    trn_free(&degree);
    if (status == TRN_OK) status = set_dists(a);
    return trn_agree(a->of.comm, status);
}

/* Users are made of items by R, items of users by R^T, whose band a plan routes here and keeps. */
static trn_status_t plan_products(trn_bipartite_t *a) {
    for (int side = 0; side < TRN_SIDES; side++) {
        trn_spmm_options_t options = {.transpose = side == TRN_ITEMS, .threads = a->of.threads};
        TRN_TRY(trn_spmm_plan_create(&a->plan[side], a->of.comm, &options, a->of.likes, a->of.bands,
                                     a->of.type, a->dist[!side], a->dist[side]));
    }
    return TRN_OK;
}

trn_status_t trn_bipartite_create(trn_bipartite_t **adjacency, const trn_bipartite_of_t *of) {
    *adjacency = NULL;
    trn_status_t status = trn_alloc_zero(adjacency, 1, sizeof **adjacency, "an adjacency");
    trn_bipartite_t *a = *adjacency;
    if (status == TRN_OK) {
        a->of = *of;
        MPI_Comm_rank(of->comm, &a->rank);
        MPI_Comm_size(of->comm, &a->ranks);
    }
    status = trn_agree(of->comm, status);
    if (status == TRN_OK) status = set_bands(a);
    if (status == TRN_OK) status = plan_products(a);
    if (status != TRN_OK) trn_bipartite_destroy(adjacency);
    return status;
}

void trn_bipartite_destroy(trn_bipartite_t **adjacency) {
    trn_bipartite_t *a = *adjacency;
    if (!a) return;
    for (int side = 0; side < TRN_SIDES; side++) {
        trn_spmm_plan_destroy(&a->plan[side]);
        trn_dist_destroy(&a->dist[side]);
        trn_dist_destroy(&a->wide[side]);
        trn_free(&a->start[side]);
        trn_free(&a->degree[side]);
        trn_free(&a->root[side]);
        trn_free(&a->inverse[side]);
    }
    trn_free(adjacency);
}

/* Numbers of both sides ------------------------------------------------------------------------ */

trn_status_t trn_sides_create(trn_sides_t *sides, const trn_bipartite_t *a) {
    trn_status_t status = TRN_OK;
    *sides = (trn_sides_t){{NULL}};
    for (int side = 0; side < TRN_SIDES && status == TRN_OK; side++)
        status = trn_matrix_create(&sides->side[side], a->of.comm, a->of.type, a->dist[side]);
    if (status != TRN_OK) trn_sides_free(sides);
    return status;
}

void trn_sides_free(trn_sides_t *sides) {
    for (int side = 0; side < TRN_SIDES; side++)
        trn_matrix_destroy(&sides->side[side]);
}

void trn_sides_clear(const trn_sides_t *sides) {
    for (int side = 0; side < TRN_SIDES; side++) {
        trn_view_t v = trn_sides_rows(sides, side);
        memset(v.data, 0, (size_t)(v.rows * v.cols * trn_matrix_type_size(v.type)));
    }
}

trn_view_t trn_sides_rows(const trn_sides_t *sides, int side) {
    return trn_matrix_block(sides->side[side]);
}

/* y = with x; y = scale (by y + with x): by and with are powers of the degrees, or NULL: ones. */
static void scale_rows(const trn_bipartite_t *a, double *const with[TRN_SIDES],
                       const trn_sides_t *x, trn_sides_t *y) {
    for (int side = 0; side < TRN_SIDES; side++) {
        trn_blend_t b = {.fresh = true, .scale = 1, .threads = a->of.threads};
        if (with) b.with = with[side];
        trn_blend(&b, trn_sides_rows(x, side), trn_sides_rows(y, side));
    }
}

static void blend(const trn_bipartite_t *a, double *const by[TRN_SIDES],
                  double *const with[TRN_SIDES], double scale, const trn_sides_t *x,
                  trn_sides_t *y) {
    for (int side = 0; side < TRN_SIDES; side++) {
        trn_blend_t b = {.scale = scale, .threads = a->of.threads};
        if (by) b.by = by[side];
        if (with) b.with = with[side];
        trn_blend(&b, trn_sides_rows(x, side), trn_sides_rows(y, side));
    }
}

/* y = [0 R; R^T 0] x */
static trn_status_t multiply(trn_bipartite_t *a, const trn_sides_t *x, trn_sides_t *y) {
    for (int side = 0; side < TRN_SIDES; side++)
        TRN_TRY(trn_spmm_execute(a->plan[side], 1, x->side[!side], 0, y->side[side]));
    return TRN_OK;
}

/* Products ------------------------------------------------------------------------------------- */

/* Of the symmetric kind a factor stands on either side. Of the mean the rows are divided, or, of
 * its transpose, the columns, and the identity brings in x. */
trn_status_t trn_bipartite_apply(trn_bipartite_t *a, bool transposed, const trn_sides_t *x,
                                 trn_sides_t *y, trn_sides_t *scratch) {
    bool sym = a->of.kind == TRN_BIPARTITE_SYM, before = sym || transposed;
    if (before) scale_rows(a, sym ? a->root : a->inverse, x, scratch);
    TRN_TRY(multiply(a, before ? scratch : x, y));
    if (sym)
        scale_rows(a, a->root, y, y);
    else
        blend(a, transposed ? NULL : a->inverse, NULL, 1, x, y);
    return TRN_OK;
}

/* In the last layer z' is not wanted but y' = x + D^-1/2 R z, by the mean's factor. Two matrices
 * change places; which one is first follows from the number of layers, for the last must be y. */
trn_status_t trn_propagate(trn_bipartite_t *a, int layers, const trn_sides_t *x, trn_sides_t *y,
                           trn_sides_t *scratch) {
    if (layers == 0) {
        scale_rows(a, NULL, x, y);
        return TRN_OK;
    }
    trn_sides_t *from = layers % 2 ? scratch : y, *to = layers % 2 ? y : scratch, *other;
    scale_rows(a, a->root, x, from);
    for (int layer = 1; layer <= layers; layer++) {
        TRN_TRY(multiply(a, from, to));
        if (layer < layers)
            blend(a, a->inverse, a->root, 1, x, to);
        else
            blend(a, a->root, NULL, 1.0 / (layers + 1), x, to);
        other = from, from = to, to = other;
    }
    return TRN_OK;
}

int64_t trn_bipartite_received(const trn_bipartite_t *a) {
    return trn_spmm_received(a->plan[TRN_USERS]) + trn_spmm_received(a->plan[TRN_ITEMS]);
}

/* What it takes -------------------------------------------------------------------------------- */

void trn_bipartite_take(trn_ledger_t *ledger, const trn_bipartite_size_t *s) {
    int64_t own = s->own_users + s->own_items;
    trn_ledger_take(ledger, "degrees", own, 3 * sizeof(double));
    trn_ledger_pass(ledger, "moving", s->items, sizeof(int64_t));
    trn_spmm_size_t product = {.ranks = s->ranks,
                               .type = s->type,
                               .rows = s->items,
                               .own_rows = s->own_items,
                               .out = s->users,
                               .own_out = s->own_users,
                               .cols = s->dim,
                               .given = s->own_edges,
                               .entries = s->own_edges};
    trn_spmm_take(ledger, &product);
    product.rows = s->users, product.own_rows = s->own_users;
    product.out = s->items, product.own_out = s->own_items;
    product.entry = sizeof(int32_t); /* R^T's band belongs to its plan */
    trn_spmm_take(ledger, &product);
}

int64_t trn_sides_bytes(const trn_bipartite_size_t *s) {
    return trn_ledger_bytes((s->own_users + s->own_items) * s->dim, trn_matrix_type_size(s->type));
}
