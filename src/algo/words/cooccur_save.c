/* cooccur_save.c: counts to a store. */
#include "algo/words/cooccur_impl.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/watch.h"

enum { ROWS = 1 << 17 /* elements written at a time: 1 MiB of float64 */ };

/* Collective: every declaration is agreed on. */
static trn_status_t declare(const trn_cooccur_t *counts, trn_store_t *store, int64_t shard_size) {
    const trn_window_options_t *window = &counts->window.options;
    const trn_cooccur_stats_t *stats = &counts->stats;
    TRN_TRY(trn_store_strings(store, "/vocab", stats->words, counts->vocab->words));
    TRN_TRY(trn_store_dataset(store, "/counts", TRN_I64, stats->words, 0));
    TRN_TRY(trn_store_dataset(store, "/row_sums", TRN_F64, stats->words, 0));
    TRN_TRY(trn_store_dataset(store, "/col_sums", TRN_F64, stats->words, 0));
    TRN_TRY(trn_store_dataset(store, "/row_ptr", TRN_I64, stats->words + 1, 0));
    TRN_TRY(trn_store_dataset(store, "/col", TRN_I32, stats->nonzeros, 0));
    TRN_TRY(trn_store_dataset(store, "/value", TRN_F64, stats->nonzeros, 0));
    TRN_TRY(trn_store_set_int(store, "/", "window", window->size));
    TRN_TRY(trn_store_set_text(store, "/", "weighting", window->harmonic ? "harmonic" : "flat"));
    TRN_TRY(trn_store_set_int(store, "/", "symmetric", window->symmetric));
    TRN_TRY(trn_store_set_int(store, "/", "diagonal", window->diagonal));
    TRN_TRY(trn_store_set_int(store, "/", "unit", counts->window.unit));
    TRN_TRY(trn_store_set_int(store, "/", "tokens", stats->tokens));
    TRN_TRY(trn_store_set_int(store, "/", "lines", stats->lines));
    return trn_store_set_int(store, "/", "shard_size", shard_size);
}

/* What has one entry a row. `buffer` holds 8 x ROWS bytes. */
static trn_status_t write_sums(const trn_cooccur_t *counts, trn_store_t *store, const char *name,
                               const int64_t *units, void *buffer) {
    double *values = buffer;
    for (int64_t done = 0; done < counts->rows; done += ROWS) {
        int64_t rows = counts->rows - done < ROWS ? counts->rows - done : ROWS;
        for (int64_t i = 0; i < rows; i++)
            values[i] = trn_window_value(&counts->window, units[done + i]);
        TRN_TRY(trn_store_write(store, name, counts->first_row + done, rows, values));
    }
    return TRN_OK;
}

/* Each rank the starts of its rows; the end of all comes from the last rank that has rows. */
static trn_status_t write_row_ptr(const trn_cooccur_t *counts, trn_store_t *store, int64_t before,
                                  void *buffer) {
    int64_t *starts = buffer, n = 0, written = 0;
    bool last = counts->rows > 0 && counts->first_row + counts->rows == counts->stats.words;
    for (int64_t row = 0; row < counts->rows + last; row++) {
        starts[n++] = before;
        if (row < counts->rows) before += counts->row_nonzeros[row];
        if (n < ROWS && row + 1 < counts->rows + last) continue;
        TRN_TRY(trn_store_write(store, "/row_ptr", counts->first_row + written, n, starts));
        written += n;
        n = 0;
    }
    return TRN_OK;
}

/* Empty a spool into a dataset from element `first` on. */
static trn_status_t write_spool(trn_store_t *store, const char *name, trn_spool_t *spool,
                                int64_t size, int64_t first, void *buffer) {
    int64_t got;
    do {
        TRN_TRY(trn_spool_take(spool, buffer, ROWS * size, &got));
        if (got) TRN_TRY(trn_store_write(store, name, first, got / size, buffer));
        first += got / size;
        trn_watch_tick();
    } while (got);
    return TRN_OK;
}

/* Each rank its own rows, which are a band of every dataset; `before` nonzeros lie on the ranks
 * before. Local. */
static trn_status_t write_all(trn_cooccur_t *counts, trn_store_t *store, int64_t before) {
    void *buffer;
    TRN_TRY(trn_alloc(&buffer, ROWS, 8, "rows to write"));
    trn_status_t status;
    TRN_OR(done, counts->rows == 0
                     ? TRN_OK
                     : trn_store_write(store, "/counts", counts->first_row, counts->rows,
                                       counts->vocab->counts + counts->first_row));
    TRN_OR(done, write_sums(counts, store, "/row_sums", counts->row_sums, buffer));
    TRN_OR(done,
           write_sums(counts, store, "/col_sums", counts->col_sums + counts->first_row, buffer));
    TRN_OR(done, write_row_ptr(counts, store, before, buffer));
    TRN_OR(done, write_spool(store, "/col", counts->cols, 4, before, buffer));
    TRN_OR(done, write_spool(store, "/value", counts->values, 8, before, buffer));
done:
    trn_free(&buffer);
    return status;
}

/* Counts and sums leave the world of whole units here, each by one rounding. */
trn_status_t trn_cooccur_save(trn_cooccur_t *counts, trn_store_t **store, int64_t shard_size) {
    int64_t before = 0;
    trn_watch_phase("cooccur: writing");
    MPI_Exscan(&counts->nonzeros, &before, 1, MPI_INT64_T, MPI_SUM, counts->comm);
    if (counts->rank == 0) before = 0;
    trn_status_t status = declare(counts, *store, shard_size);
    if (status == TRN_OK) status = trn_store_begin(*store);
    if (status != TRN_OK) {
        trn_store_abandon(store);
        return status;
    }
    return trn_store_commit_replace(store, write_all(counts, *store, before));
}
