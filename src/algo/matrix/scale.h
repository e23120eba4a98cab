/* scale.h: finite numbers, and powers of two that keep their squares and sums within float64.
 *
 * Algorithms that square twice (the Gram matrix of A^T A x) overflow from 1e77 on and lose small
 * numbers below 1e-77. They work on A 2^-e instead and take what they find by 2^e: exact, and with
 * e = 0 for all matrices whose largest number a float32 could hold, so that these keep their bits.
 */
#ifndef TRN_ALGO_MATRIX_SCALE_H
#define TRN_ALGO_MATRIX_SCALE_H

#include "base/status.h"
#include "mpi/matrix.h"
#include "mpi/sparse/sparse.h"

#include <stdint.h>

/* The e that is taken out of numbers of which `largest` is the largest by size, finite: 0 for 0 and
 * from 2^-150 to 2^150, else that which brings it into [1, 2). Local. */
int trn_scale_exponent(double largest);

/* x becomes x 2^exponent, float64; exact but for what falls below the normal numbers. Local. */
void trn_scale_view(trn_view_t x, int exponent);
void trn_scale_sparse(trn_sparse_t *x, int exponent);

/* values[count] become values 2^exponent. Fails with TRN_NUMERIC naming `what` if one is too large
 * for float64. Local. */
trn_status_t trn_scale_back(double *values, int64_t count, int exponent, const char *what);

/* *largest = the largest number by size of a block whose first row is row `first` of the matrix
 * (0 of an empty block). Fails with TRN_NUMERIC naming `name` and the first entry that is not
 * finite. Local. Cost: one pass. */
trn_status_t trn_largest(trn_view_t block, int64_t first, const char *name, double *largest);
trn_status_t trn_largest_sparse(const trn_sparse_t *block, const char *name, double *largest);

#endif
