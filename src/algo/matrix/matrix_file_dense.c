/* matrix_file_dense.c: loading dense matrices (matrix_file.h). */
#include "algo/matrix/matrix_file_impl.h"
#include "base/mem.h"
#include "io/rows/misfit.h"
#include "io/store/store.h"
#include "mpi/agree.h"

#include <string.h>

enum { PIECE_BYTES = 1 << 20 /* read at a time when the type changes */ };

void trn_matrix_convert(int64_t count, trn_matrix_type_t from_type, const void *from,
                        trn_matrix_type_t to_type, void *to, int64_t at) {
    if (from_type == to_type) {
        int64_t size = trn_matrix_type_size(to_type);
        memcpy((char *)to + at * size, from, (size_t)(count * size));
    } else if (to_type == TRN_MATRIX_F32) {
        for (int64_t i = 0; i < count; i++)
            ((float *)to)[at + i] = (float)((const double *)from)[i];
    } else {
        for (int64_t i = 0; i < count; i++)
            ((double *)to)[at + i] = (double)((const float *)from)[i];
    }
}

trn_mtx_t trn_matrix_mtx(const trn_matrix_info_t *info, trn_matrix_type_t type) {
    trn_mtx_t mtx = info->mtx;
    mtx.lossy = info->lossy;
    mtx.digits = type == TRN_MATRIX_F32 ? 24 : 53;
    return mtx;
}

/* Every rank holds as many rows as its band has: so nothing is held twice, and owners are defined.
 */
bool trn_matrix_banded(const trn_dist_t *dist) {
    int64_t bands = trn_dist_row_parts(dist);
    if (trn_dist_col_parts(dist) != 1) return false;
    for (int r = 0; r < bands; r++)
        if (trn_dist_local_rows(dist, r) !=
            trn_dist_row_start(dist, r + 1) - trn_dist_row_start(dist, r))
            return false;
    for (int r = 0; r < bands; r++)
        if (trn_dist_local_rows(dist, r) > 0 &&
            trn_dist_owner(dist, trn_dist_row_start(dist, r), 0) != r)
            return false;
    return true;
}

trn_status_t trn_matrix_check_bands(MPI_Comm comm, const char *path, const trn_matrix_info_t *info,
                                    const trn_dist_t *dist) {
    int ranks;
    MPI_Comm_size(comm, &ranks);
    if (trn_dist_rows(dist) != info->rows || trn_dist_cols(dist) != info->cols)
        return trn_fail(TRN_USAGE, "%s: holds %lld x %lld, the distribution is for %lld x %lld",
                        path, (long long)info->rows, (long long)info->cols,
                        (long long)trn_dist_rows(dist), (long long)trn_dist_cols(dist));
    if (trn_dist_row_parts(dist) <= ranks && trn_matrix_banded(dist)) return TRN_OK;
    return trn_fail(TRN_USAGE, "%s: can be loaded in bands of rows only, one a rank at most", path);
}

/* Stores --------------------------------------------------------------------------------------- */

/* This rank's rows; in pieces where the type changes. */
static trn_status_t read_rows(trn_store_t *store, const trn_matrix_info_t *info, int64_t first,
                              trn_view_t block) {
    if (info->type == block.type)
        return trn_store_read(store, info->dataset, first, block.rows, block.data);
    int64_t row = info->cols * trn_matrix_type_size(info->type);
    int64_t rows = row > 0 && row < PIECE_BYTES ? PIECE_BYTES / row : 1;
    char *piece;
    TRN_TRY(trn_alloc(&piece, rows, (size_t)row, "rows to convert"));
    trn_status_t status = TRN_OK;
    for (int64_t done = 0; done < block.rows; done += rows) {
        int64_t some = block.rows - done < rows ? block.rows - done : rows;
        TRN_OR(done, trn_store_read(store, info->dataset, first + done, some, piece));
        trn_matrix_convert(some * info->cols, info->type, piece, block.type, block.data,
                           done * info->cols);
    }
done:
    trn_free(&piece);
    return status;
}

static trn_status_t fill_from_store(MPI_Comm comm, const char *path, const trn_matrix_info_t *info,
                                    trn_matrix_t *matrix) {
    trn_store_t *store;
    TRN_TRY(trn_store_open(&store, comm, path, NULL));
    trn_view_t block = trn_matrix_block(matrix);
    trn_status_t status = TRN_OK;
    if (block.rows > 0) status = read_rows(store, info, trn_matrix_first_row(matrix), block);
    trn_store_close(&store);
    return trn_agree(comm, status);
}

/* Matrix Market -------------------------------------------------------------------------------- */

static void set(trn_view_t block, int64_t row, int64_t col, double value) {
    if (block.type == TRN_MATRIX_F32)
        ((float *)block.data)[row * block.stride + col] = (float)value;
    else
        ((double *)block.data)[row * block.stride + col] = value;
}

static void clear(trn_matrix_t *matrix) {
    trn_view_t block = trn_matrix_block(matrix);
    memset(block.data, 0, (size_t)(block.rows * block.cols * trn_matrix_type_size(block.type)));
}

static int owner(void *user, int64_t row, int64_t col) {
    return trn_sparse_owner(trn_matrix_dist(user), row, col);
}

static trn_status_t take(void *user, int64_t count, const trn_triplet_t *triplets) {
    trn_view_t block = trn_matrix_block(user);
    int64_t first = trn_matrix_first_row(user);
    for (int64_t i = 0; i < count; i++)
        set(block, triplets[i].row - first, triplets[i].col, triplets[i].value);
    return TRN_OK;
}

/* The file is counted before memory is taken for what its head says. */
static trn_status_t load_array(MPI_Comm comm, const char *path, const trn_matrix_info_t *info,
                               trn_matrix_type_t type, const trn_dist_t *dist, trn_matrix_t **out) {
    int64_t before;
    trn_mtx_t mtx = trn_matrix_mtx(info, type);
    TRN_TRY(trn_mtx_count(comm, &mtx, path, &before));
    TRN_TRY(trn_matrix_create(out, comm, type, dist));
    if (info->mtx.symmetry == TRN_MTX_SKEW) clear(*out); /* the diagonal is not in the file */
    trn_route_t to = {owner, NULL, take, *out};
    return trn_mtx_route(comm, &mtx, path, before, &to, TRN_MATRIX_BATCH);
}

/* Anything sparse ------------------------------------------------------------------------------ */

/* Through float64, so that what a .mtx file holds twice is summed as trn_sparse_file_load does. */
static trn_status_t load_sparse(MPI_Comm comm, const char *path, const trn_matrix_info_t *info,
                                trn_matrix_type_t type, const trn_dist_t *dist,
                                trn_matrix_t **out) {
    trn_sparse_t *sparse;
    TRN_TRY(trn_sparse_file_load(comm, path, info, TRN_SPARSE_F64, dist, &sparse));
    trn_status_t status = trn_matrix_create(out, comm, type, dist);
    if (status == TRN_OK) {
        clear(*out);
        const int64_t *start = trn_sparse_start(sparse);
        trn_view_t block = trn_matrix_block(*out);
        for (int64_t i = 0; i < block.rows; i++)
            for (int64_t e = start[i]; e < start[i + 1]; e++)
                set(block, i, trn_sparse_column(sparse)[e], trn_sparse_value(sparse, e));
    }
    trn_sparse_destroy(&sparse);
    return status;
}

static trn_status_t load_npy(MPI_Comm comm, const char *path, const trn_matrix_info_t *info,
                             trn_matrix_t *matrix) {
    trn_view_t block = trn_matrix_block(matrix);
    trn_dtype_t type = block.type == TRN_MATRIX_F32 ? TRN_F32 : TRN_F64;
    trn_misfit_t misfit = {0};
    trn_status_t status = TRN_OK;
    if (block.rows > 0)
        status = trn_npy_read(&info->npy, path, trn_matrix_first_row(matrix), block.rows, type,
                              block.data, &misfit);
    TRN_AGREE(comm, status);
    return trn_misfit_judge(comm, path, info->cols, type, &misfit, info->lossy);
}

static trn_status_t load_rows(MPI_Comm comm, const char *path, const trn_matrix_info_t *info,
                              trn_matrix_type_t type, const trn_dist_t *dist, trn_matrix_t **out) {
    TRN_TRY(trn_matrix_create(out, comm, type, dist));
    return info->format == TRN_MATRIX_H5 ? fill_from_store(comm, path, info, *out)
                                         : load_npy(comm, path, info, *out);
}

trn_status_t trn_matrix_file_load(MPI_Comm comm, const char *path, const trn_matrix_info_t *info,
                                  trn_matrix_type_t type, const trn_dist_t *dist,
                                  trn_matrix_t **out) {
    *out = NULL;
    trn_status_t status = trn_agree(comm, trn_matrix_check_bands(comm, path, info, dist));
    if (status == TRN_OK) {
        if (info->sparse)
            status = load_sparse(comm, path, info, type, dist, out);
        else if (info->mtx.array)
            status = load_array(comm, path, info, type, dist, out);
        else
            status = load_rows(comm, path, info, type, dist, out);
    }
    if (status != TRN_OK) trn_matrix_destroy(out);
    return status;
}
