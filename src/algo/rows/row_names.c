/* row_names.c: lists of names, and passes over the names of rows, which rank 0 reads block by
 * block. */
#include "algo/rows/row_names.h"

#include "base/mem.h"
#include "base/strings.h"
#include "io/share.h"
#include "mpi/agree.h"
#include "text/list.h"
#include "text/lookup.h"
#include "text/normalize.h"
#include "text/number.h"

#include <string.h>

enum { BLOCK = 4096 /* names that are read at a time, as trn_rows_feed wants */ };

/* Lists ---------------------------------------------------------------------------------------- */

/* Append a line; name and rest point into the list's text. */
static trn_status_t add(trn_name_list_t *list, int64_t *room, char *name, char *rest,
                        int64_t line) {
    if (list->count == *room) {
        *room = 2 * *room + 64;
        TRN_TRY(trn_realloc(&list->name, *room, sizeof *list->name, "a list of names"));
        TRN_TRY(trn_realloc(&list->rest, *room, sizeof *list->rest, "a list of names"));
        TRN_TRY(trn_realloc(&list->line, *room, sizeof *list->line, "a list of names"));
    }
    list->name[list->count] = name;
    list->rest[list->count] = rest;
    list->line[list->count++] = line;
    return TRN_OK;
}

/* Lines with a tab in each. The text is cut up. */
static trn_status_t take_columns(trn_name_list_t *list, char *at) {
    int64_t room = 0;
    for (int64_t line = 1; *at; line++) {
        char *end = at + strcspn(at, "\n"), *next = end + (*end == '\n');
        *end = '\0';
        if (end > at && end[-1] == '\r') end[-1] = '\0';
        char *tab = strchr(at, '\t');
        if (!tab && at[strspn(at, " ")])
            return trn_fail(TRN_INPUT,
                            "%s:%lld: has no tab, but the first line has; write "
                            "'NAME<tab>...' in every line or in none",
                            list->path, (long long)line);
        if (tab == at)
            return trn_fail(TRN_INPUT, "%s:%lld: the name is missing", list->path, (long long)line);
        if (tab) *tab = '\0';
        if (tab) TRN_TRY(add(list, &room, at, tab + 1, line));
        at = next;
    }
    return TRN_OK;
}

/* Lines of a word, or a word and numbers. A word is cut off once the line behind it is read. */
static trn_status_t take_words(trn_name_list_t *list, char *text) {
    trn_list_t words = trn_list_begin(list->path, text, (int64_t)strlen(text));
    const char *word;
    int64_t length, room = 0;
    for (;;) {
        TRN_TRY(trn_list_next(&words, &word, &length));
        if (!word) return TRN_OK;
        if (length == 0) continue;
        char *name = text + (word - text), *rest = name + length;
        char *end = rest + strcspn(rest, "\n"); /* words.at stands behind it */
        if (*end) *end = '\0';
        if (*rest) *rest++ = '\0';
        TRN_TRY(add(list, &room, name, rest, words.line));
    }
}

trn_status_t trn_name_list_read(trn_name_list_t *list, const char *path) {
    *list = (trn_name_list_t){.path = path};
    TRN_TRY(trn_share_file(MPI_COMM_SELF, path, &list->text));
    char *begin = list->text + (strncmp(list->text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0);
    /* The first line tells the kind of all, as where names of rows are read (io/rows). */
    bool columns = memchr(begin, '\t', strcspn(begin, "\n")) != NULL;
    return columns ? take_columns(list, begin) : take_words(list, begin);
}

trn_status_t trn_name_list_numbers(const trn_name_list_t *list, int64_t *number) {
    for (int64_t i = 0; i < list->count; i++) {
        const char *at = list->rest[i] + strspn(list->rest[i], " \t"), *end;
        end = trn_number_whole(at, &number[i]);
        if (!end || end[strspn(end, " \t\r")] || number[i] < 0)
            return trn_fail(TRN_INPUT,
                            "%s:%lld: '%.60s' is no count; write 'NAME<tab>COUNT', a whole number",
                            list->path, (long long)list->line[i], list->rest[i]);
    }
    return TRN_OK;
}

void trn_name_list_free(trn_name_list_t *list) {
    trn_free(&list->name);
    trn_free(&list->rest);
    trn_free(&list->line);
    trn_free(&list->text);
    *list = (trn_name_list_t){0};
}

/* From names to rows --------------------------------------------------------------------------- */

static int rank_of(MPI_Comm comm) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    return rank;
}

/* Without names a row is its number. Local. */
static void by_number(int64_t rows, int64_t count, char *const *name, int64_t *row) {
    for (int64_t i = 0; i < count; i++) {
        const char *end = trn_number_whole(name[i], &row[i]);
        if (!end || *end || row[i] < 0 || row[i] >= rows) row[i] = -1;
    }
}

/* Rows ask which of the names wanted they have; the first that has one keeps it. Collective. */
static trn_status_t ask_rows(trn_rows_t *rows, int rank, const trn_lookup_t *wanted, int64_t *row) {
    trn_names_feed_t feed = {.rows = rows};
    int64_t all = trn_rows_about(rows)->rows;
    trn_status_t status = TRN_OK;
    for (int64_t first = 0; first < all && status == TRN_OK; first += BLOCK) {
        const char *const *name = NULL;
        int64_t some = all - first < BLOCK ? all - first : BLOCK;
        status = trn_rows_feed(&feed, "", first, some, &name);
        /* Rows come in order, so the first one that asks is the first that has the name. */
        for (int64_t i = 0; i < some && rank == 0 && status == TRN_OK; i++) {
            int64_t found = trn_lookup_find(wanted, name[i]);
            if (found >= 0 && row[found] < 0) row[found] = first + i;
        }
    }
    trn_free(&feed.block);
    return status;
}

/* Names that some words go by, for those that have no row yet: row[i] of name[i]; NULL: it has
 * none. Collective. */
static trn_status_t find_form(trn_rows_t *rows, MPI_Comm comm, int64_t count, char *const *name,
                              bool fold, int64_t *row) {
    trn_lookup_t *wanted = NULL;
    int rank = rank_of(comm);
    trn_status_t status = TRN_OK;
    if (rank == 0) status = trn_lookup_create(&wanted, count, name, fold, NULL);
    status = trn_agree(comm, status);
    if (status == TRN_OK) status = ask_rows(rows, rank, wanted, row);
    /* The table has but the first of equal names. */
    for (int64_t i = 0; i < count && rank == 0 && status == TRN_OK; i++)
        if (row[i] < 0) row[i] = row[trn_lookup_find(wanted, name[i])];
    trn_lookup_destroy(&wanted);
    return status;
}

trn_status_t trn_row_names_find(trn_rows_t *rows, MPI_Comm comm, int64_t count, char *const *name,
                                int64_t *row) {
    bool first = rank_of(comm) == 0;
    for (int64_t i = 0; first && i < count; i++)
        row[i] = -1;
    if (trn_rows_about(rows)->named) return find_form(rows, comm, count, name, false, row);
    if (first) by_number(trn_rows_about(rows)->rows, count, name, row);
    return TRN_OK;
}

/* Words that no row has yet, in another form. */
typedef struct rest {
    int64_t count;
    int64_t *at;  /* [count] which words they are */
    char **name;  /* [count] their forms, to be freed if they are not the words themselves */
    int64_t *row; /* [count] */
    bool own;
} rest_t;

static void rest_free(rest_t *rest) {
    for (int64_t i = 0; rest->own && rest->name && i < rest->count; i++)
        trn_free(&rest->name[i]);
    trn_free(&rest->at);
    trn_free(&rest->name);
    trn_free(&rest->row);
}

/* Rank 0. form -1: as they are; 0, 1: decomposed, composed, where that is another word. */
static trn_status_t take_rest(int64_t count, char *const *name, const int64_t *row, int form,
                              rest_t *rest) {
    rest->own = form >= 0;
    TRN_TRY(trn_alloc(&rest->at, count, sizeof *rest->at, "words to look up"));
    TRN_TRY(trn_alloc(&rest->name, count, sizeof *rest->name, "words to look up"));
    TRN_TRY(trn_alloc(&rest->row, count, sizeof *rest->row, "words to look up"));
    for (int64_t i = 0; i < count; i++) {
        char *other = name[i];
        if (row[i] >= 0) continue;
        if (form >= 0) TRN_TRY(trn_normalize(name[i], form, &other));
        if (!other) continue;
        rest->at[rest->count] = i;
        rest->row[rest->count] = -1;
        rest->name[rest->count++] = other;
    }
    return TRN_OK;
}

/* The exact form has been tried already where form is -1. Collective. */
static trn_status_t find_rest(trn_rows_t *rows, MPI_Comm comm, int64_t count, char *const *name,
                              int form, int64_t *row) {
    rest_t rest = {0};
    bool first = rank_of(comm) == 0;
    trn_status_t status =
        trn_agree(comm, first ? take_rest(count, name, row, form, &rest) : TRN_OK);
    int64_t left = rest.count;
    MPI_Bcast(&left, 1, MPI_INT64_T, 0, comm);
    if (status == TRN_OK && left > 0 && form >= 0)
        status = find_form(rows, comm, left, rest.name, false, rest.row);
    if (status == TRN_OK && left > 0)
        status = find_form(rows, comm, left, rest.name, true, rest.row);
    for (int64_t i = 0; i < rest.count && status == TRN_OK; i++)
        row[rest.at[i]] = rest.row[i];
    rest_free(&rest);
    return status;
}

/* In the order of trn_embedding_find: exact, folded, form C, form D; what has a row keeps it. */
trn_status_t trn_row_names_find_like(trn_rows_t *rows, MPI_Comm comm, int64_t count,
                                     char *const *name, int64_t *row) {
    TRN_TRY(trn_row_names_find(rows, comm, count, name, row));
    if (!trn_rows_about(rows)->named) return TRN_OK;
    TRN_TRY(find_rest(rows, comm, count, name, -1, row));
    TRN_TRY(find_rest(rows, comm, count, name, 1, row));
    return find_rest(rows, comm, count, name, 0, row);
}

/* From rows to names --------------------------------------------------------------------------- */

/* Names that were wanted, one after the other in the order of the rows. */
typedef struct text {
    char *bytes;
    int64_t used, room;
} text_t;

/* Append a name with its NUL. */
static trn_status_t append(text_t *text, const char *name) {
    int64_t bytes = (int64_t)strlen(name) + 1;
    TRN_TRY(trn_grow(&text->bytes, &text->room, text->used + bytes, 1, "names of rows"));
    memcpy(text->bytes + text->used, name, (size_t)bytes);
    text->used += bytes;
    return TRN_OK;
}

/* Collective; `order` is that of ascending ids. */
static trn_status_t gather(trn_rows_t *rows, MPI_Comm comm, const trn_ids_t *ids,
                           const int64_t *order, text_t *text) {
    trn_names_feed_t feed = {.rows = rows};
    int64_t all = trn_rows_about(rows)->rows, at = 0;
    int rank;
    MPI_Comm_rank(comm, &rank);
    trn_status_t status = TRN_OK;
    for (int64_t first = 0; first < all && status == TRN_OK; first += BLOCK) {
        const char *const *name = NULL;
        int64_t some = all - first < BLOCK ? all - first : BLOCK;
        status = trn_rows_feed(&feed, "", first, some, &name);
        if (status != TRN_OK) break;
        /* Numbers ascend by `order`, so one walk beside the blocks meets them all. */
        for (; rank == 0 && at < ids->count && ids->id[order[at]] < first + some; at++) {
            status = append(text, name[ids->id[order[at]] - first]);
            if (status != TRN_OK) break;
        }
        status = trn_agree(comm, status);
    }
    trn_free(&feed.block);
    return status;
}

/* The pointers of names that lie in the order of the rows, in the order that was asked for. */
static trn_status_t arrange(int64_t count, const int64_t *order, char **sorted) {
    char **given;
    TRN_TRY(trn_alloc(&given, count, sizeof *given, "names of rows"));
    for (int64_t i = 0; i < count; i++)
        given[order[i]] = sorted[i];
    memcpy(sorted, given, (size_t)count * sizeof *given);
    trn_free(&given);
    return TRN_OK;
}

trn_status_t trn_row_names_of(trn_rows_t *rows, MPI_Comm comm, const trn_ids_t *ids,
                              char ***names) {
    int64_t *order = NULL, count = ids->count;
    text_t text = {0};
    *names = NULL;
    if (!trn_rows_about(rows)->named) return TRN_OK;
    trn_status_t status =
        trn_agree(comm, trn_alloc(&order, count, sizeof *order, "the order of rows"));
    TRN_OR(done, status);
    trn_ids_order(count, ids->id, order);
    TRN_OR(done, gather(rows, comm, ids, order, &text));
    TRN_OR(done, trn_share(comm, &text.bytes, &text.used, "names of rows"));
    status = trn_strings_make(count, text.bytes, text.used, names);
    if (status == TRN_OK) status = arrange(count, order, *names);
    status = trn_agree(comm, status);
done:
    trn_free(&order);
    trn_free(&text.bytes);
    if (status != TRN_OK) trn_free(names);
    return status;
}
