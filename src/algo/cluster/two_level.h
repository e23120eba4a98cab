/* two_level.h: k-means for very many clusters: K1 coarse cells, and K2 clusters within each.
 *
 * Rows move to the ranks that own their cells, some cells at a time where memory is short; a cell's
 * clusters start from its first K2 different rows and see its rows in their order, so that neither
 * ranks nor rounds show in the result. Cost: 2 rows (K1 + K2) cols flops a step, not 2 rows K1 K2
 * cols. */
#ifndef TRN_ALGO_CLUSTER_TWO_LEVEL_H
#define TRN_ALGO_CLUSTER_TWO_LEVEL_H

#include "algo/cluster/kmeans.h"

typedef struct trn_two_level_options {
    int64_t k1, k2;
    int rounds;    /* in which cells are worked on, at least: each takes its part of the rows along;
                    * more where memory asks for it */
    bool reassign; /* in the end every row gets the nearest of all centers, not of its cell's only:
                    * K1 K2 centers on every rank, and a pass as of one level */
    trn_kmeans_options_t coarse; /* start, starts, steps, tolerance, seed, unit, split, threads; of
                                  * the cells count steps, tolerance, unit, split, threads */
} trn_two_level_options_t;

/* What comes out; start with {0}. */
typedef struct trn_two_level {
    int64_t k, cols;      /* k: of all cells; one with fewer different rows than K2 has fewer */
    int64_t first, count; /* centers [first, first + count) are this rank's */
    double *center;       /* [count x cols] */
    int64_t *size;        /* [k], on every rank */
    int64_t rows;         /* this rank's */
    int32_t *label;       /* [rows] */
    double within;        /* the sum of squared distances from the centers of the cells */
    double reassigned;    /* from the nearest of all centers; NaN: not asked for */
    int64_t empty;
    int64_t smallest, largest; /* rows of a cell */
    int rounds;                /* that there were */
} trn_two_level_t;

/* Cluster the rows. Collective, equal arguments. Fails (agreed) as trn_kmeans does. Free the result
 * even then. */
trn_status_t trn_two_level(trn_two_level_t *result, const trn_cluster_rows_t *rows,
                           const trn_two_level_options_t *options);

/* Free what it holds; {0} and twice are fine. Local. */
void trn_two_level_free(trn_two_level_t *result);

/* What trn_two_level takes on a rank, if cells are of about one size; the result stays. Local. */
void trn_two_level_plan(trn_ledger_t *ledger, int64_t all, int64_t own, int64_t cols,
                        trn_dtype_t type, const trn_two_level_options_t *options, int ranks);

#endif
