/* kg_judge.h: from scores to yes and no: a threshold for each relation and a curve of
 * probabilities, fitted on the valid split against false triples drawn for it. */
#ifndef TRN_ALGO_KG_ANSWER_KG_JUDGE_H
#define TRN_ALGO_KG_ANSWER_KG_JUDGE_H

#include "algo/kg/kg.h"
#include "algo/kg/kg_known.h"
#include "algo/kg/kg_model.h"
#include "base/status.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* Equal on all ranks. Start with {0}. */
typedef struct trn_kg_judge {
    int64_t relations;
    double *threshold;     /* [relations] a triple holds if its score is not below it */
    bool *own;             /* [relations] fitted on facts of this relation; else on all together */
    double slope, offset;  /* probability = 1 / (1 + exp(-(slope (score - threshold) + offset))) */
    int64_t facts, falses; /* valid triples, and false ones drawn, it was fitted on */
    double accuracy;       /* of the thresholds on these */
} trn_kg_judge_t;

/* Fit. For each valid triple one false triple is drawn: head or tail, as a coin falls, becomes an
 * entity with which train and valid have no such fact (after 100 draws in vain: none). A relation's
 * threshold lies half way between the two neighboring scores that it parts with the fewest
 * mistakes; of equal ones the lowest counts. The curve is Platt's: maximum likelihood with his
 * targets, one for all relations. Collective, equal arguments but for the model's band. Fails
 * (agreed) with TRN_INPUT (no valid triples), TRN_MEMORY, TRN_IO, TRN_NUMERIC (a score overflows);
 * free it then too. Cost: that of trn_kg_known_create and of scoring 2 V triples. Sources: Socher
 * et al. (NIPS 2013, section 4.3) for the protocol; Platt (1999), and Lin, Lin, Weng (2007) for how
 * to find the curve. */
trn_status_t trn_kg_judge_fit(trn_kg_judge_t *judge, const trn_kg_model_t *model, MPI_Comm comm,
                              const trn_kg_t *kg, const trn_kg_found_t *found, uint64_t seed);

/* What is known about the valid triples, for that. Collective. Fails (agreed) with TRN_INPUT (no
 * valid triples), TRN_MEMORY, TRN_IO. */
trn_status_t trn_kg_judge_count(const trn_kg_t *kg, MPI_Comm comm, trn_kg_found_t *found);

/* Plan of trn_kg_judge_fit: the thresholds stay under "fitting". Local. */
void trn_kg_judge_plan(trn_ledger_t *ledger, const trn_kg_t *kg, const trn_kg_header_t *header,
                       const trn_kg_found_t *found, int ranks);

/* Free what it holds; {0} is fine. Local. */
void trn_kg_judge_free(trn_kg_judge_t *judge);

/* Whether a triple of that relation and score holds, and how probable that is. Local. */
bool trn_kg_judge_holds(const trn_kg_judge_t *judge, int64_t relation, double score);
double trn_kg_judge_probability(const trn_kg_judge_t *judge, int64_t relation, double score);

#endif
