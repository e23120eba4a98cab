/* lapack.h: the small dense problems at the heart of the large ones, on row-major float64 arrays
 * without gaps. One thread; the caller brings the work space. Local. */
#ifndef TRN_KERN_DENSE_LAPACK_H
#define TRN_KERN_DENSE_LAPACK_H

#include <stdbool.h>
#include <stdint.h>

enum { TRN_LAPACK_MOST = 16384 /* largest n: 32-bit counts of n^2 numbers */ };

/* Numbers of work space that each function below takes for a given n. Local. */
int64_t trn_lapack_eig_work(int64_t n);
int64_t trn_lapack_eigenvalues_work(int64_t n);
int64_t trn_lapack_svd_work(int64_t n);
int64_t trn_lapack_qr_work(int64_t n);
int64_t trn_lapack_invert_work(int64_t n);

/* Eigenvalues of symmetric a [n x n], ascending, and eigenvectors as the rows of `a`. Numbers must
 * be finite. False: no convergence. Local. Cost: about 9 n^3 flop. Source: LAPACK's DSYEVD. */
bool trn_lapack_eig(int64_t n, double *a, double *values, double *work);

/* Eigenvalues alone, ascending; of symmetric `a`, which is destroyed, what is on and below the
 * diagonal counts. Local. Cost: about 4/3 n^3 flop. Source: LAPACK's DSYEVD. */
bool trn_lapack_eigenvalues(int64_t n, double *a, double *values, double *work);

/* a [n x n] = left diag(values) right: values descending, left vectors as columns, right vectors as
 * rows; `a` is destroyed. False: no convergence. Local. Source: LAPACK's DGESVD. */
bool trn_lapack_svd(int64_t n, double *a, double *values, double *left, double *right,
                    double *work);

/* a [n x n] = q r, with r upper triangular; q takes the place of `a`. Local. Source: LAPACK's
 * DGELQF and DORGLQ on the transpose. */
void trn_lapack_qr(int64_t n, double *a, double *r, double *work);

/* Upper triangular r, zero below, with r^T r = a, in the place of `a`. False: `a` is not positive
 * definite. Local. Source: LAPACK's DPOTRF. */
bool trn_lapack_cholesky(int64_t n, double *a);

/* The reciprocal condition number, in the 1-norm, of the matrix of which `r` is the factor by
 * trn_lapack_cholesky and `norm` the 1-norm; 0: singular. `work` is of trn_lapack_invert_work.
 * Local. Cost: a few n^2 flop. Source: LAPACK's DPOCON. */
double trn_lapack_cholesky_condition(int64_t n, const double *r, double norm, double *work);

/* a [n x n] becomes its inverse; returns the reciprocal condition number in the 1-norm, 0 where `a`
 * is singular and left destroyed. *negative (may be NULL): whether its determinant is. Local. Cost:
 * 2 n^3 flop. Source: LAPACK's DGETRF, DGECON and DGETRI. */
double trn_lapack_invert(int64_t n, double *a, bool *negative, double *work);

#endif
