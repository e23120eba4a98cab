/* pick.h: rows of an open file by their numbers, in any order, into memory. */
#ifndef TRN_ALGO_ROWS_PICK_H
#define TRN_ALGO_ROWS_PICK_H

#include "base/ledger.h"
#include "io/rows/rows.h"

#include <stdint.h>

/* What picking needs beside the rows. Start with {0}. */
typedef struct trn_pick {
    trn_rows_t *rows; /* borrowed; with order, or held */
    trn_dtype_t type; /* of the numbers wanted */
    int64_t *order;   /* [room] places in a list of numbers, by ascending number */
    int64_t room;     /* numbers in a list, at most */
    char *span;       /* [span_rows x cols] neighbouring rows, read at once */
    int64_t span_rows, gap;
} trn_pick_t;

/* Get ready for lists of up to `room` numbers. Fails with TRN_MEMORY. Local. */
trn_status_t trn_pick_begin(trn_pick_t *pick, trn_rows_t *rows, trn_dtype_t type, int64_t room);

/* What that takes, under "picking". Local. */
void trn_pick_plan(trn_ledger_t *ledger, const trn_rows_about_t *about, trn_dtype_t type,
                   int64_t room);

/* values[count x cols] = rows id[0], id[1], ... in this order, numbers as they are in the file if
 * that has pick->type. The file is read in ascending order, so that one that can only be read from
 * front to back is read at most once; rows that lie between wanted ones are read too where that is
 * cheaper than to leave them out. Fails as trn_rows_read. Local. */
trn_status_t trn_pick_rows(trn_pick_t *pick, int64_t count, const int64_t *id, void *values);

/* How many of `rows` rows a list should have: `bytes` of them, or four times as many in files that
 * are read from front to back, which every list has to do anew. At least 1. Local. */
int64_t trn_pick_room(const trn_rows_about_t *about, trn_dtype_t type, int64_t rows, int64_t bytes);

/* Free what it holds; {0} and twice are fine. Local. */
void trn_pick_free(trn_pick_t *pick);

#endif
