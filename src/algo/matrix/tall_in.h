/* tall_in.h: a matrix in a file of any format and any size whose rows a verb lets pass by.
 *
 * Rows lie in memory, as narrow as the file has them, or are read anew in every pass; either way
 * they come in blocks of trn_tall_block as float64 (or float32, where that is asked for), and what
 * is made of them has the same bits. That they are finite is seen as they first pass. */
#ifndef TRN_ALGO_MATRIX_TALL_IN_H
#define TRN_ALGO_MATRIX_TALL_IN_H

#include "algo/matrix/matrix_file_plan.h"
#include "algo/matrix/tall.h"
#include "base/ledger.h"
#include "io/rows/rows.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* Start with {0}; it must stay where it is while `tall` is in use. */
typedef struct trn_tall_in {
    trn_matrix_in_t in; /* first: its sizes, names and bands, which the program looks at and cuts */
    bool streams;       /* rows are read anew in every pass, for memory does not hold them; the
                         * program sets it (cli/steps.h) */
    bool single;        /* for the caller to set before a plan: blocks come as float32 */
    bool spared;        /* likewise: NaN and infinity may pass */
    bool still;      /* likewise, at any time: rows are only looked at, neither scaled nor centered;
                      * those      of float64 in memory then come as they lie there, without a copy */
    trn_tall_t tall; /* once open: what trn_tall_multiply, _cross, _center and trn_gram take. Its
                      * source may be scaled and centered unless `single` */
    struct trn_tall_reader *reader; /* private */
} trn_tall_in_t;

/* Whether its rows can be read block by block: a dense file whose rows are in order. Local. */
bool trn_tall_in_can_stream(const trn_tall_in_t *in);

/* Plan of trn_tall_in_open on rank `rank`: stays under "matrix" until trn_tall_in_close. `streams`
 * is that of the verb's first matrix, for all of its matrices do the same if they can. Local. */
void trn_tall_in_plan(trn_ledger_t *ledger, const trn_tall_in_t *in, bool streams, int ranks,
                      int rank);

/* Open the matrix, which trn_matrix_in_look has looked at, for passes. Collective, equal arguments.
 * Fails (agreed) as trn_rows_open and trn_rows_hold. Cost: one read of this rank's rows, if they
 * stay in memory. */
trn_status_t trn_tall_in_open(trn_tall_in_t *in, MPI_Comm comm, bool streams);

/* How reading went in the passes that came to `status`; call it after each pass whose numbers
 * matter. Collective. Fails (agreed) as trn_rows_outcome, with TRN_INPUT naming the first row and
 * column, from 0, of a number that is not finite, or as given. */
trn_status_t trn_tall_in_outcome(trn_tall_in_t *in, trn_status_t status);

/* Let the rows of an open matrix, not `single`, come as x 2^-*exponent from now on, so that their
 * squares and sums of them stay within float64: trn_scale_exponent of its largest number, which
 * only a file of float64 can have other than 0, and only such a one is read for it. Collective;
 * cannot fail: how reading went trn_tall_in_outcome says. */
void trn_tall_in_scale(trn_tall_in_t *in, int *exponent);

/* Let go of the rows; what was looked at stays. {0} and twice are fine. Local. */
void trn_tall_in_close(trn_tall_in_t *in);

/* The same, and all that was looked at. Local. */
void trn_tall_in_free(trn_tall_in_t *in);

#endif
