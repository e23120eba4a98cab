/* spgemm.h: products of two sparse matrices that lie in row bands over the ranks.
 *
 * Row i of C = A B needs the rows of B that row i of A names, all of them before its first entry is
 * final, for the terms of an entry are added in ascending k. So each rank asks the owners once for
 * the rows that its band of A names, gets those and no others (going round all of B's bands would
 * bring every row to every rank), and multiplies by itself. Where that takes more memory than
 * allowed, C and B are cut into column slabs that are fetched and multiplied one after the other:
 * first their patterns, to count C, then pattern and values, which go straight to their places. */
#ifndef TRN_MPI_SPARSE_SPGEMM_H
#define TRN_MPI_SPARSE_SPGEMM_H

#include "base/ledger.h"
#include "base/status.h"
#include "kern/sparse/spgemm.h"
#include "mpi/sparse/sparse.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    TRN_SPGEMM_BUCKETS = 256,     /* a slab is made of 1/256s of the columns */
    TRN_SPGEMM_MESSAGE = 4 << 20, /* bytes; long enough for full speed, and two are held */
};

/* Start with {0}: one thread, (+, x), any memory. */
typedef struct trn_spgemm_options {
    int threads;     /* of this rank; below 1: 1 */
    bool boolean;    /* (or, and): C is a pattern and values do not count */
    int64_t memory;  /* bytes that the product may allocate on a rank, C included; 0: any */
    int64_t beside;  /* bytes that are held beside, for what a refusal names */
    int64_t phases;  /* column slabs at the least, up to TRN_SPGEMM_BUCKETS */
    int64_t message; /* bytes of a message at most; 0: TRN_SPGEMM_MESSAGE */
    trn_spgemm_gather_t gather; /* for tests */
} trn_spgemm_options_t;

/* What a product came to. */
typedef struct trn_spgemm_report {
    int64_t terms;   /* multiplications of all ranks */
    int64_t entries; /* of C on all ranks */
    int64_t phases;  /* column slabs; more than 1: patterns were fetched twice */
} trn_spgemm_report_t;

/* C = A B. Every rank holds a band of rows of A and one of B, with all their columns, in the order
 * of the ranks and without gaps; bands may be empty and may be cut differently. C has A's bands and
 * is float64 if A or B is or if both are patterns, else float32, a pattern if `boolean`. The bits
 * of an entry depend on A and B alone: 0 plus its terms in ascending k in float64, rounded once;
 * sums of 0 stay entries. `report` may be NULL. Collective, equal options but for `threads`. Fails
 * (agreed) with TRN_USAGE (shapes, gaps), TRN_MEMORY (naming the amount that would do where
 * `memory` does not). Memory beside C: the slab of the rows of B that a rank's band of A names,
 * 4 bytes an entry of A, 24 a row of A, 16 a needed row of B, 2 messages, and a thread's scratch
 * (8 bytes a column of a slab). Cost: `terms` multiplications, and half as many steps more to count
 * where C has much less entries; a rank receives 4 bytes for each needed row that it does not have,
 * 4 bytes and a value for each of its entries, 4 bytes for each row asked of it; with several slabs
 * 8 bytes more for each needed row and slab and the 4 bytes of an entry twice. Source: Buluc,
 * Gilbert: Parallel sparse matrix-matrix multiplication and indexing (SIAM J. Sci. Comput. 34,
 * 2012) for phases; the rest is Gustavson's row-wise method, see kern/spgemm.h. */
trn_status_t trn_spgemm(MPI_Comm comm, const trn_sparse_t *a, const trn_sparse_t *b,
                        const trn_spgemm_options_t *options, trn_sparse_t **c,
                        trn_spgemm_report_t *report);

/* terms[i] = multiplications that row i of this rank's band of A takes in A B: the weights for
 * trn_sparse_cut_rows. Collective. Fails (agreed) as trn_spgemm does. Cost: as its planning. */
trn_status_t trn_spgemm_terms(MPI_Comm comm, const trn_sparse_t *a, const trn_sparse_t *b,
                              int64_t *terms);

/* Sizes of a product as one rank sees it, before there is data. */
typedef struct trn_spgemm_size {
    int ranks, threads;
    int64_t rows;           /* of this rank's band of A */
    int64_t inner, cols;    /* rows and columns of B */
    int64_t a, all_b;       /* entries of this rank's band of A, and of all of B */
    trn_sparse_type_t type; /* of C and B */
} trn_spgemm_size_t;

/* For plans. Entries of C that room is taken for, guessed as if those of A and B lay at random,
 * which makes the most of them; what trn_spgemm takes, of which C stays under "result". Local. */
int64_t trn_spgemm_guess(const trn_spgemm_size_t *size);
void trn_spgemm_take(trn_ledger_t *ledger, const trn_spgemm_size_t *size);

#endif
