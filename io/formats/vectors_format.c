/* vectors_format.c: word vectors in the table of formats: word2vec text and binary, GloVe text.
 * They are read by io/vectors; every row has its word. */
#include "base/ledger.h"
#include "base/mem.h"
#include "base/strings.h"
#include "io/formats/format.h"
#include "io/formats/sink.h"
#include "io/vectors.h"
#include "mpi/agree.h"

#include <stdio.h>
#include <string.h>

typedef struct vectors {
    trn_vectors_t *file;
    char **words; /* [rows], one allocation */
    float *block; /* [TRN_VECTORS_BLOCK x cols]: rows from `first` on; -1: none */
    int64_t first;
} vectors_t;

static trn_format_t old_format(const trn_file_format_t *format) {
    return trn_format_named(format->name);
}

/* A matrix without words is not taken for vectors whose words its first column is, unless said. */
static trn_status_t judge_words(const trn_source_t *source) {
    const vectors_t *v = source->self;
    bool whole, glove = strcmp(source->format->name, "glove") == 0;
    if (!glove || source->asked ||
        !trn_vectors_numbers(trn_vectors_rows(v->file), v->words, &whole) || whole)
        return TRN_OK;
    return trn_fail(TRN_INPUT,
                    "%s:1: every word is a number, the first of them '%.40s': a matrix without "
                    "words (numpy.savetxt)? `convert --from tsv` reads it as one; if they are "
                    "words, say that the format is glove",
                    source->path, v->words[0]);
}

static trn_status_t open_vectors(trn_source_t *source) {
    TRN_AGREE(source->comm, trn_alloc_zero(&source->self, 1, sizeof(vectors_t), "vectors"));
    vectors_t *v = source->self;
    v->first = -1;
    static const trn_word_rules_t strict = {0};
    TRN_TRY(trn_vectors_open(&v->file, source->comm, source->path, old_format(source->format),
                             &strict, &v->words));
    TRN_TRY(judge_words(source)); /* equal on all ranks */
    source->rows = trn_vectors_rows(v->file);
    source->cols = trn_vectors_dim(v->file);
    source->type = TRN_F32;
    source->named = true;
    return TRN_OK;
}

static void close_vectors(trn_source_t *source) {
    vectors_t *v = source->self;
    if (!v) return;
    trn_vectors_close(&v->file);
    trn_free(&v->words);
    trn_free(&v->block);
    trn_free(&source->self);
}

/* Rows of one block of the file, which is kept for the rows that are wanted next. */
static trn_status_t read_part(trn_source_t *source, int64_t first, int64_t rows, trn_dtype_t type,
                              char *to, trn_misfit_t *misfit) {
    vectors_t *v = source->self;
    int64_t begin = first - first % TRN_VECTORS_BLOCK, left = source->rows - begin;
    if (v->first != begin) {
        v->first = -1;
        if (!v->block)
            TRN_TRY(trn_alloc(&v->block, TRN_VECTORS_BLOCK * source->cols, sizeof *v->block,
                              "a block of vectors"));
        TRN_TRY(trn_vectors_read(v->file, begin,
                                 left < TRN_VECTORS_BLOCK ? left : TRN_VECTORS_BLOCK, v->block));
        v->first = begin;
    }
    trn_numbers_t from = {TRN_F32, false, v->block + (first - begin) * source->cols, 1};
    trn_convert(from, (trn_numbers_t){type, false, to, 1}, rows * source->cols,
                first * source->cols, misfit);
    return TRN_OK;
}

/* A long stretch of float32 goes straight to its place: in one read, for a compressed file is
 * unpacked from its start each time. */
static trn_status_t read_vectors(trn_source_t *source, int64_t first, int64_t rows,
                                 trn_dtype_t type, void *values, trn_misfit_t *misfit) {
    vectors_t *v = source->self;
    char *to = values;
    int64_t row_bytes = source->cols * trn_dtype_size(type), end = first + rows;
    while (first < end) {
        int64_t next = first - first % TRN_VECTORS_BLOCK + TRN_VECTORS_BLOCK, some;
        if (first % TRN_VECTORS_BLOCK == 0 && type == TRN_F32 && end - first > TRN_VECTORS_BLOCK) {
            some = end - first;
            TRN_TRY(trn_vectors_read(v->file, first, some, (float *)(void *)to));
        } else {
            some = (next < end ? next : end) - first;
            TRN_TRY(read_part(source, first, some, type, to, misfit));
        }
        first += some;
        to += some * row_bytes;
    }
    return TRN_OK;
}

static trn_status_t names_vectors(trn_source_t *source, int64_t first, int64_t count,
                                  char ***names) {
    const vectors_t *v = source->self;
    int rank;
    MPI_Comm_rank(source->comm, &rank);
    *names = NULL;
    trn_status_t status = TRN_OK;
    if (rank == 0) status = trn_strings_copy(count, v->words + first, names);
    return trn_agree(source->comm, status);
}

/* Writing -------------------------------------------------------------------------------------- */

static trn_status_t check_names(const trn_sink_t *sink) {
    for (int64_t i = 0; i < sink->own_rows; i++)
        if (!sink->own_names[i][0] || strpbrk(sink->own_names[i], TRN_BLANKS "\n"))
            return trn_fail(TRN_INPUT,
                            "%s: the word '%.40s' (row %lld) is empty or holds a blank or a line "
                            "end, which only an .h5 file can keep; write .h5",
                            sink->path, sink->own_names[i], (long long)(sink->own_first + i + 1));
    return TRN_OK;
}

static trn_status_t begin_vectors(trn_sink_t *sink) {
    TRN_AGREE(sink->comm, check_names(sink));
    return trn_lines_begin(sink);
}

static trn_status_t put_vectors(trn_sink_t *sink, int64_t first, int64_t rows, const void *values) {
    bool binary = strcmp(sink->format->name, "binary") == 0;
    const float *from = values;
    for (int64_t i = 0; i < rows; i++, from += sink->cols) {
        const char *word = sink->own_names[first + i - sink->own_first];
        size_t length = strlen(word);
        char *to;
        TRN_TRY(trn_lines_room(
            sink, (int64_t)length + 2 + sink->cols * (binary ? 4 : 1 + TRN_PRINT_BYTES), &to));
        memcpy(to, word, length);
        to += length;
        if (binary) {
            *to++ = ' ';
            memcpy(to, from, (size_t)sink->cols * sizeof *from);
            to += sink->cols * (int64_t)sizeof *from;
        }
        for (int64_t j = 0; j < sink->cols && !binary; j++) {
            *to++ = ' ';
            to = trn_print_number(to, TRN_F32, from + j);
        }
        *to++ = '\n';
        TRN_TRY(trn_lines_take(sink, to));
    }
    return TRN_OK;
}

static trn_status_t finish_vectors(trn_sink_t *sink, trn_status_t status) {
    char head[64] = "";
    if (strcmp(sink->format->name, "glove") != 0)
        snprintf(head, sizeof head, "%lld %lld\n", (long long)sink->rows, (long long)sink->cols);
    return trn_lines_finish(sink, status, head, (int64_t)strlen(head));
}

/* Of text 13 bytes a number are usual, as in " -0.123456789". */
static int64_t write_bytes(const trn_sink_t *sink, bool first) {
    enum { BINARY = 4, TEXT = 13, ENDS = 2 };
    int64_t number = strcmp(sink->format->name, "binary") == 0 ? BINARY : TEXT;
    (void)first;
    return trn_lines_plan(sink->names_bytes + sink->own_rows * ENDS +
                          trn_ledger_bytes(sink->own_rows * sink->cols, number));
}

#define VECTORS(id, what, ...)                                                                     \
    const trn_file_format_t trn_format_##id = {                                                    \
        .name = #id,                                                                               \
        .title = what,                                                                             \
        .endings = {__VA_ARGS__},                                                                  \
        .holds = TRN_HOLDS_NAMES | TRN_NEEDS_NAMES | TRN_OWN_NAMES | TRN_MAY_BE_PACKED,            \
        .types = 1 << TRN_F32,                                                                     \
        .open = open_vectors,                                                                      \
        .close = close_vectors,                                                                    \
        .read = read_vectors,                                                                      \
        .names = names_vectors,                                                                    \
        .begin = begin_vectors,                                                                    \
        .put = put_vectors,                                                                        \
        .finish = finish_vectors,                                                                  \
        .write_bytes = write_bytes,                                                                \
    }

VECTORS(word2vec, "word2vec text", ".vec", ".txt");
VECTORS(binary, "word2vec binary", ".bin");
VECTORS(glove, "GloVe text", ".glove");
