/* choose.c: rows to keep, marked on rank 0, then told to all. */
#define _GNU_SOURCE
#include "algo/rows/choose.h"

#include "algo/rows/row_names.h"
#include "base/mem.h"
#include "io/formats/format.h"
#include "io/share.h"
#include "mpi/agree.h"

#include <stdlib.h>
#include <string.h>

/* Where rows are marked; arrays on rank 0 only. */
typedef struct choosing {
    MPI_Comm comm;
    int rank;
    trn_rows_t *rows;
    const trn_row_choice_t *choice;
    int64_t all;         /* rows */
    unsigned char *mark; /* [all] 1: it stays */
    int64_t *count;      /* [all] of how many times each was counted */
    int64_t unknown;
} choosing_t;

/* Lists of names ------------------------------------------------------------------------------- */

/* *row = the row of every name of a list, on rank 0. Collective. */
static trn_status_t find_rows(const choosing_t *c, const trn_name_list_t *list, int64_t **row) {
    int64_t count = list->count;
    trn_status_t status = TRN_OK;
    *row = NULL;
    if (c->rank == 0) status = trn_alloc(row, count, sizeof **row, "rows of names");
    MPI_Bcast(&count, 1, MPI_INT64_T, 0, c->comm);
    TRN_AGREE(c->comm, status);
    return trn_row_names_find(c->rows, c->comm, count, list->name, *row);
}

/* Rank 0: no row of the matrix has this name. */
static trn_status_t miss(choosing_t *c, const trn_name_list_t *list, int64_t i) {
    c->unknown++;
    if (c->choice->skip) return TRN_OK;
    const char *path = trn_rows_path(c->rows);
    if (!trn_rows_about(c->rows)->named)
        return trn_fail(TRN_INPUT,
                        "%s:%lld: '%.60s' is no number of a row of %s, which has %lld and no names "
                        "for them",
                        list->path, (long long)list->line[i], list->name[i], path,
                        (long long)c->all);
    return trn_fail(TRN_INPUT,
                    "%s:%lld: no row of %s is called '%.60s'; --unknown skip leaves such names out",
                    list->path, (long long)list->line[i], path, list->name[i]);
}

/* Mark the rows whose names are in `path`. Collective. */
static trn_status_t mark_names(choosing_t *c, const char *path) {
    trn_name_list_t list = {0};
    int64_t *row = NULL;
    trn_status_t status = c->rank == 0 ? trn_name_list_read(&list, path) : TRN_OK;
    status = trn_agree(c->comm, status);
    if (status == TRN_OK) status = find_rows(c, &list, &row);
    for (int64_t i = 0; c->rank == 0 && i < list.count && status == TRN_OK; i++) {
        if (row[i] >= 0)
            c->mark[row[i]] = 1;
        else
            status = miss(c, &list, i);
    }
    trn_name_list_free(&list);
    trn_free(&row);
    return trn_agree(c->comm, status);
}

/* Mark the rows whose numbers are in `path`. Collective. */
static trn_status_t mark_numbers(choosing_t *c, const char *path) {
    trn_ids_t ids;
    TRN_TRY(trn_ids_read(&ids, c->comm, path));
    trn_status_t status = trn_ids_within(&ids, 0, c->all, "rows");
    for (int64_t i = 0; c->rank == 0 && i < ids.count && status == TRN_OK; i++)
        c->mark[ids.id[i]] = 1;
    trn_ids_free(&ids);
    return status;
}

/* Counts --------------------------------------------------------------------------------------- */

/* Rank 0: whether a file is a column of numbers rather than lines of words and counts. */
static trn_status_t is_column(const char *path, bool *column) {
    const trn_file_format_t *format = trn_format_by_ending(path, NULL);
    bool table = !format || strcmp(format->name, "tsv") == 0 || format->holds & TRN_NEEDS_NAMES;
    char *text;
    *column = true;
    if (!table || trn_path_has_member(path)) return TRN_OK;
    TRN_TRY(trn_share_file(MPI_COMM_SELF, path, &text));
    const char *line = text + strspn(text, " \t\r\n");
    size_t field = strcspn(line, " \t\r\n");
    line += field + strspn(line + field, " \t\r");
    *column = field == 0 || *line == '\n' || *line == '\0';
    trn_free(&text);
    return TRN_OK;
}

/* A count for each row, in order; every rank reads them, and rank 0 keeps them. Collective. */
static trn_status_t take_column(choosing_t *c, const char *path) {
    trn_ids_t ids;
    TRN_TRY(trn_ids_read(&ids, c->comm, path));
    trn_status_t status = trn_ids_of_rows(&ids, c->all, trn_rows_path(c->rows));
    for (int64_t i = 0; i < ids.count && status == TRN_OK; i++)
        if (ids.id[i] < 0)
            status = trn_fail(TRN_INPUT, "%s: entry %lld (from 0) is %lld; a count is at least 0",
                              path, (long long)i, (long long)ids.id[i]);
    if (status == TRN_OK && c->rank == 0)
        memcpy(c->count, ids.id, (size_t)c->all * sizeof *c->count);
    trn_ids_free(&ids);
    return status;
}

/* Rank 0: counts to rows; words that are no rows of this matrix are other words of the corpus. */
static trn_status_t set_counts(choosing_t *c, const trn_name_list_t *list, const int64_t *row,
                               const int64_t *number) {
    for (int64_t i = 0; i < list->count; i++) {
        if (row[i] < 0) {
            c->unknown++;
            continue;
        }
        if (c->count[row[i]] >= 0)
            return trn_fail(TRN_INPUT, "%s:%lld: '%.60s' was counted before; add its counts up",
                            list->path, (long long)list->line[i], list->name[i]);
        c->count[row[i]] = number[i];
    }
    return TRN_OK;
}

/* Counts of words, each of which goes to the first row of its name. Collective. */
static trn_status_t take_words(choosing_t *c, const char *path) {
    trn_name_list_t list = {0};
    int64_t *row = NULL, *number = NULL;
    trn_status_t status = TRN_OK;
    if (c->rank == 0) {
        status = trn_name_list_read(&list, path);
        if (status == TRN_OK)
            status = trn_alloc(&number, list.count, sizeof *number, "counts of words");
        if (status == TRN_OK) status = trn_name_list_numbers(&list, number);
    }
    status = trn_agree(c->comm, status);
    if (status == TRN_OK) status = find_rows(c, &list, &row);
    if (status == TRN_OK && c->rank == 0) status = set_counts(c, &list, row, number);
    trn_name_list_free(&list);
    trn_free(&row);
    trn_free(&number);
    return trn_agree(c->comm, status);
}

/* The more frequent first, of equal ones the smaller number: a total order, so that what --top
 * keeps is one set, however qsort works. */
static int by_count(const void *a, const void *b, void *counts) {
    const int64_t *count = counts;
    int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
    if (count[i] != count[j]) return count[i] > count[j] ? -1 : 1;
    return i < j ? -1 : 1;
}

/* Rank 0: mark what is frequent. */
static trn_status_t mark_frequent(choosing_t *c) {
    int64_t *order, n = 0;
    TRN_TRY(trn_alloc(&order, c->all, sizeof *order, "the order of rows"));
    for (int64_t i = 0; i < c->all; i++)
        if (c->count[i] >= c->choice->least) order[n++] = i;
    if (c->choice->top > 0 && c->choice->top < n) {
        qsort_r(order, (size_t)n, sizeof *order, by_count, c->count);
        n = c->choice->top;
    }
    for (int64_t i = 0; i < n; i++)
        c->mark[order[i]] = 1;
    trn_free(&order);
    return TRN_OK;
}

/* Rank 0: no row was counted yet. */
static trn_status_t begin_counts(choosing_t *c) {
    if (c->rank != 0) return TRN_OK;
    TRN_TRY(trn_alloc(&c->count, c->all, sizeof *c->count, "counts of rows"));
    for (int64_t i = 0; i < c->all; i++)
        c->count[i] = -1; /* not counted: below any least */
    return TRN_OK;
}

/* Collective. */
static trn_status_t mark_counted(choosing_t *c, const char *path) {
    int column = 0;
    bool found = false;
    trn_status_t status = c->rank == 0 ? is_column(path, &found) : TRN_OK;
    if (status == TRN_OK) status = begin_counts(c);
    TRN_AGREE(c->comm, status);
    column = found; /* a bool has no type of MPI's own */
    MPI_Bcast(&column, 1, MPI_INT, 0, c->comm);
    if (!column && !trn_rows_about(c->rows)->named)
        return trn_fail(TRN_INPUT,
                        "%s: counts words, but the rows of %s have no names; give a column of "
                        "numbers, one for each row, or names in %s.vocab",
                        path, trn_rows_path(c->rows), trn_rows_path(c->rows));
    TRN_TRY(column ? take_column(c, path) : take_words(c, path));
    return trn_agree(c->comm, c->rank == 0 ? mark_frequent(c) : TRN_OK);
}

/* All together --------------------------------------------------------------------------------- */

/* All lists leave their marks on one array, so what is kept is their union, in order, once each.
 * Collective. */
static trn_status_t mark_all(choosing_t *c) {
    const trn_row_choice_t *choice = c->choice;
    bool named = trn_rows_about(c->rows)->named;
    trn_status_t status = TRN_OK;
    if (c->rank == 0) status = trn_alloc_zero(&c->mark, c->all, 1, "marks of rows");
    TRN_AGREE(c->comm, status);
    if (choice->words) TRN_TRY(mark_names(c, choice->words));
    if (choice->counts) TRN_TRY(mark_counted(c, choice->counts));
    if (!choice->keep) return TRN_OK;
    return named ? mark_names(c, choice->keep) : mark_numbers(c, choice->keep);
}

/* The numbers of marked rows, from rank 0. Collective. */
static trn_status_t share_marked(const choosing_t *c, trn_ids_t *ids) {
    int64_t bytes = 0;
    trn_status_t status = TRN_OK;
    if (c->rank == 0) {
        for (int64_t i = 0; i < c->all; i++)
            ids->count += c->mark[i];
        status = trn_alloc(&ids->id, ids->count, sizeof *ids->id, "numbers of rows");
        for (int64_t i = 0, at = 0; i < c->all && status == TRN_OK; i++)
            if (c->mark[i]) ids->id[at++] = i;
        bytes = ids->count * (int64_t)sizeof *ids->id;
    }
    TRN_AGREE(c->comm, status);
    status = trn_share(c->comm, &ids->id, &bytes, "numbers of rows");
    ids->count = bytes / (int64_t)sizeof *ids->id;
    return status;
}

trn_status_t trn_choose_rows(trn_ids_t *ids, MPI_Comm comm, trn_rows_t *rows,
                             const trn_row_choice_t *choice, int64_t *unknown) {
    choosing_t c = {
        .comm = comm, .rows = rows, .choice = choice, .all = trn_rows_about(rows)->rows};
    MPI_Comm_rank(comm, &c.rank);
    *ids = (trn_ids_t){.path = choice->words ? choice->words : choice->counts};
    trn_status_t status = mark_all(&c);
    if (status == TRN_OK) status = share_marked(&c, ids);
    trn_free(&c.mark);
    trn_free(&c.count);
    MPI_Bcast(&c.unknown, 1, MPI_INT64_T, 0, comm);
    *unknown = c.unknown;
    if (status != TRN_OK) trn_ids_free(ids);
    return status;
}
