/* quantize.c: the pass in which rows become codes. */
#include "algo/cluster/quantize.h"

#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/reduce.h"

#include <math.h>
#include <string.h>

enum { SQUARES, SIZE, COSINES, PAIRS, SUMS };

/* The pass, with room for a block. */
typedef struct run {
    trn_quantize_t *pass;
    trn_store_t *store;
    trn_code_shape_t shape;
    trn_cluster_span_t span;
    void *codes, *scales; /* [block] rows of them */
    double *row;          /* [2 x cols] as it is, and as decoded */
    double largest;
    trn_status_t status; /* kept: others wait for this rank's sums */
    char message[512];
} run_t;

/* What decoding has to know beside the codes stands in attributes of the store. */
trn_status_t trn_quantize_declare(const trn_quantize_t *pass, trn_store_t *store) {
    static const char *const names[] = {"vector", "product", "block"};
    const trn_coder_t *coder = pass->coder;
    trn_code_shape_t shape = trn_coder_shape(coder);
    int64_t rows = pass->rows->tall.rows;
    TRN_TRY(trn_store_dataset(store, shape.codes, shape.type, rows,
                              coder->kind == TRN_CODES_VECTOR ? 0 : shape.cols));
    TRN_TRY(trn_store_set_text(store, "/", "coding", names[coder->kind]));
    TRN_TRY(trn_store_set_int(store, "/", "cols", coder->cols));
    if (coder->kind != TRN_CODES_BLOCK) return TRN_OK;
    TRN_TRY(trn_store_dataset(store, "/scales", shape.scale, rows, shape.scales));
    TRN_TRY(trn_store_set_int(store, "/", "block", coder->block.block));
    return trn_store_set_int(store, "/", "bits", coder->block.bits);
}

/* What rounding to codes does to row i of a block. */
static void compare(run_t *r, trn_view_t rows, int64_t i, const void *codes, double *values) {
    int64_t cols = rows.cols;
    double *x = r->row, *y = r->row + cols, xx = 0, yy = 0, xy = 0, square = 0;
    for (int64_t j = 0; j < cols; j++) {
        int64_t at = i * rows.stride + j;
        x[j] = rows.type == TRN_F32 ? (double)((float *)rows.data)[at] : ((double *)rows.data)[at];
    }
    trn_coder_decode(r->pass->coder, codes, r->scales, i, y);
    for (int64_t j = 0; j < cols; j++) {
        double off = x[j] - y[j];
        square += off * off;
        xx += x[j] * x[j];
        yy += y[j] * y[j];
        xy += x[j] * y[j];
        r->largest = fabs(off) > r->largest ? fabs(off) : r->largest;
    }
    values[SQUARES] += square;
    values[SIZE] += xx;
    if (xx == 0 || yy == 0) return;
    values[COSINES] += xy / (sqrt(xx) * sqrt(yy));
    values[PAIRS]++;
}

/* Codes and scales of a block, known or made now, into the store. Local. */
static trn_status_t encode(run_t *r, int64_t first, trn_view_t rows, const void **codes) {
    const trn_quantize_t *pass = r->pass;
    int64_t size = r->shape.cols * trn_dtype_size(r->shape.type);
    *codes = r->codes;
    if (pass->known)
        *codes = (const char *)pass->known + (first - r->span.first_row) * size;
    else if (!trn_coder_encode(pass->coder, rows, r->codes, r->scales))
        return trn_fail(TRN_NUMERIC,
                        "%s: rows %lld to %lld: a number is too large for its scale; "
                        "take --dtype f64, or scale the matrix first (transform --scale)",
                        pass->rows->name, (long long)first, (long long)(first + rows.rows - 1));
    TRN_TRY(trn_store_write(r->store, r->shape.codes, first, rows.rows, *codes));
    if (r->shape.scales == 0) return TRN_OK;
    return trn_store_write(r->store, "/scales", first, rows.rows, r->scales);
}

/* A leaf of the tree: one block of rows. */
static void pass_block(void *user, int64_t block, double *values) {
    run_t *r = user;
    trn_view_t rows = trn_cluster_block(r->pass->rows, block);
    const void *codes = NULL;
    memset(values, 0, SUMS * sizeof *values);
    if (r->status != TRN_OK) return;
    r->status = encode(r, block * r->span.block, rows, &codes);
    if (r->status != TRN_OK) snprintf(r->message, sizeof r->message, "%s", trn_message());
    for (int64_t i = 0; i < rows.rows && r->status == TRN_OK; i++)
        compare(r, rows, i, codes, values);
}

/* Room for a block; codes that are known need none, but it is small. */
static trn_status_t create(run_t *r) {
    int64_t rows =
        r->span.block < r->pass->rows->tall.rows ? r->span.block : r->pass->rows->tall.rows;
    TRN_TRY(trn_alloc(&r->codes, rows * r->shape.cols, (size_t)trn_dtype_size(r->shape.type),
                      "codes of a block"));
    TRN_TRY(trn_alloc(&r->scales, rows * r->shape.scales,
                      r->shape.scales ? (size_t)trn_dtype_size(r->shape.scale) : 1,
                      "scales of a block"));
    return trn_alloc(&r->row, 2 * r->pass->rows->cols, sizeof *r->row, "a row and its code");
}

/* Sums and outcome of the pass. Collective. */
static trn_status_t run(run_t *r) {
    trn_quantize_t *pass = r->pass;
    MPI_Comm comm = pass->rows->tall.comm;
    double sums[SUMS];
    TRN_TRY(trn_reduce_tree(comm, r->span.blocks, SUMS, pass_block, r, sums));
    TRN_TRY(trn_cluster_outcome(pass->rows, TRN_OK));
    if (r->status != TRN_OK) (void)trn_fail(r->status, "%s", r->message);
    TRN_TRY(trn_agree(comm, r->status));
    MPI_Allreduce(MPI_IN_PLACE, &r->largest, 1, MPI_DOUBLE, MPI_MAX, comm);
    pass->error =
        (trn_quantize_error_t){sums[SQUARES], sums[SIZE], sums[COSINES], sums[PAIRS], r->largest};
    pass->bytes = pass->rows->tall.rows * (r->shape.cols * trn_dtype_size(r->shape.type) +
                                           r->shape.scales * trn_dtype_size(r->shape.scale));
    return TRN_OK;
}

/* Writing happens inside the sum over blocks: rows pass by once for both. */
trn_status_t trn_quantize_write(trn_quantize_t *pass, trn_store_t *store) {
    run_t r = {.pass = pass,
               .store = store,
               .shape = trn_coder_shape(pass->coder),
               .span = trn_cluster_span(pass->rows)};
    trn_status_t status = trn_agree(pass->rows->tall.comm, create(&r));
    if (status == TRN_OK) status = run(&r);
    trn_free(&r.codes);
    trn_free(&r.scales);
    trn_free(&r.row);
    return status;
}

/* The same walk as `create`. */
void trn_quantize_plan(trn_ledger_t *ledger, const trn_coder_t *coder, int64_t rows) {
    trn_code_shape_t shape = trn_coder_shape(coder);
    int64_t block = trn_tall_block(rows) < rows ? trn_tall_block(rows) : rows;
    trn_ledger_take(ledger, "codes", block * shape.cols, trn_dtype_size(shape.type));
    trn_ledger_take(ledger, "codes", block * shape.scales, trn_dtype_size(shape.scale));
    trn_ledger_take(ledger, "codes", 2 * coder->cols, sizeof(double));
}

/* Of a matrix of zeros the relative error is 0, and the cosine 1: nothing is lost. */
json_t *trn_quantize_figures(const trn_quantize_t *pass, int64_t size, int64_t more) {
    const trn_quantize_error_t *e = &pass->error;
    double numbers = (double)pass->rows->tall.rows * (double)pass->rows->cols;
    return json_pack("{s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f}", "rows",
                     (json_int_t)pass->rows->tall.rows, "cols", (json_int_t)pass->rows->cols,
                     "bytes_before", (json_int_t)((int64_t)numbers * size), "bytes_after",
                     (json_int_t)(pass->bytes + more), "squared_error", e->squares,
                     "mean_squared_error", numbers > 0 ? e->squares / numbers : 0, "relative_error",
                     e->size > 0 ? sqrt(e->squares / e->size) : 0, "mean_cosine",
                     e->pairs > 0 ? e->cosines / e->pairs : 1, "largest_error", e->largest);
}
