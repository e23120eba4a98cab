/* kg_rank.h: the exact place of true answers among all entities.
 *
 * Candidates are scored in float32 by tiles (kg_match.h); whatever comes so near to the target that
 * rounding could decide is scored again, as the target itself is, in float64 by the model's
 * definition. So better, equal and worse are those of float64 whatever the tile, the BLAS, the
 * number of ranks and of threads, and entities with equal rows tie exactly. */
#ifndef TRN_ALGO_KG_ANSWER_KG_RANK_H
#define TRN_ALGO_KG_ANSWER_KG_RANK_H

#include "algo/kg/answer/kg_match.h"
#include "algo/kg/answer/kg_seen.h"
#include "algo/kg/kg_model.h"
#include "base/status.h"
#include "graph/known.h"
#include "graph/triple.h"

#include <mpi.h>
#include <stdint.h>

/* Candidates better than the target and equal to it, the target left out: other known answers left
 * out too, and (raw) with them. */
typedef struct trn_kg_count {
    int64_t better, equal, raw_better, raw_equal;
} trn_kg_count_t;

/* queries[2 count]: for the tail of each triple, then for its head. Local. */
void trn_kg_queries(int64_t count, const trn_triple_t *triples, trn_kg_query_t *queries);

/* counts[count], equal on all ranks, for queries[count], among all entities or, with `seen`, among
 * those that the relation has been seen with on that side; the true answer competes in any case.
 * Collective, equal arguments but for the
 * model's band. Fails (agreed) with TRN_MEMORY, TRN_NUMERIC (a score overflows). Cost a rank:
 * 2 N width / ranks flops a query (models that project: also N / ranks projections for each
 * relation and side), two Allreduces of dim floats a query. Protocol: filtered ranking of Bordes
 * et al. 2013 with both sides; ties as the caller counts them. */
trn_status_t trn_kg_rank(const trn_kg_model_t *model, MPI_Comm comm, const trn_known_t *known,
                         const trn_kg_seen_t *seen, int64_t count, const trn_kg_query_t *queries,
                         int threads, trn_kg_count_t *counts);

/* Plan of that beside its arguments, of which nothing stays; the size's `most` is not looked at.
 * Local. */
void trn_kg_rank_plan(trn_ledger_t *ledger, const trn_kg_header_t *header,
                      const trn_kg_match_size_t *size);

#endif
