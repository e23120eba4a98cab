/* matrix_file_plan.h: what loading and saving matrices take, and rows cut so that ranks have even
 * shares of it. */
#ifndef TRN_ALGO_MATRIX_MATRIX_FILE_PLAN_H
#define TRN_ALGO_MATRIX_MATRIX_FILE_PLAN_H

#include "algo/matrix/matrix_file.h"
#include "base/ledger.h"
#include "io/store/store.h"

#include <stdint.h>

/* Bands of rows, one a rank, and what a file has in each. Start with {0}. */
typedef struct trn_bands {
    int ranks;
    int64_t *start;   /* [ranks + 1] first rows; then all */
    int64_t *entries; /* [ranks] numbers of the file that come to lie there: both images of an
                       * entry of a symmetric file. In a Matrix Market file, whose lines are in any
                       * order, an even share is assumed */
} trn_bands_t;

/* Cut the rows of a probed file for `ranks` ranks, which need not be there, into bands of whole
 * blocks of `block` rows (the last may be shorter): where the file is a sparse store, so that a row
 * that weighs `row` and `entry` for each of its entries gives the ranks about the same weight; else
 * [kr/P, k(r+1)/P) of k blocks. The bands depend on the number of ranks: only for work whose bits
 * do not depend on them. Collective, equal arguments. Fails (agreed) with TRN_MEMORY, TRN_INPUT,
 * TRN_IO. Cost: rank 0 reads the row pointers.
 */
trn_status_t trn_bands_cut(trn_bands_t *bands, MPI_Comm comm, int ranks, const char *path,
                           const trn_matrix_info_t *info, int64_t block, int64_t row,
                           int64_t entry);

/* The bands that a distribution of row bands for `ranks` ranks has, and what lies in them.
 * Collective; as above. */
trn_status_t trn_bands_of(trn_bands_t *bands, MPI_Comm comm, int ranks, const char *path,
                          const trn_matrix_info_t *info, const trn_dist_t *dist);

/* What a second file of as many rows has in the bands of a first. Collective; as above. */
trn_status_t trn_bands_like(trn_bands_t *bands, MPI_Comm comm, const char *path,
                            const trn_matrix_info_t *info, const trn_bands_t *first);

/* The bands of a tall matrix (algo/matrix/tall.h) on so many ranks. Collective; as above. */
trn_status_t trn_bands_tall(trn_bands_t *bands, MPI_Comm comm, int ranks, const char *path,
                            const trn_matrix_info_t *info);

/* The distribution of a matrix of `cols` columns in these bands. Fails with TRN_MEMORY. Local. */
trn_status_t trn_bands_dist(trn_dist_t **dist, const trn_bands_t *bands, int64_t cols);

/* Free what it holds; {0} and twice are fine. Local. */
void trn_bands_free(trn_bands_t *bands);

/* A matrix in a file that a verb reads as a tall one. Start with {0}. */
typedef struct trn_matrix_in {
    const char *path; /* borrowed */
    trn_matrix_info_t info;
    trn_bands_t bands;
    trn_names_feed_t names; /* rows: the file, open once more; NULL: not yet */
} trn_matrix_in_t;

/* Close and free what it holds; {0} and twice are fine. Local. */
void trn_matrix_in_free(trn_matrix_in_t *in);

/* Open the file for the names of its rows, which in->names.rows hands on to a file that is saved.
 * Collective. Fails (agreed) as trn_rows_open. */
trn_status_t trn_matrix_in_names(trn_matrix_in_t *in, MPI_Comm comm);

/* Declare the names, if there are any, as /vocab of a store in which a row means the same.
 * Collective. Fails (agreed) as trn_rows_names and trn_store_strings_from. */
trn_status_t trn_matrix_in_declare(trn_matrix_in_t *in, trn_store_t *store);

/* Look at the file; deal its rows to so many ranks, after the bands it had before. Collective. Fail
 * (agreed) as trn_matrix_file_probe and trn_bands_tall. */
trn_status_t trn_matrix_in_look(trn_matrix_in_t *in, MPI_Comm comm, const char *path);
trn_status_t trn_matrix_in_cut(trn_matrix_in_t *in, MPI_Comm comm, int ranks);

/* Plans, for rank `rank` of the bands. trn_matrix_file_load and trn_sparse_file_load: the matrix
 * stays under "matrix". The savers: of a band of `rows` rows of `cols` numbers, or of `entries`
 * entries. All Local. */
void trn_matrix_load_plan(trn_ledger_t *ledger, const trn_matrix_info_t *info,
                          trn_matrix_type_t type, const trn_bands_t *bands, int rank);
void trn_sparse_load_plan(trn_ledger_t *ledger, const trn_matrix_info_t *info,
                          trn_sparse_type_t type, const trn_bands_t *bands, int rank);
void trn_matrix_save_plan(trn_ledger_t *ledger, const char *path, int64_t rows, int64_t cols,
                          trn_matrix_type_t type);
void trn_sparse_save_plan(trn_ledger_t *ledger, const char *path, int64_t rows, int64_t entries,
                          trn_sparse_type_t type);

/* What rows take that pass by in blocks of `block` rows, under "matrix". Local. */
void trn_rows_stream_plan(trn_ledger_t *ledger, const trn_matrix_info_t *info, int64_t block,
                          trn_matrix_type_t type);

/* Bytes of an entry of a sparse matrix in memory. Local. */
int64_t trn_sparse_entry_bytes(trn_sparse_type_t type);

#endif
