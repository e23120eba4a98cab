/* bpr.h: Bayesian personalized ranking: triples (user, an item that the user likes, another item)
 * and the gradient of the mean of log(1 + exp(e_u . e_other - e_u . e_liked)).
 *
 * Triple `number` of an epoch follows from seed, epoch and number alone. The rank that has the user
 * draws it, for it has the user's likes, and fetches the rows of the items. A row's gradients are
 * added in the order of the numbers, those of users where they were found, those of items by the
 * item's rank: 24 bytes a gradient and each user's row travel. So bits do not depend on ranks or
 * threads. Source: Rendle, Freudenthaler, Gantner, Schmidt-Thieme: BPR (UAI 2009). */
#ifndef TRN_ALGO_GRAPH_LIGHTGCN_BPR_H
#define TRN_ALGO_GRAPH_LIGHTGCN_BPR_H

#include "algo/graph/lightgcn/propagate.h"
#include "base/status.h"

#include <stdint.h>

enum { TRN_BPR_OTHERS = 64 /* candidates of a triple at most */ };

/* Which triples. */
typedef struct trn_bpr_batch {
    uint64_t seed;
    int64_t epoch;        /* below 2^32 */
    int64_t first, count; /* numbers of the epoch */
    int others; /* items drawn of which the one with the highest score is taken, the first of
                 * equals: 1 is the plain method */
} trn_bpr_batch_t;

/* One triple: a user here by local row, items by number. */
typedef struct trn_bpr_triple {
    int64_t number;
    int32_t user, liked, other;
} trn_bpr_triple_t;

typedef struct trn_bpr trn_bpr_t;

/* Local rows of users who like something, but not everything, can be drawn. `adjacency` is borrowed
 * until destroy. Collective. Fails (agreed) with TRN_MEMORY, TRN_INPUT (no such user). */
trn_status_t trn_bpr_create(trn_bpr_t **bpr, const trn_bipartite_t *adjacency);

/* Free and set the pointer to NULL; NULL is fine. Local. */
void trn_bpr_destroy(trn_bpr_t **bpr);

/* Draw a batch and let `gradient` be that of its mean loss by `rows`, 0 where it names none; losses
 * are added to those of their users. Collective, equal batch. Fails (agreed) with TRN_MEMORY. Cost:
 * every rank draws every user; count x (2 + others) products of rows on all ranks. */
trn_status_t trn_bpr_step(trn_bpr_t *bpr, const trn_bpr_batch_t *batch, const trn_sides_t *rows,
                          trn_sides_t *gradient);

/* The same of given triples: this rank's, ascending by number, of numbers 0 to `all` - 1 of all
 * ranks. Collective, equal `all`. */
trn_status_t trn_bpr_step_of(trn_bpr_t *bpr, int64_t all, int64_t count,
                             const trn_bpr_triple_t *triples, const trn_sides_t *rows,
                             trn_sides_t *gradient);

/* How often row i of a side stood in the last batch. Local. */
int64_t trn_bpr_times(const trn_bpr_t *bpr, int side, int64_t i);

/* loss[users here]: of the triples since they were set to 0, by user; borrowed, to be changed at
 * will. Local. */
double *trn_bpr_losses(trn_bpr_t *bpr);

/* Their sum over all ranks, by a tree over users. Collective. Fails (agreed) with TRN_MEMORY. */
trn_status_t trn_bpr_loss(trn_bpr_t *bpr, double *sum);

/* For plans: what create and steps of `batch` triples take. Local. */
void trn_bpr_take(trn_ledger_t *ledger, const trn_bipartite_size_t *size, int64_t batch,
                  int others);

#endif
