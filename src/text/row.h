/* row.h: one row of the co-occurrence matrix while it is summed: dense, so that adding is one
 * store into the cache, with marks, so that reading it out skips what was not touched. */
#ifndef TRN_TEXT_ROW_H
#define TRN_TEXT_ROW_H

#include "base/status.h"
#include "text/segment.h"
#include "text/window.h"

#include <stdint.h>

/* A summed cell on its way between ranks or through a file. */
typedef struct trn_cell {
    int64_t units;
    int32_t row, col;
} trn_cell_t;

typedef struct trn_row trn_row_t;

/* Create an empty row of `columns`. Fails with TRN_MEMORY. Local. */
trn_status_t trn_row_create(trn_row_t **row, int64_t columns);

/* Free and set the pointer to NULL; NULL is fine. Local. */
void trn_row_destroy(trn_row_t **row);

/* Add what all occurrences of `word` in an indexed segment see within the window. Local. Cost: one
 * increment per occurrence and neighbor, about 2.5 ns while the row fits into the L2 cache. */
void trn_row_count(trn_row_t *row, const trn_window_t *window, const trn_segment_t *segment,
                   int64_t word);

/* Add cells[count], whatever row they name. Local. */
void trn_row_add(trn_row_t *row, const trn_cell_t *cells, int64_t count);

/* Take out what is not zero, columns ascending, and leave the row empty. *cols and *units are
 * borrowed until the next call; returns how many. Local. */
int64_t trn_row_drain(trn_row_t *row, const int32_t **cols, const int64_t **units);

#endif
