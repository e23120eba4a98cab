/* measures.c: effective ranks and norms out of singular values, and scores of a few rows. Singular
 * values are roots of the eigenvalues of the Gram matrix of the shorter side, in float64. */
#include "algo/rows/measures.h"

#include "algo/matrix/scale.h"
#include "base/mem.h"
#include "kern/dense/lapack.h"

#include <cblas.h>
#include <float.h>
#include <math.h>
#include <string.h>

const char *const trn_measure_names[TRN_MEASURES] = {[TRN_RANKME] = "rankme",
                                                     [TRN_ENTROPY_RANK] = "entropy_rank",
                                                     [TRN_DOPE] = "dope",
                                                     [TRN_NUCLEAR] = "nuclear",
                                                     [TRN_FROBENIUS] = "frobenius",
                                                     [TRN_SPECTRAL] = "spectral",
                                                     [TRN_STABLE_RANK] = "stable_rank",
                                                     [TRN_KURTOSIS] = "kurtosis",
                                                     [TRN_KURTOSIS_OSP] = "kurtosis_osp",
                                                     [TRN_EIGENSCORE] = "eigenscore",
                                                     [TRN_VOLUME] = "volume"};

/* Singular values ------------------------------------------------------------------------------ */

/* From the largest down, for small terms added to a large sum lose less that way round than by
 * chance, and the order is fixed. */
double trn_measures_entropy_rank(int64_t count, const double *values, double epsilon) {
    double sum = 0, entropy = 0;
    for (int64_t i = count - 1; i >= 0; i--)
        sum += fmax(values[i], 0);
    if (!(sum > 0)) return 0;
    for (int64_t i = count - 1; i >= 0; i--) {
        double p = fmax(values[i], 0) / sum + epsilon;
        if (p > 0) entropy -= p * log(p);
    }
    return exp(entropy);
}

double trn_measures_rounding(int64_t rows, double means) {
    return 16 * DBL_EPSILON * DBL_EPSILON * means * (double)rows;
}

/* What the eigenvalues cannot tell from 0 is 0: an eigenvalue is off by some 2^-52 of the largest,
 * so its root may be 1e-8 of the largest root where nothing is. */
static void drop_rounding(const trn_squares_t *s) {
    double *values = s->values;
    double least = s->count > 0 ? values[s->count - 1] * (double)s->count * DBL_EPSILON : 0;
    for (int64_t i = 0; i < s->count; i++)
        if (!(values[i] > fmax(least, s->least))) values[i] = 0;
}

void trn_measures_of_squares(const trn_measures_how_t *how, const trn_squares_t *squares,
                             double *out) {
    int64_t count = squares->count, top = how->top > 0 && how->top < count ? how->top : count;
    double largest = 0, sum = 0, roots = 0, *values = squares->values;
    int exponent = squares->exponent;
    drop_rounding(squares);
    for (int64_t i = count - 1; i >= 0; i--)
        sum += values[i];
    if (count > 0) largest = values[count - 1];
    out[TRN_ENTROPY_RANK] = trn_measures_entropy_rank(count, values, 0);
    out[TRN_DOPE] = trn_measures_entropy_rank(top, values + count - top, 0);
    for (int64_t i = count - 1; i >= 0; i--)
        roots += values[i] = sqrt(values[i]);
    out[TRN_RANKME] = trn_measures_entropy_rank(count, values, how->epsilon);
    out[TRN_NUCLEAR] = ldexp(roots, exponent);
    out[TRN_FROBENIUS] = ldexp(sqrt(sum), exponent);
    out[TRN_SPECTRAL] = ldexp(sqrt(largest), exponent);
    out[TRN_STABLE_RANK] = largest > 0 ? sum / largest : 0;
}

/* Kurtosis ------------------------------------------------------------------------------------- */

/* Moments of one row, scaled so that fourth powers stay within float64: neither kurtosis changes by
 * a factor. False: its numbers are all equal. */
static bool row_kurtosis(int64_t d, const double *x, double *centered, double *raw) {
    double mean = 0, largest = 0, second = 0, fourth = 0, raw_fourth = 0;
    for (int64_t j = 0; j < d; j++) {
        mean += x[j];
        largest = fmax(largest, fabs(x[j]));
    }
    int exponent = trn_scale_exponent(largest);
    mean = ldexp(mean, -exponent) / (double)d;
    for (int64_t j = 0; j < d; j++) {
        double y = exponent ? ldexp(x[j], -exponent) : x[j], from = y - mean;
        second += from * from;
        fourth += from * from * from * from;
        raw_fourth += y * y * y * y;
    }
    /* deviations that are nothing but the rounding of the mean */
    double least = 1e-14 * ldexp(largest, -exponent);
    if (d < 2 || !(second > (double)d * least * least)) return false;
    double n = (double)d, deviation = second / (n - 1);
    *centered = fourth / n / (second / n * (second / n)) - 3;
    *raw = fmax(0, raw_fourth / n / (deviation * deviation) - 3);
    return true;
}

void trn_measures_add_kurtosis(trn_view_t rows, double *sum) {
    for (int64_t i = 0; i < rows.rows; i++) {
        double centered, raw;
        if (!row_kurtosis(rows.cols, (const double *)rows.data + i * rows.stride, &centered, &raw))
            continue;
        sum[0] += centered;
        sum[1] += raw;
        sum[2] += 1;
    }
}

/* A few rows ----------------------------------------------------------------------------------- */

bool trn_measures_of_pairs(const trn_measures_how_t *how) {
    return how->want[TRN_EIGENSCORE] || how->want[TRN_VOLUME];
}

int64_t trn_measures_side(const trn_measures_how_t *how, int64_t rows, int64_t cols) {
    return trn_measures_of_pairs(how) || rows < cols ? rows : cols;
}

trn_status_t trn_measures_work_create(trn_measures_work_t *work, int64_t side) {
    const char *what = "measures of rows";
    *work = (trn_measures_work_t){0};
    TRN_TRY(trn_alloc(&work->square, side * side, sizeof(double), what));
    TRN_TRY(trn_alloc(&work->values, side, sizeof(double), what));
    return trn_alloc(&work->work, trn_lapack_eigenvalues_work(side), sizeof(double), what);
}

void trn_measures_work_free(trn_measures_work_t *work) {
    trn_free(&work->square);
    trn_free(&work->values);
    trn_free(&work->work);
}

void trn_measures_work_plan(trn_ledger_t *ledger, int64_t side) {
    trn_ledger_take(ledger, "spectra", side * side + side + trn_lapack_eigenvalues_work(side),
                    sizeof(double));
}

/* Returns the sum of the squares of the means. */
static double center_columns(trn_view_t x) {
    double *data = x.data, squares = 0;
    for (int64_t j = 0; j < x.cols; j++) {
        double mean = 0;
        for (int64_t i = 0; i < x.rows; i++)
            mean += data[i * x.cols + j];
        mean /= (double)x.rows;
        for (int64_t i = 0; i < x.rows; i++)
            data[i * x.cols + j] -= mean;
        squares += mean * mean;
    }
    return squares;
}

static void center_rows(trn_view_t x) {
    for (int64_t i = 0; i < x.rows; i++) {
        double *row = (double *)x.data + i * x.cols, mean = 0;
        for (int64_t j = 0; j < x.cols; j++)
            mean += row[j];
        mean /= (double)x.cols;
        for (int64_t j = 0; j < x.cols; j++)
            row[j] -= mean;
    }
}

/* square[side x side] = x x^T, or x^T x, on and below the diagonal. BLAS takes a matrix without
 * rows for a mistake. */
static void multiply(trn_view_t x, bool pairs, double *square) {
    int rows = (int)x.rows, cols = (int)x.cols, side = pairs ? rows : cols;
    if (side == 0) return;
    cblas_dsyrk(CblasRowMajor, CblasLower, pairs ? CblasNoTrans : CblasTrans, side,
                pairs ? cols : rows, 1, x.data, cols, 0, square, side);
}

static void mirror(int64_t n, double *square) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < i; j++)
            square[j * n + i] = square[i * n + j];
}

/* Rows at length 1 by their products; a row of zeros stays one. A matrix that is not positive
 * definite has no volume: -infinity. */
static double volume_of(const trn_measures_how_t *how, int64_t n, double *square, double *length) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        length[i] = square[i * n + i] > 0 ? sqrt(square[i * n + i]) : 1;
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++)
            square[i * n + j] /= length[i] * length[j];
        square[i * n + i] += how->volume_epsilon;
    }
    if (!trn_lapack_cholesky(n, square)) return -INFINITY;
    for (int64_t i = 0; i < n; i++)
        sum += log(square[i * n + i]);
    return 2 * sum;
}

/* Of work->square, which is destroyed, into work->values. */
static trn_status_t eigenvalues(int64_t n, const trn_measures_work_t *work) {
    if (trn_lapack_eigenvalues(n, work->square, work->values, work->work)) return TRN_OK;
    return trn_fail(TRN_NUMERIC, "eigenvalues of a Gram matrix did not converge");
}

/* alpha is added to eigenvalues as they are, not to those of the scaled rows. */
static trn_status_t eigenscore_of(const trn_measures_how_t *how, trn_view_t x, int exponent,
                                  const trn_measures_work_t *work, double *score) {
    double sum = 0;
    center_rows(x);
    multiply(x, true, work->square);
    TRN_TRY(eigenvalues(x.rows, work));
    for (int64_t i = 0; i < x.rows; i++) {
        double value = fmax(work->values[i], 0) / (double)(x.cols - 1);
        sum += log10(ldexp(value, 2 * exponent) + how->alpha);
    }
    *score = sum / (double)x.rows;
    if (isfinite(*score) || *score < 0) return TRN_OK;
    return trn_fail(TRN_NUMERIC, "covariances of rows are too large for float64; scale the matrix "
                                 "down before (transform --scale)");
}

/* The eigenscore comes last, for it centers the rows. */
trn_status_t trn_measures_of_rows(const trn_measures_how_t *how, trn_view_t x,
                                  const trn_measures_work_t *work, double *out) {
    double largest = 0, means = 0, *data = x.data, sum[3] = {0};
    bool short_rows = x.rows <= x.cols;
    for (int i = 0; i < TRN_MEASURES; i++)
        out[i] = NAN;
    for (int64_t i = 0; i < x.rows * x.cols; i++)
        largest = fmax(largest, fabs(data[i]));
    int exponent = trn_scale_exponent(largest);
    trn_scale_view(x, -exponent);
    if (how->center) means = center_columns(x);
    trn_measures_add_kurtosis(x, sum);
    out[TRN_KURTOSIS] = sum[2] > 0 ? sum[0] / sum[2] : NAN;
    out[TRN_KURTOSIS_OSP] = sum[2] > 0 ? sum[1] / sum[2] : NAN;
    trn_squares_t squares = {short_rows ? x.rows : x.cols, work->values,
                             trn_measures_rounding(x.rows, means), exponent};
    multiply(x, short_rows, work->square);
    TRN_TRY(eigenvalues(squares.count, work));
    trn_measures_of_squares(how, &squares, out);
    if (how->want[TRN_VOLUME]) {
        multiply(x, true, work->square);
        mirror(x.rows, work->square);
        out[TRN_VOLUME] = volume_of(how, x.rows, work->square, work->values);
    }
    if (!how->want[TRN_EIGENSCORE]) return TRN_OK;
    return eigenscore_of(how, x, exponent, work, &out[TRN_EIGENSCORE]);
}
