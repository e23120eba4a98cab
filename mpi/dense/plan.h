/* plan.h: how a distributed product is best computed: which grid, which way, how many words and
 * bytes. Pure arithmetic for any number of ranks, so that a job can be planned on a laptop.
 *
 * C[m x n] = alpha op(A)[m x k] op(B)[k x n] + beta C. Every way has a grid of rows x cols x layers
 * ranks: rank (i, j, l) sums up the terms of layer l for block (i, j) of C. Candidates are all
 * grids of up to P ranks with operands brought to their native layouts, and the grids in which the
 * data lies already; what each rank receives is counted exactly, and the least time by a simple
 * model wins. Sources: Cannon 1969; Lee, Robertson, Fortes: Generalized Cannon's algorithm (ICS
 * 1997); Kwasniewski et al.: Red-blue pebbling revisited (SC19) for the bound. */
#ifndef TRN_MPI_DENSE_PLAN_H
#define TRN_MPI_DENSE_PLAN_H

#include "base/status.h"
#include "mpi/dist.h"
#include "mpi/grid.h"
#include "mpi/matrix.h"

#include <stdbool.h>
#include <stdint.h>

/* What is to be computed. Sizes are those of op(A) and op(B). */
typedef struct trn_product {
    trn_dtype_t type;
    bool transpose_a, transpose_b;
    int64_t m, n, k;
    bool accumulate; /* beta is not 0: C is read too */
} trn_product_t;

/* How A, B and C lie as they are stored (A is k x m if transposed). NULL: as the plan likes best,
 * see trn_choice_native. Borrowed. */
typedef struct trn_layouts {
    const trn_dist_t *a, *b, *c;
} trn_layouts_t;

typedef enum trn_algorithm {
    TRN_ALGORITHM_AUTO,
    TRN_ALGORITHM_CANNON,   /* rings on one layer */
    TRN_ALGORITHM_CANNON3D, /* rings on at least two layers where k allows */
    TRN_ALGORITHM_SUMMA,    /* broadcasts on one layer */
    TRN_ALGORITHM_SCALAPACK /* block-cyclic layout and p?gemm */
} trn_algorithm_t;

#define TRN_ALGORITHM_NAMES "auto|cannon|cannon3d|summa|scalapack"

/* The algorithm of a name in TRN_ALGORITHM_NAMES (others: auto), and the name. Local. */
trn_algorithm_t trn_algorithm_named(const char *name);
const char *trn_algorithm_name(trn_algorithm_t algorithm);

/* Where the grid of a choice comes from. */
typedef enum trn_frame_kind {
    TRN_FRAME_GRID,  /* even cuts, operands in their native layouts */
    TRN_FRAME_OF_C,  /* the blocks of C as they lie, one layer */
    TRN_FRAME_OF_K,  /* A and B as they lie, every rank a layer */
    TRN_FRAME_CYCLIC /* ScaLAPACK's */
} trn_frame_kind_t;

/* What was chosen. Holds no resources. */
typedef struct trn_choice {
    trn_algorithm_t algorithm; /* never auto */
    trn_frame_kind_t kind;
    trn_grid_shape_t shape;
    int ranks;
    int64_t n_splits, k_splits; /* pieces computed one after the other to save memory */
    double words;               /* received by the rank that receives most, in all pieces */
    double relayout_words; /* of these, to bring operands and result from and to their layouts */
    double bound;          /* words that some rank must receive when P ranks share the work */
    double flops;          /* of the rank that has most to do */
    int64_t bytes;         /* peak of the rank that needs most: its shares of A, B, C, buffers */
    double seconds;        /* by the model, to compare choices with */
} trn_choice_t;

/* Choose for `ranks` ranks with at most `memory` bytes each (0: any). Same answer on every rank.
 * Fails with TRN_USAGE (sizes that do not fit the layouts, negative), TRN_MEMORY (names the bytes
 * that would be enough, which are in choice->bytes, too). Local. Cost: below a second at 4096
 * ranks, seconds from block-cyclic layouts. */
trn_status_t trn_product_choose(const trn_product_t *product, const trn_layouts_t *layouts,
                                int ranks, trn_algorithm_t algorithm, int64_t memory,
                                trn_choice_t *choice);

/* The layouts, as stored, in which a grid's operands travel least: each may be NULL if not wanted;
 * to be destroyed by the caller. For choices of kind TRN_FRAME_GRID. Fails with TRN_MEMORY. Local.
 */
trn_status_t trn_choice_native(const trn_product_t *product, const trn_choice_t *choice,
                               trn_dist_t **a, trn_dist_t **b, trn_dist_t **c);

/* The smallest surface of a brick of m n k / P terms within m x n x k, less a rank's own share of
 * the three matrices, in words. Local. */
double trn_product_bound(int64_t m, int64_t n, int64_t k, int ranks);

#endif
