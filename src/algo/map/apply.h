/* apply.h: rows of a file, or of several side by side, through a map and into another file. */
#ifndef TRN_ALGO_MAP_APPLY_H
#define TRN_ALGO_MAP_APPLY_H

#include "algo/map/map.h"
#include "algo/map/views.h"
#include "algo/matrix/tall_out.h"

/* A pass. Start with {0}. */
typedef struct trn_apply {
    const trn_map_t *map; /* its numbers are on every rank */
    trn_views_t views;
    int threads;
    bool wants_loglik; /* ln of the normal density that a whitened row has, -(r ln 2 pi +
                        * |y|^2) / 2 */
    /* Private from here on. */
    double *loglik;     /* [own rows] */
    int64_t first, bad; /* this rank's first row; the first whose numbers are beyond float64, or
                         * -1 */
} trn_apply_t;

/* What rows become, for trn_tall_save_if; `apply` is borrowed. Local. */
trn_tall_made_t trn_apply_made(trn_apply_t *apply, int64_t cols);

/* How a pass went, for trn_tall_save_if: `apply` is the first argument. Collective. Fails (agreed)
 * as reading does, with TRN_NUMERIC naming a row that becomes too large for float64, or as given.
 */
trn_status_t trn_apply_outcome(void *apply, trn_status_t status);

/* Get ready for a pass over open matrices, which have map->in columns together. Collective. Fails
 * (agreed) with TRN_MEMORY. */
trn_status_t trn_apply_open(trn_apply_t *apply, int count, trn_tall_in_t **in);

/* After the pass: write the log-likelihoods, a number a row, as `path`. Collective. Fails (agreed)
 * as trn_rows_create and trn_rows_commit. */
trn_status_t trn_apply_save_loglik(trn_apply_t *apply, const char *path,
                                   const trn_rows_make_t *make);

/* Free; {0} is fine. Local. */
void trn_apply_close(trn_apply_t *apply);

/* What it takes beside the matrices and the map, for `rows` rows of `cols` columns. Local. */
void trn_apply_plan(trn_ledger_t *ledger, const trn_apply_t *apply, int count, int64_t rows,
                    int64_t cols, int ranks, int rank);

#endif
