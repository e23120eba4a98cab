/* links_eval.h: how well scores of pairs of vectors tell edges from pairs without one. */
#ifndef TRN_ALGO_GRAPH_EVAL_LINKS_EVAL_H
#define TRN_ALGO_GRAPH_EVAL_LINKS_EVAL_H

#include "algo/cluster/rows.h"
#include "algo/graph/eval/row_pairs.h"
#include "base/ledger.h"
#include "base/status.h"

#include <stdint.h>

typedef enum trn_link_score {
    TRN_LINK_DOT,
    TRN_LINK_COSINE, /* 0 where a row is of zeros */
    TRN_LINK_L2      /* - |u - v| */
} trn_link_score_t;

/* score[pairs->count] of the rows of each pair, on every rank, in float64 and in the order of the
 * columns. Collective, equal arguments. Fails (agreed) as trn_cluster_fetch, with TRN_NUMERIC (a
 * score is too large), TRN_MEMORY. Cost: for each 64 MiB of rows that pairs want a pass over the
 * blocks that have them. */
trn_status_t trn_links_score(const trn_cluster_rows_t *rows, const trn_row_pairs_t *pairs,
                             trn_link_score_t kind, double *score);

/* What that takes for at most `count` pairs of a matrix of rows x cols. Local. */
void trn_links_score_plan(trn_ledger_t *ledger, int64_t count, int64_t rows, int64_t cols);

/* Area under the receiver operating characteristic: the chance that an edge's score is above that
 * of a pair without one, ties counting half; and average precision, the sum over scores of what
 * recall gains there times the precision. Both lists become sorted, ascending; neither is empty.
 * Local. Cost: two sorts. */
void trn_links_measure(int64_t edges, double *edge, int64_t others, double *other, double *auc,
                       double *precision);

/* Part of the edges, sorted, whose scores are above the k-th largest of the others, sorted too; 1
 * where there are fewer than k of those. Source: Hu et al., Open Graph Benchmark (NeurIPS 2020).
 * Local. */
double trn_links_hits(int64_t edges, const double *edge, int64_t others, const double *other,
                      int64_t k);

#endif
