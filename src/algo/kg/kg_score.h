/* kg_score.h: scores of a trained model by its definition, in float64, and rows from anywhere. */
#ifndef TRN_ALGO_KG_KG_SCORE_H
#define TRN_ALGO_KG_KG_SCORE_H

#include "algo/kg/kg_model.h"
#include "base/ledger.h"
#include "base/status.h"

#include <mpi.h>
#include <stdint.h>

/* Room for one triple in float64; one a thread. */
typedef struct trn_kg_exact {
    const trn_kg_model_t *model;
    double *known, *relation, *second, *candidate;
    int64_t row; /* whose relation rows stand here; -1: none */
} trn_kg_exact_t;

/* Make room. Fails with TRN_MEMORY; free it then too. Local. */
trn_status_t trn_kg_exact_create(trn_kg_exact_t *exact, const trn_kg_model_t *model);

/* Free what it holds; {0} is fine. Local. */
void trn_kg_exact_free(trn_kg_exact_t *exact);

/* Plan of trn_kg_exact_create, under "scoring". Local. */
void trn_kg_exact_plan(trn_ledger_t *ledger, const trn_kg_header_t *header);

/* The score of candidate[dim] as the answer on `side` of a query of the entity known[dim] and a
 * relation row, by the model's definition. Local. */
double trn_kg_exact(trn_kg_exact_t *exact, trn_side_t side, int64_t row, const float *known,
                    const float *candidate);

/* scores[count] of whole triples, equal on all ranks: each as that of its tail, which for models
 * with reciprocal relations is asked of the forward one. Collective, equal arguments but for the
 * band. Fails (agreed) with TRN_MEMORY, TRN_NUMERIC (a score overflows). Cost: an Allreduce of 2
 * dim floats a triple; ranks share the scoring. */
trn_status_t trn_kg_score_triples(const trn_kg_model_t *model, MPI_Comm comm, int64_t count,
                                  const trn_triple_t *triples, double *scores);

/* Plan of that beside its arguments; nothing stays. Local. */
void trn_kg_score_triples_plan(trn_ledger_t *ledger, const trn_kg_header_t *header, int ranks);

/* rows[count x dim] = the entities entity[count], from the ranks that hold them, equal on all.
 * Collective, equal arguments but for the band; cannot fail. Cost: of trn_gather_rows
 * (mpi/gather.h). */
void trn_kg_model_gather(const trn_kg_model_t *model, MPI_Comm comm, int64_t count,
                         const int32_t *entity, float *rows);

/* Plan of that beside its arguments: a message; nothing stays. Local. */
void trn_kg_model_gather_plan(trn_ledger_t *ledger, const trn_kg_header_t *header, int64_t count,
                              int ranks);

#endif
