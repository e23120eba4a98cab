/* matrix_file.c: formats, probing and dense saving of matrix_file.h. */
#include "algo/matrix/matrix_file_impl.h"

#include "io/bytes.h"
#include "io/store/store.h"
#include "mpi/agree.h"

#include <string.h>
#include <strings.h>

/* Formats -------------------------------------------------------------------------------------- */

/* Cut `ending` off text[*length] if that ends so, in any case of letters. */
static bool cut(const char *text, size_t *length, const char *ending) {
    size_t tail = strlen(ending);
    bool there = *length > tail && strncasecmp(text + *length - tail, ending, tail) == 0;
    if (there) *length -= tail;
    return there;
}

trn_status_t trn_matrix_format_of_name(const char *path, trn_matrix_format_t *format) {
    static const struct {
        const char *ending;
        trn_matrix_format_t format, packed;
    } known[] = {{".h5", TRN_MATRIX_H5, TRN_MATRIX_H5},
                 {".hdf5", TRN_MATRIX_H5, TRN_MATRIX_H5},
                 {".npy", TRN_MATRIX_NPY, TRN_MATRIX_NPY_PACKED},
                 {".mtx", TRN_MATRIX_MTX, TRN_MATRIX_MTX_PACKED}};
    size_t length = strlen(path);
    bool packed = cut(path, &length, ".gz") || cut(path, &length, ".xz") ||
                  cut(path, &length, ".zst") || cut(path, &length, ".bz2");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!cut(path, &length, known[i].ending)) continue;
        if (packed && known[i].packed == known[i].format) break;
        *format = packed ? known[i].packed : known[i].format;
        return TRN_OK;
    }
    return trn_fail(TRN_USAGE,
                    "%s: the ending names no format of matrices; known are .h5 .hdf5 .npy .mtx "
                    "and, for reading, .npy and .mtx with a further .gz .xz .zst .bz2",
                    path);
}

/* Probing -------------------------------------------------------------------------------------- */

/* Local: the table of datasets is equal on all ranks. */
static trn_status_t describe_dense(const trn_store_t *store, trn_matrix_info_t *info) {
    trn_dtype_t type;
    if (!trn_store_has(store, info->dataset, &type, &info->rows, &info->cols))
        return trn_fail(TRN_INPUT, "%s: has neither %s nor /row_ptr; it holds no matrix",
                        trn_store_path(store), info->dataset);
    if ((type != TRN_F32 && type != TRN_F64) || info->cols < 1)
        return trn_fail(TRN_INPUT, "%s:%s: is no matrix of float32 or float64; write it as such",
                        trn_store_path(store), info->dataset);
    info->type = type == TRN_F32 ? TRN_MATRIX_F32 : TRN_MATRIX_F64;
    info->entries = info->rows * info->cols;
    return TRN_OK;
}

/* The sizes of a sparse store; `square`: it has no attributes that tell them. */
static trn_status_t describe_sparse(const trn_store_t *store, bool square,
                                    trn_matrix_info_t *info) {
    const char *path = trn_store_path(store);
    int64_t starts, columns;
    trn_dtype_t type = TRN_OTHER;
    TRN_TRY(trn_store_need(store, "/row_ptr", TRN_I64, &starts, 0));
    TRN_TRY(trn_store_need(store, "/col", TRN_I32, &columns, 0));
    trn_store_has(store, "/value", &type, NULL, NULL);
    if (type != TRN_F32) type = TRN_F64;
    TRN_TRY(trn_store_need(store, "/value", type, &info->entries, 0));
    info->rows = info->cols = starts - 1;
    if (!square) TRN_TRY(trn_store_get_int(store, "/", "rows", &info->rows));
    if (!square) TRN_TRY(trn_store_get_int(store, "/", "cols", &info->cols));
    info->type = type == TRN_F32 ? TRN_MATRIX_F32 : TRN_MATRIX_F64;
    info->sparse = true;
    bool empty = info->rows == 0 || info->cols == 0;
    if (info->rows < 0 || info->cols < 0 || info->rows != starts - 1 ||
        (empty && info->entries > 0))
        return trn_fail(TRN_INPUT, "%s:/row_ptr: %lld numbers for %lld x %lld; damaged?", path,
                        (long long)starts, (long long)info->rows, (long long)info->cols);
    if (columns == info->entries) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s:/col: %lld columns for %lld values; damaged?", path,
                    (long long)columns, (long long)info->entries);
}

static trn_status_t describe_store(const trn_store_t *store, trn_matrix_info_t *info) {
    const char *kind;
    TRN_TRY(trn_store_get_text(store, "/", "kind", &kind));
    if (strcmp(kind, "cooccurrence") == 0) return describe_sparse(store, true, info);
    bool embedding = strcmp(kind, "embedding") == 0;
    if (!embedding && strcmp(kind, "matrix") != 0)
        return trn_fail(TRN_INPUT,
                        "%s: is of kind \"%s\"; give one of \"matrix\", \"embedding\" or "
                        "\"cooccurrence\"",
                        trn_store_path(store), kind);
    strcpy(info->dataset, embedding ? "/embedding" : "/matrix");
    if (!embedding && trn_store_has(store, "/row_ptr", NULL, NULL, NULL))
        return describe_sparse(store, false, info);
    return describe_dense(store, info);
}

static trn_status_t probe_store(MPI_Comm comm, const char *path, trn_matrix_info_t *info) {
    trn_store_t *store;
    TRN_TRY(trn_store_open(&store, comm, path, NULL));
    trn_status_t status = describe_store(store, info);
    trn_store_close(&store);
    return trn_agree(comm, status);
}

/* Rank 0. */
static trn_status_t probe_plain(const char *path, trn_matrix_info_t *info) {
    if (info->format == TRN_MATRIX_NPY || info->format == TRN_MATRIX_NPY_PACKED) {
        TRN_TRY(trn_npy_open(&info->npy, path));
        info->rows = info->npy.rows;
        info->cols = info->npy.cols;
        info->entries = info->rows * info->cols;
        info->type = trn_npy_type(&info->npy);
        return TRN_OK;
    }
    TRN_TRY(trn_mtx_open(&info->mtx, path));
    info->rows = info->mtx.rows;
    info->cols = info->mtx.cols;
    info->entries = info->mtx.array ? info->rows * info->cols : info->mtx.entries;
    info->sparse = !info->mtx.array;
    info->type = TRN_MATRIX_F64;
    return TRN_OK;
}

trn_status_t trn_matrix_file_probe(MPI_Comm comm, const char *path, trn_matrix_info_t *info) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    memset(info, 0, sizeof *info);
    TRN_AGREE(comm, trn_matrix_format_of_name(path, &info->format));
    if (info->format == TRN_MATRIX_H5) return probe_store(comm, path, info);
    bool npy = info->format == TRN_MATRIX_NPY || info->format == TRN_MATRIX_NPY_PACKED;
    trn_input_t here = {.path = path, .content = npy ? TRN_CONTENT_ANY : TRN_CONTENT_TEXT};
    TRN_TRY(trn_inputs_look(comm, 1, &here));
    TRN_AGREE(comm, rank == 0 ? probe_plain(path, info) : TRN_OK);
    MPI_Bcast(info, (int)sizeof *info, MPI_BYTE, 0, comm);
    info->mtx.input = info->npy.input = here; /* each rank holds to what it saw itself */
    return TRN_OK;
}

/* Saving --------------------------------------------------------------------------------------- */

static trn_status_t check_place(const char *path, bool sparse) {
    trn_matrix_format_t format;
    TRN_TRY(trn_matrix_format_of_name(path, &format));
    if (format == TRN_MATRIX_MTX_PACKED || format == TRN_MATRIX_NPY_PACKED)
        return trn_fail(TRN_USAGE, "%s: compressed files can only be read; write %s", path,
                        format == TRN_MATRIX_NPY_PACKED ? ".npy" : ".mtx");
    if (sparse && format == TRN_MATRIX_NPY)
        return trn_fail(TRN_USAGE, "%s: .npy cannot hold a sparse matrix; write .h5 or .mtx", path);
    return TRN_OK;
}

trn_status_t trn_matrix_file_place(MPI_Comm comm, const char *path, bool sparse) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    trn_status_t status = check_place(path, sparse);
    if (status == TRN_OK && rank == 0) status = trn_path_writable(path);
    return trn_agree(comm, status);
}

static trn_status_t save_dense(MPI_Comm comm, const char *path, const trn_matrix_t *matrix,
                               const char *created_by, const json_t *params, uint64_t seed) {
    const trn_dist_t *dist = trn_matrix_dist(matrix);
    trn_view_t block = trn_matrix_block(matrix);
    trn_store_t *store;
    TRN_TRY(trn_store_create(&store, comm, path, "matrix", created_by, params, seed));
    trn_status_t status =
        trn_store_dataset(store, "/matrix", block.type == TRN_MATRIX_F32 ? TRN_F32 : TRN_F64,
                          trn_dist_rows(dist), trn_dist_cols(dist));
    if (status == TRN_OK) status = trn_store_begin(store);
    if (status != TRN_OK) {
        trn_store_abandon(&store);
        return status;
    }
    status =
        trn_store_write(store, "/matrix", trn_matrix_first_row(matrix), block.rows, block.data);
    return trn_store_commit_replace(&store, status);
}

trn_status_t trn_matrix_file_save(MPI_Comm comm, const char *path, const trn_matrix_t *matrix,
                                  const char *created_by, const json_t *params, uint64_t seed) {
    trn_matrix_format_t format = TRN_MATRIX_H5;
    trn_status_t status = check_place(path, false);
    if (status == TRN_OK) status = trn_matrix_format_of_name(path, &format);
    if (status == TRN_OK && !trn_matrix_banded(trn_matrix_dist(matrix)))
        status = trn_fail(TRN_USAGE, "%s: only a matrix cut into bands of rows can be saved", path);
    TRN_AGREE(comm, status);
    if (format == TRN_MATRIX_NPY) return trn_npy_write(comm, path, matrix);
    if (format == TRN_MATRIX_MTX) return trn_mtx_write_dense(comm, path, matrix);
    return save_dense(comm, path, matrix, created_by, params, seed);
}
