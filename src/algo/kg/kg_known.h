/* kg_known.h: what a graph of any size knows about some questions, and of what kind its relations
 * are. No rank holds all facts. */
#ifndef TRN_ALGO_KG_KG_KNOWN_H
#define TRN_ALGO_KG_KG_KNOWN_H

#include "algo/kg/kg.h"
#include "base/status.h"
#include "graph/known.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* A fact with one place open, of which the number is -1. */
typedef struct trn_kg_question {
    int32_t head, relation, tail;
} trn_kg_question_t;

/* How many tails a head of the relation has, and how many heads a tail: one or several, on average
 * 1.5 or more being several (Bordes et al. 2013, NIPS, section 4.3). */
typedef enum trn_category { TRN_1_TO_1, TRN_1_TO_N, TRN_N_TO_1, TRN_N_TO_N } trn_category_t;

/* The facts of the first `splits` splits, and extra[more], that have two places in common with a
 * question. Collective, equal arguments. Fails (agreed) with TRN_INPUT, TRN_IO, TRN_MEMORY. Cost:
 * each rank reads a part of the triples; 60 bytes for each fact found, of which 24 stay. */
trn_status_t trn_kg_known_about(const trn_kg_t *kg, MPI_Comm comm, int splits, int64_t count,
                                const trn_kg_question_t *questions, int64_t more,
                                const trn_triple_t *extra, trn_known_t **known);

/* As that for both questions of triples[count]: who else is the tail, and the head. Collective. */
trn_status_t trn_kg_known_both(const trn_kg_t *kg, MPI_Comm comm, int splits, int64_t count,
                               const trn_triple_t *triples, trn_known_t **known);

/* Whether the candidate in the open place makes a known fact. Local. Cost: two binary searches. */
bool trn_kg_is_known(const trn_known_t *known, const trn_kg_question_t *question,
                     int64_t candidate);

/* category[relations] by the facts of all splits, doublets counted once; a relation without facts
 * is 1-1. Collective. Fails (agreed) as trn_kg_known_about. Cost: every fact travels twice to the
 * rank that counts it, 44 bytes for each on the way. */
trn_status_t trn_kg_categories(const trn_kg_t *kg, MPI_Comm comm, trn_category_t *category);

#endif
