/* rows_read.c: blocks of rows handed out, from memory or anew from the file, and whole bands.
 *
 * A failure inside a pass is kept, not returned: others wait for this rank's part of a sum. */
#include "base/log.h"
#include "base/mem.h"
#include "io/rows/misfit.h"
#include "io/rows/rows_impl.h"
#include "mpi/agree.h"

#include <stdio.h>
#include <string.h>

int64_t trn_rows_start(const trn_rows_t *rows, int rank) {
    int64_t first = trn_part_start(rows->blocks, rows->ranks, rank) * rows->block;
    return first < rows->about.rows ? first : rows->about.rows;
}

static void keep(trn_rows_t *rows, trn_status_t status) {
    if (status == TRN_OK || rows->kept.status != TRN_OK) return;
    rows->kept.status = status;
    snprintf(rows->kept.message, sizeof rows->kept.message, "%s", trn_message());
}

/* Ordered rows, in the file or in memory ------------------------------------------------------- */

/* `dist` for whole blocks, a band a rank. */
static trn_status_t make_dist(const trn_rows_t *rows, trn_dist_t **dist) {
    int64_t *start, col[2] = {0, rows->about.cols};
    *dist = NULL;
    TRN_TRY(trn_alloc(&start, rows->ranks + 1, sizeof *start, "bands of rows"));
    for (int r = 0; r <= rows->ranks; r++)
        start[r] = trn_rows_start(rows, r);
    trn_status_t status = trn_dist_create_at(dist, rows->ranks, start, 1, col);
    trn_free(&start);
    return status;
}

/* Entries [e, end) of one row into to[cols]; `row` is its number in the whole. */
static void scatter(const trn_sparse_t *sparse, int64_t e, int64_t end, trn_dtype_t type, char *to,
                    int64_t base, trn_misfit_t *misfit) {
    enum { RUN = 256 };
    trn_dtype_t stored = trn_sparse_type(sparse) == TRN_SPARSE_F32 ? TRN_F32 : TRN_F64;
    size_t size = (size_t)trn_dtype_size(type);
    const char *values = trn_sparse_values(sparse);
    const int32_t *column = trn_sparse_column(sparse);
    for (; e < end; e += RUN) {
        int64_t some = end - e < RUN ? end - e : RUN;
        char run[8 * RUN];
        trn_misfit_t found = {0};
        trn_convert((trn_numbers_t){stored, false, (char *)values + e * trn_dtype_size(stored), 1},
                    (trn_numbers_t){type, false, run, 1}, some, 0, &found);
        for (int64_t i = 0; i < some; i++)
            memcpy(to + column[e + i] * (int64_t)size, run + i * (int64_t)size, size);
        if (found.count > 0 && misfit->count == 0) misfit->first = base + column[e + found.first];
        misfit->count += found.count;
    }
}

void trn_rows_fill(const trn_sparse_t *sparse, int64_t first, int64_t count, int64_t cols,
                   trn_dtype_t type, void *values, trn_misfit_t *misfit) {
    const int64_t *start = trn_sparse_start(sparse);
    int64_t row = cols * trn_dtype_size(type), top = trn_sparse_extent(sparse).first_row;
    memset(values, 0, (size_t)(count * row));
    for (int64_t i = 0; i < count; i++)
        scatter(sparse, start[first + i], start[first + i + 1], type, (char *)values + i * row,
                (top + first + i) * cols, misfit);
}

/* Dense rows of a sparse file: through float64, so that what is rounded is rounded once. */
static trn_status_t read_filled(trn_rows_t *rows, int64_t first, int64_t count, trn_dtype_t type,
                                void *values, trn_misfit_t *misfit) {
    trn_sparse_t *sparse = rows->sparse;
    trn_extent_t place = {first, count, 0, rows->about.cols};
    int64_t at = 0;
    if (sparse)
        at = first - trn_sparse_extent(sparse).first_row;
    else
        TRN_TRY(rows->source.format->read_sparse(&rows->source, TRN_SPARSE_F64, place, &sparse,
                                                 misfit));
    trn_rows_fill(sparse, at, count, rows->about.cols, type, values, misfit);
    if (!rows->sparse) trn_sparse_destroy(&sparse);
    return TRN_OK;
}

/* From the file, or from entries that were routed here. */
static trn_status_t read_rows(trn_rows_t *rows, int64_t first, int64_t count, trn_dtype_t type,
                              void *values) {
    if (count == 0) return TRN_OK;
    rows->wanted = type;
    if (rows->source.sparse) return read_filled(rows, first, count, type, values, &rows->misfit);
    if (rows->source.routed)
        return trn_fail(TRN_INTERNAL, "%s: row %lld is not held here", rows->path,
                        (long long)first);
    return rows->source.format->read(&rows->source, first, count, type, values, &rows->misfit);
}

trn_status_t trn_rows_read(trn_rows_t *rows, int64_t first, int64_t count, trn_dtype_t type,
                           void *values) {
    int64_t start = rows->band ? trn_rows_start(rows, rows->rank) : 0;
    if (!rows->band || type != rows->type || first < start ||
        first + count > trn_rows_start(rows, rows->rank + 1))
        return read_rows(rows, first, count, type, values);
    int64_t row = rows->about.cols * trn_dtype_size(type);
    memcpy(values, rows->band + (first - start) * row, (size_t)(count * row));
    return TRN_OK;
}

trn_status_t trn_rows_read_sparse(trn_rows_t *rows, int64_t first, int64_t count,
                                  trn_sparse_type_t type, trn_sparse_t **out) {
    trn_extent_t place = {first, count, 0, rows->about.cols};
    rows->wanted = type == TRN_SPARSE_F32 ? TRN_F32 : TRN_F64;
    return rows->source.format->read_sparse(&rows->source, type, place, out, &rows->misfit);
}

/* Holding -------------------------------------------------------------------------------------- */

static int64_t own_rows(const trn_rows_t *rows) {
    return trn_rows_start(rows, rows->rank + 1) - trn_rows_start(rows, rows->rank);
}

/* Memory for all own rows if there is enough, else for one block. A dense array without order has
 * to be there whole. */
static trn_status_t make_room(trn_rows_t *rows, int64_t reserve) {
    int64_t row = rows->about.cols * trn_dtype_size(rows->type), bytes = own_rows(rows) * row;
    bool whole = rows->source.routed && !rows->source.sparse;
    if (whole || bytes <= trn_mem_left() - reserve)
        return trn_alloc(&rows->band, bytes, 1, "rows of a matrix");
    int64_t block = rows->block < rows->about.rows ? rows->block : rows->about.rows;
    return trn_alloc(&rows->buffer, block * row, 1, "a block of rows");
}

static void let_go(trn_rows_t *rows) {
    trn_free(&rows->band);
    trn_free(&rows->buffer);
    trn_sparse_destroy(&rows->sparse);
}

/* Bring what has no order here. Collective. */
static trn_status_t route(trn_rows_t *rows) {
    trn_dist_t *dist = NULL;
    if (!rows->source.routed) return TRN_OK;
    trn_status_t status = trn_agree(rows->comm, make_dist(rows, &dist));
    if (status == TRN_OK)
        status = rows->source.sparse
                     ? trn_rows_route_sparse(rows, TRN_SPARSE_F64, dist, &rows->sparse)
                     : trn_rows_route_dense(rows, rows->type, dist, rows->band);
    trn_dist_destroy(&dist);
    return status;
}

trn_status_t trn_rows_hold(trn_rows_t *rows, int64_t block, trn_dtype_t type, int64_t reserve) {
    let_go(rows);
    rows->block = block;
    rows->type = type;
    rows->blocks = (rows->about.rows + block - 1) / block;
    rows->first_block = trn_part_start(rows->blocks, rows->ranks, rows->rank);
    rows->own_blocks =
        trn_part_start(rows->blocks, rows->ranks, rows->rank + 1) - rows->first_block;
    trn_status_t status = trn_rows_count(rows);
    if (status == TRN_OK && rows->source.sparse)
        status = route(rows); /* first, for then it is known what is left */
    if (status == TRN_OK) status = trn_agree(rows->comm, make_room(rows, reserve));
    if (status == TRN_OK && !rows->source.sparse) status = route(rows);
    bool filled = rows->source.routed && !rows->source.sparse;
    if (status == TRN_OK && rows->band && !filled)
        keep(rows,
             read_rows(rows, trn_rows_start(rows, rows->rank), own_rows(rows), type, rows->band));
    if (status == TRN_OK) status = trn_rows_outcome(rows);
    if (status != TRN_OK) let_go(rows);
    return status;
}

int64_t trn_rows_blocks(const trn_rows_t *rows) {
    return rows->blocks;
}
int64_t trn_rows_first_block(const trn_rows_t *rows) {
    return rows->first_block;
}
int64_t trn_rows_own_blocks(const trn_rows_t *rows) {
    return rows->own_blocks;
}
bool trn_rows_resident(const trn_rows_t *rows) {
    return rows->band != NULL;
}

trn_view_t trn_rows_block(trn_rows_t *rows, int64_t block) {
    int64_t first = block * rows->block, left = rows->about.rows - first, cols = rows->about.cols;
    int64_t count = left < rows->block ? left : rows->block,
            row = cols * trn_dtype_size(rows->type);
    trn_matrix_type_t type = rows->type == TRN_F32 ? TRN_MATRIX_F32 : TRN_MATRIX_F64;
    trn_view_t view = {type, count, cols, cols, rows->buffer};
    if (rows->band) {
        view.data = rows->band + (first - trn_rows_start(rows, rows->rank)) * row;
        return view;
    }
    trn_status_t status = read_rows(rows, first, count, rows->type, rows->buffer);
    if (status != TRN_OK) memset(rows->buffer, 0, (size_t)(count * row));
    keep(rows, status);
    return view;
}

trn_status_t trn_rows_outcome(trn_rows_t *rows) {
    trn_status_t status = rows->kept.status;
    if (status != TRN_OK) status = trn_fail(status, "%s", rows->kept.message);
    rows->kept.status = TRN_OK;
    trn_misfit_t misfit = rows->misfit;
    rows->misfit = (trn_misfit_t){0};
    TRN_AGREE(rows->comm, status);
    bool allowed = rows->source.lossy, quiet = rows->warned;
    /* A rank without rows has read none, and says 0. */
    int type = (int)rows->wanted;
    MPI_Allreduce(MPI_IN_PLACE, &type, 1, MPI_INT, MPI_MAX, rows->comm);
    if (allowed && quiet) return TRN_OK; /* a second pass says nothing new */
    rows->warned = true;
    return trn_misfit_judge(rows->comm, rows->path, rows->about.cols, (trn_dtype_t)type, &misfit,
                            allowed);
}

/* Bands ---------------------------------------------------------------------------------------- */

static trn_status_t check_bands(const trn_rows_t *rows, const trn_dist_t *dist) {
    if (trn_dist_rows(dist) != rows->about.rows || trn_dist_cols(dist) != rows->about.cols)
        return trn_fail(TRN_USAGE, "%s: holds %lld x %lld, the distribution is for %lld x %lld",
                        rows->path, (long long)rows->about.rows, (long long)rows->about.cols,
                        (long long)trn_dist_rows(dist), (long long)trn_dist_cols(dist));
    if (trn_dist_row_parts(dist) <= rows->ranks && trn_rows_banded(dist)) return TRN_OK;
    return trn_fail(TRN_USAGE, "%s: can be loaded in bands of rows only, one a rank at most",
                    rows->path);
}

/* `sparse`: the entries of such a file that has no order, else NULL. */
static trn_status_t load(trn_rows_t *rows, trn_dtype_t type, const trn_dist_t *dist,
                         const trn_sparse_t *sparse, trn_matrix_t *matrix) {
    trn_view_t block = trn_matrix_block(matrix);
    if (rows->source.routed && !rows->source.sparse)
        return trn_rows_route_dense(rows, type, dist, block.data);
    if (sparse) {
        trn_rows_fill(sparse, 0, block.rows, block.cols, type, block.data, &rows->misfit);
    } else if (block.rows > 0) {
        keep(rows, read_rows(rows, trn_matrix_first_row(matrix), block.rows, type, block.data));
    }
    rows->wanted = type;
    return trn_rows_outcome(rows);
}

trn_status_t trn_rows_load(trn_rows_t *rows, trn_matrix_type_t type, const trn_dist_t *dist,
                           trn_matrix_t **out) {
    *out = NULL;
    let_go(rows); /* a band of other rows is of no use */
    TRN_AGREE(rows->comm, check_bands(rows, dist));
    trn_sparse_t *sparse = NULL;
    trn_status_t status = trn_rows_count(rows);
    /* Before the matrix takes its room: on their way entries take more than in their places. */
    if (status == TRN_OK && rows->source.routed && rows->source.sparse)
        status = trn_rows_route_sparse(rows, TRN_SPARSE_F64, dist, &sparse);
    if (status == TRN_OK) status = trn_matrix_create(out, rows->comm, type, dist);
    if (status == TRN_OK)
        status = load(rows, type == TRN_MATRIX_F32 ? TRN_F32 : TRN_F64, dist, sparse, *out);
    trn_sparse_destroy(&sparse);
    if (status != TRN_OK) trn_matrix_destroy(out);
    return status;
}

static trn_status_t check_sparse(const trn_rows_t *rows, trn_sparse_type_t type) {
    if (!rows->source.sparse)
        return trn_fail(TRN_INPUT, "%s: holds a dense matrix, wanted is a sparse one", rows->path);
    if (rows->about.cols > INT32_MAX)
        return trn_fail(TRN_INPUT, "%s: has %lld columns; a sparse matrix may have %d", rows->path,
                        (long long)rows->about.cols, INT32_MAX);
    if (type == TRN_SPARSE_PATTERN)
        return trn_fail(TRN_USAGE, "%s: can be loaded as float32 or float64 only", rows->path);
    return TRN_OK;
}

trn_status_t trn_rows_load_sparse(trn_rows_t *rows, trn_sparse_type_t type, const trn_dist_t *dist,
                                  trn_sparse_t **out) {
    *out = NULL;
    let_go(rows);
    trn_status_t status = check_bands(rows, dist);
    if (status == TRN_OK) status = check_sparse(rows, type);
    TRN_AGREE(rows->comm, status);
    rows->wanted = type == TRN_SPARSE_F32 ? TRN_F32 : TRN_F64;
    if (rows->source.routed) {
        status = trn_rows_route_sparse(rows, type, dist, out);
    } else {
        trn_extent_t place = trn_sparse_extent_of(dist, rows->rank);
        keep(rows,
             rows->source.format->read_sparse(&rows->source, type, place, out, &rows->misfit));
        status = trn_rows_outcome(rows);
    }
    if (status != TRN_OK) trn_sparse_destroy(out);
    return status;
}
