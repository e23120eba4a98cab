/* vectors.c: words on every rank, rows where they are wanted: rank 0 goes through the file once and
 * remembers where blocks of rows begin; then every rank reads its own. */
#include "io/vectors_impl.h"

#include "base/mem.h"
#include "base/strings.h"
#include "io/share.h"
#include "kern/dense/finite.h"
#include "mpi/agree.h"
#include "text/number.h"

#include <math.h>
#include <string.h>

trn_format_t trn_format_named(const char *name) {
    static const char *const names[] = {"auto", "h5", "npy", "word2vec", "binary", "glove"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) return (trn_format_t)i;
    return TRN_FORMAT_AUTO;
}

/* What rank 0 found, on every rank. Collective. */
static trn_status_t share(trn_vectors_t *v, MPI_Comm comm, char **text, int64_t bytes,
                          char ***words) {
    int64_t found[] = {v->rows, v->dim, v->malformed.invalid, v->malformed.overlong};
    MPI_Bcast(found, 4, MPI_INT64_T, 0, comm);
    v->rows = found[0];
    v->dim = found[1];
    v->malformed = (trn_word_counts_t){found[2], found[3]};
    int64_t blocks = (v->rows + TRN_VECTORS_BLOCK - 1) / TRN_VECTORS_BLOCK;
    int64_t offsets = blocks * (int64_t)sizeof *v->offset;
    TRN_TRY(trn_share(comm, &v->offset, &offsets, "block offsets"));
    TRN_TRY(trn_share(comm, text, &bytes, "the vocabulary"));
    return trn_agree(comm, trn_strings_make(v->rows, *text, bytes, words));
}

static trn_status_t create(trn_vectors_t **vectors, const char *path, trn_format_t format,
                           const trn_word_rules_t *rules) {
    TRN_TRY(trn_alloc_zero(vectors, 1, sizeof **vectors, "a file of vectors"));
    trn_vectors_t *v = *vectors;
    v->format = format;
    v->rules = *rules;
    trn_status_t status = trn_strdup(&v->path, path);
    v->input.path = v->path;
    v->input.content = format == TRN_FORMAT_BINARY ? TRN_CONTENT_BINARY : TRN_CONTENT_TEXT;
    if (status != TRN_OK) trn_free(vectors);
    return status;
}

static trn_status_t look(trn_vectors_t *v, MPI_Comm comm) {
    TRN_TRY(trn_inputs_look(comm, 1, &v->input));
    return trn_input_reread(&v->input, "vectors are read twice"); /* equal on all ranks */
}

trn_status_t trn_vectors_open(trn_vectors_t **vectors, MPI_Comm comm, const char *path,
                              trn_format_t format, const trn_word_rules_t *rules, char ***words) {
    char *text = NULL;
    int64_t bytes = 0;
    *words = NULL;
    int rank;
    MPI_Comm_rank(comm, &rank);
    trn_status_t status = trn_agree(comm, create(vectors, path, format, rules));
    if (status == TRN_OK) status = look(*vectors, comm);
    if (status == TRN_OK) {
        if (rank == 0) status = trn_vectors_scan_words(*vectors, &text, &bytes);
        status = trn_agree(comm, status);
        if (status == TRN_OK) status = share(*vectors, comm, &text, bytes, words);
        trn_free(&text);
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

int64_t trn_vectors_rows(const trn_vectors_t *v) {
    return v->rows;
}
int64_t trn_vectors_dim(const trn_vectors_t *v) {
    return v->dim;
}
trn_word_counts_t trn_vectors_malformed(const trn_vectors_t *v) {
    return v->malformed;
}

void trn_vectors_skip(trn_vectors_t *v, int64_t count, const int64_t *dropped) {
    v->ndropped = count;
    v->dropped = dropped;
}

bool trn_vectors_numbers(int64_t rows, char *const *words, bool *whole) {
    bool any = false;
    *whole = true;
    for (int64_t i = 0; i < rows; i++) {
        double real;
        int64_t number;
        if (!*words[i]) continue;
        const char *end = trn_number_real(words[i], &real);
        if (!end || *end) return false;
        end = trn_number_whole(words[i], &number);
        *whole &= end && !*end;
        any = true;
    }
    return any;
}

/* Rows ----------------------------------------------------------------------------------------- */

static trn_status_t truncated(const trn_vectors_t *v, const trn_scan_t *scan, int64_t row) {
    return trn_fail(TRN_INPUT, "%s: byte %lld: truncated in row %lld of %lld", v->path,
                    (long long)trn_scan_offset(scan), (long long)row + 1, (long long)v->rows);
}

static trn_status_t parse_line(const trn_vectors_t *v, int64_t row, char *line, float *values) {
    static const char blanks[] = "words may not hold blanks: join their parts, e.g. with _";
    long long number = (long long)trn_vectors_line(v, row);
    trn_vectors_field(&line); /* the word */
    int64_t found = 0;
    for (char *field; (field = trn_vectors_field(&line)) != NULL; found++) {
        if (found >= v->dim) continue; /* only counted, for the message */
        const char *end = trn_number_float(field, &values[found]);
        if (!end || *end)
            return trn_fail(TRN_INPUT, "%s:%lld: field %lld, '%.40s', is not a number; %s", v->path,
                            number, (long long)found + 2, field, blanks);
        if (!isfinite(values[found]))
            return trn_fail(TRN_INPUT, "%s:%lld: field %lld, '%.40s', is not a finite float32",
                            v->path, number, (long long)found + 2, field);
    }
    if (found == v->dim) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s:%lld: %lld numbers where the dimension is %lld; %s", v->path,
                    number, (long long)found, (long long)v->dim,
                    found < v->dim ? "is the file truncated?" : blanks);
}

static trn_status_t read_text_row(const trn_vectors_t *v, trn_scan_t *scan, int64_t row,
                                  float *values) {
    char *line;
    TRN_TRY(trn_vectors_next_line(v, scan, &line));
    if (!line) return truncated(v, scan, row);
    return values ? parse_line(v, row, line, values) : TRN_OK;
}

static trn_status_t read_binary_row(const trn_vectors_t *v, trn_scan_t *scan, int64_t row,
                                    float *values) {
    char *word, *numbers = NULL;
    int64_t bytes, ends;
    TRN_TRY(trn_vectors_next_word(v, scan, &word, &bytes, &ends));
    if (word) TRN_TRY(trn_scan_take(scan, v->dim * 4, &numbers));
    if (!numbers) return truncated(v, scan, row);
    if (!values) return TRN_OK;
    memcpy(values, numbers, (size_t)v->dim * 4);
    int64_t j = trn_not_finite_f32(v->dim, values);
    if (j < 0) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: byte %lld: number %lld of row %lld is not finite", v->path,
                    (long long)(trn_scan_offset(scan) - 4 * (v->dim - j)), (long long)j + 1,
                    (long long)row + 1);
}

/* Row `row` of the file; `values` NULL: go past it. */
static trn_status_t read_row(const trn_vectors_t *v, trn_scan_t *scan, int64_t row, float *values) {
    return v->format == TRN_FORMAT_BINARY ? read_binary_row(v, scan, row, values)
                                          : read_text_row(v, scan, row, values);
}

trn_status_t trn_vectors_read(const trn_vectors_t *v, int64_t first, int64_t rows, float *values) {
    if (rows == 0) return TRN_OK;
    int64_t before = 0; /* rows left out before the next one that is wanted */
    while (before < v->ndropped && v->dropped[before] <= first + before)
        before++;
    int64_t from = first + before, block = from / TRN_VECTORS_BLOCK;
    int64_t row = block * TRN_VECTORS_BLOCK; /* whose place is known */
    trn_scan_t *scan;
    TRN_TRY(trn_scan_open(&scan, &v->input, v->offset[block]));
    trn_status_t status = TRN_OK;
    for (int64_t done = 0; done < rows && status == TRN_OK; row++) {
        bool dropped = before < v->ndropped && v->dropped[before] == row;
        bool wanted = row >= from && !dropped;
        status = read_row(v, scan, row, wanted ? values + done * v->dim : NULL);
        before += dropped;
        done += wanted;
    }
    return trn_scan_end(&scan, status);
}
