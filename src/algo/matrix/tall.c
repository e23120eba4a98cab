/* tall.c: who holds which rows of a tall matrix, and its products with small matrices. Everything
 * here walks blocks whose size depends on the matrix alone, so that BLAS is called with the same
 * shapes, and sums are taken in the same order, on any number of ranks. */
#include "algo/matrix/tall.h"

#include "base/mem.h"
#include "base/rng.h"
#include "kern/dense/blas.h"
#include "mpi/agree.h"
#include "mpi/reduce.h"

#include <cblas.h>
#include <string.h>

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
    *tall = (trn_tall_t){comm, rows, {TRN_MATRIX_F64, own, cols, cols, NULL}};
    return trn_alloc_zero(&tall->block.data, own * cols, sizeof(double), "a tall matrix");
}

void trn_tall_free(trn_tall_t *tall) {
    trn_free(&tall->block.data);
}

trn_tall_t trn_tall_cols(trn_tall_t tall, int64_t first, int64_t count) {
    tall.block = trn_view_part(tall.block, 0, tall.block.rows, first, count);
    return tall;
}

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

void trn_tall_multiply(double alpha, trn_tall_t x, const double *small, int64_t stride, double beta,
                       trn_tall_t y) {
    int inner = (int)x.block.cols, cols = (int)y.block.cols;
    if (inner == 0 || cols == 0) return;
    for (int64_t i = 0; i < x.block.rows; i += TRN_TALL_BLOCK)
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows_at(x.block, i), cols, inner,
                    alpha, row_at(x.block, i), (int)x.block.stride, small, (int)stride, beta,
                    row_at(y.block, i), (int)y.block.stride);
}

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

void trn_tall_solve(trn_tall_t x, const double *r) {
    int cols = (int)x.block.cols;
    for (int64_t i = 0; i < x.block.rows; i += TRN_TALL_BLOCK)
        cblas_dtrsm(CblasRowMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit,
                    rows_at(x.block, i), cols, 1, r, cols, row_at(x.block, i), (int)x.block.stride);
}

/* Sums over rows ------------------------------------------------------------------------------- */

enum { PANEL_NUMBERS = 1 << 21 /* of a product that are summed at a time */ };

typedef struct cross {
    trn_view_t x, y;
    int64_t block_rows, first_block; /* of this rank */
} cross_t;

static void cross_block(void *user, int64_t block, double *values) {
    const cross_t *cross = user;
    int64_t row = (block - cross->first_block) * cross->block_rows, left = cross->x.rows - row;
    int64_t rows = left < cross->block_rows ? left : cross->block_rows;
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)cross->x.cols, (int)cross->y.cols,
                (int)rows, 1, row_at(cross->x, row), (int)cross->x.stride, row_at(cross->y, row),
                (int)cross->y.stride, 0, values, (int)cross->y.cols);
}

/* panel[x.cols x y.cols] = x^T y. Collective. */
static trn_status_t cross_panel(trn_tall_t x, trn_tall_t y, double *panel) {
    int rank, ranks;
    MPI_Comm_rank(x.comm, &rank);
    MPI_Comm_size(x.comm, &ranks);
    int64_t blocks = blocks_of(x.rows);
    cross_t cross = {x.block, y.block, trn_tall_block(x.rows), trn_part_start(blocks, ranks, rank)};
    return trn_reduce_tree(x.comm, blocks, x.block.cols * y.block.cols, cross_block, &cross, panel);
}

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

trn_status_t trn_tall_center(trn_tall_t x, double *mean) {
    trn_tall_t ones;
    trn_status_t status = trn_agree(x.comm, trn_tall_create(&ones, x.comm, x.rows, 1));
    for (int64_t i = 0; i < ones.block.rows && status == TRN_OK; i++)
        *row_at(ones.block, i) = 1;
    if (status == TRN_OK) status = trn_tall_cross(ones, x, mean);
    for (int64_t j = 0; j < x.block.cols && status == TRN_OK; j++)
        mean[j] /= (double)x.rows;
    for (int64_t i = 0; i < x.block.rows && status == TRN_OK; i++)
        for (int64_t j = 0; j < x.block.cols; j++)
            row_at(x.block, i)[j] -= mean[j];
    trn_tall_free(&ones);
    return status;
}
