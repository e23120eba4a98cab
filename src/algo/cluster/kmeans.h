/* kmeans.h: Lloyd's k-means over all rows, with the same bits on any number of ranks and threads.
 *
 * A row belongs to the center of least float64 distance, of equals the first (assign.h). Sums of
 * clusters are of whole numbers: a column's numbers are rounded to 2^-43 or so of its largest one
 * (for 2^19 rows; one digit less for each doubling), which makes any order of adding exact.
 * S. Lloyd: Least squares quantization in PCM, IEEE Trans. Inf. Theory 28 (1982). */
#ifndef TRN_ALGO_CLUSTER_KMEANS_H
#define TRN_ALGO_CLUSTER_KMEANS_H

#include "algo/cluster/rows.h"
#include "base/ledger.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum trn_kmeans_start {
    TRN_KMEANS_ROWS,   /* rows 0, s, 2s, ..., s = floor(rows / k); later starts begin further on */
    TRN_KMEANS_PLUS,   /* each with a chance of its squared distance from those before (Arthur,
                        * Vassilvitskii: k-means++, SODA 2007) */
    TRN_KMEANS_RANDOM, /* k different rows */
    TRN_KMEANS_GIVEN   /* centers of the caller's */
} trn_kmeans_start_t;

typedef struct trn_kmeans_options {
    int64_t k; /* 1 .. rows (given centers: any number) */
    trn_kmeans_start_t start;
    const double *given; /* [k x cols], equal on all ranks */
    int starts;          /* the best of so many by its last objective, of equals the first */
    int64_t steps;       /* at most; 0: only labels */
    double tolerance;    /* end when the objective falls by no more than this part of itself */
    uint64_t seed;
    bool unit;  /* rows and centers count as scaled to length 1 (spherical k-means) */
    bool split; /* an empty cluster takes the farthest row of the largest one; else it keeps its
                 * center */
    bool quiet; /* no progress is told */
    int threads;
} trn_kmeans_options_t;

/* What comes out; start with {0}. Equal on all ranks but for the labels. */
typedef struct trn_kmeans {
    int64_t k, cols, rows; /* rows: this rank's */
    double *center;        /* [k x cols] */
    int64_t *size;         /* [k] rows of a cluster */
    int64_t *start;        /* [k] rows that it began with; -1: given */
    int32_t *label;        /* [rows] by `center` */
    double *square;        /* [rows] squared distance from it */
    double *objective;     /* [steps + 1] sums of squares before each step, and at the end */
    int64_t steps;         /* that were taken */
    int chosen;            /* the start that was best */
    int64_t empty, moved;  /* clusters that are empty in the end; rows that filled empty ones */
    int64_t again;         /* rows compared in float64, by this rank */
    double seconds;        /* of a step, on average over all passes of this start; by this rank */
} trn_kmeans_t;

/* Cluster the rows. Collective, equal arguments. Fails (agreed) with TRN_INPUT (k above the rows,
 * no columns, NaN or infinity), TRN_NUMERIC (numbers too large for squares), TRN_MEMORY, TRN_IO.
 * Cost: steps + 2 passes, each 2 rows k cols flops of sgemm and an Allreduce of k cols numbers;
 * k-means++ k passes more. Free the result even then. */
trn_status_t trn_kmeans(trn_kmeans_t *result, const trn_cluster_rows_t *rows,
                        const trn_kmeans_options_t *options);

/* Free what it holds; {0} and twice are fine. Local. */
void trn_kmeans_free(trn_kmeans_t *result);

/* What trn_kmeans takes on a rank that has `own` rows; the result stays. Local. */
void trn_kmeans_plan(trn_ledger_t *ledger, int64_t own, int64_t cols,
                     const trn_kmeans_options_t *options);

#endif
