/* dist.h: who owns what: pure functions over boundaries, no data, no MPI calls. */
#ifndef TRN_MPI_DIST_H
#define TRN_MPI_DIST_H

#include "base/status.h"

#include <stdint.h>

/* First of the `items` that `part` of `parts` owns when they are cut evenly:
 * floor(items * part / parts), safe for items up to 2^62; trn_part_start(n, p, p) is n. Local. */
int64_t trn_part_start(int64_t items, int64_t parts, int64_t part);

/* The part that owns `item` under that cut: the one with start <= item < next start. Local. */
int64_t trn_part_of(int64_t items, int64_t parts, int64_t item);

/* An m x n matrix cut into pr x pc blocks by boundary arrays. Opaque. */
typedef struct trn_dist trn_dist_t;

/* Cut evenly. Fails with TRN_MEMORY, TRN_USAGE (negative sizes, no parts). Local. */
trn_status_t trn_dist_create(trn_dist_t **dist, int64_t rows, int64_t cols, int64_t row_parts,
                             int64_t col_parts);

/* Cut at the given ascending boundaries, row_start[row_parts + 1] and col_start[col_parts + 1]
 * (copied), from 0 to the extent. Fails with TRN_MEMORY, TRN_USAGE (not ascending). Local. */
trn_status_t trn_dist_create_at(trn_dist_t **dist, int64_t row_parts, const int64_t *row_start,
                                int64_t col_parts, const int64_t *col_start);

/* Free and set the pointer to NULL. Local. */
void trn_dist_destroy(trn_dist_t **dist);

/* Extents, numbers of parts, boundaries (part = parts gives the extent) and owners. Local. */
int64_t trn_dist_rows(const trn_dist_t *dist);
int64_t trn_dist_cols(const trn_dist_t *dist);
int64_t trn_dist_row_parts(const trn_dist_t *dist);
int64_t trn_dist_col_parts(const trn_dist_t *dist);
int64_t trn_dist_row_start(const trn_dist_t *dist, int64_t part);
int64_t trn_dist_col_start(const trn_dist_t *dist, int64_t part);
int64_t trn_dist_row_owner(const trn_dist_t *dist, int64_t row);
int64_t trn_dist_col_owner(const trn_dist_t *dist, int64_t col);

#endif
