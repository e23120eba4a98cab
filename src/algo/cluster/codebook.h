/* codebook.h: centers in a file: a store of kind "codebook", or any matrix, a center a row. */
#ifndef TRN_ALGO_CLUSTER_CODEBOOK_H
#define TRN_ALGO_CLUSTER_CODEBOOK_H

#include "base/status.h"
#include "io/store/store.h"
#include "mpi/matrix.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* On every rank. Start with {0}. */
typedef struct trn_codebook {
    const char *path; /* borrowed */
    int64_t parts;    /* pieces that a row is cut into, each with centers of its own; 1: whole */
    int64_t k, width; /* centers of a part, and their numbers: a row has parts x width */
    double *center;   /* [parts x k x width] */
    bool signs;   /* a part's code is the signs of its numbers (hashed.h), not the nearest center */
    int64_t rows; /* of the matrix that a store was made from; 0: not told */
    int32_t *label; /* [rows] its labels, if they were asked for and are there */
} trn_codebook_t;

/* Read a codebook, with its labels if they are `wanted`. Collective, equal arguments. Fails
 * (agreed) with TRN_INPUT (none there, NaN or infinity, labels out of range, no labels),
 * TRN_MEMORY, TRN_IO. Cost: each rank reads it. */
trn_status_t trn_codebook_read(trn_codebook_t *book, MPI_Comm comm, const char *path, bool wanted);

/* Free what it holds; {0} and twice are fine. Local. */
void trn_codebook_free(trn_codebook_t *book);

/* Declare /codebook, `parts` times k rows of `width` numbers of `type` (float32 or float64); write
 * rows [first, first + rows) of it. Collective; Local. Fail as the store's calls do, and with
 * TRN_NUMERIC where float32 does not hold a number. */
trn_status_t trn_codebook_declare(trn_store_t *store, int64_t parts, int64_t k, int64_t width,
                                  trn_dtype_t type);
trn_status_t trn_codebook_write(trn_store_t *store, int64_t first, trn_view_t center,
                                trn_dtype_t type);

#endif
