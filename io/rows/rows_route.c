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

/* Where entries go. */
typedef struct way {
    const trn_dist_t *dist;
    const int64_t *place; /* [rows] where rows go, or nowhere (-1); NULL: they stay as they are */
    int64_t rows;
    int rank; /* where those stay that go nowhere, to be left out at once */
} way_t;

/* `user` begins with a way_t. */
static int owner(void *user, int64_t row, int64_t col) {
    const way_t *way = user;
    if (row < 0 || row >= way->rows) return -1; /* to be refused */
    int64_t to = way->place ? way->place[row] : row;
    return to < 0 ? way->rank : trn_sparse_owner(way->dist, to, col);
}

static way_t way_of(const trn_rows_t *rows, const trn_dist_t *dist, const int64_t *place) {
    return (way_t){dist, place, rows->about.rows, rows->rank};
}

/* Sparse: entries pile up, and become a block in the end. */
typedef struct heap {
    way_t way; /* first */
    trn_triplet_t *triplets;
    int64_t count, room;
} heap_t;

static trn_status_t heap_take(void *user, int64_t count, const trn_triplet_t *triplets) {
    heap_t *heap = user;
    int64_t kept = count;
    for (int64_t i = 0; i < count && heap->way.place; i++)
        kept -= heap->way.place[triplets[i].row] < 0;
    TRN_TRY(trn_grow(&heap->triplets, &heap->room, heap->count + kept, sizeof *triplets,
                     "entries of a matrix"));
    for (int64_t i = 0; i < count; i++) {
        trn_triplet_t entry = triplets[i];
        if (heap->way.place) entry.row = heap->way.place[entry.row];
        if (entry.row >= 0) heap->triplets[heap->count++] = entry;
    }
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
    int64_t share = rows->about.entries / rows->ranks + 1, stay = 0;
    for (int64_t i = 0; i < heap->way.rows && heap->way.place; i++)
        stay += heap->way.place[i] >= 0;
    if (heap->way.place)
        share = (int64_t)((double)share * (double)stay / (double)heap->way.rows) + 1;
    if (share > MOST) share = MOST;
    heap->room = share + share / 16;
    return trn_alloc(&heap->triplets, heap->room, sizeof *heap->triplets, "entries of a matrix");
}

static trn_status_t route_sparse(trn_rows_t *rows, trn_sparse_type_t type, const trn_dist_t *dist,
                                 const int64_t *move, trn_sparse_t **sparse) {
    heap_t heap = {.way = way_of(rows, dist, move)};
    trn_route_t to = {owner, NULL, heap_take, &heap};
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

trn_status_t trn_rows_route_sparse(trn_rows_t *rows, trn_sparse_type_t type, const trn_dist_t *dist,
                                   trn_sparse_t **sparse) {
    return route_sparse(rows, type, dist, NULL, sparse);
}

/* Dense: every entry goes to its place at once. */
typedef struct target {
    way_t way; /* first */
    trn_dtype_t type;
    int64_t first, cols;
    char *values;
    trn_misfit_t misfit;
} target_t;

static trn_status_t target_take(void *user, int64_t count, const trn_triplet_t *triplets) {
    target_t *target = user;
    int64_t size = trn_dtype_size(target->type);
    for (int64_t i = 0; i < count; i++) {
        int64_t row = target->way.place ? target->way.place[triplets[i].row] : triplets[i].row;
        int64_t at = (row - target->first) * target->cols + triplets[i].col;
        if (row < 0) continue;
        trn_numbers_t from = {TRN_F64, false, (void *)&triplets[i].value, 1};
        trn_numbers_t to = {target->type, false, target->values + at * size, 1};
        trn_convert(from, to, 1, triplets[i].row * target->cols + triplets[i].col, &target->misfit);
    }
    return TRN_OK;
}

static trn_status_t route_dense(trn_rows_t *rows, trn_dtype_t type, const trn_dist_t *dist,
                                const int64_t *move, void *values) {
    trn_extent_t place = trn_sparse_extent_of(dist, rows->rank);
    target_t target = {.way = way_of(rows, dist, move),
                       .type = type,
                       .first = place.first_row,
                       .cols = rows->about.cols,
                       .values = values};
    trn_route_t to = {owner, NULL, target_take, &target};
    memset(values, 0, (size_t)(place.rows * rows->about.cols * trn_dtype_size(type)));
    TRN_TRY(rows->source.format->route(&rows->source, type, &to));
    return trn_misfit_judge(rows->comm, rows->path, rows->about.cols, type, &target.misfit,
                            rows->source.lossy);
}

trn_status_t trn_rows_route_dense(trn_rows_t *rows, trn_dtype_t type, const trn_dist_t *dist,
                                  void *values) {
    return route_dense(rows, type, dist, NULL, values);
}

/* Entries of a sparse file pile up, of a dense one they have their places. */
trn_status_t trn_rows_load_moved(trn_rows_t *rows, const int64_t *place, const trn_dist_t *dist,
                                 trn_sparse_t **sparse, double *values) {
    trn_sparse_t *own = NULL;
    if (sparse) *sparse = NULL;
    TRN_TRY(trn_rows_count(rows));
    rows->wanted = TRN_F64;
    if (!rows->source.sparse) return route_dense(rows, TRN_F64, dist, place, values);
    TRN_TRY(route_sparse(rows, TRN_SPARSE_F64, dist, place, sparse ? sparse : &own));
    if (sparse) return TRN_OK;
    trn_rows_fill(own, 0, trn_sparse_extent(own).rows, rows->about.cols, TRN_F64, values,
                  &rows->misfit);
    trn_sparse_destroy(&own);
    return TRN_OK;
}
