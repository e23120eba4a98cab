/* cooccur_impl.h: what the files cooccur*.c share. */
#ifndef TRN_ALGO_WORDS_COOCCUR_IMPL_H
#define TRN_ALGO_WORDS_COOCCUR_IMPL_H

#include "algo/words/cooccur.h"
#include "algo/words/cooccur_plan.h"
#include "io/spool.h"
#include "text/segment.h"
#include "text/vocab.h"

/* A part of the corpus that has been counted into a file. */
typedef struct run {
    trn_spool_t *cells; /* trn_cell_t by row, then column */
    int64_t *start;     /* [bands + 1]: bytes; where a band's cells start */
} run_t;

struct trn_cooccur {
    MPI_Comm comm;
    int rank, ranks;
    const trn_cooccur_options_t *options; /* valid during create */
    int64_t memory;                       /* bytes that may be allocated; 0: no limit */
    int64_t batch;                        /* numbers spread in a round */
    trn_window_t window;
    trn_vocab_t *vocab;
    trn_row_bands_t bands;
    trn_round_cells_t cells; /* at most, in a round */
    trn_segment_t *segment;  /* the part of the corpus that is in memory */
    run_t *runs;             /* the others */
    int64_t nruns, run_room;
    /* The result: this rank's rows first_row .. first_row + rows. */
    int64_t first_row, rows;
    int64_t *row_nonzeros; /* [rows] */
    int64_t *row_sums;     /* [rows] units */
    int64_t *col_sums;     /* [V] units */
    trn_spool_t *cols;     /* int32 */
    trn_spool_t *values;   /* float64 */
    int64_t nonzeros;      /* here */
    trn_cooccur_stats_t stats;
};

/* Count the segment in memory into a new run and empty it. Local. */
trn_status_t trn_cooccur_spill(trn_cooccur_t *counts);

/* Count all rows into the result; segment and runs are used up. Collective, agreed. */
trn_status_t trn_cooccur_rows(trn_cooccur_t *counts);

/* Spread the streams evenly over the ranks into segment and runs. `stream` is used up; map[] turns
 * its numbers into the vocabulary's. Collective, agreed. */
trn_status_t trn_cooccur_spread(trn_cooccur_t *counts, trn_spool_t *stream, const int32_t *map);

#endif
