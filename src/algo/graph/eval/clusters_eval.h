/* clusters_eval.h: how far two ways to group the same things agree. */
#ifndef TRN_ALGO_GRAPH_EVAL_CLUSTERS_EVAL_H
#define TRN_ALGO_GRAPH_EVAL_CLUSTERS_EVAL_H

#include "base/ledger.h"
#include "base/status.h"

#include <stdint.h>

/* Of `items` things with a label by either list; names of labels do not matter. nmi and ari are the
 * same with the lists exchanged, the rest takes the second for the truth. */
typedef struct trn_clusters_score {
    int64_t items, found, truth; /* things; clusters of the first and of the second list */
    double nmi;                  /* 2 I / (H1 + H2), I the mutual information, H entropies */
    double ari;                  /* share of pairs that are treated alike, adjusted for chance */
    double f1, coverage, redundancy, nf1;
} trn_clusters_score_t;

/* Compare found[count] with truth[count], any whole numbers; none at all scores as equal does.
 *
 * nmi: as scikit-learn's normalized_mutual_info_score (arithmetic mean); 1 if both lists have one
 * cluster, 0 if one alone has. ari: Hubert, Arabie: Comparing partitions, J. Classification 2
 * (1985), from exact counts of pairs. nf1: Rossetti, Pappalardo, Rinzivillo: A novel approach to
 * evaluate community detection algorithms on ground truth, Complex Networks VII (2016): every found
 * cluster meets the true one that has most of its things (of several the smallest, then that of
 * the lowest label); f1 is the mean over found clusters of the harmonic mean of precision and
 * recall, coverage the share of true clusters that are met, redundancy the found clusters for each
 * that is met, and nf1 = f1 coverage / redundancy.
 *
 * Local. Fails with TRN_MEMORY, TRN_INPUT (2^31 things or more). Cost: three sorts of count
 * numbers. */
trn_status_t trn_clusters_eval(int64_t count, const int64_t *found, const int64_t *truth,
                               trn_clusters_score_t *score);

/* What that takes. Local. */
void trn_clusters_eval_plan(trn_ledger_t *ledger, int64_t count);

#endif
