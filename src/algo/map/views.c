/* views.c: columns of several matrices as the columns of one, block by block. */
#include "algo/map/views.h"

#include "base/mem.h"

#include <string.h>

/* Columns [at, at + x.cols) of the wide block become x. */
static void put(trn_views_t *views, int64_t at, trn_view_t x) {
    for (int64_t i = 0; i < x.rows; i++)
        memcpy(views->wide + i * views->cols + at, (const double *)x.data + i * x.stride,
               sizeof(double) * (size_t)x.cols);
}

trn_view_t trn_views_rows(trn_views_t *views, int64_t block, trn_view_t first) {
    int64_t at = first.cols;
    if (!views->wide) return first;
    put(views, 0, first);
    for (int v = 1; v < views->count; v++) {
        trn_view_t next = trn_tall_block_rows(views->in[v]->tall, block);
        put(views, at, next);
        at += next.cols;
    }
    return (trn_view_t){TRN_MATRIX_F64, first.rows, views->cols, views->cols, views->wide};
}

static trn_view_t read_block(void *user, int64_t block) {
    trn_views_t *views = user;
    return trn_views_rows(views, block, trn_tall_block_rows(views->in[0]->tall, block));
}

int64_t trn_views_numbers(int count, int64_t rows, int64_t cols) {
    int64_t block = trn_tall_block(rows);
    return count > 1 ? (block < rows ? block : rows) * cols : 0;
}

trn_status_t trn_views_open(trn_views_t *views, int count, trn_tall_in_t **in) {
    *views = (trn_views_t){.count = count, .in = in, .tall = in[0]->tall};
    for (int v = 0; v < count; v++)
        views->cols += in[v]->tall.block.cols;
    if (count == 1) return TRN_OK;
    views->source = (trn_tall_source_t){.rows = read_block, .user = views};
    views->tall.source = &views->source;
    views->tall.block.cols = views->tall.block.stride = views->cols;
    return trn_alloc(&views->wide, trn_views_numbers(count, views->tall.rows, views->cols),
                     sizeof(double), "rows of several views");
}

void trn_views_close(trn_views_t *views) {
    trn_free(&views->wide);
    trn_free(&views->source.mean);
    *views = (trn_views_t){0};
}
