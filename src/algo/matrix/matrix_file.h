/* matrix_file.h: dense and sparse matrices in files of any format, each rank its band of rows.
 *
 *   .h5 .hdf5  a store (io/store/store.h) of kind "matrix": dense as /matrix [rows x cols] of
 * float32 or float64; sparse as /row_ptr int64 [rows + 1], /col int32 [entries] (ascending in every
 * row) and /value float32 or float64 [entries], with the root attributes `rows` and `cols`. Read
 * are also kind "embedding" (dense, /embedding) and "cooccurrence" (sparse, square). .npy NumPy
 * (io/npy.h): dense .mtx       Matrix Market (io/mtx.h): array is dense, coordinate sparse; both
 * with a further .gz, .xz, .zst or .bz2 can be read but not written; endings in any case
 *
 * A distribution `dist` must cut rows only (one column part), into no more bands than ranks; band r
 * lies on rank r. What a file holds does not depend on the number of ranks. */
#ifndef TRN_ALGO_MATRIX_MATRIX_FILE_H
#define TRN_ALGO_MATRIX_MATRIX_FILE_H

#include "base/status.h"
#include "io/mtx.h"
#include "io/npy.h"
#include "mpi/matrix.h"
#include "mpi/sparse/sparse.h"

#include <jansson.h>
#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum trn_matrix_format {
    TRN_MATRIX_H5,
    TRN_MATRIX_NPY,
    TRN_MATRIX_NPY_PACKED, /* compressed */
    TRN_MATRIX_MTX,
    TRN_MATRIX_MTX_PACKED
} trn_matrix_format_t;

/* The format by the ending of `path`. Fails with TRN_USAGE naming the endings that are known.
 * Local. */
trn_status_t trn_matrix_format_of_name(const char *path, trn_matrix_format_t *format);

/* What a file holds. Plain data. */
typedef struct trn_matrix_info {
    trn_matrix_format_t format;
    bool sparse;
    int64_t rows, cols;
    int64_t entries;        /* numbers stored: rows x cols if dense; lines of a .mtx file, where a
                             * symmetric matrix has about half */
    trn_matrix_type_t type; /* that holds every number as it is; float64 for .mtx */
    trn_mtx_t mtx;          /* of a .mtx file */
    trn_npy_t npy;          /* of a .npy file */
    char dataset[16];       /* of a dense store: "/matrix" or "/embedding" */
    /* For the caller to set: numbers that the wanted type cannot hold, such as whole ones above
     * 2^53, are rounded and counted in a warning; else they are refused. */
    bool lossy;
} trn_matrix_info_t;

/* Look at `path`, not at its numbers. Collective, equal arguments. Fails (agreed) with TRN_USAGE
 * (unknown ending), TRN_INPUT (missing, damaged, no matrix), TRN_MEMORY, TRN_IO. */
trn_status_t trn_matrix_file_probe(MPI_Comm comm, const char *path, trn_matrix_info_t *info);

/* Load a file that trn_matrix_file_probe has looked at as a dense matrix; a sparse one is filled up
 * with zeros. Numbers are converted to `type`: float64 to float32 rounds, and what is too large
 * becomes infinite; whole numbers that `type` does not hold: see info->lossy. `dist` is borrowed by
 * the matrix. Collective, equal arguments. Fails (agreed) with TRN_INPUT (FILE:LINE or
 * FILE:DATASET), TRN_USAGE (dist), TRN_MEMORY, TRN_IO. Cost: each rank reads its rows (in a .npy
 * file of Fortran order, its part of each column); a .mtx file is read once by all ranks together,
 * and every number travels to its owner. */
trn_status_t trn_matrix_file_load(MPI_Comm comm, const char *path, const trn_matrix_info_t *info,
                                  trn_matrix_type_t type, const trn_dist_t *dist,
                                  trn_matrix_t **out);

/* Load this rank's band of a sparse file (`type` F32 or F64); ranks without one get an empty block.
 * Entries of one place in a .mtx file are summed in float64, by ascending value, and counted in one
 * warning. Collective, equal arguments. Fails (agreed) as trn_matrix_file_load, and with TRN_INPUT
 * for a dense file or 2^31 columns and more. Cost: of a store, each rank reads its rows; a .mtx
 * file as above. Memory for a .mtx file: about 52 bytes an entry while the rows are made. */
trn_status_t trn_sparse_file_load(MPI_Comm comm, const char *path, const trn_matrix_info_t *info,
                                  trn_sparse_type_t type, const trn_dist_t *dist,
                                  trn_sparse_t **out);

/* Whether a dense or sparse matrix could be saved as `path`: ending, directory. The functions below
 * ask the same; ask earlier when there is much work before them. Collective, equal arguments. Fails
 * (agreed) with TRN_USAGE, TRN_IO, TRN_MEMORY. */
trn_status_t trn_matrix_file_place(MPI_Comm comm, const char *path, bool sparse);

/* Save a matrix cut into row bands, whole or not at all, in the format that the ending of `path`
 * names; a store notes created_by, params (JSON, may be NULL) and seed. .mtx: `array real general`
 * with 17 (float32: 9) digits, so that every number comes back. Collective, equal arguments. Fails
 * (agreed) with TRN_USAGE (ending, dist), TRN_IO, TRN_MEMORY. Cost: each rank writes its rows. */
trn_status_t trn_matrix_file_save(MPI_Comm comm, const char *path, const trn_matrix_t *matrix,
                                  const char *created_by, const json_t *params, uint64_t seed);

/* Save a sparse matrix of which rank r has the r-th band of rows, of all `cols` columns, of float32
 * or float64 (.mtx: also a pattern); as above, but .npy is refused (TRN_USAGE). `rows` of the whole
 * are those of all bands together. Collective, equal arguments but for the band. */
trn_status_t trn_sparse_file_save(MPI_Comm comm, const char *path, const trn_sparse_t *sparse,
                                  int64_t cols, const char *created_by, const json_t *params,
                                  uint64_t seed);

#endif
