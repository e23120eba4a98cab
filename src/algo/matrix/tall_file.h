/* tall_file.h: tall matrices from files of any format, and into stores. */
#ifndef TRN_ALGO_MATRIX_TALL_FILE_H
#define TRN_ALGO_MATRIX_TALL_FILE_H

#include "algo/matrix/matrix_file.h"
#include "algo/matrix/tall.h"
#include "base/ledger.h"
#include "io/rows/rows.h"
#include "io/store/store.h"

#include <mpi.h>
#include <stdbool.h>

/* A matrix that was loaded, or whose rows are read anew in every pass, and the view of it. Start
 * with {0}; it must stay where it is while the view is in use. */
typedef struct trn_tall_file {
    trn_dist_t *dist;
    trn_matrix_t *matrix;
    trn_rows_t *rows; /* NULL: loaded */
    trn_tall_source_t source;
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

/* Whether the rows of such a file can be read block by block: it is dense, they are in order, and
 * there are no fewer of them than columns. Local. */
bool trn_tall_file_streams(const trn_matrix_info_t *info);

/* Open `path` for reading its rows, as numbers of `type`, a block of trn_tall_block at a time: what
 * memory does not hold. Bits of what is made of them are those of rows that are loaded.
 * Collective, equal arguments. Fails (agreed) as trn_rows_open. */
trn_status_t trn_tall_file_stream(trn_tall_file_t *file, MPI_Comm comm, const char *path,
                                  const trn_matrix_info_t *info, trn_matrix_type_t type);

/* How reading went in the passes that came to `status`: a failure to read goes before what was
 * made of the zeros in its place. Collective. Fails (agreed) as trn_rows_outcome, or as given. */
trn_status_t trn_tall_file_outcome(const trn_tall_file_t *file, trn_status_t status);

/* What a stream takes, under "matrix" until it is closed. Local. */
void trn_tall_file_stream_plan(trn_ledger_t *ledger, const trn_matrix_info_t *info,
                               trn_matrix_type_t type);

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
