/* fastrp.h: vectors of nodes by very sparse random projection of the powers of a graph (Chen,
 * Sultan, Tian, Chen, Skiena: Fast and accurate network embeddings via very sparse random
 * projection, CIKM 2019).
 *
 * With S = D^-1 A (rows without edges 0), L = diag(degree^alpha) and a random R [nodes x dim],
 *
 *     U_0 = L R,  U_k = S U_(k-1),  Z = sum over k of weight_k f(U_k),
 *
 * where f makes rows of length 1 (rows of zeros stay), either for the sum alone, as in the paper,
 * or in place, so that the normalized rows are propagated, as in Neo4j GDS. The first product, if R
 * is sparse enough, is sparse times sparse.
 *
 * A row of R depends on the seed and the node's number, not on ranks, on the order of edges or on
 * other nodes, but that the density 1/s of `sparsity` 0 falls with their number: then entries go,
 * and those that stay keep place and sign. Each number is one sum, by ascending column, on one
 * rank; sums over nodes follow the tree of mpi/reduce.h: ranks, threads and memory change no bit.
 */
#ifndef TRN_ALGO_GRAPH_FASTRP_H
#define TRN_ALGO_GRAPH_FASTRP_H

#include "base/dtype.h"
#include "base/ledger.h"
#include "base/status.h"
#include "mpi/dist.h"
#include "mpi/matrix.h"
#include "mpi/sparse/sparse.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* When rows are made of length 1. */
typedef enum trn_fastrp_normalize {
    TRN_FASTRP_END,  /* for the sum alone */
    TRN_FASTRP_STEP, /* after every product, in place */
    TRN_FASTRP_NONE
} trn_fastrp_normalize_t;

typedef struct trn_fastrp_options {
    int64_t dim;
    int weights;
    const double *weight; /* [weights] of U_1, U_2, ...; borrowed */
    double self;          /* of U_0 */
    double alpha;
    trn_fastrp_normalize_t normalize;
    bool neighbors;      /* a degree is the number of neighbors, and 1 without any; else the sum of
                          * weights, and degree^alpha is 0 where that is 0 */
    bool standardize;    /* columns of Z: mean off, over the standard deviation unless that is 0 */
    double sparsity;     /* s: an entry of R is there with probability 1/s; 0: sqrt(nodes) */
    int64_t feature_dim; /* the last so many columns of U_0 are features x a projection of 3 */
    trn_dtype_t type;    /* of U and Z: TRN_F32 or TRN_F64. All arithmetic but the products' is in
                          * float64 */
    uint64_t seed;
    int threads;   /* of this rank */
    int64_t width; /* columns of other ranks' rows that come at a time; 0: as many as keep them
                    * near a rank's share of Z */
} trn_fastrp_options_t;

/* What it is of, as this rank has it. All borrowed. */
typedef struct trn_fastrp_in {
    MPI_Comm comm;
    const trn_dist_t *dist;        /* of Z [nodes x dim]: a band of whole blocks of trn_tall_block
                                    * rows a rank */
    const trn_sparse_t *adjacency; /* this rank's rows */
    /* R instead of a random one, one of these; NULL: none. */
    const trn_sparse_t *sparse_r; /* float64 */
    const trn_matrix_t *dense_r;  /* float64 */
    const trn_matrix_t *features; /* [nodes x any], float64; NULL: none */
} trn_fastrp_in_t;

/* *z = the vectors, of options->type; in->dist must outlive it. Collective, equal options but for
 * threads. Fails (agreed) with TRN_MEMORY, TRN_USAGE (2^31 columns, shapes), TRN_NUMERIC (a number
 * of Z is not finite; names a node). Memory: 2 nodes x dim numbers over all ranks, 3 where weights
 * other than the last two (`self` counts as the first of all) are not 0; and rows of other ranks,
 * `width` columns of them. Cost: 2 entries x dim flops a weight (2 entries x dim / s for the first
 * if that is sparse), and some passes over nodes x dim numbers. */
trn_status_t trn_fastrp(trn_matrix_t **z, const trn_fastrp_in_t *in,
                        const trn_fastrp_options_t *options);

/* Sizes of a job as one rank sees it, before there is data. */
typedef struct trn_fastrp_size {
    int ranks;
    int64_t nodes, rows;  /* all, and this rank's */
    int64_t entries, own; /* of the adjacency, likewise */
    int64_t projected;    /* entries of a sparse R that is given; -1: none is, or a dense one */
    bool dense;           /* a dense one is given */
    int64_t features;     /* columns of features; 0: there are none */
} trn_fastrp_size_t;

/* For plans: what trn_fastrp takes beside `in`; Z stays under "vectors". Local. */
void trn_fastrp_plan(trn_ledger_t *ledger, const trn_fastrp_size_t *size,
                     const trn_fastrp_options_t *options);

/* Number of the products of dense matrices, and whether the first one is sparse: for costs. Local.
 */
int trn_fastrp_products(const trn_fastrp_size_t *size, const trn_fastrp_options_t *options,
                        bool *sparse);

/* The first `count` columns of row `node` of the random R of density 1/s, each number +-`scale` or
 * 0. Local. */
void trn_fastrp_row(uint64_t seed, int64_t node, double s, double scale, int64_t count,
                    double *row);

#endif
