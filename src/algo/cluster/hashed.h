/* hashed.h: parts of rows coded by the signs of their numbers, and products looked up by codes.
 *
 * The code of a part x is the sum of 2^i over its numbers x[i] > 0: no comparison with centers.
 * Ding, Tang, Tang and others: MemoryFormer, NeurIPS 2024, replace a product by a sum of table
 * rows, one a part. */
#ifndef TRN_ALGO_CLUSTER_HASHED_H
#define TRN_ALGO_CLUSTER_HASHED_H

#include "algo/cluster/codebook.h"
#include "algo/cluster/rows.h"
#include "base/ledger.h"

enum { TRN_HASHED_BITS = 16 /* numbers of a part, at most */ };

/* code[i] = the signs of row i of a view of at most TRN_HASHED_BITS columns. Local. */
void trn_hashed_codes(trn_view_t rows, int32_t *code);

/* book = for each part of `bits` columns and each code the mean of the parts that have it; zeros
 * for those that none has. `bits` divides the columns. Collective, equal arguments. Fails (agreed)
 * as a pass does, with TRN_MEMORY, TRN_USAGE (2^31 numbers or more). Free the book even then. */
trn_status_t trn_hashed(trn_codebook_t *book, const trn_cluster_rows_t *rows, int bits);

/* What that takes; the book stays. Local. */
void trn_hashed_plan(trn_ledger_t *ledger, int64_t rows, int64_t cols, int bits, int ranks,
                     int rank);

/* y[cols] = the sum over parts p of row code[p] of table p; tables [parts x k x cols]. Local. Cost:
 * parts x cols additions. */
void trn_hashed_sum(int64_t parts, int64_t k, int64_t cols, const double *tables,
                    const int32_t *code, double *y);

#endif
