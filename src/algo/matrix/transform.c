#include "algo/matrix/transform.h"

#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/reduce.h"

#include <limits.h>
#include <math.h>
#include <string.h>

/* Blocks of rows, the leaves of the tree over which columns are summed. */
enum { MOST_BLOCKS = 256, SMALLEST_BLOCK = 64 };

static int64_t block_of(int64_t rows) {
    int64_t block = (rows + MOST_BLOCKS - 1) / MOST_BLOCKS;
    return block < SMALLEST_BLOCK ? SMALLEST_BLOCK : block;
}

static int64_t blocks_of(int64_t rows) {
    return (rows + block_of(rows) - 1) / block_of(rows);
}

int64_t trn_transform_block(int64_t rows) {
    return block_of(rows);
}

/* First row of a rank (of rank = ranks: all rows) where blocks are dealt evenly. */
static int64_t even_start(int64_t rows, int ranks, int rank) {
    int64_t first = trn_part_start(blocks_of(rows), ranks, rank) * block_of(rows);
    return first < rows ? first : rows;
}

trn_status_t trn_transform_dist(trn_dist_t **dist, MPI_Comm comm, int64_t rows, int64_t cols) {
    int ranks;
    int64_t *start, col[2] = {0, cols};
    MPI_Comm_size(comm, &ranks);
    *dist = NULL;
    TRN_TRY(trn_alloc(&start, ranks + 1, sizeof *start, "bands of rows"));
    for (int r = 0; r <= ranks; r++)
        start[r] = even_start(rows, ranks, r);
    trn_status_t status = trn_dist_create_at(dist, ranks, start, 1, col);
    trn_free(&start);
    return status;
}

/* Going through numbers ------------------------------------------------------------------------ */

typedef void (*visit_t)(void *user, int64_t row, int64_t col, double value);
typedef double (*change_t)(void *user, int64_t row, int64_t col, double value);

static double number(trn_view_t block, int64_t at) {
    return block.type == TRN_MATRIX_F32 ? (double)((const float *)block.data)[at]
                                        : ((const double *)block.data)[at];
}

/* This rank's rows. */
static int64_t rows_of(const trn_banded_t *m) {
    return m->sparse ? trn_sparse_extent(m->sparse).rows : trn_matrix_block(m->dense).rows;
}

static int64_t start_of(const trn_banded_t *m) {
    return m->sparse ? trn_sparse_extent(m->sparse).first_row : trn_matrix_first_row(m->dense);
}

/* Every number that is stored in local rows [from, end), row by row. */
static void each(const trn_banded_t *m, int64_t from, int64_t end, visit_t visit, void *user) {
    int64_t first = start_of(m);
    if (m->sparse) {
        const int64_t *start = trn_sparse_start(m->sparse);
        const int32_t *column = trn_sparse_column(m->sparse);
        for (int64_t i = from; i < end; i++)
            for (int64_t e = start[i]; e < start[i + 1]; e++)
                visit(user, first + i, column[e], trn_sparse_value(m->sparse, e));
        return;
    }
    trn_view_t block = trn_matrix_block(m->dense);
    for (int64_t i = from; i < end; i++)
        for (int64_t j = 0; j < block.cols; j++)
            visit(user, first + i, j, number(block, i * block.stride + j));
}

static void change_all(const trn_banded_t *m, bool drop, change_t change, void *user) {
    if (m->sparse) {
        trn_sparse_map(m->sparse, drop, change, user);
        return;
    }
    trn_view_t block = trn_matrix_block(m->dense);
    int64_t first = trn_matrix_first_row(m->dense);
    for (int64_t i = 0; i < block.rows; i++)
        for (int64_t j = 0; j < block.cols; j++) {
            int64_t at = i * block.stride + j;
            double value = change(user, first + i, j, number(block, at));
            if (block.type == TRN_MATRIX_F32)
                ((float *)block.data)[at] = (float)value;
            else
                ((double *)block.data)[at] = value;
        }
}

/* What has no transform ------------------------------------------------------------------------ */

typedef struct search {
    trn_transform_kind_t kind;
    bool found;
    int64_t row, col;
    double value;
} search_t;

static bool sound(trn_transform_kind_t kind, double x) {
    switch (kind) {
    case TRN_TRANSFORM_SCALE:
        return true;
    case TRN_TRANSFORM_PMI:
    case TRN_TRANSFORM_PPMI:
    case TRN_TRANSFORM_SYMMETRIC:
        return isfinite(x) && x >= 0;
    case TRN_TRANSFORM_LOG:
        return isfinite(x) && x > 0;
    case TRN_TRANSFORM_LOG1P:
        return isfinite(x) && x > -1;
    default:
        return isfinite(x);
    }
}

static void look(void *user, int64_t row, int64_t col, double value) {
    search_t *search = user;
    if (search->found || sound(search->kind, value)) return;
    *search = (search_t){search->kind, true, row, col, value};
}

static trn_status_t check(const trn_banded_t *m, trn_transform_kind_t kind, const char *name) {
    static const char *const wanted[] = {
        [TRN_TRANSFORM_PMI] = "counts are finite and not negative",
        [TRN_TRANSFORM_PPMI] = "counts are finite and not negative",
        [TRN_TRANSFORM_SYMMETRIC] = "weights are finite and not negative",
        [TRN_TRANSFORM_LOG] = "only positive numbers have a log",
        [TRN_TRANSFORM_LOG1P] = "only numbers above -1 have a log1p"};
    if (kind == TRN_TRANSFORM_SYMMETRIC && m->rows != m->cols)
        return trn_fail(TRN_USAGE,
                        "%s: %lld x %lld, but only a square matrix has row sums for "
                        "its columns; try --scale-rows",
                        name, (long long)m->rows, (long long)m->cols);
    search_t search = {.kind = kind};
    each(m, 0, rows_of(m), look, &search);
    if (!search.found) return TRN_OK;
    bool told = (size_t)kind < sizeof wanted / sizeof *wanted && wanted[kind];
    return trn_fail(TRN_INPUT, "%s: row %lld, column %lld (from 0): %g; %s", name,
                    (long long)search.row, (long long)search.col, search.value,
                    told ? wanted[kind] : "only finite numbers can be transformed");
}

/* Sums ----------------------------------------------------------------------------------------- */

/* One term of a norm, joined to what there is. */
static double join(trn_norm_t norm, double sum, double x) {
    if (norm == TRN_NORM_L1) return sum + fabs(x);
    if (norm == TRN_NORM_L2) return sum + x * x;
    return isnan(x) || fabs(x) > sum ? fabs(x) : sum; /* NaN stays: nothing is larger */
}

typedef struct sums {
    const trn_banded_t *matrix;
    trn_norm_t norm;
    int64_t block, first_block; /* of this rank */
    double *at;                 /* where sums are gathered now */
} sums_t;

static void along_row(void *user, int64_t row, int64_t col, double value) {
    const sums_t *sums = user;
    (void)col;
    double *sum = sums->at + (row - start_of(sums->matrix));
    *sum = join(sums->norm, *sum, value);
}

static void along_column(void *user, int64_t row, int64_t col, double value) {
    const sums_t *sums = user;
    (void)row;
    sums->at[col] = join(sums->norm, sums->at[col], value);
}

static void take_roots(trn_norm_t norm, int64_t count, double *sums) {
    for (int64_t i = 0; i < count && norm == TRN_NORM_L2; i++)
        sums[i] = sqrt(sums[i]);
}

void trn_row_norms(const trn_banded_t *matrix, trn_norm_t norm, double *norms) {
    sums_t sums = {matrix, norm, 0, 0, norms};
    memset(norms, 0, sizeof *norms * (size_t)rows_of(matrix));
    each(matrix, 0, rows_of(matrix), along_row, &sums);
    take_roots(norm, rows_of(matrix), norms);
}

static void sum_block(void *user, int64_t block, double *values) {
    sums_t *sums = user;
    int64_t from = (block - sums->first_block) * sums->block, rows = rows_of(sums->matrix);
    int64_t end = from + sums->block < rows ? from + sums->block : rows;
    memset(values, 0, sizeof *values * (size_t)sums->matrix->cols);
    sums->at = values;
    each(sums->matrix, from, end, along_column, sums);
}

/* norms[cols] on every rank. The largest of numbers knows no order, so it needs no tree. */
static trn_status_t column_norms(const trn_banded_t *m, trn_norm_t norm, double *norms) {
    int rank, ranks;
    MPI_Comm_rank(m->comm, &rank);
    MPI_Comm_size(m->comm, &ranks);
    trn_blocks_t blocks = {blocks_of(m->rows), m->start, block_of(m->rows)};
    sums_t sums = {m, norm, blocks.rows, trn_blocks_first(&blocks, ranks, rank), norms};
    if (norm == TRN_NORM_MAX) {
        memset(norms, 0, sizeof *norms * (size_t)m->cols);
        each(m, 0, rows_of(m), along_column, &sums);
        for (int64_t done = 0; done < m->cols; done += INT_MAX) {
            int64_t some = m->cols - done < INT_MAX ? m->cols - done : INT_MAX;
            MPI_Allreduce(MPI_IN_PLACE, norms + done, (int)some, MPI_DOUBLE, MPI_MAX, m->comm);
        }
        return TRN_OK;
    }
    TRN_TRY(trn_reduce_tree_of(m->comm, blocks, m->cols, sum_block, &sums, norms));
    take_roots(norm, m->cols, norms);
    return TRN_OK;
}

/* Transforms ----------------------------------------------------------------------------------- */

typedef struct work {
    trn_transform_t how;
    int64_t first_row;
    double *row, *col; /* what goes with a local row; with a column of the whole */
    double log_shift;
    int *counts; /* [2 ranks] rows of each rank and where they begin, if these are gathered */
} work_t;

static double change(void *user, int64_t row, int64_t col, double x) {
    const work_t *work = user;
    double r = work->row ? work->row[row - work->first_row] : 0, c = work->col ? work->col[col] : 0;
    double pmi;
    switch (work->how.kind) {
    case TRN_TRANSFORM_PMI:
        return x > 0 ? log(x / r * c) - work->log_shift : 0;
    case TRN_TRANSFORM_PPMI:
        pmi = x > 0 ? log(x / r * c) - work->log_shift : 0;
        return pmi > 0 ? pmi : 0;
    case TRN_TRANSFORM_LOG:
        return log(x);
    case TRN_TRANSFORM_LOG1P:
        return log1p(x);
    case TRN_TRANSFORM_SCALE:
        return work->how.factor * x;
    case TRN_TRANSFORM_SCALE_ROWS:
        return r > 0 ? x / r : x;
    case TRN_TRANSFORM_SCALE_COLS:
        return c > 0 ? x / c : x;
    case TRN_TRANSFORM_SYMMETRIC:
        return r > 0 && c > 0 ? x / (r * c) : 0;
    case TRN_TRANSFORM_BINARIZE:
        return x != 0;
    }
    return x;
}

static bool is_pmi(trn_transform_kind_t kind) {
    return kind == TRN_TRANSFORM_PMI || kind == TRN_TRANSFORM_PPMI;
}
static bool needs_rows(trn_transform_kind_t kind) {
    return is_pmi(kind) || kind == TRN_TRANSFORM_SCALE_ROWS || kind == TRN_TRANSFORM_SYMMETRIC;
}
static bool needs_cols(trn_transform_kind_t kind) {
    return is_pmi(kind) || kind == TRN_TRANSFORM_SCALE_COLS || kind == TRN_TRANSFORM_SYMMETRIC;
}

/* From column sums to what PMI multiplies by: sum of c^a, over c^a. */
static void weigh_columns(double smoothing, int64_t cols, double *col) {
    double sum = 0;
    for (int64_t j = 0; j < cols; j++) {
        if (smoothing != 1) col[j] = col[j] > 0 ? pow(col[j], smoothing) : 0;
        sum += col[j];
    }
    for (int64_t j = 0; j < cols; j++)
        col[j] = sum / col[j]; /* infinite where there is nothing to multiply */
}

/* row = roots of the row sums of this rank; col[rows of the whole] = those of all. Collective. */
static void share_roots(const trn_banded_t *m, const work_t *work) {
    int rank, ranks, *counts = work->counts;
    MPI_Comm_rank(m->comm, &rank);
    MPI_Comm_size(m->comm, &ranks);
    take_roots(TRN_NORM_L2, rows_of(m), work->row);
    MPI_Allgatherv(work->row, counts[rank], MPI_DOUBLE, work->col, counts, counts + ranks,
                   MPI_DOUBLE, m->comm);
}

/* First row of a rank. */
static int64_t row_start(const trn_banded_t *m, int ranks, int rank) {
    return m->start ? m->start[rank] : even_start(m->rows, ranks, rank);
}

/* Every rank begins at the border of a block. */
static trn_status_t check_blocks(const trn_banded_t *m, int ranks) {
    int64_t block = block_of(m->rows);
    for (int r = 0; r < ranks && m->start; r++)
        if (m->start[r] % block != 0 && m->start[r] < m->rows)
            return trn_fail(TRN_USAGE, "transform: rank %d begins inside of a block of rows", r);
    return TRN_OK;
}

static trn_status_t plan_counts(const trn_banded_t *m, const char *name, int ranks, work_t *work) {
    if (m->rows > INT_MAX)
        return trn_fail(TRN_USAGE, "%s: %lld rows are too many for this transform", name,
                        (long long)m->rows);
    TRN_TRY(trn_alloc(&work->counts, 2 * ranks, sizeof *work->counts, "row counts"));
    for (int r = 0; r < ranks; r++) {
        work->counts[ranks + r] = (int)row_start(m, ranks, r);
        work->counts[r] = (int)row_start(m, ranks, r + 1) - work->counts[ranks + r];
    }
    return TRN_OK;
}

static trn_status_t plan(const trn_banded_t *m, const trn_transform_t *how, const char *name,
                         work_t *work) {
    int ranks;
    MPI_Comm_size(m->comm, &ranks);
    *work = (work_t){.how = *how, .first_row = start_of(m), .log_shift = log(how->shift)};
    TRN_TRY(check(m, how->kind, name));
    if (needs_rows(how->kind))
        TRN_TRY(trn_alloc(&work->row, rows_of(m), sizeof(double), "sums of rows"));
    if (needs_cols(how->kind))
        TRN_TRY(trn_alloc(&work->col, m->cols, sizeof(double), "sums of columns"));
    if (how->kind == TRN_TRANSFORM_SYMMETRIC) return plan_counts(m, name, ranks, work);
    return check_blocks(m, ranks);
}

static trn_status_t check_sums(const char *what, int64_t count, const double *sums) {
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(sums[i]))
            return trn_fail(TRN_NUMERIC, "sum of a %s: too large for float64; scale the matrix",
                            what);
    return TRN_OK;
}

/* The sums that the transform wants. Collective. */
static trn_status_t add_up(const trn_banded_t *m, const work_t *work) {
    const trn_transform_t *how = &work->how;
    trn_norm_t norm = is_pmi(how->kind) || how->kind == TRN_TRANSFORM_SYMMETRIC
                          ? TRN_NORM_L1 /* of numbers that are not negative: their sum */
                          : how->norm;
    if (work->row) trn_row_norms(m, norm, work->row);
    TRN_AGREE(m->comm, work->row ? check_sums("row", rows_of(m), work->row) : TRN_OK);
    if (how->kind == TRN_TRANSFORM_SYMMETRIC)
        share_roots(m, work);
    else if (work->col)
        TRN_TRY(column_norms(m, norm, work->col));
    if (work->col) TRN_AGREE(m->comm, check_sums("column", m->cols, work->col));
    if (is_pmi(how->kind)) weigh_columns(how->smoothing, m->cols, work->col);
    return TRN_OK;
}

trn_status_t trn_transform(const trn_banded_t *matrix, const trn_transform_t *transform,
                           const char *name) {
    work_t work;
    bool drop = transform->kind == TRN_TRANSFORM_PPMI || transform->kind == TRN_TRANSFORM_BINARIZE;
    trn_status_t status = trn_agree(matrix->comm, plan(matrix, transform, name, &work));
    if (status == TRN_OK) status = add_up(matrix, &work);
    if (status == TRN_OK) change_all(matrix, drop, change, &work);
    trn_free(&work.row);
    trn_free(&work.col);
    trn_free(&work.counts);
    return status;
}

void trn_transform_plan(trn_ledger_t *ledger, const trn_transform_t *how, const int64_t *start,
                        int64_t cols, int ranks, int rank) {
    trn_blocks_t blocks = {blocks_of(start[ranks]), start, block_of(start[ranks])};
    bool tree = needs_cols(how->kind) && how->kind != TRN_TRANSFORM_SYMMETRIC &&
                !(how->kind == TRN_TRANSFORM_SCALE_COLS && how->norm == TRN_NORM_MAX);
    trn_ledger_t before = *ledger;
    if (needs_rows(how->kind))
        trn_ledger_take(ledger, "sums", start[rank + 1] - start[rank], sizeof(double));
    if (needs_cols(how->kind)) trn_ledger_take(ledger, "sums", cols, sizeof(double));
    if (tree) trn_ledger_take(ledger, "sums", trn_reduce_bytes(blocks, cols, ranks, rank), 1);
    trn_ledger_back(ledger, &before);
}

/* Sums of two matrices ------------------------------------------------------------------------- */

static void add_dense(trn_view_t x, double alpha, trn_view_t y, double beta) {
    for (int64_t i = 0; i < x.rows; i++)
        for (int64_t j = 0; j < x.cols; j++) {
            int64_t at = i * x.stride + j;
            double sum = alpha * number(x, at) + beta * number(y, i * y.stride + j);
            if (x.type == TRN_MATRIX_F32)
                ((float *)x.data)[at] = (float)sum;
            else
                ((double *)x.data)[at] = sum;
        }
}

/* The arrays of a sparse sum, as trn_sparse_adopt takes them. */
typedef struct arrays {
    int64_t *start;
    int32_t *column;
    void *values;
} arrays_t;

/* Entries of a sum: where x and y meet they are one. */
static int64_t count_sum(const trn_sparse_t *x, const trn_sparse_t *y) {
    int64_t rows = trn_sparse_extent(x).rows, both = 0;
    const int32_t *xc = trn_sparse_column(x), *yc = trn_sparse_column(y);
    for (int64_t i = 0; i < rows; i++) {
        int64_t a = trn_sparse_start(x)[i], a_end = trn_sparse_start(x)[i + 1];
        int64_t b = trn_sparse_start(y)[i], b_end = trn_sparse_start(y)[i + 1];
        while (a < a_end && b < b_end) {
            bool from_x = xc[a] <= yc[b], from_y = yc[b] <= xc[a];
            both += from_x && from_y;
            a += from_x;
            b += from_y;
        }
    }
    return trn_sparse_count(x) + trn_sparse_count(y) - both;
}

/* Merge two rows behind start[row]; where they meet, both terms. */
static void add_rows(const trn_sparse_t *x, double alpha, const trn_sparse_t *y, double beta,
                     arrays_t *sum) {
    int64_t rows = trn_sparse_extent(x).rows, kept = 0;
    const int32_t *xc = trn_sparse_column(x), *yc = trn_sparse_column(y);
    for (int64_t i = 0; i < rows; i++) {
        int64_t a = trn_sparse_start(x)[i], a_end = trn_sparse_start(x)[i + 1];
        int64_t b = trn_sparse_start(y)[i], b_end = trn_sparse_start(y)[i + 1];
        while (a < a_end || b < b_end) {
            bool from_x = b == b_end || (a < a_end && xc[a] <= yc[b]);
            bool from_y = a == a_end || (b < b_end && yc[b] <= xc[a]);
            double value = from_x ? alpha * trn_sparse_value(x, a) : 0;
            sum->column[kept] = from_x ? xc[a] : yc[b];
            if (from_y) value += beta * trn_sparse_value(y, b);
            if (trn_sparse_type(x) == TRN_SPARSE_F32)
                ((float *)sum->values)[kept] = (float)value;
            else
                ((double *)sum->values)[kept] = value;
            a += from_x;
            b += from_y;
            kept++;
        }
        sum->start[i + 1] = kept;
    }
}

static trn_status_t add_sparse(trn_sparse_t **x, double alpha, const trn_sparse_t *y, double beta) {
    trn_sparse_t *sum;
    arrays_t arrays = {0};
    trn_extent_t extent = trn_sparse_extent(*x);
    int64_t count = count_sum(*x, y);
    size_t size = trn_sparse_type(*x) == TRN_SPARSE_F32 ? sizeof(float) : sizeof(double);
    trn_status_t status;
    TRN_OR(failed, trn_alloc_zero(&arrays.start, extent.rows + 1, sizeof(int64_t), "a sum"));
    TRN_OR(failed, trn_alloc(&arrays.column, count, sizeof(int32_t), "a sum"));
    TRN_OR(failed, trn_alloc(&arrays.values, count, size, "a sum"));
    add_rows(*x, alpha, y, beta, &arrays);
    TRN_OR(failed, trn_sparse_adopt(&sum, trn_sparse_type(*x), extent, arrays.start, arrays.column,
                                    arrays.values));
    trn_sparse_destroy(x);
    *x = sum;
    return TRN_OK;
failed:
    trn_free(&arrays.start);
    trn_free(&arrays.column);
    trn_free(&arrays.values);
    return status;
}

static trn_status_t add_here(trn_banded_t *x, double alpha, const trn_banded_t *y, double beta) {
    bool alike = x->rows == y->rows && x->cols == y->cols && !x->sparse == !y->sparse &&
                 (!x->sparse || trn_sparse_type(x->sparse) == trn_sparse_type(y->sparse));
    if (!alike)
        return trn_fail(TRN_USAGE,
                        "sum of matrices: %lld x %lld and %lld x %lld, or not both "
                        "dense or sparse of one type",
                        (long long)x->rows, (long long)x->cols, (long long)y->rows,
                        (long long)y->cols);
    if (x->sparse) return add_sparse(&x->sparse, alpha, y->sparse, beta);
    add_dense(trn_matrix_block(x->dense), alpha, trn_matrix_block(y->dense), beta);
    return TRN_OK;
}

trn_status_t trn_transform_add(trn_banded_t *x, double alpha, const trn_banded_t *y, double beta) {
    return trn_agree(x->comm, add_here(x, alpha, y, beta));
}
