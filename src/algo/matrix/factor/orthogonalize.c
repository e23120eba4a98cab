/* orthogonalize.c: Newton and Schulz's iteration on the square of the shorter side. With A = X^T X
 * and S = a I + b A + c A A a step is X <- X S, and so A <- A S S, for polynomials in A commute:
 * only squares change, whose rows are dealt to the ranks, and the product Q of all S is what x is
 * multiplied by in the end. Squares of symmetric matrices are Gram matrices, at half the work. */
#include "algo/matrix/factor/orthogonalize.h"

#include "algo/matrix/gram.h"
#include "algo/matrix/scale.h"
#include "base/mem.h"
#include "mpi/agree.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Steps ---------------------------------------------------------------------------------------- */

/* X <- a X + X (b A + c A A), A = X^T X: a value s becomes a s + b s^3 + c s^5. Muon's has no fixed
 * point at 1, but is steep at 0; the cubic comes to 1 from anywhere below sqrt(3). */
typedef struct polynomial {
    double a, b, c;
} polynomial_t;

static const polynomial_t MUON = {3.4445, -4.7750, 2.0315}, CUBIC = {1.5, -0.5, 0};

/* Squares [n x n]: whole on every rank, and as tall matrices, of which each rank has a band. */
typedef struct newton {
    MPI_Comm comm;
    int threads;
    int64_t n, first;     /* first: row of this rank's bands */
    double *a, *s, *both; /* whole: A; S of the present step; S S */
    trn_tall_t q, u;      /* bands: the product of all S so far; scratch */
    int64_t steps;        /* that q is the product of */
} newton_t;

static trn_status_t newton_create(newton_t *w, MPI_Comm comm, int64_t n, int threads) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    *w = (newton_t){
        .comm = comm, .threads = threads, .n = n, .first = trn_tall_start(comm, n, rank)};
    TRN_TRY(trn_alloc(&w->a, n * n, sizeof(double), "a Gram matrix"));
    TRN_TRY(trn_alloc(&w->s, n * n, sizeof(double), "a Gram matrix"));
    TRN_TRY(trn_alloc(&w->both, n * n, sizeof(double), "a Gram matrix"));
    TRN_TRY(trn_tall_create(&w->q, comm, n, n));
    return trn_tall_create(&w->u, comm, n, n);
}

static void newton_free(newton_t *w) {
    trn_free(&w->a);
    trn_free(&w->s);
    trn_free(&w->both);
    trn_tall_free(&w->q);
    trn_tall_free(&w->u);
}

static void newton_plan(trn_ledger_t *ledger, int64_t n, int ranks, int rank) {
    trn_ledger_take(ledger, "squares", 3 * n * n + 2 * trn_tall_rows(n, ranks, rank) * n,
                    sizeof(double));
}

/* This rank's rows of a whole square. */
static trn_tall_t band(const newton_t *w, double *whole) {
    trn_tall_t x = w->u;
    x.block.data = whole + w->first * w->n;
    return x;
}

static trn_status_t gram_of(trn_tall_t x, int threads, double *a) {
    int64_t n = x.block.cols;
    return trn_gram(x, 0, (trn_view_t){TRN_MATRIX_F64, n, n, n, a}, threads);
}

static void scale_square(int64_t n, double by, double *a) {
    for (int64_t i = 0; i < n * n; i++)
        a[i] *= by;
}

/* What rounding has made of a symmetric matrix. */
static void symmetrize(int64_t n, double *a) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < i; j++)
            a[i * n + j] = a[j * n + i] = (a[i * n + j] + a[j * n + i]) / 2;
}

/* s = S, on every rank. Collective. */
static trn_status_t form(newton_t *w, polynomial_t p) {
    int64_t n = w->n;
    if (p.c != 0)
        TRN_TRY(gram_of(band(w, w->a), w->threads, w->s));
    else
        memset(w->s, 0, sizeof *w->s * (size_t)(n * n));
    for (int64_t i = 0; i < n * n; i++)
        w->s[i] = p.b * w->a[i] + p.c * w->s[i];
    for (int64_t i = 0; i < n; i++)
        w->s[i * n + i] += p.a;
    return TRN_OK;
}

/* q <- q S, and A <- A S S unless no step follows. Collective. */
static trn_status_t step(newton_t *w, polynomial_t p, bool last) {
    TRN_TRY(form(w, p));
    if (w->steps++ == 0) {
        memcpy(w->q.block.data, band(w, w->s).block.data,
               sizeof(double) * (size_t)(w->q.block.rows * w->n));
    } else {
        trn_tall_multiply(1, w->q, w->s, w->n, 0, w->u);
        trn_tall_t kept = w->q;
        w->q = w->u;
        w->u = kept;
    }
    if (last) return TRN_OK;
    TRN_TRY(gram_of(band(w, w->s), w->threads, w->both));
    trn_tall_multiply(1, band(w, w->a), w->both, w->n, 0, w->u);
    TRN_TRY(trn_tall_gather(w->u, w->a));
    symmetrize(w->n, w->a);
    return TRN_OK;
}

/* Muon ----------------------------------------------------------------------------------------- */

/* What numbers that pass by are multiplied by: 2^exponent / (|x| + 1e-7), |x| being that of the
 * matrix itself, which may be beyond float64. */
static double muon_factor(int64_t n, const double *a, int exponent) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i * n + i];
    double norm = ldexp(sqrt(sum), exponent);
    return isfinite(norm) ? ldexp(1 / (norm + 1e-7), exponent) : 1 / sqrt(sum);
}

trn_status_t trn_orthogonalize_factor(trn_tall_t x, int exponent, int steps, int threads,
                                      double *q) {
    newton_t w;
    int64_t n = x.block.cols;
    trn_status_t status = trn_agree(x.comm, newton_create(&w, x.comm, n, threads));
    TRN_OR(done, status);
    TRN_OR(done, gram_of(x, threads, w.a));
    double factor = muon_factor(n, w.a, exponent);
    scale_square(n, factor * factor, w.a);
    for (int k = 0; k < steps; k++)
        TRN_OR(done, step(&w, MUON, k + 1 == steps));
    TRN_OR(done, trn_tall_gather(w.q, q));
    scale_square(n, factor, q);
done:
    newton_free(&w);
    return status;
}

void trn_orthogonalize_factor_plan(trn_ledger_t *ledger, int64_t rows, int64_t cols, int ranks,
                                   int rank) {
    trn_ledger_t before = *ledger;
    newton_plan(ledger, cols, ranks, rank);
    trn_gram_plan(ledger, rows, cols, TRN_MATRIX_F64, ranks, rank);
    trn_ledger_back(ledger, &before);
}

/* The polar factor ----------------------------------------------------------------------------- */

/* A is off by 2^-52 of its largest value, and a small value's error grows with the square of what
 * the value grows by, 1.5 a step; so after some steps x is multiplied, and A made anew. Values that
 * have not come up after all steps are nothing but rounding. */
enum { ROUND = 30, ALL_STEPS = 84 };
static const double ARRIVED = 1e-12;

/* The largest |a - I|. */
static double distance(int64_t n, const double *a) {
    double worst = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            worst = fmax(worst, fabs(a[i * n + j] - (i == j)));
    return worst;
}

/* A bound of the largest eigenvalue: the largest sum of a row's sizes. */
static double bound_of(int64_t n, const double *a) {
    double most = 0;
    for (int64_t i = 0; i < n; i++) {
        double sum = 0;
        for (int64_t j = 0; j < n; j++)
            sum += fabs(a[i * n + j]);
        most = fmax(most, sum);
    }
    return most;
}

/* x <- x q, through the gathered q and one block. */
static trn_status_t multiply_by_q(newton_t *w, trn_tall_t x, double *scratch) {
    TRN_TRY(trn_tall_gather(w->q, w->s));
    trn_tall_rotate(x, w->n, w->s, scratch);
    return TRN_OK;
}

/* One round on A, whose values are at most 1 or near it. */
static trn_status_t come_up(newton_t *w, int most, int64_t *steps) {
    w->steps = 0;
    for (int k = 0; k < most; k++) {
        bool last = k + 1 == most || distance(w->n, w->a) < 1e-6; /* then one more suffices */
        TRN_TRY(step(w, CUBIC, last));
        if (last) break;
    }
    *steps += w->steps;
    return TRN_OK;
}

/* x has no more columns than rows. Collective. */
static trn_status_t polar(newton_t *w, trn_tall_t x, const trn_orthogonalize_how_t *how,
                          double *scratch, trn_orthogonalized_t *done) {
    TRN_TRY(gram_of(x, how->threads, w->a));
    double bound = bound_of(w->n, w->a);
    if (bound > 0) {
        trn_tall_t all = x;
        double by = 1 / sqrt(bound);
        for (int64_t i = 0; i < all.block.rows; i++)
            for (int64_t j = 0; j < w->n; j++)
                ((double *)all.block.data)[i * all.block.stride + j] *= by;
        scale_square(w->n, by * by, w->a);
    }
    done->residual = distance(w->n, w->a);
    while (done->residual > ARRIVED && done->steps < ALL_STEPS) {
        int64_t left = ALL_STEPS - done->steps;
        TRN_TRY(come_up(w, left < ROUND ? (int)left : ROUND, &done->steps));
        TRN_TRY(multiply_by_q(w, x, scratch));
        TRN_TRY(gram_of(x, how->threads, w->a));
        done->residual = distance(w->n, w->a);
    }
    if (done->residual <= ARRIVED) return TRN_OK;
    return trn_fail(TRN_NUMERIC,
                    "%s: rank-deficient to rounding (after %lld steps |X^T X - I| is %.1e): it has "
                    "no one polar factor; Muon's steps leave such directions small",
                    how->name, (long long)done->steps, done->residual);
}

/* With all that it takes, before the first message. Collective. */
static trn_status_t polar_tall(trn_tall_t x, const trn_orthogonalize_how_t *how,
                               trn_orthogonalized_t *done) {
    newton_t w;
    double *scratch = NULL;
    trn_status_t status = newton_create(&w, x.comm, x.block.cols, how->threads);
    if (status == TRN_OK)
        status =
            trn_alloc(&scratch, TRN_TALL_BLOCK * x.block.cols, sizeof *scratch, "a block of rows");
    TRN_OR(done, trn_agree(x.comm, status));
    status = polar(&w, x, how, scratch, done);
done:
    trn_free(&scratch);
    newton_free(&w);
    return status;
}

/* Any matrix in memory ------------------------------------------------------------------------- */

/* In place, by one block of scratch. Collective. */
static trn_status_t muon_tall(trn_tall_t x, int exponent, const trn_orthogonalize_how_t *how) {
    int64_t n = x.block.cols;
    double *q = NULL, *scratch = NULL;
    trn_status_t status = trn_alloc(&q, n * n, sizeof *q, "a factor");
    if (status == TRN_OK)
        status = trn_alloc(&scratch, TRN_TALL_BLOCK * n, sizeof *scratch, "a block of rows");
    TRN_OR(done, trn_agree(x.comm, status));
    TRN_OR(done, trn_orthogonalize_factor(x, exponent, how->steps, how->threads, q));
    trn_tall_rotate(x, n, q, scratch);
done:
    trn_free(&q);
    trn_free(&scratch);
    return status;
}

static trn_status_t tall(trn_tall_t x, int exponent, const trn_orthogonalize_how_t *how,
                         trn_orthogonalized_t *done) {
    if (how->polar) return polar_tall(x, how, done);
    done->steps = how->steps;
    return muon_tall(x, exponent, how);
}

/* The polynomial is the same on either side. */
static trn_status_t wide(trn_tall_t x, int exponent, const trn_orthogonalize_how_t *how,
                         trn_orthogonalized_t *done) {
    trn_tall_t turned = {0}, back = {0};
    trn_status_t status = trn_tall_transpose(&turned, x);
    if (status == TRN_OK) status = tall(turned, exponent, how, done);
    if (status == TRN_OK) status = trn_tall_transpose(&back, turned);
    trn_tall_free(&turned);
    for (int64_t i = 0; i < x.block.rows && status == TRN_OK; i++)
        memcpy((double *)x.block.data + i * x.block.stride,
               (double *)back.block.data + i * back.block.stride,
               sizeof(double) * (size_t)x.block.cols);
    trn_tall_free(&back);
    return status;
}

trn_status_t trn_orthogonalize(trn_tall_t x, const trn_orthogonalize_how_t *how,
                               trn_orthogonalized_t *done) {
    int rank;
    double largest;
    int64_t side = x.rows < x.block.cols ? x.rows : x.block.cols;
    *done = (trn_orthogonalized_t){0};
    MPI_Comm_rank(x.comm, &rank);
    if (side > TRN_ORTHOGONALIZE_SIDE)
        return trn_fail(TRN_USAGE, "%s: %lld x %lld; the shorter side may be %d at most", how->name,
                        (long long)x.rows, (long long)x.block.cols, (int)TRN_ORTHOGONALIZE_SIDE);
    if (side == 0) return TRN_OK;
    TRN_AGREE(x.comm,
              trn_largest(x.block, trn_tall_start(x.comm, x.rows, rank), how->name, &largest));
    MPI_Allreduce(MPI_IN_PLACE, &largest, 1, MPI_DOUBLE, MPI_MAX, x.comm);
    int exponent = trn_scale_exponent(largest);
    trn_scale_view(x.block, -exponent);
    return x.rows < x.block.cols ? wide(x, exponent, how, done) : tall(x, exponent, how, done);
}

void trn_orthogonalize_plan(trn_ledger_t *ledger, int64_t rows, int64_t cols, int ranks, int rank) {
    bool turned = rows < cols;
    int64_t m = turned ? cols : rows, n = turned ? rows : cols;
    trn_ledger_t before = *ledger;
    if (turned) trn_tall_transpose_plan(ledger, rows, cols, ranks, rank);
    trn_ledger_t square = *ledger;
    trn_ledger_take(ledger, "squares", n * n, sizeof(double));
    trn_ledger_take(ledger, "squares", TRN_TALL_BLOCK * n, sizeof(double));
    trn_orthogonalize_factor_plan(ledger, m, n, ranks, rank);
    trn_ledger_back(ledger, &square);
    if (turned) trn_tall_transpose_plan(ledger, cols, rows, ranks, rank);
    trn_ledger_back(ledger, &before);
}
