/* rotate.h: the rings of one layer: panels of op(A) travel along grid rows and panels of op(B)
 * along grid columns, past the blocks of C that they add to. Private to cannon.c.
 *
 * The terms of a layer are cut into L panels (L a common multiple of rows and columns, where data
 * lies natively) and each panel into chunks. At step t of a round rank (i, j) uses panel
 * (i + j + t) mod L: what it used then goes to its left and upper neighbors for step t + 1. Panels
 * are never given away, only lent, so that whatever owner a panel has, nothing is skewed first: a
 * chunk comes from the neighbor who has just used it, or else straight from its owner. Cannon's
 * start is the case in which everybody owns what it uses first. */
#ifndef TRN_MPI_DENSE_ROTATE_H
#define TRN_MPI_DENSE_ROTATE_H

#include "mpi/dense/frame.h"

#include <mpi.h>

typedef struct trn_rotation trn_rotation_t;

/* How a rank's panels travel. The communicators (borrowed) are its grid row, ranked by column, and
 * its grid column, ranked by row. */
typedef struct trn_rotation_way {
    MPI_Comm row, col;
    const trn_view_t *a_blocks, *b_blocks; /* one for each rank of the ring: blocks that can be read
                                            * in place instead of being sent (copied); NULL: none */
    bool broadcast;                        /* SUMMA: every panel is used by all at once */
    bool
        off_node; /* some ranks are on other nodes: messages move on only when they are looked at */
    int threads;
} trn_rotation_way_t;

/* Plan what `rank` of the frame does. Fails with TRN_MEMORY. Local. */
trn_status_t trn_rotation_create(trn_rotation_t **rotation, const trn_frame_t *frame, int rank,
                                 const trn_rotation_way_t *way);

/* Free and set to NULL; NULL is fine. Local. */
void trn_rotation_destroy(trn_rotation_t **rotation);

enum { TRN_ROTATION_SLOTS = 3 /* chunks of an operand that a rank holds or expects at a time */ };

/* Bytes of scratch memory that a run needs. Local. */
int64_t trn_rotation_scratch(const trn_rotation_t *rotation);

/* c = alpha op(A) op(B) + beta c for this rank's block and layer; `a` and `b` are what it holds of
 * the operands, as stored. Collective over the layer; never fails. */
void trn_rotation_run(trn_rotation_t *rotation, double alpha, trn_view_t a, trn_view_t b,
                      double beta, trn_view_t c, void *scratch);

#endif
