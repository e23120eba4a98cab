/* matrix_file.c: whole matrices in and out of files, by way of io/rows. */
#include "algo/matrix/matrix_file.h"

#include <string.h>

static bool is_plain(const trn_rows_about_t *about) {
    bool numbers = strcmp(about->format, "npy") == 0 || strcmp(about->format, "safetensors") == 0;
    return numbers && !about->sparse && about->coding == TRN_CODING_NONE;
}

/* Kept as plain data: plans are made of it for any number of ranks. */
trn_matrix_info_t trn_matrix_info_of(const trn_rows_about_t *about) {
    return (trn_matrix_info_t){.sparse = about->sparse,
                               .routed = about->routed,
                               .rows = about->rows,
                               .cols = about->cols,
                               .mirrored = about->mirrored,
                               .named = about->named,
                               .store = strcmp(about->format, "h5") == 0,
                               .coding = about->coding,
                               .plain = is_plain(about),
                               .entries = about->entries,
                               .type = about->real};
}

trn_status_t trn_matrix_file_probe(MPI_Comm comm, const char *path, trn_matrix_info_t *info) {
    trn_rows_t *rows;
    TRN_TRY(trn_rows_open(&rows, comm, path, &(trn_rows_how_t){0}));
    *info = trn_matrix_info_of(trn_rows_about(rows));
    trn_rows_close(&rows);
    return TRN_OK;
}

/* The file is opened anew, so that a probe holds nothing open; io/rows finds out if it has
 * changed. */
trn_status_t trn_matrix_file_load(MPI_Comm comm, const char *path, const trn_matrix_info_t *info,
                                  trn_matrix_type_t type, const trn_dist_t *dist,
                                  trn_matrix_t **out) {
    trn_rows_t *rows;
    *out = NULL;
    TRN_TRY(trn_rows_open(&rows, comm, path, &(trn_rows_how_t){.lossy = info->lossy}));
    trn_status_t status = trn_rows_load(rows, type, dist, out);
    trn_rows_close(&rows);
    return status;
}

/* As that, in compressed rows. */
trn_status_t trn_sparse_file_load(MPI_Comm comm, const char *path, const trn_matrix_info_t *info,
                                  trn_sparse_type_t type, const trn_dist_t *dist,
                                  trn_sparse_t **out) {
    trn_rows_t *rows;
    *out = NULL;
    TRN_TRY(trn_rows_open(&rows, comm, path, &(trn_rows_how_t){.lossy = info->lossy}));
    trn_status_t status = trn_rows_load_sparse(rows, type, dist, out);
    trn_rows_close(&rows);
    return status;
}

trn_status_t trn_matrix_file_place(MPI_Comm comm, const char *path, bool sparse) {
    return trn_rows_place(comm, path, &(trn_rows_make_t){.type = TRN_OTHER}, sparse);
}

/* TRN_OTHER: the type of the matrix itself. */
trn_status_t trn_matrix_file_save(MPI_Comm comm, const char *path, const trn_matrix_t *matrix,
                                  const trn_rows_make_t *made) {
    trn_rows_make_t make = *made;
    make.type = TRN_OTHER;
    return trn_rows_save(comm, path, matrix, &make);
}

/* Ranks know their own rows only: the number of all is summed. */
trn_status_t trn_sparse_file_save(MPI_Comm comm, const char *path, const trn_sparse_t *sparse,
                                  int64_t cols, const trn_rows_make_t *made) {
    trn_rows_make_t make = *made;
    int64_t rows = trn_sparse_extent(sparse).rows;
    make.cols = cols;
    make.type = TRN_OTHER;
    MPI_Allreduce(&rows, &make.rows, 1, MPI_INT64_T, MPI_SUM, comm);
    return trn_rows_save_sparse(comm, path, sparse, &make);
}
