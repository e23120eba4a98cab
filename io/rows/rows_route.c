/* rows_route.c: entries without order on their way to the ranks that own their rows. */
#include "base/log.h"
#include "base/mem.h"
#include "io/rows/misfit.h"
#include "io/rows/rows_impl.h"
#include "mpi/agree.h"

#include <string.h>

trn_status_t trn_rows_count(trn_rows_t *rows) {
    const trn_file_format_t *format = rows->source.format;
    return rows->source.routed && format->count ? format->count(&rows->source) : TRN_OK;
}

/* Sparse: entries pile up, and become a block in the end. */
typedef struct heap {
    const trn_dist_t *dist;
    trn_triplet_t *triplets;
    int64_t count, room;
} heap_t;

static int heap_owner(void *user, int64_t row, int64_t col) {
    return trn_sparse_owner(((heap_t *)user)->dist, row, col);
}

static trn_status_t heap_take(void *user, int64_t count, const trn_triplet_t *triplets) {
    heap_t *heap = user;
    TRN_TRY(trn_grow(&heap->triplets, &heap->room, heap->count + count, sizeof *triplets,
                     "entries of a matrix"));
    memcpy(heap->triplets + heap->count, triplets, (size_t)count * sizeof *triplets);
    heap->count += count;
    return TRN_OK;
}

/* Collective. */
static void warn_of_sums(const trn_rows_t *rows, int64_t summed) {
    MPI_Allreduce(MPI_IN_PLACE, &summed, 1, MPI_INT64_T, MPI_SUM, rows->comm);
    if (rows->rank == 0 && summed > 0)
        trn_log(TRN_LOG_WARN, "matrix",
                "%s: %lld entries have the place of another; they were summed", rows->path,
                (long long)summed);
}

/* Room for this rank's even share and a sixteenth more, but no more at once than growing begins to
 * be without copies at: what a head says of the number of entries may be a lie. */
static trn_status_t heap_begin(heap_t *heap, const trn_rows_t *rows) {
    enum { MOST = 1 << 18 /* 6 MB */ };
    int64_t share = rows->about.entries / rows->ranks + 1;
    if (share > MOST) share = MOST;
    heap->room = share + share / 16;
    return trn_alloc(&heap->triplets, heap->room, sizeof *heap->triplets, "entries of a matrix");
}

trn_status_t trn_rows_route_sparse(trn_rows_t *rows, trn_sparse_type_t type, const trn_dist_t *dist,
                                   trn_sparse_t **sparse) {
    heap_t heap = {.dist = dist};
    trn_route_t to = {heap_owner, NULL, heap_take, &heap};
    trn_dtype_t real = type == TRN_SPARSE_F32 ? TRN_F32 : TRN_F64;
    trn_status_t status = trn_agree(rows->comm, heap_begin(&heap, rows));
    if (status == TRN_OK) status = rows->source.format->route(&rows->source, real, &to);
    if (status == TRN_OK) {
        trn_extent_t place = trn_sparse_extent_of(dist, rows->rank);
        status = trn_agree(rows->comm,
                           trn_sparse_create_from(sparse, type, place, heap.count, &heap.triplets));
    }
    trn_free(&heap.triplets);
    if (status == TRN_OK) warn_of_sums(rows, heap.count - trn_sparse_count(*sparse));
    return status;
}

/* Dense: every entry goes to its place at once. */
typedef struct target {
    const trn_dist_t *dist;
    trn_dtype_t type;
    int64_t first, cols;
    char *values;
    trn_misfit_t misfit;
} target_t;

static int target_owner(void *user, int64_t row, int64_t col) {
    return trn_sparse_owner(((target_t *)user)->dist, row, col);
}

static trn_status_t target_take(void *user, int64_t count, const trn_triplet_t *triplets) {
    target_t *target = user;
    int64_t size = trn_dtype_size(target->type);
    for (int64_t i = 0; i < count; i++) {
        int64_t at = (triplets[i].row - target->first) * target->cols + triplets[i].col;
        trn_numbers_t from = {TRN_F64, false, (void *)&triplets[i].value, 1};
        trn_numbers_t to = {target->type, false, target->values + at * size, 1};
        trn_convert(from, to, 1, triplets[i].row * target->cols + triplets[i].col, &target->misfit);
    }
    return TRN_OK;
}

trn_status_t trn_rows_route_dense(trn_rows_t *rows, trn_dtype_t type, const trn_dist_t *dist,
                                  void *values) {
    trn_extent_t place = trn_sparse_extent_of(dist, rows->rank);
    target_t target = {dist, type, place.first_row, rows->about.cols, values, {0}};
    trn_route_t to = {target_owner, NULL, target_take, &target};
    memset(values, 0, (size_t)(place.rows * rows->about.cols * trn_dtype_size(type)));
    TRN_TRY(rows->source.format->route(&rows->source, type, &to));
    return trn_misfit_judge(rows->comm, rows->path, rows->about.cols, type, &target.misfit,
                            rows->source.lossy);
}
