/* entries.h: gradients of a batch as a sparse matrix: row i of the sum gets value x row `column` of
 * what was fetched, in the order in which entries were added, whoever adds them. */
#ifndef TRN_ALGO_GRAPH_LIGHTGCN_ENTRIES_H
#define TRN_ALGO_GRAPH_LIGHTGCN_ENTRIES_H

#include "base/status.h"
#include "mpi/matrix.h"

#include <stdint.h>

typedef struct trn_entry {
    int32_t row;    /* of the rows here */
    int32_t column; /* as trn_fetch_place */
    double value;
} trn_entry_t;

/* Start with {0}; `rows` is set by create. Fields but `entry`, `count`, `start` are for entries.c.
 */
typedef struct trn_entries {
    int64_t rows;
    trn_entry_t *entry; /* [count] in the order of the sums */
    int64_t count, room;
    int64_t *start;  /* [rows + 1], once it is sorted */
    int32_t *column; /* [count] by row, in their order */
    void *values;    /* [count] of the type of the numbers */
    int64_t column_room, values_room;
} trn_entries_t;

/* Local. Fails with TRN_MEMORY; free it then, too. */
trn_status_t trn_entries_create(trn_entries_t *entries, int64_t rows);
void trn_entries_free(trn_entries_t *entries);

/* Make room for `count` entries and as many once sorted. Local. Fails with TRN_MEMORY. */
trn_status_t trn_entries_room(trn_entries_t *entries, int64_t count);

/* Sort by row; entries of one row keep their order. Values are rounded to `type`. Local; never
 * fails. Cost: two passes. */
void trn_entries_sort(trn_entries_t *entries, trn_dtype_t type);

/* sum = the product with own[..] and fetched[.. x stride], 0 in rows without entries. Local. */
void trn_entries_multiply(const trn_entries_t *entries, trn_view_t own, const void *fetched,
                          int64_t stride, trn_view_t sum, int threads);

#endif
