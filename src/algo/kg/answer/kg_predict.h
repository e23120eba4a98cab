/* kg_predict.h: the best answers to questions, and the entities nearest to some.
 *
 * All scores are float64 by the model's definition, and equal ones go to the lower number: the
 * lists are the same on any number of ranks and threads. */
#ifndef TRN_ALGO_KG_ANSWER_KG_PREDICT_H
#define TRN_ALGO_KG_ANSWER_KG_PREDICT_H

#include "algo/common/names.h"
#include "algo/kg/kg_known.h"
#include "algo/kg/kg_model.h"
#include "base/status.h"
#include "kern/search/topk.h"

#include <mpi.h>
#include <stdint.h>

/* Which answers are wanted. */
typedef struct trn_kg_wanted {
    int64_t k;                    /* the best so many */
    int64_t entities;             /* of entities, those before this number */
    const trn_known_t *leave_out; /* none of these facts, NULL: these too */
} trn_kg_wanted_t;

/* best[count x k] on rank 0 (NULL elsewhere) = for each question the k best entities or relations
 * for the open place; entries of index -1 fill up. A relation of a model with reciprocal ones is
 * judged by the tail it gives. Collective, equal arguments but for the band. Fails (agreed) with
 * TRN_MEMORY, TRN_NUMERIC (a score overflows). Cost a rank: for entities that of trn_kg_match_tiles
 * (kg_match.h), and a score by the definition for those within rounding of the k best so far. */
trn_status_t trn_kg_answer(const trn_kg_model_t *model, MPI_Comm comm, int64_t count,
                           const trn_kg_question_t *questions, const trn_kg_wanted_t *wanted,
                           int threads, trn_best_t *best);

/* best[count x k] on rank 0 (NULL elsewhere) = the entities of greatest cosine with each entity,
 * itself left out; complex numbers count as two real ones. Collective, equal arguments but for the
 * band. Fails (agreed) with TRN_MEMORY. Cost a rank: 4 N dim / ranks flops in float64 for each. */
trn_status_t trn_kg_nearest(const trn_kg_model_t *model, MPI_Comm comm, int64_t count,
                            const int32_t *entities, int64_t k, int threads, trn_best_t *best);

/* Lists of answers on rank 0: best[count x k], NULL elsewhere. Some may be of relations. */
typedef struct trn_kg_answers {
    int64_t count, k;
    const trn_best_t *best;
    const trn_kg_question_t *questions; /* [count]; NULL: all ask for entities */
    bool relations;                     /* of those that ask for relations, else of the others */
} trn_kg_answers_t;

/* The names of answers in `list` of a store, on rank 0; to be freed also on failure. Collective.
 * Fails (agreed) and costs as trn_names_read. */
trn_status_t trn_kg_answer_names(const trn_kg_answers_t *answers, trn_store_t *store, MPI_Comm comm,
                                 const char *list, trn_labels_t *labels);

/* Questions, and answers to each, on `ranks` ranks. */
typedef struct trn_kg_search_size {
    int64_t count, k;
    int threads, ranks;
} trn_kg_search_size_t;

/* Plans of trn_kg_answer and trn_kg_nearest beside their arguments, of which nothing stays. Local.
 */
void trn_kg_answer_plan(trn_ledger_t *ledger, const trn_kg_header_t *header,
                        const trn_kg_search_size_t *size, int rank);
void trn_kg_nearest_plan(trn_ledger_t *ledger, const trn_kg_header_t *header,
                         const trn_kg_search_size_t *size, int rank);

/* Plan of trn_kg_answer_names on rank 0 in a list of `rows` names: they stay under "names". Local.
 */
void trn_kg_answer_names_plan(trn_ledger_t *ledger, int64_t rows, const trn_kg_search_size_t *size);

#endif
