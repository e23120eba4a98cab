#include "algo/matrix/gram.h"

#include "algo/matrix/overflow.h"
#include "base/mem.h"
#include "kern/dense/blas.h"
#include "kern/dense/syrk.h"
#include "mpi/agree.h"
#include "mpi/reduce.h"

#include <string.h>

/* The result is made in panels of columns, each from the diagonal down, so that what a rank holds
 * of it is bounded. Panels are cut by the number of columns alone. */
enum { PANEL_NUMBERS = 1 << 21 };

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Columns of a panel: at least one, however long it is. */
static int64_t panel_cols(int64_t cols) {
    int64_t width = PANEL_NUMBERS / (cols > 0 ? cols : 1);
    return width < 1 ? 1 : least(width, cols);
}

/* One panel: columns [first, first + cols) of the result, rows from `first` on. */
typedef struct panel {
    trn_tall_t x;
    int64_t first, cols;
    double *scratch;
    int threads;
} panel_t;

/* What one block of rows contributes; zeros above the diagonal, for they travel too. */
static void contribute(void *user, int64_t block, double *values) {
    const panel_t *p = user;
    trn_view_t x = trn_tall_block_rows(p->x, block);
    x = trn_view_part(x, 0, x.rows, p->first, x.cols - p->first);
    for (int64_t i = 0; i < p->cols; i++)
        memset(values + i * p->cols + i + 1, 0, sizeof *values * (size_t)(p->cols - i - 1));
    trn_syrk_t gram = {.type = TRN_F64,
                       .n = x.cols,
                       .cols = p->cols,
                       .k = x.rows,
                       .alpha = 1,
                       .a = x.data,
                       .lda = x.stride,
                       .c = values,
                       .ldc = p->cols,
                       .threads = p->threads};
    if (x.type == TRN_MATRIX_F32)
        trn_syrk_widen(&gram, p->scratch);
    else
        trn_syrk(&gram);
}

static void set(trn_view_t gram, int64_t row, int64_t col, double value) {
    if (gram.type == TRN_MATRIX_F32)
        ((float *)gram.data)[row * gram.stride + col] = (float)value;
    else
        ((double *)gram.data)[row * gram.stride + col] = value;
}

/* Rows [from, from + gram.rows) of the result take their share of a panel: of its columns what is
 * on and below the diagonal, and as a mirror the rows that are its columns. */
static void keep(trn_view_t gram, int64_t from, int64_t first, int64_t cols, const double *panel) {
    int64_t end = from + gram.rows;
    for (int64_t i = from > first ? from : first; i < end; i++)
        for (int64_t j = first; j < least(first + cols, i + 1); j++)
            set(gram, i - from, j, panel[(i - first) * cols + j - first]);
    for (int64_t j = first; j < gram.cols; j++) /* along the rows of the panel */
        for (int64_t i = from > first ? from : first; i < least(least(first + cols, end), j); i++)
            set(gram, i - from, j, panel[(j - first) * cols + i - first]);
}

static trn_status_t plan(const trn_tall_t *x, trn_view_t gram, double **sums, double **scratch) {
    int64_t cols = x->block.cols;
    *sums = *scratch = NULL;
    if (gram.rows > 0 && gram.cols != cols)
        return trn_fail(TRN_USAGE, "gram: the result has %lld columns, not %lld",
                        (long long)gram.cols, (long long)cols);
    TRN_TRY(trn_alloc(sums, cols * panel_cols(cols), sizeof **sums, "a panel of a Gram matrix"));
    if (x->block.type != TRN_MATRIX_F32) return TRN_OK;
    return trn_alloc(scratch, trn_syrk_scratch(cols), sizeof **scratch, "rows in float64");
}

trn_status_t trn_gram(trn_tall_t x, int64_t first, trn_view_t gram, int threads) {
    double *sums, *scratch;
    int64_t cols = x.block.cols, width = panel_cols(cols), block = trn_tall_block(x.rows);
    int64_t blocks = (x.rows + block - 1) / block;
    trn_status_t status = trn_agree(x.comm, plan(&x, gram, &sums, &scratch));
    for (int64_t left = 0; left < cols && status == TRN_OK; left += width) {
        int64_t across = least(width, cols - left), down = cols - left;
        panel_t panel = {x, left, across, scratch, threads};
        status = trn_reduce_tree(x.comm, blocks, down * across, contribute, &panel, sums);
        if (status == TRN_OK) keep(gram, first, left, across, sums);
    }
    trn_free(&sums);
    trn_free(&scratch);
    return status;
}

trn_status_t trn_gram_check(trn_tall_t x, int64_t first, trn_view_t gram, const char *name) {
    trn_share_t operand = {.tall = &x}; /* its columns are rows and columns of the result */
    trn_product_parts_t parts = {x.block.cols, x.block.cols, operand, operand,
                                 .left_transposed = true};
    trn_share_t result = {.dense = gram, .first_row = first};
    return trn_overflow_check(x.comm, &parts, &result, name);
}

trn_status_t trn_tall_gram(trn_tall_t x, double *product) {
    int64_t cols = x.block.cols;
    return trn_gram(x, 0, (trn_view_t){TRN_MATRIX_F64, cols, cols, cols, product}, 1);
}

void trn_gram_plan(trn_ledger_t *ledger, int64_t rows, int64_t cols, trn_matrix_type_t type,
                   int ranks, int rank) {
    int64_t block = trn_tall_block(rows), blocks = (rows + block - 1) / block;
    int64_t panel = cols * panel_cols(cols);
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "sums", panel, sizeof(double));
    if (type == TRN_MATRIX_F32)
        trn_ledger_take(ledger, "sums", trn_syrk_scratch(cols), sizeof(double));
    trn_ledger_take(ledger, "sums",
                    trn_reduce_bytes((trn_blocks_t){.blocks = blocks}, panel, ranks, rank), 1);
    trn_ledger_take(ledger, "libraries", trn_blas_bytes(sizeof(double), cols, block), 1);
    trn_ledger_back(ledger, &before);
}
