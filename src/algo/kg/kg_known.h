/* kg_known.h: what a graph of any size knows about some questions. No rank holds all facts. */
#ifndef TRN_ALGO_KG_KG_KNOWN_H
#define TRN_ALGO_KG_KG_KNOWN_H

#include "algo/kg/kg.h"
#include "base/ledger.h"
#include "base/status.h"
#include "graph/known.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* A fact with one place open, of which the number is -1. */
typedef struct trn_kg_question {
    int32_t head, relation, tail;
} trn_kg_question_t;

/* What is asked of which facts: questions[count], or, where that is NULL, both questions of
 * triples[count]: who else is the tail, and the head. All borrowed. */
typedef struct trn_kg_asked {
    int splits; /* train, valid, ...: the first so many */
    int64_t count;
    const trn_kg_question_t *questions;
    const trn_triple_t *triples;
    int64_t more; /* facts beside the graph's */
    const trn_triple_t *extra;
} trn_kg_asked_t;

/* How many facts have two places in common with a question. */
typedef struct trn_kg_found {
    int64_t questions; /* as they are looked up */
    int64_t mine;      /* facts in the part of the triples that this rank reads */
    int64_t all;       /* facts, and the extra ones */
    int64_t most;      /* in the part of the triples that one of `ranks` ranks reads */
    int ranks;
} trn_kg_found_t;

/* Count them. Collective, equal arguments. Fails (agreed) with TRN_INPUT, TRN_IO, TRN_MEMORY. Cost:
 * each rank reads a part of the triples. */
trn_status_t trn_kg_known_count(const trn_kg_t *kg, MPI_Comm comm, const trn_kg_asked_t *asked,
                                trn_kg_found_t *found);

/* The most that it can find, on any number of ranks. Local. */
trn_kg_found_t trn_kg_known_most(const trn_kg_t *kg, const trn_kg_asked_t *asked);

/* Index those that were counted. Collective, equal arguments. Fails and costs as
 * trn_kg_known_count; memory as trn_kg_known_plan says. */
trn_status_t trn_kg_known_create(const trn_kg_t *kg, MPI_Comm comm, const trn_kg_asked_t *asked,
                                 const trn_kg_found_t *found, trn_known_t **known);

/* Plan of trn_kg_known_create on one of `ranks` ranks: the index stays under "known". Local. */
void trn_kg_known_plan(trn_ledger_t *ledger, const trn_kg_found_t *found, int ranks);

/* Whether the candidate in the open place makes a known fact. Local. Cost: two binary searches. */
bool trn_kg_is_known(const trn_known_t *known, const trn_kg_question_t *question,
                     int64_t candidate);

#endif
