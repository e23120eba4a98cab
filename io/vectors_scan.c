/* vectors_scan.c: rank 0's pass over a file of vectors: where its rows are and what their words. It
 * reads no numbers; those are left to the ranks that own them. */
#include "base/mem.h"
#include "io/vectors_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    LARGEST_DIM = 1 << 20,
    FIRST_ROWS = 1 << 12,
    FIRST_BYTES = 1 << 16,
    MANY = 1 << 24 /* numbers */
};

typedef struct pass {
    trn_vectors_t *vectors;
    trn_scan_t *scan;
    char *scratch;    /* of trn_word_admit; NULL: nothing is replaced */
    int64_t promised; /* rows according to the first line; -1: there is none */
    char *text;       /* the words, each ended by NUL */
    int64_t bytes, capacity;
    int64_t blocks;    /* room in vectors->offset */
    int64_t last_word; /* where the last word begins in text */
} pass_t;

static bool parse_count(const char *text, int64_t most, int64_t *value) {
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    *value = number;
    return *end == '\0' && errno == 0 && number >= 1 && number <= most;
}

/* A file that cannot possibly hold what its first line says is refused before memory is taken:
 * a row has at least a letter, a space and `least` bytes for each number. */
static trn_status_t check_room(const pass_t *p) {
    const trn_vectors_t *v = p->vectors;
    int64_t bytes = v->input.bytes, least = v->format == TRN_FORMAT_BINARY ? 4 : 2;
    if (trn_input_whole(&v->input) || p->promised <= bytes / (v->dim * least + 1)) return TRN_OK;
    return trn_fail(TRN_INPUT,
                    "%s:1: promises %lld words of dimension %lld, more than a file of %lld bytes "
                    "can hold; truncated, or of another format?",
                    v->path, (long long)p->promised, (long long)v->dim, (long long)bytes);
}

static trn_status_t read_head(pass_t *p) {
    trn_vectors_t *v = p->vectors;
    char *line, *rows, *dim;
    TRN_TRY(trn_vectors_next_line(v, p->scan, &line));
    if (!line) return trn_fail(TRN_INPUT, "%s: the file is empty", v->path);
    bool good = (rows = trn_vectors_field(&line)) && (dim = trn_vectors_field(&line)) &&
                !trn_vectors_field(&line) &&
                parse_count(rows, INT64_MAX / LARGEST_DIM / 4, &p->promised) &&
                parse_count(dim, LARGEST_DIM, &v->dim);
    if (!good)
        return trn_fail(TRN_INPUT,
                        "%s:1: the first line must be the number of words and the dimension (1 to "
                        "%d); if it is a vector, say that the format is glove",
                        v->path, LARGEST_DIM);
    return check_room(p);
}

static trn_status_t add_row(pass_t *p, const char *word, int64_t length, int64_t offset) {
    trn_vectors_t *v = p->vectors;
    int64_t block = v->rows / TRN_VECTORS_BLOCK;
    if (p->bytes + length + 1 > p->capacity) {
        int64_t capacity = 2 * p->capacity + length + 1;
        TRN_TRY(trn_realloc(&p->text, capacity, 1, "the vocabulary"));
        p->capacity = capacity;
    }
    if (block == p->blocks) {
        TRN_TRY(trn_realloc(&v->offset, 2 * p->blocks, sizeof *v->offset, "block offsets"));
        p->blocks *= 2;
    }
    p->last_word = p->bytes;
    memcpy(p->text + p->bytes, word, (size_t)length);
    p->bytes += length;
    p->text[p->bytes++] = '\0';
    if (v->rows % TRN_VECTORS_BLOCK == 0) v->offset[block] = offset;
    v->rows++;
    return TRN_OK;
}

static trn_status_t admit(pass_t *p, const char **word, int64_t *length) {
    trn_vectors_t *v = p->vectors;
    return trn_word_admit(&v->rules, TRN_VECTORS_LONGEST_WORD, word, length, p->scratch,
                          &v->malformed);
}

/* Text ----------------------------------------------------------------------------------------- */

/* Blank lines may stand behind the last row only, so that rows and lines go together. */
static trn_status_t scan_lines(pass_t *p) {
    trn_vectors_t *v = p->vectors;
    bool blank = false;
    for (;;) {
        int64_t offset = trn_scan_offset(p->scan), line_number = trn_vectors_line(v, v->rows);
        char *line;
        TRN_TRY(trn_vectors_next_line(v, p->scan, &line));
        if (!line) return TRN_OK;
        const char *word = trn_vectors_field(&line);
        if (!word) {
            blank = true;
            continue;
        }
        if (blank)
            return trn_fail(TRN_INPUT, "%s:%lld: the line is empty; take it out", v->path,
                            (long long)line_number);
        int64_t length = (int64_t)strlen(word);
        trn_status_t status = admit(p, &word, &length);
        if (status != TRN_OK)
            return trn_fail_prefix(status, "%s:%lld: ", v->path, (long long)line_number);
        TRN_TRY(add_row(p, word, length, offset));
        /* Without a first line of sizes, the first vector tells the dimension. */
        while (v->dim < LARGEST_DIM && p->promised < 0 && v->rows == 1 && trn_vectors_field(&line))
            v->dim++;
        if (v->dim == 0) return trn_fail(TRN_INPUT, "%s:1: a word without a vector", v->path);
    }
}

/* Binary --------------------------------------------------------------------------------------- */

/* A record's length is known only by its word, so that one bad word shifts all that follow. */
static trn_status_t out_of_step(const pass_t *p, int64_t offset, const char *what) {
    const trn_vectors_t *v = p->vectors;
    if (v->rows == 0)
        return trn_fail(TRN_INPUT,
                        "%s: byte %lld: no word where row 1 should begin (%s); damaged, or no "
                        "word2vec binary",
                        v->path, (long long)offset, what);
    return trn_fail(
        TRN_INPUT,
        "%s: byte %lld: no word where row %lld should begin (%s): the word of row %lld, "
        "'%.40s', holds a blank ('New York'), or the file is truncated, damaged or of "
        "another dimension than %lld",
        v->path, (long long)offset, (long long)v->rows + 1, what, (long long)v->rows,
        p->text + p->last_word, (long long)v->dim);
}

/* Why word[bytes] cannot be one; NULL if it can. */
static const char *wrong_byte(const char *word, int64_t bytes) {
    static const char blanks[] = TRN_BLANKS "\n";
    if (bytes == 0) return "an empty word";
    if (memchr(word, 0, (size_t)bytes)) return "a NUL byte in it";
    for (const char *blank = blanks; *blank; blank++)
        if (memchr(word, *blank, (size_t)bytes)) return "a blank or line end in it";
    return NULL;
}

/* A word as the rules have it. Ill-formed UTF-8 is most often a number that is taken for a word. */
static trn_status_t admit_binary(pass_t *p, int64_t offset, const char **word, int64_t *bytes) {
    const char *wrong = wrong_byte(*word, *bytes);
    if (wrong) return out_of_step(p, offset, wrong);
    trn_status_t status = admit(p, word, bytes);
    if (status != TRN_INPUT) return status;
    if (*bytes > TRN_VECTORS_LONGEST_WORD)
        return trn_fail_prefix(status, "%s: byte %lld: row %lld: ", p->vectors->path,
                               (long long)offset, (long long)p->vectors->rows + 1);
    return out_of_step(p, offset, "invalid UTF-8; --invalid-utf8 replace or skip takes it for one");
}

/* What comes behind the last row: nothing, or a line end. */
static trn_status_t check_end(const pass_t *p) {
    char *rest;
    int64_t bytes, offset = trn_scan_offset(p->scan);
    TRN_TRY(trn_scan_until(p->scan, '\n', TRN_VECTORS_LONGEST_LINE, &rest, &bytes));
    if (rest && bytes == 0)
        TRN_TRY(trn_scan_until(p->scan, '\n', TRN_VECTORS_LONGEST_LINE, &rest, &bytes));
    if (!rest) return TRN_OK;
    return trn_fail(TRN_INPUT,
                    "%s: byte %lld: more bytes after the %lld rows promised; does the last word, "
                    "'%.40s', hold a blank?",
                    p->vectors->path, (long long)offset, (long long)p->vectors->rows,
                    p->text + p->last_word);
}

/* Records end in a line end (word2vec) or do not (gensim): as the first one does, so must all,
 * which tells at once when numbers are taken for a word. */
static trn_status_t scan_records(pass_t *p) {
    trn_vectors_t *v = p->vectors;
    int64_t ends, usual = 0, bytes;
    while (v->rows < p->promised) {
        int64_t offset = trn_scan_offset(p->scan);
        char *piece, *numbers;
        TRN_TRY(trn_vectors_next_word(v, p->scan, &piece, &bytes, &ends));
        if (!piece) return TRN_OK; /* the caller compares the number of rows */
        if (v->rows == 1) usual = ends;
        if (v->rows > 1 && ends != usual)
            return out_of_step(p, offset, usual ? "no line end before it" : "a line end before it");
        const char *word = piece;
        TRN_TRY(admit_binary(p, offset, &word, &bytes));
        TRN_TRY(add_row(p, word, bytes, offset));
        TRN_TRY(trn_scan_take(p->scan, v->dim * 4, &numbers));
        if (!numbers)
            return trn_fail(TRN_INPUT, "%s: byte %lld: truncated in row %lld of %lld", v->path,
                            (long long)trn_scan_offset(p->scan), (long long)v->rows,
                            (long long)p->promised);
    }
    return check_end(p);
}

/* All of it --------------------------------------------------------------------------------------
 */

/* Before memory is taken for many numbers: the file, by now known to its end even if compressed,
 * must be able to hold them. In a small one the row that lacks some will be named. */
static trn_status_t check_bytes(const pass_t *p) {
    const trn_vectors_t *v = p->vectors;
    int64_t least = v->format == TRN_FORMAT_BINARY ? 4 : 2, bytes = trn_scan_offset(p->scan);
    if (v->rows <= MANY / v->dim || v->rows <= bytes / (v->dim * least + 1)) return TRN_OK;
    return trn_fail(TRN_INPUT,
                    "%s:1: %lld words of dimension %lld are more than its %lld bytes can hold; "
                    "rows are cut short, or the dimension is wrong",
                    v->path, (long long)v->rows, (long long)v->dim, (long long)bytes);
}

static trn_status_t scan_file(pass_t *p) {
    trn_vectors_t *v = p->vectors;
    TRN_TRY(trn_alloc(&p->text, p->capacity, 1, "the vocabulary"));
    TRN_TRY(trn_alloc(&v->offset, p->blocks, sizeof *v->offset, "block offsets"));
    if (v->rules.invalid == TRN_INVALID_REPLACE)
        TRN_TRY(trn_alloc(&p->scratch, 3 * TRN_VECTORS_LONGEST_WORD, 1, "a word"));
    TRN_TRY(trn_scan_open(&p->scan, &v->input, 0));
    if (v->format != TRN_FORMAT_GLOVE) TRN_TRY(read_head(p));
    TRN_TRY(v->format == TRN_FORMAT_BINARY ? scan_records(p) : scan_lines(p));
    if (v->rows == 0 && p->promised < 0)
        return trn_fail(TRN_INPUT, "%s: the file is empty", v->path);
    if (p->promised >= 0 && v->rows != p->promised)
        return trn_fail(TRN_INPUT,
                        "%s:1: promises %lld words, but %lld follow; truncated, or put together "
                        "from several files?",
                        v->path, (long long)p->promised, (long long)v->rows);
    return check_bytes(p);
}

trn_status_t trn_vectors_scan_words(trn_vectors_t *v, char **text, int64_t *bytes) {
    pass_t p = {.vectors = v,
                .promised = -1,
                .capacity = FIRST_BYTES,
                .blocks = FIRST_ROWS / TRN_VECTORS_BLOCK};
    trn_status_t status = trn_scan_end(&p.scan, scan_file(&p));
    trn_free(&p.scratch);
    *text = p.text;
    *bytes = p.bytes;
    return status;
}
