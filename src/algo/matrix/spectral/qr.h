/* qr.h: A = Q R of a tall matrix, Q with orthonormal columns, R upper triangular. */
#ifndef TRN_ALGO_MATRIX_QR_H
#define TRN_ALGO_MATRIX_QR_H

#include "algo/matrix/tall.h"

#include <stdint.h>

/* How it was done. */
typedef enum trn_qr_way {
    TRN_QR_CHOLESKY, /* CholeskyQR2 */
    TRN_QR_BASIS     /* an orthonormal basis first, then QR of what A is in it: for matrices whose
                      * condition is beyond Cholesky, rank-deficient ones among them */
} trn_qr_way_t;

/* Most columns: R is on every rank. */
enum { TRN_QR_MOST = 8192 };

/* `a` [m x n], m >= n, becomes Q and r [n x n] becomes R on every rank, zero below its diagonal,
 * which is not negative; *way may be NULL. A rank-deficient A has an R with zeros (to rounding) on
 * its diagonal, and Q is orthonormal nevertheless. Collective, equal arguments but for rows of `a`.
 * Fails (agreed) with TRN_USAGE (m < n, n > TRN_QR_MOST), TRN_MEMORY, TRN_NUMERIC (not finite; a
 * column of R beyond float64); `a` is then of no use. Bits do not depend on the number of ranks.
 * Cost: 4 m n^2 flop / P, two sums of n^2 numbers over a tree; TRN_QR_BASIS: several times that,
 * and a copy of A. Source: Yamamoto, Nakatsukasa, Yanagisawa and Fukaya, Roundoff error analysis of
 * the CholeskyQR2 algorithm, ETNA 44 (2015). */
trn_status_t trn_qr(trn_tall_t a, double *r, trn_qr_way_t *way);

/* What it takes beside `a` [rows x cols] and `r`, done one way. Local. */
void trn_qr_plan(trn_ledger_t *ledger, trn_qr_way_t way, int64_t rows, int64_t cols, int ranks,
                 int rank);

#endif
