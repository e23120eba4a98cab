/* eig.h: all eigenvalues and eigenvectors of a symmetric matrix. */
#ifndef TRN_ALGO_MATRIX_EIG_H
#define TRN_ALGO_MATRIX_EIG_H

#include "algo/matrix/tall.h"

#include <stdint.h>

typedef enum trn_eig_method {
    TRN_EIG_AUTO,     /* local up to TRN_EIG_ALONE rows, and where there is no ScaLAPACK */
    TRN_EIG_LOCAL,    /* rank 0 alone, with LAPACK: the same bits at any number of ranks */
    TRN_EIG_SCALAPACK /* all ranks, with PDSYEVD: bits depend on their number */
} trn_eig_method_t;

enum {
    TRN_EIG_ALONE = 2048, /* rows: a few seconds */
    TRN_EIG_LOCAL_MOST = 16384
};

/* Check that a [n x n] is symmetric: |a(i, j) - a(j, i)| at most `tolerance` x the largest entry;
 * then make it exactly so, by the mean of the two. Collective. Fails (agreed) with TRN_INPUT naming
 * `name` and the first entry that is not, TRN_NUMERIC (one that is not finite), TRN_USAGE (not
 * square), TRN_MEMORY. Memory: a transposed copy. */
trn_status_t trn_eig_check(trn_tall_t a, double tolerance, const char *name);

/* values[n] = the eigenvalues of symmetric a [n x n], ascending, on every rank; column j of `a`
 * becomes the eigenvector of values[j], of length 1, its entry of largest size positive. *method
 * becomes what was done. Collective, equal arguments but for rows of `a`. Fails (agreed) with
 * TRN_MEMORY, TRN_USAGE (too large for the method, built without ScaLAPACK), TRN_NUMERIC (not
 * finite, an eigenvalue beyond float64). Cost: 9 n^3 flop, on rank 0 or shared out. Memory on rank
 * 0: 4 n^2 numbers; by ScaLAPACK 5 n^2 / P.
 */
trn_status_t trn_eig(trn_tall_t a, double *values, trn_eig_method_t *method);

/* The method for n rows of which `asked` was asked for. Local. */
trn_eig_method_t trn_eig_choose(trn_eig_method_t asked, int64_t n);

/* What trn_eig_check and trn_eig by a chosen method take beside `a` [n x n] and `values`. Local. */
void trn_eig_plan(trn_ledger_t *ledger, trn_eig_method_t method, int64_t n, int ranks, int rank);

#endif
