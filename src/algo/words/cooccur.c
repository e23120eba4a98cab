/* cooccur.c: the phases of a count, and what each may take of the memory. */
#include "algo/words/cooccur_impl.h"

#include "algo/words/corpus.h"
#include "algo/words/vocabulary.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/watch.h"

/* What lives only until the corpus is spread. */
typedef struct loading {
    trn_words_t *words;
    trn_spool_t *stream;
    int32_t *map; /* [read_words] */
    int64_t read_words;
} loading_t;

/* Also in the middle of things, when a step failed. */
static void end(loading_t *loading) {
    trn_words_destroy(&loading->words);
    trn_spool_destroy(&loading->stream);
    trn_free(&loading->map);
}

/* Collective. */
static int64_t sum_over_ranks(const trn_cooccur_t *counts, int64_t value) {
    MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_INT64_T, MPI_SUM, counts->comm);
    return value;
}

/* Text to streams of local word numbers. Collective. */
static trn_status_t read_corpus(trn_cooccur_t *counts, loading_t *loading, int nfiles,
                                char *const *files) {
    const trn_cooccur_options_t *options = counts->options;
    /* Half, because the table of words may grow by doubling. */
    int64_t ceiling = counts->memory ? counts->memory / 2 : INT64_MAX;
    trn_corpus_report_t report;
    int64_t tokens = 0;
    trn_watch_phase("cooccur: reading the corpus");
    trn_status_t status = trn_words_create(&loading->words);
    if (status == TRN_OK) status = trn_spool_create(&loading->stream, options->scratch, ceiling);
    TRN_AGREE(counts->comm, status);
    TRN_TRY(trn_corpus_read(counts->comm, nfiles, files, &options->tokens, loading->words,
                            loading->stream, &report));
    for (int64_t id = 0; id < trn_words_size(loading->words); id++)
        tokens += trn_words_count(loading->words, id);
    counts->stats.lines = sum_over_ranks(counts, report.lines);
    counts->stats.malformed.invalid = sum_over_ranks(counts, report.malformed.invalid);
    counts->stats.malformed.overlong = sum_over_ranks(counts, report.malformed.overlong);
    counts->stats.all_tokens = sum_over_ranks(counts, tokens);
    counts->stats.spilled = sum_over_ranks(counts, trn_spool_on_disk(loading->stream));
    if (counts->stats.all_tokens > 0) return TRN_OK; /* equal on all ranks */
    return trn_fail(TRN_INPUT, "%s: no words in %s; give text", files[0],
                    nfiles > 1 ? "this and the other files" : "this file");
}

/* One vocabulary, the unit that its greatest count allows, and the map from local numbers. The
 * table of words, often the largest thing in memory, goes as soon as that is there. Collective. */
static trn_status_t make_vocabulary(trn_cooccur_t *counts, loading_t *loading) {
    const trn_cooccur_options_t *options = counts->options;
    int64_t most = 0;
    trn_watch_phase("cooccur: merging the vocabulary");
    trn_list_source_t list = {options->vocab, &options->tokens, options->refuse_repeated};
    if (options->vocab)
        TRN_TRY(trn_vocabulary_read(counts->comm, &list, loading->words, &counts->vocab));
    else
        TRN_TRY(trn_vocabulary_merge(counts->comm, loading->words, options->min_count,
                                     options->vocab_size, &counts->vocab));
    for (int64_t word = 0; word < counts->vocab->size; word++) {
        int64_t count = counts->vocab->counts[word];
        counts->stats.tokens += count;
        if (count > most) most = count;
    }
    counts->stats.words = counts->vocab->size;
    trn_status_t status = trn_window_init(&counts->window, &options->window, most);
    if (status == TRN_OK) status = trn_vocabulary_map(counts->vocab, loading->words, &loading->map);
    loading->read_words = trn_words_size(loading->words);
    trn_words_destroy(&loading->words);
    return trn_agree(counts->comm, status);
}

/* How rows are cut when a part of the corpus of `room` numbers is counted at a time. */
static trn_row_cut_t cut_of(const trn_cooccur_t *counts, int64_t batch, int64_t parts) {
    const trn_window_options_t *window = &counts->window.options;
    return (trn_row_cut_t){.counts = counts->vocab->counts,
                           .words = counts->vocab->size,
                           .neighbors = window->size * (window->symmetric ? 2 : 1),
                           .ranks = counts->ranks,
                           .parts = counts->ranks * parts,
                           .batch = batch};
}

/* Cells in a round at most, when rows are cut so. Local. */
static trn_status_t bound_cells(const trn_row_cut_t *cut, trn_round_cells_t *cells) {
    trn_row_bands_t bands;
    TRN_TRY(trn_row_bands_create(&bands, cut));
    *cells = trn_round_cells(&bands, cut, 0);
    trn_row_bands_free(&bands);
    return TRN_OK;
}

/* What this rank needs at least from now on, in all. Of the text as numbers it holds as much as was
 * allowed (read_corpus: half of it all), so that a greater limit would find more of it. */
static trn_status_t least_memory(const trn_cooccur_t *counts, const loading_t *loading,
                                 trn_cooccur_sizes_t *s, trn_cooccur_way_t *way, int64_t *needed) {
    int64_t on_disk = trn_spool_on_disk(loading->stream);
    int64_t stream = trn_spool_bytes(loading->stream) - on_disk;
    *way = trn_cooccur_through_files(s, stream);
    trn_row_cut_t cut = cut_of(counts, way->batch, (s->share + way->room - 1) / way->room);
    TRN_TRY(bound_cells(&cut, &s->least));
    way->cells = s->least;
    trn_ledger_t held = {0};
    trn_ledger_take(&held, "stream", stream, 1);
    trn_ledger_take(&held, "map", s->read_words, sizeof(int32_t));
    int64_t rest = trn_mem_now() - held.now;
    trn_ledger_take(&held, "vocabulary", rest > 0 ? rest : 0, 1);
    trn_cooccur_count_plan(&held, s, way);
    enum { SPARE = 4 << 10 /* the command line is held, too, and has the number in it */ };
    *needed = held.most;
    if (held.most <= counts->memory) return TRN_OK;
    int64_t all = held.most + on_disk, twice = 2 * (held.most - stream);
    *needed = (all < twice ? all : twice) + SPARE;
    return TRN_OK;
}

/* Numbers that come to a rank: each round may bring a piece from every rank, with context and
 * breaks around it. */
static int64_t share_of(const trn_cooccur_t *counts, int64_t longest, int64_t batch) {
    int64_t rounds = longest / batch + 2, piece = 2 * counts->window.options.size + 2;
    return (counts->stats.tokens + counts->stats.lines) / counts->ranks +
           rounds * (1 + counts->ranks * piece);
}

/* How much of the corpus a rank holds at a time: its whole share, or a part of what is left under
 * the limit, of which messages get as much and finished rows the other half. The least of all, for
 * every rank takes part in every exchange, and the number of parts decides how rows are cut.
 * Collective. */
static trn_status_t fit(trn_cooccur_t *counts, const loading_t *loading, trn_cooccur_sizes_t *s,
                        int64_t *room) {
    enum { NUMBER = 9 /* bytes, and one in the index */, MOVED = 64 /* one in a batch */ };
    trn_cooccur_way_t way;
    int64_t needed = 0, spare[2];
    counts->batch = s->stream < TRN_COOCCUR_BATCH ? s->stream + 1 : TRN_COOCCUR_BATCH;
    if (counts->options->batch) counts->batch = counts->options->batch;
    s->share = share_of(counts, s->stream, counts->batch);
    *room = s->share;
    if (counts->memory) {
        TRN_AGREE(counts->comm, least_memory(counts, loading, s, &way, &needed));
        MPI_Allreduce(MPI_IN_PLACE, &needed, 1, MPI_INT64_T, MPI_MAX, counts->comm);
        TRN_TRY(trn_mem_expect(needed, counts->ranks)); /* equal on all ranks */
        spare[0] = (counts->memory - needed) / 4 / NUMBER + way.room;
        spare[1] = (counts->memory - needed) / 4 / MOVED + way.batch;
        MPI_Allreduce(MPI_IN_PLACE, spare, 2, MPI_INT64_T, MPI_MIN, counts->comm);
        if (*room > spare[0]) *room = spare[0];
        if (counts->batch > spare[1]) counts->batch = spare[1];
    }
    int64_t part = counts->options->part, piece = counts->batch + 2 * s->window + 2;
    if (part && *room > part) *room = part;
    if (*room < piece) *room = piece;
    return TRN_OK;
}

/* Rows are cut, and the bounds of the messages known. Local. */
static trn_status_t cut_rows(trn_cooccur_t *counts, int64_t parts) {
    int64_t cells = counts->memory || counts->options->batch ? counts->batch : TRN_COOCCUR_BATCH;
    trn_row_cut_t cut = cut_of(counts, cells, parts);
    TRN_TRY(trn_row_bands_create(&counts->bands, &cut));
    counts->cells = trn_round_cells(&counts->bands, &cut, 0);
    return TRN_OK;
}

/* Even parts of the corpus to all ranks. Collective. */
static trn_status_t spread_corpus(trn_cooccur_t *counts, loading_t *loading) {
    int64_t longest = trn_spool_bytes(loading->stream) / (int64_t)sizeof(int32_t), room;
    MPI_Allreduce(MPI_IN_PLACE, &longest, 1, MPI_INT64_T, MPI_MAX, counts->comm);
    trn_watch_phase("cooccur: spreading the corpus");
    trn_cooccur_sizes_t sizes = {.ranks = counts->ranks,
                                 .window = counts->window.options.size,
                                 .stream = longest,
                                 .read_words = loading->read_words,
                                 .words = counts->vocab->size};
    TRN_TRY(fit(counts, loading, &sizes, &room));
    trn_status_t status = cut_rows(counts, (sizes.share + room - 1) / room);
    if (status == TRN_OK) status = trn_segment_create(&counts->segment, counts->vocab->size, room);
    TRN_AGREE(counts->comm, status);
    return trn_cooccur_spread(counts, loading->stream, loading->map);
}

/* Add up what only the whole matrix has. */
static void sum_up(trn_cooccur_t *counts) {
    trn_cooccur_stats_t *stats = &counts->stats;
    int64_t spilled = trn_spool_on_disk(counts->cols) + trn_spool_on_disk(counts->values);
    for (int64_t i = 0; i < counts->nruns; i++)
        spilled += trn_spool_on_disk(counts->runs[i].cells);
    /* The halves of 64-bit sums, added apart, cannot overflow: each is below 2^32, and there are
     * less than 2^31 rows. Their sum is one float64, rounded the same on any number of ranks. */
    int64_t halves[2] = {0, 0};
    for (int64_t row = 0; row < counts->rows; row++) {
        halves[0] += counts->row_sums[row] & INT32_MAX;
        halves[1] += counts->row_sums[row] >> 31;
    }
    MPI_Allreduce(MPI_IN_PLACE, halves, 2, MPI_INT64_T, MPI_SUM, counts->comm);
    stats->sum = ((double)halves[1] * 0x1p31 + (double)halves[0]) / (double)counts->window.unit;
    stats->nonzeros = sum_over_ranks(counts, counts->nonzeros);
    stats->spilled += sum_over_ranks(counts, spilled);
}

/* The phases in order; each reports its seconds. */
static trn_status_t count(trn_cooccur_t *counts, loading_t *loading, int nfiles,
                          char *const *files) {
    trn_cooccur_stats_t *stats = &counts->stats;
    double start = trn_seconds();
    TRN_TRY(read_corpus(counts, loading, nfiles, files));
    stats->seconds_reading = trn_seconds() - start;
    trn_log(TRN_LOG_INFO, "cooccur", "read %lld words in %lld lines", (long long)stats->all_tokens,
            (long long)stats->lines);
    start = trn_seconds();
    TRN_TRY(make_vocabulary(counts, loading));
    trn_log(TRN_LOG_INFO, "cooccur",
            "vocabulary of %lld words: %.2f %% of the text, the last one "
            "%lld times",
            (long long)stats->words, 100.0 * (double)stats->tokens / (double)stats->all_tokens,
            (long long)counts->vocab->counts[stats->words - 1]);
    TRN_TRY(spread_corpus(counts, loading));
    end(loading);
    stats->seconds_vocabulary = trn_seconds() - start;
    start = trn_seconds();
    trn_watch_phase("cooccur: counting");
    TRN_TRY(trn_cooccur_rows(counts));
    trn_segment_destroy(&counts->segment);
    sum_up(counts);
    stats->seconds_counting = trn_seconds() - start;
    return TRN_OK;
}

trn_status_t trn_cooccur_create(trn_cooccur_t **counts, MPI_Comm comm, int nfiles,
                                char *const *files, const trn_cooccur_options_t *options) {
    loading_t loading = {0};
    trn_status_t status = trn_alloc_zero(counts, 1, sizeof **counts, "co-occurrence counts");
    status = trn_agree(comm, status);
    if (status != TRN_OK) {
        trn_free(counts);
        return status;
    }
    trn_cooccur_t *c = *counts;
    c->comm = comm;
    c->options = options;
    c->memory = options->memory;
    MPI_Comm_rank(comm, &c->rank);
    MPI_Comm_size(comm, &c->ranks);
    status = count(c, &loading, nfiles, files);
    end(&loading);
    c->options = NULL;
    if (status != TRN_OK) trn_cooccur_destroy(counts);
    return status;
}

void trn_cooccur_destroy(trn_cooccur_t **counts) {
    trn_cooccur_t *c = *counts;
    if (!c) return;
    for (int64_t i = 0; i < c->nruns; i++) {
        trn_spool_destroy(&c->runs[i].cells);
        trn_free(&c->runs[i].start);
    }
    trn_free(&c->runs);
    trn_vocab_destroy(&c->vocab);
    trn_segment_destroy(&c->segment);
    trn_row_bands_free(&c->bands);
    trn_free(&c->row_nonzeros);
    trn_free(&c->row_sums);
    trn_free(&c->col_sums);
    trn_spool_destroy(&c->cols);
    trn_spool_destroy(&c->values);
    trn_free(counts);
}

void trn_cooccur_stats(const trn_cooccur_t *counts, trn_cooccur_stats_t *stats) {
    *stats = counts->stats;
}
