/* vocabulary.c: tables of words to one vocabulary. Counts are whole numbers, and the order is by
 * count, then bytes: nothing depends on which rank had which words. */
#include "algo/words/vocabulary.h"

#include "base/log.h"
#include "base/mem.h"
#include "io/share.h"
#include "mpi/agree.h"
#include "mpi/exchange.h"

#include <string.h>

/* Records of the words of at least `min_count` that rank `part` of `parts` merges (parts = 1: all
 * words); with `to` NULL only their size. */
static int64_t pack(const trn_words_t *words, int64_t min_count, int part, int parts, char *to) {
    int64_t bytes = 0, length;
    for (int64_t id = 0; id < trn_words_size(words); id++) {
        if (trn_words_count(words, id) < min_count) continue;
        if (trn_words_hash_of(words, id) % (uint64_t)parts != (uint64_t)part) continue;
        const char *word = trn_words_bytes(words, id, &length);
        bytes += trn_vocab_record_bytes(length);
        if (to) to = trn_vocab_pack(to, word, length, trn_words_count(words, id));
    }
    return bytes;
}

/* Bring every word to the rank that merges it. Cost: P scans of the table, which are cheap beside
 * the sums they save. */
static trn_status_t deal(MPI_Comm comm, const trn_words_t *words, trn_words_t *mine) {
    int ranks;
    MPI_Comm_size(comm, &ranks);
    trn_parcels_t parcels = {0};
    int64_t *bytes = NULL, total = 0;
    char *send = NULL;
    trn_status_t status = trn_alloc(&bytes, ranks, sizeof *bytes, "message sizes");
    for (int r = 0; r < ranks && status == TRN_OK; r++)
        total += bytes[r] = pack(words, 0, r, ranks, NULL);
    if (status == TRN_OK) status = trn_alloc(&send, total, 1, "words for other ranks");
    TRN_OR(done, trn_agree(comm, status));
    char *to = send;
    for (int r = 0; r < ranks; r++)
        to += pack(words, 0, r, ranks, to);
    TRN_OR(done, trn_exchange(comm, send, bytes, &parcels));
    trn_free(&send); /* before the table of what came grows */
    status = trn_vocab_unpack(parcels.data, parcels.start[ranks], mine);
    status = trn_agree(comm, status);
done:
    trn_free(&bytes);
    trn_free(&send);
    trn_parcels_free(&parcels);
    return status;
}

/* Word numbers are int32 with two negative values, and MPI counts words by int. */
static trn_status_t check_size(const trn_vocab_t *vocab, const char *where) {
    if (vocab->size >= 2 && vocab->size < INT32_MAX) return TRN_OK;
    return trn_fail(TRN_INPUT,
                    "%s: a vocabulary of %lld word%s; give more text or a lower "
                    "--min-count",
                    where, (long long)vocab->size, vocab->size == 1 ? "" : "s");
}

/* Tell everybody the frequent ones of the merged words. */
static trn_status_t gather(MPI_Comm comm, const trn_words_t *mine, int64_t min_count, int64_t cap,
                           trn_vocab_t **vocab) {
    int ranks;
    MPI_Comm_size(comm, &ranks);
    trn_parcels_t parcels = {0};
    int64_t bytes = pack(mine, min_count, 0, 1, NULL);
    char *send;
    trn_status_t status = trn_alloc(&send, bytes, 1, "frequent words");
    TRN_OR(done, trn_agree(comm, status));
    pack(mine, min_count, 0, 1, send);
    TRN_OR(done, trn_gather_all(comm, send, bytes, &parcels));
    status = trn_vocab_create(vocab, parcels.data, parcels.start[ranks], cap);
    if (status == TRN_OK) status = check_size(*vocab, "vocabulary");
    status = trn_agree(comm, status);
done:
    trn_free(&send);
    trn_parcels_free(&parcels);
    return status;
}

/* Every word is summed by one rank, chosen by its hash, so no rank ever holds all words of the
 * corpus; only those frequent enough go to everybody. */
trn_status_t trn_vocabulary_merge(MPI_Comm comm, const trn_words_t *words, int64_t min_count,
                                  int64_t cap, trn_vocab_t **vocab) {
    trn_words_t *mine; /* the words that this rank merges */
    int ranks;
    MPI_Comm_size(comm, &ranks);
    *vocab = NULL;
    if (ranks == 1) return gather(comm, words, min_count, cap, vocab);
    trn_status_t status = trn_agree(comm, trn_words_create(&mine));
    if (status == TRN_OK) status = deal(comm, words, mine);
    if (status == TRN_OK) status = gather(comm, mine, min_count, cap, vocab);
    trn_words_destroy(&mine);
    if (status != TRN_OK) trn_vocab_destroy(vocab);
    return status;
}

/* The listed words and how often this rank has each. */
static trn_status_t parse_list(const trn_list_source_t *source, const char *text,
                               const trn_words_t *words, trn_vocab_t **vocab,
                               trn_vocab_report_t *report) {
    const char *path = source->path;
    TRN_TRY(trn_vocab_parse(vocab, path, text, (int64_t)strlen(text), source->options, report));
    if (report->repeated > 0 && source->refuse_repeated)
        return trn_fail(
            TRN_INPUT,
            "%s:%lld: a word that came before; remove the repeated ones (%lld lines), or give "
            "--repeated-words first",
            path, (long long)report->line, (long long)report->repeated);
    TRN_TRY(check_size(*vocab, path));
    int32_t *map;
    TRN_TRY(trn_vocabulary_map(*vocab, words, &map));
    for (int64_t id = 0; id < trn_words_size(words); id++)
        if (map[id] >= 0) (*vocab)->counts[map[id]] = trn_words_count(words, id);
    trn_free(&map);
    return TRN_OK;
}

/* Once, for all ranks read the same. */
static void tell_report(MPI_Comm comm, const char *path, const trn_vocab_report_t *report) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    if (rank != 0) return;
    if (report->repeated > 0)
        trn_log(TRN_LOG_WARN, "cooccur",
                "%s:%lld: a word that came before; %lld such lines left out", path,
                (long long)report->line, (long long)report->repeated);
    if (report->malformed.invalid + report->malformed.overlong > 0)
        trn_log(TRN_LOG_WARN, "cooccur", "%s: %lld words with invalid UTF-8, %lld overlong ones",
                path, (long long)report->malformed.invalid, (long long)report->malformed.overlong);
}

/* The list is read by rank 0 and parsed by all; only counts travel. */
trn_status_t trn_vocabulary_read(MPI_Comm comm, const trn_list_source_t *source,
                                 const trn_words_t *words, trn_vocab_t **vocab) {
    trn_vocab_report_t report = {0};
    *vocab = NULL;
    char *text;
    TRN_TRY(trn_share_file(comm, source->path, &text));
    trn_status_t status = trn_agree(comm, parse_list(source, text, words, vocab, &report));
    trn_free(&text);
    if (status == TRN_OK) tell_report(comm, source->path, &report);
    if (status == TRN_OK)
        status = trn_agree(comm, trn_check_equal(comm, (*vocab)->size, "the size of --vocab"));
    if (status != TRN_OK) {
        trn_vocab_destroy(vocab);
        return status;
    }
    /* check_size: the size is less than 2^31 */
    MPI_Allreduce(MPI_IN_PLACE, (*vocab)->counts, (int)(*vocab)->size, MPI_INT64_T, MPI_SUM, comm);
    return TRN_OK;
}

/* By look-ups of the vocabulary in the table, for the vocabulary is the smaller of the two. */
trn_status_t trn_vocabulary_map(const trn_vocab_t *vocab, const trn_words_t *words, int32_t **map) {
    TRN_TRY(trn_alloc(map, trn_words_size(words), sizeof **map, "the map of words"));
    for (int64_t id = 0; id < trn_words_size(words); id++)
        (*map)[id] = -2;
    for (int64_t at = 0; at < vocab->size; at++) {
        int64_t length = (int64_t)strlen(vocab->words[at]);
        int32_t id = trn_words_find(words, vocab->words[at], length,
                                    trn_words_hash(vocab->words[at], length));
        if (id >= 0) (*map)[id] = (int32_t)at;
    }
    return TRN_OK;
}
