/* spmm.h: sparse times dense over all ranks: C = alpha op(S) B + beta C, or C = alpha B op(S) +
 * beta C, everything in row bands.
 *
 * A row of C is computed by its owner alone, over its entries in ascending column order, in one
 * go; so the number of ranks does not show in a bit of the result. For that a rank needs every row
 * of B that its entries meet. Rotating all of B past every rank (Cannon's way) would bring them in
 * an order that depends on the ranks, and would bring the rows that nobody asked for, too. So the
 * plan finds out once which rows are needed, and each product moves just these, straight from their
 * owners; own rows stay where they are. B may be moved in slabs of columns, the next slab
 * traveling while the present one is used, which bounds memory and changes no bit.
 *
 * Words. Let U be the rows of rank q's band of B that rank r's entries meet, and H those from the
 * first to the last of U. r receives |H| rows from q if 8 |U| >= 7 |H| (a band leaves q without
 * being packed) and |U| rows else; a row has as many words as B has columns. All told no more than
 * the ring's n d (1 - 1/P), and the less the more ranks there are.
 *
 * B op(S) is computed as (op(S)^T B^T)^T. B [m x k] and C [m x n] are transposed on the way, into
 * even bands of their transposes (C's: the bands of S if op(S) = S^T); a rank receives (m - its
 * rows of B) x (its rows of B^T) + (n - its rows of C^T) x (its rows of C) words more. */
#ifndef TRN_MPI_SPARSE_SPMM_H
#define TRN_MPI_SPARSE_SPMM_H

#include "base/ledger.h"
#include "base/status.h"
#include "mpi/dist.h"
#include "mpi/matrix.h"
#include "mpi/sparse/sparse.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct trn_spmm_options {
    bool transpose; /* op(S) = S^T */
    bool right;     /* S stands to the right of B */
    bool wide_sums; /* of float32 matrices: sums in float64, rounded once */
    bool boolean;   /* or-and, as trn_spmm_boolean in kern/spmm.h; alpha is 1, beta 0 or not */
    int threads;    /* of this rank; 0 is 1 */
    int64_t width;  /* columns of B moved at a time at most; 0: as `memory` allows */
    int64_t memory; /* bytes that the plan may hold on each rank; 0: any */
    int64_t beside; /* bytes that are held beside, for what a refusal names */
    int64_t halo;   /* bytes that rows of other ranks should not go beyond while slabs of 16 columns
                     * are wide enough for that; 0: any */
} trn_spmm_options_t;

/* A product planned once and executed as often as one likes. Opaque; several may be alive. */
typedef struct trn_spmm_plan trn_spmm_plan_t;

/* Plan the product of this rank's block of S, which `s` cuts into row bands, with matrices of
 * `type` that `b` and `c` cut into row bands: one band a rank, in the order of ranks, some perhaps
 * empty (trn_sparse_cut_rows balances bands, trn_sparse_permute spreads heavy rows). S must outlive
 * the plan and keep its entries, unless op(S) or the bands of C differ from how S lies: then the
 * plan sends each entry to its place, once (mpi/sparse/sparse_ops.h), and keeps a copy.
 * Distributions are not needed after the call. Collective, equal arguments but for the block and
 * `threads`. Fails (agreed) with TRN_MEMORY (names the bytes that would do, if it is
 * options->memory that forbids it), TRN_USAGE (no row bands, sizes that do not fit). Memory while
 * planning: 4 bytes an entry, 3/16 a row of B, 16 a row that is needed, and 40 an entry that has to
 * be sent on. Cost: O(entries) and one exchange of row numbers. */
trn_status_t trn_spmm_plan_create(trn_spmm_plan_t **plan, MPI_Comm comm,
                                  const trn_spmm_options_t *options, const trn_sparse_t *sparse,
                                  const trn_dist_t *s, trn_dtype_t type, const trn_dist_t *b,
                                  const trn_dist_t *c);

/* Free and set the pointer to NULL; NULL is fine. Local. */
void trn_spmm_plan_destroy(trn_spmm_plan_t **plan);

/* C = alpha op(S) B + beta C, or alpha B op(S) + beta C; with beta = 0 what C held does not matter,
 * not even a NaN. C must not be B. Collective, equal `alpha` and `beta`. Fails (agreed) with
 * TRN_USAGE (blocks of another shape than planned), else never. Cost: 2 entries x columns of B
 * flops over all ranks; trn_spmm_received words. */
trn_status_t trn_spmm_execute(trn_spmm_plan_t *plan, double alpha, const trn_matrix_t *b,
                              double beta, trn_matrix_t *c);

/* Words (numbers of B and C) that one execution brings to this rank and takes from it. Local. */
int64_t trn_spmm_received(const trn_spmm_plan_t *plan);
int64_t trn_spmm_sent(const trn_spmm_plan_t *plan);

/* Sizes of a product as one rank sees it, before there is data. */
typedef struct trn_spmm_size {
    int ranks;
    bool right;
    trn_dtype_t type;
    int64_t rows, own_rows; /* rows of B (columns of a B to the left of S), all and this rank's */
    int64_t out, own_out;   /* rows of C (columns if C = B S), all and this rank's */
    int64_t cols;           /* of B and C, or rows */
    int64_t own_b, own_c;   /* C = B S: this rank's rows of B and C as they are given */
    int64_t given, entries; /* of S: in the block that is given, and in that it is to work with */
    int64_t entry;          /* bytes of one; 0: the block that is given will do */
} trn_spmm_size_t;

/* For plans: what trn_spmm_plan_create takes, and what the plan then holds, which stays under
 * "product". Which rows of other ranks are needed is guessed: as if columns were drawn at random.
 * The guess for `halo` above. Local. */
void trn_spmm_take(trn_ledger_t *ledger, const trn_spmm_size_t *size);
int64_t trn_spmm_halo_guess(const trn_spmm_size_t *size);

/* Bytes that the plan holds on this rank; columns of a slab. Local. */
int64_t trn_spmm_bytes(const trn_spmm_plan_t *plan);
int64_t trn_spmm_width(const trn_spmm_plan_t *plan);

#endif
