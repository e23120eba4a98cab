/* norms.c: a matrix in bands: its blocks of rows, the way through its numbers, and norms of its
 * rows and columns; transform.c stands on it. A first pass sums numbers as they are. Lines whose
 * sum is infinite, or of squares that may have fallen below the normal numbers, are summed again
 * with the exponent of their largest number taken out, which is exact: all others keep their bits,
 * and whether a line is summed again depends on its numbers alone. */
#include "algo/matrix/transform_impl.h"

#include "base/mem.h"
#include "mpi/agree.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <string.h>

/* Squares of numbers below 2^-450 may lose digits below 2^-1074; in a sum of 2^-900 and more that
 * is nothing to rounding, however many there are. */
static const double SMALL = 0x1p-450, SMALL_SUM = 0x1p-900;

/* Blocks and bands ----------------------------------------------------------------------------- */

/* Blocks of rows, the leaves of the tree over which columns are summed: by the rows alone. */
enum { MOST_BLOCKS = 256, SMALLEST_BLOCK = 64 };

int64_t trn_transform_block(int64_t rows) {
    int64_t block = (rows + MOST_BLOCKS - 1) / MOST_BLOCKS;
    return block < SMALLEST_BLOCK ? SMALLEST_BLOCK : block;
}

int64_t trn_transform_blocks(int64_t rows) {
    int64_t block = trn_transform_block(rows);
    return (rows + block - 1) / block;
}

trn_blocks_t trn_banded_blocks(const trn_banded_t *m) {
    return (trn_blocks_t){trn_transform_blocks(m->rows), m->start, trn_transform_block(m->rows)};
}

int64_t trn_transform_start(int64_t rows, int ranks, int rank) {
    int64_t block = trn_part_start(trn_transform_blocks(rows), ranks, rank);
    int64_t first = block * trn_transform_block(rows);
    return first < rows ? first : rows;
}

trn_status_t trn_transform_dist(trn_dist_t **dist, MPI_Comm comm, int64_t rows, int64_t cols) {
    int ranks;
    int64_t *start, col[2] = {0, cols};
    MPI_Comm_size(comm, &ranks);
    *dist = NULL;
    TRN_TRY(trn_alloc(&start, ranks + 1, sizeof *start, "bands of rows"));
    for (int r = 0; r <= ranks; r++)
        start[r] = trn_transform_start(rows, ranks, r);
    trn_status_t status = trn_dist_create_at(dist, ranks, start, 1, col);
    trn_free(&start);
    return status;
}

/* Going through numbers ------------------------------------------------------------------------ */

int64_t trn_banded_rows(const trn_banded_t *m) {
    if (m->stream) return m->stream->own_rows;
    return m->sparse ? trn_sparse_extent(m->sparse).rows : trn_matrix_block(m->dense).rows;
}

int64_t trn_banded_first(const trn_banded_t *m) {
    if (m->stream) return m->stream->first_row;
    return m->sparse ? trn_sparse_extent(m->sparse).first_row : trn_matrix_first_row(m->dense);
}

/* Of a view whose first row is row `first` of the whole. */
static void each_of(trn_view_t block, int64_t first, int64_t from, int64_t end, trn_visit_t visit,
                    void *user) {
    for (int64_t i = from; i < end; i++)
        for (int64_t j = 0; j < block.cols; j++)
            visit(user, first + i, j, trn_view_number(block, i * block.stride + j));
}

/* Rows [from, end) of what passes by: of each block that has some of them. */
static void each_passing(const trn_banded_t *m, int64_t from, int64_t end, trn_visit_t visit,
                         void *user) {
    int64_t height = trn_transform_block(m->rows), first = m->stream->first_row;
    for (int64_t at = from, until; at < end; at = until) {
        int64_t block = (first + at) / height, top = block * height - first;
        trn_view_t rows = m->stream->rows(m->stream->user, block);
        until = end - top < rows.rows ? end : top + rows.rows;
        each_of(rows, first + top, at - top, until - top, visit, user);
    }
}

/* Entries of rows [from, end) of this rank, row by row, columns ascending: a fixed order of
 * sums. */
void trn_banded_each(const trn_banded_t *m, int64_t from, int64_t end, trn_visit_t visit,
                     void *user) {
    int64_t first = trn_banded_first(m);
    if (m->sparse) {
        const int64_t *start = trn_sparse_start(m->sparse);
        const int32_t *column = trn_sparse_column(m->sparse);
        for (int64_t i = from; i < end; i++)
            for (int64_t e = start[i]; e < start[i + 1]; e++)
                visit(user, first + i, column[e], trn_sparse_value(m->sparse, e));
        return;
    }
    if (m->stream)
        each_passing(m, from, end, visit, user);
    else
        each_of(trn_matrix_block(m->dense), first, from, end, visit, user);
}

/* Sums ----------------------------------------------------------------------------------------- */

/* One term of a norm, joined to what there is. */
static double join(trn_norm_t norm, double sum, double x) {
    if (norm == TRN_NORM_L1) return sum + fabs(x);
    if (norm == TRN_NORM_L2) return sum + x * x;
    return isnan(x) || fabs(x) > sum ? fabs(x) : sum; /* NaN stays: nothing is larger */
}

/* What a sum of terms becomes. */
static double root(trn_norm_t norm, double sum) {
    return norm == TRN_NORM_L2 ? sqrt(sum) : sum;
}

/* Whether a sum has to be made again; `small`: there are numbers, not 0, whose squares are lost. */
static bool doubtful(trn_norm_t norm, double sum, bool small) {
    if (norm == TRN_NORM_MAX) return false;
    return !(sum <= DBL_MAX) || (norm == TRN_NORM_L2 && small && sum < SMALL_SUM);
}

typedef struct sums {
    const trn_banded_t *matrix;
    trn_norm_t norm;
    int64_t first_row, first_block; /* of this rank */
    trn_blocks_t blocks;
    double *at;    /* where sums are gathered now */
    int *exponent; /* what is taken out of numbers, by column; NULL: nothing */
    bool small;    /* a number below SMALL has been met, not 0 */
} sums_t;

trn_status_t trn_norms_alloc(trn_norms_t *norms, int64_t count, const char *what) {
    *norms = (trn_norms_t){0};
    TRN_TRY(trn_alloc(&norms->value, count, sizeof *norms->value, what));
    trn_status_t status = trn_alloc(&norms->exponent, count, sizeof *norms->exponent, what);
    if (status != TRN_OK) trn_free(&norms->value);
    return status;
}

void trn_norms_free(trn_norms_t *norms) {
    trn_free(&norms->value);
    trn_free(&norms->exponent);
}

void trn_norms_plan(trn_ledger_t *ledger, int64_t count) {
    trn_ledger_take(ledger, "sums", count, sizeof(double));
    trn_ledger_take(ledger, "sums", count, sizeof(int));
}

/* Rows ----------------------------------------------------------------------------------------- */

static void along_row(void *user, int64_t row, int64_t col, double value) {
    sums_t *sums = user;
    (void)col;
    double *sum = sums->at + (row - sums->first_row);
    *sum = join(sums->norm, *sum, value);
    sums->small |= value != 0 && fabs(value) < SMALL;
}

/* One row, and what is taken out of its numbers. */
typedef struct row_sum {
    trn_norm_t norm;
    double sum;
    int exponent;
} row_sum_t;

static void in_row(void *user, int64_t row, int64_t col, double value) {
    row_sum_t *r = user;
    (void)row, (void)col;
    r->sum = join(r->norm, r->sum, r->exponent ? ldexp(value, -r->exponent) : value);
}

/* A row whose sum overflowed, or lost all its squares, with the largest number's exponent taken out
 * of each. */
static void row_again(const trn_banded_t *m, int64_t i, trn_norm_t norm, trn_norms_t norms) {
    row_sum_t largest = {TRN_NORM_MAX, 0, 0}, sum = {norm, 0, 0};
    trn_banded_each(m, i, i + 1, in_row, &largest);
    if (largest.sum == 0 || !isfinite(largest.sum)) return;
    sum.exponent = ilogb(largest.sum);
    trn_banded_each(m, i, i + 1, in_row, &sum);
    norms.value[i] = sum.sum;
    norms.exponent[i] = sum.exponent;
}

void trn_banded_row_norms(const trn_banded_t *m, trn_norm_t norm, trn_norms_t norms) {
    int64_t rows = trn_banded_rows(m);
    sums_t sums = {.matrix = m, .norm = norm, .first_row = trn_banded_first(m), .at = norms.value};
    memset(norms.value, 0, sizeof *norms.value * (size_t)rows);
    memset(norms.exponent, 0, sizeof *norms.exponent * (size_t)rows);
    trn_banded_each(m, 0, rows, along_row, &sums);
    for (int64_t i = 0; i < rows; i++) {
        if (doubtful(norm, norms.value[i], sums.small)) row_again(m, i, norm, norms);
        norms.value[i] = root(norm, norms.value[i]);
    }
}

trn_status_t trn_row_norms(const trn_banded_t *m, trn_norm_t norm, trn_view_t out,
                           const char *name) {
    trn_norms_t norms;
    TRN_AGREE(m->comm, trn_norms_alloc(&norms, trn_banded_rows(m), "norms"));
    trn_banded_row_norms(m, norm, norms);
    trn_status_t status = TRN_OK;
    bool single = out.type == TRN_MATRIX_F32;
    for (int64_t i = 0; i < out.rows; i++) {
        double value = ldexp(norms.value[i], norms.exponent[i]);
        trn_view_set(out, i * out.stride, value);
        bool spread = !isfinite(norms.value[i]);
        if (spread || status != TRN_OK || isfinite(trn_view_number(out, i * out.stride))) continue;
        status =
            trn_fail(TRN_NUMERIC, "%s: row %lld (from 0): its norm is too large for %s; %s", name,
                     (long long)(trn_banded_first(m) + i), single ? "float32" : "float64",
                     single ? "give --dtype f64" : "scale the matrix down before");
    }
    trn_norms_free(&norms);
    return trn_agree(m->comm, status);
}

/* Columns -------------------------------------------------------------------------------------- */

static void along_column(void *user, int64_t row, int64_t col, double value) {
    sums_t *sums = user;
    (void)row;
    if (sums->exponent && sums->exponent[col]) value = ldexp(value, -sums->exponent[col]);
    sums->at[col] = join(sums->norm, sums->at[col], value);
    sums->small |= value != 0 && fabs(value) < SMALL;
}

/* One block of rows into sums of columns: a leaf of the tree. */
static void sum_block(void *user, int64_t block, double *values) {
    sums_t *sums = user;
    int64_t height = sums->blocks.rows, rows = trn_banded_rows(sums->matrix);
    int64_t from = (block - sums->first_block) * height;
    int64_t end = from + height < rows ? from + height : rows;
    memset(values, 0, sizeof *values * (size_t)sums->matrix->cols);
    sums->at = values;
    trn_banded_each(sums->matrix, from, end, along_column, sums);
}

/* The largest of numbers knows no order, so it needs no tree. */
static void largest_of(const trn_banded_t *m, double *norms) {
    sums_t sums = {.matrix = m, .norm = TRN_NORM_MAX, .at = norms};
    memset(norms, 0, sizeof *norms * (size_t)m->cols);
    trn_banded_each(m, 0, trn_banded_rows(m), along_column, &sums);
    for (int64_t done = 0; done < m->cols; done += INT_MAX) {
        int64_t some = m->cols - done < INT_MAX ? m->cols - done : INT_MAX;
        MPI_Allreduce(MPI_IN_PLACE, norms + done, (int)some, MPI_DOUBLE, MPI_MAX, m->comm);
    }
}

/* exponent[cols] = what is taken out of columns whose sum is doubtful, 0 of others; returns whether
 * there are any. The same on every rank. Collective. */
static bool choose_exponents(const sums_t *sums, trn_norms_t norms) {
    const trn_banded_t *m = sums->matrix;
    bool any = false, small = trn_any(m->comm, sums->small);
    for (int64_t j = 0; j < m->cols; j++) {
        norms.exponent[j] = doubtful(sums->norm, norms.value[j], small);
        any = any || norms.exponent[j];
    }
    if (!any) return false;
    largest_of(m, norms.value);
    for (int64_t j = 0; j < m->cols; j++)
        if (norms.exponent[j]) norms.exponent[j] = norms.value[j] > 0 ? ilogb(norms.value[j]) : 0;
    return true;
}

/* A second pass only where a column needs it; the exponents of the others are 0, which changes
 * nothing. */
trn_status_t trn_banded_col_norms(const trn_banded_t *m, trn_norm_t norm, trn_norms_t norms) {
    int rank, ranks;
    MPI_Comm_rank(m->comm, &rank);
    MPI_Comm_size(m->comm, &ranks);
    sums_t sums = {.matrix = m, .norm = norm, .blocks = trn_banded_blocks(m)};
    sums.first_block = trn_blocks_first(&sums.blocks, ranks, rank);
    memset(norms.exponent, 0, sizeof *norms.exponent * (size_t)m->cols);
    if (norm == TRN_NORM_MAX) {
        largest_of(m, norms.value);
        return TRN_OK;
    }
    TRN_TRY(trn_reduce_tree_of(m->comm, sums.blocks, m->cols, sum_block, &sums, norms.value));
    if (choose_exponents(&sums, norms)) {
        sums.exponent = norms.exponent; /* 0 of columns that keep their sums, and so their bits */
        TRN_TRY(trn_reduce_tree_of(m->comm, sums.blocks, m->cols, sum_block, &sums, norms.value));
    }
    for (int64_t j = 0; j < m->cols; j++)
        norms.value[j] = root(norm, norms.value[j]);
    return TRN_OK;
}

double trn_norm_divide(double x, double value, int exponent) {
    return exponent ? ldexp(x, -exponent) / value : x / value;
}
