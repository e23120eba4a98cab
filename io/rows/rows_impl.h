/* rows_impl.h: the inside of an open matrix of rows, for the files of io/rows only. */
#ifndef TRN_IO_ROWS_ROWS_IMPL_H
#define TRN_IO_ROWS_ROWS_IMPL_H

#include "io/formats/format.h"
#include "io/rows/rows.h"

enum { TRN_NAMES_BLOCK = 4096 /* names that are read at a time, as stores keep them */ };

/* A failure that is told later. */
typedef struct trn_kept {
    trn_status_t status;
    char message[1024];
} trn_kept_t;

struct trn_rows {
    MPI_Comm comm;
    int rank, ranks;
    char *path; /* as given */
    trn_source_t source;
    trn_rows_about_t about;
    /* Names in a file beside it. */
    char *names_file; /* NULL: none */
    char **list;      /* rank 0: [rows], once they are read */
    /* Holding: blocks [first_block, first_block + own_blocks) of `block` rows are this rank's. */
    int64_t block, blocks, first_block, own_blocks;
    trn_dtype_t type;
    char *band;           /* all own rows; NULL: not resident */
    char *buffer;         /* one block */
    trn_sparse_t *sparse; /* own rows of what has no order, all columns */
    trn_misfit_t misfit;
    trn_dtype_t wanted; /* what numbers were read as last: what is said of misfits */
    bool warned;        /* of misfits */
    trn_kept_t kept;
};

/* First row of a rank (rank = P: all rows) when its whole blocks are dealt. Local. */
int64_t trn_rows_start(const trn_rows_t *rows, int rank);

/* True if `dist` cuts rows only, and band r lies on rank r. Local. Cost: O(bands). */
bool trn_rows_banded(const trn_dist_t *dist);

/* See that a source without order holds what its head says, before memory is taken for it.
 * Collective. Fails (agreed). */
trn_status_t trn_rows_count(trn_rows_t *rows);

/* Bring the entries of a source without order to their owners: `dist` cuts rows into bands, one a
 * rank. Sparse entries become *sparse, of `type`; a dense array goes to values[own rows x cols] of
 * `type` (which is zeroed before). Collective. Fails (agreed). */
trn_status_t trn_rows_route_sparse(trn_rows_t *rows, trn_sparse_type_t type, const trn_dist_t *dist,
                                   trn_sparse_t **sparse);
trn_status_t trn_rows_route_dense(trn_rows_t *rows, trn_dtype_t type, const trn_dist_t *dist,
                                  void *values);

/* Put the entries of a sparse block into values[rows x cols] of `type`, zeros elsewhere: local rows
 * [first, first + count) of the block. Local. */
void trn_rows_fill(const trn_sparse_t *sparse, int64_t first, int64_t count, int64_t cols,
                   trn_dtype_t type, void *values, trn_misfit_t *misfit);

/* Names [first, first + count), a block of TRN_NAMES_BLOCK or what is left, on rank 0, in order;
 * one allocation there, NULL elsewhere. Collective. Fails (agreed). */
trn_status_t trn_rows_names_block(trn_rows_t *rows, int64_t first, int64_t count, char ***names);

#endif
