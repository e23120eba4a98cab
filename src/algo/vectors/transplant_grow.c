/* transplant_grow.c: normal numbers times the root of a covariance. */
#include "algo/vectors/transplant_grow.h"

#include "algo/matrix/gram.h"
#include "base/mem.h"
#include "base/rng.h"
#include "io/text/decode.h"
#include "kern/dense/lapack.h"
#include "mpi/agree.h"
#include "mpi/large.h"

#include <cblas.h>

enum {
    DRAWN = 64,     /* rows that are drawn together: BLAS always sees as many, counted from the
                     * first new one, so that bits depend on the row alone */
    BYTES = 2 << 20 /* of rows that are copied at a time */
};

/* What dpotrf leaves is upper triangular, zero below. Collective. */
static trn_status_t root_of(trn_tall_in_t *in, double *root) {
    MPI_Comm comm = in->tall.comm;
    int64_t cols = in->in.info.cols;
    int rank;
    MPI_Comm_rank(comm, &rank);
    trn_status_t status = TRN_OK;
    if (rank == 0 && !trn_lapack_cholesky(cols, root))
        status =
            trn_fail(TRN_NUMERIC,
                     "%s: the covariance of its %lld columns is not positive definite: there "
                     "are too few rows, or columns that depend on each other; use --pieces, or "
                     "auxiliary vectors",
                     in->in.path, (long long)cols);
    TRN_AGREE(comm, status);
    trn_bcast_large(comm, cols * cols, MPI_DOUBLE, root);
    return TRN_OK;
}

trn_status_t trn_grow_root(trn_tall_in_t *in, double epsilon, double *mean, double *root) {
    int64_t cols = in->in.info.cols, rows = in->in.info.rows;
    /* The mean first, then products of what is centered: sums of squares would cancel. */
    TRN_TRY(trn_tall_in_outcome(in, trn_tall_center(in->tall, mean)));
    TRN_TRY(trn_tall_in_outcome(in, trn_tall_gram(in->tall, root)));
    for (int64_t i = 0; i < cols * cols; i++)
        root[i] *= epsilon / (double)rows;
    return root_of(in, root);
}

/* Rows of the source in a band, then drawn ones. */
typedef struct growing {
    const trn_grow_t *g;
    trn_rows_t *source;
    trn_rows_out_t *out;
    int64_t rows, cols; /* of the source */
    int64_t block;      /* rows that are copied at a time */
    char *copy;         /* [block x cols] */
    double *normal;     /* [DRAWN x cols] */
    double *drawn;      /* [DRAWN x cols] */
    float *single;      /* [cols] */
} growing_t;

/* Rows that are copied at a time, at least one. */
static int64_t block_rows(const trn_rows_about_t *about, trn_dtype_t type) {
    int64_t row = about->cols * trn_dtype_size(type), rows = row > 0 ? BYTES / row : 1;
    rows = rows < about->rows ? rows : about->rows;
    return rows > 0 ? rows : 1;
}

static trn_status_t begin(growing_t *w) {
    const trn_rows_about_t *about = trn_rows_about(w->source);
    w->rows = about->rows;
    w->cols = about->cols;
    w->block = block_rows(about, w->g->type);
    TRN_TRY(trn_alloc(&w->copy, w->block * w->cols, (size_t)trn_dtype_size(w->g->type),
                      "rows to copy"));
    TRN_TRY(trn_alloc(&w->normal, DRAWN * w->cols, sizeof *w->normal, "normal numbers"));
    TRN_TRY(trn_alloc(&w->drawn, DRAWN * w->cols, sizeof *w->drawn, "new rows"));
    return trn_alloc(&w->single, w->cols, sizeof *w->single, "normal numbers");
}

/* Old rows as they are, in the type that is written. */
static trn_status_t copy_rows(const growing_t *w, int64_t first, int64_t end) {
    for (int64_t row = first, some; row < end; row += some) {
        some = end - row < w->block ? end - row : w->block;
        TRN_TRY(trn_rows_read(w->source, row, some, w->g->type, w->copy));
        TRN_TRY(trn_rows_write(w->out, row, some, w->g->type, w->copy));
    }
    return TRN_OK;
}

/* New rows [number x DRAWN, ... ), counted from the first new one. */
static void draw_block(const growing_t *w, int64_t number) {
    const trn_grow_t *g = w->g;
    int cols = (int)w->cols;
    for (int64_t i = 0; i < DRAWN; i++) {
        uint64_t row = (uint64_t)(w->rows + number * DRAWN + i);
        trn_rng_normal_row(g->seed, row, 0, TRN_RNG_TRANSPLANT, 1, w->cols, w->single);
        for (int64_t j = 0; j < w->cols; j++) {
            w->normal[i * w->cols + j] = (double)w->single[j];
            w->drawn[i * w->cols + j] = g->mean[j];
        }
    }
    if (cols == 0) return;
    /* normal^T root has the covariance root^T root; `drawn` holds the mean already. */
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, DRAWN, cols, cols, 1, w->normal, cols,
                g->root, cols, 1, w->drawn, cols);
}

/* New rows [first, end), counted from the first new one: parts of blocks. */
static trn_status_t draw_rows(const growing_t *w, int64_t first, int64_t end) {
    for (int64_t row = first, some; row < end; row += some) {
        int64_t within = row % DRAWN;
        some = end - row < DRAWN - within ? end - row : DRAWN - within;
        draw_block(w, row / DRAWN);
        TRN_TRY(trn_rows_write(w->out, w->rows + row, some, TRN_F64, w->drawn + within * w->cols));
    }
    return TRN_OK;
}

trn_status_t trn_grow_write(const trn_grow_t *grow, trn_rows_t *source, trn_rows_out_t *out) {
    growing_t w = {.g = grow, .source = source, .out = out};
    int64_t end = grow->first + grow->own;
    trn_status_t status = begin(&w);
    int64_t copied = end < w.rows ? end : w.rows,
            drawn = grow->first > w.rows ? grow->first : w.rows;
    if (status == TRN_OK && grow->first < copied) status = copy_rows(&w, grow->first, copied);
    if (status == TRN_OK && drawn < end) status = draw_rows(&w, drawn - w.rows, end - w.rows);
    trn_free(&w.copy);
    trn_free(&w.normal);
    trn_free(&w.drawn);
    trn_free(&w.single);
    return status;
}

/* Root and mean stay. */
void trn_grow_root_plan(trn_ledger_t *ledger, int64_t rows, int64_t cols, int ranks, int rank) {
    trn_ledger_take(ledger, "covariance", (cols + 1) * cols, sizeof(double));
    trn_ledger_t before = *ledger;
    trn_tall_cross_plan(ledger, rows, cols, cols, ranks, rank);
    trn_ledger_back(ledger, &before);
}

void trn_grow_write_plan(trn_ledger_t *ledger, const trn_rows_about_t *source, trn_dtype_t type) {
    enum { PIECE = 1 << 20 /* that a reader keeps */ };
    int64_t block = block_rows(source, type) * source->cols;
    trn_ledger_take(ledger, "rows", block, trn_dtype_size(type));
    trn_ledger_take(ledger, "rows", (2 * DRAWN + 1) * source->cols, sizeof(double));
    trn_ledger_take(ledger, "rows", PIECE + trn_decoder_bytes(source->coding), 1);
}
