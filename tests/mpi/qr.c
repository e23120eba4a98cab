/* A = Q R: orthonormal, triangular, and A again; for easy, hard and hopeless matrices. */
#include "algo/matrix/spectral/qr.h"

#include "mpi/agree.h"
#include "tall_sample.h"

/* Factor a copy of `a` and look at everything; the way must be as told. */
static void factor(trn_tall_t a, trn_qr_way_t expected) {
    int64_t n = a.block.cols;
    trn_qr_way_t way;
    trn_tall_t q = tall_random(a.comm, a.rows, n, 1), back = tall_random(a.comm, a.rows, n, 1);
    double *r = malloc(sizeof *r * (size_t)(n * n + 1)), size = 0;
    for (int64_t i = 0; i < a.block.rows; i++)
        memcpy(tall_row(q, i), tall_row(a, i), sizeof(double) * (size_t)n);
    CHECK_OK(trn_qr(q, r, &way));
    if (harness_well()) {
        CHECK_EQUAL(way, expected);
        CHECK(tall_skew(q) < 1e-13);
        for (int64_t i = 0; i < n; i++) {
            CHECK(r[i * n + i] >= 0);
            for (int64_t j = 0; j < n; j++) {
                CHECK(j >= i || r[i * n + j] == 0);
                size = fmax(size, fabs(r[i * n + j]));
            }
        }
        trn_tall_multiply(1, q, r, n, 0, back);
        CHECK(tall_apart(a, back) < 1e-13 * size + 1e-300);
    }
    free(r);
    trn_tall_free(&q), trn_tall_free(&back);
}

static void easy(void) {
    static const int64_t sizes[][2] = {{1, 1},     {5, 5},     {600, 1},
                                       {700, 300}, {3000, 40}, {512, 512}};
    for (int i = 0; i < 6; i++) {
        trn_tall_t a = tall_random(comm, sizes[i][0], sizes[i][1], 2);
        factor(a, TRN_QR_CHOLESKY);
        trn_tall_free(&a);
    }
}

/* Condition 1e3, 1e10, 1e15; rank 7 of 30; zero. */
static void hard(void) {
    double values[30];
    static const double condition[] = {1e3, 1e10, 1e15};
    for (int c = 0; c < 3; c++) {
        for (int i = 0; i < 30; i++)
            values[i] = pow(condition[c], -i / 29.0);
        trn_tall_t a = tall_spectrum(comm, 2000, 30, 30, values);
        factor(a, c == 0 ? TRN_QR_CHOLESKY : TRN_QR_BASIS);
        trn_tall_free(&a);
    }
    trn_tall_t a = tall_spectrum(comm, 1100, 30, 7, values);
    factor(a, TRN_QR_BASIS);
    for (int64_t i = 0; i < a.block.rows; i++)
        memset(tall_row(a, i), 0, sizeof(double) * 30);
    factor(a, TRN_QR_BASIS);
    trn_tall_free(&a);
}

/* Columns that are equal, and columns that are zero. */
static void copies(void) {
    trn_tall_t a = tall_random(comm, 900, 12, 3);
    for (int64_t i = 0; i < a.block.rows; i++) {
        tall_row(a, i)[4] = tall_row(a, i)[0];
        tall_row(a, i)[7] = 0;
        tall_row(a, i)[11] = tall_row(a, i)[1] - tall_row(a, i)[2];
    }
    factor(a, TRN_QR_BASIS);
    trn_tall_free(&a);
}

static void refuses(void) {
    double r[36];
    trn_tall_t wide = tall_random(comm, 5, 6, 1), bad = tall_random(comm, 40, 6, 1);
    CHECK_EQUAL(trn_qr(wide, r, NULL), TRN_USAGE);
    for (int64_t i = 0; i < bad.block.rows; i++)
        tall_row(bad, i)[3] = INFINITY;
    CHECK_EQUAL(trn_qr(bad, r, NULL), TRN_NUMERIC);
    trn_tall_free(&wide), trn_tall_free(&bad);
}

static void same_bits(void) {
    enum { N = 25 };
    double r[N * N], s[N * N];
    for (int deficient = 0; deficient < 2; deficient++) {
        trn_tall_t a = tall_random(comm, 2600, N, 4), b = tall_random(MPI_COMM_SELF, 2600, N, 4);
        for (int64_t i = 0; i < a.block.rows && deficient; i++)
            tall_row(a, i)[3] = tall_row(a, i)[9];
        for (int64_t i = 0; i < b.block.rows && deficient; i++)
            tall_row(b, i)[3] = tall_row(b, i)[9];
        CHECK_OK(trn_qr(a, r, NULL));
        CHECK_OK(trn_qr(b, s, NULL));
        double *q = tall_whole(a);
        CHECK(memcmp(r, s, sizeof r) == 0);
        CHECK(memcmp(q, b.block.data, sizeof(double[2600][N])) == 0);
        free(q);
        trn_tall_free(&a), trn_tall_free(&b);
    }
}

static trn_status_t injected(void *argument) {
    double r[9];
    bool deficient = *(bool *)argument;
    trn_tall_t a = {0};
    trn_status_t status = trn_agree(comm, trn_tall_create(&a, comm, 700, 3));
    if (status == TRN_OK) {
        if (!deficient) trn_tall_random(a, 1);
        status = trn_qr(a, r, NULL);
    }
    trn_tall_free(&a);
    return status;
}

static void memory_fails(void) {
    harness_inject(injected, &(bool){false});
    harness_inject(injected, &(bool){true});
}

HARNESS_MAIN({"easy", easy}, {"hard", hard}, {"copies", copies}, {"refuses", refuses},
             {"same bits", same_bits}, {"memory failing", memory_fails})
