/* kg_given.h: the place of true answers among candidates given for each question: out of a file, as
 * benchmarks with fixed negatives have them, or drawn. */
#ifndef TRN_ALGO_KG_ANSWER_KG_GIVEN_H
#define TRN_ALGO_KG_ANSWER_KG_GIVEN_H

#include "algo/kg/answer/kg_match.h"
#include "algo/kg/answer/kg_rank.h"
#include "algo/kg/kg_lines.h"
#include "algo/kg/kg_model.h"
#include "base/status.h"
#include "graph/known.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* Questions, and those of their candidates that this rank has of the model: an even cut of the
 * entities. Start with {0}. */
typedef struct trn_kg_given {
    int64_t count;
    trn_kg_query_t *queries; /* [count] equal on all ranks */
    bool owner;              /* of the queries */
    int64_t *start;          /* [count + 1] */
    int32_t *entity;         /* [start[count]] numbers in the graph, as often as they were given */
    int64_t capacity;        /* of entity */
    int64_t candidates;      /* of all ranks together */
} trn_kg_given_t;

/* Read a file of questions: lines of head, relation and tail, one of the two entities being '?',
 * then the true answer, then one candidate or more, all between tabs. Names are cut and first lines
 * left out as `form` says. Candidates equal to the answer are left out. Collective, equal
 * arguments. Fails (agreed) with TRN_INPUT as FILE:LINE (not one '?', no candidates, a name that
 * the graph lacks), TRN_IO, TRN_MEMORY; free it then too. Memory: rank 0 holds each name once and 4
 * bytes a candidate, others their part of the latter. Cost: a Bcast of 4 bytes a candidate. */
trn_status_t trn_kg_given_read(trn_kg_given_t *given, MPI_Comm comm, const char *path,
                               const trn_kg_form_t *form, const trn_kg_t *kg);

/* Draw for each of queries[count] (borrowed) `n` entities, none twice, that are neither the target
 * nor another known answer; fewer where there are not so many. They depend on the seed and the
 * question's place alone. Collective, equal arguments. Fails (agreed) with TRN_MEMORY; free it then
 * too. */
trn_status_t trn_kg_given_draw(trn_kg_given_t *given, MPI_Comm comm, const trn_kg_t *kg,
                               int64_t count, trn_kg_query_t *queries, const trn_known_t *known,
                               int64_t n, uint64_t seed);

/* counts[count], equal on all ranks: candidates better than the target and equal to it by the
 * model's definition in float64 (the raw ones the same). Collective, equal arguments but for the
 * model's band. Fails (agreed) with TRN_MEMORY, TRN_NUMERIC (a score overflows). Cost: an Allreduce
 * of 2 dim floats a question, and a score for each candidate by the rank that has it. */
trn_status_t trn_kg_given_rank(const trn_kg_given_t *given, const trn_kg_model_t *model,
                               MPI_Comm comm, int threads, trn_kg_count_t *counts);

/* Plans of trn_kg_given_draw, whose lists stay under "candidates", and of trn_kg_given_rank beside
 * its arguments, of which nothing stays. Local. */
void trn_kg_given_draw_plan(trn_ledger_t *ledger, const trn_kg_header_t *header, int64_t count,
                            int64_t n, int ranks, int rank);
void trn_kg_given_rank_plan(trn_ledger_t *ledger, const trn_kg_header_t *header, int threads,
                            int ranks);

/* Free what it holds; {0} is fine. Local. */
void trn_kg_given_free(trn_kg_given_t *given);

#endif
