/* svd.h: the largest singular values of a matrix A [m x n], and their vectors: A ~ U diag(s) V^T.
 *
 * Two ways. Gram: eigenvectors of A^T A (or A A^T, whichever is smaller), summed over a fixed tree;
 * for dense matrices with a short side. Krylov: a basis grown by blocks of A^T A X, fully
 * orthogonal, restarted with its best vectors, until the residuals of all wanted vectors are small;
 * for everything else. Either sees squares, in which values below 1e-8 of the largest drown, so
 * such values are searched for once more beside the larger ones. U and V come out orthonormal
 * whatever the rank of A, the entry of largest size in every right vector is positive, and the bits
 * do not depend on the number of ranks. */
#ifndef TRN_ALGO_MATRIX_SVD_H
#define TRN_ALGO_MATRIX_SVD_H

#include "algo/matrix/spectral/operator.h"
#include "algo/matrix/tall.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum trn_svd_method { TRN_SVD_AUTO, TRN_SVD_GRAM, TRN_SVD_KRYLOV } trn_svd_method_t;

/* Singular triplets. Start with {0}. */
typedef struct trn_svd {
    int64_t rank;
    double *values;  /* [rank], descending */
    trn_tall_t u, v; /* [m x rank], [n x rank] */
    trn_tall_t mean; /* [n x 1]: of the columns, if they were centered */
    double spread; /* likewise: the root of the sum of squares then; s^2 are shares of it. Else 0 */
    trn_svd_method_t method;
    double residual; /* the largest |A^T u - s v|, over the largest value */
    int64_t steps;   /* blocks that went through A^T A; 0 by Gram */
    int64_t basis;   /* columns of the basis at the end; 0 by Gram */
} trn_svd_t;

/* Free what it holds; it is as new. Local. */
void trn_svd_free(trn_svd_t *svd);

/* The longest short side of a matrix for the Gram method, which holds a square of it on every rank.
 */
enum { TRN_SVD_GRAM_MOST = 4096 };

/* When the Krylov method has arrived, and when it gives up. */
typedef struct trn_svd_stop {
    double
        tolerance; /* of |A^T u - s v| over the largest value, for all wanted vectors; of a value
                    * below 1e-6 of the largest, scaled down from there to what rounding leaves */
    int64_t steps;
} trn_svd_stop_t;

/* A matrix of `rows` x `cols` in memory: `dense`, or, where `sparse` is not NULL, the float64 rows
 * of this rank that trn_tall_start says. Borrowed. */
typedef struct trn_svd_matrix {
    MPI_Comm comm;
    int64_t rows, cols;
    trn_tall_t dense;
    trn_sparse_t *sparse;
} trn_svd_matrix_t;

typedef struct trn_svd_options {
    int64_t rank; /* singular values wanted, 1 to min(m, n) */
    trn_svd_method_t method;
    bool center; /* take the column means off first */
    trn_svd_stop_t stop;
    const char *name; /* of the matrix, for messages */
} trn_svd_options_t;

/* The method for a matrix of which `asked` was asked for: AUTO means Gram for a dense one with a
 * side that short. Local. */
trn_svd_method_t trn_svd_choose(trn_svd_method_t asked, int64_t rows, int64_t cols, bool sparse);

/* The largest singular values of any matrix of finite numbers, rank-deficient or zero, from 1e-320
 * to 1e308; a sparse one only by Krylov. The numbers of `matrix` are of no use afterwards: they may
 * have been centered and scaled by a power of two. Collective, equal arguments but for the rows.
 * Fails (agreed) with TRN_NUMERIC (an entry that is not finite, by name; a singular value beyond
 * float64; Krylov: not arrived within the steps, and how far off), TRN_USAGE (rank, sides),
 * TRN_MEMORY. Memory: trn_svd_plan. Cost: that of the method below. */
trn_status_t trn_svd(trn_svd_t *svd, trn_svd_matrix_t matrix, const trn_svd_options_t *options);

/* By the Gram matrix of the short side, 1 <= rank <= min(m, n), of a matrix that needs no scaling
 * (algo/matrix/scale.h). Collective, equal arguments but for rows of `a`. Fails (agreed) with
 * TRN_MEMORY, TRN_USAGE (sides), TRN_NUMERIC (not finite). Memory: min(m, n)^2 numbers on every
 * rank, three times that on rank 0; where m < n a transposed copy of `a`. Cost: m n min(m, n) flop
 * / P, and 9 min(m, n)^3 on rank 0. */
trn_status_t trn_svd_gram(trn_svd_t *svd, trn_tall_t a, int64_t rank);

/* By the block Krylov method, 1 <= rank <= min(m, n), of a matrix that needs no scaling.
 * Collective, equal arguments. Fails (agreed) with TRN_MEMORY, TRN_USAGE (rank), TRN_NUMERIC (not
 * finite; not arrived within the steps, and how far off). Memory: 2 rank + 8 blocks of columns of
 * the short side, a few of the long one. Cost a step: two products with a block of max(4, rank / 4)
 * columns (at most 32), and 8 times basis x block x short side flop. Source: Golub, Luk and
 * Overton, A block Lanczos method for computing the singular values and corresponding singular
 * vectors of a matrix, ACM TOMS 7 (1981); random start as Musco and Musco, Randomized block Krylov
 * methods, NIPS 2015; thick restart as Wu and Simon, SIAM J. Matrix Anal. Appl. 22 (2000). */
trn_status_t trn_svd_krylov(trn_svd_t *svd, trn_operator_t *op, int64_t rank, trn_svd_stop_t stop);

/* Plan of trn_svd_krylov for an operator that may be wide, of which `away` directions are cut off:
 * u and v stay under "vectors". Local. */
void trn_svd_krylov_plan(trn_ledger_t *ledger, const trn_operator_size_t *op, int64_t rank,
                         int64_t away, int ranks, int at);

/* What trn_svd takes beside the matrix, on rank `at` of `ranks`, by a method that trn_svd_choose
 * chose; the triplets stay under "vectors". Local. */
void trn_svd_plan(trn_ledger_t *ledger, trn_svd_method_t method, const trn_operator_size_t *matrix,
                  int64_t rank, int ranks, int at);

#endif
