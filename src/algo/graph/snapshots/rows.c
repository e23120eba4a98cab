/* rows.c: rows of M as they come from windows, their nonnegative least squares, and sums over them
 * by the tree over blocks. */
#include "algo/graph/snapshots/rows.h"

#include "algo/graph/snapshots/nonneg.h"
#include "base/mem.h"
#include "kern/sparse/spmm.h"
#include "mpi/agree.h"
#include "mpi/reduce.h"

#include <string.h>

/* Rows ----------------------------------------------------------------------------------------- */

static trn_status_t append(void *user, int64_t row, int64_t count, const int32_t *column,
                           const double *pmi) {
    trn_pmi_rows_t *m = user;
    while (m->filled < row) { /* rows in between are empty */
        m->start[m->filled + 1] = m->start[m->filled];
        m->filled++;
    }
    int64_t at = m->start[row];
    TRN_TRY(trn_grow(&m->column, &m->room, at + count, sizeof *m->column, "columns of PMI"));
    TRN_TRY(trn_grow(&m->value, &m->room_value, at + count, sizeof *m->value, "numbers of PMI"));
    memcpy(m->column + at, column, (size_t)count * sizeof *column);
    memcpy(m->value + at, pmi, (size_t)count * sizeof *pmi);
    m->start[row + 1] = at + count;
    m->filled = row + 1;
    return TRN_OK;
}

trn_status_t trn_pmi_rows_make(trn_pmi_rows_t *m, trn_windows_t *windows,
                               const unsigned char *wanted, int64_t parts) {
    TRN_AGREE(windows->comm,
              trn_alloc_zero(&m->start, m->rows + 1, sizeof *m->start, "rows of PMI"));
    for (int64_t p = 0; p < parts; p++) {
        int64_t first = m->rows * p / parts, end = m->rows * (p + 1) / parts;
        TRN_TRY(trn_windows_rows(windows, first, end - first, wanted, append, m));
    }
    while (m->filled < m->rows) {
        m->start[m->filled + 1] = m->start[m->filled];
        m->filled++;
    }
    return TRN_OK;
}

void trn_pmi_rows_free(trn_pmi_rows_t *m) {
    trn_free(&m->start);
    trn_free(&m->column);
    trn_free(&m->value);
}

/* Solving -------------------------------------------------------------------------------------- */

/* *x [rows x r] = M H^T. */
static trn_status_t project(const trn_pmi_rows_t *m, const trn_rows_factor_t *f, double **x) {
    double *ht = NULL;
    TRN_TRY(trn_alloc(x, m->rows * f->r, sizeof **x, "projected rows"));
    TRN_TRY(trn_alloc(&ht, f->cols * f->r, sizeof *ht, "factors of landmarks"));
    for (int64_t c = 0; c < f->r; c++)
        for (int64_t j = 0; j < f->cols; j++)
            ht[j * f->r + c] = f->h[c * f->cols + j];
    trn_spmm_t product = {.rows = m->rows,
                          .start = m->start,
                          .column = m->column,
                          .entries = TRN_SPARSE_F64,
                          .values = m->value,
                          .wide = true,
                          .b = {{ht, f->r}, {NULL, 0}},
                          .cols = f->r,
                          .c = *x,
                          .c_stride = f->r,
                          .alpha = 1};
    trn_spmm_threads(&product, 0, m->rows, f->threads);
    trn_free(&ht);
    return TRN_OK;
}

trn_status_t trn_rows_solve(const trn_pmi_rows_t *m, const trn_rows_factor_t *f, trn_tall_t w) {
    enum { CHUNK = 64 };
    double *x = NULL, *data = w.block.data;
    trn_status_t status = project(m, f, &x);
    if (status == TRN_OK) {
#pragma omp parallel for num_threads(f->threads) schedule(dynamic, CHUNK)
        for (int64_t i = 0; i < m->rows; i++)
            if (m->start[i + 1] > m->start[i])
                trn_nonneg_solve(f->r, f->gram, x + i * f->r, TRN_NONNEG_SWEEPS,
                                 data + i * w.block.stride);
    }
    trn_free(&x);
    return status;
}

/* Sums ----------------------------------------------------------------------------------------- */

typedef struct pass {
    const trn_pmi_rows_t *m;
    const trn_rows_factor_t *factor;
    trn_tall_t w;
    int64_t cols, first; /* of this rank */
} pass_t;

/* Own rows [*from, *end) of a block. */
static void rows_of(const pass_t *p, int64_t block, int64_t *from, int64_t *end) {
    int64_t size = trn_tall_block(p->w.rows);
    *from = block * size - p->first;
    *end = *from + size < p->m->rows ? *from + size : p->m->rows;
}

/* |m - w H|^2 = |m|^2 - 2 w (H m) + w G w. */
static void add_errors(void *user, int64_t block, double *sums) {
    const pass_t *p = user;
    const trn_rows_factor_t *f = p->factor;
    int64_t from, end;
    sums[0] = sums[1] = 0;
    for (rows_of(p, block, &from, &end); from < end; from++) {
        const double *w = (const double *)p->w.block.data + from * p->w.block.stride;
        double squares = 0, rest = 0;
        if (p->m->start[from] == p->m->start[from + 1]) continue;
        for (int64_t e = p->m->start[from]; e < p->m->start[from + 1]; e++)
            squares += p->m->value[e] * p->m->value[e];
        for (int64_t c = 0; c < f->r; c++) {
            double x = 0, g = 0;
            if (w[c] == 0) continue;
            for (int64_t e = p->m->start[from]; e < p->m->start[from + 1]; e++)
                x += p->m->value[e] * f->h[c * f->cols + p->m->column[e]];
            for (int64_t d = 0; d < f->r; d++)
                g += f->gram[c * f->r + d] * w[d];
            rest += w[c] * (g / 2 - x);
        }
        sums[0] += squares / 2 + rest;
        sums[1] += squares / 2;
    }
}

static void add_cross(void *user, int64_t block, double *sums) {
    const pass_t *p = user;
    int64_t r = p->w.block.cols, from, end;
    double *gram = sums + r * p->cols;
    memset(sums, 0, (size_t)(r * p->cols + r * r) * sizeof *sums);
    for (rows_of(p, block, &from, &end); from < end; from++) {
        const double *w = (const double *)p->w.block.data + from * p->w.block.stride;
        if (p->m->start[from] == p->m->start[from + 1]) continue;
        for (int64_t c = 0; c < r; c++) {
            if (w[c] == 0) continue;
            for (int64_t e = p->m->start[from]; e < p->m->start[from + 1]; e++)
                sums[c * p->cols + p->m->column[e]] += w[c] * p->m->value[e];
            for (int64_t d = 0; d < r; d++)
                gram[c * r + d] += w[c] * w[d];
        }
    }
}

static trn_status_t sum_over(pass_t *p, int64_t width, trn_leaf_t leaf, double *sums) {
    int64_t block = trn_tall_block(p->w.rows);
    p->first = trn_tall_first_block(p->w) * block;
    return trn_reduce_tree(p->w.comm, (p->w.rows + block - 1) / block, width, leaf, p, sums);
}

trn_status_t trn_rows_error(const trn_pmi_rows_t *m, const trn_rows_factor_t *factor, trn_tall_t w,
                            double sums[2]) {
    pass_t p = {m, factor, w, factor->cols, 0};
    return sum_over(&p, 2, add_errors, sums);
}

trn_status_t trn_rows_cross(const trn_pmi_rows_t *m, trn_tall_t w, int64_t cols, double *sums) {
    pass_t p = {m, NULL, w, cols, 0};
    return sum_over(&p, w.block.cols * (cols + w.block.cols), add_cross, sums);
}
