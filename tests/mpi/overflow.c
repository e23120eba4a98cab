/* algo/matrix/overflow and norms at both ends of float64: what became infinite by arithmetic is
 * refused by its place, whatever infinities of the input have spread to is not, and norms come out
 * by scaling; all the same on any number of ranks. */
#include "algo/matrix/overflow.h"
#include "algo/matrix/gram.h"
#include "algo/matrix/transform.h"

#include "harness.h"
#include "mpi/agree.h"
#include "tall_sample.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Products ------------------------------------------------------------------------------------- */

enum { M = 11, K = 7, N = 9 };

typedef struct place {
    int64_t row, col;
} place_t;

/* Bands of a matrix of ones, this rank's rows of it. */
typedef struct band {
    double value[64 * 16];
    trn_share_t share;
} band_t;

static void fill(band_t *b, int64_t rows, int64_t cols) {
    int64_t first = trn_part_start(rows, ranks, rank), end = trn_part_start(rows, ranks, rank + 1);
    for (int i = 0; i < 64 * 16; i++)
        b->value[i] = 1;
    b->share = (trn_share_t){.dense = {TRN_MATRIX_F64, end - first, cols, cols, b->value},
                             .first_row = first};
}

static void put(band_t *b, place_t at, double value) {
    int64_t i = at.row - b->share.first_row;
    if (i >= 0 && i < b->share.dense.rows) b->value[i * b->share.dense.stride + at.col] = value;
}

static const place_t NOWHERE = {-1, -1};

static place_t turned(place_t at) {
    return (place_t){at.col, at.row};
}

/* A product with an infinity in operands and in the result, where they are not NOWHERE. */
static trn_status_t product(place_t left, place_t right, place_t added, place_t result,
                            bool transposed) {
    band_t a, b, c;
    fill(&a, transposed ? K : M, transposed ? M : K);
    fill(&b, transposed ? N : K, transposed ? K : N);
    fill(&c, M, N);
    put(&c, added, INFINITY);
    trn_product_parts_t parts = {M, N, .left_transposed = transposed,
                                 .right_transposed = transposed};
    CHECK_OK(trn_overflow_added(c.share.dense, &parts.added));
    put(&a, transposed ? turned(left) : left, -INFINITY);
    put(&b, transposed ? turned(right) : right, NAN);
    put(&c, result, NAN);
    parts.left = a.share;
    parts.right = b.share;
    trn_status_t status = trn_overflow_check(comm, &parts, &c.share, "c.npy");
    trn_marks_free(&parts.added);
    return status;
}

static void excuses(void) {
    const place_t at = {5, 3};
    for (int transposed = 0; transposed <= 1; transposed++) {
        CHECK_OK(product(NOWHERE, NOWHERE, NOWHERE, NOWHERE, transposed));
        CHECK_OK(product((place_t){5, 2}, NOWHERE, NOWHERE, at, transposed));
        CHECK_OK(product(NOWHERE, (place_t){6, 3}, NOWHERE, at, transposed));
        CHECK_OK(product(NOWHERE, NOWHERE, at, at, transposed));
        CHECK_EQUAL(product(NOWHERE, NOWHERE, NOWHERE, at, transposed), TRN_NUMERIC);
        CHECK(strstr(trn_message(), "c.npy: row 5, column 3 (from 0) of the product") != NULL);
        /* infinities elsewhere excuse nothing here */
        CHECK_EQUAL(product((place_t){4, 2}, (place_t){6, 8}, (place_t){5, 8}, at, transposed),
                    TRN_NUMERIC);
    }
}

static trn_status_t infinite(void *user) {
    (void)user;
    const place_t at = {5, 3};
    return product((place_t){5, 2}, NOWHERE, NOWHERE, at, false);
}

static trn_status_t infinite_sum(void *user) {
    (void)user;
    band_t c;
    trn_marks_t added;
    fill(&c, M, N);
    for (int64_t i = 0; i < M; i++)
        put(&c, (place_t){i, 4}, INFINITY);
    trn_status_t status = trn_agree(comm, trn_overflow_added(c.share.dense, &added));
    trn_marks_free(&added);
    return status;
}

static void survives(void) {
    harness_inject(infinite, NULL);
    harness_inject(infinite_sum, NULL);
}

/* One number of x whose square is too large for the result, or that is infinite itself. */
static void gram(void) {
    enum { ROWS = 2000, COLS = 9, BAD = 4 };
    static const double values[] = {1e30, 1e200, INFINITY};
    for (int v = 0; v < 3; v++)
        for (int single = 0; single <= 1; single++) {
            trn_tall_t x = tall_random(comm, ROWS, COLS, 1);
            if (rank == ranks - 1) tall_row(x, 0)[BAD] = values[v];
            double g[COLS * COLS];
            trn_view_t view = {single ? TRN_MATRIX_F32 : TRN_MATRIX_F64, COLS, COLS, COLS, g};
            CHECK_OK(trn_gram(x, 0, view, 1));
            bool fits = isinf(values[v]) || (v == 0 && !single);
            CHECK_EQUAL(trn_gram_check(x, 0, view, "g.npy"), fits ? TRN_OK : TRN_NUMERIC);
            const char *said = single ? "row 4, column 4 (from 0) of the product is too large for "
                                        "float32; give --dtype f64"
                                      : "row 4, column 4 (from 0) of the product is too large for "
                                        "float64; scale down";
            if (!fits && (v == 0 || !single)) CHECK(strstr(trn_message(), said) != NULL);
            trn_tall_free(&x);
        }
}

/* Transforms ----------------------------------------------------------------------------------- */

enum { ROWS = 200, COLS = 6 };

/* What lines are multiplied by: squares are lost, digits as well, squares and sums overflow. */
static const int POWERS[] = {0, -600, -1060, 600, 1016};
enum { LINES = sizeof POWERS / sizeof *POWERS };

static double plain_at(int64_t i, int64_t j) {
    return i == 7 ? 0 : (double)(i + 2 * j + 1);
}

typedef struct sample {
    trn_banded_t m;
    trn_dist_t *dist;
} sample_t;

static sample_t sample_create(bool sparse, bool by_cols) {
    sample_t s = {.m = {.comm = comm, .rows = ROWS, .cols = COLS}};
    CHECK_OK(trn_transform_dist(&s.dist, comm, ROWS, COLS));
    trn_extent_t place = trn_sparse_extent_of(s.dist, rank);
    trn_triplet_t *triplets = malloc(sizeof *triplets * (ROWS * COLS + 1));
    int64_t count = 0;
    if (!sparse) CHECK_OK(trn_matrix_create(&s.m.dense, comm, TRN_MATRIX_F64, s.dist));
    for (int64_t i = place.first_row; i < place.first_row + place.rows; i++)
        for (int64_t j = 0; j < COLS; j++) {
            double x = ldexp(plain_at(i, j), POWERS[(by_cols ? j : i) % LINES]);
            if (sparse && x != 0) triplets[count++] = (trn_triplet_t){i, j, x};
            if (!sparse) {
                trn_view_t block = trn_matrix_block(s.m.dense);
                ((double *)block.data)[(i - place.first_row) * block.stride + j] = x;
            }
        }
    if (sparse) CHECK_OK(trn_sparse_create(&s.m.sparse, TRN_SPARSE_F64, place, count, triplets));
    free(triplets);
    return s;
}

static void sample_free(sample_t *s) {
    trn_matrix_destroy(&s->m.dense);
    trn_sparse_destroy(&s->m.sparse);
    trn_dist_destroy(&s->dist);
}

/* (i, j), which this rank has. */
static double number(const trn_banded_t *m, int64_t i, int64_t j) {
    if (m->dense) {
        trn_view_t b = trn_matrix_block(m->dense);
        return ((double *)b.data)[(i - trn_matrix_first_row(m->dense)) * b.stride + j];
    }
    int64_t own = i - trn_sparse_extent(m->sparse).first_row;
    const int64_t *start = trn_sparse_start(m->sparse);
    return start[own] == start[own + 1] ? 0 : trn_sparse_value(m->sparse, start[own] + j);
}

/* The norm of row i, or of column i, before powers of two. */
static double plain_norm(trn_norm_t norm, bool by_cols, int64_t i) {
    double sum = 0;
    for (int64_t t = 0; t < (by_cols ? ROWS : COLS); t++) {
        double x = by_cols ? plain_at(t, i) : plain_at(i, t);
        sum = norm == TRN_NORM_L1 ? sum + x : norm == TRN_NORM_L2 ? sum + x * x : fmax(sum, x);
    }
    return norm == TRN_NORM_L2 ? sqrt(sum) : sum;
}

/* Whatever power of two a line is multiplied by, it is gone once the line is divided by its norm.
 */
static void divides(void) {
    for (int sparse = 0; sparse <= 1; sparse++)
        for (int by_cols = 0; by_cols <= 1; by_cols++)
            for (int norm = TRN_NORM_L1; norm <= TRN_NORM_MAX; norm++) {
                sample_t s = sample_create(sparse, by_cols);
                trn_transform_t how = {.kind = by_cols ? TRN_TRANSFORM_SCALE_COLS
                                                       : TRN_TRANSFORM_SCALE_ROWS,
                                       .norm = (trn_norm_t)norm,
                                       .shift = 1};
                CHECK_OK(trn_transform(&s.m, &how, "x"));
                trn_extent_t place = trn_sparse_extent_of(s.dist, rank);
                for (int64_t i = place.first_row; i < place.first_row + place.rows; i++)
                    for (int64_t j = 0; j < COLS; j++) {
                        double by = plain_norm((trn_norm_t)norm, by_cols, by_cols ? j : i);
                        double wanted = by > 0 ? plain_at(i, j) / by : 0;
                        CHECK(fabs(number(&s.m, i, j) - wanted) <= 4 * DBL_EPSILON * wanted);
                    }
                sample_free(&s);
            }
}

/* Norms as they are: those beyond the type are refused by row, 4 being the first that is so. */
static void norms(void) {
    for (int norm = TRN_NORM_L1; norm <= TRN_NORM_MAX; norm++)
        for (int single = 0; single <= 1; single++) {
            sample_t s = sample_create(false, false);
            trn_extent_t place = trn_sparse_extent_of(s.dist, rank);
            double *value = calloc(ROWS, sizeof *value);
            trn_view_t out = {single ? TRN_MATRIX_F32 : TRN_MATRIX_F64, place.rows, 1, 1, value};
            bool fits = norm == TRN_NORM_MAX && !single;
            CHECK_EQUAL(trn_row_norms(&s.m, (trn_norm_t)norm, out, "x.npy"),
                        fits ? TRN_OK : TRN_NUMERIC);
            const char *said = single ? "x.npy: row 3 (from 0): its norm is too large for float32; "
                                        "give --dtype f64"
                                      : "(from 0): its norm is too large for float64; scale";
            if (!fits) CHECK(strstr(trn_message(), said) != NULL);
            for (int64_t i = 0; i < place.rows && !single; i++) {
                int64_t row = place.first_row + i;
                double wanted =
                    ldexp(plain_norm((trn_norm_t)norm, false, row), POWERS[row % LINES]);
                CHECK(value[i] == wanted || fabs(value[i] / wanted - 1) <= 4 * DBL_EPSILON ||
                      POWERS[row % LINES] == -1060);
            }
            free(value);
            sample_free(&s);
        }
}

/* What leaves the type is refused by its place, and PMI knows no scale. */
static void changes(void) {
    for (int sparse = 0; sparse <= 1; sparse++) {
        sample_t s = sample_create(sparse, false);
        trn_transform_t scale = {.kind = TRN_TRANSFORM_SCALE, .factor = 0x1p20, .shift = 1};
        CHECK_EQUAL(trn_transform(&s.m, &scale, "x.npy"), TRN_NUMERIC);
        CHECK(strstr(trn_message(), "x.npy: row 4, column 0 (from 0): what becomes of ") != NULL);
        sample_free(&s);
        s = sample_create(sparse, false);
        trn_transform_t pmi = {.kind = TRN_TRANSFORM_PMI, .smoothing = 1, .shift = 1};
        CHECK_EQUAL(trn_transform(&s.m, &pmi, "x.npy"), TRN_NUMERIC);
        CHECK(strstr(trn_message(), "x.npy: the sum of row ") != NULL);
        sample_free(&s);
    }
}

/* Two rows of one number each, 2^-1000 and 2^1000: log(x total / (row column)) is log(total / x).
 */
static void pmi_at_both_ends(void) {
    trn_dist_t *dist;
    CHECK_OK(trn_transform_dist(&dist, comm, 2, 2));
    trn_banded_t m = {.comm = comm, .rows = 2, .cols = 2};
    CHECK_OK(trn_matrix_create(&m.dense, comm, TRN_MATRIX_F64, dist));
    trn_view_t block = trn_matrix_block(m.dense);
    double *data = block.data;
    for (int64_t i = 0; i < block.rows; i++) /* both on one rank */
        for (int64_t j = 0; j < 2; j++)
            data[i * block.stride + j] = i != j ? 0 : i == 0 ? 0x1p-1000 : 0x1p1000;
    trn_transform_t pmi = {.kind = TRN_TRANSFORM_PMI, .smoothing = 1, .shift = 1};
    CHECK_OK(trn_transform(&m, &pmi, "x"));
    if (block.rows == 2) {
        CHECK(fabs(data[0] - 2000 * log(2)) <= 1e-12);
        CHECK(data[1] == 0 && data[block.stride] == 0 && fabs(data[block.stride + 1]) <= 1e-300);
    }
    trn_matrix_destroy(&m.dense);
    trn_dist_destroy(&dist);
}

/* alpha x + beta y of two matrices of x and of y, with a row of zeros; *sum = one number of it. */
static trn_status_t add(bool sparse, double alpha, double x, double beta, double y, double *sum) {
    sample_t s = sample_create(sparse, false), t = sample_create(sparse, false);
    trn_transform_t none = {.kind = TRN_TRANSFORM_BINARIZE, .shift = 1};
    CHECK_OK(trn_transform(&s.m, &none, "s"));
    CHECK_OK(trn_transform(&t.m, &none, "t"));
    trn_transform_t by_x = {.kind = TRN_TRANSFORM_SCALE, .factor = x, .shift = 1};
    trn_transform_t by_y = {.kind = TRN_TRANSFORM_SCALE, .factor = y, .shift = 1};
    CHECK_OK(trn_transform(&s.m, &by_x, "s"));
    CHECK_OK(trn_transform(&t.m, &by_y, "t"));
    trn_status_t status = trn_transform_add(&s.m, alpha, &t.m, beta, "x.npy");
    trn_extent_t place = trn_sparse_extent_of(s.dist, rank);
    *sum = place.rows > 0 ? number(&s.m, place.first_row, 2) : 0;
    sample_free(&s);
    sample_free(&t);
    return status;
}

static void adds(void) {
    double sum;
    trn_dist_t *dist;
    CHECK_OK(trn_transform_dist(&dist, comm, ROWS, COLS));
    bool some = trn_sparse_extent_of(dist, rank).rows > 0;
    trn_dist_destroy(&dist);
    for (int sparse = 0; sparse <= 1; sparse++) {
        CHECK_OK(add(sparse, 3, 2, -2, 5, &sum));
        CHECK(!some || sum == -4);
        /* Both terms are beyond float64, their sum is not: 2^1030 - 2^1030 + 2^1000. */
        CHECK_OK(add(sparse, 0x1p30, 0x1.00000004p1000, -0x1p30, 0x1p1000, &sum));
        CHECK(!some || sum == 0x1p1000);
        CHECK_EQUAL(add(sparse, 0x1p40, 0x1p1000, 1, 1, &sum), TRN_NUMERIC);
        CHECK(strstr(trn_message(), "x.npy: row 0, column 0 (from 0): what becomes of ") != NULL);
    }
}

HARNESS_MAIN({"excuses", excuses}, {"survives", survives}, {"gram", gram}, {"divides", divides},
             {"norms", norms}, {"changes", changes}, {"pmi_at_both_ends", pmi_at_both_ends},
             {"adds", adds})
