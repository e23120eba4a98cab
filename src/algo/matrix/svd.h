/* svd.h: the largest singular values of a matrix A [m x n], and their vectors: A ~ U diag(s) V^T.
 *
 * Two ways. Gram: eigenvectors of A^T A (or A A^T, whichever is smaller), summed over a fixed tree;
 * for dense matrices with a short side. Values below 1e-8 of the largest are not to be trusted.
 * Krylov: a basis grown by blocks of A^T A X, fully orthogonal, restarted with its best vectors,
 * until the residuals of all wanted vectors are small; for everything else. Either way U and V
 * come out orthonormal, the entry of largest size in every right vector is positive, and the bits
 * do not depend on the number of ranks. */
#ifndef TRN_ALGO_MATRIX_SVD_H
#define TRN_ALGO_MATRIX_SVD_H

#include "algo/matrix/operator.h"
#include "algo/matrix/tall.h"

#include <stdint.h>

/* Singular triplets. Start with {0}. */
typedef struct trn_svd {
    int64_t rank;
    double *values;  /* [rank], descending */
    trn_tall_t u, v; /* [m x rank], [n x rank] */
    double residual; /* the largest |A^T u - s v|, over the largest value */
    int64_t steps;   /* blocks that went through A^T A; 0 by Gram */
    int64_t basis;   /* columns of the basis at the end; 0 by Gram */
} trn_svd_t;

/* Free what it holds; it is as new. Local. */
void trn_svd_free(trn_svd_t *svd);

/* The longest short side of a matrix for trn_svd_gram, which holds a square of it on every rank. */
enum { TRN_SVD_GRAM_MOST = 4096 };

/* By the Gram matrix of the short side, 1 <= rank <= min(m, n). Collective, equal arguments but for
 * rows of `a`. Fails (agreed) with TRN_MEMORY, TRN_USAGE (sides), TRN_NUMERIC (not finite).
 * Memory: min(m, n)^2 numbers on every rank, three times that on rank 0; where m < n a transposed
 * copy of `a`. Cost: m n min(m, n) flop / P, and 9 min(m, n)^3 on rank 0. */
trn_status_t trn_svd_gram(trn_svd_t *svd, trn_tall_t a, int64_t rank);

/* When the Krylov method has arrived, and when it gives up. */
typedef struct trn_svd_stop {
    double tolerance; /* of |A^T u - s v| over the largest value, for all wanted vectors; of a value
                       * below 1e-6 of the largest, scaled down from there */
    int64_t steps;
} trn_svd_stop_t;

/* By the block Krylov method, 1 <= rank <= min(m, n). Collective, equal arguments. Fails (agreed)
 * with TRN_MEMORY, TRN_USAGE (rank), TRN_NUMERIC (not finite; not arrived within the steps, and how
 * far off). Memory: 2 rank + 8 blocks of columns of the short side, a few of the long one. Cost a
 * step: two products with a block of max(4, rank / 4) columns (at most 32), and 8 times basis x
 * block x short side flop. Source: Golub, Luk and Overton, A block Lanczos method for computing the
 * singular values and corresponding singular vectors of a matrix, ACM TOMS 7 (1981); random start
 * as Musco and Musco, Randomized block Krylov methods, NIPS 2015; thick restart as Wu and Simon,
 * SIAM J. Matrix Anal. Appl. 22 (2000). */
trn_status_t trn_svd_krylov(trn_svd_t *svd, trn_operator_t *op, int64_t rank, trn_svd_stop_t stop);

/* Bytes of the work of either on the rank that needs most, for predictions: `ranks` ranks, the
 * matrix itself left out. Local. */
int64_t trn_svd_gram_bytes(int64_t rows, int64_t cols, int64_t rank, int ranks);
int64_t trn_svd_krylov_bytes(int64_t rows, int64_t cols, int64_t rank, int ranks);

#endif
