/* mobius.h: rows as points of the Poincare ball of curvature -c, where hierarchies have room:
 * linear maps and sums there, and the way to its tangent space at 0 and back. */
#ifndef TRN_ALGO_MATRIX_MOBIUS_H
#define TRN_ALGO_MATRIX_MOBIUS_H

#include "algo/matrix/transform.h"
#include "base/ledger.h"
#include "base/status.h"

#include <stdint.h>

typedef enum trn_mobius_kind {
    TRN_MOBIUS_MULTIPLY, /* tanh(|Mx| / |x| artanh(s |x|)) Mx / (s |Mx|), s = sqrt c; 0 of Mx = 0 */
    TRN_MOBIUS_EXP0,     /* tanh(s |x|) x / (s |x|): any row becomes a point of the ball */
    TRN_MOBIUS_LOG0,     /* artanh(s |x|) x / (s |x|): the other way round */
    TRN_MOBIUS_ADD       /* ((1 + 2c x.b + c |b|^2) x + (1 - c |x|^2) b) / (1 + 2c x.b + c^2 |x|^2
                          * |b|^2) */
} trn_mobius_kind_t;

/* What to do. */
typedef struct trn_mobius {
    trn_mobius_kind_t kind;
    double curvature; /* c > 0 */
    double project;   /* > 0: rows of s |x| above 1 - project are brought there, before and after;
                       * 0: none may be at the border or beyond */
    const double *m;  /* MULTIPLY: [cols x side], blocks of side x side one below the other; side =
                       * cols: one whole matrix. Borrowed */
    int64_t side;
} trn_mobius_t;

/* What came of it. */
typedef struct trn_mobius_told {
    double before, after; /* mean distances 2 artanh(s |x|) / s of rows from 0; -1: no points */
    int64_t projected;    /* rows of X and of the result that were brought into the ball */
} trn_mobius_told_t;

/* Map the rows of a dense matrix x, in place or as they pass by; of ADD `b`, as large and in the
 * same bands, in memory like x, has what is added to each row. Float64, whatever the matrix holds;
 * points are judged as they are stored. `name` stands before messages, b_name before those of b.
 * Collective, equal arguments. Fails (agreed) with TRN_INPUT (a number that is not finite; a row
 * that is no point of the ball, named), TRN_NUMERIC (a result whose row rounds to the border,
 * named), TRN_MEMORY. Memory: trn_mobius_plan. Cost: a pass; of MULTIPLY 2 rows cols side flops.
 * Source: Ganea, Becigneul, Hofmann: Hyperbolic neural networks (NeurIPS 2018), section 2. */
trn_status_t trn_mobius(const trn_banded_t *x, const trn_banded_t *b, const trn_mobius_t *how,
                        const char *name, const char *b_name, trn_mobius_told_t *told);

/* What that takes beside the matrices, for rows of `cols` numbers. Local. */
void trn_mobius_plan(trn_ledger_t *ledger, int64_t cols);

#endif
