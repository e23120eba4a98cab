/* map.c: maps in memory and in stores. */
#include "algo/map/map.h"

#include "algo/matrix/tall_file.h"
#include "base/mem.h"
#include "kern/dense/finite.h"
#include "kern/dense/lapack.h"
#include "mpi/agree.h"
#include "mpi/large.h"

#include <stdio.h>
#include <string.h>

/* What is absent stays NULL and counts as zeros. On a failure the caller frees what there is. */
trn_status_t trn_map_allocate(trn_map_t *map) {
    TRN_TRY(trn_alloc_zero(&map->matrix, map->in * map->out, sizeof(double), "a map"));
    if (map->has_mean) TRN_TRY(trn_alloc_zero(&map->mean, map->in, sizeof(double), "a mean"));
    if (map->has_bias) TRN_TRY(trn_alloc_zero(&map->bias, map->out, sizeof(double), "a bias"));
    return trn_alloc_zero(&map->values, map->count, sizeof(double), "values of a map");
}

void trn_map_free(trn_map_t *map) {
    trn_free(&map->matrix);
    trn_free(&map->mean);
    trn_free(&map->bias);
    trn_free(&map->values);
    *map = (trn_map_t){0};
}

int64_t trn_map_numbers(const trn_map_t *map) {
    return map->in * map->out + (map->has_mean ? map->in : 0) + (map->has_bias ? map->out : 0) +
           map->count;
}

/* Into a store --------------------------------------------------------------------------------- */

/* Names that `apply` and others who read such a file go by; all float64. */
trn_status_t trn_map_declare(const trn_map_t *map, trn_store_t *store) {
    TRN_TRY(trn_store_dataset(store, "/matrix", TRN_F64, map->in, map->out));
    if (map->has_mean) TRN_TRY(trn_store_dataset(store, "/mean", TRN_F64, map->in, 0));
    if (map->has_bias) TRN_TRY(trn_store_dataset(store, "/bias", TRN_F64, map->out, 0));
    if (map->count) TRN_TRY(trn_store_dataset(store, "/values", TRN_F64, map->count, 0));
    if (map->views > 1) TRN_TRY(trn_store_dataset(store, "/views", TRN_I64, map->views, 0));
    return trn_store_set_text(store, "/", "fit", map->fit);
}

trn_status_t trn_map_write(const trn_map_t *map, MPI_Comm comm, trn_store_t *store) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    TRN_TRY(trn_tall_write_whole(store, "/matrix", comm, map->in, map->matrix));
    if (map->has_mean) TRN_TRY(trn_tall_write_whole(store, "/mean", comm, map->in, map->mean));
    if (map->has_bias) TRN_TRY(trn_tall_write_whole(store, "/bias", comm, map->out, map->bias));
    if (map->count) TRN_TRY(trn_tall_write_whole(store, "/values", comm, map->count, map->values));
    if (map->views <= 1) return TRN_OK;
    return trn_store_write(store, "/views", rank == 0 ? 0 : map->views, rank == 0 ? map->views : 0,
                           map->view);
}

/* Out of a store ------------------------------------------------------------------------------- */

trn_status_t trn_map_kind(MPI_Comm comm, const char *path, char *kind, int size) {
    int rank, ours = 0;
    bool found = false;
    trn_store_t *store;
    const char *text;
    MPI_Comm_rank(comm, &rank);
    kind[0] = 0;
    /* A name that is no file's, such as FILE:TENSOR, is not a store of a map either. */
    if (rank == 0) ours = trn_store_recognized(path, &found) == TRN_OK && found;
    MPI_Bcast(&ours, 1, MPI_INT, 0, comm);
    if (!ours) return TRN_OK;
    TRN_TRY(trn_store_open(&store, comm, path, NULL));
    trn_status_t status = trn_store_get_text(store, "/", "kind", &text);
    if (status == TRN_OK) snprintf(kind, (size_t)size, "%s", text);
    trn_store_close(&store);
    return trn_agree(comm, status);
}

/* Of the views that a store tells; one without is of one. */
static trn_status_t read_views(trn_map_t *map, trn_store_t *store, const char *path) {
    int64_t sum = 0;
    map->views = 1;
    map->view[0] = map->in;
    if (!trn_store_has(store, "/views", NULL, NULL, NULL)) return TRN_OK;
    TRN_TRY(trn_store_need(store, "/views", TRN_I64, &map->views, 0));
    if (map->views < 1 || map->views > TRN_MAP_VIEWS)
        return trn_fail(TRN_INPUT, "%s: /views: %lld of them; 1 to %d are possible", path,
                        (long long)map->views, (int)TRN_MAP_VIEWS);
    TRN_TRY(trn_store_read(store, "/views", 0, map->views, map->view));
    for (int64_t v = 0; v < map->views; v++) {
        if (map->view[v] < 1 || map->view[v] > map->in - sum)
            return trn_fail(TRN_INPUT, "%s: /views: entry %lld (from 0) does not fit /matrix", path,
                            (long long)v);
        sum += map->view[v];
    }
    if (sum == map->in) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: /views: %lld columns together, but /matrix has %lld rows", path,
                    (long long)sum, (long long)map->in);
}

/* One that may be there, of `wanted` numbers. */
static trn_status_t look_at_line(const trn_store_t *store, const char *name, int64_t wanted,
                                 bool *there, const char *path) {
    int64_t rows;
    *there = trn_store_has(store, name, NULL, NULL, NULL);
    if (!*there) return TRN_OK;
    TRN_TRY(trn_store_need(store, name, TRN_F64, &rows, 0));
    if (rows == wanted) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: %s: %lld numbers, but /matrix needs %lld", path, name,
                    (long long)rows, (long long)wanted);
}

/* A store may be anybody's: shapes are believed only where they fit each other, and BLAS counts by
 * int. */
static trn_status_t look_at(trn_map_t *map, trn_store_t *store, const char *path) {
    const char *fit;
    trn_dtype_t type;
    TRN_TRY(trn_store_readable(store, "/matrix"));
    if (!trn_store_has(store, "/matrix", &type, &map->in, &map->out) || type != TRN_F64 ||
        map->in < 1 || map->out < 1 || map->in > INT32_MAX || map->out > INT32_MAX)
        return trn_fail(TRN_INPUT, "%s: /matrix is no float64 matrix of a map", path);
    TRN_TRY(look_at_line(store, "/mean", map->in, &map->has_mean, path));
    TRN_TRY(look_at_line(store, "/bias", map->out, &map->has_bias, path));
    TRN_TRY(trn_store_get_text(store, "/", "fit", &fit));
    snprintf(map->fit, sizeof map->fit, "%s", fit);
    return read_views(map, store, path);
}

trn_status_t trn_map_look(trn_map_t *map, MPI_Comm comm, const char *path) {
    trn_store_t *store;
    *map = (trn_map_t){0};
    TRN_TRY(trn_store_open(&store, comm, path, "map"));
    trn_status_t status = trn_agree(comm, look_at(map, store, path));
    trn_store_close(&store);
    return status;
}

/* One of the parts, of which absent ones have no place. Numbers that are not finite would spread to
 * every row, so they are refused here, where their file can be named. */
static trn_status_t read_line(trn_store_t *store, const char *name, int64_t rows, int64_t cols,
                              double *values) {
    if (!values) return TRN_OK;
    TRN_TRY(trn_store_read(store, name, 0, rows, values));
    int64_t at = trn_not_finite_f64(rows * cols, values);
    if (at < 0) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: %s: row %lld, column %lld (from 0) is %g",
                    trn_store_path(store), name, (long long)(at / cols), (long long)(at % cols),
                    values[at]);
}

/* Rank 0 alone. Local. */
static trn_status_t load(trn_map_t *map, trn_store_t *store) {
    TRN_TRY(trn_map_allocate(map));
    TRN_TRY(read_line(store, "/matrix", map->in, map->out, map->matrix));
    TRN_TRY(read_line(store, "/mean", map->in, 1, map->mean));
    return read_line(store, "/bias", map->out, 1, map->bias);
}

trn_status_t trn_map_load(trn_map_t *map, MPI_Comm comm, const char *path) {
    int rank;
    trn_store_t *store;
    MPI_Comm_rank(comm, &rank);
    TRN_TRY(trn_store_open(&store, comm, path, "map"));
    trn_status_t status = trn_agree(comm, rank == 0 ? load(map, store) : TRN_OK);
    trn_store_close(&store);
    return status;
}

trn_status_t trn_map_share(trn_map_t *map, MPI_Comm comm) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    TRN_AGREE(comm, rank == 0 || map->matrix ? TRN_OK : trn_map_allocate(map));
    trn_bcast_large(comm, map->in * map->out, MPI_DOUBLE, map->matrix);
    if (map->has_mean) trn_bcast_large(comm, map->in, MPI_DOUBLE, map->mean);
    if (map->has_bias) trn_bcast_large(comm, map->out, MPI_DOUBLE, map->bias);
    return TRN_OK;
}
