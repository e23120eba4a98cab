/* matrix.h: dense matrices, one row-major block a rank.
 *
 * Block (i, j) of the distribution, with pc column parts, lies on rank i pc + j of the communicator
 * (in a grid layer: on the rank at row i, column j); ranks beyond hold an empty block. */
#ifndef TRN_MPI_MATRIX_H
#define TRN_MPI_MATRIX_H

#include "base/rng.h"
#include "base/status.h"
#include "mpi/dist.h"

#include <mpi.h>
#include <stdint.h>

typedef enum trn_matrix_type { TRN_MATRIX_F32, TRN_MATRIX_F64 } trn_matrix_type_t;

/* A rectangle of numbers somewhere in memory: element (i, j) is number i x stride + j. A view owns
 * nothing; copy it freely. */
typedef struct trn_view {
    trn_matrix_type_t type;
    int64_t rows, cols;
    int64_t stride; /* elements from row to row: BLAS's leading dimension */
    void *data;
} trn_view_t;

/* Bytes of one element. Local. */
int64_t trn_matrix_type_size(trn_matrix_type_t type);

/* The part of a view from (row, col) on, rows x cols large, which must lie inside. Local. */
trn_view_t trn_view_part(trn_view_t view, int64_t row, int64_t rows, int64_t col, int64_t cols);

/* A distributed matrix. Opaque. */
typedef struct trn_matrix trn_matrix_t;

/* Create with uninitialised numbers; `comm` and `dist` are borrowed and must outlive the matrix.
 * The local block is contiguous (stride = its columns) and 64-byte aligned. Collective, equal
 * arguments. Fails (agreed) with TRN_MEMORY, TRN_USAGE (more blocks than ranks, blocks of more
 * than 2^31 - 1 rows or columns). */
trn_status_t trn_matrix_create(trn_matrix_t **matrix, MPI_Comm comm, trn_matrix_type_t type,
                               const trn_dist_t *dist);

/* Free and set the pointer to NULL; NULL is fine. Local. */
void trn_matrix_destroy(trn_matrix_t **matrix);

/* All of the local block. Local. */
trn_view_t trn_matrix_block(const trn_matrix_t *matrix);

/* Global number of the local block's first row and column. Local. */
int64_t trn_matrix_first_row(const trn_matrix_t *matrix);
int64_t trn_matrix_first_col(const trn_matrix_t *matrix);

/* The distribution, borrowed. Local. */
const trn_dist_t *trn_matrix_dist(const trn_matrix_t *matrix);

/* Fill with scale x standard normal float32 numbers (also in float64 matrices) that depend on seed,
 * stream, step and the global row and column alone. Collective. Fails (agreed) with TRN_MEMORY.
 * Cost: rows of the block x (first column + columns) draws. */
trn_status_t trn_matrix_fill_normal(trn_matrix_t *matrix, uint64_t seed, trn_rng_stream_t stream,
                                    uint32_t step, double scale);

/* Copy `from` into `to`, which has the same communicator, type, rows and columns but may cut the
 * rows elsewhere; both have one column part. Collective. Fails (agreed) with TRN_MEMORY, TRN_USAGE.
 * Cost: one Alltoallv; each row that changes its rank travels once. */
trn_status_t trn_matrix_regroup(const trn_matrix_t *from, trn_matrix_t *to);

/* Bring the whole matrix to `whole` [rows x cols] on rank 0 (ignored elsewhere). For tests and
 * small results. Collective. Cost: every other block travels once, in rank order. */
void trn_matrix_gather(const trn_matrix_t *matrix, void *whole);

#endif
