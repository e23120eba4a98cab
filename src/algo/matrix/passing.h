/* passing.h: a dense matrix that memory does not hold, on its way from file to file in the blocks
 * of transform.h. */
#ifndef TRN_ALGO_MATRIX_PASSING_H
#define TRN_ALGO_MATRIX_PASSING_H

#include "algo/matrix/transform.h"
#include "io/rows/rows.h"

#include <mpi.h>
#include <stdint.h>

/* Start with {0}; it must stay where it is while x is in use. */
typedef struct trn_passing {
    trn_banded_t x; /* whose stream it is: for trn_transform, trn_rope and trn_row_norms */
    trn_banded_stream_t stream;
    trn_rows_t *rows;
    trn_rows_out_t *out;
    trn_status_t written; /* how writing went so far */
} trn_passing_t;

/* Open `path`, whose rows are in order, as numbers of `type`; `start` [ranks + 1] are the first
 * rows of the ranks, of whole blocks. Collective, equal arguments. Fails (agreed) as trn_rows_open
 * and trn_rows_hold. */
trn_status_t trn_passing_open(trn_passing_t *passing, MPI_Comm comm, const char *path,
                              trn_matrix_type_t type, const int64_t *start);

/* How reading and writing went in the passes that came to `status`, in the order in which one leads
 * to the other: reading, writing, numbers. Collective. Fails as trn_rows_outcome, or as given. */
trn_status_t trn_passing_outcome(const trn_passing_t *passing, trn_status_t status);

/* Write as `output`, whole or not at all, what change(user, x) lets pass by; of `make` all is taken
 * but sizes, bands and type. Collective, equal arguments. Fails (agreed) as trn_rows_create,
 * trn_passing_outcome and trn_rows_commit. */
trn_status_t trn_passing_save(trn_passing_t *passing, const char *output, trn_rows_make_t make,
                              trn_status_t (*change)(const void *user, const trn_banded_t *x),
                              const void *user);

/* Close what is open; {0} and twice are fine. Local. */
void trn_passing_close(trn_passing_t *passing);

#endif
