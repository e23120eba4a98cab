/* map.h: affine maps of rows, y = (x - mean) matrix + bias, as `fit` makes them and `apply` takes
 * them, and the stores that hold them (kind "map").
 *
 * Shapes are known on every rank. Numbers are on rank 0, where all that is small is reckoned, so
 * that no other rank's LAPACK has a say in the bits, until trn_map_share sends them round. */
#ifndef TRN_ALGO_MAP_MAP_H
#define TRN_ALGO_MAP_MAP_H

#include "base/ledger.h"
#include "base/status.h"
#include "io/store/store.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    TRN_MAP_FIT = 16,   /* bytes of the name of a kind */
    TRN_MAP_VIEWS = 256 /* matrices side by side that a map was fitted to, at most */
};

/* Start with {0}. */
typedef struct trn_map {
    char fit[TRN_MAP_FIT];   /* the kind that it was fitted as; "" for a composition */
    int64_t in, out;         /* numbers of a row before and after */
    bool has_mean, has_bias; /* else they count as zeros, and are NULL */
    double *matrix;          /* [in x out] */
    double *mean, *bias;     /* [in], [out] */
    int64_t count;
    double *values; /* [count], descending: what the fit found: eigenvalues or singular values */
    int64_t views;  /* matrices side by side; at least 1 */
    int64_t view[TRN_MAP_VIEWS]; /* their widths */
} trn_map_t;

/* Take memory for the numbers of a map whose shape is set, all zero, on this rank. Fails with
 * TRN_MEMORY. Local. */
trn_status_t trn_map_allocate(trn_map_t *map);

/* Free what it holds; {0} and twice are fine. Local. */
void trn_map_free(trn_map_t *map);

/* Declare and write a map whose numbers rank 0 has: /matrix, /mean, /bias, /values, /views, and
 * the attribute "fit". As the steps of a verb (cli/steps.h): Collective, and Local. Fail as
 * trn_store_dataset and trn_store_write. */
trn_status_t trn_map_declare(const trn_map_t *map, trn_store_t *store);
trn_status_t trn_map_write(const trn_map_t *map, MPI_Comm comm, trn_store_t *store);

/* What kind of store `path` is, "" if none of ours: kind[size] on every rank. Collective. Fails
 * (agreed) as trn_store_open. */
trn_status_t trn_map_kind(MPI_Comm comm, const char *path, char *kind, int size);

/* The shape of the map in `path`. Collective. Fails (agreed) with TRN_INPUT (no map, or one whose
 * parts do not fit), TRN_IO, TRN_MEMORY. */
trn_status_t trn_map_look(trn_map_t *map, MPI_Comm comm, const char *path);

/* Its numbers, on rank 0, after trn_map_look. Collective. Fails (agreed) likewise, also for numbers
 * that are not finite. */
trn_status_t trn_map_load(trn_map_t *map, MPI_Comm comm, const char *path);

/* first = the map that does what `first` does and then what `second` does; first.out is second.in.
 * For rank 0. Local. Fails with TRN_MEMORY. Cost: one product of the matrices. */
trn_status_t trn_map_then(trn_map_t *first, const trn_map_t *second);

/* The shape of that. Local. */
void trn_map_then_shape(trn_map_t *first, const trn_map_t *second);

/* Whether rows can be brought back, by the shape and kind alone; *exact: all of them, else as the
 * nearest of those that the map keeps whole (pca, whiten, slice of fewer columns). Fails with
 * TRN_INPUT naming `path`. Local. */
trn_status_t trn_map_invertible(const trn_map_t *map, const char *path, bool *exact);

/* The map becomes its inverse. For rank 0, after trn_map_invertible. Fails with TRN_INPUT naming
 * `path` where the matrix is singular, TRN_MEMORY. Local. Cost: 2 n^3 flop. */
trn_status_t trn_map_invert(trn_map_t *map, const char *path);

/* The shape of the inverse. Local. */
void trn_map_invert_shape(trn_map_t *map);

/* The numbers of rank 0 on every rank. Collective. Fails (agreed) with TRN_MEMORY. */
trn_status_t trn_map_share(trn_map_t *map, MPI_Comm comm);

/* Numbers of a map, for plans. Local. */
int64_t trn_map_numbers(const trn_map_t *map);

/* What inverting it takes beside it, for plans; under "work". Local. */
void trn_map_invert_plan(trn_ledger_t *ledger, const trn_map_t *map);

#endif
