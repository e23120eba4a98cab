/* segment.h: a stretch of the corpus as word numbers, and where each word stands in it. */
#ifndef TRN_TEXT_SEGMENT_H
#define TRN_TEXT_SEGMENT_H

#include "base/status.h"

#include <stdint.h>

/* Pieces of corpus, each bounded by breaks, and an inverted index over them. Opaque. */
typedef struct trn_segment trn_segment_t;

/* Create an empty segment for up to `room` word numbers and breaks (at most 2^32 - 1) out of a
 * vocabulary of `words`. Fails with TRN_MEMORY. Local. Cost: 4 bytes per place, and 4 more while
 * indexed. */
trn_status_t trn_segment_create(trn_segment_t **segment, int64_t words, int64_t room);

/* Free and set the pointer to NULL; NULL is fine. Local. */
void trn_segment_destroy(trn_segment_t **segment);

/* True if a piece of `count` word numbers still fits. Local. */
int trn_segment_fits(const trn_segment_t *segment, int64_t count);

/* Append a copy of ids[count], of which the first `before` and last `after` are context: neighbors
 * of the others, but counted elsewhere. It must fit. Fails with TRN_MEMORY. Local. */
trn_status_t trn_segment_add(trn_segment_t *segment, const int32_t *ids, int64_t count,
                             int64_t before, int64_t after);

/* Build the index over all pieces. Fails with TRN_MEMORY. Local. Cost: two passes. */
trn_status_t trn_segment_index(trn_segment_t *segment);

/* After indexing: the places, ascending, where `word` is to be counted, and the stream ids[] they
 * point into, which has breaks around every piece; returns how many. Local. */
int64_t trn_segment_places(const trn_segment_t *segment, int64_t word, const uint32_t **places,
                           const int32_t **ids);

/* Forget all pieces and the index. Local. */
void trn_segment_clear(trn_segment_t *segment);

#endif
