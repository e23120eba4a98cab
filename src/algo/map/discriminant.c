/* discriminant.c: subclass discriminant analysis by spectral regression; of one subclass a class it
 * is linear discriminant analysis.
 *
 * Between subclasses z, z' of different classes there is an edge of weight p_z p_z', p_z = n_z / n.
 * What is to be large is w^T X^T C L C^T X w, with C the indicators of subclasses over n_z and L
 * the Laplacian of the edges. C L C^T, of n x n, has the eigenvalues of M = N^-1/2 L N^-1/2, of as
 * many rows as subclasses, and its eigenvectors are those of M, a number for each subclass, over
 * sqrt(n_z): targets T, orthonormal, and orthogonal to ones by themselves. Rows are regressed on
 * them: W = (Xc^T Xc + l I)^-1 Xc^T T. Several views are columns side by side. */
#include "algo/map/fit_impl.h"

#include "algo/map/views.h"
#include "base/mem.h"
#include "kern/dense/lapack.h"
#include "mpi/agree.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Subclasses, in the order of their labels, equal on all ranks. */
typedef struct groups {
    int64_t count, classes;
    int32_t *of;    /* [rows] subclass of each row */
    double *size;   /* [count] rows in it */
    int64_t *label; /* [count x 2] class and subclass by their labels */
    double *target; /* [count x r] what a row of it is to become */
    int64_t r;
} groups_t;

static void groups_free(groups_t *g) {
    trn_free(&g->of);
    trn_free(&g->size);
    trn_free(&g->label);
    trn_free(&g->target);
}

/* Subclasses ----------------------------------------------------------------------------------- */

static int compare(const void *left, const void *right) {
    const int64_t *a = left, *b = right;
    if (a[0] != b[0]) return a[0] < b[0] ? -1 : 1;
    return a[1] < b[1] ? -1 : a[1] > b[1];
}

/* Labels may be any numbers, and subclasses may be counted anew in each class: pairs of both. */
static trn_status_t group(const trn_fit_t *fit, groups_t *g) {
    int64_t n = fit->labels.count;
    TRN_TRY(trn_alloc(&g->of, n, sizeof *g->of, "subclasses of rows"));
    TRN_TRY(trn_alloc(&g->label, 2 * n, sizeof *g->label, "labels"));
    for (int64_t i = 0; i < n; i++) {
        g->label[2 * i] = fit->labels.id[i];
        g->label[2 * i + 1] = fit->subclasses.count ? fit->subclasses.id[i] : 0;
    }
    qsort(g->label, (size_t)n, 2 * sizeof *g->label, compare);
    for (int64_t i = 0; i < n; i++) {
        bool fresh = i == 0 || g->label[2 * i] != g->label[2 * g->count - 2];
        g->classes += fresh;
        if (!fresh && g->label[2 * i + 1] == g->label[2 * g->count - 1]) continue;
        memmove(g->label + 2 * g->count++, g->label + 2 * i, 2 * sizeof *g->label);
    }
    TRN_TRY(trn_alloc_zero(&g->size, g->count, sizeof *g->size, "sizes of subclasses"));
    for (int64_t i = 0; i < n; i++) {
        int64_t pair[2] = {fit->labels.id[i], fit->subclasses.count ? fit->subclasses.id[i] : 0};
        int64_t *at = bsearch(pair, g->label, (size_t)g->count, sizeof pair, compare);
        g->of[i] = (int32_t)((at - g->label) / 2);
        g->size[g->of[i]] += 1;
    }
    return TRN_OK;
}

/* What labels say of the shape of the map: as many columns as M has eigenvalues above zero. Those
 * are known beforehand: the graph joins all classes to each other, so it is connected. */
static trn_status_t check(trn_fit_t *fit) {
    groups_t g = {0};
    const char *path = fit->in[0]->in.path;
    fit->map.in = 0;
    if (fit->count > TRN_MAP_VIEWS)
        return trn_fail(TRN_USAGE, "%d views; there can be %d", fit->count, (int)TRN_MAP_VIEWS);
    fit->map.views = fit->count;
    for (int v = 0; v < fit->count; v++) {
        TRN_TRY(trn_fit_same_rows(fit, v));
        fit->map.view[v] = trn_fit_cols(fit, v);
        fit->map.in += fit->map.view[v];
    }
    if (fit->map.in > TRN_LAPACK_MOST)
        return trn_fail(TRN_INPUT, "%lld columns of all views together; a map takes %d at most",
                        (long long)fit->map.in, (int)TRN_LAPACK_MOST);
    TRN_TRY(trn_ids_of_rows(&fit->labels, trn_fit_rows(fit, 0), path));
    if (fit->subclasses.count)
        TRN_TRY(trn_ids_of_rows(&fit->subclasses, trn_fit_rows(fit, 0), path));
    trn_status_t status = group(fit, &g);
    if (status == TRN_OK && g.classes < 2)
        status = trn_fail(TRN_INPUT, "%s: all labels are %lld; there must be two classes or more",
                          fit->labels.path, (long long)fit->labels.id[0]);
    if (status == TRN_OK && g.count > TRN_LAPACK_MOST)
        status = trn_fail(TRN_INPUT, "%s: %lld subclasses; there can be %d", fit->labels.path,
                          (long long)g.count, (int)TRN_LAPACK_MOST);
    if (status == TRN_OK)
        status = trn_fit_rank(fit, g.count - 1, "directions between the subclasses", &fit->map.out);
    fit->map.count = fit->map.out;
    fit->map.has_mean = true;
    trn_fit_note(fit, "classes", (double)g.classes);
    trn_fit_note(fit, "subclasses", (double)g.count);
    groups_free(&g);
    return status;
}

/* Targets, on rank 0 --------------------------------------------------------------------------- */

/* m [z x z] = N^-1/2 L N^-1/2. */
static void set_laplacian(const groups_t *g, int64_t rows, double *m) {
    int64_t z = g->count;
    double n = (double)rows;
    for (int64_t i = 0; i < z; i++) {
        double degree = 0;
        for (int64_t j = 0; j < z; j++) {
            bool apart = g->label[2 * i] != g->label[2 * j];
            double weight = apart ? g->size[i] / n * (g->size[j] / n) : 0;
            degree += weight;
            m[i * z + j] = -weight / sqrt(g->size[i] * g->size[j]);
        }
        m[i * z + i] = degree / g->size[i];
    }
}

/* target[i][j] = V[i][j] / sqrt(n_i), strongest first; values likewise. */
static trn_status_t set_targets(groups_t *g, int64_t rows, double *values) {
    int64_t z = g->count;
    double *m = NULL, *all = NULL;
    trn_status_t status = trn_alloc(&m, z * z, sizeof *m, "a graph of subclasses");
    if (status == TRN_OK) status = trn_alloc(&all, z, sizeof *all, "eigenvalues");
    if (status == TRN_OK) {
        set_laplacian(g, rows, m);
        status = trn_fit_eig(z, m, all, "the graph of subclasses");
    }
    for (int64_t j = 0; j < g->r && status == TRN_OK; j++) {
        values[j] = all[z - 1 - j];
        for (int64_t i = 0; i < z; i++)
            g->target[i * g->r + j] = m[(z - 1 - j) * z + i] / sqrt(g->size[i]);
    }
    trn_free(&m);
    trn_free(&all);
    return status;
}

/* Passes over the rows ------------------------------------------------------------------------- */

/* Targets of rows as a matrix of their own. */
typedef struct targets {
    const groups_t *groups;
    trn_tall_t tall;
    trn_tall_source_t source;
    double *rows; /* [block x r] */
} targets_t;

static trn_view_t target_rows(void *user, int64_t block) {
    targets_t *t = user;
    int64_t size = trn_tall_block(t->tall.rows), first = block * size, r = t->groups->r;
    int64_t rows = t->tall.rows - first < size ? t->tall.rows - first : size;
    for (int64_t i = 0; i < rows; i++)
        memcpy(t->rows + i * r, t->groups->target + t->groups->of[first + i] * r,
               sizeof(double) * (size_t)r);
    return (trn_view_t){TRN_MATRIX_F64, rows, r, r, t->rows};
}

static trn_status_t targets_open(targets_t *t, groups_t *g, trn_tall_t like) {
    int64_t block = trn_tall_block(like.rows);
    t->groups = g;
    t->tall = like;
    t->tall.block.cols = t->tall.block.stride = g->r;
    t->source = (trn_tall_source_t){.rows = target_rows, .user = t};
    t->tall.source = &t->source;
    return trn_alloc(&t->rows, (block < like.rows ? block : like.rows) * g->r, sizeof *t->rows,
                     "targets of rows");
}

/* Entry of largest size of each column positive, the first of several. */
static void fix_signs(int64_t rows, int64_t cols, double *w) {
    for (int64_t j = 0; j < cols; j++) {
        int64_t best = 0;
        for (int64_t i = 1; i < rows; i++)
            if (fabs(w[i * cols + j]) > fabs(w[best * cols + j])) best = i;
        if (w[best * cols + j] > 0) continue;
        for (int64_t i = 0; i < rows; i++)
            w[i * cols + j] = -w[i * cols + j];
    }
}

/* What a run holds on every rank. */
typedef struct held {
    groups_t groups;
    targets_t targets;
    trn_views_t views;
    double *mean;  /* [in] */
    double *cross; /* [in x r] */
    double *gram;  /* [in x in]; rank 0 */
} held_t;

static trn_status_t held_create(trn_fit_t *fit, held_t *held) {
    groups_t *g = &held->groups;
    TRN_TRY(group(fit, g));
    g->r = fit->map.out;
    TRN_TRY(trn_alloc(&g->target, g->count * g->r, sizeof *g->target, "targets"));
    TRN_TRY(trn_views_open(&held->views, fit->count, fit->in));
    TRN_TRY(targets_open(&held->targets, g, held->views.tall));
    TRN_TRY(trn_alloc(&held->mean, fit->map.in, sizeof *held->mean, "column means"));
    return trn_alloc(&held->cross, fit->map.in * g->r, sizeof *held->cross, "products");
}

static void held_free(held_t *held) {
    groups_free(&held->groups);
    trn_free(&held->targets.rows);
    trn_views_close(&held->views);
    trn_free(&held->mean);
    trn_free(&held->cross);
    trn_free(&held->gram);
}

/* Eigenvectors of one LAPACK for all. Collective. */
static trn_status_t share_targets(trn_fit_t *fit, groups_t *g) {
    int rank;
    MPI_Comm_rank(fit->comm, &rank);
    TRN_AGREE(fit->comm, rank == 0 ? set_targets(g, fit->labels.count, fit->map.values) : TRN_OK);
    for (int64_t i = 0; i < g->count; i++) /* a row at a time, for counts are int */
        MPI_Bcast(g->target + i * g->r, (int)g->r, MPI_DOUBLE, 0, fit->comm);
    return TRN_OK;
}

static trn_status_t solve(trn_fit_t *fit, held_t *held) {
    int64_t d = fit->map.in, r = fit->map.out;
    memcpy(fit->map.mean, held->mean, sizeof(double) * (size_t)d);
    memcpy(fit->map.matrix, held->cross, sizeof(double) * (size_t)(d * r));
    trn_fit_clear(d, held->gram, held->mean, trn_fit_rows(fit, 0));
    TRN_TRY(
        trn_fit_solve(d, held->gram, fit->options.lambda, r, fit->map.matrix, fit->in[0]->in.path));
    fix_signs(d, r, fit->map.matrix);
    return TRN_OK;
}

/* Collective. */
static trn_status_t run(trn_fit_t *fit) {
    held_t held = {0};
    int rank;
    MPI_Comm_rank(fit->comm, &rank);
    trn_status_t status = trn_agree(fit->comm, held_create(fit, &held));
    TRN_OR(done, status);
    trn_tall_t x = held.views.tall;
    TRN_OR(done, trn_fit_allocate(fit));
    TRN_OR(done, share_targets(fit, &held.groups));
    TRN_OR(done, trn_tall_center(x, held.mean));
    TRN_OR(done, trn_fit_gram(fit, x, &held.gram));
    TRN_OR(done, trn_tall_cross(x, held.targets.tall, held.cross));
    for (int v = 0; v < fit->count; v++)
        TRN_OR(done, trn_tall_in_outcome(fit->in[v], TRN_OK));
    status = trn_agree(fit->comm, rank == 0 ? solve(fit, &held) : TRN_OK);
done:
    held_free(&held);
    return status;
}

static void plan(const trn_fit_t *fit, int ranks, int rank, trn_ledger_t *ledger) {
    int64_t rows = trn_fit_rows(fit, 0), d = fit->map.in, r = fit->map.out;
    int64_t block = trn_tall_block(rows), some = block < rows ? block : rows;
    int64_t z = fit->figures > 1 ? (int64_t)fit->figure[1].value : r + 1;
    trn_fit_allocate_plan(fit, rank, ledger);
    trn_ledger_take(ledger, "labels", rows * 2, sizeof(int64_t));
    trn_ledger_take(ledger, "labels", rows, sizeof(int32_t));
    trn_ledger_take(ledger, "work", z * (r + 1) + some * r + 2 * d + d * r, sizeof(double));
    trn_ledger_take(ledger, "work", trn_views_numbers(fit->count, rows, d), sizeof(double));
    trn_ledger_t before = *ledger;
    if (rank == 0) trn_ledger_take(ledger, "work", z * z + z, sizeof(double));
    trn_fit_eig_plan(z, rank, ledger);
    trn_ledger_back(ledger, &before);
    trn_ledger_pass(ledger, "work", trn_tall_rows(rows, ranks, rank), sizeof(double));
    trn_fit_gram_plan(fit, rows, d, ranks, rank, ledger);
    trn_tall_cross_plan(ledger, rows, d, r, ranks, rank);
    trn_fit_solve_plan(d, rank, ledger);
}

/* Least and most matrices, what they are, options, whether a few passes do. */
const trn_fit_kind_t trn_fit_discriminant = {
    "discriminant", 1,   INT_MAX, "X --labels y", "labels subclasses rank lambda", false,
    check,          run, plan};
