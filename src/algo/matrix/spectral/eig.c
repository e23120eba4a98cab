/* eig.c: is a matrix symmetric, and its eigenvectors: by LAPACK on rank 0, or by ScaLAPACK on the
 * squarest grid of ranks. */
#include "algo/matrix/spectral/eig.h"

#include "algo/matrix/scale.h"
#include "base/mem.h"
#include "kern/dense/blas.h"
#include "kern/dense/lapack.h"
#include "mpi/agree.h"
#include "mpi/dense/redist.h"
#include "mpi/dense/scalapack.h"

#include <math.h>
#include <string.h>

/* Symmetry ------------------------------------------------------------------------------------- */

/* A row of this rank's band. */
static double *row_of(trn_tall_t a, int64_t i) {
    return (double *)a.block.data + i * a.block.stride;
}

/* What differs by no more than `most` is made equal: the mean of both. */
static trn_status_t compare(trn_tall_t a, trn_tall_t transposed, int64_t first, double most,
                            const char *name) {
    for (int64_t i = 0; i < a.block.rows; i++)
        for (int64_t j = 0; j < a.block.cols; j++) {
            double *here = row_of(a, i) + j, there = row_of(transposed, i)[j];
            if (*here == there) continue; /* half a denormal number is rounded */
            if (fabs(*here - there) > most)
                return trn_fail(TRN_INPUT,
                                "%s: not symmetric: entry (%lld, %lld) is %.17g, but (%lld, %lld) "
                                "is %.17g; svd takes any matrix",
                                name, (long long)(first + i + 1), (long long)(j + 1), *here,
                                (long long)(j + 1), (long long)(first + i + 1), there);
            *here = 0.5 * *here + 0.5 * there;
        }
    return TRN_OK;
}

/* The tolerance is relative to the largest number of all ranks. */
trn_status_t trn_eig_check(trn_tall_t a, double tolerance, const char *name) {
    if (a.rows != a.block.cols)
        return trn_fail(TRN_USAGE, "%s: %lld x %lld is not square; svd takes any matrix", name,
                        (long long)a.rows, (long long)a.block.cols);
    int rank;
    double size;
    trn_tall_t transposed;
    MPI_Comm_rank(a.comm, &rank);
    int64_t first = trn_tall_start(a.comm, a.rows, rank);
    TRN_AGREE(a.comm, trn_largest(a.block, first, name, &size));
    MPI_Allreduce(MPI_IN_PLACE, &size, 1, MPI_DOUBLE, MPI_MAX, a.comm);
    TRN_TRY(trn_tall_transpose(&transposed, a));
    trn_status_t status = trn_agree(a.comm, compare(a, transposed, first, tolerance * size, name));
    trn_tall_free(&transposed);
    return status;
}

/* Plan the way from `bands` to `to` and that from `from` to `bands`, which use the same memory, for
 * one is over when the other begins. Collective. */
static trn_status_t plan_moves(MPI_Comm comm, const trn_dist_t *bands, const trn_dist_t *to,
                               const trn_dist_t *from, trn_redist_t **bring, trn_redist_t **take,
                               void **lent) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    int64_t there = trn_redist_bytes(TRN_MATRIX_F64, bands, to, rank);
    int64_t back = trn_redist_bytes(TRN_MATRIX_F64, from, bands, rank);
    TRN_AGREE(comm, trn_alloc(lent, there > back ? there : back, 1, "messages of a relayout"));
    TRN_TRY(trn_redist_create_bare(bring, comm, TRN_MATRIX_F64, bands, to));
    TRN_TRY(trn_redist_create_bare(take, comm, TRN_MATRIX_F64, from, bands));
    trn_redist_lend(*bring, *lent);
    trn_redist_lend(*take, *lent);
    return TRN_OK;
}

/* Alone ---------------------------------------------------------------------------------------- */

/* The whole matrix on rank 0: its eigenvectors come back as rows and are transposed on the way
 * out. */
static trn_status_t alone(trn_tall_t a, double *values) {
    int64_t n = a.rows;
    int rank;
    MPI_Comm_rank(a.comm, &rank);
    trn_dist_t *bands = NULL, *whole = NULL;
    trn_redist_t *bring = NULL, *take = NULL;
    trn_view_t all = {TRN_MATRIX_F64, rank == 0 ? n : 0, rank == 0 ? n : 0, rank == 0 ? n : 0,
                      NULL};
    double *work = NULL;
    void *lent = NULL;
    trn_status_t status = trn_tall_dist(&bands, a.comm, n, n);
    if (status == TRN_OK) status = trn_dist_create(&whole, n, n, 1, 1);
    if (status == TRN_OK)
        status = trn_alloc(&all.data, all.rows * all.cols, sizeof(double), "a whole matrix");
    if (status == TRN_OK && rank == 0)
        status = trn_alloc(&work, trn_lapack_eig_work(n), sizeof *work, "work of DSYEVD");
    TRN_OR(done, trn_agree(a.comm, status));
    TRN_OR(done, plan_moves(a.comm, bands, whole, whole, &bring, &take, &lent));
    trn_redist_run(bring, a.block, all);
    if (rank == 0 && !trn_lapack_eig(n, all.data, values, work))
        status = trn_fail(TRN_NUMERIC, "an eigenvalue did not converge");
    TRN_OR(done, trn_agree(a.comm, status));
    trn_view_t transposed = {TRN_MATRIX_F64, all.rows, all.cols, all.stride, work};
    trn_view_transpose(all, transposed); /* the work space holds 2 n^2 numbers */
    trn_redist_run(take, transposed, a.block);
    MPI_Bcast(values, (int)n, MPI_DOUBLE, 0, a.comm);
done:
    trn_redist_destroy(&bring);
    trn_redist_destroy(&take);
    trn_dist_destroy(&bands);
    trn_dist_destroy(&whole);
    trn_free(&all.data);
    trn_free(&work);
    trn_free(&lent);
    return status;
}

/* Together ------------------------------------------------------------------------------------- */

/* The squarest grid of at most `ranks` ranks that leaves few aside: PDSYEVD is slow on long ones.
 */
static trn_scalapack_grid_t choose_grid(int ranks) {
    enum { BLOCK = 64 };
    trn_scalapack_grid_t grid = {BLOCK, 1, 1};
    while ((grid.rows + 1) * (grid.rows + 1) <= ranks)
        grid.rows++;
    grid.cols = ranks / grid.rows;
    return grid;
}

/* A matrix dealt in blocks, its eigenvectors as rows likewise, and these as columns. */
typedef struct dealt {
    trn_dist_t *bands, *cyclic, *transposed;
    trn_view_t a, rows, cols;
    trn_redist_t *bring, *take;
    void *lent; /* to both */
} dealt_t;

/* ScaLAPACK's layout and the memory in it. `a` is destroyed by PDSYEVD, so the transposed vectors
 * may take its place. */
static trn_status_t deal(dealt_t *dealt, MPI_Comm comm, int64_t n, trn_scalapack_grid_t grid) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    TRN_TRY(trn_tall_dist(&dealt->bands, comm, n, n));
    TRN_TRY(
        trn_dist_create_cyclic(&dealt->cyclic, n, n, grid.block, grid.block, grid.rows, grid.cols));
    TRN_TRY(trn_dist_transpose(&dealt->transposed, dealt->cyclic));
    int64_t rows = trn_dist_local_rows(dealt->cyclic, rank),
            cols = trn_dist_local_cols(dealt->cyclic, rank);
    dealt->a = dealt->rows = (trn_view_t){TRN_MATRIX_F64, rows, cols, cols, NULL};
    dealt->cols = (trn_view_t){TRN_MATRIX_F64, cols, rows, rows, NULL};
    TRN_TRY(trn_alloc(&dealt->a.data, rows * cols, sizeof(double), "a dealt matrix"));
    TRN_TRY(trn_alloc(&dealt->rows.data, rows * cols, sizeof(double), "dealt eigenvectors"));
    dealt->cols.data = dealt->a.data; /* destroyed by then */
    return TRN_OK;
}

static void deal_back(dealt_t *dealt) {
    trn_redist_destroy(&dealt->bring);
    trn_redist_destroy(&dealt->take);
    trn_dist_destroy(&dealt->bands);
    trn_dist_destroy(&dealt->cyclic);
    trn_dist_destroy(&dealt->transposed);
    trn_free(&dealt->a.data);
    trn_free(&dealt->rows.data);
    trn_free(&dealt->lent);
}

/* PDSYEVD on the grid; ranks beyond it hold nothing and take part in the relayouts. */
static trn_status_t together(trn_tall_t a, double *values) {
    int ranks;
    MPI_Comm_size(a.comm, &ranks);
    trn_scalapack_grid_t grid = choose_grid(ranks);
    dealt_t dealt = {0};
    trn_status_t status = trn_agree(a.comm, deal(&dealt, a.comm, a.rows, grid));
    TRN_OR(done, status);
    TRN_OR(done, plan_moves(a.comm, dealt.bands, dealt.cyclic, dealt.transposed, &dealt.bring,
                            &dealt.take, &dealt.lent));
    trn_redist_run(dealt.bring, a.block, dealt.a);
    TRN_OR(done, trn_scalapack_eig(a.comm, a.rows, dealt.a, values, dealt.rows, grid));
    trn_view_transpose(dealt.rows, dealt.cols);
    trn_redist_run(dealt.take, dealt.cols, a.block);
done:
    deal_back(&dealt);
    return status;
}

/* LAPACK scales what has no squares in float64, ScaLAPACK does not. Collective. */
static trn_status_t scale(trn_tall_t a, int *exponent) {
    int rank;
    double largest;
    MPI_Comm_rank(a.comm, &rank);
    TRN_AGREE(a.comm,
              trn_largest(a.block, trn_tall_start(a.comm, a.rows, rank), "the matrix", &largest));
    MPI_Allreduce(MPI_IN_PLACE, &largest, 1, MPI_DOUBLE, MPI_MAX, a.comm);
    *exponent = trn_scale_exponent(largest);
    trn_scale_view(a.block, -*exponent);
    return TRN_OK;
}

trn_eig_method_t trn_eig_choose(trn_eig_method_t asked, int64_t n) {
    if (asked != TRN_EIG_AUTO) return asked;
    return n > TRN_EIG_ALONE && trn_scalapack_present() ? TRN_EIG_SCALAPACK : TRN_EIG_LOCAL;
}

/* Signs are fixed last, so that both methods give the same vectors up to rounding. */
trn_status_t trn_eig(trn_tall_t a, double *values, trn_eig_method_t *method) {
    *method = trn_eig_choose(*method, a.rows);
    if (*method == TRN_EIG_LOCAL && a.rows > TRN_EIG_LOCAL_MOST)
        return trn_fail(TRN_USAGE,
                        "eigenvectors of %lld rows on one rank: at most %d; use ScaLAPACK",
                        (long long)a.rows, (int)TRN_EIG_LOCAL_MOST);
    int exponent;
    TRN_TRY(scale(a, &exponent));
    TRN_TRY(*method == TRN_EIG_LOCAL ? alone(a, values) : together(a, values));
    trn_tall_fix_signs(a, trn_tall_cols(a, 0, 0));
    return trn_scale_back(values, a.rows, exponent, "an eigenvalue"); /* the same on every rank */
}

/* As alone() takes memory, in its order. */
static void alone_plan(trn_ledger_t *ledger, int64_t n, int ranks, int rank) {
    trn_ledger_t before = *ledger;
    if (rank == 0) {
        trn_ledger_take(ledger, "work", n * n + trn_lapack_eig_work(n), sizeof(double));
        trn_ledger_take(ledger, "libraries", trn_blas_bytes(sizeof(double), n, n), 1);
    }
    if (ranks > 1) trn_ledger_take(ledger, "moving", 4, TRN_REDIST_MESSAGE);
    trn_ledger_take(ledger, "moving", 4 * (int64_t)ranks, TRN_REDIST_PART);
    trn_ledger_back(ledger, &before);
}

/* As together() does. */
static void together_plan(trn_ledger_t *ledger, int64_t n, int ranks, int rank) {
    trn_scalapack_grid_t grid = choose_grid(ranks);
    int64_t parts = 4 * (n / grid.block + ranks);
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "work", 2 * trn_scalapack_share(n, grid, rank), sizeof(double));
    trn_ledger_take(ledger, "work", trn_scalapack_eig_bytes(n, grid, rank), 1);
    if (ranks > 1) trn_ledger_take(ledger, "moving", 4, TRN_REDIST_MESSAGE);
    trn_ledger_take(ledger, "moving", parts, TRN_REDIST_PART);
    trn_ledger_back(ledger, &before);
}

void trn_eig_plan(trn_ledger_t *ledger, trn_eig_method_t method, int64_t n, int ranks, int rank) {
    trn_ledger_t before = *ledger;
    trn_tall_transpose_plan(ledger, n, n, ranks, rank);
    trn_ledger_back(ledger, &before);
    if (method == TRN_EIG_LOCAL)
        alone_plan(ledger, n, ranks, rank);
    else
        together_plan(ledger, n, ranks, rank);
}
