/* scalapack.h: ScaLAPACK on row-major blocks: the yardstick for our products, and eigenvectors and
 * QR of matrices that no single rank can hold.
 *
 * Matrices are cut by trn_dist_create_cyclic(rows, cols, block, block, grid_rows, grid_cols); views
 * are this rank's blocks. To ScaLAPACK, which stores by columns, the same memory is the transposed
 * matrix on the transposed grid, so nothing is moved. Ranks beyond the grid take part in calls and
 * pass empty views. ScaLAPACK counts in 32 bits: what does not fit is refused at the start. What it
 * allocates itself is not counted in base/mem, and its lack ends the program.
 *
 * Built without ScaLAPACK all of it returns TRN_USAGE, "built without ScaLAPACK". */
#ifndef TRN_MPI_DENSE_SCALAPACK_H
#define TRN_MPI_DENSE_SCALAPACK_H

#include "base/status.h"
#include "mpi/dense/plan.h"
#include "mpi/matrix.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* Whether the library was built with ScaLAPACK. Local. */
bool trn_scalapack_present(void);

/* A grid of ranks and the side of the square blocks dealt to it. */
typedef struct trn_scalapack_grid {
    int64_t block;
    int rows, cols;
} trn_scalapack_grid_t;

/* The distribution of a matrix that a ScaLAPACK program holds, seen by rows: its descriptor (type
 * 1, first block on process (0, 0), process (i, j) being rank i grid_cols + j) tells how its
 * columns lie, so what we get is the transposed matrix, N x M, every number where it is; products
 * of such matrices are C^T = op(B)^T op(A)^T. Leading dimensions are the caller's: a view's stride.
 * Fails with TRN_USAGE (another descriptor), TRN_MEMORY. Local; works without ScaLAPACK too. */
trn_status_t trn_scalapack_dist(trn_dist_t **dist, const int descriptor[9], int grid_rows,
                                int grid_cols);

/* A product op(A) op(B) of given sizes on a given grid. Opaque. */
typedef struct trn_scalapack_gemm trn_scalapack_gemm_t;

/* Prepare a product (plan.h), whose A and B are distributed as they are stored; `accumulate` is
 * beta's affair here. `comm` is borrowed. Collective, equal arguments. Fails (agreed) with
 * TRN_MEMORY, TRN_USAGE (sizes, a grid larger than `comm`). */
trn_status_t trn_scalapack_gemm_create(trn_scalapack_gemm_t **gemm, MPI_Comm comm,
                                       const trn_product_t *product, trn_scalapack_grid_t grid);

/* Multiply. Views are of the planned sizes, with any stride. Never fails. Collective.
 * Cost: PDGEMM's (SUMMA or its kin, chosen by PBLAS). */
void trn_scalapack_gemm_run(trn_scalapack_gemm_t *gemm, double alpha, trn_view_t a, trn_view_t b,
                            double beta, trn_view_t c);

/* Free and set the pointer to NULL; NULL is fine. Collective. */
void trn_scalapack_gemm_destroy(trn_scalapack_gemm_t **gemm);

/* Eigenvalues, ascending, of the symmetric float64 matrix A [n x n], into values[n] on every rank,
 * and its eigenvectors into the rows of Z [n x n], in the order of the values. A is destroyed; both
 * views are contiguous. Collective, equal arguments but for the views. Fails (agreed) with
 * TRN_MEMORY, TRN_USAGE (sizes), TRN_NUMERIC (no convergence). Bits depend on the grid.
 * Cost: about 4/3 + 4 n^3 flop. Source: PDSYEVD (Tisseur and Dongarra 1999). */
trn_status_t trn_scalapack_eig(MPI_Comm comm, int64_t n, trn_view_t a, double *values, trn_view_t z,
                               trn_scalapack_grid_t grid);

/* For plans: numbers of an n x n matrix that a rank has on a grid; bytes that trn_scalapack_eig
 * takes there, beside the views. Local. */
int64_t trn_scalapack_share(int64_t n, trn_scalapack_grid_t grid, int rank);
int64_t trn_scalapack_eig_bytes(int64_t n, trn_scalapack_grid_t grid, int rank);

#endif
