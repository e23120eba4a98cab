/* trim_sparse.h: this rank's part of the rows that stay of a sparse matrix with order. */
#ifndef TRN_ALGO_ROWS_TRIM_SPARSE_H
#define TRN_ALGO_ROWS_TRIM_SPARSE_H

#include "io/rows/rows.h"

#include <stdint.h>

/* *out = rows id[0 .. count) in this order as a block whose first row is `first`. Fails as
 * trn_rows_read_sparse. Local. Cost: one read of these rows; where they do not ascend, a copy. */
trn_status_t trn_trim_sparse(trn_rows_t *rows, int64_t first, int64_t count, const int64_t *id,
                             trn_sparse_type_t type, trn_sparse_t **out);

#endif
