/* spgemm_impl.h: how a rank gets the rows of B that its band of A names. Private to mpi/spgemm*.c.
 */
#ifndef TRN_MPI_SPARSE_SPGEMM_IMPL_H
#define TRN_MPI_SPARSE_SPGEMM_IMPL_H

#include "base/status.h"
#include "mpi/exchange.h"
#include "mpi/sparse/sparse.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* Columns [first_col, end_col) = buckets [first, end). */
typedef struct slab {
    int64_t first, end, first_col, end_col;
} slab_t;

/* Who needs what of B. Rows are "needed" by this rank and "asked" of it, its own included; both in
 * ascending order, rank by rank. */
typedef struct fetch {
    MPI_Comm comm;
    int rank, ranks;
    const trn_sparse_t *b;
    int64_t value_bytes;  /* of B's entries, 0 where values do not count */
    int64_t rows, cols;   /* of the whole of B */
    int64_t buckets;      /* parts of the columns that are counted apart */
    int64_t message;      /* items in one message */
    int64_t *band;        /* [ranks + 1] first row of each rank's band of B */
    int32_t *column;      /* [entries of A] which needed row an entry of A names */
    int64_t *needed;      /* [ranks + 1] where the rows of each rank begin among those needed */
    trn_parcels_t asked;  /* local rows asked, int32, each parcel filled up with -1 */
    int64_t *asked_count; /* [ranks] */
    int64_t *in, *out;    /* [ranks x buckets] entries of the rows needed and asked */
    void *buffer[2];      /* [message x 8 bytes] on their way out */
} fetch_t;

/* What may be fetched of each needed row. */
typedef enum item {
    ITEM_COUNT,  /* int32: how many entries it has in the slab */
    ITEM_COLUMN, /* int32: their columns from the slab's first on */
    ITEM_VALUE   /* of value_bytes */
} item_t;

/* Find out who needs what. Collective. Fails (agreed) with TRN_USAGE, TRN_MEMORY; give it to
 * fetch_free in any case. */
trn_status_t trn_spgemm_fetch_plan(fetch_t *fetch, MPI_Comm comm, const trn_sparse_t *a,
                                   const trn_sparse_t *b, bool values, bool buckets,
                                   int64_t message);

/* Free what it holds. Local. */
void trn_spgemm_fetch_free(fetch_t *fetch);

/* The slab of the buckets [first, end). Local. */
slab_t trn_spgemm_slab(const fetch_t *fetch, int64_t first, int64_t end);

/* Entries of all needed rows in a slab. Local. */
int64_t trn_spgemm_fetch_entries(const fetch_t *fetch, slab_t slab);

/* Fetch one item of every needed row, in order, to `into`. Collective; does not fail. */
void trn_spgemm_fetch(const fetch_t *fetch, slab_t slab, item_t item, void *into);

#endif
