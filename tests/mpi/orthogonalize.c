/* algo/matrix/factor/orthogonalize: the polynomial on known singular values, the polar factor of
 * matrices of any condition, either side, the same bits on any communicator. */
#include "algo/matrix/factor/orthogonalize.h"

#include "mpi/agree.h"

#include "harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rows of a matrix with known vectors: column j of u is the cosines cos(pi (i + 1/2) j / rows) at
 * length 1, likewise v; x = u diag(s) v^T, or u diag(t) v^T for other values t. */
static double cosine(int64_t i, int64_t j, int64_t n) {
    double c = cos(acos(-1.0) * ((double)i + 0.5) * (double)j / (double)n);
    return c * sqrt((j == 0 ? 1.0 : 2.0) / (double)n);
}

static double entry(int64_t i, int64_t j, int64_t rows, int64_t cols, const double *s) {
    int64_t side = rows < cols ? rows : cols;
    double sum = 0;
    for (int64_t k = 0; k < side; k++)
        sum += cosine(i, k, rows) * s[k] * cosine(j, k, cols);
    return sum;
}

static trn_tall_t matrix(MPI_Comm on, int64_t rows, int64_t cols, const double *s, double by) {
    int at;
    trn_tall_t x;
    MPI_Comm_rank(on, &at);
    CHECK_OK(trn_tall_create(&x, on, rows, cols));
    int64_t first = trn_tall_start(on, rows, at);
    for (int64_t i = 0; i < x.block.rows; i++)
        for (int64_t j = 0; j < cols; j++)
            ((double *)x.block.data)[i * cols + j] = by * entry(first + i, j, rows, cols, s);
    return x;
}

/* The largest |x - u diag(t) v^T| of this rank. */
static double off_by(trn_tall_t x, const double *t) {
    double worst = 0;
    int64_t first = trn_tall_start(comm, x.rows, rank), cols = x.block.cols;
    for (int64_t i = 0; i < x.block.rows; i++)
        for (int64_t j = 0; j < cols; j++)
            worst = fmax(worst, fabs(((double *)x.block.data)[i * cols + j] -
                                     entry(first + i, j, x.rows, cols, t)));
    return worst;
}

enum { MOST = 40 };

/* Values from 1 to `least`, in even steps of their logarithm. */
static void values(int64_t side, double least, double *s) {
    for (int64_t k = 0; k < side; k++)
        s[k] = pow(least, (double)k / (double)(side > 1 ? side - 1 : 1));
}

/* What five steps make of a value, by the definition. */
static void muon(int64_t side, const double *s, double *t) {
    double norm = 0;
    for (int64_t k = 0; k < side; k++)
        norm += s[k] * s[k];
    for (int64_t k = 0; k < side; k++) {
        t[k] = s[k] / (sqrt(norm) + 1e-7);
        for (int step = 0; step < TRN_MUON_STEPS; step++) {
            double a = t[k] * t[k];
            t[k] = 3.4445 * t[k] + (-4.7750 * a + 2.0315 * a * a) * t[k];
        }
    }
}

static const trn_orthogonalize_how_t STEPS = {TRN_MUON_STEPS, false, 1, "x"},
                                     POLAR = {0, true, 1, "x"};

static void steps_of(int64_t rows, int64_t cols, double least) {
    double s[MOST], t[MOST];
    trn_orthogonalized_t done;
    int64_t side = rows < cols ? rows : cols;
    values(side, least, s);
    muon(side, s, t);
    trn_tall_t x = matrix(comm, rows, cols, s, 1);
    CHECK_OK(trn_orthogonalize(x, &STEPS, &done));
    CHECK(off_by(x, t) < 1e-11);
    CHECK_EQUAL(done.steps, TRN_MUON_STEPS);
    trn_tall_free(&x);
}

static void follows_the_polynomial(void) {
    steps_of(1300, 20, 0.1);
    steps_of(700, 40, 1e-9);
    steps_of(20, 1300, 0.01);
    steps_of(13, 13, 0.5);
    steps_of(600, 1, 1);
}

static void polar_of(int64_t rows, int64_t cols, double least, double by, double within) {
    double s[MOST], t[MOST];
    trn_orthogonalized_t done;
    int64_t side = rows < cols ? rows : cols;
    values(side, least, s);
    for (int64_t k = 0; k < side; k++)
        t[k] = 1;
    trn_tall_t x = matrix(comm, rows, cols, s, by);
    CHECK_OK(trn_orthogonalize(x, &POLAR, &done));
    CHECK(off_by(x, t) < within);
    CHECK(done.residual <= 1e-12);
    trn_tall_free(&x);
}

/* Errors grow with the condition, orthogonality does not. */
static void finds_the_polar_factor(void) {
    polar_of(1300, 20, 0.1, 1, 1e-12);
    polar_of(1300, 40, 1e-5, 1, 1e-9);
    polar_of(700, 20, 1e-10, 1, 1e-4);
    polar_of(20, 1300, 0.01, 1, 1e-12);
    polar_of(30, 30, 0.3, 1e200, 1e-12);
    polar_of(30, 30, 0.3, 1e-250, 1e-12);
}

static void refuses_what_has_none(void) {
    double s[MOST] = {1, 0.5, 0}, largest;
    trn_orthogonalized_t done;
    trn_tall_t x = matrix(comm, 600, 3, s, 1);
    CHECK_EQUAL(trn_orthogonalize(x, &POLAR, &done), TRN_NUMERIC);
    CHECK(strstr(trn_message(), "rank-deficient") != NULL);
    trn_tall_free(&x);
    x = matrix(comm, 600, 3, s, 0); /* zeros stay zeros under the steps */
    CHECK_OK(trn_orthogonalize(x, &STEPS, &done));
    largest = 0;
    for (int64_t i = 0; i < x.block.rows * 3; i++)
        largest = fmax(largest, fabs(((double *)x.block.data)[i]));
    CHECK(largest == 0);
    if (x.block.rows > 0 && trn_tall_start(comm, 600, rank) == 0) ((double *)x.block.data)[4] = NAN;
    CHECK_EQUAL(trn_orthogonalize(x, &STEPS, &done), TRN_NUMERIC);
    CHECK(strstr(trn_message(), "x: entry (2, 2)") != NULL);
    trn_tall_free(&x);
}

/* Rows of x on this rank are those of the whole on one. */
static void same(int64_t rows, int64_t cols, const trn_orthogonalize_how_t *how) {
    double s[MOST];
    trn_orthogonalized_t done;
    values(rows < cols ? rows : cols, 0.03, s);
    trn_tall_t x = matrix(comm, rows, cols, s, 1), alone = matrix(MPI_COMM_SELF, rows, cols, s, 1);
    CHECK_OK(trn_orthogonalize(x, how, &done));
    CHECK_OK(trn_orthogonalize(alone, how, &done));
    int64_t first = trn_tall_start(comm, rows, rank);
    CHECK(memcmp(x.block.data, (double *)alone.block.data + first * cols,
                 sizeof(double) * (size_t)(x.block.rows * cols)) == 0);
    trn_tall_free(&x);
    trn_tall_free(&alone);
}

static void gives_the_same_bits(void) {
    same(2600, 24, &STEPS);
    same(2600, 24, &POLAR);
    same(24, 2600, &STEPS);
    same(24, 2600, &POLAR);
}

static trn_status_t once(void *user) {
    double s[MOST];
    trn_orthogonalized_t done;
    trn_tall_t x;
    const trn_orthogonalize_how_t *how = user;
    values(6, 0.5, s);
    trn_status_t status = trn_tall_create(&x, comm, how->polar ? 1200 : 6, how->polar ? 6 : 1200);
    if (trn_any(comm, status != TRN_OK)) {
        trn_tall_free(&x);
        return trn_agree(comm, status);
    }
    trn_tall_random(x, 3);
    status = trn_orthogonalize(x, how, &done);
    trn_tall_free(&x);
    return status;
}

static void survives_a_lack_of_memory(void) {
    trn_orthogonalize_how_t steps = STEPS, polar = POLAR;
    harness_inject(once, &steps);
    harness_inject(once, &polar);
}

HARNESS_MAIN({"follows the polynomial", follows_the_polynomial},
             {"finds the polar factor", finds_the_polar_factor},
             {"refuses what has none", refuses_what_has_none},
             {"gives the same bits", gives_the_same_bits},
             {"survives a lack of memory", survives_a_lack_of_memory})
