/* rows.c: blocks, single rows and largest numbers of what is clustered. */
#include "algo/cluster/rows.h"

#include "base/mem.h"
#include "kern/search/nearest.h"
#include "mpi/agree.h"
#include "mpi/large.h"

#include <stdlib.h>

trn_cluster_rows_t trn_cluster_rows_of(trn_tall_in_t *in) {
    return (trn_cluster_rows_t){in->tall, 0, in->in.info.cols, in, in->in.path};
}

/* Blocks as trn_tall deals them: whole ones, in rank order. */
trn_cluster_span_t trn_cluster_span(const trn_cluster_rows_t *rows) {
    int64_t block = trn_tall_block(rows->tall.rows);
    trn_cluster_span_t span = {.blocks = (rows->tall.rows + block - 1) / block,
                               .first = trn_tall_first_block(rows->tall),
                               .count = (rows->tall.block.rows + block - 1) / block,
                               .block = block};
    span.first_row = span.first * block;
    return span;
}

trn_view_t trn_cluster_block(const trn_cluster_rows_t *rows, int64_t block) {
    trn_view_t view = trn_tall_block_rows(rows->tall, block);
    return trn_view_part(view, 0, view.rows, rows->first, rows->cols);
}

trn_status_t trn_cluster_outcome(const trn_cluster_rows_t *rows, trn_status_t status) {
    return rows->in ? trn_tall_in_outcome(rows->in, status) : status;
}

/* Rows that are wanted, by number. */
typedef struct wanted {
    int64_t row, slot;
} wanted_t;

/* Ascending, so that a block is read once however many of its rows are wanted. */
static int by_row(const void *a, const void *b) {
    int64_t x = ((const wanted_t *)a)->row, y = ((const wanted_t *)b)->row;
    return (x > y) - (x < y);
}

/* Adding 0 makes 0 of -0, as summing with the zeros of other ranks does. */
static void copy_row(trn_view_t view, int64_t i, double *to) {
    for (int64_t j = 0; j < view.cols; j++) {
        int64_t at = i * view.stride + j;
        double x =
            view.type == TRN_F32 ? (double)((float *)view.data)[at] : ((double *)view.data)[at];
        to[j] = x + 0.0;
    }
}

/* Each row is one rank's; the others put zeros. */
static void copy_rows(const trn_cluster_rows_t *rows, int64_t count, const wanted_t *wanted,
                      double *to) {
    trn_cluster_span_t span = trn_cluster_span(rows);
    trn_view_t view = {0};
    for (int64_t i = 0, held = -1; i < count; i++) {
        double *row = to + wanted[i].slot * rows->cols;
        int64_t block = wanted[i].row / span.block;
        for (int64_t j = 0; j < rows->cols; j++)
            row[j] = 0;
        if (block < span.first || block >= span.first + span.count) continue;
        if (block != held) view = trn_cluster_block(rows, block);
        held = block;
        copy_row(view, wanted[i].row % span.block, row);
    }
}

/* Each row is put by its owner into zeros of the others: the sum is exact. */
trn_status_t trn_cluster_fetch(const trn_cluster_rows_t *rows, int64_t count, const int64_t *number,
                               double *to) {
    wanted_t *wanted;
    trn_status_t status =
        trn_agree(rows->tall.comm, trn_alloc(&wanted, count, sizeof *wanted, "rows to fetch"));
    for (int64_t i = 0; i < count && status == TRN_OK; i++)
        wanted[i] = (wanted_t){number[i], i};
    if (status == TRN_OK) {
        qsort(wanted, (size_t)count, sizeof *wanted, by_row);
        copy_rows(rows, count, wanted, to);
        trn_sum_large(rows->tall.comm, count * rows->cols, MPI_DOUBLE, to);
        status = trn_cluster_outcome(rows, TRN_OK);
    }
    trn_free(&wanted);
    return status;
}

/* A maximum does not depend on the order, hence not on the ranks. */
trn_status_t trn_cluster_peak(const trn_cluster_rows_t *rows, double *most) {
    trn_cluster_span_t span = trn_cluster_span(rows);
    double greatest = 0;
    for (int64_t j = 0; j < rows->cols; j++)
        most[j] = 0;
    for (int64_t b = span.first; b < span.first + span.count; b++) {
        trn_view_t view = trn_cluster_block(rows, b);
        for (int64_t i = 0; i < view.rows; i++) {
            const char *x =
                (const char *)view.data + i * view.stride * trn_matrix_type_size(view.type);
            trn_nearest_kernels()->peak(&(trn_nearest_row_t){view.type, view.cols, x, 1}, most);
        }
    }
    MPI_Allreduce(MPI_IN_PLACE, most, (int)rows->cols, MPI_DOUBLE, MPI_MAX, rows->tall.comm);
    TRN_TRY(trn_cluster_outcome(rows, TRN_OK));
    for (int64_t j = 0; j < rows->cols; j++)
        greatest = most[j] > greatest ? most[j] : greatest;
    if (greatest <= 1e150) return TRN_OK;
    return trn_fail(TRN_NUMERIC,
                    "%s: a number of size %g, whose square float64 does not hold; "
                    "scale the matrix first (transform --scale)",
                    rows->name, greatest);
}
