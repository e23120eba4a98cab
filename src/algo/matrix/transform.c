/* transform.c: numbers of a matrix in bands, changed one by one. What changing makes too large is
 * told from what was infinite before: that spreads, as in any arithmetic, the other is refused. */
#include "algo/matrix/transform_impl.h"

#include "algo/matrix/overflow.h"
#include "base/mem.h"
#include "mpi/agree.h"

#include <limits.h>
#include <math.h>

/* Changing numbers ----------------------------------------------------------------------------- */

typedef double (*change_t)(void *user, int64_t row, int64_t col, double value);

/* A change that is watched, and the type that it is rounded to. */
typedef struct watched {
    change_t change;
    void *user;
    bool single;
    trn_excess_t excess;
} watched_t;

static double change_watched(void *user, int64_t row, int64_t col, double x) {
    watched_t *w = user;
    double y = w->change(w->user, row, col, x);
    if (!isfinite(w->single ? (double)(float)y : y) && isfinite(x) && !w->excess.found)
        w->excess = (trn_excess_t){true, row, col, x};
    return y;
}

static bool is_single(const trn_banded_t *m) {
    if (m->stream) return m->stream->type == TRN_MATRIX_F32;
    return m->sparse ? trn_sparse_type(m->sparse) == TRN_SPARSE_F32
                     : trn_matrix_block(m->dense).type == TRN_MATRIX_F32;
}

/* A view whose first row is row `first` of the whole. */
static void change_view(trn_view_t block, int64_t first, watched_t *watched) {
    for (int64_t i = 0; i < block.rows; i++)
        for (int64_t j = 0; j < block.cols; j++) {
            int64_t at = i * block.stride + j;
            trn_view_set(block, at,
                         change_watched(watched, first + i, j, trn_view_number(block, at)));
        }
}

static void change_passing(const trn_banded_t *m, watched_t *watched) {
    const trn_banded_stream_t *stream = m->stream;
    int64_t height = trn_transform_block(m->rows);
    trn_view_t rows;
    for (int64_t at = 0; at < stream->own_rows; at += rows.rows) {
        int64_t first = stream->first_row + at;
        rows = stream->rows(stream->user, first / height);
        change_view(rows, first, watched);
        stream->put(stream->user, first, rows);
    }
}

/* Fails with TRN_NUMERIC where finite numbers do not stay so. */
static trn_status_t change_all(const trn_banded_t *m, bool drop, change_t change, void *user,
                               const char *name) {
    watched_t watched = {change, user, is_single(m), {0}};
    if (m->sparse) {
        trn_sparse_map(m->sparse, drop, change_watched, &watched);
        return trn_excess_status(&watched.excess, watched.single, name);
    }
    if (m->stream)
        change_passing(m, &watched);
    else
        change_view(trn_matrix_block(m->dense), trn_matrix_first_row(m->dense), &watched);
    return trn_excess_status(&watched.excess, watched.single, name);
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
    trn_banded_each(m, 0, trn_banded_rows(m), look, &search);
    if (!search.found) return TRN_OK;
    bool told = (size_t)kind < sizeof wanted / sizeof *wanted && wanted[kind];
    return trn_fail(TRN_INPUT, "%s: row %lld, column %lld (from 0): %g; %s", name,
                    (long long)search.row, (long long)search.col, search.value,
                    told ? wanted[kind] : "only finite numbers can be transformed");
}

/* Transforms ----------------------------------------------------------------------------------- */

typedef struct work {
    trn_transform_t how;
    int64_t first_row;
    trn_norms_t row, col;        /* what goes with a local row; with a column of the whole */
    double log_shift, log_total; /* PMI; the second of what weigh_columns adds up */
    int *counts; /* [2 ranks] rows of each rank and where they begin, if these are gathered */
} work_t;

/* log(x total / (r column)): c is total / column, or -column where that quotient is no float64. */
static double pmi_of(const work_t *work, double x, double r, double c) {
    if (!(x > 0)) return 0;
    double part = x / r, ratio = part * c;
    if (c > 0 && isnormal(part) && isnormal(ratio)) return log(ratio) - work->log_shift;
    double log_c = c > 0 ? log(c) : work->log_total - log(-c);
    return log(x) - log(r) + log_c - work->log_shift;
}

static double change(void *user, int64_t row, int64_t col, double x) {
    const work_t *work = user;
    const trn_norms_t *rows = &work->row, *cols = &work->col;
    int64_t i = row - work->first_row;
    double pmi;
    double r = rows->value ? rows->value[i] : 0, c = cols->value ? cols->value[col] : 0;
    switch (work->how.kind) {
    case TRN_TRANSFORM_PMI:
        return pmi_of(work, x, r, c);
    case TRN_TRANSFORM_PPMI:
        pmi = pmi_of(work, x, r, c);
        return pmi > 0 ? pmi : 0;
    case TRN_TRANSFORM_LOG:
        return log(x);
    case TRN_TRANSFORM_LOG1P:
        return log1p(x);
    case TRN_TRANSFORM_SCALE:
        return work->how.factor * x;
    case TRN_TRANSFORM_SCALE_ROWS:
        return r > 0 ? trn_norm_divide(x, r, rows->exponent[i]) : x;
    case TRN_TRANSFORM_SCALE_COLS:
        return c > 0 ? trn_norm_divide(x, c, cols->exponent[col]) : x;
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

/* From column sums to what PMI multiplies by: total / c^a, total being the sum of the c^a, or -c^a
 * where that is too large. Fails with TRN_NUMERIC if the total is. */
static trn_status_t weigh_columns(work_t *work, int64_t cols, const char *name) {
    double sum = 0, smoothing = work->how.smoothing, *col = work->col.value;
    for (int64_t j = 0; j < cols; j++) {
        if (smoothing != 1) col[j] = col[j] > 0 ? pow(col[j], smoothing) : 0;
        sum += col[j];
    }
    if (!isfinite(sum))
        return trn_fail(
            TRN_NUMERIC,
            "%s: the sum of all numbers is too large for float64; scale the matrix down "
            "before, which does not change the result",
            name);
    work->log_total = log(sum);
    for (int64_t j = 0; j < cols; j++) { /* infinite where there is nothing to multiply */
        double by = sum / col[j];
        col[j] = isfinite(by) || col[j] == 0 ? by : -col[j];
    }
    return TRN_OK;
}

/* row = roots of the row sums of this rank; col[rows of the whole] = those of all. Collective. */
static void share_roots(const trn_banded_t *m, const work_t *work) {
    int rank, ranks, *counts = work->counts;
    MPI_Comm_rank(m->comm, &rank);
    MPI_Comm_size(m->comm, &ranks);
    for (int64_t i = 0; i < trn_banded_rows(m); i++)
        work->row.value[i] = sqrt(work->row.value[i]);
    MPI_Allgatherv(work->row.value, counts[rank], MPI_DOUBLE, work->col.value, counts,
                   counts + ranks, MPI_DOUBLE, m->comm);
}

/* First row of a rank. */
static int64_t row_start(const trn_banded_t *m, int ranks, int rank) {
    return m->start ? m->start[rank] : trn_transform_start(m->rows, ranks, rank);
}

/* Every rank begins at the border of a block. */
static trn_status_t check_blocks(const trn_banded_t *m, int ranks) {
    int64_t block = trn_transform_block(m->rows);
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
    *work = (work_t){.how = *how, .first_row = trn_banded_first(m), .log_shift = log(how->shift)};
    TRN_TRY(check(m, how->kind, name));
    if (needs_rows(how->kind))
        TRN_TRY(trn_norms_alloc(&work->row, trn_banded_rows(m), "sums of rows"));
    if (needs_cols(how->kind)) TRN_TRY(trn_norms_alloc(&work->col, m->cols, "sums of columns"));
    if (how->kind == TRN_TRANSFORM_SYMMETRIC) return plan_counts(m, name, ranks, work);
    return check_blocks(m, ranks);
}

/* Sums that PMI and D^-1/2 X D^-1/2 work with are float64 as they are; both come out the same for a
 * matrix that is scaled down. */
static trn_status_t check_sums(const trn_norms_t *norms, int64_t count, int64_t first,
                               const char *what, const char *name) {
    for (int64_t i = 0; i < count; i++)
        if (norms->exponent[i] && !isfinite(ldexp(norms->value[i], norms->exponent[i])))
            return trn_fail(TRN_NUMERIC,
                            "%s: the sum of %s %lld (from 0) is too large for float64; scale the "
                            "matrix down before, which does not change the result",
                            name, what, (long long)(first + i));
    return TRN_OK;
}

/* The sums that the transform wants. Collective. */
static trn_status_t add_up(const trn_banded_t *m, work_t *work, const char *name) {
    const trn_transform_t *how = &work->how;
    bool plain = is_pmi(how->kind) || how->kind == TRN_TRANSFORM_SYMMETRIC;
    trn_norm_t norm = plain ? TRN_NORM_L1 /* of numbers that are not negative: their sum */
                            : how->norm;
    if (work->row.value) trn_banded_row_norms(m, norm, work->row);
    if (plain)
        TRN_AGREE(m->comm,
                  check_sums(&work->row, trn_banded_rows(m), work->first_row, "row", name));
    if (how->kind == TRN_TRANSFORM_SYMMETRIC)
        share_roots(m, work);
    else if (work->col.value)
        TRN_TRY(trn_banded_col_norms(m, norm, work->col));
    if (!is_pmi(how->kind)) return TRN_OK;
    TRN_AGREE(m->comm, check_sums(&work->col, m->cols, 0, "column", name));
    return trn_agree(m->comm, weigh_columns(work, m->cols, name));
}

trn_status_t trn_transform(const trn_banded_t *matrix, const trn_transform_t *transform,
                           const char *name) {
    work_t work;
    bool drop = transform->kind == TRN_TRANSFORM_PPMI || transform->kind == TRN_TRANSFORM_BINARIZE;
    trn_status_t status = trn_agree(matrix->comm, plan(matrix, transform, name, &work));
    if (status == TRN_OK) status = add_up(matrix, &work, name);
    if (status == TRN_OK)
        status = trn_agree(matrix->comm, change_all(matrix, drop, change, &work, name));
    trn_norms_free(&work.row);
    trn_norms_free(&work.col);
    trn_free(&work.counts);
    return status;
}

void trn_transform_plan(trn_ledger_t *ledger, const trn_transform_t *how, const int64_t *start,
                        int64_t cols, int ranks, int rank) {
    trn_blocks_t blocks = {trn_transform_blocks(start[ranks]), start,
                           trn_transform_block(start[ranks])};
    bool tree = needs_cols(how->kind) && how->kind != TRN_TRANSFORM_SYMMETRIC &&
                !(how->kind == TRN_TRANSFORM_SCALE_COLS && how->norm == TRN_NORM_MAX);
    trn_ledger_t before = *ledger;
    if (needs_rows(how->kind)) trn_norms_plan(ledger, start[rank + 1] - start[rank]);
    if (needs_cols(how->kind)) trn_norms_plan(ledger, cols);
    if (tree) trn_ledger_take(ledger, "sums", trn_reduce_bytes(blocks, cols, ranks, rank), 1);
    trn_ledger_back(ledger, &before);
}

/* Sums of two matrices ------------------------------------------------------------------------- */

/* The factors of a sum, the type that it is rounded to, and what was too large for it. */
typedef struct adding {
    double alpha, beta;
    bool single;
    trn_excess_t excess;
} adding_t;

/* alpha x + beta y of finite numbers whose terms may be beyond float64 although their sum is not:
 * mantissas in [0.5, 1) and exponents apart, the smaller term taken to the exponent of the larger.
 */
static double sum_apart(double alpha, double x, double beta, double y) {
    int a, b, c, d;
    double p = frexp(alpha, &a) * frexp(x, &b), q = frexp(beta, &c) * frexp(y, &d);
    int first = p == 0 ? c + d : a + b, second = q == 0 ? first : c + d;
    int top = first > second ? first : second;
    return ldexp(ldexp(p, first - top) + ldexp(q, second - top), top);
}

static double sum_at(adding_t *adding, int64_t row, int64_t col, double x, double y) {
    double sum = adding->alpha * x + adding->beta * y;
    if (isfinite(adding->single ? (double)(float)sum : sum) || !isfinite(x) || !isfinite(y))
        return sum;
    sum = sum_apart(adding->alpha, x, adding->beta, y);
    if (!isfinite(adding->single ? (double)(float)sum : sum) && !adding->excess.found)
        adding->excess = (trn_excess_t){true, row, col, x};
    return sum;
}

static void add_dense(adding_t *adding, int64_t first, trn_view_t x, trn_view_t y) {
    for (int64_t i = 0; i < x.rows; i++)
        for (int64_t j = 0; j < x.cols; j++) {
            int64_t at = i * x.stride + j;
            trn_view_set(x, at,
                         sum_at(adding, first + i, j, trn_view_number(x, at),
                                trn_view_number(y, i * y.stride + j)));
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
static void add_rows(adding_t *adding, const trn_sparse_t *x, const trn_sparse_t *y,
                     arrays_t *sum) {
    int64_t rows = trn_sparse_extent(x).rows, first = trn_sparse_extent(x).first_row, kept = 0;
    double none =
        adding->beta < 0 ? 0.0 : -0.0; /* times beta -0, which changes no number, not even 0 */
    const int32_t *xc = trn_sparse_column(x), *yc = trn_sparse_column(y);
    for (int64_t i = 0; i < rows; i++) {
        int64_t a = trn_sparse_start(x)[i], a_end = trn_sparse_start(x)[i + 1];
        int64_t b = trn_sparse_start(y)[i], b_end = trn_sparse_start(y)[i + 1];
        while (a < a_end || b < b_end) {
            bool from_x = b == b_end || (a < a_end && xc[a] <= yc[b]);
            bool from_y = a == a_end || (b < b_end && yc[b] <= xc[a]);
            int32_t col = from_x ? xc[a] : yc[b];
            double value = sum_at(adding, first + i, col, from_x ? trn_sparse_value(x, a) : 0,
                                  from_y ? trn_sparse_value(y, b) : none);
            sum->column[kept] = col;
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

static trn_status_t add_sparse(adding_t *adding, trn_sparse_t **x, const trn_sparse_t *y) {
    trn_sparse_t *sum;
    arrays_t arrays = {0};
    trn_extent_t extent = trn_sparse_extent(*x);
    int64_t count = count_sum(*x, y);
    size_t size = trn_sparse_type(*x) == TRN_SPARSE_F32 ? sizeof(float) : sizeof(double);
    trn_status_t status;
    TRN_OR(failed, trn_alloc_zero(&arrays.start, extent.rows + 1, sizeof(int64_t), "a sum"));
    TRN_OR(failed, trn_alloc(&arrays.column, count, sizeof(int32_t), "a sum"));
    TRN_OR(failed, trn_alloc(&arrays.values, count, size, "a sum"));
    add_rows(adding, *x, y, &arrays);
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

static trn_status_t add_here(trn_banded_t *x, double alpha, const trn_banded_t *y, double beta,
                             const char *name) {
    bool alike = x->rows == y->rows && x->cols == y->cols && !x->sparse == !y->sparse &&
                 (!x->sparse || trn_sparse_type(x->sparse) == trn_sparse_type(y->sparse));
    if (!alike)
        return trn_fail(TRN_USAGE,
                        "sum of matrices: %lld x %lld and %lld x %lld, or not both "
                        "dense or sparse of one type",
                        (long long)x->rows, (long long)x->cols, (long long)y->rows,
                        (long long)y->cols);
    adding_t adding = {alpha, beta, is_single(x), {0}};
    if (x->sparse)
        TRN_TRY(add_sparse(&adding, &x->sparse, y->sparse));
    else
        add_dense(&adding, trn_matrix_first_row(x->dense), trn_matrix_block(x->dense),
                  trn_matrix_block(y->dense));
    return trn_excess_status(&adding.excess, adding.single, name);
}

trn_status_t trn_transform_add(trn_banded_t *x, double alpha, const trn_banded_t *y, double beta,
                               const char *name) {
    return trn_agree(x->comm, add_here(x, alpha, y, beta, name));
}
