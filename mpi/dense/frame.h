/* frame.h: one way to lay a product over ranks: the grid, and where its operands must be. Private
 * to the planner (plan.c) and the execution (cannon.c). */
#ifndef TRN_MPI_DENSE_FRAME_H
#define TRN_MPI_DENSE_FRAME_H

#include "mpi/dense/plan.h"

enum { TRN_CYCLIC_BLOCK = 128 /* side of the blocks that ScaLAPACK gets */ };

/* Op(A), op(B) or C in a frame. */
typedef struct trn_operand {
    trn_dist_t *given; /* as the user has it, op orientation; NULL: as the frame wants it */
    trn_dist_t *wanted;
    bool stays;    /* given and wanted are the same */
    bool moves;    /* blocks travel around their ring */
    bool spread;   /* the block given is a slice, its rows do not touch: see trn_piece_mark */
    bool gathered; /* small: every rank of the ring gets all of it beforehand, and none moves */
} trn_operand_t;

typedef struct trn_frame {
    trn_product_t product;
    trn_frame_kind_t kind;
    trn_grid_shape_t shape;
    int ranks;
    int *rank_at; /* [layers x rows x cols] */
    int *place;   /* [ranks]: index into rank_at, or -1 for ranks that stand aside */
    int64_t *rows, *cols, *terms; /* of block row i, block column j, layer l */
    trn_operand_t a, b, c;        /* op(A) [m x k], op(B) [k x n], C [m x n] */
    int64_t chunk;                /* most terms that travel at a time */
} trn_frame_t;

/* Build the frame of a kind and shape (ignored but for TRN_FRAME_GRID). *frame is NULL with TRN_OK
 * where the data does not lie as that kind wants it. Fails with TRN_MEMORY. Local. */
trn_status_t trn_frame_create(trn_frame_t **frame, const trn_product_t *product,
                              const trn_layouts_t *layouts, int ranks, trn_frame_kind_t kind,
                              trn_grid_shape_t shape);

/* Free and set to NULL; NULL is fine. Local. */
void trn_frame_destroy(trn_frame_t **frame);

/* What a rank has to receive, hold and do. Local. */
typedef struct trn_load {
    double words, relayout_words, flops;
    int64_t shares, buffers;    /* bytes: of A, B and C as given; and besides */
    int64_t relayout, rotation; /* parts of buffers that use the same memory */
} trn_load_t;
trn_load_t trn_frame_load(const trn_frame_t *frame, int rank);

/* Grid coordinates of a rank that takes part. Local. */
typedef struct trn_place {
    int row, col, layer;
} trn_place_t;
trn_place_t trn_frame_place(const trn_frame_t *frame, int rank);

/* Rows of C whose sums travel between layers at a time, and bytes of the buffer that takes them in.
 * Local. */
int64_t trn_frame_reduction_rows(const trn_frame_t *frame, trn_place_t place);
int64_t trn_frame_reduction(const trn_frame_t *frame, int rank);

/* Whether blocks of the traveling operand are strided in memory, so that they must be packed:
 * columns of row-major op(A), rows of a transposed op(B). Local. */
bool trn_frame_strided(const trn_frame_t *frame, const trn_operand_t *operand);

#endif
