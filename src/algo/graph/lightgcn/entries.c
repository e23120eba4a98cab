/* entries.c: a counting sort by row, which keeps the order inside rows, and the kernel of sparse
 * times dense, which adds the terms of a row in the order in which they stand. */
#include "algo/graph/lightgcn/entries.h"

#include "base/mem.h"
#include "kern/sparse/spmm.h"

#include <string.h>

trn_status_t trn_entries_create(trn_entries_t *x, int64_t rows) {
    *x = (trn_entries_t){.rows = rows};
    return trn_alloc(&x->start, rows + 1, sizeof *x->start, "rows of a batch");
}

void trn_entries_free(trn_entries_t *x) {
    trn_free(&x->entry);
    trn_free(&x->start);
    trn_free(&x->column);
    trn_free(&x->values);
}

trn_status_t trn_entries_room(trn_entries_t *x, int64_t count) {
    TRN_TRY(trn_grow(&x->entry, &x->room, count, sizeof *x->entry, "gradients of a batch"));
    TRN_TRY(trn_grow(&x->column, &x->column_room, count, sizeof *x->column, "a batch"));
    return trn_grow(&x->values, &x->values_room, count, sizeof(double), "a batch");
}

/* start[i] is where row i goes on while entries are dealt, so it ends as start[i + 1]. */
void trn_entries_sort(trn_entries_t *x, trn_dtype_t type) {
    memset(x->start, 0, (size_t)(x->rows + 1) * sizeof *x->start);
    for (int64_t e = 0; e < x->count; e++)
        x->start[x->entry[e].row + 1]++;
    for (int64_t i = 0; i < x->rows; i++)
        x->start[i + 1] += x->start[i];
    for (int64_t e = 0; e < x->count; e++) {
        int64_t at = x->start[x->entry[e].row]++;
        x->column[at] = x->entry[e].column;
        if (type == TRN_F64)
            ((double *)x->values)[at] = x->entry[e].value;
        else
            ((float *)x->values)[at] = (float)x->entry[e].value;
    }
    memmove(x->start + 1, x->start, (size_t)x->rows * sizeof *x->start);
    x->start[0] = 0;
}

void trn_entries_multiply(const trn_entries_t *x, trn_view_t own, const void *fetched,
                          int64_t stride, trn_view_t sum, int threads) {
    bool wide = sum.type == TRN_F64;
    trn_spmm_t product = {.rows = x->rows,
                          .start = x->start,
                          .column = x->column,
                          .entries = wide ? TRN_SPARSE_F64 : TRN_SPARSE_F32,
                          .values = x->values,
                          .wide = wide,
                          .b = {{own.data, own.stride}, {fetched, stride}},
                          .cols = sum.cols,
                          .c = sum.data,
                          .c_stride = sum.stride,
                          .alpha = 1};
    trn_spmm_threads(&product, 0, x->rows, threads);
}
