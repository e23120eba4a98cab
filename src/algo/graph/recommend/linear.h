/* linear.h: the linear filter of collaborative filtering: scores R_u Rn^T Rn of a user u, R being
 * the 0/1 matrix of train interactions and Rn = Du^-1/2 R Di^-1/2 with the degrees of users and
 * items: items of those who share items with u.
 *
 * With i(w) the items of user w, score j is dj^-1/2 times the sum over users w that have j of
 * 1/dw times the sum over items i that u and w share of di^-1/2: additions alone, in the order of
 * u's items and their users, so that the bits depend on nothing else. Source: Shen et al., How
 * Powerful is Graph Convolution for Recommendation?, CIKM 2021. */
#ifndef TRN_ALGO_GRAPH_RECOMMEND_LINEAR_H
#define TRN_ALGO_GRAPH_RECOMMEND_LINEAR_H

#include "algo/graph/recommend/interactions.h"
#include "base/ledger.h"

#include <stdint.h>

/* All train interactions, on every rank. Start with {0}. */
typedef struct trn_linear {
    int64_t users, items;
    int64_t *by_user;  /* [users + 1] where items of each user begin */
    int32_t *item;     /* [entries] ascending for each user */
    int64_t *by_item;  /* [items + 1] */
    int32_t *user;     /* [entries] */
    double *user_part; /* [users] 1 / degree, 0 without items */
    double *item_root; /* [items] 1 / root of the degree, 0 without users */
} trn_linear_t;

/* Gather them. Collective. Fails (agreed) with TRN_MEMORY, TRN_USAGE (2^31 interactions). Memory: 8
 * bytes an interaction, 16 a user or item. */
trn_status_t trn_linear_create(trn_linear_t *linear, const trn_interactions_t *in);

/* Free what it holds; {0} and twice are fine. Local. */
void trn_linear_free(trn_linear_t *linear);

/* Work space of one thread; all zero between rows. */
typedef struct trn_linear_work {
    double *shared; /* [users] */
    int32_t *met;   /* [users] */
    double *sum;    /* [items] */
} trn_linear_work_t;

/* Fails with TRN_MEMORY; free it then, too. Local. */
trn_status_t trn_linear_work_create(trn_linear_work_t *work, const trn_linear_t *linear);
void trn_linear_work_free(trn_linear_work_t *work);

/* score[items] += those of a user with items item[count]. Local. Cost: an addition for each item of
 * each user who shares an item. */
void trn_linear_row(const trn_linear_t *linear, int64_t count, const int32_t *item,
                    trn_linear_work_t *work, float *score);

/* Plans: trn_linear_create, which stays under "neighbors"; bytes of one work space. Local. */
void trn_linear_plan(trn_ledger_t *ledger, const trn_interactions_t *in, int ranks, int rank);
int64_t trn_linear_work_bytes(int64_t users, int64_t items);

#endif
