#include "kern/dense/lapack.h"

#include <math.h>
#include <stddef.h>

/* LAPACK stores by columns: what it takes for a matrix is the transpose of ours. */
void dsyevd_(const char *job, const char *triangle, const int *n, double *a, const int *lda,
             double *values, double *work, const int *lwork, int *iwork, const int *liwork,
             int *info, size_t, size_t);
void dgesvd_(const char *job_u, const char *job_vt, const int *m, const int *n, double *a,
             const int *lda, double *values, double *u, const int *ldu, double *vt, const int *ldvt,
             double *work, const int *lwork, int *info, size_t, size_t);
void dgelqf_(const int *m, const int *n, double *a, const int *lda, double *tau, double *work,
             const int *lwork, int *info);
void dorglq_(const int *m, const int *n, const int *k, double *a, const int *lda, const double *tau,
             double *work, const int *lwork, int *info);
void dpotrf_(const char *triangle, const int *n, double *a, const int *lda, int *info, size_t);
void dpocon_(const char *triangle, const int *n, const double *a, const int *lda,
             const double *norm, double *rcond, double *work, int *iwork, int *info, size_t);
void dgetrf_(const int *m, const int *n, double *a, const int *lda, int *pivot, int *info);
void dgecon_(const char *norm_of, const int *n, const double *a, const int *lda, const double *norm,
             double *rcond, double *work, int *iwork, int *info, size_t);
void dgetri_(const int *n, double *a, const int *lda, const int *pivot, double *work,
             const int *lwork, int *info);

enum { BLOCK = 64 /* columns that LAPACK's blocked code takes at a time, at most */ };

/* Leading dimensions are at least 1. */
static int lead(int64_t n) {
    return n > 0 ? (int)n : 1;
}

int64_t trn_lapack_eig_work(int64_t n) {
    return 1 + 6 * n + 2 * n * n + (3 + 5 * n); /* the integers, generously */
}

bool trn_lapack_eig(int64_t n, double *a, double *values, double *work) {
    int size = (int)n, lda = lead(n), info = 0;
    int lwork = (int)(1 + 6 * n + 2 * n * n), liwork = (int)(3 + 5 * n);
    dsyevd_("V", "L", &size, a, &lda, values, work, &lwork, (int *)(void *)(work + lwork), &liwork,
            &info, 1, 1);
    return info == 0;
}

int64_t trn_lapack_eigenvalues_work(int64_t n) {
    return (2 + BLOCK) * n + 2; /* one of them for the one integer that DSYEVD takes */
}

/* By columns the lower triangle of a row-major matrix is the upper one. */
bool trn_lapack_eigenvalues(int64_t n, double *a, double *values, double *work) {
    int size = (int)n, lda = lead(n), info = 0, lwork = (int)((2 + BLOCK) * n + 1), liwork = 1;
    dsyevd_("N", "U", &size, a, &lda, values, work, &lwork, (int *)(void *)(work + lwork), &liwork,
            &info, 1, 1);
    return info == 0;
}

int64_t trn_lapack_svd_work(int64_t n) {
    return (5 + BLOCK) * n + 1 + n * n;
}

bool trn_lapack_svd(int64_t n, double *a, double *values, double *left, double *right,
                    double *work) {
    int size = (int)n, lda = lead(n), info = 0, lwork = (int)trn_lapack_svd_work(n);
    dgesvd_("A", "A", &size, &size, a, &lda, values, right, &lda, left, &lda, work, &lwork, &info,
            1, 1);
    return info == 0;
}

int64_t trn_lapack_qr_work(int64_t n) {
    return (1 + BLOCK) * n + 1;
}

void trn_lapack_qr(int64_t n, double *a, double *r, double *work) {
    int size = (int)n, lda = lead(n), info = 0, lwork = (int)(BLOCK * n + 1);
    double *tau = work + lwork;
    dgelqf_(&size, &size, a, &lda, tau, work, &lwork, &info);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            r[i * n + j] = j < i ? 0 : a[i * n + j];
    dorglq_(&size, &size, &size, a, &lda, tau, work, &lwork, &info);
}

bool trn_lapack_cholesky(int64_t n, double *a) {
    int size = (int)n, lda = lead(n), info = 0;
    dpotrf_("L", &size, a, &lda, &info, 1);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < i; j++)
            a[i * n + j] = 0;
    return info == 0;
}

/* Two lists of integers, and the larger of what DGECON and DGETRI take. */
int64_t trn_lapack_invert_work(int64_t n) {
    return 2 * n + BLOCK * n + 4;
}

double trn_lapack_cholesky_condition(int64_t n, const double *r, double norm, double *work) {
    int size = (int)n, lda = lead(n), info = 0;
    double rcond = 0;
    dpocon_("L", &size, r, &lda, &norm, &rcond, work + n, (int *)(void *)work, &info, 1);
    return info == 0 ? rcond : 0;
}

/* The largest sum of sizes along a row, which is a column of what LAPACK sees. */
static double norm_of(int64_t n, const double *a) {
    double most = 0;
    for (int64_t i = 0; i < n; i++) {
        double sum = 0;
        for (int64_t j = 0; j < n; j++)
            sum += fabs(a[i * n + j]);
        most = sum > most ? sum : most;
    }
    return most;
}

/* The inverse of the transpose is the transpose of the inverse. */
double trn_lapack_invert(int64_t n, double *a, bool *negative, double *work) {
    int size = (int)n, lda = lead(n), info = 0, lwork = (int)(BLOCK * n);
    int *pivot = (int *)(void *)work, *more = (int *)(void *)(work + n);
    double norm = norm_of(n, a), rcond = 0;
    bool sign = false;
    dgetrf_(&size, &size, a, &lda, pivot, &info);
    for (int64_t i = 0; i < n; i++)
        sign = sign != ((a[i * n + i] < 0) != (pivot[i] != i + 1));
    if (negative) *negative = sign;
    if (info != 0) return 0;
    dgecon_("1", &size, a, &lda, &norm, &rcond, work + 2 * n, more, &info, 1);
    dgetri_(&size, a, &lda, pivot, work + 2 * n, &lwork, &info);
    return info == 0 ? rcond : 0;
}
