/* mtx.c: head and lines of a Matrix Market file. */
#include "io/formats/mtx.h"

#include "base/mem.h"
#include "io/text/scan.h"
#include "kern/dense/convert.h"
#include "text/number.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char blanks[] = " \t\r";

/* The longest side of a sparse matrix: row pointers cost 8 bytes each, whatever the file holds. */
static const int64_t longest_side = INT64_C(1) << 40;

static const char *skip(const char *at) {
    while (*at == ' ' || *at == '\t' || *at == '\r')
        at++;
    return at;
}

/* Head ----------------------------------------------------------------------------------------- */

/* Which of names "a|b|c" the word is; -1: none. */
static int choose(const char *word, const char *const *names, int count) {
    for (int i = 0; i < count; i++)
        if (strcasecmp(word, names[i]) == 0) return i;
    return -1;
}

static trn_status_t parse_banner(trn_mtx_t *mtx, const char *path, const char *line) {
    static const char *const formats[] = {"coordinate", "array"};
    static const char *const fields[] = {"real", "integer", "pattern", "unsigned-integer",
                                         "complex"};
    static const char *const symmetries[] = {"general", "symmetric", "skew-symmetric", "hermitian"};
    char word[5][24] = {"", "", "", "", ""}, more = 0;
    int found = sscanf(line, "%23s %23s %23s %23s %23s %c", word[0], word[1], word[2], word[3],
                       word[4], &more);
    int format = choose(word[2], formats, 2), field = choose(word[3], fields, 5),
        symmetry = choose(word[4], symmetries, 4);
    const char *begin = word[0] + (strncmp(word[0], "%%", 2) == 0); /* many files have one % */
    bool good = found == 5 && strcasecmp(begin, "%MatrixMarket") == 0 &&
                strcasecmp(word[1], "matrix") == 0 && format >= 0 && field >= 0 && symmetry >= 0;
    if (!good)
        return trn_fail(
            TRN_INPUT,
            "%s:1: must be '%%%%MatrixMarket matrix coordinate|array "
            "real|integer|unsigned-integer|pattern general|symmetric|skew-symmetric'; is "
            "this a Matrix Market file?",
            path);
    if (field == 4 || symmetry == 3)
        return trn_fail(TRN_INPUT, "%s:1: %s matrices cannot be read; write real ones", path,
                        field == 4 ? "complex" : "hermitian");
    mtx->array = format == 1;
    mtx->field = field == 3 ? TRN_MTX_INTEGER : (trn_mtx_field_t)field;
    mtx->symmetry = (trn_mtx_symmetry_t)symmetry;
    if (mtx->field == TRN_MTX_PATTERN && (mtx->array || mtx->symmetry == TRN_MTX_SKEW))
        return trn_fail(TRN_INPUT, "%s:1: a pattern cannot be %s; correct the banner", path,
                        mtx->array ? "an array" : "skew-symmetric");
    return TRN_OK;
}

/* Lines that an array of these sizes must have. */
static int64_t array_entries(const trn_mtx_t *mtx) {
    int64_t n = mtx->rows;
    if (mtx->symmetry == TRN_MTX_GENERAL) return n * mtx->cols;
    return mtx->symmetry == TRN_MTX_SKEW ? n * (n - 1) / 2 : n * (n + 1) / 2;
}

/* What is wrong with the sizes, NULL if nothing. */
static const char *flaw(const trn_mtx_t *mtx) {
    int64_t most = mtx->array ? INT64_MAX / 8 : INT64_MAX; /* bytes of float64 are counted too */
    if (mtx->rows < 0 || mtx->cols < 0 || mtx->entries < 0) return "sizes must not be negative";
    if (mtx->cols > 0 && mtx->rows > most / mtx->cols) return "rows times columns is too large";
    if (!mtx->array && (mtx->rows > longest_side || mtx->cols > longest_side))
        return "a side is above 2^40";
    if (mtx->entries > INT64_MAX / 64) return "the number of entries is too large";
    if (!mtx->array && mtx->entries > 0 && (mtx->rows == 0 || mtx->cols == 0))
        return "an empty matrix has no entries";
    if (mtx->symmetry != TRN_MTX_GENERAL && mtx->rows != mtx->cols)
        return "a symmetric matrix must be square";
    return NULL;
}

static trn_status_t parse_sizes(trn_mtx_t *mtx, const char *path, const char *line) {
    int64_t number[3] = {0, 0, 0};
    int wanted = mtx->array ? 2 : 3, found = 0;
    const char *at = line;
    while (found < wanted && at) {
        at = trn_number_whole(skip(at), &number[found]);
        if (at && *at && !strchr(blanks, *at)) at = NULL;
        found += at != NULL;
    }
    if (found < wanted || *skip(at))
        return trn_fail(TRN_INPUT, "%s:%lld: '%.60s' is not the line of sizes: %s", path,
                        (long long)mtx->size_line, line,
                        mtx->array ? "rows and columns" : "rows, columns and number of entries");
    mtx->rows = number[0];
    mtx->cols = number[1];
    mtx->entries = number[2];
    const char *what = flaw(mtx);
    if (what)
        return trn_fail(TRN_INPUT, "%s:%lld: %s: '%.60s'; correct the line of sizes", path,
                        (long long)mtx->size_line, what, line);
    if (mtx->array) mtx->entries = array_entries(mtx);
    return TRN_OK;
}

/* A file that cannot possibly hold so many lines is refused before memory is taken: a line has two
 * bytes at least for each field, but the last may lack its end. */
static trn_status_t check_room(const trn_mtx_t *mtx, const char *path) {
    int64_t least = mtx->array ? 2 : mtx->field == TRN_MTX_PATTERN ? 4 : 6;
    int64_t bytes = mtx->input.bytes;
    if (trn_input_whole(&mtx->input) || mtx->entries <= (bytes - mtx->offset + 1) / least)
        return TRN_OK;
    return trn_fail(TRN_INPUT,
                    "%s:%lld: promises %lld entries, more than a file of %lld bytes can hold; "
                    "truncated?",
                    path, (long long)mtx->size_line, (long long)mtx->entries, (long long)bytes);
}

static trn_status_t read_head(trn_mtx_t *mtx, const char *path, trn_scan_t *scan) {
    char *line;
    int64_t bytes;
    TRN_TRY(trn_scan_until(scan, '\n', TRN_MTX_LINE, &line, &bytes));
    TRN_TRY(parse_banner(mtx, path, line ? line : ""));
    mtx->size_line = 1;
    do {
        mtx->size_line++;
        TRN_TRY(trn_scan_until(scan, '\n', TRN_MTX_LINE, &line, &bytes));
        if (!line)
            return trn_fail(TRN_INPUT, "%s:%lld: the line of sizes is missing; truncated?", path,
                            (long long)mtx->size_line);
    } while (*skip(line) == '\0' || *skip(line) == '%');
    TRN_TRY(parse_sizes(mtx, path, line));
    mtx->offset = trn_scan_offset(scan);
    return check_room(mtx, path);
}

trn_status_t trn_mtx_open(trn_mtx_t *mtx, const char *path) {
    trn_scan_t *scan;
    memset(mtx, 0, sizeof *mtx);
    mtx->digits = 53;
    mtx->input.path = path;
    TRN_TRY(trn_input_look(&mtx->input));
    TRN_TRY(trn_input_reread(&mtx->input, "a matrix is read twice"));
    TRN_TRY(trn_scan_open(&scan, &mtx->input, 0));
    return trn_scan_end(&scan, read_head(mtx, path, scan));
}

/* Lines of data -------------------------------------------------------------------------------- */

static bool field_ends(const char *at) {
    return *at == '\0' || *at == ' ' || *at == '\t' || *at == '\r';
}

static trn_status_t no_number(const char *at, const char *what) {
    int length = (int)strcspn(at, blanks);
    if (length == 0) return trn_fail(TRN_INPUT, "the %s is missing; truncated?", what);
    return trn_fail(TRN_INPUT, "the %s, '%.*s', is not a number", what, length < 40 ? length : 40,
                    at);
}

/* Read an index from 1 to `most` at *at as one from 0; *at goes behind it. */
static trn_status_t parse_index(const char **at, const char *what, int64_t most, int64_t *index) {
    const char *begin = skip(*at), *end = trn_number_whole(begin, index);
    if (!end || !field_ends(end)) return no_number(begin, what);
    if (*index < 1 || *index > most)
        return trn_fail(TRN_INPUT, "the %s, %.*s, is not between 1 and %lld", what,
                        (int)(end - begin < 40 ? end - begin : 40), begin, (long long)most);
    --*index;
    *at = end;
    return TRN_OK;
}

/* Whether a float of `digits` binary digits holds the whole number of text[length]. */
static bool is_held(const char *text, const char *end, int digits) {
    uint64_t size = 0;
    for (text += *text == '+' || *text == '-'; text < end; text++)
        if (__builtin_mul_overflow(size, 10, &size) ||
            __builtin_add_overflow(size, (uint64_t)(*text - '0'), &size))
            return false;
    return trn_holds_whole(size, digits);
}

static trn_status_t parse_value(const trn_mtx_t *mtx, const char **at, trn_triplet_t *entry,
                                bool *held) {
    const char *begin = skip(*at), *end = trn_number_real(begin, &entry->value);
    if (!end || !field_ends(end)) return no_number(begin, "value");
    int length = (int)(end - begin < 40 ? end - begin : 40);
    *at = end;
    if (mtx->field != TRN_MTX_INTEGER) return TRN_OK;
    const char *digits = begin + (*begin == '+' || *begin == '-');
    if (strspn(digits, "0123456789") != (size_t)(end - digits))
        return trn_fail(TRN_INPUT, "the value, '%.*s', is not a whole number", length, begin);
    *held = is_held(begin, end, mtx->digits);
    if (*held || mtx->lossy) return TRN_OK;
    return trn_fail(TRN_INPUT,
                    "the value, %.*s, is a whole number that float%d cannot hold; let "
                    "`convert --misfits warn` round it",
                    length, begin, mtx->digits > 24 ? 64 : 32);
}

static trn_status_t check_diagonal(const trn_mtx_t *mtx, const trn_triplet_t *entry) {
    if (mtx->symmetry != TRN_MTX_SKEW || entry->row != entry->col) return TRN_OK;
    return trn_fail(TRN_INPUT, "entry (%lld, %lld) lies on the diagonal of a skew-symmetric matrix",
                    (long long)entry->row + 1, (long long)entry->col + 1);
}

trn_status_t trn_mtx_parse(const trn_mtx_t *mtx, const char *line, trn_triplet_t *entry,
                           bool *held) {
    const char *at = line;
    if (!mtx->array) {
        TRN_TRY(parse_index(&at, "row", mtx->rows, &entry->row));
        TRN_TRY(parse_index(&at, "column", mtx->cols, &entry->col));
        TRN_TRY(check_diagonal(mtx, entry));
    }
    entry->value = 1;
    *held = true;
    if (mtx->field != TRN_MTX_PATTERN) TRN_TRY(parse_value(mtx, &at, entry, held));
    at = skip(at);
    if (*at == '\0') return TRN_OK;
    return trn_fail(TRN_INPUT, "'%.40s' after the %s; one %s a line", at,
                    mtx->field == TRN_MTX_PATTERN ? "column" : "value",
                    mtx->array ? "number" : "entry");
}
