/* kmeans_impl.h: k-means between its passes, for the files of kmeans only. */
#ifndef TRN_ALGO_CLUSTER_KMEANS_IMPL_H
#define TRN_ALGO_CLUSTER_KMEANS_IMPL_H

#include "algo/cluster/assign.h"
#include "algo/cluster/kmeans.h"
#include "kern/search/nearest.h"

typedef struct trn_lloyd {
    const trn_cluster_rows_t *rows;
    const trn_kmeans_options_t *options;
    trn_cluster_span_t span;
    trn_assign_t assign; /* its centers are those of the present step */
    double *unit;        /* [cols] what a number is times before it becomes a whole one */
    int64_t *sum;        /* [k x cols] of whole numbers; of this rank until all are summed */
    bool sums;           /* this pass adds rows up */
    trn_kmeans_t now;    /* this start's */
} trn_lloyd_t;

/* Row i of a view; float32 or float64. Local. */
trn_nearest_row_t trn_lloyd_row(const trn_lloyd_t *l, trn_view_t rows, int64_t i);

/* Make the centers of start number `start`. Collective. Fails (agreed). */
trn_status_t trn_lloyd_start(trn_lloyd_t *l, int start);

/* Scale center `c` to length 1 if that is asked for; zeros stay. Local. */
void trn_lloyd_normalize(trn_lloyd_t *l, int64_t c);

/* Let empty clusters take rows, in whole sums, sizes, labels and squares. Collective. Fails
 * (agreed). */
trn_status_t trn_lloyd_split(trn_lloyd_t *l);

#endif
