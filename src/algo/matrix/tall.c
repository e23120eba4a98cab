/* tall.c: who holds which rows of a tall matrix, and its products with small matrices. Everything
 * here walks blocks whose size depends on the matrix alone, so that BLAS is called with the same
 * shapes, and sums are taken in the same order, on any number of ranks. */
#include "algo/matrix/tall.h"

#include "algo/matrix/scale.h"
#include "base/mem.h"
#include "base/rng.h"
#include "kern/dense/blas.h"
#include "mpi/agree.h"
#include "mpi/reduce.h"

#include <cblas.h>
#include <string.h>

/* By the rows alone: more rows make larger blocks, as long as there are enough to share out. */
int64_t trn_tall_block(int64_t rows) {
    enum { LARGEST = 4 * TRN_TALL_BLOCK, FEWEST = 64 /* to share out evenly */ };
    int64_t block = TRN_TALL_BLOCK;
    while (block < LARGEST && rows >= 2 * block * FEWEST)
        block *= 2;
    return block;
}

static int64_t blocks_of(int64_t rows) {
    int64_t block = trn_tall_block(rows);
    return (rows + block - 1) / block;
}

/* First row of a rank: ranks own whole blocks. */
static int64_t start_of(int64_t rows, int ranks, int rank) {
    int64_t first = trn_part_start(blocks_of(rows), ranks, rank) * trn_tall_block(rows);
    return first < rows ? first : rows;
}

int64_t trn_tall_start(MPI_Comm comm, int64_t rows, int rank) {
    int ranks;
    MPI_Comm_size(comm, &ranks);
    return start_of(rows, ranks, rank);
}

int64_t trn_tall_rows(int64_t rows, int ranks, int rank) {
    return start_of(rows, ranks, rank + 1) - start_of(rows, ranks, rank);
}

trn_status_t trn_tall_create(trn_tall_t *tall, MPI_Comm comm, int64_t rows, int64_t cols) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    int64_t own = trn_tall_start(comm, rows, rank + 1) - trn_tall_start(comm, rows, rank);
    *tall = (trn_tall_t){comm, rows, {TRN_MATRIX_F64, own, cols, cols, NULL}, NULL};
    return trn_alloc_zero(&tall->block.data, own * cols, sizeof(double), "a tall matrix");
}

void trn_tall_free(trn_tall_t *tall) {
    trn_free(&tall->block.data);
}

/* A view of some columns; nothing is copied or owned. */
trn_tall_t trn_tall_cols(trn_tall_t tall, int64_t first, int64_t count) {
    tall.block = trn_view_part(tall.block, 0, tall.block.rows, first, count);
    return tall;
}

/* By row and column, so that it does not depend on who has which rows. Uniform in (-1/2, 1/2). */
void trn_tall_random(trn_tall_t tall, uint32_t step) {
    int rank;
    MPI_Comm_rank(tall.comm, &rank);
    int64_t first = trn_tall_start(tall.comm, tall.rows, rank);
    for (int64_t i = 0; i < tall.block.rows; i++) {
        double *row = (double *)tall.block.data + i * tall.block.stride, drawn[4];
        for (int64_t j = 0; j < tall.block.cols; j++) {
            if (j % 4 == 0)
                trn_rng_uniform(0, (uint64_t)(first + i), (uint32_t)(j / 4), step, TRN_RNG_KRYLOV,
                                drawn);
            row[j] = drawn[j % 4] - 0.5;
        }
    }
}

/* Row `i` of a view, and the rows of the block that starts there. */
static double *row_at(trn_view_t view, int64_t i) {
    return (double *)view.data + i * view.stride;
}

static int rows_at(trn_view_t view, int64_t i) {
    int64_t left = view.rows - i;
    return (int)(left < TRN_TALL_BLOCK ? left : TRN_TALL_BLOCK);
}

/* Rows out of a source ------------------------------------------------------------------------- */

int64_t trn_tall_first_block(trn_tall_t x) {
    int rank, ranks;
    MPI_Comm_rank(x.comm, &rank);
    MPI_Comm_size(x.comm, &ranks);
    return trn_part_start(blocks_of(x.rows), ranks, rank);
}

/* Of a block that has just been read; the file stays. */
static void center_rows(trn_view_t rows, const double *mean) {
    for (int64_t i = 0; i < rows.rows; i++)
        for (int64_t j = 0; j < rows.cols; j++)
            row_at(rows, i)[j] -= mean[j];
}

/* In memory a part of what is there; from a source the block as read, scaled and centered, borrowed
 * until the next. */
trn_view_t trn_tall_block_rows(trn_tall_t x, int64_t block) {
    int64_t rows = trn_tall_block(x.rows), at = (block - trn_tall_first_block(x)) * rows;
    if (!x.source) {
        int64_t left = x.block.rows - at;
        return trn_view_part(x.block, at, left < rows ? left : rows, 0, x.block.cols);
    }
    trn_view_t view = x.source->rows(x.source->user, block);
    trn_scale_view(view, x.source->exponent);
    if (x.source->mean) center_rows(view, x.source->mean);
    return view;
}

/* Products with small matrices ----------------------------------------------------------------- */

/* Always TRN_TALL_BLOCK rows at a time, so that BLAS is called with the same shapes on any number
 * of ranks. */
static void multiply(double alpha, trn_view_t x, const double *small, int64_t stride, double beta,
                     trn_view_t y) {
    for (int64_t i = 0; i < x.rows; i += TRN_TALL_BLOCK)
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows_at(x, i), (int)y.cols,
                    (int)x.cols, alpha, row_at(x, i), (int)x.stride, small, (int)stride, beta,
                    row_at(y, i), (int)y.stride);
}

void trn_tall_multiply(double alpha, trn_tall_t x, const double *small, int64_t stride, double beta,
                       trn_tall_t y) {
    int64_t block = trn_tall_first_block(x), cols = y.block.cols;
    if (x.block.cols == 0 || cols == 0) return;
    if (!x.source) {
        multiply(alpha, x.block, small, stride, beta, y.block);
        return;
    }
    trn_view_t part; /* blocks are whole pieces of TRN_TALL_BLOCK rows: BLAS sees the same */
    for (int64_t at = 0; at < x.block.rows; at += part.rows) {
        part = trn_tall_block_rows(x, block++);
        multiply(alpha, part, small, stride, beta, trn_view_part(y.block, at, part.rows, 0, cols));
    }
}

/* In place, by way of one block of scratch. */
void trn_tall_rotate(trn_tall_t x, int64_t cols, const double *small, double *scratch) {
    if (cols == 0) return;
    for (int64_t i = 0; i < x.block.rows; i += TRN_TALL_BLOCK) {
        int rows = rows_at(x.block, i);
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, (int)cols, (int)x.block.cols,
                    1, row_at(x.block, i), (int)x.block.stride, small, (int)cols, 0, scratch,
                    (int)cols);
        for (int64_t k = 0; k < rows; k++)
            memcpy(row_at(x.block, i + k), scratch + k * cols, sizeof(double) * (size_t)cols);
    }
}

/* x = x r^-1, r upper triangular. */
void trn_tall_solve(trn_tall_t x, const double *r) {
    int cols = (int)x.block.cols;
    for (int64_t i = 0; i < x.block.rows; i += TRN_TALL_BLOCK)
        cblas_dtrsm(CblasRowMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit,
                    rows_at(x.block, i), cols, 1, r, cols, row_at(x.block, i), (int)x.block.stride);
}

/* Sums over rows ------------------------------------------------------------------------------- */

enum { PANEL_NUMBERS = 1 << 21 /* of a product that are summed at a time */ };

typedef struct cross {
    trn_tall_t x, y;
} cross_t;

/* One block's part of x^T y: a leaf of the tree. */
static void cross_block(void *user, int64_t block, double *values) {
    const cross_t *cross = user;
    trn_view_t x = trn_tall_block_rows(cross->x, block), y = trn_tall_block_rows(cross->y, block);
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)x.cols, (int)y.cols, (int)x.rows, 1,
                x.data, (int)x.stride, y.data, (int)y.stride, 0, values, (int)y.cols);
}

/* panel[x.cols x y.cols] = x^T y. Collective. */
static trn_status_t cross_panel(trn_tall_t x, trn_tall_t y, double *panel) {
    cross_t cross = {x, y};
    return trn_reduce_tree(x.comm, blocks_of(x.rows), x.block.cols * y.block.cols, cross_block,
                           &cross, panel);
}

/* Panels of columns bound the memory of the sums; their width depends on the product alone. */
trn_status_t trn_tall_cross(trn_tall_t x, trn_tall_t y, double *product) {
    int64_t rows = x.block.cols, cols = y.block.cols;
    if (rows == 0 || cols == 0) return TRN_OK;
    int64_t width = PANEL_NUMBERS / rows < 1 ? 1 : PANEL_NUMBERS / rows;
    if (width > cols) width = cols;
    double *panel;
    trn_status_t status =
        trn_agree(x.comm, trn_alloc(&panel, rows * width, sizeof *panel, "a panel of a product"));
    for (int64_t first = 0; first < cols && status == TRN_OK; first += width) {
        int64_t across = cols - first < width ? cols - first : width;
        status = cross_panel(x, trn_tall_cols(y, first, across), panel);
        for (int64_t i = 0; i < rows && status == TRN_OK; i++)
            memcpy(product + i * cols + first, panel + i * across, sizeof *panel * (size_t)across);
    }
    trn_free(&panel);
    return status;
}

/* For plans: one panel, its sums on the way, and what BLAS packs. */
void trn_tall_cross_plan(trn_ledger_t *ledger, int64_t rows, int64_t x_cols, int64_t y_cols,
                         int ranks, int rank) {
    if (x_cols == 0 || y_cols == 0) return;
    int64_t width = PANEL_NUMBERS / x_cols < 1 ? 1 : PANEL_NUMBERS / x_cols;
    int64_t panel = x_cols * (width < y_cols ? width : y_cols);
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "sums", panel, sizeof(double));
    trn_ledger_take(ledger, "sums",
                    trn_reduce_bytes((trn_blocks_t){.blocks = blocks_of(rows)}, panel, ranks, rank),
                    1);
    trn_ledger_take(ledger, "libraries",
                    trn_blas_bytes(sizeof(double), x_cols, trn_tall_block(rows)), 1);
    trn_ledger_back(ledger, &before);
}

/* Keep the means with the source. */
static trn_status_t copy_mean(trn_tall_source_t *source, int64_t cols, const double *mean) {
    TRN_TRY(trn_alloc(&source->mean, cols, sizeof *mean, "column means"));
    memcpy(source->mean, mean, sizeof *mean * (size_t)cols);
    return TRN_OK;
}

/* Means are a product with a column of ones, by the same tree as all sums. Rows of a source are
 * centered as they are read. */
trn_status_t trn_tall_center(trn_tall_t x, double *mean) {
    trn_tall_t ones;
    trn_status_t status = trn_agree(x.comm, trn_tall_create(&ones, x.comm, x.rows, 1));
    for (int64_t i = 0; i < ones.block.rows && status == TRN_OK; i++)
        *row_at(ones.block, i) = 1;
    if (status == TRN_OK) status = trn_tall_cross(ones, x, mean);
    for (int64_t j = 0; j < x.block.cols && status == TRN_OK; j++)
        mean[j] /= (double)x.rows;
    if (status == TRN_OK && x.source)
        status = trn_agree(x.comm, copy_mean(x.source, x.block.cols, mean));
    else if (status == TRN_OK)
        center_rows(x.block, mean);
    trn_tall_free(&ones);
    return status;
}
