/* tall.h: float64 matrices of many rows and few columns, in blocks of rows fixed by the matrix,
 * with products whose bits do not depend on the number of ranks.
 *
 * Rows lie in blocks of trn_tall_block; of k blocks rank r of P owns [kr/P, k(r+1)/P). BLAS sees
 * TRN_TALL_BLOCK rows, or one block, at a time, and sums over rows follow the fixed tree of
 * mpi/reduce.h. */
#ifndef TRN_ALGO_MATRIX_TALL_H
#define TRN_ALGO_MATRIX_TALL_H

#include "base/ledger.h"
#include "base/status.h"
#include "mpi/dist.h"
#include "mpi/matrix.h"

#include <mpi.h>
#include <stdint.h>

enum { TRN_TALL_BLOCK = 512 };

/* Where the rows of a matrix come from that do not lie in memory. */
typedef struct trn_tall_source {
    /* This rank's rows of block `block` (of the whole), to be changed at will, until the next call.
     * It never fails, for others wait for this rank's part of a sum: what goes wrong is kept, and
     * the caller asks for it after the last pass. Local. */
    trn_view_t (*rows)(void *user, int64_t block);
    void *user;
    /* Done to rows as they come, float64: x 2^exponent, less the column means. */
    int exponent;
    double *mean; /* [cols], owned by whoever made the source; NULL: none */
} trn_tall_source_t;

/* A tall matrix or some columns of one: a view, to be copied freely. */
typedef struct trn_tall {
    MPI_Comm comm;
    int64_t rows;     /* on all ranks together */
    trn_view_t block; /* this rank's rows; float64, any stride */
    /* NULL: the rows lie in memory. Else block.data is NULL, and they are read anew in every pass:
     * only as x of trn_tall_multiply, trn_tall_cross and trn_gram, and to be scaled and centered.
     */
    trn_tall_source_t *source; /* borrowed */
} trn_tall_t;

/* Rows of one block of a matrix of `rows` rows: TRN_TALL_BLOCK, and up to four times as many where
 * that leaves blocks enough, for sums cost less then. Local. */
int64_t trn_tall_block(int64_t rows);

/* First row of a rank (of rank = P: all rows) when `rows` rows are dealt to the ranks of `comm`.
 * Local. */
int64_t trn_tall_start(MPI_Comm comm, int64_t rows, int rank);

/* Rows that `rank` of `ranks` then owns. Local. */
int64_t trn_tall_rows(int64_t rows, int ranks, int rank);

/* The distribution of such a matrix, for files and for trn_redist. Fails with TRN_MEMORY. Local. */
trn_status_t trn_tall_dist(trn_dist_t **dist, MPI_Comm comm, int64_t rows, int64_t cols);

/* The first block of this rank, whose blocks follow each other. Local. */
int64_t trn_tall_first_block(trn_tall_t x);

/* This rank's rows of block `block` of x, from memory or its source. Local. */
trn_view_t trn_tall_block_rows(trn_tall_t x, int64_t block);

/* Create with zeros; the result owns its memory (trn_tall_free). Fails with TRN_MEMORY, *tall then
 * without memory. Local. */
trn_status_t trn_tall_create(trn_tall_t *tall, MPI_Comm comm, int64_t rows, int64_t cols);

/* Free the memory of a matrix that trn_tall_create made; {0} and twice are fine. Local. */
void trn_tall_free(trn_tall_t *tall);

/* The view of columns [first, first + count). Local. */
trn_tall_t trn_tall_cols(trn_tall_t tall, int64_t first, int64_t count);

/* Fill with uniform numbers from (-1/2, 1/2) that depend on row, column and `step` alone. Local. */
void trn_tall_random(trn_tall_t tall, uint32_t step);

/* y = alpha x small + beta y, small [x.cols x y.cols] equal on all ranks, its rows `stride` apart;
 * x and y apart in memory. Local. */
void trn_tall_multiply(double alpha, trn_tall_t x, const double *small, int64_t stride, double beta,
                       trn_tall_t y);

/* The first `cols` columns of x become x small, small [x.cols x cols] without gaps. `scratch` is of
 * TRN_TALL_BLOCK x cols numbers. Local. */
void trn_tall_rotate(trn_tall_t x, int64_t cols, const double *small, double *scratch);

/* x becomes x r^-1, r [x.cols x x.cols] upper triangular without gaps. Local. */
void trn_tall_solve(trn_tall_t x, const double *r);

/* product[x.cols x y.cols] = x^T y on every rank. Collective. Fails (agreed) with TRN_MEMORY.
 * Memory: at most 32 MiB for each level of the tree over blocks. */
trn_status_t trn_tall_cross(trn_tall_t x, trn_tall_t y, double *product);

/* What trn_tall_cross takes on a rank, beside `product`. Local. */
void trn_tall_cross_plan(trn_ledger_t *ledger, int64_t rows, int64_t x_cols, int64_t y_cols,
                         int ranks, int rank);

/* Take the column means, which come back in mean[x.cols] on every rank, off x, whose source keeps a
 * copy of them. Collective. Fails (agreed) with TRN_MEMORY. */
trn_status_t trn_tall_center(trn_tall_t x, double *mean);

/* Turn the sign of columns of x, and of the same columns of `follower` (which may have none),
 * so that the largest entry by size of each column of x, the first of several, is positive.
 * Collective. Cost: two small messages a column. */
void trn_tall_fix_signs(trn_tall_t x, trn_tall_t follower);

/* Create the transpose of x. Collective. Fails (agreed) with TRN_MEMORY. Memory: on more than one
 * rank a second copy, and what trn_redist takes. */
trn_status_t trn_tall_transpose(trn_tall_t *transpose, trn_tall_t x);

/* What trn_tall_transpose takes for an x of rows x cols, the transpose stays. Local. */
void trn_tall_transpose_plan(trn_ledger_t *ledger, int64_t rows, int64_t cols, int ranks, int rank);

/* all[rows x cols], without gaps, = x on every rank. Rows number less than 2^31. Collective. Fails
 * (agreed) with TRN_MEMORY. Cost: one Allgatherv. */
trn_status_t trn_tall_gather(trn_tall_t x, double *all);

#endif
