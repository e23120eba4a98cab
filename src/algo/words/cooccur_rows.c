/* cooccur_rows.c: bands of rows: counted where the corpus lies, added up where they belong. */
#include "algo/words/cooccur_impl.h"
#include "base/log.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/exchange.h"
#include "mpi/watch.h"
#include "text/row.h"

#include <string.h>

/* Cells in row order that wait to be added. */
typedef struct feed {
    const trn_cell_t *at, *end;
} feed_t;

/* What summing rows works with; all is allocated before the first round but what grows with cells.
 */
typedef struct tally {
    trn_cooccur_t *counts;
    trn_row_t *row;
    double *values;      /* [V] */
    feed_t *feeds;       /* [runs + ranks] */
    trn_cell_t *run;     /* [run_room] the runs' cells of one band */
    trn_cell_t *send;    /* [send_room], send_used */
    int64_t *send_bytes; /* [ranks] */
    trn_parcels_t parcels;
    int64_t run_room, send_room, send_used;
} tally_t;

/* Add the counts of `word` in this rank's part of the corpus in memory, and from the feeds. */
static void count_row(tally_t *t, int64_t word, int64_t nfeeds) {
    trn_row_count(t->row, &t->counts->window, t->counts->segment, word);
    for (feed_t *feed = t->feeds; feed < t->feeds + nfeeds; feed++) {
        const trn_cell_t *first = feed->at;
        while (feed->at < feed->end && feed->at->row == word)
            feed->at++;
        trn_row_add(t->row, first, feed->at - first);
    }
}

/* Read the cells of a band from all runs; the feeds 0 .. nruns then wait. */
static trn_status_t load_runs(tally_t *t, int64_t band) {
    const trn_cooccur_t *counts = t->counts;
    int64_t cells = 0, size = sizeof *t->run;
    for (int64_t i = 0; i < counts->nruns; i++)
        cells += (counts->runs[i].start[band + 1] - counts->runs[i].start[band]) / size;
    if (cells > t->run_room) {
        trn_free(&t->run);
        t->run_room = 0;
        TRN_TRY(trn_alloc(&t->run, cells + cells / 2, sizeof *t->run, "cells from files"));
        t->run_room = cells + cells / 2;
    }
    trn_cell_t *to = t->run;
    for (int64_t i = 0; i < counts->nruns; i++) {
        const run_t *run = &counts->runs[i];
        int64_t bytes = run->start[band + 1] - run->start[band];
        if (bytes) TRN_TRY(trn_spool_read(run->cells, run->start[band], to, bytes));
        t->feeds[i] = (feed_t){to, to + bytes / size};
        to += bytes / size;
    }
    return TRN_OK;
}

/* Make room for `more` cells behind those to be sent. */
static trn_status_t reserve(tally_t *t, int64_t more) {
    return trn_grow(&t->send, &t->send_room, t->send_used + more, sizeof *t->send, "cells to send");
}

/* Count a band of another rank and pack its cells behind those to be sent. */
static trn_status_t count_for_other(tally_t *t, int64_t band) {
    const int32_t *cols;
    const int64_t *units;
    const int64_t *row = t->counts->bands.row;
    TRN_TRY(load_runs(t, band));
    /* Sums over all of this rank's parts of the corpus, so that a cell travels once. */
    for (int64_t word = row[band]; word < row[band + 1]; word++) {
        count_row(t, word, t->counts->nruns);
        int64_t cells = trn_row_drain(t->row, &cols, &units);
        TRN_TRY(reserve(t, cells));
        for (int64_t i = 0; i < cells; i++)
            t->send[t->send_used + i] = (trn_cell_t){units[i], (int32_t)word, cols[i]};
        t->send_used += cells;
    }
    return TRN_OK;
}

/* Rows go through a spool, for a store wants the size of a dataset before its first element, and
 * the number of nonzeros is known only when the last row is summed. While memory lasts that is a
 * copy in memory; a second count would cost far more. */
/* Take a finished row into the result. */
static trn_status_t keep_row(tally_t *t, int64_t word) {
    trn_cooccur_t *counts = t->counts;
    const int32_t *cols;
    const int64_t *units;
    int64_t cells = trn_row_drain(t->row, &cols, &units), sum = 0;
    for (int64_t i = 0; i < cells; i++) {
        t->values[i] = trn_window_value(&counts->window, units[i]);
        sum += units[i];
        counts->col_sums[cols[i]] += units[i];
    }
    counts->row_nonzeros[word - counts->first_row] = cells;
    counts->row_sums[word - counts->first_row] = sum;
    counts->nonzeros += cells;
    TRN_TRY(trn_spool_put(counts->cols, cols, cells * (int64_t)sizeof *cols));
    return trn_spool_put(counts->values, t->values, cells * (int64_t)sizeof *t->values);
}

/* Count a band of this rank's and add what has come from the others. */
static trn_status_t finish_band(tally_t *t, int64_t band) {
    trn_cooccur_t *counts = t->counts;
    TRN_TRY(load_runs(t, band));
    /* Behind the runs wait the messages, one of each rank; all feeds are ascending by row. */
    int64_t nfeeds = counts->nruns;
    for (int r = 0; r < counts->ranks; r++) {
        const char *data = t->parcels.data;
        t->feeds[nfeeds++] = (feed_t){(const trn_cell_t *)(data + t->parcels.start[r]),
                                      (const trn_cell_t *)(data + t->parcels.start[r + 1])};
    }
    for (int64_t word = counts->bands.row[band]; word < counts->bands.row[band + 1]; word++) {
        count_row(t, word, nfeeds);
        TRN_TRY(keep_row(t, word));
    }
    return TRN_OK;
}

/* In round i every rank finishes the i-th of its bands, if it has so many. */
static int64_t band_of(const trn_cooccur_t *counts, int rank, int64_t round) {
    int64_t band = counts->bands.owner[rank] + round;
    return band < counts->bands.owner[rank + 1] ? band : -1;
}

/* Each rank counts the bands of all others, sends them, then finishes its own with what came.
 * Between the agreement and the exchange nothing can fail. Collective. */
static trn_status_t tally_round(tally_t *t, int64_t round) {
    trn_cooccur_t *counts = t->counts;
    trn_status_t status = TRN_OK;
    t->send_used = 0;
    for (int r = 0; r < counts->ranks; r++) {
        int64_t band = band_of(counts, r, round), before = t->send_used;
        if (r != counts->rank && band >= 0 && status == TRN_OK) status = count_for_other(t, band);
        t->send_bytes[r] = (t->send_used - before) * (int64_t)sizeof *t->send;
    }
    TRN_AGREE(counts->comm, status);
    TRN_TRY(trn_exchange(counts->comm, t->send, t->send_bytes, &t->parcels));
    int64_t mine = band_of(counts, counts->rank, round);
    if (mine >= 0) status = finish_band(t, mine);
    trn_watch_tick();
    trn_log(TRN_LOG_PROGRESS, "cooccur", "counting: round %lld of %lld, %.1f M nonzeros",
            (long long)round + 1, (long long)counts->bands.rounds, 1e-6 * (double)counts->nonzeros);
    return trn_agree(counts->comm, status);
}

/* Everything that can be allocated before the first round. */
static trn_status_t begin(tally_t *t, trn_cooccur_t *counts) {
    const trn_row_bands_t *bands = &counts->bands;
    const trn_cooccur_options_t *options = counts->options;
    int64_t words = counts->vocab->size;
    /* Columns and values spill to files together, before other allocations meet the limit. */
    int64_t ceiling =
        counts->memory ? counts->memory - trn_cooccur_reserve(&counts->cells) : INT64_MAX;
    *t = (tally_t){.counts = counts};
    counts->first_row = bands->row[bands->owner[counts->rank]];
    counts->rows = bands->row[bands->owner[counts->rank + 1]] - counts->first_row;
    TRN_TRY(trn_alloc(&counts->row_nonzeros, counts->rows, sizeof(int64_t), "row lengths"));
    TRN_TRY(trn_alloc(&counts->row_sums, counts->rows, sizeof(int64_t), "row sums"));
    TRN_TRY(trn_alloc_zero(&counts->col_sums, words, sizeof(int64_t), "column sums"));
    TRN_TRY(trn_spool_create(&counts->cols, options->scratch, ceiling));
    TRN_TRY(trn_spool_create(&counts->values, options->scratch, ceiling));
    TRN_TRY(trn_row_create(&t->row, words));
    TRN_TRY(trn_alloc(&t->values, words, sizeof *t->values, "a matrix row"));
    TRN_TRY(trn_alloc(&t->feeds, counts->nruns + counts->ranks, sizeof *t->feeds, "messages"));
    TRN_TRY(trn_alloc(&t->send_bytes, counts->ranks, sizeof *t->send_bytes, "message sizes"));
    return trn_segment_index(counts->segment);
}

/* The result stays with the counts. */
static void end(tally_t *t) {
    trn_row_destroy(&t->row);
    trn_free(&t->values);
    trn_free(&t->feeds);
    trn_free(&t->run);
    trn_free(&t->send);
    trn_free(&t->send_bytes);
    trn_parcels_free(&t->parcels);
}

/* Column sums are whole numbers: any order of the ranks gives the same. */
trn_status_t trn_cooccur_rows(trn_cooccur_t *counts) {
    tally_t tally;
    trn_status_t status = trn_agree(counts->comm, begin(&tally, counts));
    for (int64_t round = 0; round < counts->bands.rounds && status == TRN_OK; round++)
        status = tally_round(&tally, round);
    if (status == TRN_OK) /* the vocabulary has less than 2^31 words */
        MPI_Allreduce(MPI_IN_PLACE, counts->col_sums, (int)counts->vocab->size, MPI_INT64_T,
                      MPI_SUM, counts->comm);
    end(&tally);
    return status;
}

/* Count the rows of one band of the segment into the run. */
static trn_status_t spill_band(trn_cooccur_t *counts, trn_row_t *row, trn_cell_t *cells, run_t *run,
                               int64_t band) {
    const int32_t *cols;
    const int64_t *units;
    for (int64_t word = counts->bands.row[band]; word < counts->bands.row[band + 1]; word++) {
        trn_row_count(row, &counts->window, counts->segment, word);
        int64_t number = trn_row_drain(row, &cols, &units);
        for (int64_t i = 0; i < number; i++)
            cells[i] = (trn_cell_t){units[i], (int32_t)word, cols[i]};
        TRN_TRY(trn_spool_put(run->cells, cells, number * (int64_t)sizeof *cells));
    }
    run->start[band + 1] = trn_spool_bytes(run->cells);
    return TRN_OK;
}

/* A new run with nothing in it; counted in counts->runs from the first, so that it is freed. */
static trn_status_t new_run(trn_cooccur_t *counts, run_t **run) {
    if (counts->nruns == counts->run_room) {
        int64_t room = 2 * counts->run_room + 8;
        TRN_TRY(trn_realloc(&counts->runs, room, sizeof *counts->runs, "the list of runs"));
        counts->run_room = room;
    }
    *run = &counts->runs[counts->nruns++];
    **run = (run_t){0};
    TRN_TRY(trn_alloc_zero(&(*run)->start, counts->bands.count + 1, sizeof(int64_t), "a run"));
    return trn_spool_create(&(*run)->cells, counts->options->scratch, 0);
}

/* The part in memory, counted at once into a file of cells by row, so that its words can go. Later
 * the runs are merged with the rest, band by band. Local. */
trn_status_t trn_cooccur_spill(trn_cooccur_t *counts) {
    run_t *run;
    trn_row_t *row;
    trn_cell_t *cells = NULL;
    TRN_TRY(trn_row_create(&row, counts->vocab->size));
    trn_status_t status = trn_alloc(&cells, counts->vocab->size, sizeof *cells, "cells to spill");
    if (status == TRN_OK) status = trn_segment_index(counts->segment);
    if (status == TRN_OK) status = new_run(counts, &run);
    for (int64_t band = 0; band < counts->bands.count && status == TRN_OK; band++) {
        status = spill_band(counts, row, cells, run, band);
        trn_watch_tick();
    }
    trn_segment_clear(counts->segment);
    trn_free(&cells);
    trn_row_destroy(&row);
    return status;
}
