#include "mpi/matrix.h"

#include "base/mem.h"
#include "mpi/agree.h"

#include <limits.h>

struct trn_matrix {
    MPI_Comm comm;
    const trn_dist_t *dist;
    int64_t first_row, first_col;
    trn_view_t block;
};

int64_t trn_matrix_type_size(trn_matrix_type_t type) {
    return type == TRN_MATRIX_F32 ? (int64_t)sizeof(float) : (int64_t)sizeof(double);
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

/* Where the block of `rank` lies and how large it is: an empty place for ranks without one. */
typedef struct place {
    int64_t row, rows, col, cols;
} place_t;

static place_t place(const trn_dist_t *dist, int rank) {
    int64_t i = rank / trn_dist_col_parts(dist), j = rank % trn_dist_col_parts(dist);
    if (i >= trn_dist_row_parts(dist)) return (place_t){.row = trn_dist_rows(dist)};
    place_t at = {.row = trn_dist_row_start(dist, i), .col = trn_dist_col_start(dist, j)};
    at.rows = trn_dist_row_start(dist, i + 1) - at.row;
    at.cols = trn_dist_col_start(dist, j + 1) - at.col;
    return at;
}

static trn_status_t plan(trn_matrix_t **out, MPI_Comm comm, trn_matrix_type_t type,
                         const trn_dist_t *dist) {
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    if (trn_dist_row_parts(dist) > ranks / trn_dist_col_parts(dist))
        return trn_fail(TRN_USAGE, "matrix: %lld x %lld blocks on %d ranks; cut it less",
                        (long long)trn_dist_row_parts(dist), (long long)trn_dist_col_parts(dist),
                        ranks);
    place_t at = place(dist, rank);
    if (at.rows > INT_MAX || at.cols > INT_MAX)
        return trn_fail(TRN_USAGE, "matrix: a block of %lld x %lld is too large; use more ranks",
                        (long long)at.rows, (long long)at.cols);
    TRN_TRY(trn_alloc_zero(out, 1, sizeof **out, "a matrix"));
    **out = (trn_matrix_t){.comm = comm,
                           .dist = dist,
                           .first_row = at.row,
                           .first_col = at.col,
                           .block = {type, at.rows, at.cols, at.cols, NULL}};
    return trn_alloc(&(*out)->block.data, at.rows * at.cols, (size_t)trn_matrix_type_size(type),
                     "a matrix block");
}

trn_status_t trn_matrix_create(trn_matrix_t **matrix, MPI_Comm comm, trn_matrix_type_t type,
                               const trn_dist_t *dist) {
    *matrix = NULL;
    TRN_TRY(trn_check_equal(comm, trn_dist_rows(dist), "rows of a matrix"));
    TRN_TRY(trn_check_equal(comm, trn_dist_cols(dist), "columns of a matrix"));
    trn_status_t status = trn_agree(comm, plan(matrix, comm, type, dist));
    if (status != TRN_OK) trn_matrix_destroy(matrix);
    return status;
}

void trn_matrix_destroy(trn_matrix_t **matrix) {
    if (!*matrix) return;
    trn_free(&(*matrix)->block.data);
    trn_free(matrix);
}

trn_view_t trn_matrix_block(const trn_matrix_t *matrix) {
    return matrix->block;
}

int64_t trn_matrix_first_row(const trn_matrix_t *matrix) {
    return matrix->first_row;
}

int64_t trn_matrix_first_col(const trn_matrix_t *matrix) {
    return matrix->first_col;
}

const trn_dist_t *trn_matrix_dist(const trn_matrix_t *matrix) {
    return matrix->dist;
}

/* Rows are drawn from column 0 on, so that the cut into columns does not show. */
trn_status_t trn_matrix_fill_normal(trn_matrix_t *matrix, uint64_t seed, trn_rng_stream_t stream,
                                    uint32_t step, double scale) {
    trn_view_t block = matrix->block;
    int64_t width = matrix->first_col + block.cols;
    float *drawn;
    trn_status_t status = trn_alloc(&drawn, width, sizeof *drawn, "a row of random numbers");
    TRN_OR(done, trn_agree(matrix->comm, status));
    for (int64_t i = 0; i < block.rows; i++) {
        trn_rng_normal_row(seed, (uint64_t)(matrix->first_row + i), step, stream, scale, width,
                           drawn);
        for (int64_t j = 0; j < block.cols; j++) {
            float value = drawn[matrix->first_col + j];
            if (block.type == TRN_MATRIX_F32)
                *(float *)element(block, i, j) = value;
            else
                *(double *)element(block, i, j) = value;
        }
    }
done:
    trn_free(&drawn);
    return status;
}

/* Moving rows ---------------------------------------------------------------------------------- */

static MPI_Datatype number_type(trn_matrix_type_t type) {
    return type == TRN_MATRIX_F32 ? MPI_FLOAT : MPI_DOUBLE;
}

static MPI_Datatype row_type(trn_matrix_type_t type, int64_t cols) {
    MPI_Datatype row;
    MPI_Type_contiguous((int)cols, number_type(type), &row);
    MPI_Type_commit(&row);
    return row;
}

/* For each rank, the rows that `mine` and its place in `dist` have in common: how many, and how
 * far from the first of `mine`. */
static void overlaps(place_t mine, const trn_dist_t *dist, int ranks, int *counts, int *offsets) {
    for (int r = 0; r < ranks; r++) {
        place_t theirs = place(dist, r);
        int64_t mine_end = mine.row + mine.rows, their_end = theirs.row + theirs.rows;
        int64_t first = mine.row > theirs.row ? mine.row : theirs.row;
        int64_t end = mine_end < their_end ? mine_end : their_end;
        counts[r] = end > first ? (int)(end - first) : 0;
        offsets[r] = end > first ? (int)(first - mine.row) : 0;
    }
}

static trn_status_t plan_regroup(const trn_matrix_t *from, const trn_matrix_t *to, int ranks,
                                 int **counts) {
    *counts = NULL;
    const trn_dist_t *a = from->dist, *b = to->dist;
    if (from->block.type != to->block.type || trn_dist_rows(a) != trn_dist_rows(b) ||
        trn_dist_cols(a) != trn_dist_cols(b) || trn_dist_col_parts(a) != 1 ||
        trn_dist_col_parts(b) != 1)
        return trn_fail(TRN_USAGE, "matrix: rows can only be regrouped between row bands of one "
                                   "type and size");
    return trn_alloc(counts, 4 * ranks, sizeof **counts, "row counts");
}

trn_status_t trn_matrix_regroup(const trn_matrix_t *from, trn_matrix_t *to) {
    int rank, ranks, *counts;
    MPI_Comm_rank(from->comm, &rank);
    MPI_Comm_size(from->comm, &ranks);
    trn_status_t status = trn_agree(from->comm, plan_regroup(from, to, ranks, &counts));
    if (status == TRN_OK) {
        int *offsets = counts + ranks, *in_counts = offsets + ranks,
            *in_offsets = in_counts + ranks;
        overlaps(place(from->dist, rank), to->dist, ranks, counts, offsets);
        overlaps(place(to->dist, rank), from->dist, ranks, in_counts, in_offsets);
        /* Counts and offsets in rows, not numbers, stay below 2^31. */
        MPI_Datatype row = row_type(from->block.type, trn_dist_cols(from->dist));
        MPI_Alltoallv(from->block.data, counts, offsets, row, to->block.data, in_counts, in_offsets,
                      row, from->comm);
        MPI_Type_free(&row);
    }
    trn_free(&counts);
    return status;
}

/* Receive the block of `from` where it belongs in the whole; rank 0's own is sent to itself. */
static MPI_Request receive_block(const trn_matrix_t *matrix, char *whole, int from) {
    int64_t cols = trn_dist_cols(matrix->dist);
    place_t at = place(matrix->dist, from);
    trn_view_t target = {matrix->block.type, trn_dist_rows(matrix->dist), cols, cols, whole};
    MPI_Datatype rows;
    MPI_Request request;
    MPI_Type_create_hvector((int)at.rows, (int)at.cols, cols * trn_matrix_type_size(target.type),
                            number_type(target.type), &rows);
    MPI_Type_commit(&rows);
    MPI_Irecv(element(target, at.row, at.col), 1, rows, from, 0, matrix->comm, &request);
    MPI_Type_free(&rows);
    return request;
}

void trn_matrix_gather(const trn_matrix_t *matrix, void *whole) {
    int rank, ranks;
    MPI_Comm_rank(matrix->comm, &rank);
    MPI_Comm_size(matrix->comm, &ranks);
    trn_view_t block = matrix->block;
    MPI_Datatype row = row_type(block.type, block.cols);
    MPI_Request request = MPI_REQUEST_NULL;
    if (rank == 0) request = receive_block(matrix, whole, 0);
    MPI_Send(block.data, (int)block.rows, row, 0, 0, matrix->comm);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    for (int from = 1; rank == 0 && from < ranks; from++) {
        request = receive_block(matrix, whole, from);
        MPI_Wait(&request, MPI_STATUS_IGNORE);
    }
    MPI_Type_free(&row);
}
