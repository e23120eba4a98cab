#include "algo/words/corpus.h"

#include "base/log.h"
#include "base/mem.h"
#include "io/text.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/exchange.h"
#include "mpi/watch.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK = 256 << 10 };

typedef struct file {
    const char *path;
    int64_t bytes;
    bool compressed;
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
static trn_status_t locate(const reader_t *reader, trn_status_t status, const char *path,
                           int64_t start) {
    if (status != TRN_INPUT) return status;
    char what[512];
    size_t length = strlen(trn_message());
    if (length >= sizeof what) length = sizeof what - 1;
    memcpy(what, trn_message(), length);
    what[length] = '\0';
    long long line = trn_tokens_line(reader->tokens) + trn_text_lines(path, start);
    return trn_fail(TRN_INPUT, "%s:%lld: %s", path, line, what);
}

static trn_status_t keep(reader_t *reader, int64_t count) {
    return trn_spool_put(reader->stream, reader->ids, count * (int64_t)sizeof *reader->ids);
}

static void tell_progress(reader_t *reader, int64_t bytes) {
    trn_watch_tick();
    reader->read += bytes;
    trn_log(TRN_LOG_PROGRESS, "cooccur", "reading: %.0f MB, %.1f M words",
            1e-6 * (double)reader->read, 1e-6 * (double)trn_tokens_total(reader->tokens));
}

/* Read from an open text, whose next byte is byte `at` of the file, the lines that begin before
 * byte `end`. */
static trn_status_t read_lines(reader_t *reader, trn_text_t *text, const char *path, int64_t at,
                               int64_t end) {
    int64_t start = at, got, count;
    bool last = false;
    trn_tokens_begin(reader->tokens, at == 0);
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
        if (status != TRN_OK) return locate(reader, status, path, start);
        TRN_TRY(keep(reader, count));
        tell_progress(reader, got);
        at += got;
    }
    trn_status_t status = trn_tokens_finish(reader->tokens, reader->ids, &count);
    if (status != TRN_OK) return locate(reader, status, path, start);
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
static trn_status_t read_stretch(reader_t *reader, const char *path, int64_t first, int64_t end) {
    trn_text_t *text;
    trn_status_t status;
    if (first > 0) { /* a line begins at `first` if the byte before is a newline */
        int64_t at = first - 1;
        TRN_TRY(trn_text_open(&text, path, at));
        status = skip_line(reader, text, &at, end);
        trn_text_close(&text);
        TRN_TRY(status);
        if (at >= end) return TRN_OK;
        first = at;
    }
    TRN_TRY(trn_text_open(&text, path, first));
    status = read_lines(reader, text, path, first, end);
    trn_text_close(&text);
    return status;
}

static int larger_first(const void *left, const void *right) {
    const file_t *a = left, *b = right;
    if (a->bytes != b->bytes) return a->bytes < b->bytes ? 1 : -1;
    return a->place - b->place;
}

/* Look at all files; every rank must see what rank 0 sees. */
static trn_status_t probe(MPI_Comm comm, int nfiles, char *const *names, file_t *files) {
    trn_status_t status = TRN_OK;
    for (int i = 0; i < nfiles && status == TRN_OK; i++) {
        files[i] = (file_t){.path = names[i], .place = i};
        status = trn_text_probe(names[i], &files[i].bytes, &files[i].compressed);
    }
    TRN_AGREE(comm, status);
    for (int i = 0; i < nfiles; i++) {
        int64_t here = files[i].compressed ? -files[i].bytes : files[i].bytes, first = here;
        MPI_Bcast(&first, 1, MPI_INT64_T, 0, comm);
        if (here != first && status == TRN_OK)
            status = trn_fail(TRN_INPUT,
                              "%s: %lld bytes here, %lld on rank 0; give all nodes the "
                              "same files",
                              names[i], (long long)llabs(here), (long long)llabs(first));
    }
    return trn_agree(comm, status);
}

/* This rank's even share of the plain files taken end to end. */
static trn_status_t read_plain(reader_t *reader, int nfiles, const file_t *files, int rank,
                               int ranks) {
    int64_t total = 0, before = 0;
    for (int i = 0; i < nfiles; i++)
        total += files[i].compressed ? 0 : files[i].bytes;
    int64_t first = trn_part_start(total, ranks, rank),
            end = trn_part_start(total, ranks, rank + 1);
    for (int i = 0; i < nfiles; i++) {
        if (files[i].compressed) continue;
        int64_t from = first > before ? first - before : 0;
        int64_t to = end - before < files[i].bytes ? end - before : files[i].bytes;
        if (from < to) TRN_TRY(read_stretch(reader, files[i].path, from, to));
        before += files[i].bytes;
    }
    return TRN_OK;
}

/* Compressed files, largest first (the order of `files`), each to the rank with least to do. */
static trn_status_t read_compressed(reader_t *reader, int nfiles, const file_t *files, int rank,
                                    int ranks) {
    int64_t *load;
    trn_status_t status = trn_alloc_zero(&load, ranks, sizeof *load, "the ranks' loads");
    for (int i = 0; i < nfiles && status == TRN_OK; i++) {
        if (!files[i].compressed) continue;
        int least = 0;
        for (int r = 1; r < ranks; r++)
            if (load[r] < load[least]) least = r;
        load[least] += files[i].bytes;
        if (least == rank) status = read_stretch(reader, files[i].path, 0, INT64_MAX);
    }
    trn_free(&load);
    return status;
}

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
    return read_compressed(reader, nfiles, files, rank, ranks);
}

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
