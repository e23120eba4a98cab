/* spectrum.h: measures of a matrix whose rows pass by: of all of it by one Gram matrix, or of every
 * group of its rows. Bits do not depend on the number of ranks, nor on where the rows lie. */
#ifndef TRN_ALGO_ROWS_SPECTRUM_H
#define TRN_ALGO_ROWS_SPECTRUM_H

#include "algo/matrix/tall_in.h"
#include "algo/rows/groups.h"
#include "algo/rows/measures.h"
#include "base/ledger.h"

#include <stdint.h>

/* out[TRN_MEASURES] on every rank = what is wanted of the open matrix, which is not empty, but for
 * TRN_EIGENSCORE and TRN_VOLUME, which are of groups; others are NaN. *flat = rows whose numbers
 * are all equal, which have no kurtosis. With how->center its source is centered afterwards.
 * Collective, equal arguments. Fails (agreed) with TRN_USAGE (both sides beyond TRN_MEASURES_SIDE),
 * TRN_MEMORY, TRN_NUMERIC, and as trn_tall_in_outcome. Cost: V d min(V, d) flop over all ranks, 4/3
 * min(V, d)^3 on rank 0; passes over the rows: one, one more each for center, kurtosis and float64
 * numbers; of a matrix of fewer rows than columns, a transposed copy. */
trn_status_t trn_spectrum(trn_tall_in_t *in, const trn_measures_how_t *how, int threads,
                          double *out, int64_t *flat);

/* What trn_spectrum takes beside the rows. Local. */
void trn_spectrum_plan(trn_ledger_t *ledger, const trn_matrix_info_t *info,
                       const trn_measures_how_t *how, int ranks, int rank);

/* That every group is small enough to be measured; `name` is the matrix's. Fails with TRN_INPUT (a
 * square beyond TRN_MEASURES_SIDE). Local. */
trn_status_t trn_spectrum_groups_check(const trn_groups_t *groups, const trn_measures_how_t *how,
                                       int64_t cols, const char *name);

/* out[own groups x TRN_MEASURES] = what is wanted of each group of this rank; NaN: not wanted, or
 * there is none. means[own groups x cols], unless it is NULL, become the groups' means. Rows of
 * `in`, which was opened with .spared, move once. Collective, equal arguments but for `out` and
 * `means`. Fails (agreed) as the check, with TRN_MEMORY, TRN_NUMERIC, and as trn_groups_each. */
trn_status_t trn_spectrum_groups(trn_tall_in_t *in, const trn_groups_t *groups,
                                 const trn_measures_how_t *how, double *out, double *means);

/* mean[TRN_MEASURES] on every rank = means over the groups that have such a number; NaN: none has.
 * Collective. Fails (agreed) with TRN_MEMORY. */
trn_status_t trn_spectrum_means(const trn_groups_t *groups, MPI_Comm comm, const double *out,
                                double *mean);

/* What trn_spectrum_groups takes beside rows, groups and results. Local. */
void trn_spectrum_groups_plan(trn_ledger_t *ledger, const trn_groups_t *groups,
                              const trn_measures_how_t *how, int64_t cols, int ranks);

#endif
