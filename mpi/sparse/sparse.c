/* sparse.c: a block of a sparse matrix in compressed rows (CSR): built of triplets, adopted from
 * arrays, transposed, changed in place. Columns are numbers within the block, of 32 bits; they
 * ascend in each row and none comes twice. */
#include "mpi/sparse/sparse.h"

#include "base/mem.h"

#include <limits.h>
#include <stdlib.h>

struct trn_sparse {
    trn_sparse_type_t type;
    trn_extent_t extent;
    int64_t *start;  /* [rows + 1] */
    int32_t *column; /* [start[rows]] */
    void *values;    /* [start[rows]] float, double, or NULL */
};

/* An entry on its way into a row. */
typedef struct entry {
    double value;
    int32_t column;
} entry_t;

/* Bytes of a value; a pattern has none. */
static int64_t value_size(trn_sparse_type_t type) {
    if (type == TRN_SPARSE_PATTERN) return 0;
    return type == TRN_SPARSE_F32 ? (int64_t)sizeof(float) : (int64_t)sizeof(double);
}

static void set_value(trn_sparse_t *sparse, int64_t e, double value) {
    if (sparse->type == TRN_SPARSE_F32)
        ((float *)sparse->values)[e] = (float)value;
    else if (sparse->type == TRN_SPARSE_F64)
        ((double *)sparse->values)[e] = value;
}

/* Every entry of a pattern counts as 1. */
double trn_sparse_value(const trn_sparse_t *sparse, int64_t e) {
    if (sparse->type == TRN_SPARSE_F32) return (double)((const float *)sparse->values)[e];
    if (sparse->type == TRN_SPARSE_F64) return ((const double *)sparse->values)[e];
    return 1;
}

/* By column, then value: sums over equal columns then come out alike whatever order came in. */
static int compare(const void *left, const void *right) {
    const entry_t *a = left, *b = right;
    if (a->column != b->column) return a->column < b->column ? -1 : 1;
    return (a->value > b->value) - (a->value < b->value);
}

/* A block without arrays. */
static trn_status_t create_bare(trn_sparse_t **sparse, trn_sparse_type_t type,
                                trn_extent_t extent) {
    *sparse = NULL;
    if (extent.cols > INT32_MAX)
        return trn_fail(TRN_USAGE, "sparse: %lld columns in one block; cut the matrix into more",
                        (long long)extent.cols);
    TRN_TRY(trn_alloc_zero(sparse, 1, sizeof **sparse, "a sparse block"));
    (*sparse)->type = type;
    (*sparse)->extent = extent;
    return TRN_OK;
}

/* An empty block with its row pointers zero. */
static trn_status_t create(trn_sparse_t **sparse, trn_sparse_type_t type, trn_extent_t extent) {
    TRN_TRY(create_bare(sparse, type, extent));
    return trn_alloc_zero(&(*sparse)->start, extent.rows + 1, sizeof(int64_t), "row pointers");
}

/* Arrays for `count` entries. */
static trn_status_t allocate_entries(trn_sparse_t *sparse, int64_t count) {
    TRN_TRY(trn_alloc(&sparse->column, count, sizeof(int32_t), "column numbers"));
    if (sparse->type == TRN_SPARSE_PATTERN) return TRN_OK;
    return trn_alloc(&sparse->values, count, (size_t)value_size(sparse->type), "sparse values");
}

/* Triplets come from readers and from messages: none is believed. */
static trn_status_t check_inside(trn_extent_t x, int64_t count, const trn_triplet_t *t) {
    for (int64_t i = 0; i < count; i++)
        if (t[i].row < x.first_row || t[i].row >= x.first_row + x.rows || t[i].col < x.first_col ||
            t[i].col >= x.first_col + x.cols)
            return trn_fail(TRN_USAGE, "sparse: entry (%lld, %lld) lies outside its block",
                            (long long)t[i].row, (long long)t[i].col);
    return TRN_OK;
}

/* Counts of slots 0..n-1 at start[1..n] become the places where the slots begin, one ahead:
 * start[i + 1] is where slot i begins. Placing entries with start[i + 1]++ then leaves start[i]
 * as the begin of slot i, as it shall be. */
static void begin_slots(int64_t *start, int64_t n) {
    int64_t sum = 0;
    for (int64_t i = 1; i <= n; i++) {
        int64_t count = start[i];
        start[i] = sum;
        sum += count;
    }
}

/* A counting sort by row; within a row, as they came. */
static void place_entries(trn_sparse_t *sparse, int64_t count, const trn_triplet_t *triplets,
                          entry_t *entries) {
    trn_extent_t x = sparse->extent;
    int64_t *start = sparse->start;
    for (int64_t i = 0; i < count; i++)
        start[triplets[i].row - x.first_row + 1]++;
    begin_slots(start, x.rows);
    for (int64_t i = 0; i < count; i++)
        entries[start[triplets[i].row - x.first_row + 1]++] =
            (entry_t){triplets[i].value, (int32_t)(triplets[i].col - x.first_col)};
}

/* Sort entries[0..count) and sum those of equal columns into its front; how many are left. */
static int64_t merge_row(entry_t *entries, int64_t count) {
    if (count > 1) qsort(entries, (size_t)count, sizeof *entries, compare);
    int64_t kept = 0;
    for (int64_t i = 0; i < count; i++) {
        if (kept > 0 && entries[kept - 1].column == entries[i].column)
            entries[kept - 1].value += entries[i].value;
        else
            entries[kept++] = entries[i];
    }
    return kept;
}

/* Sort every row, close the gaps that summing left, set the row pointers right. */
static void merge_rows(trn_sparse_t *sparse, entry_t *entries) {
    int64_t kept = 0, begin = 0;
    for (int64_t row = 0; row < sparse->extent.rows; row++) {
        int64_t end = sparse->start[row + 1], merged = merge_row(entries + begin, end - begin);
        for (int64_t i = 0; i < merged; i++)
            entries[kept + i] = entries[begin + i];
        kept += merged;
        begin = end;
        sparse->start[row + 1] = kept;
    }
}

/* `spent` is freed as soon as its triplets have become entries; NULL: nothing is. */
static trn_status_t build(trn_sparse_t **sparse, trn_sparse_type_t type, trn_extent_t extent,
                          int64_t count, const trn_triplet_t *triplets, trn_triplet_t **spent) {
    entry_t *entries = NULL;
    trn_status_t status;
    TRN_OR(done, create(sparse, type, extent));
    TRN_OR(done, check_inside(extent, count, triplets));
    TRN_OR(done, trn_alloc(&entries, count, sizeof *entries, "sparse entries"));
    place_entries(*sparse, count, triplets, entries);
    if (spent) trn_free(spent);
    merge_rows(*sparse, entries);
    int64_t kept = trn_sparse_count(*sparse);
    TRN_OR(done, allocate_entries(*sparse, kept));
    for (int64_t e = 0; e < kept; e++) {
        (*sparse)->column[e] = entries[e].column;
        set_value(*sparse, e, entries[e].value);
    }
done:
    trn_free(&entries);
    if (status != TRN_OK) trn_sparse_destroy(sparse);
    return status;
}

trn_status_t trn_sparse_create(trn_sparse_t **sparse, trn_sparse_type_t type, trn_extent_t extent,
                               int64_t count, const trn_triplet_t *triplets) {
    return build(sparse, type, extent, count, triplets, NULL);
}

trn_status_t trn_sparse_create_from(trn_sparse_t **sparse, trn_sparse_type_t type,
                                    trn_extent_t extent, int64_t count, trn_triplet_t **triplets) {
    return build(sparse, type, extent, count, *triplets, triplets);
}

/* Rows end where the next begin, and columns ascend inside the extent. */
static trn_status_t check_order(trn_extent_t x, const int64_t *start, const int32_t *column) {
    if (start[0] != 0)
        return trn_fail(TRN_USAGE, "sparse: row pointers begin with %lld, not 0",
                        (long long)start[0]);
    for (int64_t row = 0; row < x.rows; row++) {
        if (start[row + 1] < start[row])
            return trn_fail(TRN_USAGE, "sparse: row %lld has fewer than no entries",
                            (long long)(x.first_row + row));
        int32_t least = 0; /* that the next column may be */
        for (int64_t e = start[row]; e < start[row + 1]; e++) {
            if (column[e] < least || column[e] >= x.cols)
                return trn_fail(TRN_USAGE, "sparse: row %lld: column %lld is out of order or range",
                                (long long)(x.first_row + row),
                                (long long)(x.first_col + column[e]));
            least = column[e] + 1; /* at most x.cols, which is an int32 */
        }
    }
    return TRN_OK;
}

/* The arrays are the block's from here on, but only if all is well. */
trn_status_t trn_sparse_adopt(trn_sparse_t **sparse, trn_sparse_type_t type, trn_extent_t extent,
                              int64_t *start, int32_t *column, void *values) {
    *sparse = NULL;
    if (extent.cols <= INT32_MAX) TRN_TRY(check_order(extent, start, column));
    TRN_TRY(create_bare(sparse, type, extent));
    (*sparse)->start = start;
    (*sparse)->column = column;
    (*sparse)->values = values;
    return TRN_OK;
}

/* Rows are walked in order, so columns of the transpose come out ascending without a sort. */
static void transpose_entries(trn_sparse_t *to, const trn_sparse_t *from) {
    int64_t count = trn_sparse_count(from);
    for (int64_t e = 0; e < count; e++)
        to->start[from->column[e] + 1]++;
    begin_slots(to->start, to->extent.rows);
    for (int64_t row = 0; row < from->extent.rows; row++)
        for (int64_t e = from->start[row]; e < from->start[row + 1]; e++) {
            int64_t place = to->start[from->column[e] + 1]++;
            to->column[place] = (int32_t)row;
            set_value(to, place, trn_sparse_value(from, e));
        }
}

/* The block's own transpose, of global place as well: rows and columns of the extent change
 * places. */
trn_status_t trn_sparse_transpose(trn_sparse_t **transpose, const trn_sparse_t *sparse) {
    trn_extent_t x = sparse->extent;
    trn_status_t status =
        create(transpose, sparse->type, (trn_extent_t){x.first_col, x.cols, x.first_row, x.rows});
    if (status == TRN_OK) status = allocate_entries(*transpose, trn_sparse_count(sparse));
    if (status == TRN_OK)
        transpose_entries(*transpose, sparse);
    else
        trn_sparse_destroy(transpose);
    return status;
}

/* Entries move to the front over those that were dropped: in place, as there never are more. */
void trn_sparse_map(trn_sparse_t *sparse, bool drop,
                    double (*change)(void *user, int64_t row, int64_t col, double value),
                    void *user) {
    trn_extent_t x = sparse->extent;
    int64_t kept = 0, next = 0;
    for (int64_t row = 0; row < x.rows; row++) {
        for (int64_t end = sparse->start[row + 1]; next < end; next++) {
            int32_t column = sparse->column[next];
            double value = change(user, x.first_row + row, x.first_col + column,
                                  trn_sparse_value(sparse, next));
            if (drop && value == 0) continue;
            sparse->column[kept] = column;
            set_value(sparse, kept++, value);
        }
        sparse->start[row + 1] = kept;
    }
}

void trn_sparse_destroy(trn_sparse_t **sparse) {
    if (!*sparse) return;
    trn_free(&(*sparse)->start);
    trn_free(&(*sparse)->column);
    trn_free(&(*sparse)->values);
    trn_free(sparse);
}

trn_extent_t trn_sparse_extent(const trn_sparse_t *sparse) {
    return sparse->extent;
}
trn_sparse_type_t trn_sparse_type(const trn_sparse_t *sparse) {
    return sparse->type;
}
int64_t trn_sparse_count(const trn_sparse_t *sparse) {
    return sparse->start[sparse->extent.rows];
}
const int64_t *trn_sparse_start(const trn_sparse_t *sparse) {
    return sparse->start;
}
const int32_t *trn_sparse_column(const trn_sparse_t *sparse) {
    return sparse->column;
}
const void *trn_sparse_values(const trn_sparse_t *sparse) {
    return sparse->values;
}
