/* separated.h: the factor of the landmarks' block, which all other nodes are held against.
 *
 * M0 [l x l], positive PMI of landmarks with landmarks, ~ W H with W [l x r], H [r x l], none
 * negative. Columns of W have length 1 while H is made, so that a penalty on H cannot be escaped by
 * a larger W. With alpha > 0 the objective |M0 - W H|^2 / 2 has alpha sum X(c, j) H(c, j) added,
 * X(c, j) = |F_c - F_(r+j)|^2 and F the first k eigenvectors of the Laplacian of the bipartite
 * graph
 * [[0, H], [H^T, 0]] between factors and landmarks: the sum is the sum of its k smallest
 * eigenvalues (Fan), so it draws H towards k components. Each block of numbers moves to its best
 * place with the others fixed, which never raises the objective. One rank does all this. */
#ifndef TRN_ALGO_GRAPH_SNAPSHOTS_SEPARATED_H
#define TRN_ALGO_GRAPH_SNAPSHOTS_SEPARATED_H

#include "base/ledger.h"
#include "base/status.h"

#include <stdint.h>

enum { TRN_SEPARATED_REFRESH = 5 /* steps between eigenproblems */ };

/* Set up to `seed`; start the rest with {0}. */
typedef struct trn_separated {
    int64_t l, r, k; /* landmarks, factors, components that alpha draws to */
    double alpha;
    int64_t steps;    /* at most */
    double tolerance; /* done when a step lowers the objective by no more than this part of the
                       * first one */
    int starts;       /* the best of so many, when it begins anew */
    uint64_t seed;
    double *m;         /* [l x l], to be filled in */
    double *w, *h;     /* [l x r], [r x l] */
    double *objective; /* [steps + 1] of the last factorization: at the start, after each step */
    int64_t done;      /* steps */
    double *penalty;   /* alpha > 0: X [r x l] */
    double *work;      /* private */
} trn_separated_t;

/* Make room. Fails with TRN_MEMORY. Local. */
trn_status_t trn_separated_create(trn_separated_t *s);
void trn_separated_free(trn_separated_t *s);
void trn_separated_plan(trn_ledger_t *ledger, const trn_separated_t *s);

/* Factor m anew, from random numbers of (0.1, 1.1) scaled to its mean that depend on seed, landmark
 * and start; or from the h that is there, as it was a snapshot before. Fails with TRN_INPUT (m is
 * 0), TRN_NUMERIC (no eigenvectors). Local. Cost a step: 4 l^2 r flops; with alpha 9 (l + r)^3 each
 * TRN_SEPARATED_REFRESH steps. Source: Cichocki, Phan: Fast local algorithms for large scale
 * nonnegative matrix and tensor factorizations (IEICE E92-A, 2009): HALS. */
trn_status_t trn_separated_factor(trn_separated_t *s);
trn_status_t trn_separated_go_on(trn_separated_t *s);

/* W becomes the best one for the present m and H. Local. */
void trn_separated_settle(trn_separated_t *s);

/* Only rows of W and columns of H of landmarks place[count] move, for whose rows (and columns, for
 * M0 is symmetric) of m there are others now: `sweeps` times each. Local. Cost: 4 count l r flops a
 * sweep, and l r^2. */
void trn_separated_update(trn_separated_t *s, int64_t count, const int64_t *place, int sweeps);

#endif
