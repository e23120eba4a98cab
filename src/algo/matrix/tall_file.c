#include "algo/matrix/tall_file.h"

#include "base/mem.h"
#include "kern/dense/finite.h"
#include "mpi/agree.h"

/* Before any work: a NaN would only show as a method that does not converge. */
static trn_status_t check_finite(trn_tall_t x, const char *path) {
    int rank;
    MPI_Comm_rank(x.comm, &rank);
    int64_t first = trn_tall_start(x.comm, x.rows, rank);
    const double *data = x.block.data;
    for (int64_t i = 0; i < x.block.rows; i++) {
        int64_t j = trn_not_finite_f64(x.block.cols, data + i * x.block.stride);
        if (j >= 0)
            return trn_fail(TRN_NUMERIC, "%s: entry (%lld, %lld) is %g; remove what is not finite",
                            path, (long long)(first + i + 1), (long long)(j + 1),
                            data[i * x.block.stride + j]);
    }
    return TRN_OK;
}

trn_status_t trn_tall_file_load_as(trn_tall_file_t *file, MPI_Comm comm, const char *path,
                                   const trn_matrix_info_t *info, trn_matrix_type_t type) {
    *file = (trn_tall_file_t){0};
    trn_status_t status = trn_agree(comm, trn_tall_dist(&file->dist, comm, info->rows, info->cols));
    if (status == TRN_OK)
        status = trn_matrix_file_load(comm, path, info, type, file->dist, &file->matrix);
    if (status == TRN_OK)
        file->tall = (trn_tall_t){comm, info->rows, trn_matrix_block(file->matrix), NULL};
    else
        trn_tall_file_free(file);
    return status;
}

trn_status_t trn_tall_file_load(trn_tall_file_t *file, MPI_Comm comm, const char *path,
                                const trn_matrix_info_t *info) {
    TRN_TRY(trn_tall_file_load_as(file, comm, path, info, TRN_MATRIX_F64));
    trn_status_t status = trn_agree(comm, check_finite(file->tall, path));
    if (status != TRN_OK) trn_tall_file_free(file);
    return status;
}

void trn_tall_file_free(trn_tall_file_t *file) {
    trn_matrix_destroy(&file->matrix);
    trn_dist_destroy(&file->dist);
    *file = (trn_tall_file_t){0};
}

trn_status_t trn_tall_declare(trn_store_t *store, const char *name, trn_tall_t x) {
    return trn_store_dataset(store, name, TRN_F64, x.rows, x.block.cols);
}

trn_status_t trn_tall_write(trn_store_t *store, const char *name, trn_tall_t x) {
    int rank;
    MPI_Comm_rank(x.comm, &rank);
    return trn_store_write(store, name, trn_tall_start(x.comm, x.rows, rank), x.block.rows,
                           x.block.data);
}

/* What every rank has, written by rank 0; the others write an empty band at the end. */
trn_status_t trn_tall_write_whole(trn_store_t *store, const char *name, MPI_Comm comm, int64_t rows,
                                  const double *data) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    return trn_store_write(store, name, rank == 0 ? 0 : rows, rank == 0 ? rows : 0, data);
}
