/* Eigenvectors of symmetric matrices: known spectra, residuals, and what is refused. */
#include "algo/matrix/spectral/eig.h"

#include "mpi/agree.h"
#include "mpi/dense/scalapack.h"
#include "tall_sample.h"

/* Q diag(values) Q^T with a random orthogonal Q. */
static trn_tall_t symmetric(MPI_Comm on, int64_t n, const double *values) {
    trn_tall_t a = tall_random(on, n, n, 1), q = tall_random(on, n, n, 2);
    CHECK_OK(trn_tall_orthonormalize(trn_tall_cols(q, 0, 0), q));
    double *all = tall_whole(q), *scaled = malloc(sizeof *scaled * (size_t)(n * n));
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            scaled[i * n + j] = values[i] * all[j * n + i];
    trn_tall_multiply(1, q, scaled, n, 0, a);
    CHECK_OK(trn_eig_check(a, 1e-12, "A"));
    free(all), free(scaled);
    trn_tall_free(&q);
    return a;
}

static void solve(int64_t n, const double *values, trn_eig_method_t method) {
    trn_tall_t a = symmetric(comm, n, values), before = tall_random(comm, n, n, 3),
               image = tall_random(comm, n, n, 3);
    double *found = malloc(sizeof *found * (size_t)n), size = 0;
    for (int64_t i = 0; i < a.block.rows; i++)
        memcpy(tall_row(before, i), tall_row(a, i), sizeof(double) * (size_t)n);
    CHECK_OK(trn_eig(a, found, &method));
    if (harness_well()) {
        double *vectors = tall_whole(a);
        for (int64_t i = 0; i < n; i++)
            size = fmax(size, fabs(values[i]));
        for (int64_t i = 0; i < n; i++)
            CHECK(fabs(found[i] - values[i]) <= 1e-13 * size);
        CHECK(tall_skew(a) < 1e-13);
        trn_tall_multiply(1, before, vectors, n, 0, image);
        double worst = 0;
        for (int64_t i = 0; i < a.block.rows; i++)
            for (int64_t j = 0; j < n; j++)
                worst = fmax(worst, fabs(tall_row(image, i)[j] - found[j] * tall_row(a, i)[j]));
        CHECK(worst <= 1e-13 * size);
        for (int64_t j = 0; j < n; j++) {
            double best = 0;
            for (int64_t i = 0; i < n; i++)
                if (fabs(vectors[i * n + j]) > fabs(best)) best = vectors[i * n + j];
            CHECK(best > 0);
        }
        free(vectors);
    }
    free(found);
    trn_tall_free(&a), trn_tall_free(&before), trn_tall_free(&image);
}

static void spectra(trn_eig_method_t method) {
    double rising[130], equal[130], one[1] = {-4}, zero[60] = {0};
    for (int i = 0; i < 130; i++) {
        rising[i] = i * i / 50.0 - 40;
        equal[i] = i < 60 ? -1 : 2;
    }
    solve(130, rising, method);
    solve(130, equal, method);
    solve(60, zero, method);
    solve(1, one, method);
}

static void local(void) {
    spectra(TRN_EIG_LOCAL);
    spectra(TRN_EIG_AUTO);
}

static void scalapack(void) {
    double value = 1;
    trn_eig_method_t method = TRN_EIG_SCALAPACK;
    trn_tall_t a = tall_random(comm, 1, 1, 1);
    if (trn_scalapack_present())
        spectra(method);
    else
        CHECK_EQUAL(trn_eig(a, &value, &method), TRN_USAGE);
    trn_tall_free(&a);
}

static void refuses(void) {
    trn_tall_t a = tall_random(comm, 700, 700, 1), oblong = tall_random(comm, 4, 3, 1);
    int64_t first = trn_tall_start(comm, 700, rank);
    for (int64_t i = 0; i < a.block.rows; i++)
        for (int64_t j = 0; j < 700; j++)
            tall_row(a, i)[j] = (double)((first + i) * j);
    CHECK_OK(trn_eig_check(a, 1e-12, "A"));
    if (first <= 600 && 600 < first + a.block.rows) tall_row(a, 600 - first)[5] += 1;
    CHECK_EQUAL(trn_eig_check(a, 1e-12, "A"), TRN_INPUT);
    CHECK(strstr(trn_message(), "(6, 601)") != NULL);
    if (first <= 2 && 2 < first + a.block.rows) tall_row(a, 2 - first)[5] = NAN;
    CHECK_EQUAL(trn_eig_check(a, 1e-12, "A"), TRN_NUMERIC);
    CHECK(strstr(trn_message(), "(3, 6)") != NULL);
    CHECK_EQUAL(trn_eig_check(oblong, 1e-12, "A"), TRN_USAGE);
    trn_tall_free(&a), trn_tall_free(&oblong);
}

static void same_bits(void) {
    enum { N = 90 };
    double values[N], here[N], there[N];
    trn_eig_method_t method = TRN_EIG_AUTO;
    for (int i = 0; i < N; i++)
        values[i] = i;
    trn_tall_t a = symmetric(comm, N, values), b = symmetric(MPI_COMM_SELF, N, values);
    CHECK_OK(trn_eig(a, here, &method));
    CHECK_OK(trn_eig(b, there, &method));
    double *vectors = tall_whole(a);
    CHECK(memcmp(here, there, sizeof here) == 0);
    CHECK(memcmp(vectors, b.block.data, sizeof(double[N][N])) == 0);
    free(vectors);
    trn_tall_free(&a), trn_tall_free(&b);
}

static trn_status_t injected(void *argument) {
    trn_eig_method_t method = *(trn_eig_method_t *)argument;
    double values[5];
    trn_tall_t a = {0};
    trn_status_t status = trn_agree(comm, trn_tall_create(&a, comm, 5, 5));
    if (status == TRN_OK) status = trn_eig_check(a, 0, "A");
    if (status == TRN_OK) status = trn_eig(a, values, &method);
    trn_tall_free(&a);
    return status;
}

static void memory_fails(void) {
    harness_inject(injected, &(trn_eig_method_t){TRN_EIG_LOCAL});
    if (trn_scalapack_present()) harness_inject(injected, &(trn_eig_method_t){TRN_EIG_SCALAPACK});
}

HARNESS_MAIN({"on one rank", local}, {"by ScaLAPACK", scalapack}, {"refuses", refuses},
             {"same bits", same_bits}, {"memory failing", memory_fails})
