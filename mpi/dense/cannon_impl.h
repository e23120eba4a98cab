/* cannon_impl.h: a plan of a product from within; private to cannon.c, which makes it, and
 * cannon_run.c. */
#ifndef TRN_MPI_DENSE_CANNON_IMPL_H
#define TRN_MPI_DENSE_CANNON_IMPL_H

#include "mpi/dense/cannon.h"
#include "mpi/dense/frame.h"
#include "mpi/dense/piece.h"
#include "mpi/dense/redist.h"
#include "mpi/dense/rotate.h"
#include "mpi/dense/scalapack.h"

enum { A, B, C };

/* How one of the three matrices of a piece comes to where the frame wants it. */
typedef struct relayout {
    trn_dist_t *wanted; /* stored orientation; NULL where it stays */
    trn_redist_t *in, *out;
    trn_part_t local;   /* the piece within this rank's block, in local rows and columns */
    int64_t rows, cols; /* of the block that is wanted here */
    int64_t offset;     /* of its buffer in the pool */
} relayout_t;

/* One piece of a product: without a memory limit there is just one. */
typedef struct stage {
    trn_piece_t piece;
    trn_frame_t *frame;
    relayout_t relayout[3];
    trn_rotation_t *rotation;
    trn_scalapack_gemm_t *pgemm; /* instead of the rotation */
    int64_t partial, scratch;    /* offsets in the pool: this layer's sums; messages of all steps */
} stage_t;

struct trn_plan {
    MPI_Comm comm;
    int rank, ranks;
    trn_product_t product;
    trn_grid_t *grid;
    MPI_Comm ordered; /* the ranks in the order of the grid */
    stage_t *stages;
    int64_t count;
    char *pool;
    int64_t bytes;
};

/* Rows and columns of this rank's block of C while it is summed up. Local. */
void trn_plan_block(const trn_plan_t *plan, const stage_t *stage, int64_t *rows, int64_t *cols);

#endif
