/* tall_sample.h: tall matrices for tests: fill them by a rule, compare them, look at their shape.
 */
#ifndef TESTS_MPI_TALL_SAMPLE_H
#define TESTS_MPI_TALL_SAMPLE_H

#include "algo/matrix/gram.h"
#include "algo/matrix/spectral/tall_orthonormal.h"
#include "algo/matrix/tall.h"

#include "harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static inline double *tall_row(trn_tall_t x, int64_t i) {
    return (double *)x.block.data + i * x.block.stride;
}

/* The whole matrix on every rank; free it. */
static inline double *tall_whole(trn_tall_t x) {
    double *all = malloc(sizeof(double) * (size_t)(x.rows * x.block.cols + 1));
    CHECK_OK(trn_tall_gather(x, all));
    return all;
}

/* How far x^T x is from the identity. */
static inline double tall_skew(trn_tall_t x) {
    int64_t n = x.block.cols;
    double *gram = malloc(sizeof(double) * (size_t)(n * n + 1)), worst = 0;
    CHECK_OK(trn_tall_gram(x, gram));
    for (int64_t i = 0; i < n * n; i++)
        worst = fmax(worst, fabs(gram[i] - (i % (n + 1) == 0)));
    free(gram);
    return worst;
}

/* The largest |x - y| on any rank. */
static inline double tall_apart(trn_tall_t x, trn_tall_t y) {
    double worst = 0;
    for (int64_t i = 0; i < x.block.rows; i++)
        for (int64_t j = 0; j < x.block.cols; j++)
            worst = fmax(worst, fabs(tall_row(x, i)[j] - tall_row(y, i)[j]));
    MPI_Allreduce(MPI_IN_PLACE, &worst, 1, MPI_DOUBLE, MPI_MAX, comm);
    return worst;
}

/* Random numbers on any communicator. */
static inline trn_tall_t tall_random(MPI_Comm on, int64_t rows, int64_t cols, uint32_t step) {
    trn_tall_t x;
    CHECK_OK(trn_tall_create(&x, on, rows, cols));
    trn_tall_random(x, step);
    return x;
}

/* U diag(values[rank]) V^T with random orthonormal U [rows x rank] and V [cols x rank]. */
static inline trn_tall_t tall_spectrum(MPI_Comm on, int64_t rows, int64_t cols, int64_t rank_,
                                       const double *values) {
    trn_tall_t a = tall_random(on, rows, cols, 1), u = tall_random(on, rows, rank_, 2),
               v = tall_random(on, cols, rank_, 3);
    CHECK_OK(trn_tall_orthonormalize(trn_tall_cols(u, 0, 0), u));
    CHECK_OK(trn_tall_orthonormalize(trn_tall_cols(v, 0, 0), v));
    double *all = tall_whole(v), *small = malloc(sizeof(double) * (size_t)(rank_ * cols));
    for (int64_t k = 0; k < rank_; k++)
        for (int64_t j = 0; j < cols; j++)
            small[k * cols + j] = values[k] * all[j * rank_ + k];
    trn_tall_multiply(1, u, small, cols, 0, a);
    free(all), free(small);
    trn_tall_free(&u), trn_tall_free(&v);
    return a;
}

#endif
