/* overflow.h: numbers that became infinite, or NaN, although all that they were made of is finite.
 *
 * Infinities and NaN of the input spread, as in any arithmetic. What overflows instead would be
 * taken for data; it is refused, with its place and what to do. Only a result that is not finite
 * somewhere makes it necessary to look at what it came from, so that a good one costs one pass. */
#ifndef TRN_ALGO_MATRIX_OVERFLOW_H
#define TRN_ALGO_MATRIX_OVERFLOW_H

#include "algo/matrix/tall.h"
#include "base/status.h"
#include "mpi/matrix.h"
#include "mpi/sparse/sparse.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* The first finite number of a rank's share that was changed into one that is not. */
typedef struct trn_excess {
    bool found;
    int64_t row, col;
    double value;
} trn_excess_t;

/* TRN_OK if there is none, else TRN_NUMERIC naming `name` (the file) and the place; `single`: it
 * was too large for float32. Local. */
trn_status_t trn_excess_status(const trn_excess_t *excess, bool single, const char *name);

/* A rank's share of a matrix: some rows and columns, from global ones on. Borrows. */
typedef struct trn_share {
    trn_view_t dense; /* unless there is sparse, which knows its place */
    const trn_sparse_t *sparse;
    const trn_tall_t *tall; /* or rows that may come out of a source */
    int64_t first_row, first_col;
} trn_share_t;

/* Flags by row and by column. */
typedef struct trn_marks {
    unsigned char *row, *col;
} trn_marks_t;

/* A product of rows x cols: its rows come from those of `left`, or the columns if left_transposed;
 * its columns from the columns of `right`, or the rows if right_transposed. */
typedef struct trn_product_parts {
    int64_t rows, cols;
    trn_share_t left, right;
    bool left_transposed, right_transposed;
    trn_marks_t added; /* [rows of the share of the result], [cols]: see below */
} trn_product_parts_t;

/* Where what is to be added to a product is not finite: added->row[its rows] and added->col[its
 * columns] are 1 where there is such a number, else 0; NULL, both, if there is none. The caller
 * frees them (trn_marks_free). Fails with TRN_MEMORY. Local. Cost: one pass. */
trn_status_t trn_overflow_added(trn_view_t block, trn_marks_t *added);
void trn_marks_free(trn_marks_t *marks);

/* That every number of `result`, a share of the product, is finite, or stands in a row or a column
 * that comes from one with a number that is not, or where `added` marks both. Collective,
 * equal rows and cols. Fails (agreed) with TRN_NUMERIC naming `name` and the first place that none
 * of these excuses, TRN_MEMORY (rows + cols bytes, once there is an infinity). Cost: one pass over
 * the result, one Allreduce; with infinities a pass over the operands and 2 Allreduces more. */
trn_status_t trn_overflow_check(MPI_Comm comm, const trn_product_parts_t *parts,
                                const trn_share_t *result, const char *name);

#endif
