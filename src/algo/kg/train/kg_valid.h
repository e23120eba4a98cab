/* kg_valid.h: how good a model in training is: filtered MRR of the valid split. */
#ifndef TRN_ALGO_KG_TRAIN_KG_VALID_H
#define TRN_ALGO_KG_TRAIN_KG_VALID_H

#include "algo/kg/answer/kg_rank.h"
#include "algo/kg/kg_known.h"
#include "algo/kg/train/kg_state.h"
#include "base/status.h"

typedef struct trn_kg_valid {
    trn_known_t *known; /* negatives out of train and valid; test is for nobody to look at */
    int64_t count;      /* two a triple */
    trn_kg_query_t *queries;
    trn_kg_count_t *counts;
    trn_kg_model_t model; /* without a store: a band of the state's entities, its relations */
    int32_t *id;          /* a batch of entities on their way */
    float *rows;
} trn_kg_valid_t;

/* Read what is needed. Collective, equal arguments. Fails (agreed) with TRN_INPUT (no valid split),
 * TRN_IO, TRN_MEMORY; free it then too. */
trn_status_t trn_kg_valid_create(trn_kg_valid_t *valid, const trn_kg_state_t *state,
                                 const trn_kg_t *kg);

/* Free what it holds; {0} is fine. Local. */
void trn_kg_valid_free(trn_kg_valid_t *valid);

/* *mrr of the state's model, ties counted half, equal on all ranks and on any number of them.
 * Collective. Fails (agreed) as trn_kg_rank. */
trn_status_t trn_kg_valid_mrr(trn_kg_valid_t *valid, const trn_kg_state_t *state, double *mrr);

/* How many facts it would keep. Collective, equal arguments. Fails (agreed) with TRN_INPUT, TRN_IO,
 * TRN_MEMORY. Cost: of reading train and valid once, by all ranks together. */
trn_status_t trn_kg_valid_count(const trn_kg_t *kg, MPI_Comm comm, trn_kg_found_t *found);

/* Plans of trn_kg_valid_create, all of which stays, and of trn_kg_valid_mrr, of which nothing does.
 * Local. */
void trn_kg_valid_plan(trn_ledger_t *ledger, const trn_kg_header_t *header, int64_t valid,
                       const trn_kg_found_t *found, int ranks, int rank);
void trn_kg_valid_mrr_plan(trn_ledger_t *ledger, const trn_kg_header_t *header, int64_t valid,
                           int ranks, int rank);

#endif
