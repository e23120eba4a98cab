/* embed.h: factors of users and items learned from interactions, as a recommender serves them. */
#ifndef TRN_ALGO_GRAPH_LIGHTGCN_EMBED_H
#define TRN_ALGO_GRAPH_LIGHTGCN_EMBED_H

#include "algo/common/trainer.h"
#include "algo/graph/lightgcn/train.h"
#include "algo/graph/recommend/interactions.h"
#include "base/ledger.h"
#include "io/store/store.h"

#include <stdint.h>

/* Start with {0}. */
typedef struct trn_embedded {
    int64_t width;
    float *user, *item; /* [this rank's users x width], [items x width] on every rank */
    int64_t held;       /* interactions that were held out, of all ranks */
    trn_gcn_report_t report;
} trn_embedded_t;

/* Numbers of a factor: dim, or those of all of NGCF's layers. Local. */
int64_t trn_embedded_width(const trn_gcn_options_t *options);

/* Train by `options` on the train part of `in` but a share that is held out, and look at how much
 * of that is among the best 20 of up to 4096 users. Collective, equal options. Fails (agreed) as
 * trn_gcn_train, trn_serve. Nothing is to be freed then. The checkpoint stays (trn_gcn_train). */
trn_status_t trn_embed(trn_embedded_t *embedded, const trn_interactions_t *in,
                       const trn_gcn_options_t *options, const trn_trainer_run_t *run, int threads);

/* Free what it holds; {0} and twice are fine. Local. */
void trn_embedded_free(trn_embedded_t *embedded);

/* /user [users x width] and /item [items x width] of a store, f32. The first is Collective, the
 * second is this rank's part. */
trn_status_t trn_embedded_declare(const trn_embedded_t *embedded, const trn_interactions_t *in,
                                  trn_store_t *store);
trn_status_t trn_embedded_write(const trn_embedded_t *embedded, const trn_interactions_t *in,
                                trn_store_t *store);

/* Plan of trn_embed after trn_interactions_load; factors stay under "factors". Local. */
void trn_embed_plan(trn_ledger_t *ledger, const trn_interactions_t *in,
                    const trn_gcn_options_t *options, bool behind, int ranks, int rank);

#endif
