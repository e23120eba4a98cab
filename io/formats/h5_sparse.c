/* h5_sparse.c: compressed rows and columns out of HDF5 of others (h5_sparse.h). */
#include "io/formats/h5_sparse.h"

#include "base/log.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/dist.h"

#include <stdio.h>
#include <string.h>

enum {
    PIECE = 1 << 16, /* entries that are read at a time */
    RATIO = 1100,    /* numbers that a stored byte may become: deflate makes 1032 bytes of one */
    SPARE = 64       /* bytes beside those */
};

/* Lists -----------------------------------------------------------------------------------------
 */

/* A list in the group, and room to read it. */
typedef struct list {
    trn_foreign_t *file;
    char name[4096];
    trn_dtype_t type;
    bool swapped;
    char *raw; /* [PIECE x 8] */
} list_t;

static trn_status_t open_list(list_t *list, trn_foreign_t *file, const char *group,
                              const char *name, trn_dtype_t type, bool swapped) {
    *list = (list_t){.file = file, .type = type, .swapped = swapped};
    snprintf(list->name, sizeof list->name, "%s/%s", strcmp(group, "/") == 0 ? "" : group, name);
    return trn_alloc(&list->raw, PIECE, 8, "numbers to convert");
}

/* Elements [first, first + count), at most PIECE, as `type`. */
static trn_status_t read_list(list_t *list, int64_t first, int64_t count, trn_dtype_t type,
                              void *values, trn_misfit_t *misfit) {
    int64_t bytes = count * trn_dtype_size(list->type);
    TRN_TRY(trn_foreign_read(list->file, list->name, first, count, list->raw, bytes));
    trn_numbers_t from = {list->type, list->swapped, list->raw, 1}, to = {type, false, values, 1};
    trn_convert(from, to, count, first, misfit);
    return TRN_OK;
}

/* Indices and pointers have to be whole numbers that int64 holds. */
static trn_status_t read_whole(list_t *list, const char *path, int64_t first, int64_t count,
                               int64_t *values) {
    trn_misfit_t misfit = {0};
    TRN_TRY(read_list(list, first, count, TRN_I64, values, &misfit));
    if (misfit.count == 0) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s:%s: element %lld is no whole number; damaged?", path, list->name,
                    (long long)misfit.first + 1);
}

/* Looking ---------------------------------------------------------------------------------------
 */

static const trn_foreign_item_t *part(trn_foreign_t *file, const char *group, const char *name) {
    char whole[4096];
    snprintf(whole, sizeof whole, "%s/%s", strcmp(group, "/") == 0 ? "" : group, name);
    const trn_foreign_item_t *item = trn_foreign_first(file);
    while (item && (item->kind != TRN_FOREIGN_ARRAY || strcmp(item->name, whole) != 0))
        item = trn_foreign_next(file, item);
    return item;
}

static trn_status_t find_list(trn_foreign_t *file, const char *group, const char *name,
                              trn_dtype_t *type, bool *swapped) {
    const trn_foreign_item_t *item = part(file, group, name);
    if (!item || item->type >= TRN_NUMBER_TYPES || !trn_dtype_whole((trn_dtype_t)item->type))
        return trn_fail(TRN_INPUT, "%s/%s: holds no whole numbers", group, name);
    /* A list of chunks that were never written can have any length: no filter packs better. */
    if (item->extent[0] / RATIO > item->bytes + SPARE)
        return trn_fail(TRN_INPUT, "%s/%s: says %lld numbers, but stores %lld bytes; damaged?",
                        group, name, (long long)item->extent[0], (long long)item->bytes);
    *type = (trn_dtype_t)item->type;
    *swapped = item->swapped != 0;
    return TRN_OK;
}

/* One more than the largest index. */
static trn_status_t find_side(trn_foreign_t *file, const char *group, const trn_h5_place_t *place,
                              int64_t *side) {
    list_t list;
    int64_t *values = NULL;
    *side = 0;
    trn_status_t status =
        open_list(&list, file, group, "indices", place->index_type, place->index_swapped);
    if (status == TRN_OK) status = trn_alloc(&values, PIECE, sizeof *values, "indices");
    for (int64_t first = 0, some; first < place->entries && status == TRN_OK; first += some) {
        some = place->entries - first < PIECE ? place->entries - first : PIECE;
        status = read_whole(&list, group, first, some, values);
        for (int64_t i = 0; i < some && status == TRN_OK; i++)
            if (values[i] >= *side && values[i] < INT64_MAX) *side = values[i] + 1;
    }
    trn_free(&values);
    trn_free(&list.raw);
    return status;
}

trn_status_t trn_h5_sparse_look(trn_foreign_t *file, const trn_foreign_item_t *item,
                                trn_h5_place_t *place, int64_t *rows, int64_t *cols) {
    place->entries = item->entries;
    TRN_TRY(find_list(file, item->name, "indices", &place->index_type, &place->index_swapped));
    TRN_TRY(find_list(file, item->name, "indptr", &place->start_type, &place->start_swapped));
    if (*rows < 0) TRN_TRY(find_side(file, item->name, place, rows));
    if (*cols < 0) TRN_TRY(find_side(file, item->name, place, cols));
    return TRN_OK;
}

/* Reading ---------------------------------------------------------------------------------------
 */

/* A walk over the entries of lines [line, end): rows of compressed rows, or columns. */
typedef struct walk {
    const trn_source_t *source;
    list_t data, indices, starts;
    int64_t line, end;   /* lines that are left */
    int64_t limit;       /* the other side */
    int64_t entries;     /* of the whole matrix */
    int64_t at, stop;    /* entries of the line at hand that are left */
    int64_t first, have; /* entries [first, first + have) are read */
    bool by_column;
    trn_dtype_t type;                  /* that values are wanted in */
    int64_t *start;                    /* [PIECE] where lines begin: those of lines ... */
    int64_t starts_first, starts_have; /* ... [starts_first, starts_first + starts_have) */
    int64_t *index;                    /* [PIECE] */
    double *value;                     /* [PIECE] */
    float *narrow;                     /* [PIECE] */
    trn_misfit_t misfit;
} walk_t;

static trn_status_t open_walk(walk_t *w, trn_foreign_t *file, const trn_h5_place_t *place) {
    const char *group = w->source->member;
    TRN_TRY(open_list(&w->data, file, group, "data", place->type, place->swapped));
    TRN_TRY(
        open_list(&w->indices, file, group, "indices", place->index_type, place->index_swapped));
    TRN_TRY(open_list(&w->starts, file, group, "indptr", place->start_type, place->start_swapped));
    TRN_TRY(trn_alloc(&w->start, PIECE, sizeof *w->start, "row pointers"));
    TRN_TRY(trn_alloc(&w->index, PIECE, sizeof *w->index, "indices"));
    TRN_TRY(trn_alloc(&w->narrow, PIECE, sizeof *w->narrow, "values"));
    return trn_alloc(&w->value, PIECE, sizeof *w->value, "values");
}

static void close_walk(walk_t *w) {
    trn_free(&w->data.raw);
    trn_free(&w->indices.raw);
    trn_free(&w->starts.raw);
    trn_free(&w->start);
    trn_free(&w->index);
    trn_free(&w->value);
    trn_free(&w->narrow);
}

/* Where line `i` begins among the entries, the line behind the last one too. */
static trn_status_t start_of(walk_t *w, int64_t i, int64_t lines, int64_t *start) {
    if (i < w->starts_first || i >= w->starts_first + w->starts_have) {
        w->starts_first = i;
        w->starts_have = lines + 1 - i < PIECE ? lines + 1 - i : PIECE;
        TRN_TRY(read_whole(&w->starts, w->source->path, i, w->starts_have, w->start));
    }
    *start = w->start[i - w->starts_first];
    return TRN_OK;
}

static int64_t lines_of(const walk_t *w) {
    return w->by_column ? w->source->cols : w->source->rows;
}

/* Go to the next line that has entries, or to the end. */
static trn_status_t next_line(walk_t *w) {
    int64_t lines = lines_of(w);
    while (w->at == w->stop && w->line < w->end) {
        TRN_TRY(start_of(w, w->line, lines, &w->at));
        TRN_TRY(start_of(w, w->line + 1, lines, &w->stop));
        bool ends = (w->line > 0 || w->at == 0) && (w->line + 1 < lines || w->stop == w->entries);
        if (w->at < 0 || w->at > w->stop || w->stop > w->entries || !ends)
            return trn_fail(TRN_INPUT, "%s:%s: does not ascend from 0 to %lld; damaged?",
                            w->source->path, w->starts.name, (long long)w->entries);
        w->line++;
    }
    return TRN_OK;
}

static trn_status_t read_entries(walk_t *w) {
    trn_misfit_t found = {0};
    w->first = w->at;
    w->have = w->entries - w->at < PIECE ? w->entries - w->at : PIECE;
    TRN_TRY(read_whole(&w->indices, w->source->path, w->first, w->have, w->index));
    /* As the type that is wanted, so that what it does not hold is seen here. */
    bool narrow = w->type == TRN_F32;
    TRN_TRY(read_list(&w->data, w->first, w->have, narrow ? TRN_F32 : TRN_F64,
                      narrow ? (void *)w->narrow : w->value, &found));
    for (int64_t i = 0; narrow && i < w->have; i++)
        w->value[i] = (double)w->narrow[i];
    if (found.count > 0 && w->misfit.count == 0)
        w->misfit.first = w->by_column ? 0 : (w->line - 1) * w->source->cols;
    w->misfit.count += found.count;
    return TRN_OK;
}

/* Up to `room` entries; 0: there are no more. */
static trn_status_t take_some(walk_t *w, int64_t room, trn_triplet_t *to, int64_t *count) {
    for (*count = 0; *count < room; ++*count) {
        if (w->at == w->stop) TRN_TRY(next_line(w));
        if (w->at == w->stop) return TRN_OK;
        if (w->at < w->first || w->at >= w->first + w->have) TRN_TRY(read_entries(w));
        int64_t index = w->index[w->at - w->first], line = w->line - 1;
        if (index < 0 || index >= w->limit)
            return trn_fail(TRN_INPUT, "%s:%s: element %lld is %lld, not from 0 to %lld; damaged?",
                            w->source->path, w->indices.name, (long long)w->at + 1,
                            (long long)index, (long long)w->limit - 1);
        to[*count] = (trn_triplet_t){w->by_column ? index : line, w->by_column ? line : index,
                                     w->value[w->at - w->first]};
        w->at++;
    }
    return TRN_OK;
}

/* Compressed rows -------------------------------------------------------------------------------
 */

static trn_status_t gather(walk_t *w, trn_triplet_t **triplets, int64_t *count) {
    int64_t room = 0, got;
    *count = 0;
    do {
        TRN_TRY(trn_grow(triplets, &room, *count + PIECE, sizeof **triplets, "entries"));
        TRN_TRY(take_some(w, room - *count, *triplets + *count, &got));
        *count += got;
    } while (got > 0);
    return TRN_OK;
}

trn_status_t trn_h5_sparse_rows(trn_foreign_t *file, const trn_h5_place_t *where,
                                const trn_source_t *source, trn_sparse_type_t type,
                                trn_extent_t place, trn_sparse_t **out, trn_misfit_t *misfit) {
    walk_t w = {.source = source,
                .line = place.first_row,
                .end = place.first_row + place.rows,
                .limit = source->cols,
                .entries = where->entries,
                .type = type == TRN_SPARSE_F32 ? TRN_F32 : TRN_F64};
    trn_triplet_t *triplets = NULL;
    int64_t count = 0;
    trn_status_t status = open_walk(&w, file, where);
    if (status == TRN_OK) status = gather(&w, &triplets, &count);
    if (status == TRN_OK) status = trn_sparse_create_from(out, type, place, count, &triplets);
    if (w.misfit.count > 0 && misfit->count == 0) misfit->first = w.misfit.first;
    misfit->count += w.misfit.count;
    trn_free(&triplets);
    close_walk(&w);
    return status;
}

/* Compressed columns ----------------------------------------------------------------------------
 */

typedef struct router {
    walk_t walk;
    const trn_route_t *to;
} router_t;

static int owner(void *user, int64_t row, int64_t col) {
    const trn_route_t *to = ((const router_t *)user)->to;
    return to->owner(to->user, row, col);
}

static trn_status_t give(void *user, int64_t room, trn_triplet_t *triplets, int64_t *count) {
    return take_some(&((router_t *)user)->walk, room, triplets, count);
}

static trn_status_t take(void *user, int64_t count, const trn_triplet_t *triplets) {
    const trn_route_t *to = ((const router_t *)user)->to;
    return to->take(to->user, count, triplets);
}

/* Numbers that did not fit, on all ranks together. Collective; the outcome is equal. */
static trn_status_t judge(const walk_t *w) {
    int64_t count = w->misfit.count;
    int rank;
    MPI_Comm_rank(w->source->comm, &rank);
    MPI_Allreduce(MPI_IN_PLACE, &count, 1, MPI_INT64_T, MPI_SUM, w->source->comm);
    if (count == 0) return TRN_OK;
    if (!w->source->lossy)
        return trn_fail(TRN_INPUT,
                        "%s:%s: %s cannot hold %lld of its numbers; choose a wider type, or let "
                        "`convert --misfits warn` round them",
                        w->source->path, w->data.name, trn_dtype_name(w->type), (long long)count);
    if (rank == 0)
        trn_log(TRN_LOG_WARN, "numbers", "%s: %lld numbers do not fit %s and were rounded",
                w->source->path, (long long)count, trn_dtype_name(w->type));
    return TRN_OK;
}

trn_status_t trn_h5_sparse_route(trn_foreign_t *file, const trn_h5_place_t *where,
                                 const trn_source_t *source, trn_dtype_t type,
                                 const trn_route_t *to) {
    enum { BATCH = 1 << 18 };
    int rank, ranks;
    MPI_Comm_rank(source->comm, &rank);
    MPI_Comm_size(source->comm, &ranks);
    router_t router = {.walk = {.source = source,
                                .line = trn_part_start(source->cols, ranks, rank),
                                .end = trn_part_start(source->cols, ranks, rank + 1),
                                .limit = source->rows,
                                .entries = where->entries,
                                .by_column = true,
                                .type = type},
                       .to = to};
    trn_status_t status = trn_agree(source->comm, open_walk(&router.walk, file, where));
    if (status == TRN_OK)
        status = trn_sparse_route(source->comm, &(trn_route_t){owner, give, take, &router}, BATCH);
    close_walk(&router.walk);
    return status == TRN_OK ? judge(&router.walk) : status;
}
