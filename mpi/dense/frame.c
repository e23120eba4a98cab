/* frame.c: a product laid over a grid of ranks: who needs which part of A and B, who sums up which
 * part of C, and what travels. All of it is arithmetic on distributions; nothing is allocated for
 * numbers. */
#include "mpi/dense/frame.h"

#include "base/mem.h"

#include <limits.h>

enum {
    GATHER_SHARE = 8,  /* an operand of at most 1/8 of a rank's share is gathered, not rotated */
    CHUNK_SHARE = 64,  /* a traveling chunk takes at most 1/64 of it ... */
    CHUNK_LEAST = 256, /* ... but so many terms: fewer make BLAS read and write C too often */
    CHUNK_MOST = 1024
};

/* Place of (row i, column j, layer l) in tables of the grid: layers outermost. */
static int at(const trn_grid_shape_t *shape, int i, int j, int l) {
    return (l * shape->rows + i) * shape->cols + j;
}

trn_place_t trn_frame_place(const trn_frame_t *frame, int rank) {
    int place = frame->place[rank], plane = frame->shape.rows * frame->shape.cols;
    return (trn_place_t){.row = place % plane / frame->shape.cols,
                         .col = place % frame->shape.cols,
                         .layer = place / plane};
}

static int gcd(int a, int b) {
    return b ? gcd(b, a % b) : a;
}

/* Panels of a layer: as many as rows and columns of ranks can share alike. */
static int panels(const trn_grid_shape_t *shape) {
    return shape->rows / gcd(shape->rows, shape->cols) * shape->cols;
}

/* Cuts and owners ------------------------------------------------------------------------------ */

/* `outer` even parts, each cut into `inner` even ones; memory is the caller's. */
static trn_status_t nested_cut(trn_cut_t *cut, int64_t items, int64_t outer, int64_t inner,
                               int64_t **start) {
    TRN_TRY(trn_alloc(start, outer * inner + 1, sizeof **start, "block boundaries"));
    for (int64_t o = 0; o < outer; o++) {
        int64_t first = trn_part_start(items, outer, o);
        for (int64_t i = 0; i < inner; i++)
            (*start)[o * inner + i] =
                first + trn_part_start(trn_part_start(items, outer, o + 1) - first, inner, i);
    }
    (*start)[outer * inner] = items;
    *cut = (trn_cut_t){outer * inner, *start, outer * inner, NULL};
    return TRN_OK;
}

/* Modulo with a result of 0 or more. */
static int wrap(int64_t difference, int modulus) {
    return (int)((difference % modulus + modulus) % modulus);
}

/* op(A) for a grid whose row i holds the rows of class i of `rows`: panel s of a layer lies at
 * column s - i, which uses it first. Where nothing moves, a layer is one panel. */
static trn_status_t native_a(const trn_frame_t *frame, const trn_cut_t *rows, trn_dist_t **dist) {
    const trn_grid_shape_t *shape = &frame->shape;
    int cuts = shape->cols > 1 ? panels(shape) : 1, *owner = NULL;
    int64_t *start = NULL, classes = (int64_t)shape->layers * cuts;
    trn_cut_t cols;
    trn_status_t status = nested_cut(&cols, frame->product.k, shape->layers, cuts, &start);
    if (status == TRN_OK)
        status = trn_alloc(&owner, shape->rows * classes, sizeof *owner, "block owners");
    for (int i = 0; i < shape->rows && status == TRN_OK; i++)
        for (int64_t c = 0; c < classes; c++)
            owner[i * classes + c] =
                frame->rank_at[at(shape, i, wrap(c % cuts - i, shape->cols), (int)(c / cuts))];
    if (status == TRN_OK) status = trn_dist_create_mapped(dist, rows, &cols, owner);
    trn_free(&start);
    trn_free(&owner);
    return status;
}

/* op(B), likewise: panel s of column j lies at row s - j. */
static trn_status_t native_b(const trn_frame_t *frame, const trn_cut_t *cols, trn_dist_t **dist) {
    const trn_grid_shape_t *shape = &frame->shape;
    int cuts = shape->rows > 1 ? panels(shape) : 1, *owner = NULL;
    int64_t *start = NULL, classes = (int64_t)shape->layers * cuts;
    trn_cut_t rows;
    trn_status_t status = nested_cut(&rows, frame->product.k, shape->layers, cuts, &start);
    if (status == TRN_OK)
        status = trn_alloc(&owner, classes * shape->cols, sizeof *owner, "block owners");
    for (int64_t c = 0; c < classes && status == TRN_OK; c++)
        for (int j = 0; j < shape->cols; j++)
            owner[c * shape->cols + j] =
                frame->rank_at[at(shape, wrap(c % cuts - j, shape->rows), j, (int)(c / cuts))];
    if (status == TRN_OK) status = trn_dist_create_mapped(dist, &rows, cols, owner);
    trn_free(&start);
    trn_free(&owner);
    return status;
}

/* C: the rows of a block are shared out over the layers that sum it up. */
static trn_status_t native_c(const trn_frame_t *frame, const trn_cut_t *cols, trn_dist_t **dist) {
    const trn_grid_shape_t *shape = &frame->shape;
    int64_t *start = NULL;
    int *owner = NULL;
    trn_cut_t rows;
    trn_status_t status = nested_cut(&rows, frame->product.m, shape->rows, shape->layers, &start);
    if (status == TRN_OK)
        status = trn_alloc(&owner, rows.classes * shape->cols, sizeof *owner, "block owners");
    for (int64_t c = 0; status == TRN_OK && c < rows.classes; c++)
        for (int j = 0; j < shape->cols; j++)
            owner[c * shape->cols + j] =
                frame->rank_at[at(shape, (int)(c / shape->layers), j, (int)(c % shape->layers))];
    if (status == TRN_OK) status = trn_dist_create_mapped(dist, &rows, cols, owner);
    trn_free(&start);
    trn_free(&owner);
    return status;
}

/* Kinds of frames ------------------------------------------------------------------------------ */

/* Rank r at place r, as long as there are places; -1 for those that stand aside. */
static trn_status_t alloc_grid(trn_frame_t *frame, trn_grid_shape_t shape) {
    int64_t ranks = (int64_t)shape.rows * shape.cols * shape.layers;
    frame->shape = shape;
    TRN_TRY(trn_alloc(&frame->rank_at, ranks, sizeof(int), "a grid"));
    TRN_TRY(trn_alloc(&frame->place, frame->ranks, sizeof(int), "a grid"));
    for (int r = 0; r < frame->ranks; r++)
        frame->place[r] = r < ranks ? r : -1;
    for (int r = 0; r < ranks; r++)
        frame->rank_at[r] = r;
    return TRN_OK;
}

/* The native layouts of a grid: rows and columns of C in even blocks, terms in panels. */
static trn_status_t grid_frame(trn_frame_t *frame, trn_grid_shape_t shape) {
    int64_t *rows_at = NULL, *cols_at = NULL;
    trn_cut_t rows, cols;
    trn_status_t status;
    TRN_TRY(alloc_grid(frame, shape));
    TRN_OR(done, nested_cut(&rows, frame->product.m, shape.rows, 1, &rows_at));
    TRN_OR(done, nested_cut(&cols, frame->product.n, shape.cols, 1, &cols_at));
    TRN_OR(done, native_a(frame, &rows, &frame->a.wanted));
    TRN_OR(done, native_b(frame, &cols, &frame->b.wanted));
    TRN_OR(done, native_c(frame, &cols, &frame->c.wanted));
done:
    trn_free(&rows_at);
    trn_free(&cols_at);
    return status;
}

/* One operand in ScaLAPACK's layout, which is that of the stored matrix. */
static trn_status_t cyclic(const trn_frame_t *frame, trn_dist_t **dist, int64_t rows, int64_t cols,
                           bool transpose) {
    trn_dist_t *stored;
    if (!transpose)
        return trn_dist_create_cyclic(dist, rows, cols, TRN_CYCLIC_BLOCK, TRN_CYCLIC_BLOCK,
                                      frame->shape.rows, frame->shape.cols);
    TRN_TRY(trn_dist_create_cyclic(&stored, cols, rows, TRN_CYCLIC_BLOCK, TRN_CYCLIC_BLOCK,
                                   frame->shape.rows, frame->shape.cols));
    trn_status_t status = trn_dist_transpose(dist, stored);
    trn_dist_destroy(&stored);
    return status;
}

/* ScaLAPACK's layout has one layer and square blocks; op() is its own affair. */
static trn_status_t cyclic_frame(trn_frame_t *frame, trn_grid_shape_t shape) {
    const trn_product_t *p = &frame->product;
    TRN_TRY(alloc_grid(frame, (trn_grid_shape_t){shape.rows, shape.cols, 1}));
    TRN_TRY(cyclic(frame, &frame->a.wanted, p->m, p->k, p->transpose_a));
    TRN_TRY(cyclic(frame, &frame->b.wanted, p->k, p->n, p->transpose_b));
    return cyclic(frame, &frame->c.wanted, p->m, p->n, false);
}

/* A slice of all of it. */
static trn_status_t copy(trn_dist_t **to, const trn_dist_t *dist) {
    return trn_dist_slice(to, dist, 0, trn_dist_rows(dist), 0, trn_dist_cols(dist));
}

/* The same rows on that rank, whatever the columns. */
static bool same_rows(const trn_dist_t *a, const trn_dist_t *b, int rank) {
    int64_t rows = trn_dist_local_rows(a, rank);
    return rows == trn_dist_local_rows(b, rank) && rows == trn_dist_common_rows(a, rank, b, rank);
}

static bool same_cols(const trn_dist_t *a, const trn_dist_t *b, int rank) {
    int64_t cols = trn_dist_local_cols(a, rank);
    return cols == trn_dist_local_cols(b, rank) && cols == trn_dist_common_cols(a, rank, b, rank);
}

/* Whether op(A) can stay: each rank of the grid has the rows of its block of C, none has others. */
static bool a_fits(const trn_frame_t *frame) {
    const trn_dist_t *a = frame->a.given;
    for (int r = 0; a && r < frame->ranks; r++)
        if (trn_dist_local_cols(a, r) > 0 &&
            (frame->place[r] < 0 || !same_rows(a, frame->c.given, r)))
            return false;
    return a != NULL;
}

/* Likewise op(B), by columns. */
static bool b_fits(const trn_frame_t *frame) {
    const trn_dist_t *b = frame->b.given;
    for (int r = 0; b && r < frame->ranks; r++)
        if (trn_dist_local_rows(b, r) > 0 &&
            (frame->place[r] < 0 || !same_cols(b, frame->c.given, r)))
            return false;
    return b != NULL;
}

/* One layer on the blocks of C, if every rank holds one; *fits tells. */
static trn_status_t frame_of_c(trn_frame_t *frame, bool *fits) {
    const trn_dist_t *c = frame->c.given;
    *fits = false;
    if (!c) return TRN_OK;
    trn_cut_t rows = trn_dist_row_cut(c), cols = trn_dist_col_cut(c);
    if (rows.classes > frame->ranks / cols.classes) return TRN_OK;
    TRN_TRY(alloc_grid(frame, (trn_grid_shape_t){(int)rows.classes, (int)cols.classes, 1}));
    for (int r = 0; r < frame->ranks; r++)
        frame->place[r] = -1;
    for (int p = 0; p < frame->shape.rows * frame->shape.cols; p++) {
        int rank = trn_dist_class_owner(c, p / frame->shape.cols, p % frame->shape.cols);
        if (frame->place[rank] >= 0) return TRN_OK;
        frame->place[rank] = p;
        frame->rank_at[p] = rank;
    }
    *fits = true;
    TRN_TRY(copy(&frame->c.wanted, c));
    TRN_TRY(a_fits(frame) ? copy(&frame->a.wanted, frame->a.given)
                          : native_a(frame, &rows, &frame->a.wanted));
    return b_fits(frame) ? copy(&frame->b.wanted, frame->b.given)
                         : native_b(frame, &cols, &frame->b.wanted);
}

/* Every rank a layer, if A and B give each the same terms whole; *fits tells. */
static trn_status_t frame_of_k(trn_frame_t *frame, bool *fits) {
    const trn_dist_t *a = frame->a.given, *b = frame->b.given;
    *fits = a && b && frame->ranks > 1 && trn_dist_row_cut(a).classes == 1 &&
            trn_dist_col_cut(b).classes == 1 && trn_dist_ranks(a) <= frame->ranks;
    trn_dist_t *turned = NULL;
    if (!*fits) return TRN_OK;
    TRN_TRY(trn_dist_transpose(&turned, b));
    for (int r = 0; r < frame->ranks; r++)
        *fits = *fits && same_cols(a, turned, r);
    trn_dist_destroy(&turned);
    if (!*fits) return TRN_OK;
    TRN_TRY(alloc_grid(frame, (trn_grid_shape_t){1, 1, frame->ranks}));
    TRN_TRY(copy(&frame->a.wanted, a));
    TRN_TRY(copy(&frame->b.wanted, b));
    const trn_dist_t *c = frame->c.given; /* whole rows, whichever: the reduction deals them out */
    if (c && trn_dist_col_cut(c).classes == 1) return copy(&frame->c.wanted, c);
    int64_t whole[2] = {0, frame->product.n};
    return native_c(frame, &(trn_cut_t){1, whole, 1, NULL}, &frame->c.wanted);
}

/* What follows from the distributions ---------------------------------------------------------- */

/* Sizes of the blocks: rows of C by grid row, columns by grid column, terms by layer. */
static trn_status_t measure(trn_frame_t *frame) {
    const trn_grid_shape_t *s = &frame->shape;
    TRN_TRY(trn_alloc_zero(&frame->rows, s->rows, sizeof(int64_t), "block sizes"));
    TRN_TRY(trn_alloc_zero(&frame->cols, s->cols, sizeof(int64_t), "block sizes"));
    TRN_TRY(trn_alloc_zero(&frame->terms, s->layers, sizeof(int64_t), "block sizes"));
    for (int i = 0; i < s->rows; i++)
        for (int l = 0; l < s->layers; l++)
            frame->rows[i] += trn_dist_local_rows(frame->c.wanted, frame->rank_at[at(s, i, 0, l)]);
    for (int j = 0; j < s->cols; j++)
        frame->cols[j] = trn_dist_local_cols(frame->c.wanted, frame->rank_at[at(s, 0, j, 0)]);
    for (int l = 0; l < s->layers; l++)
        for (int j = 0; j < s->cols; j++)
            frame->terms[l] += trn_dist_local_cols(frame->a.wanted, frame->rank_at[at(s, 0, j, l)]);
    if (frame->kind == TRN_FRAME_CYCLIC) frame->terms[0] = frame->product.k;
    return TRN_OK;
}

/* Whether every rank already has just what the frame wants of an operand. */
static bool all_stay(const trn_operand_t *operand, int ranks) {
    for (int r = 0; operand->given && r < ranks; r++)
        if (!same_rows(operand->given, operand->wanted, r) ||
            !same_cols(operand->given, operand->wanted, r))
            return false;
    return true;
}

static int64_t largest(const int64_t *values, int count) {
    int64_t most = 0;
    for (int i = 0; i < count; i++)
        if (values[i] > most) most = values[i];
    return most;
}

/* Which operands move, and in pieces of what size. */
static void choose_transport(trn_frame_t *frame) {
    const trn_grid_shape_t *s = &frame->shape;
    if (frame->kind == TRN_FRAME_CYCLIC) return;
    int64_t rows = largest(frame->rows, s->rows), cols = largest(frame->cols, s->cols),
            terms = largest(frame->terms, s->layers);
    int64_t share = rows * terms / s->cols + terms * cols / s->rows + rows * cols / s->layers;
    frame->a.gathered = s->cols > 1 && rows * terms <= share / GATHER_SHARE;
    frame->b.gathered = s->rows > 1 && terms * cols <= share / GATHER_SHARE;
    frame->a.moves = s->cols > 1 && !frame->a.gathered;
    frame->b.moves = s->rows > 1 && !frame->b.gathered;
    int64_t widest = (frame->a.moves ? rows : 0) + (frame->b.moves ? cols : 0);
    frame->chunk = widest > 0 ? share / CHUNK_SHARE / widest : terms;
    if (frame->chunk < CHUNK_LEAST) frame->chunk = CHUNK_LEAST;
    if (widest > 0 && frame->chunk > CHUNK_MOST) frame->chunk = CHUNK_MOST;
    while (frame->chunk > 1 && widest > 0 && frame->chunk > INT_MAX / widest)
        frame->chunk /= 2; /* one message each */
}

/* The layout as that of op(X), checked against the product's sizes. */
static trn_status_t given(trn_dist_t **to, const trn_dist_t *layout, bool transpose, int64_t rows,
                          int64_t cols, int ranks, const char *name) {
    if (!layout) return TRN_OK;
    if (trn_dist_rows(layout) != (transpose ? cols : rows) ||
        trn_dist_cols(layout) != (transpose ? rows : cols))
        return trn_fail(TRN_USAGE, "product: %s is %lld x %lld%s but must be %lld x %lld", name,
                        (long long)trn_dist_rows(layout), (long long)trn_dist_cols(layout),
                        transpose ? " before transposition" : "",
                        (long long)(transpose ? cols : rows), (long long)(transpose ? rows : cols));
    if (trn_dist_ranks(layout) > ranks)
        return trn_fail(TRN_USAGE, "product: %s lies on %d ranks, there are %d", name,
                        trn_dist_ranks(layout), ranks);
    return transpose ? trn_dist_transpose(to, layout) : copy(to, layout);
}

/* *out stays NULL, with TRN_OK, where the data does not lie as the kind wants it. */
trn_status_t trn_frame_create(trn_frame_t **out, const trn_product_t *product,
                              const trn_layouts_t *layouts, int ranks, trn_frame_kind_t kind,
                              trn_grid_shape_t shape) {
    const trn_product_t *p = product;
    bool fits = true;
    trn_status_t status;
    *out = NULL;
    TRN_TRY(trn_alloc_zero(out, 1, sizeof **out, "a plan"));
    trn_frame_t *frame = *out;
    frame->product = *p;
    frame->kind = kind;
    frame->ranks = ranks;
    TRN_OR(failed, given(&frame->a.given, layouts->a, p->transpose_a, p->m, p->k, ranks, "A"));
    TRN_OR(failed, given(&frame->b.given, layouts->b, p->transpose_b, p->k, p->n, ranks, "B"));
    TRN_OR(failed, given(&frame->c.given, layouts->c, false, p->m, p->n, ranks, "C"));
    if (kind == TRN_FRAME_GRID) TRN_OR(failed, grid_frame(frame, shape));
    if (kind == TRN_FRAME_CYCLIC) TRN_OR(failed, cyclic_frame(frame, shape));
    if (kind == TRN_FRAME_OF_C) TRN_OR(failed, frame_of_c(frame, &fits));
    if (kind == TRN_FRAME_OF_K) TRN_OR(failed, frame_of_k(frame, &fits));
    if (!fits) goto failed; /* with TRN_OK */
    TRN_OR(failed, measure(frame));
    frame->a.stays = all_stay(&frame->a, ranks);
    frame->b.stays = all_stay(&frame->b, ranks);
    frame->c.stays = all_stay(&frame->c, ranks);
    choose_transport(frame);
    return TRN_OK;
failed:
    trn_frame_destroy(out);
    return status;
}

void trn_frame_destroy(trn_frame_t **frame) {
    if (!*frame) return;
    trn_operand_t *operands[] = {&(*frame)->a, &(*frame)->b, &(*frame)->c};
    for (int i = 0; i < 3; i++) {
        trn_dist_destroy(&operands[i]->given);
        trn_dist_destroy(&operands[i]->wanted);
    }
    trn_free(&(*frame)->rank_at);
    trn_free(&(*frame)->place);
    trn_free(&(*frame)->rows);
    trn_free(&(*frame)->cols);
    trn_free(&(*frame)->terms);
    trn_free(frame);
}
