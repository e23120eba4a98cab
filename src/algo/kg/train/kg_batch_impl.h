/* kg_batch_impl.h: what the files of a batch share. */
#ifndef TRN_ALGO_KG_TRAIN_KG_BATCH_IMPL_H
#define TRN_ALGO_KG_TRAIN_KG_BATCH_IMPL_H

#include "algo/kg/train/kg_batch.h"

/* The rank that trains a query of the batch. */
static inline int trn_kg_batch_maker(const trn_kg_batch_t *b, int64_t query) {
    return b->exchange.maker[query / b->epoch.tile];
}

/* Rows of the batch at work, those of candidates behind the others. */
static inline int64_t trn_kg_batch_ids(const trn_kg_batch_t *b) {
    return b->each * b->epoch.now + b->draws.count;
}

/* Fetch the rows of the batch, whose ids are set. Collective; cannot fail. */
void trn_kg_batch_fetch(trn_kg_batch_t *batch);

#endif
