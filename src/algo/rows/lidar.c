/* lidar.c: covariances between and within classes as two Gram matrices: of the class means, and of
 * rows less their class's mean, which pass by once more; then one Cholesky factor, no square root.
 */
#include "algo/rows/lidar.h"

#include "algo/matrix/gram.h"
#include "algo/rows/measures.h"
#include "base/mem.h"
#include "kern/dense/lapack.h"
#include "mpi/agree.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

trn_status_t trn_lidar_check(const trn_groups_t *g, int64_t cols, const trn_lidar_how_t *how,
                             const char *name) {
    int64_t rows = g->start[g->count];
    if (cols > TRN_MEASURES_SIDE)
        return trn_fail(TRN_INPUT, "%s: %lld columns; lidar takes %d at most", name,
                        (long long)cols, (int)TRN_MEASURES_SIDE);
    if (g->count < 2) return trn_fail(TRN_INPUT, "%s: lidar takes two classes or more", name);
    if (g->smallest != g->largest && !how->unequal)
        return trn_fail(TRN_INPUT,
                        "%s: groups of %lld to %lld rows; lidar takes classes of one size, or "
                        "--unequal, which weights them by their rows",
                        name, (long long)g->smallest, (long long)g->largest);
    if (rows == g->count)
        return trn_fail(TRN_INPUT, "%s: groups of one row have no spread that lidar could use",
                        name);
    return TRN_OK;
}

/* Between classes ------------------------------------------------------------------------------ */

/* Means as the rows of a tall matrix, of which this rank asks for its own. */
typedef struct between {
    trn_tall_t means, sizes; /* [classes x cols], [classes x 1] */
    double *rows, *mean;     /* the first one's numbers; [cols] mean of all rows */
    int64_t *wanted;
} between_t;

/* Groups lie where their rows are, rows of a tall matrix where its blocks say: this rank's part of
 * the latter is asked for. */
static trn_status_t between_create(between_t *b, const trn_groups_t *g, trn_tall_t x) {
    int rank;
    MPI_Comm_rank(x.comm, &rank);
    *b = (between_t){0};
    TRN_TRY(trn_tall_create(&b->sizes, x.comm, g->count, 1));
    int64_t first = trn_tall_start(x.comm, g->count, rank);
    TRN_TRY(trn_alloc(&b->mean, x.block.cols, sizeof *b->mean, "the mean of classes"));
    TRN_TRY(trn_alloc(&b->wanted, b->sizes.block.rows, sizeof *b->wanted, "classes"));
    for (int64_t i = 0; i < b->sizes.block.rows; i++) {
        b->wanted[i] = first + i;
        ((double *)b->sizes.block.data)[i] =
            (double)(g->start[first + i + 1] - g->start[first + i]);
    }
    return TRN_OK;
}

static void between_free(between_t *b) {
    trn_tall_free(&b->sizes);
    trn_free(&b->rows);
    trn_free(&b->mean);
    trn_free(&b->wanted);
}

/* Rows of a matrix whose Gram matrix is Sb: sqrt(n_c n / (N (n - 1))) (m_c - m). b->mean is the sum
 * of all rows, not yet divided. */
static void weigh(between_t *b, const trn_groups_t *g) {
    double all = (double)g->start[g->count], n = (double)g->count;
    const double *size = b->sizes.block.data;
    for (int64_t i = 0; i < b->means.block.rows; i++) {
        double *row = b->rows + i * b->means.block.cols;
        double weight = sqrt(size[i] * n / (all * (n - 1)));
        for (int64_t j = 0; j < b->means.block.cols; j++)
            row[j] = (row[j] - b->mean[j] / all) * weight;
    }
}

/* gram = Sb. Collective. */
static trn_status_t between_classes(const trn_groups_t *g, trn_tall_t x, const double *means,
                                    int threads, trn_view_t gram) {
    between_t b;
    trn_status_t status = trn_agree(x.comm, between_create(&b, g, x));
    TRN_OR(done, status);
    int64_t own = b.sizes.block.rows, cols = x.block.cols;
    TRN_OR(done, trn_groups_fetch(g, x.comm, means, cols, b.wanted, own, &b.rows));
    b.means = (trn_tall_t){x.comm, g->count, {TRN_MATRIX_F64, own, cols, cols, b.rows}, NULL};
    TRN_OR(done, trn_tall_cross(b.sizes, b.means, b.mean));
    weigh(&b, g);
    status = trn_gram(b.means, 0, gram, threads);
done:
    between_free(&b);
    return status;
}

/* Within classes ------------------------------------------------------------------------------- */

/* Rows less the mean of their class, as they pass by. */
typedef struct within {
    const trn_groups_t *groups;
    trn_tall_t x;
    int64_t first;   /* row of this rank */
    int64_t *place;  /* [groups] of a group among those that this rank's rows are of; -1: none */
    int64_t *wanted; /* [groups] those, ascending */
    double *mean;    /* their means */
    trn_tall_source_t source;
} within_t;

/* Rows that are in no class add nothing. */
static trn_view_t centered_rows(void *user, int64_t block) {
    const within_t *w = user;
    int64_t first = block * trn_tall_block(w->x.rows), cols = w->x.block.cols;
    trn_view_t view = trn_tall_block_rows(w->x, block);
    for (int64_t i = 0; i < view.rows; i++) {
        double *row = (double *)view.data + i * view.stride;
        int64_t group = w->groups->group_of[first + i];
        const double *mean = group < 0 ? NULL : w->mean + w->place[group] * cols;
        for (int64_t j = 0; j < cols; j++)
            row[j] = mean ? row[j] - mean[j] : 0;
    }
    return view;
}

/* *count = groups that rows of this rank are in. */
static trn_status_t within_create(within_t *w, const trn_groups_t *g, trn_tall_t x,
                                  int64_t *count) {
    int rank;
    MPI_Comm_rank(x.comm, &rank);
    *w = (within_t){.groups = g, .x = x, .first = trn_tall_start(x.comm, x.rows, rank)};
    w->source = (trn_tall_source_t){.rows = centered_rows, .user = w};
    TRN_TRY(trn_alloc(&w->place, g->count, sizeof *w->place, "classes"));
    TRN_TRY(trn_alloc(&w->wanted, g->count, sizeof *w->wanted, "classes"));
    for (int64_t k = 0; k < g->count; k++)
        w->place[k] = -1;
    for (int64_t i = 0; i < x.block.rows; i++)
        if (g->group_of[w->first + i] >= 0) w->place[g->group_of[w->first + i]] = 0;
    *count = 0;
    for (int64_t k = 0; k < g->count; k++)
        if (w->place[k] == 0) {
            w->place[k] = *count;
            w->wanted[(*count)++] = k;
        }
    return TRN_OK;
}

/* gram = Sw before it is divided. Collective. */
static trn_status_t within_classes(const trn_groups_t *g, trn_tall_t x, const double *means,
                                   int threads, trn_view_t gram) {
    within_t w;
    int64_t count = 0;
    trn_status_t status = trn_agree(x.comm, within_create(&w, g, x, &count));
    TRN_OR(done, status);
    TRN_OR(done, trn_groups_fetch(g, x.comm, means, x.block.cols, w.wanted, count, &w.mean));
    trn_tall_t centered = x;
    centered.block.data = NULL;
    centered.source = &w.source;
    status = trn_gram(centered, 0, gram, threads);
done:
    trn_free(&w.place);
    trn_free(&w.wanted);
    trn_free(&w.mean);
    return status;
}

/* Both together -------------------------------------------------------------------------------- */

/* R^-T Sb R^-1, with R^T R = Sw, has the eigenvalues of Sw^-1/2 Sb Sw^-1/2, for it is Q^T times
 * that times Q, Q = Sw^1/2 R^-1 being orthogonal. Rounding leaves it not quite symmetric. On rank
 * 0. */
static trn_status_t compare(const trn_groups_t *g, const trn_lidar_how_t *how, int64_t d,
                            double *between, double *within, double *values, double *work,
                            double *lidar) {
    double below = (double)(g->start[g->count] - g->count);
    int n = (int)d;
    for (int64_t i = 0; i < d * d; i++) {
        within[i] /= below;
        if (!isfinite(within[i]) || !isfinite(between[i]))
            return trn_fail(TRN_NUMERIC, "lidar: covariances are too large for float64; scale the "
                                         "matrix down before (transform --scale)");
    }
    for (int64_t i = 0; i < d; i++)
        within[i * d + i] += how->delta;
    if (!trn_lapack_cholesky(d, within))
        return trn_fail(TRN_NUMERIC, "lidar: the covariance within classes is not positive "
                                     "definite; give a --delta above 0");
    cblas_dtrsm(CblasRowMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit, n, n, 1, within,
                n, between, n);
    cblas_dtrsm(CblasRowMajor, CblasLeft, CblasUpper, CblasTrans, CblasNonUnit, n, n, 1, within, n,
                between, n);
    for (int64_t i = 0; i < d; i++)
        for (int64_t j = 0; j < i; j++)
            between[i * d + j] = (between[i * d + j] + between[j * d + i]) / 2;
    if (!trn_lapack_eigenvalues(d, between, values, work))
        return trn_fail(TRN_NUMERIC, "lidar: eigenvalues did not converge");
    *lidar = trn_measures_entropy_rank(d, values, how->epsilon);
    return TRN_OK;
}

/* Squares, and the work of LAPACK, on rank 0 alone. */
typedef struct squares {
    double *between, *within, *values, *work;
} squares_t;

static trn_status_t squares_create(squares_t *s, int64_t d, int rank) {
    int64_t side = rank == 0 ? d : 0;
    *s = (squares_t){0};
    TRN_TRY(trn_alloc(&s->between, side * side, sizeof(double), "covariances"));
    TRN_TRY(trn_alloc(&s->within, side * side, sizeof(double), "covariances"));
    TRN_TRY(trn_alloc(&s->values, side, sizeof(double), "covariances"));
    return trn_alloc(&s->work, trn_lapack_eigenvalues_work(side), sizeof(double), "covariances");
}

static void squares_free(squares_t *s) {
    trn_free(&s->between);
    trn_free(&s->within);
    trn_free(&s->values);
    trn_free(&s->work);
}

trn_status_t trn_lidar(const trn_groups_t *g, trn_tall_t x, const double *means,
                       const trn_lidar_how_t *how, double *lidar) {
    int rank;
    int64_t d = x.block.cols;
    squares_t s;
    *lidar = 0;
    MPI_Comm_rank(x.comm, &rank);
    int64_t rows = rank == 0 ? d : 0;
    trn_status_t status = trn_agree(x.comm, squares_create(&s, d, rank));
    if (status == TRN_OK)
        status = between_classes(g, x, means, how->threads,
                                 (trn_view_t){TRN_MATRIX_F64, rows, d, d, s.between});
    if (status == TRN_OK)
        status = within_classes(g, x, means, how->threads,
                                (trn_view_t){TRN_MATRIX_F64, rows, d, d, s.within});
    if (status == TRN_OK)
        status = trn_agree(
            x.comm,
            rank == 0 ? compare(g, how, d, s.between, s.within, s.values, s.work, lidar) : TRN_OK);
    MPI_Bcast(lidar, 1, MPI_DOUBLE, 0, x.comm);
    squares_free(&s);
    return status;
}

/* At the worst rows of all classes lie on every rank, and each of them is asked for. */
void trn_lidar_plan(trn_ledger_t *ledger, const trn_groups_t *g, int64_t cols, int ranks,
                    int rank) {
    int64_t own = trn_tall_rows(g->rows, ranks, rank), classes = g->count < own ? g->count : own;
    int64_t square = rank == 0 ? 2 * cols * cols + cols + trn_lapack_eigenvalues_work(cols) : 0;
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "covariances", square, sizeof(double));
    trn_ledger_take(ledger, "classes", classes * cols + classes * cols / 4, sizeof(double));
    trn_ledger_take(ledger, "classes", 2 * g->count, sizeof(int64_t));
    trn_gram_plan(ledger, g->rows, cols, TRN_MATRIX_F64, ranks, rank);
    trn_ledger_back(ledger, &before);
}
