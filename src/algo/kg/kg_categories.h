/* kg_categories.h: of what kind a graph's relations are. */
#ifndef TRN_ALGO_KG_KG_CATEGORIES_H
#define TRN_ALGO_KG_KG_CATEGORIES_H

#include "algo/kg/kg.h"
#include "base/ledger.h"
#include "base/status.h"

#include <mpi.h>

/* How many tails a head of the relation has, and how many heads a tail: one or several, on average
 * 1.5 or more being several (Bordes et al. 2013, NIPS, section 4.3). */
typedef enum trn_category { TRN_1_TO_1, TRN_1_TO_N, TRN_N_TO_1, TRN_N_TO_N } trn_category_t;

/* category[relations] by the facts of all splits, duplicates counted once; a relation without facts
 * is 1-1. Collective. Fails (agreed) with TRN_INPUT, TRN_IO, TRN_MEMORY. Cost: every fact travels
 * twice to the rank that counts it; memory as trn_kg_categories_plan says. */
trn_status_t trn_kg_categories(const trn_kg_t *kg, MPI_Comm comm, trn_category_t *category);

/* Plan of that, of which nothing stays. Local. */
void trn_kg_categories_plan(trn_ledger_t *ledger, const trn_kg_t *kg, int ranks, int rank);

#endif
