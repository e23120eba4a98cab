/* cooccur.c: the phases of a count, and what each may take of the memory. */
#include "algo/words/cooccur_impl.h"

#include "algo/words/corpus.h"
#include "algo/words/vocabulary.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/watch.h"

/* Words and cells moved at a time by default: few megabytes, few messages. MESSAGE_BYTES is what
 * buffers and messages take for each of them: words as read, as spread and as received, cells of 16
 * bytes as sent and as received. ROW_BYTES is what dense rows take for each word: sums, columns,
 * units and values, and what the vocabulary itself has. */
enum { BATCH = 1 << 20, MESSAGE_BYTES = 56, ROW_BYTES = 48 };

/* What lives only until the corpus is spread. */
typedef struct loading {
    trn_words_t *words;
    trn_spool_t *stream;
    int32_t *map;
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
    trn_words_destroy(&loading->words);
    return trn_agree(counts->comm, status);
}

/* Room for the part of the corpus that this rank holds at a time: its whole share, or what half of
 * the free memory allows. */
static trn_status_t part_room(const trn_cooccur_t *counts, int64_t share, int64_t *room) {
    int64_t smallest = counts->batch + 2 * counts->window.options.size + 2; /* one piece */
    *room = share;
    if (counts->options->part && *room > counts->options->part) *room = counts->options->part;
    if (*room < smallest) *room = smallest;
    if (!counts->memory) return TRN_OK;
    /* A word takes 4 bytes here and 4 in the index; messages and dense rows come later. */
    int64_t later = MESSAGE_BYTES * counts->batch + ROW_BYTES * counts->vocab->size;
    int64_t used = trn_mem_now() + later, most = (counts->memory - used) / 2 / 8;
    if (most < smallest)
        return trn_fail(TRN_MEMORY,
                        "--memory: too little for this text and vocabulary; give %lldM at least",
                        (long long)((counts->program + used + 2 * 8 * smallest) >> 20) + 1);
    if (*room > most) *room = most;
    return TRN_OK;
}

/* Even parts of the corpus to all ranks. How much of it a rank may hold is agreed on, for all take
 * part in every exchange. Collective. */
static trn_status_t spread_corpus(trn_cooccur_t *counts, loading_t *loading) {
    int64_t longest = trn_spool_bytes(loading->stream) / (int64_t)sizeof(int32_t), room = 1;
    MPI_Allreduce(MPI_IN_PLACE, &longest, 1, MPI_INT64_T, MPI_MAX, counts->comm);
    trn_watch_phase("cooccur: spreading the corpus");
    /* Each round may bring a piece from every rank, with context and breaks around it. */
    int64_t rounds = longest / counts->batch + 2, piece = 2 * counts->window.options.size + 2;
    int64_t share = (counts->stats.tokens + counts->stats.lines) / counts->ranks +
                    rounds * (1 + counts->ranks * piece);
    TRN_AGREE(counts->comm, part_room(counts, share, &room));
    /* The least of all, for the number of parts, and with it the size of bands, must be one for
     * all. */
    MPI_Allreduce(MPI_IN_PLACE, &room, 1, MPI_INT64_T, MPI_MIN, counts->comm);
    trn_status_t status = trn_cooccur_cut(counts, counts->ranks * ((share + room - 1) / room));
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

/* What the process had taken before, libraries and MPI, is no part of the bookkeeping: it is the
 * peak so far less what was allocated, and comes off what --memory allows. */
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
    c->batch = options->batch ? options->batch : BATCH;
    c->program = trn_peak_rss() - trn_mem_peak();
    c->memory = options->memory ? options->memory - c->program : 0;
    if (options->memory && c->memory < 1) c->memory = 1;
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
    trn_free(&c->bands.row);
    trn_free(&c->bands.owner);
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
