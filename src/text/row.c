/* row.c: a dense row with marks. A row of V sums of 8 bytes stays in the L2 cache up to some 10^5
 * words, where an addition costs a store; the marks, a byte for a cache line of sums, let a row of
 * few cells be read out without passing over all V. Sums are whole units: their order does not
 * matter. */
#include "text/row.h"

#include "base/mem.h"

#include <string.h>

enum {
    BLOCK_SHIFT = 3, /* a mark stands for a cache line of columns */
    BLOCK = 1 << BLOCK_SHIFT,
    AHEAD = 16 /* occurrences whose surroundings are on their way from memory */
};

struct trn_row {
    int64_t marks;  /* columns / BLOCK, rounded up to a multiple of 8 */
    int64_t *sum;   /* [marks x BLOCK] */
    uint8_t *mark;  /* [marks]: 1 if any of the block's columns was added to */
    int32_t *cols;  /* [marks x BLOCK + 1]: the last drain */
    int64_t *units; /* [marks x BLOCK + 1] */
};

trn_status_t trn_row_create(trn_row_t **row, int64_t columns) {
    TRN_TRY(trn_alloc_zero(row, 1, sizeof **row, "a matrix row"));
    trn_row_t *r = *row;
    r->marks = ((columns + BLOCK - 1) / BLOCK + 7) / 8 * 8;
    int64_t room = r->marks * BLOCK;
    trn_status_t status = trn_alloc_zero(&r->sum, room, sizeof *r->sum, "a matrix row");
    if (status == TRN_OK) status = trn_alloc_zero(&r->mark, r->marks, 1, "a matrix row");
    if (status == TRN_OK) status = trn_alloc(&r->cols, room + 1, sizeof *r->cols, "a matrix row");
    if (status == TRN_OK) status = trn_alloc(&r->units, room + 1, sizeof *r->units, "a matrix row");
    if (status != TRN_OK) trn_row_destroy(row);
    return status;
}

void trn_row_destroy(trn_row_t **row) {
    if (!*row) return;
    trn_free(&(*row)->sum);
    trn_free(&(*row)->mark);
    trn_free(&(*row)->cols);
    trn_free(&(*row)->units);
    trn_free(row);
}

/* The one addition that counting consists of; the mark tells the drain where to look. */
static inline void add(trn_row_t *row, int32_t col, int64_t units) {
    row->sum[col] += units;
    row->mark[col >> BLOCK_SHIFT] = 1;
}

/* Breaks are negative, so that one comparison ends a window at a line's end and at the text's. */
void trn_row_count(trn_row_t *row, const trn_window_t *window, const trn_segment_t *segment,
                   int64_t word) {
    const uint32_t *places;
    const int32_t *ids;
    int64_t count = trn_segment_places(segment, word, &places, &ids);
    int64_t size = window->options.size;
    /* The diagonal needs no look at the text: every occurrence adds the same. */
    if (count && window->weight[0]) add(row, (int32_t)word, window->weight[0] * count);
    for (int64_t i = 0; i < count; i++) {
        const int32_t *here = ids + places[i];
        /* Places of a word are far apart: their surroundings are fetched ahead, both cache lines
         * that a window of 8 words to each side may touch. */
        if (i + AHEAD < count) {
            __builtin_prefetch(ids + places[i + AHEAD] - 8);
            __builtin_prefetch(ids + places[i + AHEAD] + 8);
        }
        for (int64_t o = 1; o <= size && here[o] >= 0; o++)
            add(row, here[o], window->weight[o]);
        if (!window->options.symmetric) continue;
        for (int64_t o = 1; o <= size && here[-o] >= 0; o++)
            add(row, here[-o], window->weight[o]);
    }
}

void trn_row_add(trn_row_t *row, const trn_cell_t *cells, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        add(row, cells[i].col, cells[i].units);
}

/* Take a block out behind the first `n`; every sum is stored, but only non-zero ones stay. */
static int64_t drain_block(trn_row_t *row, int64_t block, int64_t n) {
    for (int64_t col = block * BLOCK; col < (block + 1) * BLOCK; col++) {
        row->cols[n] = (int32_t)col;
        row->units[n] = row->sum[col];
        n += row->sum[col] != 0;
        row->sum[col] = 0;
    }
    return n;
}

/* Eight marks are looked at as one word: most of a row of a large vocabulary was never touched. */
int64_t trn_row_drain(trn_row_t *row, const int32_t **cols, const int64_t **units) {
    int64_t n = 0;
    for (int64_t group = 0; group < row->marks; group += 8) {
        uint64_t eight;
        memcpy(&eight, row->mark + group, sizeof eight);
        if (!eight) continue;
        memset(row->mark + group, 0, sizeof eight);
        const uint8_t *marked = (const uint8_t *)&eight;
        for (int64_t block = 0; block < 8; block++)
            if (marked[block]) n = drain_block(row, group + block, n);
    }
    *cols = row->cols;
    *units = row->units;
    return n;
}
