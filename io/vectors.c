#include "io/vectors.h"

#include "base/mem.h"
#include "io/share.h"
#include "io/text/scan.h"
#include "mpi/agree.h"
#include "text/lookup.h"
#include "text/utf8.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    LONGEST_LINE = 1 << 28,
    LONGEST_WORD = 1 << 16,
    LARGEST_DIM = 1 << 20,
    FIRST_ROWS = 1 << 12,
    FIRST_BYTES = 1 << 16,
    MANY = 1 << 24 /* numbers */
};

static const char space[] = " \t\r";

struct trn_vectors {
    char *path;
    trn_input_t input; /* of this rank */
    trn_format_t format;
    int64_t rows, dim;
    int64_t *offset; /* [blocks] byte where row TRN_VECTORS_BLOCK x block begins */
};

/* What rank 0 gathers while it goes through the file. */
typedef struct harvest {
    trn_vectors_t *vectors;
    trn_scan_t *scan;
    int64_t promised; /* rows according to the first line; -1: there is none */
    char *text;       /* the words, each ended by NUL */
    int64_t bytes, capacity;
    int64_t blocks; /* room in vectors->offset */
} harvest_t;

/* Lines before the first row. */
static int64_t head_lines(trn_format_t format) {
    return format == TRN_FORMAT_GLOVE ? 0 : 1;
}

static long long line_of(const trn_vectors_t *v, int64_t row) {
    return (long long)(row + head_lines(v->format) + 1);
}

/* Cut the first field off *line: NUL behind it, *line at the rest; NULL if there is none. */
static char *take_field(char **line) {
    char *field = *line + strspn(*line, space);
    if (!*field) return NULL;
    *line = field + strcspn(field, space);
    if (**line) *(*line)++ = '\0';
    return field;
}

static bool parse_count(const char *text, int64_t most, int64_t *value) {
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    *value = number;
    return *end == '\0' && errno == 0 && number >= 1 && number <= most;
}

/* The next line without its end, NULL at the end of the file. A NUL inside would hide the rest. */
static trn_status_t next_line(const trn_vectors_t *v, trn_scan_t *scan, long long number,
                              char **line) {
    int64_t bytes;
    TRN_TRY(trn_scan_until(scan, '\n', LONGEST_LINE, line, &bytes));
    if (*line && strlen(*line) != (size_t)bytes) /* only a binary file's first line may */
        return trn_fail(TRN_INPUT, "%s:%lld: holds a NUL byte; is the file binary?", v->path,
                        number);
    return TRN_OK;
}

/* A file that cannot possibly hold what its first line says is refused before memory is taken:
 * a row has at least a letter, a space and `least` bytes for each number. */
static trn_status_t check_room(const harvest_t *h) {
    const trn_vectors_t *v = h->vectors;
    int64_t bytes = v->input.bytes, least = v->format == TRN_FORMAT_BINARY ? 4 : 2;
    if (trn_input_whole(&v->input) || h->promised <= bytes / (v->dim * least + 1)) return TRN_OK;
    return trn_fail(TRN_INPUT,
                    "%s:1: promises %lld words of dimension %lld, more than a file of %lld bytes "
                    "can hold; truncated, or of another format?",
                    v->path, (long long)h->promised, (long long)v->dim, (long long)bytes);
}

static trn_status_t read_head(harvest_t *h) {
    trn_vectors_t *v = h->vectors;
    char *line, *rows, *dim;
    TRN_TRY(next_line(v, h->scan, 1, &line));
    if (!line) return trn_fail(TRN_INPUT, "%s: the file is empty", v->path);
    bool good = (rows = take_field(&line)) && (dim = take_field(&line)) && !take_field(&line) &&
                parse_count(rows, INT64_MAX / LARGEST_DIM / 4, &h->promised) &&
                parse_count(dim, LARGEST_DIM, &v->dim);
    if (!good)
        return trn_fail(TRN_INPUT,
                        "%s:1: the first line must be the number of words and the dimension (1 to "
                        "%d); if it is a vector, say that the format is glove",
                        v->path, LARGEST_DIM);
    return check_room(h);
}

static trn_status_t add_row(harvest_t *h, const char *word, int64_t offset) {
    trn_vectors_t *v = h->vectors;
    int64_t length = (int64_t)strlen(word) + 1, block = v->rows / TRN_VECTORS_BLOCK;
    if (h->bytes + length > h->capacity) {
        int64_t capacity = 2 * h->capacity + length;
        TRN_TRY(trn_realloc(&h->text, capacity, 1, "the vocabulary"));
        h->capacity = capacity;
    }
    if (block == h->blocks) {
        TRN_TRY(trn_realloc(&v->offset, 2 * h->blocks, sizeof *v->offset, "block offsets"));
        h->blocks *= 2;
    }
    memcpy(h->text + h->bytes, word, (size_t)length);
    h->bytes += length;
    if (v->rows % TRN_VECTORS_BLOCK == 0) v->offset[block] = offset;
    v->rows++;
    return TRN_OK;
}

static trn_status_t check_word(const trn_vectors_t *v, const char *word) {
    if (trn_utf8_valid(word)) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s:%lld: the word is not valid UTF-8; recode the file with iconv",
                    v->path, line_of(v, v->rows));
}

/* Words of a text; the numbers are left to the ranks that own them. */
static trn_status_t harvest_lines(harvest_t *h) {
    trn_vectors_t *v = h->vectors;
    for (;;) {
        int64_t offset = trn_scan_offset(h->scan);
        char *line;
        TRN_TRY(next_line(v, h->scan, line_of(v, v->rows), &line));
        if (!line) return TRN_OK;
        char *word = take_field(&line);
        if (!word)
            return trn_fail(TRN_INPUT, "%s:%lld: the line is empty", v->path, line_of(v, v->rows));
        TRN_TRY(check_word(v, word));
        TRN_TRY(add_row(h, word, offset));
        /* Without a first line of sizes, the first vector tells the dimension. */
        while (v->dim < LARGEST_DIM && h->promised < 0 && v->rows == 1 && take_field(&line))
            v->dim++;
        if (v->dim == 0) return trn_fail(TRN_INPUT, "%s:1: a word without a vector", v->path);
    }
}

/* Skip the line ends before a word; *word = NULL at the end of the file. */
static trn_status_t next_binary_word(trn_scan_t *scan, char **word) {
    int64_t bytes;
    TRN_TRY(trn_scan_until(scan, ' ', LONGEST_WORD, word, &bytes));
    if (!*word) return TRN_OK;
    *word += strspn(*word, "\n");
    return TRN_OK;
}

static trn_status_t truncated(const trn_vectors_t *v, const trn_scan_t *scan, int64_t row) {
    return trn_fail(TRN_INPUT, "%s: byte %lld: truncated in row %lld of %lld", v->path,
                    (long long)trn_scan_offset(scan), (long long)row + 1, (long long)v->rows);
}

static trn_status_t harvest_binary(harvest_t *h) {
    trn_vectors_t *v = h->vectors;
    while (v->rows < h->promised) {
        int64_t offset = trn_scan_offset(h->scan);
        char *word, *numbers;
        TRN_TRY(next_binary_word(h->scan, &word));
        if (!word) return TRN_OK; /* the caller compares the number of rows */
        if (!*word || strpbrk(word, "\n\t\r") || !trn_utf8_valid(word))
            return trn_fail(
                TRN_INPUT,
                "%s: byte %lld: no word where row %lld should begin; truncated, damaged or of "
                "another dimension than %lld",
                v->path, (long long)offset, (long long)v->rows + 1, (long long)v->dim);
        TRN_TRY(add_row(h, word, offset));
        TRN_TRY(trn_scan_take(h->scan, v->dim * 4, &numbers));
        if (!numbers) return truncated(v, h->scan, v->rows - 1);
    }
    char *rest;
    int64_t bytes;
    TRN_TRY(trn_scan_until(h->scan, '\n', LONGEST_LINE, &rest, &bytes));
    if (rest && bytes == 0) TRN_TRY(trn_scan_until(h->scan, '\n', LONGEST_LINE, &rest, &bytes));
    if (rest)
        return trn_fail(TRN_INPUT, "%s: byte %lld: more bytes after the %lld rows promised",
                        v->path, (long long)trn_scan_offset(h->scan), (long long)v->rows);
    return TRN_OK;
}

/* Before memory is taken for many numbers: the file, by now known to its end even if compressed,
 * must be able to hold them. In a small one the row that lacks some will be named. */
static trn_status_t check_bytes(const harvest_t *h) {
    const trn_vectors_t *v = h->vectors;
    int64_t least = v->format == TRN_FORMAT_BINARY ? 4 : 2, bytes = trn_scan_offset(h->scan);
    if (v->rows <= MANY / v->dim || v->rows <= bytes / (v->dim * least + 1)) return TRN_OK;
    return trn_fail(TRN_INPUT,
                    "%s:1: %lld words of dimension %lld are more than its %lld bytes can hold; "
                    "rows are cut short, or the dimension is wrong",
                    v->path, (long long)v->rows, (long long)v->dim, (long long)bytes);
}

/* Rank 0's pass over the file. */
static trn_status_t harvest(harvest_t *h) {
    trn_vectors_t *v = h->vectors;
    h->promised = -1;
    h->capacity = FIRST_BYTES;
    h->blocks = FIRST_ROWS / TRN_VECTORS_BLOCK;
    TRN_TRY(trn_alloc(&h->text, h->capacity, 1, "the vocabulary"));
    TRN_TRY(trn_alloc(&v->offset, h->blocks, sizeof *v->offset, "block offsets"));
    TRN_TRY(trn_scan_open(&h->scan, &v->input, 0));
    if (v->format != TRN_FORMAT_GLOVE) TRN_TRY(read_head(h));
    TRN_TRY(v->format == TRN_FORMAT_BINARY ? harvest_binary(h) : harvest_lines(h));
    if (v->rows == 0 && h->promised < 0)
        return trn_fail(TRN_INPUT, "%s: the file is empty", v->path);
    if (h->promised >= 0 && v->rows != h->promised)
        return trn_fail(TRN_INPUT,
                        "%s:1: promises %lld words, but %lld follow; truncated, or put together "
                        "from several files?",
                        v->path, (long long)h->promised, (long long)v->rows);
    return check_bytes(h);
}

static trn_status_t check_twice(const trn_vectors_t *v, char *const *words) {
    trn_lookup_t *lookup;
    int64_t twice;
    TRN_TRY(trn_lookup_create(&lookup, v->rows, words, false, &twice));
    trn_status_t status = TRN_OK;
    if (twice >= 0) {
        long long first = trn_lookup_find(lookup, words[twice]) + 1;
        status = trn_fail(TRN_INPUT, "%s:%lld: the word '%s' is there already, in row %lld",
                          v->path, line_of(v, twice), words[twice], first);
    }
    trn_lookup_destroy(&lookup);
    return status;
}

/* The gathered words on every rank, and no two alike. */
static trn_status_t share(harvest_t *h, MPI_Comm comm, char ***words) {
    trn_vectors_t *v = h->vectors;
    int64_t sizes[2] = {v->rows, v->dim};
    MPI_Bcast(sizes, 2, MPI_INT64_T, 0, comm);
    v->rows = sizes[0];
    v->dim = sizes[1];
    int64_t blocks = (v->rows + TRN_VECTORS_BLOCK - 1) / TRN_VECTORS_BLOCK;
    int64_t bytes = blocks * (int64_t)sizeof *v->offset;
    TRN_TRY(trn_share(comm, &v->offset, &bytes, "block offsets"));
    TRN_TRY(trn_share(comm, &h->text, &h->bytes, "the vocabulary"));
    TRN_AGREE(comm, trn_words_list(v->rows, h->text, h->bytes, words));
    int rank;
    MPI_Comm_rank(comm, &rank);
    return trn_agree(comm, rank == 0 ? check_twice(v, *words) : TRN_OK);
}

static trn_status_t create(trn_vectors_t **vectors, const char *path, trn_format_t format) {
    TRN_TRY(trn_alloc_zero(vectors, 1, sizeof **vectors, "a file of vectors"));
    (*vectors)->format = format;
    trn_status_t status = trn_strdup(&(*vectors)->path, path);
    (*vectors)->input = (trn_input_t){.path = (*vectors)->path,
                                      .content = format == TRN_FORMAT_BINARY ? TRN_CONTENT_BINARY
                                                                             : TRN_CONTENT_TEXT};
    if (status != TRN_OK) trn_free(vectors);
    return status;
}

static trn_status_t look(trn_vectors_t *v, MPI_Comm comm) {
    TRN_TRY(trn_inputs_look(comm, 1, &v->input));
    return trn_input_reread(&v->input, "vectors are read twice"); /* equal on all ranks */
}

trn_status_t trn_vectors_open(trn_vectors_t **vectors, MPI_Comm comm, const char *path,
                              trn_format_t format, char ***words) {
    *words = NULL;
    int rank;
    MPI_Comm_rank(comm, &rank);
    trn_status_t status = trn_agree(comm, create(vectors, path, format));
    if (status == TRN_OK) status = look(*vectors, comm);
    if (status == TRN_OK) {
        harvest_t h = {.vectors = *vectors};
        status = trn_agree(comm, rank == 0 ? trn_scan_end(&h.scan, harvest(&h)) : TRN_OK);
        if (status == TRN_OK) status = share(&h, comm, words);
        trn_free(&h.text);
    }
    if (status != TRN_OK) {
        trn_free(words);
        trn_vectors_close(vectors);
    }
    return status;
}

void trn_vectors_close(trn_vectors_t **vectors) {
    if (!*vectors) return;
    trn_free(&(*vectors)->path);
    trn_free(&(*vectors)->offset);
    trn_free(vectors);
}

int64_t trn_vectors_rows(const trn_vectors_t *vectors) {
    return vectors->rows;
}
int64_t trn_vectors_dim(const trn_vectors_t *vectors) {
    return vectors->dim;
}

static trn_status_t parse_line(const trn_vectors_t *v, int64_t row, char *line, float *values) {
    take_field(&line);
    int64_t found = 0;
    for (char *field; (field = take_field(&line)) != NULL; found++) {
        if (found >= v->dim) continue; /* only counted, for the message */
        char *end;
        values[found] = strtof(field, &end);
        if (*end != '\0')
            return trn_fail(TRN_INPUT,
                            "%s:%lld: field %lld, '%.40s', is not a number; words may not hold "
                            "spaces",
                            v->path, line_of(v, row), (long long)found + 2, field);
        if (!isfinite(values[found]))
            return trn_fail(TRN_INPUT, "%s:%lld: field %lld, '%.40s', is not a finite float32",
                            v->path, line_of(v, row), (long long)found + 2, field);
    }
    if (found == v->dim) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s:%lld: %lld numbers where the dimension is %lld%s", v->path,
                    line_of(v, row), (long long)found, (long long)v->dim,
                    found < v->dim ? "; truncated?" : "; words may not hold spaces");
}

static trn_status_t read_text_row(const trn_vectors_t *v, trn_scan_t *scan, int64_t row,
                                  float *values) {
    char *line;
    TRN_TRY(next_line(v, scan, line_of(v, row), &line));
    if (!line) return truncated(v, scan, row);
    return parse_line(v, row, line, values);
}

static trn_status_t read_binary_row(const trn_vectors_t *v, trn_scan_t *scan, int64_t row,
                                    float *values) {
    char *word, *numbers = NULL;
    TRN_TRY(next_binary_word(scan, &word));
    if (word) TRN_TRY(trn_scan_take(scan, v->dim * 4, &numbers));
    if (!numbers) return truncated(v, scan, row);
    memcpy(values, numbers, (size_t)v->dim * 4);
    for (int64_t j = 0; j < v->dim; j++)
        if (!isfinite(values[j]))
            return trn_fail(TRN_INPUT, "%s: byte %lld: number %lld of row %lld is not finite",
                            v->path, (long long)(trn_scan_offset(scan) - 4 * (v->dim - j)),
                            (long long)j + 1, (long long)row + 1);
    return TRN_OK;
}

trn_status_t trn_vectors_read(const trn_vectors_t *v, int64_t first, int64_t rows, float *values) {
    if (rows == 0) return TRN_OK;
    trn_scan_t *scan;
    TRN_TRY(trn_scan_open(&scan, &v->input, v->offset[first / TRN_VECTORS_BLOCK]));
    trn_status_t status = TRN_OK;
    for (int64_t i = 0; i < rows && status == TRN_OK; i++)
        status = v->format == TRN_FORMAT_BINARY
                     ? read_binary_row(v, scan, first + i, values + i * v->dim)
                     : read_text_row(v, scan, first + i, values + i * v->dim);
    return trn_scan_end(&scan, status);
}
