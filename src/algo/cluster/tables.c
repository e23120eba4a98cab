/* tables.c: sums of looked-up products, beside the exact ones. */
#include "algo/cluster/tables.h"

#include "algo/cluster/hashed.h"
#include "base/mem.h"
#include "kern/dense/gemm.h"
#include "mpi/agree.h"
#include "mpi/reduce.h"

#include <string.h>

/* Codes of a block, as 32 bits each: a part after the other. */
static void encode(trn_tables_t *t, trn_view_t rows) {
    const trn_codebook_t *book = t->book;
    for (int64_t p = 0; p < book->parts; p++) {
        trn_coder_label(&t->coder, rows, p);
        for (int64_t i = 0; i < rows.rows; i++)
            t->code[i * book->parts + p] = t->coder.label[i];
    }
}

/* One block: its looked-up sums into the file, and the exact products beside them for the error. */
static void make(void *user, int64_t first, trn_view_t rows, void *values) {
    trn_tables_t *t = user;
    const trn_codebook_t *book = t->book;
    int64_t cols = t->weight->width;
    double *error = t->error + (first / t->block - t->first) * 2, *y = values;
    encode(t, rows);
    trn_gemm_f64(rows.rows, cols, rows.cols, (trn_factor_t){rows.data, rows.stride, false},
                 t->weight->center, 0, t->exact);
    error[0] = error[1] = 0;
    for (int64_t i = 0; i < rows.rows; i++) {
        trn_hashed_sum(book->parts, book->k, cols, t->table, t->code + i * book->parts,
                       y + i * cols);
        for (int64_t j = 0; j < cols; j++) {
            double exact = t->exact[i * cols + j], off = y[i * cols + j] - exact;
            error[0] += off * off;
            error[1] += exact * exact;
        }
    }
}

trn_tall_made_t trn_tables_made(trn_tables_t *tables) {
    return (trn_tall_made_t){tables->weight->width, TRN_F64, make, tables};
}

static int64_t block_of(int64_t rows) {
    int64_t block = trn_tall_block(rows);
    return block < rows ? block : rows;
}

/* All that a pass takes. */
static trn_status_t create(trn_tables_t *t, const trn_tall_in_t *in, int threads) {
    const trn_codebook_t *book = t->book;
    int64_t rows = block_of(in->in.info.rows), cols = t->weight->width;
    int64_t own = (in->tall.block.rows + t->block - 1) / t->block;
    TRN_TRY(trn_coder_create(&t->coder, rows, threads));
    TRN_TRY(trn_alloc(&t->table, book->parts * book->k * cols, sizeof(double), "tables"));
    TRN_TRY(trn_alloc(&t->code, book->parts * rows, sizeof *t->code, "codes of a block"));
    TRN_TRY(trn_alloc(&t->exact, rows * cols, sizeof(double), "products of a block"));
    return trn_alloc(&t->error, 2 * own, sizeof(double), "errors of blocks");
}

/* Table p is the product of the centers of part p with the rows of the matrix that meet that part.
 */
trn_status_t trn_tables_open(trn_tables_t *t, const trn_tall_in_t *in, int threads) {
    const trn_codebook_t *book = t->book;
    int64_t cols = t->weight->width, rows = in->in.info.rows;
    t->coder =
        (trn_coder_t){.kind = TRN_CODES_PRODUCT, .cols = book->parts * book->width, .book = book};
    t->block = trn_tall_block(rows);
    t->first = trn_tall_first_block(in->tall);
    TRN_AGREE(in->tall.comm, create(t, in, threads));
    for (int64_t p = 0; p < book->parts; p++)
        trn_gemm_f64(book->k, cols, book->width,
                     (trn_factor_t){book->center + p * book->k * book->width, book->width, false},
                     t->weight->center + p * book->width * cols, 0, t->table + p * book->k * cols);
    return TRN_OK;
}

/* Blocks are summed by the tree, so that the error has the same bits on any number of ranks. */
trn_status_t trn_tables_error(const trn_tables_t *t, const trn_tall_in_t *in, double squares[2]) {
    int64_t blocks = (in->in.info.rows + t->block - 1) / t->block;
    return trn_reduce_blocks(in->tall.comm, blocks, 2, t->error, squares);
}

void trn_tables_close(trn_tables_t *t) {
    trn_coder_free(&t->coder);
    trn_free(&t->table);
    trn_free(&t->code);
    trn_free(&t->exact);
    trn_free(&t->error);
}

/* The same walk; blocks of errors are few. */
void trn_tables_plan(trn_ledger_t *ledger, const trn_tables_t *t, int64_t rows, int threads,
                     int ranks, int rank) {
    const trn_codebook_t *book = t->book;
    int64_t block = block_of(rows), cols = t->weight->width;
    int64_t own = trn_tall_rows(rows, ranks, rank) / (block > 0 ? block : 1) + 1;
    trn_coder_t coder = {
        .kind = TRN_CODES_PRODUCT, .cols = book->parts * book->width, .book = book};
    trn_coder_plan(ledger, &coder, block, threads);
    trn_ledger_take(ledger, "tables", book->parts * book->k * cols, sizeof(double));
    trn_ledger_take(ledger, "codes", book->parts * block, sizeof(int32_t));
    trn_ledger_take(ledger, "products", block * cols + 2 * own, sizeof(double));
}
