/* kg_neighborhood.h: the entities of a model that are nearest to some of them. */
#ifndef TRN_ALGO_KG_ASK_KG_NEIGHBORHOOD_H
#define TRN_ALGO_KG_ASK_KG_NEIGHBORHOOD_H

#include "algo/common/estimate.h"
#include "algo/common/names.h"
#include "algo/kg/answer/kg_predict.h"

/* Entities by name, and their neighbors. Start with {0}, then the first four lines. */
typedef struct trn_kg_neighborhood {
    const char *path; /* of the model; borrowed, as the names */
    char *const *names;
    int64_t count, k; /* entities, and neighbors of each */
    int threads;
    trn_kg_header_t header;
    trn_kg_model_t model;
    int32_t *entities;   /* [count] */
    trn_best_t *best;    /* [count x k] on rank 0 */
    trn_labels_t labels; /* names of the neighbors, there */
} trn_kg_neighborhood_t;

/* Plan of trn_kg_neighborhood_find; the header is there. Local. */
trn_estimator_t trn_kg_neighborhood_plan;

/* Find the neighbors. Collective, equal arguments. Fails (agreed) with TRN_INPUT (an unknown name:
 * the nearest is suggested), TRN_IO, TRN_MEMORY; free it then too. Cost: that of trn_kg_nearest,
 * and of reading the model and its names twice. */
trn_status_t trn_kg_neighborhood_find(trn_kg_neighborhood_t *n, MPI_Comm comm);

/* A table of them into an object; on rank 0. Local. */
void trn_kg_neighborhood_report(const trn_kg_neighborhood_t *n, json_t *result);

/* Free what it holds; {0} is fine. Local. */
void trn_kg_neighborhood_free(trn_kg_neighborhood_t *n);

#endif
