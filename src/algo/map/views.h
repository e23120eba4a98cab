/* views.h: matrices of as many rows, side by side as one: what a row is in several views. */
#ifndef TRN_ALGO_MAP_VIEWS_H
#define TRN_ALGO_MAP_VIEWS_H

#include "algo/matrix/tall_in.h"

#include <stdint.h>

/* Start with {0}; it must stay where it is while `tall` is in use. */
typedef struct trn_views {
    int count;
    trn_tall_in_t **in; /* borrowed, open */
    int64_t cols;       /* of all together */
    trn_tall_t tall;    /* of one view, it is that one's; else of `source`. May be centered */
    trn_tall_source_t source;
    double *wide; /* [block x cols] of several; else NULL */
} trn_views_t;

/* Lay open matrices of float64 blocks side by side. Fails with TRN_MEMORY. Local. */
trn_status_t trn_views_open(trn_views_t *views, int count, trn_tall_in_t **in);

/* Rows of a block of all views, where those of the first are at hand; borrowed, to be changed at
 * will. Local. */
trn_view_t trn_views_rows(trn_views_t *views, int64_t block, trn_view_t first);

/* Free; {0} is fine. The matrices stay open. Local. */
void trn_views_close(trn_views_t *views);

/* Numbers that several of them take, of `rows` x `cols` together. Local. */
int64_t trn_views_numbers(int count, int64_t rows, int64_t cols);

#endif
