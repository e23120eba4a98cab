/* embedding_words.c: the words of an embedding: which of them count, and how they are found. */
#include "algo/vectors/embedding_impl.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/strings.h"
#include "io/share.h"
#include "mpi/agree.h"
#include "text/list.h"
#include "text/normalize.h"

#include <stdio.h>
#include <string.h>

/* Names of a .npy file ---------------------------------------------------------------------------
 */

typedef struct names {
    char *text; /* the words, each ended by NUL */
    int64_t bytes, capacity;
    char *scratch; /* of trn_word_admit */
    int64_t count; /* lines so far */
    int64_t blank; /* the first of the blank lines just before, 0: none */
} names_t;

static trn_status_t add_name(names_t *names, const char *word, int64_t length) {
    if (names->bytes + length + 1 > names->capacity) {
        int64_t capacity = 2 * names->capacity + length + 1;
        TRN_TRY(trn_realloc(&names->text, capacity, 1, "the vocabulary"));
        names->capacity = capacity;
    }
    memcpy(names->text + names->bytes, word, (size_t)length);
    names->bytes += length;
    names->text[names->bytes++] = '\0';
    names->count++;
    return TRN_OK;
}

/* A word a row; blank lines may stand behind the last one only. */
static trn_status_t read_names(names_t *names, const trn_reading_t *reading, trn_list_t *list,
                               trn_word_counts_t *malformed) {
    const char *word;
    int64_t length;
    for (;;) {
        TRN_TRY(trn_list_next(list, &word, &length));
        if (!word) return TRN_OK;
        if (length == 0) {
            if (names->blank == 0) names->blank = list->line;
            continue;
        }
        if (names->blank != 0)
            return trn_fail(TRN_INPUT, "%s:%lld: the line is empty; give every row its word",
                            list->name, (long long)names->blank);
        trn_status_t status = trn_word_admit(&reading->rules, TRN_VECTORS_LONGEST_WORD, &word,
                                             &length, names->scratch, malformed);
        if (status == TRN_INPUT)
            return trn_fail_prefix(status, "%s:%lld: ", list->name, (long long)list->line);
        TRN_TRY(status);
        TRN_TRY(add_name(names, word, length));
    }
}

trn_status_t trn_embedding_parse_names(trn_embedding_t *e, const trn_reading_t *reading,
                                       const char *file, const char *text) {
    names_t names = {0};
    trn_list_t list = trn_list_begin(file, text, (int64_t)strlen(text));
    trn_status_t status;
    if (reading->rules.invalid == TRN_INVALID_REPLACE)
        TRN_OR(done, trn_alloc(&names.scratch, 3 * TRN_VECTORS_LONGEST_WORD, 1, "a word"));
    TRN_OR(done, read_names(&names, reading, &list, &e->counts.malformed));
    if (names.count != e->rows)
        status = trn_fail(TRN_INPUT, "%s: %lld words for the %lld rows of %s; give a word a row",
                          file, (long long)names.count, (long long)e->rows, e->path);
    else
        status = trn_strings_make(names.count, names.text, names.bytes, &e->words);
done:
    trn_free(&names.text);
    trn_free(&names.scratch);
    return status;
}

/* Words that are none, and words that come again -------------------------------------------------
 */

trn_status_t trn_embedding_judge_words(const trn_embedding_t *e, const trn_reading_t *reading) {
    bool whole;
    if (e->format != TRN_FORMAT_GLOVE || !trn_vectors_numbers(e->rows, e->words, &whole))
        return TRN_OK;
    if (!whole && reading->format == TRN_FORMAT_AUTO)
        return trn_fail(TRN_INPUT,
                        "%s:1: every word is a number, the first of them '%.40s': a matrix without "
                        "words (numpy.savetxt)? `convert --from tsv` reads it as one; if they are "
                        "words, say that the format is glove",
                        e->path, e->words[0]);
    if (e->rank == 0)
        trn_log(TRN_LOG_WARN, "vectors",
                "%s: every word is a number, the first of them '%.40s': the first column is taken "
                "for words, not for numbers of a matrix",
                e->path, e->words[0]);
    return TRN_OK;
}

/* Where the word of a row stands, for a message. */
static void say_place(const trn_embedding_t *e, int64_t row, char place[64]) {
    long long line = e->vectors ? trn_vectors_line(e->vectors, row) : 0;
    if (line > 0)
        snprintf(place, 64, ":%lld", line);
    else
        snprintf(place, 64, ": row %lld", (long long)row + 1);
}

/* Rank 0: list the rows that do not count: those of words that the readers of text left out, and of
 * words that came before. *again: the first whose word came before, in row
 * *before; -1 if there is none. */
static trn_status_t list_dropped(trn_embedding_t *e, int64_t *again, int64_t *before) {
    trn_lookup_t *lookup;
    int64_t capacity = 0;
    *again = -1;
    TRN_TRY(trn_lookup_create(&lookup, e->rows, e->words, false, NULL));
    trn_status_t status = TRN_OK;
    for (int64_t row = 0; row < e->rows && status == TRN_OK; row++) {
        bool empty = !*e->words[row] && e->format != TRN_FORMAT_H5;
        int64_t first = empty ? row : trn_lookup_find(lookup, e->words[row]);
        if (!empty && first == row) continue;
        if (!empty && e->counts.repeated++ == 0) {
            *again = row;
            *before = first;
        }
        if (e->ndropped == capacity) {
            capacity = 2 * capacity + 64;
            status = trn_realloc(&e->dropped, capacity, sizeof *e->dropped, "rows left out");
        }
        if (status == TRN_OK) e->dropped[e->ndropped++] = row;
    }
    trn_lookup_destroy(&lookup);
    return status;
}

/* Rank 0 tells what the others will not see; or refuses it. */
static trn_status_t judge_dropped(const trn_embedding_t *e, bool refuse, int64_t again,
                                  int64_t before) {
    char place[64];
    const trn_word_counts_t *malformed = &e->counts.malformed;
    if (again >= 0) say_place(e, again, place);
    if (again >= 0 && refuse)
        return trn_fail(TRN_INPUT,
                        "%s%s: the word '%.40s' is there already, in row %lld (%lld words are "
                        "repeated); remove them, or give --repeated-words first",
                        e->path, place, e->words[again], (long long)before + 1,
                        (long long)e->counts.repeated);
    if (again >= 0)
        trn_log(TRN_LOG_WARN, "vectors",
                "%s%s: the word '%.40s' is there already, in row %lld; %lld rows of repeated words "
                "left out, the first of each is kept",
                e->path, place, e->words[again], (long long)before + 1,
                (long long)e->counts.repeated);
    if (malformed->invalid + malformed->overlong > 0)
        trn_log(TRN_LOG_WARN, "vectors", "%s: %lld words with invalid UTF-8, %lld overlong ones",
                e->path, (long long)malformed->invalid, (long long)malformed->overlong);
    if (e->ndropped < e->rows) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: no word is left; convert the file, e.g. with iconv", e->path);
}

trn_status_t trn_embedding_drop(trn_embedding_t *e, const trn_reading_t *reading) {
    trn_status_t status = TRN_OK;
    int64_t again = -1, before = 0;
    if (e->rank == 0) status = list_dropped(e, &again, &before);
    if (e->rank == 0 && status == TRN_OK)
        status = judge_dropped(e, reading->refuse_repeated, again, before);
    TRN_AGREE(e->comm, status);
    MPI_Bcast(&e->counts.repeated, 1, MPI_INT64_T, 0, e->comm);
    int64_t bytes = e->ndropped * (int64_t)sizeof *e->dropped;
    MPI_Bcast(&bytes, 1, MPI_INT64_T, 0, e->comm);
    if (bytes == 0) return TRN_OK;
    TRN_TRY(trn_share(e->comm, &e->dropped, &bytes, "rows left out"));
    e->ndropped = bytes / (int64_t)sizeof *e->dropped;
    int64_t kept = 0, next = 0;
    for (int64_t row = 0; row < e->rows; row++) {
        if (next < e->ndropped && e->dropped[next] == row)
            next++;
        else
            e->words[kept++] = e->words[row];
    }
    e->rows = kept;
    if (e->vectors) trn_vectors_skip(e->vectors, e->ndropped, e->dropped);
    return TRN_OK;
}

/* Looking up -------------------------------------------------------------------------------------
 */

/* As it is, else regardless of case. */
static int64_t find_form(const trn_embedding_t *e, const char *word) {
    int64_t row = trn_lookup_find(e->exact, word);
    return row >= 0 ? row : trn_lookup_find(e->folded, word);
}

trn_status_t trn_embedding_find(trn_embedding_t *e, const char *word, int64_t *row) {
    if (!e->exact) TRN_TRY(trn_lookup_create(&e->exact, e->rows, e->words, false, NULL));
    if (!e->folded) TRN_TRY(trn_lookup_create(&e->folded, e->rows, e->words, true, NULL));
    *row = find_form(e, word);
    for (int compose = 1; compose >= 0 && *row < 0; compose--) {
        char *normal;
        TRN_TRY(trn_normalize(word, compose, &normal));
        if (normal) *row = find_form(e, normal);
        trn_free(&normal);
    }
    return TRN_OK;
}

const char *trn_embedding_suggest(const trn_embedding_t *e, const char *word) {
    trn_nearest_t nearest = {0};
    for (int64_t i = 0; i < e->rows; i++)
        trn_nearest_try(&nearest, word, e->words[i]);
    return nearest.name;
}
