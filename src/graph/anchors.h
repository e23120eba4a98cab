/* anchors.h: entities that others are described by: which they are, and which are near. */
#ifndef TRN_GRAPH_ANCHORS_H
#define TRN_GRAPH_ANCHORS_H

#include "base/ledger.h"
#include "base/status.h"
#include "graph/links.h"

#include <stdint.h>

/* anchor[count] = 40 % the entities of most links, 40 % those of greatest PageRank (damping 0.85)
 * among the others, and the rest drawn by (seed) from what remains; shares are rounded up, of
 * equals the lower number comes first, none is taken twice. They stand in the reverse order, those
 * of most links last: of equally near anchors lists then hold the rarer, which tell more. count <=
 * entities. Fails with TRN_MEMORY. Local. Source: Galkin et al.: NodePiece (ICLR 2022), section 3.
 */
trn_status_t trn_anchors_choose(const trn_links_t *links, int64_t count, uint64_t seed,
                                int32_t *anchor);

/* An anchor, by its place among the anchors, and the links on the way to it. */
typedef struct trn_near {
    int32_t distance, anchor; /* INT32_MAX, -1: none */
} trn_near_t;

/* Make near[k] a list of none. Local. */
void trn_near_clear(int64_t k, trn_near_t *near);

/* Let one compete for the list near[k], which is sorted by distance, of equals by the anchor.
 * Local. Cost: k at most. */
void trn_near_insert(int64_t k, trn_near_t *near, int32_t distance, int32_t anchor);

/* Let the anchors with places [first, first + count) compete for the lists near[entities x k] of
 * all entities that they can reach over at most `hops` links. Lists of all anchors come out the
 * same in whatever parts they are searched. Fails with TRN_MEMORY. Local. Cost: for each 64
 * anchors and each distance a pass over the links. Memory: 24 bytes an entity. */
trn_status_t trn_anchors_reach(const trn_links_t *links, const int32_t *anchor, int64_t first,
                               int64_t count, int64_t hops, int64_t k, trn_near_t *near);

/* Plan of trn_anchors_choose and of trn_anchors_reach, of which nothing stays. Local. */
void trn_anchors_plan(trn_ledger_t *ledger, int64_t entities);

#endif
