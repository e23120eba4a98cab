/* matrix.c: a dense matrix over ranks: each has one block, row-major, of the rows x columns that
 * the distribution gives it. A view is such a block or a part of one, with the whole's stride. */
#include "mpi/matrix.h"

#include "base/mem.h"
#include "mpi/agree.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

struct trn_matrix {
    MPI_Comm comm;
    const trn_dist_t *dist;
    trn_view_t block;
    trn_shared_t *shared; /* holds the block, or NULL */
};

int64_t trn_matrix_type_size(trn_dtype_t type) {
    return type == TRN_F32 ? (int64_t)sizeof(float) : (int64_t)sizeof(double);
}

static char *element(trn_view_t view, int64_t row, int64_t col) {
    return (char *)view.data + (row * view.stride + col) * trn_matrix_type_size(view.type);
}

trn_view_t trn_view_part(trn_view_t view, int64_t row, int64_t rows, int64_t col, int64_t cols) {
    view.data = element(view, row, col);
    view.rows = rows;
    view.cols = cols;
    return view;
}

/* Square tiles, so that the rows that are read and those that are written both stay in the cache.
 */
enum { TILE = 32 }; /* 32 x 32 doubles: 8 KiB a side */

#define TRANSPOSE(name, T)                                                                         \
    static void name(trn_view_t from, trn_view_t to) {                                             \
        const T *source = from.data;                                                               \
        T *target = to.data;                                                                       \
        for (int64_t i0 = 0; i0 < from.rows; i0 += TILE)                                           \
            for (int64_t j0 = 0; j0 < from.cols; j0 += TILE)                                       \
                for (int64_t i = i0; i < from.rows && i < i0 + TILE; i++)                          \
                    for (int64_t j = j0; j < from.cols && j < j0 + TILE; j++)                      \
                        target[j * to.stride + i] = source[i * from.stride + j];                   \
    }
TRANSPOSE(transpose_f32, float)
TRANSPOSE(transpose_f64, double)

void trn_view_transpose(trn_view_t from, trn_view_t to) {
    if (from.type == TRN_F32)
        transpose_f32(from, to);
    else
        transpose_f64(from, to);
}

/* Local counts must fit an int, as MPI and BLAS count in those. */
static trn_status_t plan(trn_matrix_t **out, MPI_Comm comm, trn_dtype_t type,
                         const trn_dist_t *dist) {
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    if (trn_dist_ranks(dist) > ranks)
        return trn_fail(TRN_USAGE, "matrix: blocks on %d ranks, but there are %d; cut it less",
                        trn_dist_ranks(dist), ranks);
    int64_t rows = trn_dist_local_rows(dist, rank), cols = trn_dist_local_cols(dist, rank);
    if (rows > INT_MAX || cols > INT_MAX)
        return trn_fail(TRN_USAGE, "matrix: a block of %lld x %lld is too large; use more ranks",
                        (long long)rows, (long long)cols);
    TRN_TRY(trn_alloc_zero(out, 1, sizeof **out, "a matrix"));
    **out = (trn_matrix_t){.comm = comm, .dist = dist, .block = {type, rows, cols, cols, NULL}};
    return TRN_OK;
}

/* Its own memory, or a block in /dev/shm that ranks of the node can read. */
static trn_status_t get_memory(trn_matrix_t *matrix, bool shared) {
    trn_view_t *block = &matrix->block;
    int64_t size = trn_matrix_type_size(block->type);
    if (!shared)
        return trn_agree(matrix->comm, trn_alloc(&block->data, block->rows * block->cols,
                                                 (size_t)size, "a matrix block"));
    int rank;
    MPI_Comm_rank(matrix->comm, &rank);
    TRN_TRY(trn_shared_create(&matrix->shared, matrix->comm, size * block->rows * block->cols));
    block->data = trn_shared_block(matrix->shared, rank);
    return TRN_OK;
}

/* `dist` is borrowed for as long as the matrix lives. */
static trn_status_t create(trn_matrix_t **matrix, MPI_Comm comm, trn_dtype_t type,
                           const trn_dist_t *dist, bool shared) {
    *matrix = NULL;
    TRN_TRY(trn_check_equal(comm, trn_dist_rows(dist), "rows of a matrix"));
    TRN_TRY(trn_check_equal(comm, trn_dist_cols(dist), "columns of a matrix"));
    trn_status_t status = trn_agree(comm, plan(matrix, comm, type, dist));
    if (status == TRN_OK) status = get_memory(*matrix, shared);
    if (status != TRN_OK) trn_matrix_destroy(matrix);
    return status;
}

trn_status_t trn_matrix_create(trn_matrix_t **matrix, MPI_Comm comm, trn_dtype_t type,
                               const trn_dist_t *dist) {
    return create(matrix, comm, type, dist, false);
}

trn_status_t trn_matrix_create_shared(trn_matrix_t **matrix, MPI_Comm comm, trn_dtype_t type,
                                      const trn_dist_t *dist) {
    return create(matrix, comm, type, dist, true);
}

const trn_shared_t *trn_matrix_shared(const trn_matrix_t *matrix) {
    return matrix->shared;
}

void trn_matrix_destroy(trn_matrix_t **matrix) {
    if (!*matrix) return;
    if (!(*matrix)->shared) trn_free(&(*matrix)->block.data);
    trn_shared_destroy(&(*matrix)->shared);
    trn_free(matrix);
}

trn_view_t trn_matrix_block(const trn_matrix_t *matrix) {
    return matrix->block;
}

const trn_dist_t *trn_matrix_dist(const trn_matrix_t *matrix) {
    return matrix->dist;
}

MPI_Comm trn_matrix_comm(const trn_matrix_t *matrix) {
    return matrix->comm;
}

int64_t trn_matrix_first_row(const trn_matrix_t *matrix) {
    int rank;
    trn_span_t span;
    MPI_Comm_rank(matrix->comm, &rank);
    trn_spans_t rows = trn_dist_row_spans(matrix->dist, rank);
    return trn_spans_next(&rows, &span) ? span.first : trn_dist_rows(matrix->dist);
}

/* What random numbers are wanted. */
typedef struct draw {
    uint64_t seed;
    trn_rng_stream_t stream;
    uint32_t step;
    double scale;
} draw_t;

/* Normal numbers are drawn as float32 and widened, so that a float64 matrix holds the same numbers;
 * by parts of 256, on the stack. */
static void draw_f64(const draw_t *draw, uint64_t row, int64_t first, int64_t count,
                     double *target) {
    float drawn[256];
    for (int64_t done = 0; done < count; done += 256) {
        int64_t now = count - done < 256 ? count - done : 256;
        trn_rng_normal_part(draw->seed, row, draw->step, draw->stream, draw->scale, first + done,
                            now, drawn);
        for (int64_t j = 0; j < now; j++)
            target[done + j] = drawn[j];
    }
}

/* A number depends on its row and column in the whole matrix, not on where its block begins. */
static void draw_row(const draw_t *draw, trn_view_t block, int64_t local, uint64_t row,
                     trn_spans_t cols) {
    trn_span_t col;
    while (trn_spans_next(&cols, &col)) {
        void *target = element(block, local, col.local);
        if (block.type == TRN_F32)
            trn_rng_normal_part(draw->seed, row, draw->step, draw->stream, draw->scale, col.first,
                                col.count, target);
        else
            draw_f64(draw, row, col.first, col.count, target);
    }
}

/* Each rank draws its own numbers: nothing is sent. */
void trn_matrix_fill_normal(trn_matrix_t *matrix, uint64_t seed, trn_rng_stream_t stream,
                            uint32_t step, double scale) {
    int rank;
    MPI_Comm_rank(matrix->comm, &rank);
    draw_t draw = {seed, stream, step, scale};
    trn_spans_t rows = trn_dist_row_spans(matrix->dist, rank);
    trn_spans_t cols = trn_dist_col_spans(matrix->dist, rank);
    trn_span_t row;
    while (trn_spans_next(&rows, &row))
        for (int64_t i = 0; i < row.count; i++)
            draw_row(&draw, matrix->block, row.local + i, (uint64_t)(row.first + i), cols);
}

/* Gathering ------------------------------------------------------------------------------------ */

/* A view as one MPI type, so that it travels without a copy; the caller frees it. */
static MPI_Datatype rectangle(trn_view_t view) {
    MPI_Datatype type;
    MPI_Type_create_hvector((int)view.rows, (int)view.cols,
                            view.stride * trn_matrix_type_size(view.type),
                            view.type == TRN_F32 ? MPI_FLOAT : MPI_DOUBLE, &type);
    MPI_Type_commit(&type);
    return type;
}

/* Bring one stretch of rows and columns from rank `holder` to rank 0. */
static void bring(const trn_matrix_t *matrix, trn_view_t whole, int holder, int rank,
                  trn_span_t row, trn_span_t col) {
    trn_view_t source = {0}, target = {0};
    if (rank == holder)
        source = trn_view_part(matrix->block, row.local, row.count, col.local, col.count);
    if (rank == 0) target = trn_view_part(whole, row.first, row.count, col.first, col.count);
    if (rank == 0 && holder == 0) {
        for (int64_t i = 0; i < row.count; i++)
            memcpy(element(target, i, 0), element(source, i, 0),
                   (size_t)(col.count * trn_matrix_type_size(source.type)));
        return;
    }
    MPI_Datatype type = rectangle(rank == 0 ? target : source);
    if (rank == 0)
        MPI_Recv(target.data, 1, type, holder, 0, matrix->comm, MPI_STATUS_IGNORE);
    else
        MPI_Send(source.data, 1, type, 0, 0, matrix->comm);
    MPI_Type_free(&type);
}

/* One holder after the other: for tests and small matrices, not for speed. */
void trn_matrix_gather(const trn_matrix_t *matrix, void *whole) {
    const trn_dist_t *dist = matrix->dist;
    int rank;
    MPI_Comm_rank(matrix->comm, &rank);
    trn_view_t target = {matrix->block.type, trn_dist_rows(dist), trn_dist_cols(dist),
                         trn_dist_cols(dist), whole};
    for (int holder = 0; holder < trn_dist_ranks(dist); holder++) {
        if (rank != 0 && rank != holder) continue;
        trn_spans_t rows = trn_dist_row_spans(dist, holder);
        trn_span_t row, col;
        while (trn_spans_next(&rows, &row)) {
            trn_spans_t cols = trn_dist_col_spans(dist, holder);
            while (trn_spans_next(&cols, &col))
                bring(matrix, target, holder, rank, row, col);
        }
    }
}
