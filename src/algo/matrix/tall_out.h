/* tall_out.h: rows of a file made of the rows of a matrix that passes by, block by block. */
#ifndef TRN_ALGO_MATRIX_TALL_OUT_H
#define TRN_ALGO_MATRIX_TALL_OUT_H

#include "algo/matrix/tall_in.h"

/* How rows are made. */
typedef struct trn_tall_made {
    int64_t cols;     /* numbers that a row becomes */
    trn_dtype_t type; /* of these numbers; those of the file are in trn_rows_make_t */
    /* values[rows.rows x cols] = what rows [first, first + rows.rows) become; float64 `rows` may
     * be changed. It never fails. Local. */
    void (*make)(void *user, int64_t first, trn_view_t rows, void *values);
    void *user;
} trn_tall_made_t;

/* Let `in` pass by once and write what is made of it as `path`, whole or not at all. Of `make` are
 * taken format, type, names, and what a store notes; names_of is set by the caller (in->in.names).
 * Collective, equal arguments. Fails (agreed) as trn_rows_create, trn_rows_commit and
 * trn_tall_in_outcome. */
trn_status_t trn_tall_save(trn_tall_in_t *in, const char *path, const trn_tall_made_t *made,
                           const trn_rows_make_t *make);

/* The same where making may fail: `outcome` is asked how it went, after the last row and on top of
 * `status`, before anything is put in place. Collective, and so is `outcome`, which fails
 * (agreed). */
trn_status_t trn_tall_save_if(trn_tall_in_t *in, const char *path, const trn_tall_made_t *made,
                              const trn_rows_make_t *make,
                              trn_status_t (*outcome)(void *user, trn_status_t status));

/* What that takes beside `in`, under "saving". Local. */
void trn_tall_save_plan(trn_ledger_t *ledger, const trn_tall_in_t *in, const char *path,
                        const trn_tall_made_t *made, const trn_rows_make_t *make, int ranks,
                        int rank);

#endif
