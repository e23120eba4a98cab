/* known.h: which answers to "(entity, relation, ?)" and "(?, relation, entity)" are known facts. */
#ifndef TRN_GRAPH_KNOWN_H
#define TRN_GRAPH_KNOWN_H

#include "base/status.h"
#include "graph/triple.h"

#include <stdbool.h>
#include <stdint.h>

/* Facts sorted both ways round. Opaque, immutable. */
typedef struct trn_known trn_known_t;

/* Index triples[count] (copied; doublets count once). Fails with TRN_MEMORY. Local. Cost: two
 * sorts; 48 bytes a triple, of which 24 stay. */
trn_status_t trn_known_create(trn_known_t **known, int64_t count, const trn_triple_t *triples);

/* Free and set the pointer to NULL; NULL is fine. Local. */
void trn_known_destroy(trn_known_t **known);

/* How many facts there are, doublets counted once. Local. */
int64_t trn_known_count(const trn_known_t *known);

/* The known heads (or, not `heads`, tails) that go with an entity and a relation, ascending:
 * (*answers)[returned], borrowed. Local. Cost: a binary search. */
int64_t trn_known_answers(const trn_known_t *known, bool heads, int32_t entity, int32_t relation,
                          const int32_t **answers);

#endif
