/* tall_file.h: tall matrices from files of any format into memory, and into stores; those that
 * memory may not hold: tall_in.h. */
#ifndef TRN_ALGO_MATRIX_TALL_FILE_H
#define TRN_ALGO_MATRIX_TALL_FILE_H

#include "algo/matrix/matrix_file.h"
#include "algo/matrix/tall.h"
#include "io/store/store.h"

#include <mpi.h>

/* A matrix that was loaded, and the view of it. Start with {0}. */
typedef struct trn_tall_file {
    trn_dist_t *dist;
    trn_matrix_t *matrix;
    trn_tall_t tall;
} trn_tall_file_t;

/* Load `path`, which trn_matrix_file_probe has looked at, as numbers of `type`. Collective, equal
 * arguments. Fails (agreed) as trn_matrix_file_load. */
trn_status_t trn_tall_file_load_as(trn_tall_file_t *file, MPI_Comm comm, const char *path,
                                   const trn_matrix_info_t *info, trn_matrix_type_t type);

/* The same as float64, of finite numbers. Collective, equal arguments. Fails (agreed) likewise, and
 * with TRN_NUMERIC naming the first entry of some rank that is not finite. */
trn_status_t trn_tall_file_load(trn_tall_file_t *file, MPI_Comm comm, const char *path,
                                const trn_matrix_info_t *info);

/* Free what it holds; it is as new. Local. */
void trn_tall_file_free(trn_tall_file_t *file);

/* Declare the float64 dataset `name` for x. Collective. Fails with TRN_MEMORY. */
trn_status_t trn_tall_declare(trn_store_t *store, const char *name, trn_tall_t x);

/* Write this rank's rows of x, which has no gaps between rows. Local. Fails with TRN_IO,
 * TRN_MEMORY; see trn_store_write. */
trn_status_t trn_tall_write(trn_store_t *store, const char *name, trn_tall_t x);

/* Write all `rows` rows of what every rank holds, by rank 0 of `comm`. Local. Fails as above. */
trn_status_t trn_tall_write_whole(trn_store_t *store, const char *name, MPI_Comm comm, int64_t rows,
                                  const double *data);

#endif
