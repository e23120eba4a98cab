/* principal.c: maps along the eigenvectors of what rows spread over: pca, whiten, zca (centered,
 * covariance with n - 1), and slice (not centered). */
#include "algo/map/fit_impl.h"

#include "algo/matrix/gram.h"
#include "base/mem.h"
#include "kern/dense/gemm.h"
#include "kern/dense/lapack.h"
#include "kern/dense/syrk.h"
#include "mpi/agree.h"

#include <math.h>
#include <string.h>

/* The three that take means off first. */
static bool centers(const trn_fit_t *fit) {
    return fit->kind != &trn_fit_slice;
}

static bool whitens(const trn_fit_t *fit) {
    return fit->kind == &trn_fit_whiten || fit->kind == &trn_fit_zca;
}

/* Turned back to where rows were. */
static bool turns_back(const trn_fit_t *fit) {
    return fit->kind == &trn_fit_zca || (fit->kind == &trn_fit_whiten && fit->options.zca);
}

/* Needs are told before any row is read. */
static trn_status_t check(trn_fit_t *fit) {
    int64_t rows = trn_fit_rows(fit, 0), cols = trn_fit_cols(fit, 0);
    if (centers(fit) && rows < 2)
        return trn_fail(TRN_INPUT, "%s: has one row; a covariance takes two", fit->in[0]->in.path);
    if (turns_back(fit) && fit->options.rank)
        return trn_fail(TRN_USAGE, "--rank: has no effect with --zca, which keeps all columns");
    /* Whitening keeps all columns or is refused, for its rank is to be told. */
    int64_t most = rows < cols && !whitens(fit) ? rows : cols;
    TRN_TRY(trn_fit_rank(fit, most, "components", &fit->map.out));
    fit->map.has_mean = centers(fit);
    fit->map.count = fit->map.out;
    return TRN_OK;
}

/* Rank 0 makes the map out of gram ---------------------------------------------------------------
 */

/* Directions along which rows hardly spread cannot be made of length 1. */
static trn_status_t check_spread(const trn_fit_t *fit, int64_t d, const double *values) {
    int64_t rank = trn_fit_rank_of(d, values);
    if (fit->options.epsilon > 0 || rank >= fit->map.out) return TRN_OK;
    return trn_fail(TRN_INPUT,
                    "%s: the covariance of %lld columns has rank %lld (values above 1e-12 of the "
                    "largest); give --epsilon%s",
                    fit->in[0]->in.path, (long long)d, (long long)rank,
                    turns_back(fit) || rank == 0 ? "" : ", or --rank up to that");
}

/* matrix[d x r] = the last r of the rows of `vectors`, strongest first, as columns, each times what
 * `scale` says of its value. */
static void set_columns(const trn_fit_t *fit, int64_t d, const double *vectors,
                        const double *values, double *matrix) {
    int64_t r = fit->map.out;
    for (int64_t j = 0; j < r; j++) {
        const double *vector = vectors + (d - 1 - j) * d;
        double value = values[d - 1 - j] > 0 ? values[d - 1 - j] : 0;
        double scale = whitens(fit) ? 1 / sqrt(value + fit->options.epsilon) : 1;
        for (int64_t i = 0; i < d; i++)
            matrix[i * r + j] = scale * vector[i];
    }
}

/* matrix = matrix V^T, V's columns being the rows of `vectors` from the last on: exactly symmetric,
 * as it should be, once both halves are their mean. */
static trn_status_t turn_back(int64_t d, double *vectors, double *matrix) {
    double *turned;
    TRN_TRY(trn_alloc(&turned, d * d, sizeof *turned, "a map"));
    for (int64_t i = 0; i < d / 2; i++) /* strongest first */
        for (int64_t j = 0; j < d; j++) {
            double other = vectors[(d - 1 - i) * d + j];
            vectors[(d - 1 - i) * d + j] = vectors[i * d + j];
            vectors[i * d + j] = other;
        }
    trn_gemm_f64(d, d, d, (trn_factor_t){matrix, d, false}, vectors, 0, turned);
    for (int64_t i = 0; i < d; i++)
        for (int64_t j = 0; j <= i; j++)
            matrix[i * d + j] = matrix[j * d + i] = (turned[i * d + j] + turned[j * d + i]) / 2;
    trn_free(&turned);
    return TRN_OK;
}

/* Eigenvalues so far apart that rounding of the largest is too much for the smallest: by about
 * 2e-11 of it. Rank 0. */
static bool far_apart(const trn_fit_t *fit) {
    static const double far = 1e6;
    return whitens(fit) && fit->options.epsilon == 0 &&
           fit->map.values[0] > far * fit->map.values[fit->map.count - 1];
}

/* Damping moves values alone, not vectors: it is taken off them again. */
static trn_status_t make(trn_fit_t *fit, double *gram, const double *mean, double *values) {
    int64_t d = fit->map.in;
    double total = 0, kept = 0, damp = 0;
    if (centers(fit)) trn_fit_clear(d, gram, mean, trn_fit_rows(fit, 0));
    for (int64_t i = 0; i < d * d && centers(fit); i++)
        gram[i] /= (double)(trn_fit_rows(fit, 0) - 1);
    for (int64_t i = 0; i < d; i++)
        total += gram[i * d + i];
    if (fit->kind == &trn_fit_slice) damp = fit->options.damp * (total / (double)d);
    for (int64_t i = 0; i < d; i++)
        gram[i * d + i] += damp;
    TRN_TRY(trn_fit_eig(d, gram, values, fit->in[0]->in.path));
    for (int64_t i = 0; i < d; i++)
        values[i] -= damp;
    if (whitens(fit)) TRN_TRY(check_spread(fit, d, values));
    TRN_TRY(trn_map_allocate(&fit->map)); /* now that LAPACK has given back as much */
    if (centers(fit)) memcpy(fit->map.mean, mean, sizeof *mean * (size_t)d);
    for (int64_t j = 0; j < fit->map.count; j++) {
        fit->map.values[j] = values[d - 1 - j] > 0 ? values[d - 1 - j] : 0;
        kept += fit->map.values[j];
    }
    fit->total = total;
    if (total > 0) trn_fit_note(fit, "explained_total", kept < total ? kept / total : 1);
    set_columns(fit, d, gram, values, fit->map.matrix);
    return turns_back(fit) && !far_apart(fit) ? turn_back(d, gram, fit->map.matrix) : TRN_OK;
}

/* Whitened once more ----------------------------------------------------------------------------
 */

enum { PIECE = 128 /* rows that are whitened at a time */ };

/* Rows as the map leaves them: y = x m of centered rows. */
typedef struct image {
    trn_tall_t x, tall;
    trn_tall_source_t source;
    const double *m; /* [x.cols x tall.cols] */
    double *rows;    /* [PIECE x tall.cols] on their way back into the block of x */
} image_t;

/* In place: the block is this source's own until the next, and r <= d. */
static trn_view_t image_rows(void *user, int64_t block) {
    image_t *image = user;
    int64_t r = image->tall.block.cols;
    trn_view_t x = trn_tall_block_rows(image->x, block);
    for (int64_t at = 0; at < x.rows; at += PIECE) {
        double *from = (double *)x.data + at * x.stride;
        int64_t rows = x.rows - at < PIECE ? x.rows - at : PIECE;
        trn_gemm_f64(rows, r, x.cols, (trn_factor_t){from, x.stride, false}, image->m, 0,
                     image->rows);
        for (int64_t i = 0; i < rows; i++)
            memcpy(from + i * x.stride, image->rows + i * r, sizeof(double) * (size_t)r);
    }
    return trn_view_part(x, 0, x.rows, 0, r);
}

/* matrix = matrix V diag(values)^-1/2 V^T, V and values those of the covariance that is left. Rank
 * 0. */
static trn_status_t correct(trn_fit_t *fit, double *gram) {
    int64_t d = fit->map.in, r = fit->map.out;
    double *values = NULL, *root = NULL, *matrix = NULL;
    trn_status_t status = trn_alloc(&values, r, sizeof *values, "eigenvalues");
    for (int64_t i = 0; i < r * r && status == TRN_OK; i++)
        gram[i] /= (double)(trn_fit_rows(fit, 0) - 1);
    if (status == TRN_OK) status = trn_fit_eig(r, gram, values, "whitened rows");
    if (status == TRN_OK) status = trn_alloc(&root, r * r, sizeof *root, "a root");
    if (status == TRN_OK) status = trn_alloc(&matrix, d * r, sizeof *matrix, "a map");
    if (status == TRN_OK) {
        for (int64_t i = 0; i < r * r; i++)
            gram[i] /= sqrt(sqrt(values[i / r]));
        trn_gemm_f64(r, r, r, (trn_factor_t){gram, r, true}, gram, 0, root);
        trn_gemm_f64(d, r, r, (trn_factor_t){fit->map.matrix, r, false}, root, 0, matrix);
        memcpy(fit->map.matrix, matrix, sizeof *matrix * (size_t)(d * r));
    }
    trn_free(&values);
    trn_free(&root);
    trn_free(&matrix);
    return status;
}

/* matrix = U diag(s) U^T of its singular vectors U: turned, and still white. Rank 0. */
static trn_status_t turn_exactly(int64_t d, double *matrix, const char *path) {
    double *left = NULL, *right = NULL, *values = NULL, *work = NULL;
    trn_status_t status = trn_alloc(&left, d * d, sizeof *left, "singular vectors");
    if (status == TRN_OK) status = trn_alloc(&right, d * d, sizeof *right, "singular vectors");
    if (status == TRN_OK) status = trn_alloc(&values, d, sizeof *values, "singular values");
    if (status == TRN_OK)
        status = trn_alloc(&work, trn_lapack_svd_work(d), sizeof *work, "work of DGESVD");
    if (status == TRN_OK && !trn_lapack_svd(d, matrix, values, left, right, work))
        status = trn_fail(TRN_NUMERIC, "%s: singular values did not converge", path);
    if (status == TRN_OK) {
        for (int64_t i = 0; i < d * d; i++)
            left[i] *= sqrt(values[i % d]);
        memcpy(right, left, sizeof *left * (size_t)(d * d));
        trn_gemm(&(trn_gemm_t){.type = TRN_F64,
                               .m = d,
                               .n = d,
                               .k = d,
                               .alpha = 1,
                               .a = {left, d, false},
                               .b = {right, d, true},
                               .c = matrix,
                               .ldc = d});
        trn_mirror(TRN_F64, d, matrix, d);
    }
    trn_free(&left);
    trn_free(&right);
    trn_free(&values);
    trn_free(&work);
    return status;
}

/* A sum of squares knows small eigenvalues to the rounding of the largest alone. Where they are far
 * apart the covariance of the whitened rows is summed as well, and its inverse root joined to the
 * map: what is then left of a covariance of condition c is about 1e-16 sqrt(c). Collective. */
static trn_status_t refine(trn_fit_t *fit, trn_tall_t x) {
    int64_t r = fit->map.out;
    image_t image = {.x = x, .tall = x, .m = fit->map.matrix};
    double *gram = NULL;
    int rank;
    MPI_Comm_rank(fit->comm, &rank);
    image.source = (trn_tall_source_t){.rows = image_rows, .user = &image};
    image.tall.source = &image.source;
    image.tall.block.cols = image.tall.block.stride = r;
    trn_status_t status =
        trn_agree(fit->comm, trn_alloc(&image.rows, PIECE * r, sizeof(double), "whitened rows"));
    if (status == TRN_OK) status = trn_fit_gram(fit, image.tall, &gram);
    trn_free(&image.rows);
    if (status == TRN_OK) status = trn_agree(fit->comm, rank == 0 ? correct(fit, gram) : TRN_OK);
    trn_free(&gram);
    if (status != TRN_OK || !turns_back(fit)) return status;
    return trn_agree(fit->comm,
                     rank == 0 ? turn_exactly(fit->map.in, fit->map.matrix, fit->in[0]->in.path)
                               : TRN_OK);
}

/* Passes over the rows ------------------------------------------------------------------------- */

/* The mean first, then products of what is left: squares less the square of the mean would lose
 * what far-off means leave. Collective. */
static trn_status_t run(trn_fit_t *fit) {
    trn_tall_t x = fit->in[0]->tall;
    int64_t d = fit->map.in;
    double *gram = NULL, *values = NULL; /* means, then eigenvalues */
    int rank;
    MPI_Comm_rank(fit->comm, &rank);
    trn_status_t status =
        trn_agree(fit->comm, trn_alloc_zero(&values, 2 * d, sizeof *values, "eigenvalues"));
    TRN_OR(done, status);
    if (centers(fit)) TRN_OR(done, trn_tall_center(x, values));
    TRN_OR(done, trn_fit_gram(fit, x, &gram));
    TRN_OR(done, trn_tall_in_outcome(fit->in[0], TRN_OK));
    TRN_OR(done, trn_agree(fit->comm, rank == 0 ? make(fit, gram, values, values + d) : TRN_OK));
    trn_free(&gram);
    if (!trn_any(fit->comm, rank == 0 && far_apart(fit))) goto done;
    TRN_OR(done, trn_map_share(&fit->map, fit->comm));
    status = refine(fit, x);
done:
    trn_free(&gram);
    trn_free(&values);
    return status;
}

/* The means, products, eigenvectors; and in case it is refined, once more products. */
static void plan(const trn_fit_t *fit, int ranks, int rank, trn_ledger_t *ledger) {
    int64_t rows = trn_fit_rows(fit, 0), d = fit->map.in, r = fit->map.out;
    trn_ledger_take(ledger, "work", 3 * d, sizeof(double)); /* values, means, those of the source */
    trn_ledger_t before = *ledger;
    if (centers(fit)) trn_ledger_pass(ledger, "work", trn_tall_rows(rows, ranks, rank), 8);
    if (centers(fit)) trn_tall_cross_plan(ledger, rows, 1, d, ranks, rank);
    trn_fit_gram_plan(fit, rows, d, ranks, rank, ledger);
    trn_fit_eig_plan(d, rank, ledger);
    trn_fit_allocate_plan(fit, rank, ledger);
    if (rank == 0 && turns_back(fit)) trn_ledger_pass(ledger, "work", d * d, sizeof(double));
    trn_ledger_back(ledger, &before);
    if (!whitens(fit) || fit->options.epsilon > 0) return;
    trn_ledger_take(ledger, "map", trn_map_numbers(&fit->map), sizeof(double));
    before = *ledger;
    trn_ledger_take(ledger, "work", PIECE * r, sizeof(double));
    trn_fit_gram_plan(fit, rows, r, ranks, rank, ledger);
    trn_ledger_back(ledger, &before);
    if (rank != 0) return;
    trn_ledger_take(ledger, "work", r * r, sizeof(double));
    trn_fit_eig_plan(r, rank, ledger);
    int64_t small = turns_back(fit) ? 2 * d * d + d + trn_lapack_svd_work(d) : r * r + d * r + r;
    trn_ledger_pass(ledger, "work", small, sizeof(double));
}

/* Least and most matrices, what they are, options, whether a few passes do. */
const trn_fit_kind_t trn_fit_pca = {"pca", 1, 1, "E", "rank", true, check, run, plan};
const trn_fit_kind_t trn_fit_whiten = {"whiten", 1,     1,   "E", "rank zca epsilon",
                                       true,     check, run, plan};
const trn_fit_kind_t trn_fit_zca = {"zca", 1, 1, "E", "epsilon", true, check, run, plan};
const trn_fit_kind_t trn_fit_slice = {"slice", 1, 1, "E", "rank damp", true, check, run, plan};
