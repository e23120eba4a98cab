/* transform.h: what is done to a matrix number by number, with sums of its rows and columns: from
 * counts to pointwise mutual information, logarithms, scaling, sums of two matrices.
 *
 * Matrices lie in bands of rows, dense or sparse; what a sparse one does not store is 0 and stays
 * so. Sums are in float64 and in an order fixed by the matrix: bits do not depend on the number of
 * ranks. */
#ifndef TRN_ALGO_MATRIX_TRANSFORM_H
#define TRN_ALGO_MATRIX_TRANSFORM_H

#include "base/ledger.h"
#include "base/status.h"
#include "mpi/dist.h"
#include "mpi/matrix.h"
#include "mpi/sparse/sparse.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* A dense matrix that memory does not hold: where this rank's rows come from, blocks of
 * trn_transform_block dealt evenly, and where they go. Neither fails, for others wait for this
 * rank's part of a sum: what goes wrong is kept, and the caller asks for it in the end. */
typedef struct trn_banded_stream {
    trn_view_t (*rows)(void *user, int64_t block); /* until the next call, to be changed at will */
    void (*put)(void *user, int64_t first, trn_view_t rows); /* changed, from row `first` on */
    void *user;
    trn_matrix_type_t type;
    int64_t first_row, own_rows; /* of this rank */
} trn_banded_stream_t;

/* A matrix in bands of rows: one of the three, the others NULL. Borrows all. */
typedef struct trn_banded {
    MPI_Comm comm;
    int64_t rows, cols;   /* of the whole */
    const int64_t *start; /* [ranks + 1] first row of each rank, of whole blocks of
                           * trn_transform_block; NULL: as trn_transform_dist cuts */
    trn_matrix_t *dense;
    trn_sparse_t *sparse;              /* this rank's rows, all columns; float32 or float64 */
    const trn_banded_stream_t *stream; /* for trn_transform and trn_row_norms; start is NULL */
} trn_banded_t;

typedef enum trn_transform_kind {
    TRN_TRANSFORM_PMI,        /* log(x sum / (row column)); 0 stays 0 */
    TRN_TRANSFORM_PPMI,       /* that where it is positive, else 0, which sparse matrices drop */
    TRN_TRANSFORM_LOG,        /* log x; of a sparse matrix, of what is stored */
    TRN_TRANSFORM_LOG1P,      /* log(1 + x) */
    TRN_TRANSFORM_SCALE,      /* factor x */
    TRN_TRANSFORM_SCALE_ROWS, /* x / norm of its row; rows of zeros stay */
    TRN_TRANSFORM_SCALE_COLS, /* x / norm of its column */
    TRN_TRANSFORM_SYMMETRIC,  /* D^-1/2 X D^-1/2, D the row sums, D^-1/2 = 0 where D is */
    TRN_TRANSFORM_BINARIZE    /* 1 where x is not 0; sparse matrices drop what is */
} trn_transform_kind_t;

typedef enum trn_norm {
    TRN_NORM_L1,
    TRN_NORM_L2,
    TRN_NORM_MAX /* largest by size */
} trn_norm_t;

typedef struct trn_transform {
    trn_transform_kind_t kind;
    trn_norm_t norm;  /* of SCALE_ROWS and SCALE_COLS */
    double shift;     /* PMI, PPMI: log(shift) is taken off; 1: nothing */
    double smoothing; /* PMI, PPMI: column sums are raised to this power, and `sum` adds those */
    double factor;    /* SCALE */
} trn_transform_t;

/* Rows of a block: blocks are at most 256 of equal size fixed by the number of rows. Local. */
int64_t trn_transform_block(int64_t rows);

/* The distribution that cuts a matrix into bands of whole blocks, dealt evenly. Fails with
 * TRN_MEMORY. Local. */
trn_status_t trn_transform_dist(trn_dist_t **dist, MPI_Comm comm, int64_t rows, int64_t cols);

/* Transform in place; `name` stands before messages (the file). Sources: Church and Hanks: Word
 * association norms, mutual information, and lexicography (1990); shift and smoothing: Levy,
 * Goldberg, Dagan: Improving distributional similarity (TACL 2015), section 3. Collective, equal
 * arguments. Fails (agreed) with TRN_INPUT naming the first row and column, from 0, that holds what
 * has no transform: all but SCALE take finite numbers only; PMI, PPMI and SYMMETRIC no negative
 * ones, LOG positive ones, LOG1P more than -1; TRN_USAGE (SYMMETRIC, not square), TRN_NUMERIC (a
 * finite number becomes too large for the matrix's type, named by row and column; a sum of PMI,
 * PPMI or SYMMETRIC is too large for float64), TRN_MEMORY. Memory: trn_transform_plan. Cost: two
 * passes; column sums: log(blocks) messages of cols numbers.
 */
trn_status_t trn_transform(const trn_banded_t *matrix, const trn_transform_t *transform,
                           const char *name);

/* What trn_transform takes beside the matrix, of which rank r has rows [start[r], start[r + 1]).
 * Local. */
void trn_transform_plan(trn_ledger_t *ledger, const trn_transform_t *how, const int64_t *start,
                        int64_t cols, int ranks, int rank);

/* The first column of `norms` = norms of this rank's rows, which it has, too; infinities and NaN
 * spread. Collective, equal arguments. Fails (agreed) with TRN_NUMERIC (a norm is too large for the
 * type of `norms`, with `name` and row), TRN_MEMORY. */
trn_status_t trn_row_norms(const trn_banded_t *matrix, trn_norm_t norm, trn_view_t norms,
                           const char *name);

/* x = alpha x + beta y, both dense, or both sparse of one type; the pattern becomes that of both
 * together (no entry is dropped). Infinities and NaN spread. Collective, equal arguments. Fails
 * (agreed) with TRN_USAGE (sizes or kinds differ), TRN_NUMERIC (a sum of finite numbers is too
 * large for the type of x, with `name`, row and column), TRN_MEMORY. Memory: a sparse sum is made
 * beside x and y. */
trn_status_t trn_transform_add(trn_banded_t *x, double alpha, const trn_banded_t *y, double beta,
                               const char *name);

#endif
