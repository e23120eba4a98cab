/* Singular values, QR factors and eigenvectors of more than 200 small matrices that are hard for
 * numbers rather than for time: rank-deficient, zero, repeated values, graded, at both ends of
 * float64, badly scaled. Each is held against LAPACK on one rank, and against its own bits alone.
 */
#include "algo/matrix/spectral/eig.h"
#include "algo/matrix/spectral/qr.h"
#include "algo/matrix/spectral/svd.h"

#include "kern/dense/lapack.h"
#include "mpi/agree.h"
#include "tall_sample.h"

/* The family ----------------------------------------------------------------------------------- */

enum {
    ZERO,
    CONSTANT,
    OUTER,    /* (i + 1)(j + 1), exactly of rank 1 */
    IDENTITY, /* values repeated */
    LAST,     /* one entry, in the last corner */
    INTEGER,  /* small integers of rank 2 */
    HILBERT,  /* condition beyond 1e16 from 12 on */
    JORDAN,   /* ones above the diagonal */
    RANDOM,
    GRADED_COLS, /* columns from 1 down to 1e-18 */
    GRADED_ROWS,
    COPIES, /* every column twice, one of zeros */
    SPREAD, /* columns from 1e-200 to 1e200 */
    SPARSE, /* mostly empty, whole rows and columns too */
    KINDS
};

static const int64_t SHAPES[][2] = {{1, 1}, {1, 6}, {6, 1},  {2, 2},  {4, 4},   {7, 4},   {4, 7},
                                    {8, 8}, {5, 3}, {13, 9}, {9, 13}, {24, 24}, {600, 5}, {5, 600}};
enum { COUNT = sizeof SHAPES / sizeof *SHAPES };

/* What the numbers are multiplied by: none leaves float64, some lose digits there. */
static const int POWERS[] = {0, -660, 664, -1020, -1055, 1010, 3};
enum { SCALES = sizeof POWERS / sizeof *POWERS };

static double draw(int64_t i, int64_t j) {
    uint64_t x = (uint64_t)(i * 7919 + j + 1) * 0x9e3779b97f4a7c15ULL;
    x ^= x >> 29, x *= 0xbf58476d1ce4e5b9ULL, x ^= x >> 32;
    return (double)(x >> 11) * 0x1p-53 - 0.5;
}

static double number(int kind, int64_t rows, int64_t cols, int64_t i, int64_t j) {
    double rise = cols > 1 ? (double)j / (double)(cols - 1) : 0;
    switch (kind) {
    case CONSTANT:
        return 1;
    case OUTER:
        return (double)((i + 1) * (j + 1));
    case IDENTITY:
        return i == j;
    case LAST:
        return i == rows - 1 && j == cols - 1;
    case INTEGER:
        return (double)(i % 3 - 1) * (double)(j % 5 + 1) + (double)(i * i % 7) * (double)(j % 2);
    case HILBERT:
        return 1 / (double)(i + j + 1);
    case JORDAN:
        return j == i + 1;
    case RANDOM:
        return draw(i, j);
    case GRADED_COLS:
        return draw(i, j) * pow(10, -18 * rise);
    case GRADED_ROWS:
        return draw(i, j) * pow(10, -18 * (double)i / (double)rows);
    case COPIES:
        return j == 2 ? 0 : draw(i, j / 2);
    case SPREAD:
        return draw(i, j) * pow(10, 400 * rise - 200);
    case SPARSE:
        return i % 3 == 1 && j % 2 == 0 && draw(i, j) > 0 ? draw(i, j) : 0;
    default:
        return 0;
    }
}

/* A member of the family; `power` is that of its numbers before and after. */
typedef struct member {
    int kind, power;
    int64_t rows, cols;
} member_t;

/* Over all kinds every shape meets every power. */
static member_t member(int kind, int shape) {
    return (member_t){kind, POWERS[(kind + 2 * shape) % SCALES], SHAPES[shape][0],
                      SHAPES[shape][1]};
}

static double number_of(const member_t *m, int64_t i, int64_t j) {
    return ldexp(number(m->kind, m->rows, m->cols, i, j), m->kind == SPREAD ? 0 : m->power);
}

static trn_tall_t build(MPI_Comm on, const member_t *m) {
    trn_tall_t a;
    int place;
    MPI_Comm_rank(on, &place);
    CHECK_OK(trn_tall_create(&a, on, m->rows, m->cols));
    int64_t first = trn_tall_start(on, m->rows, place);
    for (int64_t i = 0; i < a.block.rows; i++)
        for (int64_t j = 0; j < m->cols; j++)
            tall_row(a, i)[j] = number_of(m, first + i, j);
    return a;
}

/* What it is called where it fails. */
static const char *name_of(const member_t *m, const char *how) {
    static char name[100];
    snprintf(name, sizeof name, "%s: kind %d, %lld x %lld, 2^%d", how, m->kind, (long long)m->rows,
             (long long)m->cols, m->power);
    return name;
}

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        char text_[300];                                                                           \
        snprintf(text_, sizeof text_, "%s: %s", name, #condition);                                 \
        if (!harness_check(condition, __FILE__, __LINE__, text_) && rank == 0)                     \
            printf("# %s\n", text_);                                                               \
    } while (0)

/* The reference -------------------------------------------------------------------------------- */

/* The whole matrix on every rank, taken by a power of two to a largest entry near 1. */
typedef struct whole {
    int64_t rows, cols, side; /* side: the shorter */
    int power;
    double *a;      /* [rows x cols], times 2^power: the matrix */
    double *values; /* [side], likewise */
    double norm;    /* the largest of them */
} whole_t;

static int power_of(double largest) {
    return largest > 0 ? ilogb(largest) : 0;
}

static void center(const member_t *m, double *a) {
    for (int64_t j = 0; j < m->cols; j++) {
        long double sum = 0;
        for (int64_t i = 0; i < m->rows; i++)
            sum += (long double)a[i * m->cols + j];
        for (int64_t i = 0; i < m->rows; i++)
            a[i * m->cols + j] = (double)((long double)a[i * m->cols + j] - sum / m->rows);
    }
}

/* LAPACK's singular values of what is filled up with zeros to a square. */
static void solve(whole_t *w) {
    int64_t n = w->rows > w->cols ? w->rows : w->cols, size = n * n;
    double *square = calloc((size_t)size, sizeof *square),
           *left = malloc(sizeof *left * (size_t)size),
           *right = malloc(sizeof *right * (size_t)size),
           *work = malloc(sizeof *work * (size_t)trn_lapack_svd_work(n)),
           *values = malloc(sizeof *values * (size_t)n);
    for (int64_t i = 0; i < w->rows; i++)
        memcpy(square + i * n, w->a + i * w->cols, sizeof *square * (size_t)w->cols);
    CHECK(trn_lapack_svd(n, square, values, left, right, work));
    memcpy(w->values, values, sizeof *values * (size_t)w->side);
    w->norm = values[0];
    free(square), free(left), free(right), free(work), free(values);
}

static whole_t whole_of(const member_t *m, bool centered) {
    whole_t w = {m->rows, m->cols, m->rows < m->cols ? m->rows : m->cols, 0, NULL, NULL, 0};
    double largest = 0;
    w.a = malloc(sizeof *w.a * (size_t)(m->rows * m->cols));
    w.values = malloc(sizeof *w.values * (size_t)w.side);
    for (int64_t e = 0; e < m->rows * m->cols; e++)
        largest = fmax(largest, fabs(number_of(m, e / m->cols, e % m->cols)));
    w.power = power_of(largest);
    for (int64_t e = 0; e < m->rows * m->cols; e++)
        w.a[e] = ldexp(number_of(m, e / m->cols, e % m->cols), -w.power);
    if (centered) center(m, w.a);
    solve(&w);
    return w;
}

static void whole_free(whole_t *w) {
    free(w->a), free(w->values);
}

/* |A - U diag(s) V^T| in the Frobenius norm, times 2^-power. */
static double missing(const whole_t *w, const double *u, const double *s, const double *v,
                      int64_t k) {
    double square = 0;
    for (int64_t i = 0; i < w->rows; i++)
        for (int64_t j = 0; j < w->cols; j++) {
            double rest = w->a[i * w->cols + j];
            for (int64_t l = 0; l < k; l++)
                rest -= u[i * k + l] * ldexp(s[l], -w->power) * v[j * k + l];
            square += rest * rest;
        }
    return sqrt(square);
}

/* Singular values ------------------------------------------------------------------------------ */

enum { GRAM, DENSE, SPARSE_WAY, WAYS };

static trn_sparse_t *sparse_of(trn_tall_t a) {
    trn_sparse_t *sparse = NULL;
    int64_t cols = a.block.cols, count = 0;
    int place;
    MPI_Comm_rank(a.comm, &place);
    int64_t first = trn_tall_start(a.comm, a.rows, place);
    trn_triplet_t *entries = malloc(sizeof *entries * (size_t)(a.block.rows * cols + 1));
    for (int64_t i = 0; i < a.block.rows; i++)
        for (int64_t j = 0; j < cols; j++)
            if (tall_row(a, i)[j] != 0)
                entries[count++] = (trn_triplet_t){first + i, j, tall_row(a, i)[j]};
    CHECK_OK(trn_sparse_create(&sparse, TRN_SPARSE_F64,
                               (trn_extent_t){first, a.block.rows, 0, cols}, count, entries));
    free(entries);
    return sparse;
}

static trn_status_t decompose(MPI_Comm on, const member_t *m, int way, int64_t k, bool centered,
                              trn_svd_t *svd) {
    trn_tall_t a = build(on, m);
    trn_sparse_t *sparse = way == SPARSE_WAY ? sparse_of(a) : NULL;
    trn_svd_options_t options = {.rank = k,
                                 .method = way == GRAM ? TRN_SVD_GRAM : TRN_SVD_KRYLOV,
                                 .center = centered,
                                 .stop = {1e-12, 500},
                                 .name = "A"};
    trn_status_t status =
        trn_svd(svd, (trn_svd_matrix_t){on, m->rows, m->cols, a, sparse}, &options);
    trn_sparse_destroy(&sparse);
    trn_tall_free(&a);
    return status;
}

static bool same_numbers(trn_tall_t together, trn_tall_t alone) {
    double *all = tall_whole(together);
    size_t bytes = sizeof(double) * (size_t)(alone.rows * alone.block.cols);
    bool same = memcmp(all, alone.block.data, bytes) == 0;
    free(all);
    return same;
}

static void check_triplets(const char *name, const whole_t *w, const trn_svd_t *svd) {
    int64_t k = svd->rank;
    double *u = tall_whole(svd->u), *v = tall_whole(svd->v), left = 0;
    /* Unless all vectors are wanted, Krylov stops at its tolerance, also in the search that follows
     * the Gram method. */
    double close = (k == w->side ? 2e-14 : 2e-12) * w->norm;
    double known = close + 2e-16 * (double)(w->rows + w->cols) * w->norm; /* LAPACK's own error */
    for (int64_t i = 0; i < w->side; i++)
        if (i >= k) left += w->values[i] * w->values[i];
    EXPECT(tall_skew(svd->u) < 5e-14 && tall_skew(svd->v) < 5e-14);
    for (int64_t i = 0; i < k; i++) {
        EXPECT(fabs(ldexp(svd->values[i], -w->power) - w->values[i]) <=
               known + ldexp(2, -1074 - w->power));
        EXPECT(svd->values[i] >= 0 && (i == 0 || svd->values[i] <= svd->values[i - 1]));
    }
    EXPECT(missing(w, u, svd->values, v, k) <=
           sqrt(left) + close * sqrt((double)w->side) + ldexp(8, -1074 - w->power));
    free(u), free(v);
}

static void one_svd(const member_t *m, int way, int64_t k, bool centered) {
    trn_svd_t together, alone;
    const char *name = name_of(m, way == GRAM ? "gram" : way == DENSE ? "dense" : "sparse");
    whole_t w = whole_of(m, centered);
    trn_status_t status = decompose(comm, m, way, k, centered, &together);
    if (isinf(ldexp(w.norm, w.power))) {
        EXPECT(status == TRN_NUMERIC && strstr(trn_message(), "too large"));
        trn_svd_free(&together);
        whole_free(&w);
        return;
    }
    if (!harness_check(status == TRN_OK, __FILE__, __LINE__, name) && rank == 0)
        printf("# %s, rank %lld: %s\n", name, (long long)k, trn_message());
    EXPECT(decompose(MPI_COMM_SELF, m, way, k, centered, &alone) == TRN_OK);
    if (harness_well()) {
        check_triplets(name, &w, &together);
        EXPECT(memcmp(together.values, alone.values, sizeof(double) * (size_t)k) == 0);
        EXPECT(same_numbers(together.u, alone.u) && same_numbers(together.v, alone.v));
    }
    trn_svd_free(&together), trn_svd_free(&alone);
    whole_free(&w);
}

/* Every kind in every shape, with and without centering; on several ranks, where every message
 * waits for a turn on the processor, by one way each. */
static void svds(int way) {
    for (int kind = 0; kind < KINDS; kind++)
        for (int shape = 0; shape < COUNT; shape++) {
            if (ranks > 1 && (kind + shape) % WAYS != way) continue;
            member_t m = member(kind, shape);
            int64_t side = m.rows < m.cols ? m.rows : m.cols;
            one_svd(&m, way, side, (kind + shape) % 4 == 3);
            if (side > 2 && shape % 3 == way) one_svd(&m, way, side / 2, kind % 2 == 1);
        }
}

static void by_gram(void) {
    svds(GRAM);
}

static void by_krylov(void) {
    svds(DENSE);
}

static void by_sparse(void) {
    svds(SPARSE_WAY);
}

/* QR factors ----------------------------------------------------------------------------------- */

/* Length of column j of A, and of A - Q R, both over that of the largest entry of the column. */
static double column_missing(const member_t *m, const double *q, const double *r, int64_t j,
                             double *length) {
    double largest = 0, square = 0, rest = 0;
    for (int64_t i = 0; i < m->rows; i++)
        largest = fmax(largest, fabs(number_of(m, i, j)));
    int power = power_of(largest);
    for (int64_t i = 0; i < m->rows; i++) {
        double a = ldexp(number_of(m, i, j), -power), off = a;
        for (int64_t l = 0; l <= j; l++)
            off -= q[i * m->cols + l] * ldexp(r[l * m->cols + j], -power);
        square += a * a;
        rest += off * off;
    }
    *length = ldexp(sqrt(square), power);
    return sqrt(rest) / (square > 0 ? sqrt(square) : 1) -
           (largest > 0 ? ldexp((double)m->cols, -1074 - power) : 0);
}

static void check_factors(const char *name, const member_t *m, trn_tall_t q, const double *r) {
    double *all = tall_whole(q), length;
    EXPECT(tall_skew(q) < 5e-14);
    for (int64_t j = 0; j < m->cols; j++) {
        EXPECT(r[j * m->cols + j] >= 0);
        for (int64_t i = j + 1; i < m->cols; i++)
            EXPECT(r[i * m->cols + j] == 0);
        EXPECT(column_missing(m, all, r, j, &length) < 2e-14);
    }
    free(all);
}

static bool too_long(const member_t *m) {
    double *zeros = calloc((size_t)(m->rows * m->cols + m->cols * m->cols), sizeof *zeros), length;
    bool found = false;
    for (int64_t j = 0; j < m->cols; j++) {
        column_missing(m, zeros, zeros + m->rows * m->cols, j, &length);
        found = found || isinf(length);
    }
    free(zeros);
    return found;
}

static void one_qr(const member_t *m) {
    const char *name = name_of(m, "qr");
    trn_tall_t together = build(comm, m), alone = build(MPI_COMM_SELF, m);
    size_t bytes = sizeof(double) * (size_t)(m->cols * m->cols);
    double *r = malloc(bytes), *s = malloc(bytes);
    trn_status_t status = trn_qr(together, r, NULL);
    if (too_long(m)) {
        EXPECT(status == TRN_NUMERIC && strstr(trn_message(), "too large"));
    } else {
        if (!harness_check(status == TRN_OK, __FILE__, __LINE__, name) && rank == 0)
            printf("# %s: %s\n", name, trn_message());
        EXPECT(trn_qr(alone, s, NULL) == TRN_OK);
        if (harness_well()) {
            check_factors(name, m, together, r);
            EXPECT(memcmp(r, s, bytes) == 0 && same_numbers(together, alone));
        }
    }
    free(r), free(s);
    trn_tall_free(&together), trn_tall_free(&alone);
}

static void factors(void) {
    for (int kind = 0; kind < KINDS; kind++)
        for (int shape = 0; shape < COUNT; shape++) {
            member_t m = member(kind, shape);
            if (m.rows >= m.cols) one_qr(&m);
        }
}

/* Eigenvectors --------------------------------------------------------------------------------- */

/* The symmetric part of a square member, exactly symmetric. */
static trn_tall_t build_symmetric(MPI_Comm on, const member_t *m) {
    trn_tall_t a = build(on, m);
    int place;
    MPI_Comm_rank(on, &place);
    int64_t first = trn_tall_start(on, m->rows, place);
    for (int64_t i = 0; i < a.block.rows; i++)
        for (int64_t j = 0; j < m->cols; j++)
            if (j < first + i) tall_row(a, i)[j] = number_of(m, j, first + i);
    return a;
}

/* |A x - w x| for every vector, times 2^-power, and the largest |w|. */
static double vectors_missing(const member_t *m, int power, const double *values,
                              const double *vectors, double *norm) {
    double worst = 0;
    int64_t n = m->rows;
    *norm = 0;
    for (int64_t k = 0; k < n; k++) {
        double square = 0, value = ldexp(values[k], -power);
        *norm = fmax(*norm, fabs(value));
        for (int64_t i = 0; i < n; i++) {
            double rest = -value * vectors[i * n + k];
            for (int64_t j = 0; j < n; j++)
                rest += ldexp(i <= j ? number_of(m, i, j) : number_of(m, j, i), -power) *
                        vectors[j * n + k];
            square += rest * rest;
        }
        worst = fmax(worst, sqrt(square));
    }
    return worst;
}

static void one_eig(const member_t *m) {
    const char *name = name_of(m, "eig");
    trn_tall_t together = build_symmetric(comm, m), alone = build_symmetric(MPI_COMM_SELF, m);
    trn_eig_method_t method = TRN_EIG_LOCAL;
    double values[32], again[32], largest = 0, norm;
    for (int64_t e = 0; e < m->rows * m->cols; e++)
        if (e % m->cols >= e / m->cols)
            largest = fmax(largest, fabs(number_of(m, e / m->cols, e % m->cols)));
    CHECK_OK(trn_eig_check(together, 1e-12, "A"));
    trn_status_t status = trn_eig(together, values, &method);
    if (status == TRN_NUMERIC && strstr(trn_message(), "too large")) {
        EXPECT(largest > ldexp(1, 1019));
    } else {
        if (!harness_check(status == TRN_OK, __FILE__, __LINE__, name) && rank == 0)
            printf("# %s: %s\n", name, trn_message());
        CHECK_OK(trn_eig_check(alone, 1e-12, "A"));
        EXPECT(trn_eig(alone, again, &method) == TRN_OK);
        if (harness_well()) {
            int power = power_of(largest);
            double *vectors = tall_whole(together);
            EXPECT(tall_skew(together) < 5e-14);
            double off = vectors_missing(m, power, values, vectors, &norm);
            EXPECT(off <= 5e-14 * norm + ldexp(8, -1074 - power));
            EXPECT(memcmp(values, again, sizeof(double) * (size_t)m->rows) == 0);
            EXPECT(same_numbers(together, alone));
            free(vectors);
        }
    }
    trn_tall_free(&together), trn_tall_free(&alone);
}

static void eigenvectors(void) {
    for (int kind = 0; kind < KINDS; kind++)
        for (int shape = 0; shape < COUNT; shape++) {
            member_t m = member(kind, shape);
            if (m.rows == m.cols) one_eig(&m);
        }
}

HARNESS_MAIN({"singular values by Gram", by_gram}, {"by Krylov", by_krylov},
             {"of sparse matrices", by_sparse}, {"factors", factors},
             {"eigenvectors", eigenvectors})
