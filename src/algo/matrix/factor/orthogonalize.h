/* orthogonalize.h: a matrix with all its singular values brought near 1, its singular vectors kept:
 * the update of the optimizer Muon, or the orthogonal factor of the polar decomposition.
 *
 * All is done with the Gram matrix A of the shorter side: x p(A) has the singular values of x
 * under a polynomial, so a few products of small squares and one with x do what Newton and Schulz's
 * iteration does with as many products as steps. */
#ifndef TRN_ALGO_MATRIX_ORTHOGONALIZE_H
#define TRN_ALGO_MATRIX_ORTHOGONALIZE_H

#include "algo/matrix/tall.h"
#include "base/ledger.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    TRN_ORTHOGONALIZE_SIDE = 16384, /* the shorter side: its squares lie on every rank */
    TRN_MUON_STEPS = 5
};

/* q [n x n] on every rank such that x q is what Muon's `steps` steps make of x [rows x n], rows >=
 * n: X0 = x / (|x| + 1e-7), |x| by Frobenius, then X <- a X + X (b A + c A A), A = X^T X, (a, b, c)
 * = (3.4445, -4.7750, 2.0315). Singular values come out in about [0.7, 1.2], not as 1. x may come
 * from a source, scaled: its numbers are 2^exponent times those that pass by. Collective, equal
 * arguments but for rows of x. Fails (agreed) with TRN_MEMORY, TRN_NUMERIC (not finite). Bits do
 * not depend on the number of ranks. Cost: a pass, rows n^2 flop over all ranks, then 6 n^3 flop a
 * step, over all ranks. Source: Jordan et al., Muon: An optimizer for hidden layers in neural
 * networks (2024). */
trn_status_t trn_orthogonalize_factor(trn_tall_t x, int exponent, int steps, int threads,
                                      double *q);

typedef struct trn_orthogonalize_how {
    int steps;  /* of Muon's, at least 1 */
    bool polar; /* instead of them: U V^T of x = U diag(s) V^T, by the cubic X <- 1.5 X - 0.5 X A
                 * until the largest |X^T X - I| is 1e-12 */
    int threads;
    const char *name; /* of the matrix, for messages */
} trn_orthogonalize_how_t;

typedef struct trn_orthogonalized {
    int64_t steps;
    double residual; /* polar: the largest |X^T X - I|, or |X X^T - I| if x is wide; else 0 */
} trn_orthogonalized_t;

/* x, float64 in memory, of any shape, becomes what trn_orthogonalize_factor says, on its shorter
 * side, or its polar factor. Collective, equal arguments but for rows of x. Fails (agreed) with
 * TRN_NUMERIC (an entry that is not finite, by `name`; polar: x has not as many singular values
 * above rounding as its shorter side), TRN_USAGE (both sides beyond TRN_ORTHOGONALIZE_SIDE),
 * TRN_MEMORY. Cost: as above; a wide one is transposed twice; polar: about 40 steps, and two
 * products with x for each 30. */
trn_status_t trn_orthogonalize(trn_tall_t x, const trn_orthogonalize_how_t *how,
                               trn_orthogonalized_t *done);

/* What they take beside x and q, on x of `rows` x `cols`. Local. */
void trn_orthogonalize_factor_plan(trn_ledger_t *ledger, int64_t rows, int64_t cols, int ranks,
                                   int rank);
void trn_orthogonalize_plan(trn_ledger_t *ledger, int64_t rows, int64_t cols, int ranks, int rank);

#endif
