/* piece.c: a part of a product that is small enough for the memory: columns of op(B) and C, and
 * terms, are cut evenly; rows of op(A) are not. Pieces are numbered terms first, so that those
 * which add to the same columns of C follow each other. */
#include "mpi/dense/piece.h"

/* The part as it lies in the stored matrix. */
static trn_part_t oriented(trn_part_t part, bool transposed) {
    return transposed ? (trn_part_t){part.col, part.cols, part.row, part.rows} : part;
}

/* Distributions of the parts are slices of the whole ones: every rank keeps what it has. */
trn_status_t trn_piece_cut(trn_piece_t *piece, const trn_product_t *product,
                           const trn_layouts_t *layouts, int64_t n_splits, int64_t k_splits,
                           int64_t index) {
    const trn_product_t *p = product;
    int64_t n_part = index / k_splits, k_part = index % k_splits;
    int64_t n = trn_part_start(p->n, n_splits, n_part), k = trn_part_start(p->k, k_splits, k_part);
    int64_t n_end = trn_part_start(p->n, n_splits, n_part + 1);
    int64_t k_end = trn_part_start(p->k, k_splits, k_part + 1);
    *piece = (trn_piece_t){.product = *p};
    piece->product.n = n_end - n;
    piece->product.k = k_end - k;
    piece->adds = k_part > 0;
    piece->product.accumulate = p->accumulate || piece->adds;
    piece->part[0] = oriented((trn_part_t){0, p->m, k, k_end - k}, p->transpose_a);
    piece->part[1] = oriented((trn_part_t){k, k_end - k, n, n_end - n}, p->transpose_b);
    piece->part[2] = (trn_part_t){0, p->m, n, n_end - n};
    const trn_dist_t *whole[3] = {layouts->a, layouts->b, layouts->c};
    for (int i = 0; i < 3; i++) {
        const trn_part_t *part = &piece->part[i];
        TRN_TRY(trn_dist_slice(&piece->dist[i], whole[i], part->row, part->rows, part->col,
                               part->cols));
    }
    piece->layouts = (trn_layouts_t){piece->dist[0], piece->dist[1], piece->dist[2]};
    return TRN_OK;
}

/* A part of fewer columns than the whole is a view with gaps between its rows. */
static void mark(trn_operand_t *operand, const trn_dist_t *piece, const trn_dist_t *whole) {
    operand->spread = operand->stays && !operand->gathered && piece &&
                      trn_dist_cols(piece) < trn_dist_cols(whole);
}

void trn_piece_mark(trn_frame_t *frame, const trn_layouts_t *piece, const trn_layouts_t *whole) {
    mark(&frame->a, piece->a, whole->a);
    mark(&frame->b, piece->b, whole->b);
    mark(&frame->c, piece->c, whole->c);
}

void trn_piece_free(trn_piece_t *piece) {
    for (int i = 0; i < 3; i++)
        trn_dist_destroy(&piece->dist[i]);
}

int64_t trn_layouts_bytes(const trn_product_t *product, const trn_layouts_t *layouts, int rank) {
    const trn_dist_t *dist[3] = {layouts->a, layouts->b, layouts->c};
    int64_t numbers = 0;
    for (int i = 0; i < 3; i++)
        numbers += trn_dist_local_rows(dist[i], rank) * trn_dist_local_cols(dist[i], rank);
    return numbers * trn_matrix_type_size(product->type);
}
