/* mobius.c: rows of the ball, some at a time in float64: products with M for all of them together,
 * the rest row by row. Radii are summed by blocks in a fixed tree; each block is a leaf. */
#include "algo/matrix/mobius.h"

#include "algo/matrix/transform_impl.h"
#include "base/mem.h"
#include "kern/dense/gemm.h"
#include "mpi/agree.h"
#include "mpi/reduce.h"

#include <math.h>

enum { SOME = 64 }; /* rows at a time, from the first of a block on */

/* The first row that has no place in the ball. */
typedef struct trouble {
    bool found, after, added; /* after: the result; added: of b */
    int64_t row, col;         /* col -1: the row as a whole */
    double value;
} trouble_t;

typedef struct mapping {
    const trn_banded_t *x, *b;
    const trn_mobius_t *how;
    double s;        /* sqrt of the curvature */
    double *in, *to; /* [SOME x cols] rows, and what they become */
    bool single;
    trouble_t trouble;
    int64_t projected;
} mapping_t;

/* |x| without overflow or underflow of squares. */
static double length(int64_t n, const double *x) {
    double most = 0, sum = 0;
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs(x[i]));
    if (most == 0) return 0;
    int exponent = most > 1e-100 && most < 1e100 ? 0 : ilogb(most);
    for (int64_t i = 0; i < n; i++) {
        double part = exponent == 0 ? x[i] : scalbn(x[i], -exponent);
        sum += part * part;
    }
    return scalbn(sqrt(sum), exponent);
}

static void stretch(int64_t n, double factor, double *x) {
    for (int64_t i = 0; i < n; i++)
        x[i] *= factor;
}

/* s |x| of a row that is to be a point, brought into the ball if that is asked for. */
static double place(mapping_t *m, int64_t row, bool after, bool added, double *x) {
    int64_t cols = m->x->cols;
    double at = m->s * length(cols, x), most = 1 - m->how->project;
    if (m->how->project > 0 && at > most * (1 + 1e-15)) { /* what was scaled is not scaled again */
        stretch(cols, most / at, x);
        m->projected++;
        at = m->s * length(cols, x);
    }
    if (after && m->single) { /* judged as it is stored */
        for (int64_t i = 0; i < cols; i++)
            x[i] = (double)(float)x[i];
        at = m->s * length(cols, x);
    }
    if (!(at < 1) && !m->trouble.found) m->trouble = (trouble_t){true, after, added, row, -1, at};
    return at;
}

static double radius(const mapping_t *m, double at) {
    return at < 1 ? 2 * atanh(at) / m->s : 0;
}

/* to = how far |x| goes over |to|, along to; s |x| is `at`. */
static void multiply(const mapping_t *m, const double *x, double at, double *to) {
    int64_t cols = m->x->cols;
    double from = length(cols, x), size = length(cols, to);
    if (size == 0 || at >= 1) return;
    stretch(cols, tanh(size / from * atanh(at)) / (m->s * size), to);
}

/* to = x + b in the ball. */
static void add(const mapping_t *m, const double *x, const double *b, double *to) {
    double c = m->how->curvature, xb = 0, xx = 0, bb = 0;
    for (int64_t i = 0; i < m->x->cols; i++) {
        xb += x[i] * b[i];
        xx += x[i] * x[i];
        bb += b[i] * b[i];
    }
    double all = 1 + 2 * c * xb + c * c * xx * bb;
    double of_x = (1 + 2 * c * xb + c * bb) / all, of_b = (1 - c * xx) / all;
    for (int64_t i = 0; i < m->x->cols; i++)
        to[i] = of_x * x[i] + of_b * b[i];
}

/* What a row becomes, and radii[2] before and after. MULTIPLY finds M x in `to`, ADD finds b. */
static void map_row(mapping_t *m, int64_t row, double *x, double *to, double *radii) {
    int64_t cols = m->x->cols;
    trn_mobius_kind_t kind = m->how->kind;
    double at = kind == TRN_MOBIUS_EXP0 ? m->s * length(cols, x) : place(m, row, false, false, x);
    if (kind == TRN_MOBIUS_MULTIPLY) {
        multiply(m, x, at, to);
    } else if (kind == TRN_MOBIUS_ADD) {
        place(m, row, false, true, to);
        add(m, x, to, to);
    } else {
        double factor = at == 0 || (kind == TRN_MOBIUS_LOG0 && at >= 1) ? 1
                        : kind == TRN_MOBIUS_EXP0                       ? tanh(at) / at
                                                                        : atanh(at) / at;
        for (int64_t i = 0; i < cols; i++)
            to[i] = factor * x[i];
    }
    if (kind != TRN_MOBIUS_EXP0) radii[0] += radius(m, at);
    if (kind == TRN_MOBIUS_LOG0) return;
    radii[1] += radius(m, place(m, row, true, false, to));
}

/* values = rows of a view, from `from` on, in float64; what is not finite is noted. */
static void load(mapping_t *m, trn_view_t view, int64_t from, int64_t rows, int64_t first,
                 bool added, double *values) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < view.cols; j++) {
            double x = trn_view_number(view, (from + i) * view.stride + j);
            values[i * view.cols + j] = x;
            if (!isfinite(x) && !m->trouble.found)
                m->trouble = (trouble_t){true, false, added, first + i, j, x};
        }
}

/* to = x M^T, block by block. */
static void apply(const mapping_t *m, int64_t rows) {
    int64_t side = m->how->side, cols = m->x->cols;
    for (int64_t at = 0; at < cols; at += side)
        trn_gemm(&(trn_gemm_t){.type = TRN_F64,
                               .m = rows,
                               .n = side,
                               .k = side,
                               .alpha = 1,
                               .a = {m->in + at, cols, false},
                               .b = {m->how->m + at * side, side, true},
                               .c = m->to + at,
                               .ldc = cols});
}

/* Rows of a view whose first one is row `first` of the whole; b's rows are beside them. */
static void map_view(mapping_t *m, trn_view_t view, trn_view_t b, int64_t first, double *radii) {
    int64_t cols = view.cols, rows;
    for (int64_t from = 0; from < view.rows; from += rows) {
        rows = view.rows - from < SOME ? view.rows - from : SOME;
        load(m, view, from, rows, first + from, false, m->in);
        if (m->how->kind == TRN_MOBIUS_ADD) load(m, b, from, rows, first + from, true, m->to);
        if (m->how->kind == TRN_MOBIUS_MULTIPLY && m->how->project > 0)
            for (int64_t i = 0; i < rows; i++) /* before M is applied */
                place(m, first + from + i, false, false, m->in + i * cols);
        if (m->how->kind == TRN_MOBIUS_MULTIPLY) apply(m, rows);
        for (int64_t i = 0; i < rows; i++)
            map_row(m, first + from + i, m->in + i * cols, m->to + i * cols, radii);
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < cols; j++)
                trn_view_set(view, (from + i) * view.stride + j, m->to[i * cols + j]);
    }
}

/* Own rows of a matrix in memory that are in a block. */
static trn_view_t rows_of(const trn_banded_t *x, int64_t from, int64_t rows) {
    trn_view_t all = trn_matrix_block(x->dense);
    return trn_view_part(all, from, rows, 0, all.cols);
}

/* A leaf of the tree: the block is mapped, and its radii are added up. */
static void map_block(void *user, int64_t block, double *radii) {
    mapping_t *m = user;
    int64_t height = trn_transform_block(m->x->rows), first = block * height;
    int64_t rows = m->x->rows - first < height ? m->x->rows - first : height;
    radii[0] = radii[1] = 0;
    if (m->x->stream) {
        trn_view_t view = m->x->stream->rows(m->x->stream->user, block);
        map_view(m, view, (trn_view_t){0}, first, radii);
        m->x->stream->put(m->x->stream->user, first, view);
        return;
    }
    int64_t from = first - trn_banded_first(m->x);
    map_view(m, rows_of(m->x, from, rows), m->b ? rows_of(m->b, from, rows) : (trn_view_t){0},
             first, radii);
}

static trn_status_t outcome(const mapping_t *m, const char *name, const char *b_name) {
    const trouble_t *t = &m->trouble;
    const char *of = t->added ? b_name : name;
    if (!t->found) return TRN_OK;
    if (t->col >= 0)
        return trn_fail(TRN_INPUT,
                        "%s: row %lld, column %lld (from 0) is %g; points of the ball are "
                        "finite",
                        of, (long long)t->row, (long long)t->col, t->value);
    if (t->after)
        return trn_fail(TRN_NUMERIC,
                        "%s: row %lld (from 0) comes to the border of the ball, sqrt(c) "
                        "|y| = %.17g in %s; --project EPS keeps it inside",
                        of, (long long)t->row, t->value, m->single ? "float32" : "float64");
    return trn_fail(TRN_INPUT,
                    "%s: row %lld (from 0) is no point of the ball, sqrt(c) |x| = %.17g is "
                    "not below 1; --project EPS brings it inside, a smaller --curvature widens the "
                    "ball",
                    of, (long long)t->row, t->value);
}

static trn_status_t plan(mapping_t *m) {
    TRN_TRY(trn_alloc(&m->in, SOME * m->x->cols, sizeof *m->in, "rows"));
    return trn_alloc(&m->to, SOME * m->x->cols, sizeof *m->to, "rows");
}

trn_status_t trn_mobius(const trn_banded_t *x, const trn_banded_t *b, const trn_mobius_t *how,
                        const char *name, const char *b_name, trn_mobius_told_t *told) {
    mapping_t m = {.x = x, .b = b, .how = how, .s = sqrt(how->curvature)};
    double radii[2] = {0, 0};
    m.single = (x->stream ? x->stream->type : trn_matrix_block(x->dense).type) == TRN_MATRIX_F32;
    trn_status_t status = trn_agree(x->comm, plan(&m));
    if (status == TRN_OK)
        status = trn_reduce_tree_of(x->comm, trn_banded_blocks(x), 2, map_block, &m, radii);
    if (status == TRN_OK) status = trn_agree(x->comm, outcome(&m, name, b_name));
    MPI_Allreduce(MPI_IN_PLACE, &m.projected, 1, MPI_INT64_T, MPI_SUM, x->comm);
    double rows = x->rows > 0 ? (double)x->rows : 1;
    *told = (trn_mobius_told_t){how->kind == TRN_MOBIUS_EXP0 ? -1 : radii[0] / rows,
                                how->kind == TRN_MOBIUS_LOG0 ? -1 : radii[1] / rows, m.projected};
    trn_free(&m.in);
    trn_free(&m.to);
    return status;
}

void trn_mobius_plan(trn_ledger_t *ledger, int64_t cols) {
    trn_ledger_pass(ledger, "sums", 2 * SOME * cols, sizeof(double));
}
