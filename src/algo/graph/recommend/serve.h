/* serve.h: the best items of users by scores, and how good they are by items to test. */
#ifndef TRN_ALGO_GRAPH_RECOMMEND_SERVE_H
#define TRN_ALGO_GRAPH_RECOMMEND_SERVE_H

#include "algo/graph/recommend/interactions.h"
#include "algo/graph/recommend/linear.h"
#include "base/ledger.h"
#include "io/store/store.h"

#include <stdbool.h>
#include <stdint.h>

/* What scores item j for user u: the inner product of their factors, plus that of neighbors. With
 * neither, and for users without train items, the item's number of train users. Borrowed. */
typedef struct trn_scores {
    int64_t width;              /* of factors; 0: none */
    const float *user;          /* [this rank's users x width] */
    const float *item;          /* [items x width], all of them on every rank */
    const trn_linear_t *linear; /* NULL: none */
} trn_scores_t;

typedef struct trn_serve_options {
    int64_t k; /* items of a user, at least 1 */
    int threads;
    int64_t count;         /* users that are asked for */
    const int64_t *wanted; /* [count] ascending, on every rank; NULL: all users */
} trn_serve_options_t;

/* Means over users with items to test. */
typedef struct trn_metrics {
    double recall;    /* hits / items to test */
    double precision; /* hits / k */
    double ndcg;      /* sum of 1 / log2(place + 1) over hits, places from 1, over that of the best
                       * list: min(k, items to test) hits */
    double ndcg_ngcf; /* over that of the same hits at the list's head, as NGCF's metrics.py */
} trn_metrics_t;

/* Lists of this rank's users among those that were asked for. Start with {0}. */
typedef struct trn_served {
    int64_t k, all;     /* items of a list; lists of all ranks */
    int64_t first;      /* lists of the ranks before */
    int64_t count;      /* of this rank */
    int32_t *user;      /* [count] ascending */
    int32_t *item;      /* [count x k] best first; -1 where items ran out */
    float *score;       /* [count x k] likewise; -infinity */
    int64_t asked;      /* users of all ranks with items to test */
    int64_t unknown;    /* users of all ranks who have no train items: lists by popularity */
    trn_metrics_t mean; /* zeros if none has items to test */
    int64_t covered;    /* items that stand in some list */
} trn_served_t;

/* Make the lists: a user's train items are left out, equal scores rank by the smaller item. Users
 * are scored in tiles of trn_serve_tile of them. Collective, equal options but for `threads`. Fails
 * (agreed) with TRN_MEMORY. The bits depend neither on ranks nor on threads. Cost: 2 x users x
 * items x width flops, users x items comparisons, and that of trn_linear_row. */
trn_status_t trn_serve(trn_served_t *served, const trn_interactions_t *in,
                       const trn_scores_t *scores, const trn_serve_options_t *options);

/* Free what it holds; {0} and twice are fine. Local. */
void trn_served_free(trn_served_t *served);

/* Users of a tile: a power of two up to 256, the fewer the more items. Local. */
int64_t trn_serve_tile(int64_t items);

/* Plan of trn_serve; lists stay under "lists". Local. */
void trn_serve_plan(trn_ledger_t *ledger, const trn_interactions_t *in, int64_t width, bool linear,
                    const trn_serve_options_t *options, int ranks, int rank);

/* Write a store: /users i32 [users], /ids i32 and /scores f32 [users x k], and, where things have
 * names, those of all, /user_names and /item_names. The first is Collective and fails (agreed) as
 * trn_edges_declare_names, the second is this rank's part, Local. */
trn_status_t trn_served_declare(const trn_served_t *served, trn_interactions_t *in,
                                trn_store_t *store);
trn_status_t trn_served_write(const trn_served_t *served, trn_store_t *store);

#endif
