/* propagate.h: numbers of users and items passed along the edges between them, over all ranks.
 *
 * R [users x items] has a one where a user likes an item; A is the joined adjacency matrix
 * [0 R; R^T 0] with its entries scaled. A is never made: two plans of mpi/sparse/spmm multiply by
 * the pattern of R and of R^T, and rows are scaled before and behind, so an edge costs the 4 bytes
 * of its column on either side and no number. Each row of a product is one rank's, its terms are
 * added in ascending order: bits depend on neither ranks nor threads. */
#ifndef TRN_ALGO_GRAPH_LIGHTGCN_PROPAGATE_H
#define TRN_ALGO_GRAPH_LIGHTGCN_PROPAGATE_H

#include "base/ledger.h"
#include "base/status.h"
#include "mpi/dist.h"
#include "mpi/matrix.h"
#include "mpi/sparse/sparse.h"
#include "mpi/sparse/spmm.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* Users are side 0, items side 1, everywhere below. */
enum { TRN_USERS, TRN_ITEMS, TRN_SIDES };

typedef enum trn_bipartite_kind {
    TRN_BIPARTITE_SYM, /* D^-1/2 A D^-1/2, as LightGCN takes it */
    TRN_BIPARTITE_MEAN /* D^-1 A + I, as NGCF's program does */
} trn_bipartite_kind_t;

#define TRN_BIPARTITE_NAMES "sym|mean"

/* A matrix [users + items x dim] as two, each in row bands over the ranks. */
typedef struct trn_sides {
    trn_matrix_t *side[TRN_SIDES];
} trn_sides_t;

/* What is to be multiplied by. `bands` cuts R into a band of users a rank, of which `likes`, a
 * pattern, is this rank's; both are borrowed, `likes` until destroy. */
typedef struct trn_bipartite_of {
    MPI_Comm comm;
    const trn_sparse_t *likes;
    const trn_dist_t *bands;
    trn_bipartite_kind_t kind;
    trn_dtype_t type; /* of the numbers: TRN_F32, TRN_F64 */
    int64_t dim;
    int threads;
    int64_t block; /* items' bands begin at multiples of it; 0: anywhere */
} trn_bipartite_of_t;

/* Fields are for the room's own files. */
typedef struct trn_bipartite {
    trn_bipartite_of_t of;
    int rank, ranks;
    int64_t *start[TRN_SIDES];        /* [ranks + 1] bands of users and of items */
    int64_t *degree[TRN_SIDES];       /* of the rows here */
    trn_dist_t *dist[TRN_SIDES];      /* of numbers [users x dim], [items x dim] */
    trn_dist_t *wide[TRN_SIDES];      /* of more columns, once something has them */
    trn_spmm_plan_t *plan[TRN_SIDES]; /* the product that makes rows of this side */
    double *root[TRN_SIDES];          /* degree^-1/2 of the rows here, 1 where that is 0 */
    double *inverse[TRN_SIDES];       /* degree^-1, 1 where that is 0 */
} trn_bipartite_t;

/* Plan the products. Items are cut into bands of about equal weight, an item weighing as much as
 * two likes more than it has. Collective, equal arguments but for `likes`. Fails (agreed) as
 * trn_spmm_plan_create does. Memory: 8 bytes an item on every rank while planning; R^T's band, and
 * on several ranks its columns and R's anew, 4 bytes an edge each. */
trn_status_t trn_bipartite_create(trn_bipartite_t **adjacency, const trn_bipartite_of_t *of);

/* Free and set the pointer to NULL; NULL is fine. Local. */
void trn_bipartite_destroy(trn_bipartite_t **adjacency);

/* Create numbers [users + items x dim] in the bands, uninitialized. Collective. Fails (agreed) with
 * TRN_MEMORY; frees what there is then. */
trn_status_t trn_sides_create(trn_sides_t *sides, const trn_bipartite_t *adjacency);

/* Free; {0} and twice are fine. Local. */
void trn_sides_free(trn_sides_t *sides);

/* All numbers become 0. Local. */
void trn_sides_clear(const trn_sides_t *sides);

/* The rows of one side that lie here, without gaps between rows. Local. */
trn_view_t trn_sides_rows(const trn_sides_t *sides, int side);

/* y = A x, or A^T x. `scratch` may be y's size of garbage, and none of the three the same.
 * Collective. Fails (agreed) as trn_spmm_execute. Cost: two products, 2 edges x dim multiply-adds.
 */
trn_status_t trn_bipartite_apply(trn_bipartite_t *adjacency, bool transposed, const trn_sides_t *x,
                                 trn_sides_t *y, trn_sides_t *scratch);

/* y = (x + A x + ... + A^layers x) / (layers + 1) with the symmetric adjacency, by Horner's rule:
 * y_0 = x, y_(l+1) = x + A y_l. So it needs no sum beside: y and scratch are all. Its own
 * transpose: what takes embeddings forward takes their gradients back. Collective. Fails (agreed)
 * as above. Cost: `layers` times apply. */
trn_status_t trn_propagate(trn_bipartite_t *adjacency, int layers, const trn_sides_t *x,
                           trn_sides_t *y, trn_sides_t *scratch);

/* Numbers that one apply brings to this rank. Local. */
int64_t trn_bipartite_received(const trn_bipartite_t *adjacency);

/* Sizes of an adjacency before there is one, of this rank. */
typedef struct trn_bipartite_size {
    int ranks, rank;
    int64_t users, items, own_users, own_items;
    int64_t edges, own_edges; /* own: in this rank's band of R; of R^T's as many are taken */
    trn_dtype_t type;
    int64_t dim;
} trn_bipartite_size_t;

/* For plans: what create takes, which stays under "product" and "degrees"; numbers of both sides
 * once. Local. */
void trn_bipartite_take(trn_ledger_t *ledger, const trn_bipartite_size_t *size);
int64_t trn_sides_bytes(const trn_bipartite_size_t *size);

#endif
