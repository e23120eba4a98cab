/* factor_svd.c: singular vectors as factors, by the Gram matrix where that has the digits. */
#include "algo/matrix/factor/factor_svd.h"

#include "algo/matrix/gram.h"
#include "algo/matrix/spectral/tall_orthonormal.h"
#include "algo/matrix/tall_file.h"
#include "base/mem.h"
#include "kern/dense/blas.h"
#include "kern/dense/gemm.h"
#include "mpi/agree.h"

#include <math.h>
#include <string.h>

static const double CLEAR = 1e-6; /* squares of values that a Gram matrix has to ten digits */

void trn_factor_svd_free(trn_factor_svd_t *s) {
    trn_free(&s->values);
    trn_free(&s->primitive);
    trn_free(&s->project);
    trn_tall_free(&s->coordinates);
    *s = (trn_factor_svd_t){0};
}

bool trn_factor_svd_lean(const trn_matrix_info_t *info) {
    return !info->sparse && info->rows >= info->cols && info->cols <= TRN_SVD_GRAM_MOST;
}

static trn_status_t allocate(trn_factor_svd_t *s, int64_t cols, int64_t rank, bool projects) {
    s->rank = rank;
    TRN_TRY(trn_alloc(&s->values, rank, sizeof(double), "singular values"));
    TRN_TRY(trn_alloc(&s->primitive, rank * cols, sizeof(double), "a factor"));
    return projects ? trn_alloc(&s->project, rank * cols, sizeof(double), "a factor") : TRN_OK;
}

/* By the Gram matrix ----------------------------------------------------------------------------*/

/* The sign that makes the largest number of vector[n] by size positive, the first of equals. */
static double sign_of(int64_t n, const double *vector) {
    int64_t at = 0;
    for (int64_t j = 1; j < n; j++)
        if (fabs(vector[j]) > fabs(vector[at])) at = j;
    return vector[at] < 0 ? -1 : 1;
}

/* Factors out of eigenvalues, ascending, and eigenvectors, which are rows. Local. */
static void take_vectors(trn_factor_svd_t *s, int64_t n, const double *vectors,
                         const double *squares) {
    for (int64_t k = 0; k < s->rank; k++) {
        const double *vector = vectors + (n - 1 - k) * n;
        double sign = sign_of(n, vector), value = sqrt(squares[n - 1 - k]);
        s->values[k] = value;
        for (int64_t j = 0; j < n; j++) {
            s->primitive[k * n + j] = sign * vector[j] * value;
            s->project[j * s->rank + k] = sign * vector[j] / value;
        }
    }
}

/* What is left: the eigenvalues that were not taken. */
static double left_over(int64_t n, int64_t rank, const double *squares) {
    double sum = 0;
    for (int64_t k = 0; k < n - rank; k++)
        sum += fmax(squares[k], 0);
    return sum / 2;
}

/* *clear = whether all wanted values stand clear of what squaring loses; only then are there
 * factors. Collective. */
static trn_status_t by_gram(trn_factor_svd_t *s, trn_tall_in_t *in, int64_t rank, int threads,
                            bool *clear) {
    int64_t n = in->tall.block.cols;
    double *gram = NULL, *squares = NULL, total = 0;
    in->still = true;
    trn_status_t status = allocate(s, n, rank, true);
    if (status == TRN_OK) status = trn_alloc(&gram, n * n, sizeof *gram, "a Gram matrix");
    if (status == TRN_OK) status = trn_alloc(&squares, n, sizeof *squares, "eigenvalues");
    TRN_OR(done, trn_agree(in->tall.comm, status));
    status = trn_gram(in->tall, 0, (trn_view_t){TRN_F64, n, n, n, gram}, threads);
    TRN_OR(done, trn_tall_in_outcome(in, status));
    for (int64_t j = 0; j < n; j++)
        total += gram[j * n + j];
    *clear = isfinite(total) && total > 1e-200; /* else scaling is called for */
    if (!*clear) goto done;
    TRN_OR(done, trn_tall_eig(in->tall.comm, n, gram, squares, "the Gram matrix"));
    *clear = squares[n - rank] > CLEAR * squares[n - 1];
    if (*clear) take_vectors(s, n, gram, squares);
    s->objective = left_over(n, rank, squares);
    s->squares = total;
done:
    trn_free(&gram);
    trn_free(&squares);
    if (status != TRN_OK || !*clear) trn_factor_svd_free(s);
    return status;
}

/* By searching ----------------------------------------------------------------------------------*/

/* H = diag(s) V^T on every rank. Collective. */
static trn_status_t take_right(trn_factor_svd_t *s, const trn_svd_t *svd) {
    int64_t n = svd->v.rows, r = svd->rank;
    double *whole;
    TRN_AGREE(svd->v.comm, trn_alloc(&whole, n * r, sizeof *whole, "a factor"));
    trn_status_t status = trn_tall_gather(svd->v, whole);
    for (int64_t k = 0; k < r && status == TRN_OK; k++)
        for (int64_t j = 0; j < n; j++)
            s->primitive[k * n + j] = whole[j * r + k] * svd->values[k];
    trn_free(&whole);
    return status;
}

/* Collective. */
static trn_status_t by_search(trn_factor_svd_t *s, const trn_factor_matrix_t *x,
                              trn_sparse_t *sparse, int64_t rank) {
    trn_svd_t svd = {0};
    double sums[2];
    trn_svd_matrix_t matrix = {x->comm, x->rows, x->cols, {0}, sparse};
    trn_svd_options_t options = {.rank = rank, .stop = {1e-9, 1000}, .name = x->name};
    if (x->dense) {
        x->dense->still = false; /* its rows are scaled as they come */
        matrix.dense = x->dense->tall;
    }
    options.method = trn_svd_choose(TRN_SVD_AUTO, x->rows, x->cols, sparse != NULL);
    trn_status_t status = trn_factor_look(x, false, sums);
    if (status == TRN_OK) status = trn_svd(&svd, matrix, &options);
    if (x->dense) {
        status = trn_tall_in_outcome(x->dense, status);
        if (x->dense->tall.source) x->dense->tall.source->exponent = 0; /* rows as they are */
    }
    if (status == TRN_OK) status = trn_agree(x->comm, allocate(s, x->cols, rank, false));
    if (status == TRN_OK) status = take_right(s, &svd);
    if (status == TRN_OK) {
        memcpy(s->values, svd.values, sizeof(double) * (size_t)rank);
        s->coordinates = svd.u;
        svd.u = (trn_tall_t){0};
        s->squares = sums[0];
        for (int64_t k = 0; k < rank; k++)
            sums[0] -= s->values[k] * s->values[k];
        s->objective = fmax(sums[0], 0) / 2;
    }
    trn_svd_free(&svd);
    if (status != TRN_OK) trn_factor_svd_free(s);
    return status;
}

trn_status_t trn_factor_svd(trn_factor_svd_t *s, const trn_factor_matrix_t *x, trn_sparse_t *sparse,
                            int64_t rank, int threads) {
    bool done = false;
    *s = (trn_factor_svd_t){0};
    trn_blas_single();
    if (x->dense && x->rows >= x->cols && x->cols <= TRN_SVD_GRAM_MOST)
        TRN_TRY(by_gram(s, x->dense, rank, threads, &done));
    return done ? TRN_OK : by_search(s, x, sparse, rank);
}

void trn_factor_svd_plan(trn_ledger_t *ledger, const trn_matrix_info_t *info, int64_t rank,
                         int ranks, int at) {
    int64_t n = info->cols, number = (int64_t)sizeof(double), block = trn_tall_block(info->rows);
    if (!trn_factor_svd_lean(info)) {
        trn_operator_size_t size = {info->rows, n, info->sparse, false, 0, 0};
        if (info->sparse) size.entries = size.back = info->entries / ranks + 1;
        trn_svd_plan(ledger, trn_svd_choose(TRN_SVD_AUTO, info->rows, n, info->sparse), &size, rank,
                     ranks, at);
        trn_ledger_take(ledger, "factors", 2 * rank * n + rank, number);
        return;
    }
    trn_ledger_take(ledger, "factors", 2 * rank * n + rank, number);
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "result", n * n + n, number);
    trn_gram_plan(ledger, info->rows, n, TRN_MATRIX_F64, ranks, at);
    trn_tall_eig_plan(ledger, n, at);
    trn_ledger_back(ledger, &before);
    trn_ledger_pass(ledger, "saving", 2 * block * rank, number);
}

/* Coordinates -----------------------------------------------------------------------------------*/

/* to [rows x rank] = coordinates of a block of X. TRN_TALL_BLOCK rows at a time, as BLAS always
 * sees them. Local. */
static void project(int64_t rank, const double *by, trn_view_t x, double *to) {
    for (int64_t at = 0; at < x.rows; at += TRN_TALL_BLOCK) {
        int64_t n = x.rows - at < TRN_TALL_BLOCK ? x.rows - at : TRN_TALL_BLOCK;
        trn_gemm_f64(n, rank, x.cols,
                     (trn_factor_t){(double *)x.data + at * x.stride, x.stride, false}, by, 0,
                     to + at * rank);
    }
}

/* Where coordinates of blocks come from: made as X passes, or there. */
typedef struct coordinates {
    const trn_factor_svd_t *svd;
    trn_tall_t x;
    double *wide; /* [block x rank] */
    float *narrow;
} coordinates_t;

static const double *block_of(const coordinates_t *c, int64_t block) {
    trn_view_t x = trn_tall_block_rows(c->x, block);
    if (!c->svd->project) return x.data; /* x are the coordinates */
    project(c->svd->rank, c->svd->project, x, c->wide);
    return c->wide;
}

/* Local. */
static trn_status_t write_blocks(const coordinates_t *c, trn_store_t *store, int64_t own,
                                 trn_dtype_t type) {
    int64_t r = c->svd->rank, block = trn_tall_block(c->x.rows), b = trn_tall_first_block(c->x);
    trn_status_t status = TRN_OK;
    for (int64_t at = 0; at < own; at += block, b++) {
        int64_t n = own - at < block ? own - at : block;
        const double *rows = block_of(c, b);
        for (int64_t i = 0; type == TRN_F32 && i < n * r; i++)
            c->narrow[i] = (float)rows[i];
        if (status == TRN_OK)
            status = trn_store_write(store, "/coordinates", b * block, n,
                                     type == TRN_F32 ? (const void *)c->narrow : rows);
    }
    return status;
}

static trn_status_t declare(const trn_factor_svd_t *s, trn_tall_in_t *in, trn_store_t *store,
                            trn_dtype_t type) {
    TRN_TRY(trn_store_dataset(store, "/coordinates", type, in->in.info.rows, s->rank));
    TRN_TRY(trn_store_dataset(store, "/primitive", TRN_F64, s->rank, in->in.info.cols));
    TRN_TRY(trn_store_dataset(store, "/values", TRN_F64, s->rank, 0));
    TRN_TRY(trn_store_dataset(store, "/objective", TRN_F64, 1, 0));
    TRN_TRY(trn_store_set_text(store, "/", "method", "svd"));
    TRN_TRY(trn_matrix_in_declare(&in->in, store));
    return trn_store_begin(store);
}

/* Local. */
static trn_status_t write_all(const coordinates_t *c, trn_store_t *store, int64_t own,
                              trn_dtype_t type) {
    MPI_Comm comm = c->x.comm;
    TRN_TRY(write_blocks(c, store, own, type));
    TRN_TRY(trn_tall_write_whole(store, "/primitive", comm, c->svd->rank, c->svd->primitive));
    TRN_TRY(trn_tall_write_whole(store, "/values", comm, c->svd->rank, c->svd->values));
    return trn_tall_write_whole(store, "/objective", comm, 1, &c->svd->objective);
}

trn_status_t trn_factor_svd_save(const trn_factor_svd_t *s, trn_tall_in_t *in, const char *path,
                                 const trn_rows_make_t *make, trn_dtype_t type) {
    trn_store_t *store = NULL;
    int64_t block = trn_tall_block(in->in.info.rows);
    coordinates_t c = {.svd = s, .x = in->tall};
    if (!s->project) c.x = s->coordinates; /* of a sparse X nothing passes by */
    MPI_Comm comm = c.x.comm;
    trn_status_t status =
        trn_alloc(&c.wide, s->project ? block * s->rank : 0, sizeof *c.wide, "rows to write");
    if (status == TRN_OK)
        status = trn_alloc(&c.narrow, type == TRN_F32 ? block * s->rank : 0, sizeof *c.narrow,
                           "rows to write");
    TRN_OR(done, trn_agree(comm, status));
    TRN_OR(done,
           trn_store_create(&store, comm, path, "factors", make->created_by, make->params, 0));
    status = declare(s, in, store, type);
    if (status == TRN_OK) {
        status = trn_agree(comm, write_all(&c, store, c.x.block.rows, type));
        if (s->project) status = trn_tall_in_outcome(in, status);
        status = trn_store_commit_replace(&store, status);
    }
    trn_store_abandon(&store);
done:
    trn_free(&c.wide);
    trn_free(&c.narrow);
    return status;
}

/* Residual --------------------------------------------------------------------------------------*/

typedef struct residual {
    const trn_residual_t *of;
    int64_t start; /* first row of this rank */
    trn_dtype_t type;
    double *made; /* [block x rank] */
} residual_t;

static void make_rows(void *user, int64_t first, trn_view_t x, void *values) {
    const residual_t *r = user;
    const trn_residual_t *of = r->of;
    int64_t rank = of->rank;
    const double *w = r->made;
    if (of->project)
        project(rank, of->project, x, r->made);
    else
        w = (const double *)of->coordinates.block.data +
            (first - r->start) * of->coordinates.block.stride;
    for (int64_t at = 0; at < x.rows; at += TRN_TALL_BLOCK) {
        int64_t n = x.rows - at < TRN_TALL_BLOCK ? x.rows - at : TRN_TALL_BLOCK;
        trn_gemm(&(trn_gemm_t){.type = TRN_F64,
                               .m = n,
                               .n = x.cols,
                               .k = rank,
                               .alpha = -1,
                               .beta = 1,
                               .a = {w + at * rank, rank, false},
                               .b = {of->primitive, x.cols, false},
                               .c = (double *)x.data + at * x.stride,
                               .ldc = x.stride});
    }
    const double *from = x.data;
    for (int64_t i = 0; i < x.rows * x.cols; i++)
        if (r->type == TRN_F32)
            ((float *)values)[i] = (float)from[i];
        else
            ((double *)values)[i] = from[i];
}

trn_status_t trn_residual_save(const trn_residual_t *of, trn_tall_in_t *in, const char *path,
                               const trn_rows_make_t *make, trn_dtype_t type) {
    int rank;
    MPI_Comm comm = in->tall.comm;
    residual_t r = {.of = of, .type = type};
    MPI_Comm_rank(comm, &rank);
    r.start = trn_tall_start(comm, in->in.info.rows, rank);
    int64_t block = of->project ? trn_tall_block(in->in.info.rows) : 0;
    in->still = false; /* rows become what is left of them */
    TRN_AGREE(comm, trn_alloc(&r.made, block * of->rank, sizeof *r.made, "rows to write"));
    trn_tall_made_t made = {in->in.info.cols, type, make_rows, &r};
    trn_status_t status = trn_tall_save(in, path, &made, make);
    trn_free(&r.made);
    return status;
}

void trn_residual_plan(trn_ledger_t *ledger, const trn_tall_in_t *in, const char *path,
                       int64_t rank, trn_dtype_t type, int ranks, int at) {
    trn_tall_made_t made = {.cols = in->in.info.cols, .type = type};
    trn_rows_make_t make = {.type = type};
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "saving", trn_tall_block(in->in.info.rows) * rank, sizeof(double));
    trn_tall_save_plan(ledger, in, path, &made, &make, ranks, at);
    trn_ledger_back(ledger, &before);
}
