/* corpus.c: who reads what. A line belongs to the rank in whose share of bytes it begins: a rank
 * skips to the first newline in its share, and reads on beyond its end to the next one. */
#include "algo/words/corpus.h"

#include "base/log.h"
#include "base/mem.h"
#include "io/text/text.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/exchange.h"
#include "mpi/watch.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK = 256 << 10 /* bytes read at a time: they and their numbers stay in the L2 cache */ };

/* A file and its rank among the arguments, by which equal sizes are told apart. */
typedef struct file {
    trn_input_t input;
    int place; /* on the command line */
} file_t;

/* What one rank reads with. */
typedef struct reader {
    trn_tokens_t *tokens;
    trn_spool_t *stream;
    char *text;   /* [CHUNK] */
    int32_t *ids; /* [CHUNK + 2] */
    int64_t read; /* bytes of text so far, for the progress line */
} reader_t;

/* Put file and line before what the tokeniser said about text that began at byte `start`. */
static trn_status_t locate(const reader_t *reader, trn_status_t status, const trn_input_t *input,
                           int64_t start) {
    if (status != TRN_INPUT) return status;
    long long line = trn_tokens_line(reader->tokens) + trn_text_lines(input, start);
    return trn_fail_prefix(TRN_INPUT, "%s:%lld: ", input->path, line);
}

/* Local numbers: they mean something only with this rank's table of words, and are mapped to the
 * vocabulary when they are spread. */
static trn_status_t keep(reader_t *reader, int64_t count) {
    return trn_spool_put(reader->stream, reader->ids, count * (int64_t)sizeof *reader->ids);
}

/* A tick for the watchdog: reading takes no part in messages for as long as the text lasts. */
static void tell_progress(reader_t *reader, int64_t bytes) {
    trn_watch_tick();
    reader->read += bytes;
    trn_log(TRN_LOG_PROGRESS, "cooccur", "reading: %.0f MB, %.1f M words",
            1e-6 * (double)reader->read, 1e-6 * (double)trn_tokens_total(reader->tokens));
}

/* Read from an open text, whose next byte is byte `at` of the file, the lines that begin before
 * byte `end`. */
static trn_status_t read_lines(reader_t *reader, trn_text_t *text, const trn_input_t *input,
                               int64_t at, int64_t end) {
    int64_t start = at, got, count;
    bool last = false;
    trn_tokens_begin(reader->tokens);
    while (!last) {
        TRN_TRY(trn_text_read(text, reader->text, CHUNK, &got));
        if (got == 0) break;
        if (at + got >= end) { /* the last line ends with the first newline from end - 1 on */
            int64_t from = end - 1 > at ? end - 1 - at : 0;
            const char *newline = memchr(reader->text + from, '\n', (size_t)(got - from));
            last = newline != NULL;
            if (last) got = newline + 1 - reader->text;
        }
        trn_status_t status =
            trn_tokens_feed(reader->tokens, reader->text, got, reader->ids, &count);
        if (status != TRN_OK) return locate(reader, status, input, start);
        TRN_TRY(keep(reader, count));
        tell_progress(reader, got);
        at += got;
    }
    trn_status_t status = trn_tokens_finish(reader->tokens, reader->ids, &count);
    if (status != TRN_OK) return locate(reader, status, input, start);
    return keep(reader, count);
}

/* Skip to behind the next newline; *at, the offset in the file, is at least `end` if there is none
 * before. */
static trn_status_t skip_line(reader_t *reader, trn_text_t *text, int64_t *at, int64_t end) {
    int64_t got = 1;
    const char *newline = NULL;
    while (!newline && got > 0 && *at < end) {
        TRN_TRY(trn_text_read(text, reader->text, CHUNK, &got));
        trn_watch_tick();
        newline = memchr(reader->text, '\n', (size_t)got);
        *at += newline ? newline + 1 - reader->text : got;
    }
    return TRN_OK;
}

/* The lines of a file that begin in bytes [first, end). */
static trn_status_t read_stretch(reader_t *reader, const trn_input_t *input, int64_t first,
                                 int64_t end) {
    trn_text_t *text;
    if (first > 0) { /* a line begins at `first` if the byte before is a newline */
        int64_t at = first - 1;
        TRN_TRY(trn_text_open(&text, input, at));
        TRN_TRY(trn_text_end(&text, skip_line(reader, text, &at, end)));
        if (at >= end) return TRN_OK;
        first = at;
    }
    TRN_TRY(trn_text_open(&text, input, first));
    return trn_text_end(&text, read_lines(reader, text, input, first, end));
}

/* Ties by place, so that all ranks deal alike. */
static int larger_first(const void *left, const void *right) {
    const file_t *a = left, *b = right;
    if (a->input.bytes != b->input.bytes) return a->input.bytes < b->input.bytes ? 1 : -1;
    return a->place - b->place;
}

/* Look at all files, on all ranks. */
static trn_status_t probe(MPI_Comm comm, int nfiles, char *const *names, file_t *files) {
    trn_input_t *inputs;
    trn_status_t status = trn_alloc_zero(&inputs, nfiles, sizeof *inputs, "the list of files");
    for (int i = 0; i < nfiles && status == TRN_OK; i++)
        inputs[i].path = names[i];
    status = trn_agree(comm, status);
    if (status == TRN_OK) status = trn_inputs_look(comm, nfiles, inputs);
    for (int i = 0; i < nfiles && status == TRN_OK; i++)
        files[i] = (file_t){inputs[i], i};
    trn_free(&inputs);
    return status;
}

/* This rank's even share of the plain files taken end to end: a share may begin and end within a
 * file, and have several. */
static trn_status_t read_plain(reader_t *reader, int nfiles, const file_t *files, int rank,
                               int ranks) {
    int64_t total = 0, before = 0;
    for (int i = 0; i < nfiles; i++)
        total += trn_input_whole(&files[i].input) ? 0 : files[i].input.bytes;
    int64_t first = trn_part_start(total, ranks, rank),
            end = trn_part_start(total, ranks, rank + 1);
    for (int i = 0; i < nfiles; i++) {
        const trn_input_t *input = &files[i].input;
        if (trn_input_whole(input)) continue;
        int64_t from = first > before ? first - before : 0;
        int64_t to = end - before < input->bytes ? end - before : input->bytes;
        if (from < to) TRN_TRY(read_stretch(reader, input, from, to));
        before += input->bytes;
    }
    return TRN_OK;
}

/* Compressed files, largest first (the order of `files`), each to the rank with least to do; then
 * pipes, of no known size, which only rank 0 has. */
static trn_status_t read_whole(reader_t *reader, int nfiles, const file_t *files, int rank,
                               int ranks) {
    int64_t *load;
    trn_status_t status = trn_alloc_zero(&load, ranks, sizeof *load, "the ranks' loads");
    for (int i = 0; i < nfiles && status == TRN_OK; i++) {
        const trn_input_t *input = &files[i].input;
        if (!trn_input_whole(input)) continue;
        int least = 0;
        for (int r = 1; r < ranks && !input->stream; r++)
            if (load[r] < load[least]) least = r;
        load[least] += input->bytes;
        if (least == rank) status = read_stretch(reader, input, 0, INT64_MAX);
    }
    trn_free(&load);
    return status;
}

/* Plain files are cut anywhere, so every rank gets its even share of their bytes; a compressed one
 * can only be read from its start, by one rank. Which rank reads a line does not matter to any
 * result. */
static trn_status_t read_share(MPI_Comm comm, reader_t *reader, int nfiles, file_t *files,
                               const trn_token_options_t *options, trn_words_t *words) {
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    TRN_TRY(trn_alloc(&reader->text, CHUNK, 1, "text"));
    TRN_TRY(trn_alloc(&reader->ids, CHUNK + 2, sizeof *reader->ids, "word numbers"));
    TRN_TRY(trn_tokens_create(&reader->tokens, words, options));
    TRN_TRY(read_plain(reader, nfiles, files, rank, ranks));
    qsort(files, (size_t)nfiles, sizeof *files, larger_first);
    return read_whole(reader, nfiles, files, rank, ranks);
}

/* Ranks fail alone while they read; what each has found is agreed on when all have read. */
trn_status_t trn_corpus_read(MPI_Comm comm, int nfiles, char *const *files,
                             const trn_token_options_t *options, trn_words_t *words,
                             trn_spool_t *stream, trn_corpus_report_t *report) {
    reader_t reader = {.stream = stream};
    file_t *known;
    *report = (trn_corpus_report_t){0};
    trn_status_t status = trn_alloc(&known, nfiles, sizeof *known, "the list of files");
    status = trn_agree(comm, status);
    if (status == TRN_OK) status = probe(comm, nfiles, files, known);
    if (status == TRN_OK) {
        status = read_share(comm, &reader, nfiles, known, options, words);
        if (reader.tokens)
            *report = (trn_corpus_report_t){trn_tokens_lines(reader.tokens),
                                            trn_tokens_malformed(reader.tokens)};
        trn_wait_all(comm); /* one compressed file keeps one rank busy */
        status = trn_agree(comm, status);
    }
    trn_tokens_destroy(&reader.tokens);
    trn_free(&reader.text);
    trn_free(&reader.ids);
    trn_free(&known);
    return status;
}
