/* measures.h: what is measured of a matrix by its singular values, or of its rows: effective ranks,
 * norms, kurtosis, and the scores of a few rows that belong together. On one rank's numbers.
 *
 * With s the singular values, p = s / sum s, q = s^2 / sum s^2 and H(x) = -sum x ln x. */
#ifndef TRN_ALGO_ROWS_MEASURES_H
#define TRN_ALGO_ROWS_MEASURES_H

#include "base/ledger.h"
#include "base/status.h"
#include "mpi/matrix.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum trn_measure {
    TRN_RANKME,       /* exp H(p + epsilon): Garrido et al., RankMe (ICML 2023); Roy and Vetterli's
                       * effective rank (2007) */
    TRN_ENTROPY_RANK, /* exp H(q) */
    TRN_DOPE,         /* exp H of the `top` largest q, which are made to sum to 1: DoPE */
    TRN_NUCLEAR,      /* sum s */
    TRN_FROBENIUS,    /* sqrt(sum s^2) */
    TRN_SPECTRAL,     /* the largest s */
    TRN_STABLE_RANK,  /* sum s^2 / the largest s^2 */
    TRN_KURTOSIS, /* mean over rows of E(x - m)^4 / E((x - m)^2)^2 - 3; rows whose numbers are all
                   * equal have none */
    TRN_KURTOSIS_OSP, /* mean over rows of max(0, E x^4 / sd^4 - 3), sd with d - 1: Outlier-Safe
                       * Pre-Training (ACL 2025) */
    TRN_EIGENSCORE, /* mean of log10 of the eigenvalues of cov + alpha I, cov between the rows over
                     * the columns, with d - 1: INSIDE (ICLR 2024) */
    TRN_VOLUME,     /* ln det(Y Y^T + volume_epsilon I), Y the rows at length 1: Semantic Volume */
    TRN_MEASURES
} trn_measure_t;

/* Names as in results and stores, by measure. */
extern const char *const trn_measure_names[TRN_MEASURES];

typedef struct trn_measures_how {
    bool want[TRN_MEASURES]; /* others come out as NaN */
    bool center;             /* take column means off first, for all measures */
    int64_t top;             /* values that TRN_DOPE takes; 0: all */
    double epsilon;          /* of TRN_RANKME */
    double alpha;            /* of TRN_EIGENSCORE */
    double volume_epsilon;   /* of TRN_VOLUME */
} trn_measures_how_t;

/* A side of the matrix that is made square: longer ones are refused. */
enum { TRN_MEASURES_SIDE = 4096 };

/* A matrix by the squares of its singular values. */
typedef struct trn_squares {
    int64_t count;
    double *values; /* [count] eigenvalues of a Gram matrix, ascending */
    double least;   /* those up to here are rounding: trn_measures_rounding */
    int exponent;   /* the numbers of the matrix were taken by 2^-exponent */
} trn_squares_t;

/* What taking means off may leave of columns that are constant: the largest eigenvalue of the Gram
 * matrix of `rows` rows from which means were taken whose squares sum up to `means`. Local. */
double trn_measures_rounding(int64_t rows, double means);

/* out[TRN_RANKME .. TRN_STABLE_RANK] = measures of such a matrix; the values are changed. Those
 * below count x 2^-52 of the largest are rounding, too, and count as 0. A matrix of zeros has ranks
 * of 0. Local. */
void trn_measures_of_squares(const trn_measures_how_t *how, const trn_squares_t *squares,
                             double *out);

/* Sums over rows of what the two kurtoses are means of: add to sum[0] and sum[1], and to sum[2] the
 * number of rows that have one. Local. */
void trn_measures_add_kurtosis(trn_view_t rows, double *sum);

/* exp H(p + epsilon), p = values / sum values; values below 0 count as 0. 0 if their sum is. Local.
 */
double trn_measures_entropy_rank(int64_t count, const double *values, double epsilon);

/* Work space for matrices of at most so many rows. Start with {0}. */
typedef struct trn_measures_work {
    double *square, *values, *work;
} trn_measures_work_t;

/* Whether TRN_EIGENSCORE or TRN_VOLUME, which want products of all pairs of rows, are wanted.
 * Local. */
bool trn_measures_of_pairs(const trn_measures_how_t *how);

/* The side of the largest square made of a matrix of `rows` rows. Local. */
int64_t trn_measures_side(const trn_measures_how_t *how, int64_t rows, int64_t cols);

/* Create it; free it ({0} and twice are fine); what it takes. Fails with TRN_MEMORY. Local. */
trn_status_t trn_measures_work_create(trn_measures_work_t *work, int64_t side);
void trn_measures_work_free(trn_measures_work_t *work);
void trn_measures_work_plan(trn_ledger_t *ledger, int64_t side);

/* out[TRN_MEASURES] = all that is wanted of `x`, float64 and finite, no gaps between rows, which is
 * destroyed. Fails with TRN_NUMERIC (no convergence; squares beyond float64 in TRN_EIGENSCORE).
 * Local. Cost: rows x cols x side + side^3 flop. */
trn_status_t trn_measures_of_rows(const trn_measures_how_t *how, trn_view_t x,
                                  const trn_measures_work_t *work, double *out);

#endif
