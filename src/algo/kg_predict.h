/* kg_predict.h: the best answers to single questions, and the entities nearest to one.
 *
 * All scores are float64 by the model's definition, and equal ones go to the lower number: the
 * lists are the same on any number of ranks. */
#ifndef TRN_ALGO_KG_PREDICT_H
#define TRN_ALGO_KG_PREDICT_H

#include "algo/kg_model.h"
#include "base/status.h"
#include "kern/topk.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* A fact with one place open, of which the number is -1. */
typedef struct trn_kg_question {
    int32_t head, relation, tail;
} trn_kg_question_t;

/* Whether a candidate may be an answer. `user` is the caller's. Local. */
typedef bool (*trn_kg_allow_t)(void *user, int64_t candidate);

/* best[k] = the k best entities or relations for the open place, on every rank (entries of index -1
 * fill up). `allow` NULL: all. A relation of a model with reciprocal ones is judged by the tail it
 * gives. Collective, equal arguments but for the band. Fails (agreed) with TRN_MEMORY. Cost: a
 * score by the definition for each candidate, shared out over the ranks; a sort. */
trn_status_t trn_kg_answer(const trn_kg_model_t *model, MPI_Comm comm,
                           const trn_kg_question_t *question, trn_kg_allow_t allow, void *user,
                           int64_t k, trn_best_t *best);

/* best[k] = the entities of greatest cosine with `entity`, itself left out, on every rank; complex
 * numbers count as two real ones. Collective, equal arguments but for the band. Fails (agreed) with
 * TRN_MEMORY. Cost a rank: 4 N dim / ranks flops in float64. */
trn_status_t trn_kg_nearest(const trn_kg_model_t *model, MPI_Comm comm, int32_t entity, int64_t k,
                            trn_best_t *best);

/* Bytes a rank of `ranks` needs for the model and lists of k. Local, no data needed. */
int64_t trn_kg_predict_bytes(const trn_kg_header_t *header, int ranks, int64_t k);

/* The same of a model file, as "bytes_per_rank" for a dry run. Collective, equal arguments. Fails
 * (agreed) with TRN_INPUT, TRN_IO, TRN_MEMORY. */
trn_status_t trn_kg_predict_cost(MPI_Comm comm, const char *path, int64_t k, int64_t *bytes);

#endif
