/* piece.h: one of the pieces that a product is cut into to save memory: some of the columns of
 * op(B) and C, and some of the terms. Private to the planner and the execution. */
#ifndef TRN_MPI_DENSE_PIECE_H
#define TRN_MPI_DENSE_PIECE_H

#include "mpi/dense/frame.h"
#include "mpi/dense/plan.h"

/* The part of a stored matrix that a piece uses, in global rows and columns. */
typedef struct trn_part {
    int64_t row, rows, col, cols;
} trn_part_t;

typedef struct trn_piece {
    trn_product_t product;
    bool adds;             /* to what former pieces have left in C: beta is 1 */
    trn_layouts_t layouts; /* of the parts; they point to the dists below */
    trn_dist_t *dist[3];   /* of A, B, C, owned */
    trn_part_t part[3];
} trn_piece_t;

/* Cut piece `index` of n_splits x k_splits out of a product; terms vary fastest, and all but the
 * first piece of a column add to what is there. Fails with TRN_MEMORY. Local; to be freed in any
 * case. */
trn_status_t trn_piece_cut(trn_piece_t *piece, const trn_product_t *product,
                           const trn_layouts_t *layouts, int64_t n_splits, int64_t k_splits,
                           int64_t index);

/* Note in a piece's frame which blocks that stay are slices of wider ones. Local. */
void trn_piece_mark(trn_frame_t *frame, const trn_layouts_t *piece, const trn_layouts_t *whole);

/* Free what a piece holds. Local. */
void trn_piece_free(trn_piece_t *piece);

/* Bytes of a rank's shares of A, B and C, all given. Local. */
int64_t trn_layouts_bytes(const trn_product_t *product, const trn_layouts_t *layouts, int rank);

#endif
