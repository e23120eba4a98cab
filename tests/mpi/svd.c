/* Singular triplets of matrices whose spectrum is known, by both methods. */
#include "algo/matrix/spectral/svd.h"

#include "mpi/agree.h"
#include "tall_sample.h"

static const trn_svd_stop_t STOP = {1e-10, 500};

/* A sparse block of this rank's rows that holds every number of `a` but zeros. */
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

enum { GRAM, DENSE, SPARSE, WAYS };

static trn_status_t decompose(int way, trn_tall_t a, int64_t k, bool center, trn_svd_t *svd) {
    if (way == GRAM && !center) return trn_svd_gram(svd, a, k);
    trn_operator_t *op = NULL;
    trn_sparse_t *sparse = way == SPARSE ? sparse_of(a) : NULL;
    trn_status_t status = sparse ? trn_operator_sparse(&op, a.comm, a.rows, a.block.cols, sparse)
                                 : trn_agree(a.comm, trn_operator_dense(&op, a));
    if (status == TRN_OK && center) status = trn_operator_center(op);
    if (status == TRN_OK) status = trn_svd_krylov(svd, op, k, STOP);
    trn_operator_destroy(&op);
    trn_sparse_destroy(&sparse);
    return status;
}

/* A - U S V^T, largest entry. */
static double missing(trn_tall_t a, const trn_svd_t *svd) {
    int64_t k = svd->rank, cols = a.block.cols;
    trn_tall_t rest = tall_random(a.comm, a.rows, cols, 9);
    double *v = tall_whole(svd->v), *small = malloc(sizeof(double) * (size_t)(k * cols));
    for (int64_t j = 0; j < k; j++)
        for (int64_t i = 0; i < cols; i++)
            small[j * cols + i] = svd->values[j] * v[i * k + j];
    trn_tall_multiply(1, svd->u, small, cols, 0, rest);
    double apart = tall_apart(rest, a);
    free(v), free(small);
    trn_tall_free(&rest);
    return apart;
}

static void check_signs(trn_tall_t v) {
    double *all = tall_whole(v);
    for (int64_t j = 0; j < v.block.cols; j++) {
        double best = 0;
        for (int64_t i = 0; i < v.rows; i++)
            if (fabs(all[i * v.block.cols + j]) > fabs(best)) best = all[i * v.block.cols + j];
        CHECK(best > 0);
    }
    free(all);
}

/* `there` values in a rows x cols matrix, of which the first k are wanted. */
static void known(int way, int64_t rows, int64_t cols, int64_t there, const double *values,
                  int64_t k) {
    trn_svd_t svd;
    trn_tall_t a = tall_spectrum(comm, rows, cols, there, values);
    CHECK_OK(decompose(way, a, k, false, &svd));
    if (harness_well()) {
        double top = values[0] > 0 ? values[0] : 1, tolerance = way == GRAM ? 2e-8 : 1e-12;
        CHECK_EQUAL(svd.rank, k);
        for (int64_t i = 0; i < k; i++) {
            double value = i < there ? values[i] : 0;
            CHECK(fabs(svd.values[i] - value) < (value > 1e-3 * top ? 1e-12 : tolerance) * top);
        }
        CHECK(tall_skew(svd.u) < 1e-13 && tall_skew(svd.v) < 1e-13);
        CHECK(svd.residual < (way == GRAM ? 1e-7 : 1e-9));
        if (k >= there) CHECK(missing(a, &svd) < tolerance * top);
        check_signs(svd.v);
    }
    trn_svd_free(&svd);
    trn_tall_free(&a);
}

static void spectra(void) {
    double falling[40], flat[40], gone[40], many[40];
    for (int i = 0; i < 40; i++) {
        falling[i] = pow(0.5, i);
        flat[i] = 1 - 0.001 * i;
        gone[i] = i < 5 ? 7 - i : 0;
        many[i] = i < 9 ? 3 : 1 - 0.01 * i;
    }
    for (int way = 0; way < WAYS; way++) {
        known(way, 1300, 60, 40, falling, 20);
        known(way, 1300, 60, 40, flat, 12);
        known(way, 1300, 60, 40, flat, 60);
        known(way, 1300, 60, 40, gone, 8);   /* rank-deficient */
        known(way, 1300, 600, 40, many, 10); /* nine equal ones: more than a block of ten wanted */
        known(way, 70, 1200, 40, flat, 10);
        known(way, 50, 50, 40, falling, 50);
    }
}

static void edges(void) {
    double zero[1] = {0}, one[1] = {3};
    for (int way = 0; way < WAYS; way++) {
        known(way, 1, 1, 1, one, 1);
        known(way, 1, 1, 1, zero, 1);
        known(way, 600, 7, 1, zero, 3);
        known(way, 3, 600, 1, one, 3);
        trn_svd_t svd;
        trn_tall_t a = tall_random(comm, 20, 10, 4);
        CHECK_EQUAL(decompose(way, a, 11, false, &svd), TRN_USAGE);
        CHECK_EQUAL(decompose(way, a, 0, false, &svd), TRN_USAGE);
        if (rank == ranks - 1 || a.block.rows == 20)
            for (int64_t i = 0; i < a.block.rows; i++)
                tall_row(a, i)[0] = NAN;
        CHECK_EQUAL(decompose(way, a, 2, false, &svd), TRN_NUMERIC);
        trn_tall_free(&a);
    }
}

/* Twelve threes among others, well apart, and much that is small. */
static double repeated_value(int64_t i) {
    if (i % 100 == 0 && i < 1200) return 3;
    return i % 100 == 50 ? 2 - 0.001 * (double)i : 1e-6 * (double)i;
}

/* A block of the basis has four columns and so meets four of the threes: the others must not be
 * missed. */
static void repeated(void) {
    enum { N = 1500, EQUAL = 12 };
    trn_svd_t svd;
    trn_operator_t *op;
    trn_sparse_t *sparse;
    static trn_triplet_t entries[N];
    int64_t first = trn_tall_start(comm, N, rank), end = trn_tall_start(comm, N, rank + 1);
    for (int64_t i = first; i < end; i++)
        entries[i - first] = (trn_triplet_t){i, i, repeated_value(i)};
    CHECK_OK(trn_sparse_create(&sparse, TRN_SPARSE_F64, (trn_extent_t){first, end - first, 0, N},
                               end - first, entries));
    CHECK_OK(trn_operator_sparse(&op, comm, N, N, sparse));
    CHECK_OK(trn_svd_krylov(&svd, op, EQUAL, STOP));
    if (harness_well())
        for (int i = 0; i < EQUAL; i++)
            CHECK(fabs(svd.values[i] - 3) < 1e-12);
    trn_svd_free(&svd);
    trn_operator_destroy(&op);
    trn_sparse_destroy(&sparse);
}

/* Taking the means off in the operator is what taking them off the numbers is. */
static void centered(void) {
    for (int way = DENSE; way < WAYS; way++)
        for (int wide = 0; wide < 2; wide++) {
            int64_t rows = wide ? 30 : 1100, cols = wide ? 1100 : 30, k = 5;
            trn_tall_t a = tall_random(comm, rows, cols, 5);
            for (int64_t i = 0; i < a.block.rows; i++)
                for (int64_t j = 0; j < cols; j++)
                    tall_row(a, i)[j] += (double)(j % 7);
            trn_svd_t implied, filled;
            double *mean = malloc(sizeof *mean * (size_t)cols);
            CHECK_OK(decompose(way, a, k, true, &implied));
            CHECK_OK(trn_tall_center(a, mean));
            CHECK_OK(trn_svd_gram(&filled, a, k));
            if (harness_well()) {
                for (int64_t i = 0; i < k; i++)
                    CHECK(fabs(implied.values[i] / filled.values[i] - 1) < 1e-12);
                CHECK(tall_apart(implied.v, filled.v) < 1e-7);
                CHECK(tall_apart(implied.u, filled.u) < 1e-7);
            }
            free(mean);
            trn_svd_free(&implied), trn_svd_free(&filled);
            trn_tall_free(&a);
        }
}

/* All ranks together have the bits that each has alone. */
static void same_bits(void) {
    for (int way = 0; way < WAYS; way++) {
        trn_svd_t together, alone;
        int64_t k = 9;
        trn_tall_t a = tall_random(comm, 3000, 90, 6), b = tall_random(MPI_COMM_SELF, 3000, 90, 6);
        CHECK_OK(decompose(way, a, k, false, &together));
        CHECK_OK(decompose(way, b, k, false, &alone));
        if (harness_well()) {
            double *u = tall_whole(together.u), *v = tall_whole(together.v);
            CHECK(memcmp(together.values, alone.values, sizeof(double) * (size_t)k) == 0);
            CHECK(memcmp(u, alone.u.block.data, sizeof(double) * (size_t)(k * 3000)) == 0);
            CHECK(memcmp(v, alone.v.block.data, sizeof(double) * (size_t)(k * 90)) == 0);
            CHECK(together.steps == alone.steps && together.residual == alone.residual);
            free(u), free(v);
        }
        trn_svd_free(&together), trn_svd_free(&alone);
        trn_tall_free(&a), trn_tall_free(&b);
    }
}

static void gives_up(void) {
    trn_svd_t svd;
    trn_operator_t *op;
    trn_tall_t a = tall_random(comm, 900, 300, 7);
    CHECK_OK(trn_operator_dense(&op, a));
    CHECK_EQUAL(trn_svd_krylov(&svd, op, 5, (trn_svd_stop_t){1e-10, 3}), TRN_NUMERIC);
    CHECK(strstr(trn_message(), "after 3 steps") != NULL);
    trn_operator_destroy(&op);
    trn_tall_free(&a);
}

typedef struct injection {
    int way;
    trn_tall_t a;
} injection_t;

static trn_status_t injected(void *argument) {
    const injection_t *injection = argument;
    trn_svd_t svd = {0};
    trn_status_t status = decompose(injection->way, injection->a, 2, false, &svd);
    trn_svd_free(&svd);
    return status;
}

static trn_status_t injected_sparse(void *argument) {
    const trn_tall_t *a = argument;
    trn_operator_t *op = NULL;
    trn_sparse_t *sparse = NULL; /* no rows on any rank need no entries */
    trn_svd_t svd = {0};
    int64_t first = trn_tall_start(comm, a->rows, rank);
    trn_triplet_t entry = {first, 0, 1};
    trn_status_t status =
        trn_agree(comm, trn_sparse_create(&sparse, TRN_SPARSE_F64,
                                          (trn_extent_t){first, a->block.rows, 0, a->block.cols},
                                          a->block.rows > 0, &entry));
    if (status == TRN_OK) status = trn_operator_sparse(&op, comm, a->rows, a->block.cols, sparse);
    if (status == TRN_OK) status = trn_operator_center(op);
    if (status == TRN_OK) status = trn_svd_krylov(&svd, op, 1, (trn_svd_stop_t){1, 1});
    trn_operator_destroy(&op);
    trn_sparse_destroy(&sparse);
    trn_svd_free(&svd);
    return status;
}

static void memory_fails(void) {
    trn_tall_t tall = tall_random(comm, 600, 3, 8), wide = tall_random(comm, 3, 600, 8);
    harness_inject(injected, &(injection_t){GRAM, wide});
    harness_inject(injected, &(injection_t){DENSE, tall});
    harness_inject(injected_sparse, &tall);
    trn_tall_free(&tall), trn_tall_free(&wide);
}

HARNESS_MAIN({"known spectra", spectra}, {"edges", edges}, {"repeated values", repeated},
             {"centered", centered}, {"same bits", same_bits}, {"gives up", gives_up},
             {"memory failing", memory_fails})
