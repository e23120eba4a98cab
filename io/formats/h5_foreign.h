/* h5_foreign.h: HDF5 of others in the table of formats: any dataset of numbers, compressed rows and
 * columns as AnnData, 10x and h5py users write them, and datasets written into such files. */
#ifndef TRN_IO_FORMATS_H5_FOREIGN_H
#define TRN_IO_FORMATS_H5_FOREIGN_H

#include "io/formats/format.h"
#include "io/store/store.h"

/* A matrix in a file of others, or in a store of ours whose datasets others have packed. Opaque. */
typedef struct trn_h5_foreign trn_h5_foreign_t;

/* Open `source->path` and choose source->member, or the only matrix; fills in the source but for
 * `self`. Collective. Fails (agreed) with TRN_INPUT (damaged, none or several matrices, what cannot
 * be read and why), TRN_MEMORY, TRN_IO. */
trn_status_t trn_h5_foreign_open(trn_h5_foreign_t **foreign, trn_source_t *source);
/* Free and set the pointer to NULL; NULL is fine. Local. */
void trn_h5_foreign_close(trn_h5_foreign_t **foreign);

/* The next six are as the functions of a format (format.h). As `read`. Local. */
trn_status_t trn_h5_foreign_read(trn_h5_foreign_t *foreign, const trn_source_t *source,
                                 int64_t first, int64_t rows, trn_dtype_t type, void *values,
                                 trn_misfit_t *misfit);
/* As `read_sparse`: compressed rows. Local. */
trn_status_t trn_h5_foreign_read_sparse(trn_h5_foreign_t *foreign, const trn_source_t *source,
                                        trn_sparse_type_t type, trn_extent_t place,
                                        trn_sparse_t **out, trn_misfit_t *misfit);
/* As `route`: compressed columns. Collective. */
trn_status_t trn_h5_foreign_route(trn_h5_foreign_t *foreign, const trn_source_t *source,
                                  trn_dtype_t type, const trn_route_t *to);
/* As `names`. Collective. */
trn_status_t trn_h5_foreign_names(trn_h5_foreign_t *foreign, const trn_source_t *source,
                                  int64_t first, int64_t count, char ***names);
/* As `tell`. Local. */
void trn_h5_foreign_tell(const trn_h5_foreign_t *foreign, json_t *into);
/* As `list`. Collective. */
trn_status_t trn_h5_foreign_list(MPI_Comm comm, const char *path,
                                 void (*visit)(void *user, const trn_item_t *item), void *user);

/* *both = the strings of `dataset`, then each with "^-1" behind, as a graph's model has vectors for
 * relations and their inverses; freed with trn_free. Collective. Fails (agreed) as
 * trn_store_read_strings. */
trn_status_t trn_h5_both_names(trn_store_t *store, const char *dataset, MPI_Comm comm,
                               char ***both);

/* FILE.h5:/DATASET: into a copy of FILE, which takes its place, or into a new one: `begin`, `put`
 * and `finish` of a format. Collective, Local, Collective. Fail with TRN_INPUT too: FILE is no
 * HDF5, a store of ours, or has such a dataset. */
trn_status_t trn_h5_member_begin(trn_sink_t *sink);
/* Local. */
trn_status_t trn_h5_member_put(trn_sink_t *sink, int64_t first, int64_t rows, const void *values);
/* Collective. */
trn_status_t trn_h5_member_finish(trn_sink_t *sink, trn_status_t status);

#endif
