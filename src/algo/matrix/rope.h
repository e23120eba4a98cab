/* rope.h: rotary position embedding: the numbers of row m, in pairs, turned by angles that grow
 * with m, so that the product of two rows depends on their distance, not on where they stand. */
#ifndef TRN_ALGO_MATRIX_ROPE_H
#define TRN_ALGO_MATRIX_ROPE_H

#include "algo/matrix/transform.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct trn_rope {
    double base;  /* 10000 in RoFormer, 500000 in Llama 3 */
    int64_t from; /* position of row 0 */
    bool half;    /* pairs are (i, i + d/2), as checkpoints of LLaMA have them; else (2i, 2i + 1) */
} trn_rope_t;

/* Turn pair i of row r of a dense matrix of d columns, in place or as it passes by, by the angle
 * (from + r) base^(-2i/d). Norms of rows stay. `name` stands before messages (the file).
 * Collective, equal arguments. Fails (agreed) with TRN_INPUT (an odd number of columns; a number
 * that is not finite, by row and column), TRN_NUMERIC (one becomes too large for the matrix's
 * type), TRN_MEMORY. Memory: d/2 numbers. Cost: a pass. Source: Su et al., RoFormer: Enhanced
 * Transformer with Rotary Position Embedding (2021). */
trn_status_t trn_rope(const trn_banded_t *matrix, const trn_rope_t *how, const char *name);

/* The first distance m from 1 to `most` at which B(m) = sum over i of cos(m base^(-2i/d)), i < d/2,
 * is negative; 0: there is none. From there on a query may prefer a random key to a similar one.
 * *least becomes the smallest B(m) up to there. Local. Cost: d/2 x most cosines. Source: Men et
 * al., Base of RoPE Bounds Context Length (NeurIPS 2024). */
int64_t trn_rope_first_negative(double base, int64_t cols, int64_t most, double *least);

#endif
