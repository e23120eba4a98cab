/* transplant.h: rows for a new vocabulary out of the embedding matrix of an old one.
 *
 * Every new row is copied from an old one, or is a weighted mean of some, or is drawn as the old
 * columns are distributed. Which of these is settled first, for the rows of this rank, and takes a
 * few numbers a row; then the old rows that are needed are read out of their file, some MiB at a
 * time. So the old matrix, however large, is never in memory.
 *
 * Sources: Liu, Lin, Wang, Schuetze: OFA (Findings of NAACL 2024), with unseen tokens by similar
 * ones; Pfeiffer, Vulic, Gurevych, Ruder: UNKs Everywhere (EMNLP 2021), with overlapping tokens
 * copied; means of old pieces for new tokens, as in many bilingual extensions. */
#ifndef TRN_ALGO_VECTORS_TRANSPLANT_H
#define TRN_ALGO_VECTORS_TRANSPLANT_H

#include "algo/matrix/tall_in.h"
#include "base/ledger.h"
#include "base/status.h"
#include "io/rows/rows.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* How a row came about, as it is written. */
enum { TRN_WHY_COPIED = 1, TRN_WHY_MIXED = 2, TRN_WHY_RANDOM = 3, TRN_WHY_PIECES = 4 };

/* What the rows of this rank are made of. Start with {0}. */
typedef struct trn_transplant {
    MPI_Comm comm;
    int64_t rows;       /* of the target, on all ranks */
    int64_t first, own; /* this rank's, as tall.h deals them */
    int64_t *start;     /* [own + 1] where the parts of a row begin */
    int64_t *id;        /* [start[own]] rows of the source */
    double *weight;     /* of each; a row without parts is drawn */
    int8_t *why;        /* [own] */
} trn_transplant_t;

/* Free what it holds; {0} and twice are fine. Local. */
void trn_transplant_free(trn_transplant_t *t);

/* The similar ones: overlap[rows], equal on all ranks, has for each target row the source row that
 * it is, or -1. */
typedef struct trn_transplant_how {
    const int64_t *overlap;
    int64_t k;          /* so many source rows, by cosine of auxiliary vectors */
    double temperature; /* weights are exp(cosine / temperature), scaled to sum to 1 */
    bool zero_sources;  /* source rows without an auxiliary vector (all zeros) are candidates of
                         * cosine 0 */
    int threads;
} trn_transplant_how_t;

/* Settle the rows of a target by auxiliary vectors, of equally many columns, of all its rows and
 * all of the source's: copied where overlap says so, drawn where the auxiliary vector is all zeros
 * (or no source row is a candidate), else mixed of the k nearest, best first. Collective, equal
 * arguments. Fails (agreed) as trn_nearest_rows; how reading went is the caller's to ask. */
trn_status_t trn_transplant_similar(trn_transplant_t *t, trn_tall_t source, trn_tall_t target,
                                    const trn_transplant_how_t *how);

/* Settle them by overlap alone: all others are drawn. Collective. Fails (agreed) with TRN_MEMORY.
 */
trn_status_t trn_transplant_overlap(trn_transplant_t *t, MPI_Comm comm, int64_t rows,
                                    const int64_t *overlap);

/* Settle them as plain means of source rows id[start[i]] ... of row i, at least one, equal on all
 * ranks. Collective. Fails (agreed) with TRN_MEMORY. */
trn_status_t trn_transplant_pieces(trn_transplant_t *t, MPI_Comm comm, int64_t rows,
                                   const int64_t *start, const int64_t *id);

/* How many rows of all ranks came about by each way, count[TRN_WHY_...]. Collective. */
void trn_transplant_count(const trn_transplant_t *t, int64_t count[5]);

/* mean[cols] and deviation[cols], over n, of the columns of an open matrix. Collective. Fails
 * (agreed) with TRN_MEMORY, and as trn_tall_in_outcome. Cost: two passes. */
trn_status_t trn_transplant_moments(trn_tall_in_t *in, double *mean, double *deviation);

/* What is drawn: row r is mean + deviation x normal numbers of (seed, r). */
typedef struct trn_transplant_draw {
    const double *mean, *deviation; /* [cols] */
    uint64_t seed;
} trn_transplant_draw_t;

/* Write the rows of this rank to `out`, from the source's rows with order. `draw` may be NULL where
 * no row is drawn. Means are sums in float64, parts in their order. Local. Fails with TRN_INPUT (a
 * number that is not finite in a row that is mixed), as trn_rows_read and trn_rows_write. */
trn_status_t trn_transplant_write(const trn_transplant_t *t, trn_rows_t *source,
                                  const trn_transplant_draw_t *draw, trn_rows_out_t *out);

/* What settling `parts` parts a row takes and holds, and what writing does, under "parts" and
 * "rows". Local. */
void trn_transplant_plan(trn_ledger_t *ledger, int64_t rows, int64_t parts, int ranks, int rank);
void trn_transplant_write_plan(trn_ledger_t *ledger, const trn_rows_about_t *source);

#endif
