/* trim_sparse.c: rows of a sparse file, read in spans of neighbours by ascending number and put
 * into the order that was asked for. */
#include "algo/rows/trim_sparse.h"

#include "algo/rows/ids.h"
#include "base/mem.h"

#include <string.h>

enum {
    SPAN = 4096,       /* rows that are read at once, at most */
    ENTRIES = 1 << 20, /* that so many rows have on average, at most */
    GAP = 16           /* rows that are read in vain rather than left out */
};

static int64_t span_of(const trn_rows_about_t *about) {
    int64_t each = about->rows > 0 ? about->entries / about->rows + 1 : 1;
    int64_t span = ENTRIES / each;
    return span < 1 ? 1 : span < SPAN ? span : SPAN;
}

/* Rows by ascending number: entries pile up. */
typedef struct pile {
    int64_t *order; /* [count] places in the list, by ascending number */
    int64_t *start; /* [count + 1] of row order[i] */
    int32_t *column;
    char *values;
    int64_t column_room, values_room;
    size_t size; /* bytes of a value */
} pile_t;

static void pile_free(pile_t *pile) {
    trn_free(&pile->order);
    trn_free(&pile->start);
    trn_free(&pile->column);
    trn_free(&pile->values);
}

/* Row number i of the pile = local row `row` of a block. */
static trn_status_t add_row(pile_t *pile, int64_t i, const trn_sparse_t *block, int64_t row) {
    int64_t from = trn_sparse_start(block)[row], count = trn_sparse_start(block)[row + 1] - from;
    int64_t at = pile->start[i], end = at + count;
    TRN_TRY(
        trn_grow(&pile->column, &pile->column_room, end, sizeof *pile->column, "column numbers"));
    TRN_TRY(trn_grow(&pile->values, &pile->values_room, end, pile->size, "sparse values"));
    memcpy(pile->column + at, trn_sparse_column(block) + from,
           (size_t)count * sizeof *pile->column);
    memcpy(pile->values + at * (int64_t)pile->size,
           (const char *)trn_sparse_values(block) + from * (int64_t)pile->size,
           (size_t)count * pile->size);
    pile->start[i + 1] = end;
    return TRN_OK;
}

static trn_status_t fill(pile_t *pile, trn_rows_t *rows, int64_t count, const int64_t *id,
                         trn_sparse_type_t type) {
    const int64_t *order = pile->order, span = span_of(trn_rows_about(rows));
    for (int64_t from = 0, end; from < count; from = end) {
        int64_t first = id[order[from]];
        for (end = from + 1; end < count; end++)
            if (id[order[end]] - id[order[end - 1]] > GAP || id[order[end]] - first >= span) break;
        trn_sparse_t *block;
        TRN_TRY(trn_rows_read_sparse(rows, first, id[order[end - 1]] - first + 1, type, &block));
        trn_status_t status = TRN_OK; /* rows between wanted ones are read in vain, and dropped */
        for (int64_t i = from; i < end && status == TRN_OK; i++)
            status = add_row(pile, i, block, id[order[i]] - first);
        trn_sparse_destroy(&block);
        TRN_TRY(status);
    }
    return TRN_OK;
}

/* The rows of a pile in the order of the list. */
static trn_status_t arrange(const pile_t *pile, int64_t count, pile_t *list) {
    int64_t entries = pile->start[count];
    list->size = pile->size;
    TRN_TRY(trn_alloc_zero(&list->start, count + 1, sizeof *list->start, "row pointers"));
    TRN_TRY(trn_alloc(&list->column, entries, sizeof *list->column, "column numbers"));
    TRN_TRY(trn_alloc(&list->values, entries, list->size, "sparse values"));
    for (int64_t i = 0; i < count; i++)
        list->start[pile->order[i] + 1] = pile->start[i + 1] - pile->start[i];
    for (int64_t i = 0; i < count; i++)
        list->start[i + 1] += list->start[i];
    for (int64_t i = 0; i < count; i++) {
        int64_t to = list->start[pile->order[i]], from = pile->start[i];
        size_t some = (size_t)(pile->start[i + 1] - from);
        int64_t size = (int64_t)pile->size;
        memcpy(list->column + to, pile->column + from, some * sizeof *list->column);
        memcpy(list->values + to * size, pile->values + from * size, some * pile->size);
    }
    return TRN_OK;
}

static bool ascends(const pile_t *pile, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        if (pile->order[i] != i) return false;
    return true;
}

/* The block takes the arrays over. */
static trn_status_t adopt(pile_t *pile, trn_sparse_type_t type, trn_extent_t place,
                          trn_sparse_t **out) {
    TRN_TRY(trn_sparse_adopt(out, type, place, pile->start, pile->column, pile->values));
    pile->start = NULL;
    pile->column = NULL;
    pile->values = NULL;
    return TRN_OK;
}

trn_status_t trn_trim_sparse(trn_rows_t *rows, int64_t first, int64_t count, const int64_t *id,
                             trn_sparse_type_t type, trn_sparse_t **out) {
    pile_t pile = {.size = type == TRN_SPARSE_F32 ? sizeof(float) : sizeof(double)}, list = {0};
    trn_extent_t place = {first, count, 0, trn_rows_about(rows)->cols};
    trn_status_t status;
    *out = NULL;
    TRN_OR(done, trn_alloc(&pile.order, count, sizeof *pile.order, "the order of rows"));
    TRN_OR(done, trn_alloc_zero(&pile.start, count + 1, sizeof *pile.start, "row pointers"));
    trn_ids_order(count, id, pile.order);
    TRN_OR(done, fill(&pile, rows, count, id, type));
    /* A pile without entries has no arrays yet, which a block needs. */
    if (ascends(&pile, count) && pile.column && pile.values) {
        status = adopt(&pile, type, place, out);
    } else {
        TRN_OR(done, arrange(&pile, count, &list));
        status = adopt(&list, type, place, out);
    }
done:
    pile_free(&pile);
    pile_free(&list);
    return status;
}
