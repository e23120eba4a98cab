/* directions.c: maps that weaken some directions and leave all others alone, I - Q diag(w) Q^T:
 * remove (w = alpha for what rows span), soft (w = 1 - exp(-alpha s)), calibrate (w = l s^2 / (1 +
 * l s^2) for differences of pairs, as (I + l M)^-1 is by Woodbury's identity). Q and s are right
 * singular vectors and values of the rows, so that no inverse is ever taken, however large l. */
#include "algo/map/fit_impl.h"

#include "algo/matrix/spectral/svd.h"
#include "base/mem.h"
#include "kern/dense/gemm.h"
#include "kern/dense/syrk.h"
#include "mpi/agree.h"

#include <math.h>
#include <string.h>

/* Values of this part of the largest are what rounding leaves of dependent rows. */
static const double NOTHING = 1e-10;

static bool calibrates(const trn_fit_t *fit) {
    return fit->kind == &trn_fit_calibrate;
}

/* Rows of `soft` may be many, and a Gram matrix does for them: where a value drowns in it, exp(-a
 * s) is 1 to eight digits. The others have few rows, and must tell a small value from none. */
static bool by_gram(const trn_fit_t *fit, int at) {
    return fit->kind == &trn_fit_soft && trn_fit_rows(fit, at) >= trn_fit_cols(fit, at);
}

static trn_status_t check(trn_fit_t *fit) {
    for (int i = 1; i < fit->count; i++)
        TRN_TRY(trn_fit_same_cols(fit, i));
    if (calibrates(fit)) TRN_TRY(trn_fit_same_rows(fit, 1));
    fit->map.out = fit->map.in;
    int64_t rows = trn_fit_rows(fit, 0);
    fit->map.count = rows < fit->map.in ? rows : fit->map.in;
    return TRN_OK;
}

/* The rows ------------------------------------------------------------------------------------- */

/* Rows of A less rows of B. */
typedef struct differences {
    trn_tall_t a, b;
    trn_tall_source_t source;
} differences_t;

static trn_view_t difference(void *user, int64_t block) {
    const differences_t *pairs = user;
    trn_view_t a = trn_tall_block_rows(pairs->a, block), b = trn_tall_block_rows(pairs->b, block);
    double *to = a.data;
    const double *from = b.data;
    for (int64_t i = 0; i < a.rows; i++)
        for (int64_t j = 0; j < a.cols; j++)
            to[i * a.stride + j] -= from[i * b.stride + j];
    return a;
}

/* The matrix, which a source has, in memory: fewer rows than columns. */
static trn_status_t hold(trn_tall_t *held, trn_tall_t x) {
    int64_t block = trn_tall_first_block(x), cols = x.block.cols;
    trn_view_t rows;
    TRN_AGREE(x.comm, trn_tall_create(held, x.comm, x.rows, cols));
    for (int64_t at = 0; at < x.block.rows; at += rows.rows) {
        rows = trn_tall_block_rows(x, block++);
        memcpy((double *)held->block.data + at * cols, rows.data,
               sizeof(double) * (size_t)(rows.rows * cols));
    }
    return TRN_OK;
}

/* Their directions ----------------------------------------------------------------------------- */

/* q [count x d]: rows are right singular vectors, strongest first, of values[count]. */
typedef struct directions {
    int64_t count, d;
    double *q, *values;
} directions_t;

static void directions_free(directions_t *found) {
    trn_free(&found->q);
    trn_free(&found->values);
}

/* From v [d x count] of all ranks: gathered, and turned into rows. Collective. */
static trn_status_t gather(directions_t *found, const trn_svd_t *svd) {
    int64_t k = found->count = svd->rank, d = found->d;
    double *columns = NULL;
    trn_status_t status = trn_alloc(&columns, d * k, sizeof *columns, "singular vectors");
    if (status == TRN_OK) status = trn_alloc(&found->q, d * k, sizeof(double), "singular vectors");
    if (status == TRN_OK) status = trn_alloc(&found->values, k, sizeof(double), "singular values");
    status = trn_agree(svd->v.comm, status);
    if (status == TRN_OK) status = trn_tall_gather(svd->v, columns);
    for (int64_t i = 0; i < k && status == TRN_OK; i++) {
        found->values[i] = svd->values[i];
        for (int64_t j = 0; j < d; j++)
            found->q[i * d + j] = columns[j * k + i];
    }
    trn_free(&columns);
    return status;
}

static trn_svd_options_t svd_options(int64_t rank, const char *name) {
    return (trn_svd_options_t){.rank = rank, .stop = {1e-13, 1000}, .name = name};
}

/* By singular values as accurate as rounding lets them be. Collective. */
static trn_status_t split(directions_t *found, trn_tall_t x, const char *name) {
    int64_t d = found->d = x.block.cols, rank = x.rows < d ? x.rows : d;
    trn_svd_options_t options = svd_options(rank, name);
    trn_svd_matrix_t matrix = {.comm = x.comm, .rows = x.rows, .cols = d, .dense = x};
    trn_svd_t svd = {0};
    trn_tall_t held = {0};
    trn_status_t status = TRN_OK;
    if (x.rows < d) { /* it is transposed, which takes all of it */
        status = hold(&held, x);
        matrix.dense = held;
    }
    if (status == TRN_OK) status = trn_svd(&svd, matrix, &options);
    trn_tall_free(&held);
    if (status == TRN_OK) status = gather(found, &svd);
    trn_svd_free(&svd);
    return status;
}

/* By the Gram matrix, on rank 0. Collective. */
static trn_status_t split_gram(const trn_fit_t *fit, directions_t *found, trn_tall_t x) {
    int64_t d = found->d = found->count = x.block.cols;
    int rank;
    MPI_Comm_rank(fit->comm, &rank);
    TRN_TRY(trn_fit_gram(fit, x, &found->q));
    trn_status_t status = TRN_OK;
    if (rank == 0) {
        status = trn_alloc(&found->values, d, sizeof(double), "singular values");
        if (status == TRN_OK) status = trn_fit_eig(d, found->q, found->values, fit->in[0]->in.path);
        for (int64_t i = 0; i < d && status == TRN_OK; i++)
            found->values[i] = sqrt(found->values[i] > 0 ? found->values[i] : 0);
    }
    return trn_agree(fit->comm, status);
}

/* The map -------------------------------------------------------------------------------------- */

/* How much of a direction goes: 0 none, 1 all. */
static double weight(const trn_fit_t *fit, double value, double largest) {
    const trn_fit_options_t *o = &fit->options;
    if (fit->kind == &trn_fit_soft) return -expm1(-o->alpha * value);
    if (value <= NOTHING * largest) return 0;
    if (!calibrates(fit)) return o->alpha;
    double part = o->lambda * (value * value / (double)trn_fit_rows(fit, 0));
    return isinf(part) ? 1 : part / (1 + part);
}

/* matrix = I - Q^T diag(weights) Q, exactly symmetric; q is destroyed. Rank 0. Returns how many
 * directions count. */
static int64_t weaken(const directions_t *found, const double *weights, double *matrix) {
    int64_t d = found->d, count = 0;
    for (int64_t i = 0; i < found->count; i++) {
        double root = sqrt(weights[i]);
        count += weights[i] > 0;
        for (int64_t j = 0; j < d; j++)
            found->q[i * d + j] *= root;
    }
    memset(matrix, 0, sizeof *matrix * (size_t)(d * d));
    for (int64_t j = 0; j < d; j++)
        matrix[j * d + j] = 1;
    trn_syrk(&(trn_syrk_t){.type = TRN_F64,
                           .n = d,
                           .cols = d,
                           .k = found->count,
                           .alpha = -1,
                           .beta = 1,
                           .a = found->q,
                           .lda = d,
                           .c = matrix,
                           .ldc = d});
    trn_mirror(TRN_F64, d, matrix, d);
    return count;
}

/* /values hold singular values, descending; rank 0. */
static trn_status_t make(trn_fit_t *fit, const directions_t *found) {
    double *weights, largest = 0;
    TRN_TRY(trn_alloc(&weights, found->count, sizeof *weights, "weights"));
    for (int64_t i = 0; i < found->count; i++)
        largest = fmax(largest, found->values[i]);
    for (int64_t i = 0; i < found->count; i++) {
        int64_t at = by_gram(fit, 0) ? found->count - 1 - i : i;
        fit->map.values[at] = found->values[i];
        weights[i] = weight(fit, found->values[i], largest);
    }
    int64_t count = weaken(found, weights, fit->map.matrix);
    trn_free(&weights);
    trn_fit_note(fit, "directions", (double)count);
    if (fit->kind == &trn_fit_remove && count == 0 && fit->options.alpha > 0)
        return trn_fail(TRN_INPUT, "%s: all rows are zero, so there is no direction to remove",
                        fit->in[0]->in.path);
    return TRN_OK;
}

/* The rows of S are removed first: (P0 (I + l M)^-1)^T = (I + l M)^-1 P0, for rows are multiplied
 * from the left. Rank 0. */
static trn_status_t project_first(trn_fit_t *fit, const directions_t *found) {
    int64_t d = fit->map.in;
    double *weights = NULL, *projector = NULL, *both = NULL;
    trn_status_t status = trn_alloc(&weights, found->count, sizeof *weights, "weights");
    if (status == TRN_OK) status = trn_alloc(&projector, d * d, sizeof *projector, "a projector");
    if (status == TRN_OK) status = trn_alloc(&both, d * d, sizeof *both, "a map");
    if (status == TRN_OK) {
        for (int64_t i = 0; i < found->count; i++)
            weights[i] = found->values[i] > NOTHING * found->values[0];
        trn_fit_note(fit, "removed", (double)weaken(found, weights, projector));
        trn_gemm_f64(d, d, d, (trn_factor_t){fit->map.matrix, d, false}, projector, 0, both);
        memcpy(fit->map.matrix, both, sizeof *both * (size_t)(d * d));
    }
    trn_free(&weights);
    trn_free(&projector);
    trn_free(&both);
    return status;
}

/* Collective. */
static trn_status_t run(trn_fit_t *fit) {
    int rank;
    directions_t found = {0}, spared = {0};
    trn_tall_t x = fit->in[0]->tall;
    differences_t pairs = {.a = x};
    MPI_Comm_rank(fit->comm, &rank);
    if (calibrates(fit)) {
        pairs.b = fit->in[1]->tall;
        pairs.source = (trn_tall_source_t){.rows = difference, .user = &pairs};
        x.source = &pairs.source;
    }
    trn_status_t status =
        by_gram(fit, 0) ? split_gram(fit, &found, x) : split(&found, x, fit->in[0]->in.path);
    TRN_OR(done, status);
    for (int i = 0; i < fit->count && i < 2; i++)
        TRN_OR(done, trn_tall_in_outcome(fit->in[i], TRN_OK));
    TRN_OR(done, trn_fit_allocate(fit));
    TRN_OR(done, trn_agree(fit->comm, rank == 0 ? make(fit, &found) : TRN_OK));
    if (fit->count < 3) goto done;
    TRN_OR(done, split(&spared, fit->in[2]->tall, fit->in[2]->in.path));
    TRN_OR(done, trn_tall_in_outcome(fit->in[2], TRN_OK));
    status = trn_agree(fit->comm, rank == 0 ? project_first(fit, &spared) : TRN_OK);
done:
    directions_free(&found);
    directions_free(&spared);
    return status;
}

/* Plans ---------------------------------------------------------------------------------------- */

/* The vectors stay under "vectors" as rows. */
static void split_plan(const trn_fit_t *fit, int at, int ranks, int rank, trn_ledger_t *ledger) {
    int64_t rows = trn_fit_rows(fit, at), d = trn_fit_cols(fit, at), k = rows < d ? rows : d;
    trn_operator_size_t size = {.rows = rows, .cols = d};
    trn_svd_method_t method = trn_svd_choose(TRN_SVD_AUTO, rows, d, false);
    trn_ledger_t before = *ledger;
    if (rows < d)
        trn_ledger_take(ledger, "matrix", trn_tall_rows(rows, ranks, rank) * d, sizeof(double));
    trn_svd_plan(ledger, method, &size, k, ranks, rank);
    trn_ledger_take(ledger, "work", 2 * d * k, sizeof(double));
    trn_ledger_back(ledger, &before);
    trn_ledger_take(ledger, "vectors", d * k + k, sizeof(double));
}

static void plan(const trn_fit_t *fit, int ranks, int rank, trn_ledger_t *ledger) {
    int64_t rows = trn_fit_rows(fit, 0), d = fit->map.in;
    if (by_gram(fit, 0)) {
        trn_fit_gram_plan(fit, rows, d, ranks, rank, ledger);
        trn_fit_eig_plan(d, rank, ledger);
    } else {
        split_plan(fit, 0, ranks, rank, ledger);
    }
    trn_fit_allocate_plan(fit, rank, ledger);
    if (fit->count < 3) return;
    split_plan(fit, 2, ranks, rank, ledger);
    if (rank == 0) trn_ledger_pass(ledger, "work", 2 * d * d, sizeof(double));
}

/* Least and most matrices, what they are, options, whether a few passes do. */
const trn_fit_kind_t trn_fit_remove = {"remove", 1, 1, "U", "alpha", false, check, run, plan};
const trn_fit_kind_t trn_fit_soft = {"soft", 1, 1, "E", "alpha", true, check, run, plan};
const trn_fit_kind_t trn_fit_calibrate = {
    "calibrate", 2, 3, "--pairs A B", "pairs lambda remove", false, check, run, plan};
