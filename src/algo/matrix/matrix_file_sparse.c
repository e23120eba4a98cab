/* matrix_file_sparse.c: the sparse half of matrix_file.h. */
#include "algo/matrix/matrix_file_impl.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/store/store.h"
#include "mpi/agree.h"

#include <stdio.h>
#include <string.h>

enum { PIECE = 1 << 17 /* numbers moved at a time */ };

/* A band out of a store ------------------------------------------------------------------------ */

/* What becomes a block; trn_sparse_adopt takes it over. */
typedef struct band {
    int64_t *start;
    int32_t *column;
    void *values;
} band_t;

static void band_free(band_t *band) {
    trn_free(&band->start);
    trn_free(&band->column);
    trn_free(&band->values);
}

/* Where the rows begin among all entries, made relative to *first, the first of the band. */
static trn_status_t read_starts(trn_store_t *store, const trn_matrix_info_t *info,
                                trn_extent_t place, band_t *band, int64_t *first) {
    int64_t *start;
    TRN_TRY(trn_alloc(&band->start, place.rows + 1, sizeof *start, "row pointers"));
    start = band->start;
    start[0] = 0;
    *first = 0;
    if (place.rows == 0) return TRN_OK;
    TRN_TRY(trn_store_read(store, "/row_ptr", place.first_row, place.rows + 1, start));
    bool good = start[0] >= 0 && start[place.rows] <= info->entries &&
                (place.first_row > 0 || start[0] == 0) &&
                (place.first_row + place.rows < info->rows || start[place.rows] == info->entries);
    for (int64_t i = 0; i < place.rows && good; i++)
        good = start[i] <= start[i + 1];
    if (!good)
        return trn_fail(TRN_INPUT, "%s:/row_ptr: does not ascend from 0 to %lld; damaged?",
                        trn_store_path(store), (long long)info->entries);
    *first = start[0];
    for (int64_t i = 0; i <= place.rows; i++)
        start[i] -= *first;
    return TRN_OK;
}

/* values[count] of the wanted type = those of the file from `first` on. */
static trn_status_t read_values(trn_store_t *store, trn_matrix_type_t stored,
                                trn_matrix_type_t wanted, int64_t first, int64_t count,
                                void *values) {
    if (stored == wanted) return trn_store_read(store, "/value", first, count, values);
    void *piece;
    TRN_TRY(trn_alloc(&piece, PIECE, (size_t)trn_matrix_type_size(stored), "a read buffer"));
    trn_status_t status = TRN_OK;
    for (int64_t done = 0; done < count; done += PIECE) {
        int64_t some = count - done < PIECE ? count - done : PIECE;
        TRN_OR(done, trn_store_read(store, "/value", first + done, some, piece));
        trn_matrix_convert(some, stored, piece, wanted, values, done);
    }
done:
    trn_free(&piece);
    return status;
}

static trn_status_t read_band(trn_store_t *store, const trn_matrix_info_t *info,
                              trn_sparse_type_t type, trn_extent_t place, band_t *band) {
    trn_matrix_type_t wanted = type == TRN_SPARSE_F32 ? TRN_MATRIX_F32 : TRN_MATRIX_F64;
    int64_t first;
    TRN_TRY(read_starts(store, info, place, band, &first));
    int64_t count = band->start[place.rows];
    TRN_TRY(trn_alloc(&band->column, count, sizeof *band->column, "column numbers"));
    TRN_TRY(trn_alloc(&band->values, count, (size_t)trn_matrix_type_size(wanted), "sparse values"));
    if (count == 0) return TRN_OK;
    TRN_TRY(trn_store_read(store, "/col", first, count, band->column));
    return read_values(store, info->type, wanted, first, count, band->values);
}

static trn_status_t load_band(trn_store_t *store, const trn_matrix_info_t *info,
                              trn_sparse_type_t type, trn_extent_t place, trn_sparse_t **out) {
    band_t band = {0};
    trn_status_t status = read_band(store, info, type, place, &band);
    if (status == TRN_OK)
        status = trn_sparse_adopt(out, type, place, band.start, band.column, band.values);
    if (status == TRN_OK) return TRN_OK; /* the arrays are the block's now */
    band_free(&band);
    if (status != TRN_USAGE) return status;
    return trn_fail(TRN_INPUT, "%s:/col: %s; sort the columns of every row", trn_store_path(store),
                    trn_message());
}

static trn_status_t load_store(MPI_Comm comm, const char *path, const trn_matrix_info_t *info,
                               trn_sparse_type_t type, trn_extent_t place, trn_sparse_t **out) {
    trn_store_t *store;
    TRN_TRY(trn_store_open(&store, comm, path, NULL));
    trn_status_t status = load_band(store, info, type, place, out);
    trn_store_close(&store);
    return trn_agree(comm, status);
}

/* Entries of a .mtx file ----------------------------------------------------------------------- */

typedef struct heap {
    const trn_dist_t *dist;
    trn_triplet_t *triplets;
    int64_t count, room;
} heap_t;

static int owner(void *user, int64_t row, int64_t col) {
    return trn_sparse_owner(((heap_t *)user)->dist, row, col);
}

static trn_status_t take(void *user, int64_t count, const trn_triplet_t *triplets) {
    heap_t *heap = user;
    if (heap->count + count > heap->room) {
        int64_t room = heap->count + count + heap->room / 2;
        TRN_TRY(trn_realloc(&heap->triplets, room, sizeof *triplets, "entries of a matrix"));
        heap->room = room;
    }
    memcpy(heap->triplets + heap->count, triplets, (size_t)count * sizeof *triplets);
    heap->count += count;
    return TRN_OK;
}

/* Collective. */
static void warn_of_sums(MPI_Comm comm, const char *path, int64_t summed) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    MPI_Allreduce(MPI_IN_PLACE, &summed, 1, MPI_INT64_T, MPI_SUM, comm);
    if (rank == 0 && summed > 0)
        trn_log(TRN_LOG_WARN, "matrix",
                "%s: %lld entries have the place of another; they were summed", path,
                (long long)summed);
}

static trn_status_t load_mtx(MPI_Comm comm, const char *path, const trn_matrix_info_t *info,
                             trn_sparse_type_t type, const trn_dist_t *dist, trn_extent_t place,
                             trn_sparse_t **out) {
    heap_t heap = {.dist = dist};
    trn_route_t to = {owner, NULL, take, &heap};
    trn_mtx_t mtx = trn_matrix_mtx(info, type == TRN_SPARSE_F32 ? TRN_MATRIX_F32 : TRN_MATRIX_F64);
    trn_status_t status = trn_mtx_route(comm, &mtx, path, 0, &to, TRN_MATRIX_BATCH);
    if (status == TRN_OK) {
        status = trn_sparse_create(out, type, place, heap.count, heap.triplets);
        status = trn_agree(comm, status);
    }
    trn_free(&heap.triplets);
    if (status == TRN_OK) warn_of_sums(comm, path, heap.count - trn_sparse_count(*out));
    return status;
}

static trn_status_t check_sparse(const char *path, const trn_matrix_info_t *info,
                                 trn_sparse_type_t type) {
    if (!info->sparse)
        return trn_fail(TRN_INPUT, "%s: holds a dense matrix, wanted is a sparse one", path);
    if (info->cols > INT32_MAX)
        return trn_fail(TRN_INPUT, "%s: has %lld columns; a sparse matrix may have %d", path,
                        (long long)info->cols, INT32_MAX);
    if (type == TRN_SPARSE_PATTERN)
        return trn_fail(TRN_USAGE, "%s: can be loaded as float32 or float64 only", path);
    return TRN_OK;
}

trn_status_t trn_sparse_file_load(MPI_Comm comm, const char *path, const trn_matrix_info_t *info,
                                  trn_sparse_type_t type, const trn_dist_t *dist,
                                  trn_sparse_t **out) {
    *out = NULL;
    int rank;
    MPI_Comm_rank(comm, &rank);
    trn_status_t status = trn_matrix_check_bands(comm, path, info, dist);
    if (status == TRN_OK) status = check_sparse(path, info, type);
    TRN_AGREE(comm, status);
    trn_extent_t place = trn_sparse_extent_of(dist, rank);
    if (info->format == TRN_MATRIX_H5)
        status = load_store(comm, path, info, type, place, out);
    else
        status = load_mtx(comm, path, info, type, dist, place, out);
    if (status != TRN_OK) trn_sparse_destroy(out);
    return status;
}

/* Saving --------------------------------------------------------------------------------------- */

/* Rows and entries of all ranks, and those of the ranks before this one. */
typedef struct totals {
    int64_t rows, entries, rows_before, entries_before;
    bool last; /* this rank writes the end of all row pointers */
} totals_t;

/* Collective. The bands must be what the whole is made of, in rank order. */
static trn_status_t add_up(MPI_Comm comm, const char *path, const trn_sparse_t *sparse,
                           int64_t cols, totals_t *totals) {
    trn_extent_t x = trn_sparse_extent(sparse);
    int rank;
    MPI_Comm_rank(comm, &rank);
    int64_t mine[2] = {x.rows, trn_sparse_count(sparse)}, before[2] = {0, 0};
    MPI_Exscan(mine, before, 2, MPI_INT64_T, MPI_SUM, comm);
    if (rank == 0) before[0] = before[1] = 0;
    MPI_Allreduce(MPI_IN_PLACE, mine, 2, MPI_INT64_T, MPI_SUM, comm);
    bool last = mine[0] == 0 ? rank == 0 : x.rows > 0 && before[0] + x.rows == mine[0];
    *totals = (totals_t){mine[0], mine[1], before[0], before[1], last};
    trn_status_t status = TRN_OK;
    if (x.rows > 0 && (x.first_row != before[0] || x.first_col != 0 || x.cols != cols))
        status = trn_fail(TRN_USAGE, "%s: only a matrix cut into bands of rows can be saved", path);
    return trn_agree(comm, status);
}

/* Collective. */
static trn_status_t declare(trn_store_t *store, const trn_sparse_t *sparse, int64_t cols,
                            const totals_t *totals) {
    trn_dtype_t type = trn_sparse_type(sparse) == TRN_SPARSE_F32 ? TRN_F32 : TRN_F64;
    TRN_TRY(trn_store_set_int(store, "/", "rows", totals->rows));
    TRN_TRY(trn_store_set_int(store, "/", "cols", cols));
    TRN_TRY(trn_store_dataset(store, "/row_ptr", TRN_I64, totals->rows + 1, 0));
    TRN_TRY(trn_store_dataset(store, "/col", TRN_I32, totals->entries, 0));
    TRN_TRY(trn_store_dataset(store, "/value", type, totals->entries, 0));
    return trn_store_begin(store);
}

/* This rank's starts, counted from the whole matrix's first entry; the end of all comes from the
 * last rank that has rows, or from rank 0. */
static trn_status_t write_starts(trn_store_t *store, const trn_sparse_t *sparse,
                                 const totals_t *totals) {
    int64_t rows = trn_sparse_extent(sparse).rows, *piece;
    if (totals->last) rows++;
    TRN_TRY(trn_alloc(&piece, PIECE, sizeof *piece, "row pointers to write"));
    trn_status_t status = TRN_OK;
    for (int64_t done = 0; done < rows && status == TRN_OK; done += PIECE) {
        int64_t some = rows - done < PIECE ? rows - done : PIECE;
        for (int64_t i = 0; i < some; i++)
            piece[i] = totals->entries_before + trn_sparse_start(sparse)[done + i];
        status = trn_store_write(store, "/row_ptr", totals->rows_before + done, some, piece);
    }
    trn_free(&piece);
    return status;
}

static trn_status_t write_band(trn_store_t *store, const trn_sparse_t *sparse,
                               const totals_t *totals) {
    int64_t first = totals->entries_before, count = trn_sparse_count(sparse);
    TRN_TRY(write_starts(store, sparse, totals));
    TRN_TRY(trn_store_write(store, "/col", first, count, trn_sparse_column(sparse)));
    return trn_store_write(store, "/value", first, count, trn_sparse_values(sparse));
}

trn_status_t trn_sparse_file_save(MPI_Comm comm, const char *path, const trn_sparse_t *sparse,
                                  int64_t cols, const char *created_by, const json_t *params,
                                  uint64_t seed) {
    trn_matrix_format_t format = TRN_MATRIX_H5;
    totals_t totals;
    TRN_TRY(trn_matrix_file_place(comm, path, true));
    TRN_TRY(trn_matrix_format_of_name(path, &format)); /* not again: it has just been seen */
    TRN_TRY(add_up(comm, path, sparse, cols, &totals));
    if (format == TRN_MATRIX_MTX)
        return trn_mtx_write_sparse(comm, path, sparse, totals.rows, cols);
    if (trn_sparse_type(sparse) == TRN_SPARSE_PATTERN) /* equal on all ranks */
        return trn_fail(TRN_USAGE, "%s: a store needs values; write a pattern as .mtx", path);
    trn_store_t *store;
    TRN_TRY(trn_store_create(&store, comm, path, "matrix", created_by, params, seed));
    trn_status_t status = declare(store, sparse, cols, &totals);
    if (status == TRN_OK)
        return trn_store_commit_replace(&store, write_band(store, sparse, &totals));
    trn_store_abandon(&store);
    return status;
}
