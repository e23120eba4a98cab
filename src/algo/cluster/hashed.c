/* hashed.c: codes by signs, means of the parts that share a code, sums of table rows. */
#include "algo/cluster/hashed.h"

#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/reduce.h"

#include <string.h>

/* Number (i, j) of a view of either type. */
static double number(trn_view_t rows, int64_t i, int64_t j) {
    int64_t at = i * rows.stride + j;
    return rows.type == TRN_F32 ? (double)((const float *)rows.data)[at]
                                : ((const double *)rows.data)[at];
}

/* Zero, of either sign, counts as not positive. */
void trn_hashed_codes(trn_view_t rows, int32_t *code) {
    for (int64_t i = 0; i < rows.rows; i++) {
        code[i] = 0;
        for (int64_t j = 0; j < rows.cols; j++)
            code[i] |= (number(rows, i, j) > 0) << j;
    }
}

/* Sums of the rows of a part and a code: `width` numbers, and how many there are. */
typedef struct sums {
    const trn_cluster_rows_t *rows;
    const trn_codebook_t *book;
} sums_t;

/* A leaf of the tree: one block of rows. */
static void add_block(void *user, int64_t block, double *values) {
    const sums_t *s = user;
    const trn_codebook_t *book = s->book;
    trn_view_t rows = trn_cluster_block(s->rows, block);
    int64_t width = book->width;
    memset(values, 0, sizeof *values * (size_t)(book->parts * book->k * (width + 1)));
    for (int64_t i = 0; i < rows.rows; i++)
        for (int64_t p = 0; p < book->parts; p++) {
            trn_view_t part = trn_view_part(rows, i, 1, p * width, width);
            int32_t code;
            trn_hashed_codes(part, &code);
            double *sum = values + (p * book->k + code) * (width + 1);
            for (int64_t j = 0; j < width; j++)
                sum[j] += number(part, 0, j);
            sum[width]++;
        }
}

/* Sums in float64 over the fixed tree, counts beside them: exact up to 2^53 rows. */
trn_status_t trn_hashed(trn_codebook_t *book, const trn_cluster_rows_t *rows, int bits) {
    MPI_Comm comm = rows->tall.comm;
    sums_t user = {rows, book};
    *book = (trn_codebook_t){.path = rows->name,
                             .parts = rows->cols / bits,
                             .k = (int64_t)1 << bits,
                             .width = bits,
                             .signs = true};
    int64_t centers = book->parts * book->k, blocks = trn_cluster_span(rows).blocks;
    double *sum = NULL;
    trn_status_t status = trn_alloc(&book->center, centers * bits, sizeof *sum, "a codebook");
    if (status == TRN_OK)
        status = trn_alloc(&sum, centers * (bits + 1), sizeof *sum, "sums of codes");
    status = trn_agree(comm, status);
    if (status == TRN_OK)
        status = trn_reduce_tree(comm, blocks, centers * (bits + 1), add_block, &user, sum);
    if (status == TRN_OK) status = trn_cluster_outcome(rows, TRN_OK);
    for (int64_t c = 0; c < centers && status == TRN_OK; c++) {
        const double *from = sum + c * (bits + 1);
        for (int j = 0; j < bits; j++)
            book->center[c * bits + j] = from[bits] > 0 ? from[j] / from[bits] : 0;
    }
    trn_free(&sum);
    return status;
}

/* The same walk; a node of the tree has as many sums as the book. */
void trn_hashed_plan(trn_ledger_t *ledger, int64_t rows, int64_t cols, int bits, int ranks,
                     int rank) {
    int64_t centers = cols / bits << bits, block = trn_tall_block(rows);
    trn_blocks_t blocks = {.blocks = (rows + block - 1) / block};
    trn_ledger_take(ledger, "centers", centers * bits, sizeof(double));
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "sums", centers * (bits + 1), sizeof(double));
    trn_ledger_take(ledger, "sums", trn_reduce_bytes(blocks, centers * (bits + 1), ranks, rank), 1);
    trn_ledger_back(ledger, &before);
}

/* In the order of the parts, so that equal codes give equal bits. */
void trn_hashed_sum(int64_t parts, int64_t k, int64_t cols, const double *tables,
                    const int32_t *code, double *y) {
    memset(y, 0, sizeof *y * (size_t)cols);
    for (int64_t p = 0; p < parts; p++) {
        const double *row = tables + (p * k + code[p]) * cols;
        for (int64_t j = 0; j < cols; j++)
            y[j] += row[j];
    }
}
