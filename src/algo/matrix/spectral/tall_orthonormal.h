/* tall_orthonormal.h: orthonormal bases of what the columns of tall matrices span. */
#ifndef TRN_ALGO_MATRIX_TALL_ORTHONORMAL_H
#define TRN_ALGO_MATRIX_TALL_ORTHONORMAL_H

#include "algo/matrix/tall.h"

/* Eigenvalues, ascending, and eigenvectors, as the rows of `a`, of symmetric a [n x n], which is
 * equal on all ranks; rank 0 works. Collective. Fails (agreed) with TRN_MEMORY, TRN_NUMERIC (`what`
 * is not finite, no convergence). */
trn_status_t trn_tall_eig(MPI_Comm comm, int64_t n, double *a, double *values, const char *what);

/* x becomes an orthonormal basis of what its columns span outside the span of `basis`, itself
 * orthonormal (it may have no columns); directions that x lacks are replaced by random ones, so
 * that all columns are there in the end. Needs basis.cols + x.cols <= rows. Collective. Fails
 * (agreed) with TRN_MEMORY, TRN_NUMERIC (not finite). Cost: two to four rounds of products. Source:
 * Stathopoulos and Wu, A block orthogonalization procedure with constant synchronization
 * requirements, SIAM J. Sci. Comput. 23 (2002): SVQB, repeated. */
trn_status_t trn_tall_orthonormalize(trn_tall_t basis, trn_tall_t x);

/* What they take: of a matrix [n x n]; of x [rows x b] beside a basis [rows x q]. Local. */
void trn_tall_eig_plan(trn_ledger_t *ledger, int64_t n, int rank);
void trn_tall_orthonormalize_plan(trn_ledger_t *ledger, int64_t rows, int64_t q, int64_t b,
                                  int ranks, int rank);

#endif
