/* links.h: the links of every entity of a graph that is read both ways. */
#ifndef TRN_GRAPH_LINKS_H
#define TRN_GRAPH_LINKS_H

#include "base/status.h"
#include "graph/triple.h"

#include <stdint.h>

/* Entity e has the links [start[e], start[e + 1]). Types are relations read forwards (0 ..
 * relations - 1, where e is the head) and backwards (relations + r, where it is the tail). */
typedef struct trn_links {
    int64_t entities, relations;
    int64_t *start; /* [entities + 1] */
    int32_t *other; /* [2 x triples]: the entity at the other end */
    int32_t *type;  /* [2 x triples] */
} trn_links_t;

/* Build from triples, whose numbers must be in range; links of an entity keep the order of the
 * triples. Fails with TRN_MEMORY; free it then too. Local. Cost: two passes. Memory:
 * trn_links_bytes. */
trn_status_t trn_links_create(trn_links_t *links, int64_t entities, int64_t relations,
                              int64_t count, const trn_triple_t *triples);

/* Free what it holds; {0} is fine. Local. */
void trn_links_free(trn_links_t *links);

/* Bytes of the links of a graph. Local. */
int64_t trn_links_bytes(int64_t entities, int64_t triples);

/* Links of an entity. Local. */
int64_t trn_links_degree(const trn_links_t *links, int64_t entity);

/* rank[entities] = PageRank with restarts that are equally likely everywhere: the share of time
 * that a walk spends at an entity when at each step it follows a random link with probability
 * `damping`, and else (or without links) starts anew anywhere. Iterated until the sum of changes
 * is below 1e-10, at most 200 times, with sums in the order of entities. Fails with TRN_MEMORY.
 * Local. Cost: an iteration is a pass over the links. Source: Page, Brin, Motwani, Winograd: The
 * PageRank citation ranking (1999). */
trn_status_t trn_links_pagerank(const trn_links_t *links, double damping, double *rank);

/* types[m] = relation types of an entity's links, none twice, ascending; where there are more than
 * m, those of the lowest random numbers by (seed, entity, type); where fewer, filled up with
 * `padding`. `scratch` has room for all links of the entity. Local. Cost: a sort of its links. */
void trn_links_context(const trn_links_t *links, int64_t entity, uint64_t seed, int64_t m,
                       int32_t padding, int64_t *scratch, int32_t *types);

#endif
