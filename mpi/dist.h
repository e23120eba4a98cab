/* dist.h: who owns what of a matrix: pure functions over boundaries, no data, no MPI calls.
 *
 * Rows are cut into parts, each of a class; so are columns. A rank holds the rows of some row
 * classes in the columns of some column classes: always a product, so that its share is one dense
 * block with its rows and columns in ascending order. That covers bands, 2-D blocks, ScaLAPACK's
 * block-cyclic layout (class = part modulo grid) and the skewed layouts of Cannon's algorithm. */
#ifndef TRN_MPI_DIST_H
#define TRN_MPI_DIST_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* First of the `items` that `part` of `parts` owns when they are cut evenly:
 * floor(items * part / parts), safe for items up to 2^62; trn_part_start(n, p, p) is n. Local. */
int64_t trn_part_start(int64_t items, int64_t parts, int64_t part);

/* The part that owns `item` under that cut: the one with start <= item < next start. Local. */
int64_t trn_part_of(int64_t items, int64_t parts, int64_t item);

/* A matrix cut into parts and dealt to ranks. Opaque, immutable. */
typedef struct trn_dist trn_dist_t;

/* Cut evenly into blocks; block (i, j) lies on rank i col_parts + j. Fails with TRN_MEMORY,
 * TRN_USAGE (negative sizes, no parts). Local. */
trn_status_t trn_dist_create(trn_dist_t **dist, int64_t rows, int64_t cols, int64_t row_parts,
                             int64_t col_parts);

/* Cut at the given ascending boundaries, row_start[row_parts + 1] and col_start[col_parts + 1]
 * (copied), from 0 to the extent; blocks lie as above. Fails with TRN_MEMORY, TRN_USAGE (not
 * ascending). Local. */
trn_status_t trn_dist_create_at(trn_dist_t **dist, int64_t row_parts, const int64_t *row_start,
                                int64_t col_parts, const int64_t *col_start);

/* ScaLAPACK's layout: row_block x col_block blocks dealt in turn to grid_rows x grid_cols ranks,
 * block (i, j) to rank (i mod grid_rows) grid_cols + j mod grid_cols. Fails with TRN_MEMORY,
 * TRN_USAGE. Local. Source: ScaLAPACK Users' Guide, the two-dimensional block-cyclic
 * distribution. */
trn_status_t trn_dist_create_cyclic(trn_dist_t **dist, int64_t rows, int64_t cols,
                                    int64_t row_block, int64_t col_block, int grid_rows,
                                    int grid_cols);

/* One direction cut into parts: part p covers [start[p], start[p + 1]) and is of class
 * class_of[p] (NULL: p), 0 <= class < classes. */
typedef struct trn_cut {
    int64_t parts;
    const int64_t *start; /* [parts + 1] */
    int64_t classes;
    const int64_t *class_of; /* [parts] or NULL */
} trn_cut_t;

/* The general case: what is of row class i and column class j lies on rank
 * owner[i x cols->classes + j]. Everything is copied. Fails with TRN_MEMORY, TRN_USAGE (boundaries,
 * negative owners, a rank whose share is no product). Local. */
trn_status_t trn_dist_create_mapped(trn_dist_t **dist, const trn_cut_t *rows, const trn_cut_t *cols,
                                    const int *owner);

/* The distribution of the transposed matrix, every number staying where it is. Fails with
 * TRN_MEMORY. Local. */
trn_status_t trn_dist_transpose(trn_dist_t **transpose, const trn_dist_t *dist);

/* What remains of a distribution when the matrix is cut down to rows [first_row, first_row + rows)
 * and columns [first_col, first_col + cols), which must lie inside. Fails with TRN_MEMORY. Local.
 */
trn_status_t trn_dist_slice(trn_dist_t **slice, const trn_dist_t *dist, int64_t first_row,
                            int64_t rows, int64_t first_col, int64_t cols);

/* Copies: every rank of a group holds what the ranks of its group hold together; rank r is of
 * group group[r], r < ranks (negative: it holds nothing). Numbers then have several holders and
 * trn_dist_owner is not defined. Fails with TRN_MEMORY, TRN_USAGE (a union is no product). Local.
 */
trn_status_t trn_dist_gathered(trn_dist_t **gathered, const trn_dist_t *dist, int ranks,
                               const int *group);

/* Free and set the pointer to NULL; NULL is fine. Local. */
void trn_dist_destroy(trn_dist_t **dist);

/* Extents; ranks that may hold something (numbers below it); parts; boundaries (part = parts gives
 * the extent); the part that covers a row or column. Local. */
int64_t trn_dist_rows(const trn_dist_t *dist);
int64_t trn_dist_cols(const trn_dist_t *dist);
int trn_dist_ranks(const trn_dist_t *dist);
int64_t trn_dist_row_parts(const trn_dist_t *dist);
int64_t trn_dist_col_parts(const trn_dist_t *dist);
int64_t trn_dist_row_start(const trn_dist_t *dist, int64_t part);
int64_t trn_dist_col_start(const trn_dist_t *dist, int64_t part);
int64_t trn_dist_row_owner(const trn_dist_t *dist, int64_t row);
int64_t trn_dist_col_owner(const trn_dist_t *dist, int64_t col);

/* The cut of the rows and of the columns, borrowed; the rank that holds row class i in column
 * class j. Local. */
trn_cut_t trn_dist_row_cut(const trn_dist_t *dist);
trn_cut_t trn_dist_col_cut(const trn_dist_t *dist);
int trn_dist_class_owner(const trn_dist_t *dist, int64_t row_class, int64_t col_class);

/* The rank that holds an element, which must lie inside. Local. Cost: two binary searches. */
int trn_dist_owner(const trn_dist_t *dist, int64_t row, int64_t col);

/* Rows and columns of the block that `rank` holds; both 0 for ranks beyond. Local. */
int64_t trn_dist_local_rows(const trn_dist_t *dist, int rank);
int64_t trn_dist_local_cols(const trn_dist_t *dist, int rank);

/* Consecutive rows (or columns) of a matrix that are consecutive in a rank's block too. */
typedef struct trn_span {
    int64_t first, count; /* global numbers [first, first + count) ... */
    int64_t local;        /* ... are numbers [local, local + count) of the block */
} trn_span_t;

/* A walk over the spans of one rank, ascending, as long as can be. Its fields are private. */
typedef struct trn_spans {
    const void *side;
    const int64_t *held, *parts;
    int64_t held_count, next, end, local;
} trn_spans_t;

/* Start a walk over the rows, or the columns, that `rank` holds. Local. */
trn_spans_t trn_dist_row_spans(const trn_dist_t *dist, int rank);
trn_spans_t trn_dist_col_spans(const trn_dist_t *dist, int rank);

/* The next span, or false when there are no more. Local. Cost of a whole walk: O(parts). */
bool trn_spans_next(trn_spans_t *spans, trn_span_t *span);

/* Rows (columns) that `rank_a` holds under `a` and `rank_b` under `b`. Local. Cost: both walks. */
int64_t trn_dist_common_rows(const trn_dist_t *a, int rank_a, const trn_dist_t *b, int rank_b);
int64_t trn_dist_common_cols(const trn_dist_t *a, int rank_a, const trn_dist_t *b, int rank_b);

/* Numbers that `rank` must receive to come from one distribution to another. Local. */
int64_t trn_dist_missing(const trn_dist_t *from, const trn_dist_t *to, int rank);

#endif
