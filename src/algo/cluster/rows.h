/* rows.h: the rows that are clustered: some or all columns of a tall matrix, in memory or passing
 * by. */
#ifndef TRN_ALGO_CLUSTER_ROWS_H
#define TRN_ALGO_CLUSTER_ROWS_H

#include "algo/matrix/tall_in.h"

/* A view, to be copied freely. */
typedef struct trn_cluster_rows {
    trn_tall_t tall;     /* float32 or float64 blocks */
    int64_t first, cols; /* its columns [first, first + cols) */
    trn_tall_in_t *in;   /* what the rows come out of, asked after each pass; NULL: they lie in
                          * memory and are finite */
    const char *name;    /* for messages */
} trn_cluster_rows_t;

/* All columns of an open matrix. Local. */
trn_cluster_rows_t trn_cluster_rows_of(trn_tall_in_t *in);

/* This rank's blocks [first, first + count), rows of a block, and the number of the rank's first
 * row. Local. */
typedef struct trn_cluster_span {
    int64_t blocks, first, count, block, first_row;
} trn_cluster_span_t;
trn_cluster_span_t trn_cluster_span(const trn_cluster_rows_t *rows);

/* Own rows of block `block`, until the next call. Local. */
trn_view_t trn_cluster_block(const trn_cluster_rows_t *rows, int64_t block);

/* How a pass went. Collective. Fails (agreed) as trn_tall_in_outcome. */
trn_status_t trn_cluster_outcome(const trn_cluster_rows_t *rows, trn_status_t status);

/* to[count x cols] = rows `number` (any order, repeats allowed) in float64 on every rank.
 * Collective, equal arguments. Fails (agreed) with TRN_MEMORY and as a pass does. Cost: each block
 * that holds one is read, one Allreduce. */
trn_status_t trn_cluster_fetch(const trn_cluster_rows_t *rows, int64_t count, const int64_t *number,
                               double *to);

/* most[cols] = the greatest |x| of each column, on every rank. Collective. Fails as a pass does,
 * and with TRN_NUMERIC above 1e150, whose squares float64 does not hold. */
trn_status_t trn_cluster_peak(const trn_cluster_rows_t *rows, double *most);

#endif
