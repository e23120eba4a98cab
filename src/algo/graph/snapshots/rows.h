/* rows.h: all nodes' rows held against the landmarks' factor. */
#ifndef TRN_ALGO_GRAPH_SNAPSHOTS_ROWS_H
#define TRN_ALGO_GRAPH_SNAPSHOTS_ROWS_H

#include "algo/graph/snapshots/windows.h"
#include "algo/matrix/tall.h"

#include <stdint.h>

/* This rank's rows of M [rows x cols] in compressed form; start with {0} and `rows`. */
typedef struct trn_pmi_rows {
    int64_t rows;
    int64_t *start; /* [rows + 1] */
    int32_t *column;
    double *value;
    int64_t room, room_value, filled; /* filled: rows that are complete */
} trn_pmi_rows_t;

/* Make the rows that are wanted (NULL: all), in `parts` parts; the others are empty. Collective.
 * Fails (agreed) as trn_windows_rows; free them then too. */
trn_status_t trn_pmi_rows_make(trn_pmi_rows_t *m, trn_windows_t *windows,
                               const unsigned char *wanted, int64_t parts);
void trn_pmi_rows_free(trn_pmi_rows_t *m);

/* A factor on every rank. */
typedef struct trn_rows_factor {
    int64_t r, cols;
    const double *h, *gram; /* [r x cols]; [r x r] = H H^T */
    int threads;
} trn_rows_factor_t;

/* Rows of W of those of M that are not empty become the best for H; the others stay. Local. Fails
 * with TRN_MEMORY. */
trn_status_t trn_rows_solve(const trn_pmi_rows_t *m, const trn_rows_factor_t *factor, trn_tall_t w);

/* sums[0] = half the squared error of the rows that are not empty, sums[1] = half their squares.
 * Collective. Fails (agreed) with TRN_MEMORY. */
trn_status_t trn_rows_error(const trn_pmi_rows_t *m, const trn_rows_factor_t *factor, trn_tall_t w,
                            double sums[2]);

/* sums[r cols + r r] = W^T M and W^T W over these rows, on every rank. Collective. Fails (agreed)
 * with TRN_MEMORY. */
trn_status_t trn_rows_cross(const trn_pmi_rows_t *m, trn_tall_t w, int64_t cols, double *sums);

#endif
