/* gram.h: x^T x of a tall matrix, at half the work of the product that it is; bits do not depend on
 * the number of ranks or threads. */
#ifndef TRN_ALGO_MATRIX_GRAM_H
#define TRN_ALGO_MATRIX_GRAM_H

#include "algo/matrix/tall.h"
#include "base/status.h"
#include "mpi/matrix.h"

#include <stdint.h>

/* gram = rows [first, first + gram.rows) of x^T x, which has x.block.cols rows and columns: each
 * rank asks for what it wants, from all of it to nothing. The block of x may be float32 or float64
 * (as tall.h lays it out), so may `gram`; sums are in float64, and the result is exactly symmetric.
 * NaN and infinity spread as in any sum. A source of x is read once for each 2^21 numbers
 * of the result. Collective; x and threads equal. Fails (agreed) with
 * TRN_MEMORY, TRN_USAGE (2^31 columns or more). Memory: trn_gram_plan. Cost: rows x cols^2 flops
 * over all ranks; each receives the whole result once, and log(blocks) times 16 MiB at most. */
trn_status_t trn_gram(trn_tall_t x, int64_t first, trn_view_t gram, int threads);

/* That all of `gram` as trn_gram left it is finite but for what an infinity or NaN in x has spread
 * to. Collective, equal x. Fails (agreed) with TRN_NUMERIC naming `name` and a place, TRN_MEMORY.
 * Cost: one pass over `gram`. */
trn_status_t trn_gram_check(trn_tall_t x, int64_t first, trn_view_t gram, const char *name);

/* product[x.cols x x.cols] = x^T x, exactly symmetric; otherwise as trn_tall_cross
 * (algo/matrix/tall.h). Collective. */
trn_status_t trn_tall_gram(trn_tall_t x, double *product);

/* What trn_gram takes for an x of `rows` x `cols` numbers of `type`, beside `gram`. Local. */
void trn_gram_plan(trn_ledger_t *ledger, int64_t rows, int64_t cols, trn_matrix_type_t type,
                   int ranks, int rank);

#endif
