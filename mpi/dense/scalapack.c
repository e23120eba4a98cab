/* scalapack.c: products and eigenvectors by ScaLAPACK, which counts in 32 bits, in columns, and in
 * grids of its own. Its matrices are our transposes: rows and columns change places on the way in,
 * so that nothing is copied. Without the library everything here says so. */
#include "mpi/dense/scalapack.h"

#include "base/mem.h"
#include "mpi/agree.h"

#include <limits.h>

#ifdef TRN_SCALAPACK

/* Fortran routines, and the C face of BLACS, which has no header of its own. Integers are 32 bits;
 * the lengths of character arguments, all 1, go last. */
int Csys2blacs_handle(MPI_Comm comm);
void Cfree_blacs_system_handle(int handle);
void Cblacs_gridinit(int *context, const char *order, int rows, int cols);
void Cblacs_gridexit(int context);
#define GEMM(name, real)                                                                           \
    void name(const char *ta, const char *tb, const int *m, const int *n, const int *k,            \
              const real *alpha, const real *a, const int *ia, const int *ja, const int *desc_a,   \
              const real *b, const int *ib, const int *jb, const int *desc_b, const real *beta,    \
              real *c, const int *ic, const int *jc, const int *desc_c, size_t, size_t)
GEMM(pdgemm_, double);
GEMM(psgemm_, float);
void pdsyevd_(const char *job, const char *triangle, const int *n, double *a, const int *ia,
              const int *ja, const int *desc_a, double *values, double *z, const int *iz,
              const int *jz, const int *desc_z, double *work, const int *lwork, int *iwork,
              const int *liwork, int *info, size_t, size_t);
void pdormtr_(const char *side, const char *triangle, const char *transposed, const int *m,
              const int *n, double *a, const int *ia, const int *ja, const int *desc_a,
              const double *tau, double *c, const int *ic, const int *jc, const int *desc_c,
              double *work, const int *lwork, int *info, size_t, size_t, size_t);

/* ScaLAPACK's own view of a grid: ours transposed, on a communicator without the ranks beyond
 * (BLACS would leak memory on those). */
typedef struct context {
    MPI_Comm comm; /* MPI_COMM_NULL on ranks beyond */
    int handle, grid;
} context_t;

static bool stands_aside(const context_t *at) {
    return at->comm == MPI_COMM_NULL;
}

/* Our rank i x cols + j stands at (j, i) of a cols x rows grid: column-major order there. */
static context_t enter(MPI_Comm comm, trn_scalapack_grid_t grid) {
    context_t at = {.comm = MPI_COMM_NULL};
    int rank;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_split(comm, rank < grid.rows * grid.cols ? 0 : MPI_UNDEFINED, rank, &at.comm);
    if (stands_aside(&at)) return at;
    at.handle = Csys2blacs_handle(at.comm);
    at.grid = at.handle;
    Cblacs_gridinit(&at.grid, "C", grid.cols, grid.rows);
    return at;
}

static void leave(context_t *at) {
    if (stands_aside(at)) return;
    Cblacs_gridexit(at->grid);
    Cfree_blacs_system_handle(at->handle);
    MPI_Comm_free(&at->comm);
}

/* Descriptor of our rows x cols matrix as ScaLAPACK sees it: cols x rows. */
enum { DESC = 9 };

/* The nine integers by which ScaLAPACK knows a matrix. */
static void describe(int desc[DESC], const context_t *at, int64_t block, int64_t rows, int64_t cols,
                     int64_t stride) {
    const int dense = 1;
    desc[0] = dense;
    desc[1] = at->grid;
    desc[2] = (int)cols;
    desc[3] = (int)rows;
    desc[4] = desc[5] = (int)block;
    desc[6] = desc[7] = 0; /* the first block lies at (0, 0) */
    desc[8] = stride > 0 ? (int)stride : 1;
}

/* Most rows (columns) that a rank of `parts` holds of `items` dealt in blocks. */
static int64_t largest_share(int64_t items, int64_t block, int64_t parts) {
    int64_t turns = (items + block - 1) / block; /* blocks in all */
    int64_t most = (turns + parts - 1) / parts * block;
    return most < items ? most : items;
}

/* Whether a matrix, `copies` of it on a rank, can be counted in 32 bits. */
static trn_status_t check_size(int64_t rows, int64_t cols, trn_scalapack_grid_t grid,
                               int64_t copies) {
    if (rows < 0 || cols < 0)
        return trn_fail(TRN_USAGE, "ScaLAPACK: a matrix of %lld x %lld", (long long)rows,
                        (long long)cols);
    if (rows > INT_MAX - grid.block || cols > INT_MAX - grid.block ||
        (double)copies * (double)largest_share(rows, grid.block, grid.rows) *
                (double)largest_share(cols, grid.block, grid.cols) >
            INT_MAX)
        return trn_fail(TRN_USAGE,
                        "ScaLAPACK: a matrix of %lld x %lld on %d x %d ranks is beyond its 32-bit "
                        "counts; use more ranks",
                        (long long)rows, (long long)cols, grid.rows, grid.cols);
    return TRN_OK;
}

static trn_status_t check_grid(MPI_Comm comm, trn_scalapack_grid_t grid) {
    int ranks;
    MPI_Comm_size(comm, &ranks);
    if (grid.rows < 1 || grid.cols < 1 || grid.rows > ranks / grid.cols || grid.block < 1 ||
        grid.block > INT_MAX / 2)
        return trn_fail(TRN_USAGE, "ScaLAPACK: %d x %d ranks of %d with blocks of %lld", grid.rows,
                        grid.cols, ranks, (long long)grid.block);
    return TRN_OK;
}

bool trn_scalapack_present(void) {
    return true;
}

/* Products ------------------------------------------------------------------------------------- */

struct trn_scalapack_gemm {
    context_t at;
    trn_product_t product;
    int64_t block;
};

static trn_status_t plan_gemm(trn_scalapack_gemm_t **gemm, MPI_Comm comm, const trn_product_t *p,
                              trn_scalapack_grid_t grid) {
    bool ta = p->transpose_a, tb = p->transpose_b;
    TRN_TRY(check_grid(comm, grid));
    TRN_TRY(check_size(p->m, p->n, grid, 1));
    TRN_TRY(check_size(ta ? p->k : p->m, ta ? p->m : p->k, grid, 1));
    TRN_TRY(check_size(tb ? p->n : p->k, tb ? p->k : p->n, grid, 1));
    return trn_alloc_zero(gemm, 1, sizeof **gemm, "a plan of ScaLAPACK");
}

/* Only the grid and the sizes: views come with each run. */
trn_status_t trn_scalapack_gemm_create(trn_scalapack_gemm_t **gemm, MPI_Comm comm,
                                       const trn_product_t *product, trn_scalapack_grid_t grid) {
    *gemm = NULL;
    trn_status_t status = trn_agree(comm, plan_gemm(gemm, comm, product, grid));
    if (status != TRN_OK) {
        trn_free(gemm);
        return status;
    }
    **gemm = (trn_scalapack_gemm_t){enter(comm, grid), *product, grid.block};
    return TRN_OK;
}

/* C^T = op(B)^T op(A)^T, and memory holds the transposes: B goes first, with its own flag. */
void trn_scalapack_gemm_run(trn_scalapack_gemm_t *gemm, double alpha, trn_view_t a, trn_view_t b,
                            double beta, trn_view_t c) {
    const context_t *at = &gemm->at;
    if (stands_aside(at)) return;
    const trn_product_t *p = &gemm->product;
    int m = (int)p->m, n = (int)p->n, k = (int)p->k, one = 1;
    int desc_a[DESC], desc_b[DESC], desc_c[DESC];
    describe(desc_a, at, gemm->block, p->transpose_a ? k : m, p->transpose_a ? m : k, a.stride);
    describe(desc_b, at, gemm->block, p->transpose_b ? n : k, p->transpose_b ? k : n, b.stride);
    describe(desc_c, at, gemm->block, m, n, c.stride);
    const char *ta = p->transpose_a ? "T" : "N", *tb = p->transpose_b ? "T" : "N";
    if (p->type == TRN_F64) {
        pdgemm_(tb, ta, &n, &m, &k, &alpha, b.data, &one, &one, desc_b, a.data, &one, &one, desc_a,
                &beta, c.data, &one, &one, desc_c, 1, 1);
    } else {
        float alpha32 = (float)alpha, beta32 = (float)beta;
        psgemm_(tb, ta, &n, &m, &k, &alpha32, b.data, &one, &one, desc_b, a.data, &one, &one,
                desc_a, &beta32, c.data, &one, &one, desc_c, 1, 1);
    }
}

void trn_scalapack_gemm_destroy(trn_scalapack_gemm_t **gemm) {
    if (!*gemm) return;
    leave(&(*gemm)->at);
    trn_free(gemm);
}

/* Eigenvectors --------------------------------------------------------------------------------- */

typedef struct eig {
    int n, desc[DESC], lwork, liwork;
    double *work;
    int *iwork;
} eig_t;

static int call_eig(eig_t *eig, double *a, double *values, double *z) {
    int one = 1, info = 0;
    pdsyevd_("V", "L", &eig->n, a, &one, &one, eig->desc, values, z, &one, &one, eig->desc,
             eig->work, &eig->lwork, eig->iwork, &eig->liwork, &info, 1, 1);
    return info;
}

/* Ask for the workspace and take it. PDSYEVD's answer leaves out what PDORMTR, which it calls with
 * all but 2 n of it, wants where blocks are large and n is small. */
static trn_status_t plan_eig(eig_t *eig, trn_view_t a, double *values, trn_view_t z) {
    double size = 0, inner = 0;
    int integers = 0, one = 1, query = -1, info_inner = 0;
    eig->work = &size;
    eig->iwork = &integers;
    eig->lwork = eig->liwork = query;
    int info = call_eig(eig, a.data, values, z.data);
    pdormtr_("L", "L", "N", &eig->n, &eig->n, a.data, &one, &one, eig->desc, values, z.data, &one,
             &one, eig->desc, &inner, &query, &info_inner, 1, 1, 1);
    eig->work = NULL;
    eig->iwork = NULL;
    if (info != 0 || info_inner != 0)
        return trn_fail(TRN_INTERNAL, "PDSYEVD: arguments refused (%d, %d)", info, info_inner);
    inner += 2 * eig->n;
    eig->lwork = (int)(size > inner ? size : inner);
    eig->liwork = integers;
    TRN_TRY(trn_alloc(&eig->work, eig->lwork, sizeof *eig->work, "PDSYEVD's work"));
    return trn_alloc(&eig->iwork, eig->liwork, sizeof *eig->iwork, "PDSYEVD's work");
}

/* PDSYEVD would refuse some of these by ending the program. */
static trn_status_t check_eig(MPI_Comm comm, int64_t n, trn_view_t a, trn_view_t z,
                              trn_scalapack_grid_t grid) {
    enum { COPIES = 3 }; /* the most that PDSYEVD counts at once: two copies and some vectors */
    enum { MOST = 1 << 26, BLOCK = 1024 }; /* so that the vectors fit as well */
    if (a.type != TRN_F64 || z.type != TRN_F64)
        return trn_fail(TRN_USAGE, "ScaLAPACK: eigenvectors are for float64");
    TRN_TRY(check_grid(comm, grid));
    if (n > MOST || grid.block > BLOCK)
        return trn_fail(TRN_USAGE, "ScaLAPACK: eigenvectors of %lld rows in blocks of %lld",
                        (long long)n, (long long)grid.block);
    return check_size(n, n, grid, COPIES);
}

/* Ranks beyond the grid take part in the agreements, and get the values at the end. */
trn_status_t trn_scalapack_eig(MPI_Comm comm, int64_t n, trn_view_t a, double *values, trn_view_t z,
                               trn_scalapack_grid_t grid) {
    eig_t eig = {.n = (int)n};
    TRN_TRY(trn_agree(comm, check_eig(comm, n, a, z, grid)));
    if (n == 0) return TRN_OK;
    context_t at = enter(comm, grid);
    trn_status_t status = TRN_OK;
    describe(eig.desc, &at, grid.block, n, n, a.stride);
    if (!stands_aside(&at)) status = plan_eig(&eig, a, values, z);
    TRN_OR(done, trn_agree(comm, status));
    if (!stands_aside(&at) && call_eig(&eig, a.data, values, z.data) != 0)
        status = trn_fail(TRN_NUMERIC, "PDSYEVD: an eigenvalue did not converge");
    TRN_OR(done, trn_agree(comm, status));
    MPI_Bcast(values, (int)n, MPI_DOUBLE, 0, comm);
done:
    trn_free(&eig.work);
    trn_free(&eig.iwork);
    leave(&at);
    return status;
}

#else

static trn_status_t absent(MPI_Comm comm) {
    return trn_agree(comm, trn_fail(TRN_USAGE, "built without ScaLAPACK; install it and build "
                                               "again (cluster/install-deps.sh)"));
}

bool trn_scalapack_present(void) {
    return false;
}

trn_status_t trn_scalapack_gemm_create(trn_scalapack_gemm_t **gemm, MPI_Comm comm,
                                       const trn_product_t *product, trn_scalapack_grid_t grid) {
    (void)product, (void)grid;
    *gemm = NULL;
    return absent(comm);
}

void trn_scalapack_gemm_run(trn_scalapack_gemm_t *gemm, double alpha, trn_view_t a, trn_view_t b,
                            double beta, trn_view_t c) {
    (void)gemm, (void)alpha, (void)a, (void)b, (void)beta, (void)c;
}

void trn_scalapack_gemm_destroy(trn_scalapack_gemm_t **gemm) {
    *gemm = NULL;
}

trn_status_t trn_scalapack_eig(MPI_Comm comm, int64_t n, trn_view_t a, double *values, trn_view_t z,
                               trn_scalapack_grid_t grid) {
    (void)n, (void)a, (void)values, (void)z, (void)grid;
    return absent(comm);
}

#endif

trn_status_t trn_scalapack_dist(trn_dist_t **dist, const int descriptor[9], int grid_rows,
                                int grid_cols) {
    enum { TYPE, CONTEXT, ROWS, COLS, ROW_BLOCK, COL_BLOCK, FIRST_ROW, FIRST_COL };
    const int *d = descriptor;
    trn_dist_t *by_columns;
    *dist = NULL;
    if (d[TYPE] != 1 || d[FIRST_ROW] != 0 || d[FIRST_COL] != 0)
        return trn_fail(TRN_USAGE,
                        "descriptor: type %d with its first block on process (%d, %d); only type 1 "
                        "from process (0, 0) on is known",
                        d[TYPE], d[FIRST_ROW], d[FIRST_COL]);
    TRN_TRY(trn_dist_create_cyclic(&by_columns, d[ROWS], d[COLS], d[ROW_BLOCK], d[COL_BLOCK],
                                   grid_rows, grid_cols));
    trn_status_t status = trn_dist_transpose(dist, by_columns);
    trn_dist_destroy(&by_columns);
    return status;
}

/* Of n rows dealt in blocks to `parts` ranks, those of the one numbered `part` (NUMROC). */
static int64_t dealt(int64_t n, int64_t block, int parts, int part) {
    int64_t whole = n / block, rest = n % block, own = whole / parts * block;
    if (part < whole % parts) return own + block;
    return part == whole % parts ? own + rest : own;
}

int64_t trn_scalapack_share(int64_t n, trn_scalapack_grid_t grid, int rank) {
    if (rank >= grid.rows * grid.cols) return 0;
    return dealt(n, grid.block, grid.rows, rank / grid.cols) *
           dealt(n, grid.block, grid.cols, rank % grid.cols);
}

/* As the manual page of PDSYEVD has its workspace, and panels of PBLAS. */
int64_t trn_scalapack_eig_bytes(int64_t n, trn_scalapack_grid_t grid, int rank) {
    enum { NUMBERS = 8, INTEGERS = 7, PANELS = 4 };
    if (rank >= grid.rows * grid.cols) return 0;
    int64_t numbers = 1 + NUMBERS * n + 2 * trn_scalapack_share(n, grid, rank);
    int64_t panels = PANELS * grid.block * (n + 3 * grid.block);
    int64_t integers = INTEGERS * n + 8 * grid.cols + 2;
    return (numbers + panels) * (int64_t)sizeof(double) + integers * (int64_t)sizeof(int);
}
