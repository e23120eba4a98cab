#include "algo/matrix/tall.h"

#include "base/mem.h"
#include "base/rng.h"
#include "kern/dense/lapack.h"
#include "mpi/agree.h"
#include "mpi/reduce.h"

#include <cblas.h>
#include <math.h>
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

int64_t trn_tall_start(MPI_Comm comm, int64_t rows, int rank) {
    int ranks;
    MPI_Comm_size(comm, &ranks);
    int64_t first = trn_part_start(blocks_of(rows), ranks, rank) * trn_tall_block(rows);
    return first < rows ? first : rows;
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

trn_status_t trn_tall_centre(trn_tall_t x, double *mean) {
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

/* Orthonormal bases ---------------------------------------------------------------------------- */

static trn_status_t eig_here(int64_t n, double *a, double *values, const char *what) {
    for (int64_t i = 0; i < n * n; i++)
        if (!isfinite(a[i]))
            return trn_fail(TRN_NUMERIC, "%s: not finite; the numbers are too large", what);
    double *work;
    TRN_TRY(trn_alloc(&work, trn_lapack_eig_work(n), sizeof *work, "work of DSYEVD"));
    trn_status_t status = TRN_OK;
    if (!trn_lapack_eig(n, a, values, work))
        status = trn_fail(TRN_NUMERIC, "%s: eigenvalues did not converge", what);
    trn_free(&work);
    return status;
}

trn_status_t trn_tall_eig(MPI_Comm comm, int64_t n, double *a, double *values, const char *what) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    TRN_AGREE(comm, rank == 0 ? eig_here(n, a, values, what) : TRN_OK);
    MPI_Datatype row;
    MPI_Type_contiguous((int)n, MPI_DOUBLE, &row);
    MPI_Type_commit(&row);
    MPI_Bcast(a, (int)n, row, 0, comm);
    MPI_Bcast(values, 1, row, 0, comm);
    MPI_Type_free(&row);
    return TRN_OK;
}

/* Work space of one orthonormalisation of b columns against q. */
typedef struct frame {
    double *cross;   /* [q x b] */
    double *gram;    /* [b x b] */
    double *turn;    /* [b x b] */
    double *values;  /* [b] */
    double *scale;   /* [b]: 1 / length of each column; 0 for one that is zero */
    double *scratch; /* [block x b] */
} frame_t;

static trn_status_t frame_create(frame_t *frame, int64_t q, int64_t b) {
    const char *what = "an orthonormal basis";
    *frame = (frame_t){0};
    TRN_TRY(trn_alloc(&frame->cross, q * b, sizeof(double), what));
    TRN_TRY(trn_alloc(&frame->gram, b * b, sizeof(double), what));
    TRN_TRY(trn_alloc(&frame->turn, b * b, sizeof(double), what));
    TRN_TRY(trn_alloc(&frame->values, b, sizeof(double), what));
    TRN_TRY(trn_alloc(&frame->scale, b, sizeof(double), what));
    return trn_alloc(&frame->scratch, TRN_TALL_BLOCK * b, sizeof(double), what);
}

static void frame_destroy(frame_t *frame) {
    trn_free(&frame->cross);
    trn_free(&frame->gram);
    trn_free(&frame->turn);
    trn_free(&frame->values);
    trn_free(&frame->scale);
    trn_free(&frame->scratch);
}

/* From the eigenvectors of the scaled Gram matrix, the matrix that makes the columns orthonormal.
 * Values below the floor are rounding: a direction so weak comes out in full, but at a length and
 * at angles that only the next round, which scales it up, sets right. */
static void turn_of(const frame_t *frame, int64_t b) {
    static const double weakest = 1e-15;
    for (int64_t i = 0; i < b; i++) {
        double value = frame->values[i] > weakest ? frame->values[i] : weakest;
        for (int64_t j = 0; j < b; j++)
            frame->turn[j * b + (b - 1 - i)] =
                frame->scale[j] * frame->gram[i * b + j] / sqrt(value);
    }
}

/* Make the Gram matrix one of columns of length 1; columns that are zero become random. Returns how
 * many are. */
static int64_t scale_columns(trn_tall_t x, frame_t *frame, uint32_t round) {
    static const double nothing = 1e-280; /* squared */
    int64_t b = x.block.cols, zeros = 0;
    double *gram = frame->gram;
    for (int64_t i = 0; i < b; i++) {
        bool zero = gram[i * b + i] < nothing;
        if (zero) trn_tall_random(trn_tall_cols(x, i, 1), round * (uint32_t)b + (uint32_t)i);
        frame->scale[i] = zero ? 0 : 1 / sqrt(gram[i * b + i]);
        zeros += zero;
    }
    for (int64_t i = 0; i < b; i++)
        for (int64_t j = 0; j < b; j++)
            gram[i * b + j] *= frame->scale[i] * frame->scale[j];
    return zeros;
}

/* One round; *done if the columns were nearly orthonormal before it. Collective. */
static trn_status_t straighten(trn_tall_t basis, trn_tall_t x, frame_t *frame, uint32_t round,
                               bool *done) {
    static const double nearly = 0.9;
    int64_t q = basis.block.cols, b = x.block.cols;
    *done = false;
    TRN_TRY(trn_tall_cross(basis, x, frame->cross));
    if (q > 0) trn_tall_multiply(-1, basis, frame->cross, b, 1, x);
    TRN_TRY(trn_tall_gram(x, frame->gram));
    if (scale_columns(x, frame, round) > 0) return TRN_OK;
    TRN_TRY(trn_tall_eig(x.comm, b, frame->gram, frame->values, "a Gram matrix"));
    turn_of(frame, b);
    trn_tall_rotate(x, b, frame->turn, frame->scratch);
    *done = round > 0 && frame->values[0] > nearly; /* the first may lose length to the basis */
    return TRN_OK;
}

trn_status_t trn_tall_orthonormalise(trn_tall_t basis, trn_tall_t x) {
    enum { ROUNDS = 20 };
    frame_t frame;
    if (x.block.cols == 0) return TRN_OK;
    trn_status_t status = trn_agree(x.comm, frame_create(&frame, basis.block.cols, x.block.cols));
    bool done = false;
    for (uint32_t round = 0; status == TRN_OK && !done && round < ROUNDS; round++)
        status = straighten(basis, x, &frame, round, &done);
    if (status == TRN_OK && !done)
        status = trn_fail(TRN_INTERNAL, "orthonormal basis: none of %lld columns in %lld rows",
                          (long long)(basis.block.cols + x.block.cols), (long long)x.rows);
    frame_destroy(&frame);
    return status;
}
