/* matrix_file.h: dense and sparse matrices in files of any format, each rank its band of rows: what
 * verbs that hold a whole matrix need of io/rows/rows.h, in one call each.
 *
 * A distribution `dist` must cut rows only (one column part), into no more bands than ranks; band r
 * lies on rank r. What a file holds does not depend on the number of ranks. */
#ifndef TRN_ALGO_MATRIX_MATRIX_FILE_H
#define TRN_ALGO_MATRIX_MATRIX_FILE_H

#include "base/status.h"
#include "io/rows/rows.h"
#include "io/text/magic.h"
#include "mpi/matrix.h"
#include "mpi/sparse/sparse.h"

#include <jansson.h>
#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* What a file holds. Plain data. */
typedef struct trn_matrix_info {
    bool sparse;
    bool routed;   /* it is text: entries travel to their owners, and are held twice meanwhile */
    bool mirrored; /* about half of its entries are in the file */
    bool store;    /* it is one of HDF5 */
    bool named;    /* its rows have names */
    trn_coding_t coding;
    bool plain; /* its numbers lie in the file as they are, row by row: to read them again is a copy
                 * out of the system's cache */
    int64_t rows, cols;
    int64_t entries;        /* in the file */
    trn_matrix_type_t type; /* that is meant for its numbers: trn_rows_about_t */
    /* For the caller to set: numbers that the wanted type cannot hold, such as whole ones above
     * 2^53, are rounded and counted in a warning; else they are refused. */
    bool lossy;
} trn_matrix_info_t;

/* The same of an open file. Local. */
trn_matrix_info_t trn_matrix_info_of(const trn_rows_about_t *about);

/* Look at `path`, not at its numbers. Collective, equal arguments. Fails (agreed) as
 * trn_rows_open. */
trn_status_t trn_matrix_file_probe(MPI_Comm comm, const char *path, trn_matrix_info_t *info);

/* Load a file that trn_matrix_file_probe has looked at as a dense matrix, or this rank's band of a
 * sparse one: trn_rows_load, trn_rows_load_sparse. Collective, equal arguments. Fail (agreed) as
 * they do. */
trn_status_t trn_matrix_file_load(MPI_Comm comm, const char *path, const trn_matrix_info_t *info,
                                  trn_matrix_type_t type, const trn_dist_t *dist,
                                  trn_matrix_t **out);
trn_status_t trn_sparse_file_load(MPI_Comm comm, const char *path, const trn_matrix_info_t *info,
                                  trn_sparse_type_t type, const trn_dist_t *dist,
                                  trn_sparse_t **out);

/* Whether a dense or sparse matrix could be saved as `path`: trn_rows_place. Collective, equal
 * arguments. Fails (agreed) as that does. */
trn_status_t trn_matrix_file_place(MPI_Comm comm, const char *path, bool sparse);

/* Save a matrix cut into row bands, or a sparse one of `cols` columns: trn_rows_save,
 * trn_rows_save_sparse. Of `made` count whose names the rows have, and what a store notes:
 * names_of, created_by, params, seed. Collective, equal arguments. Fail (agreed) as they do. */
trn_status_t trn_matrix_file_save(MPI_Comm comm, const char *path, const trn_matrix_t *matrix,
                                  const trn_rows_make_t *made);
trn_status_t trn_sparse_file_save(MPI_Comm comm, const char *path, const trn_sparse_t *sparse,
                                  int64_t cols, const trn_rows_make_t *made);

#endif
