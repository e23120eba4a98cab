/* normalize.h: Unicode normalization forms C (composed) and D (decomposed) of words. */
#ifndef TRN_TEXT_NORMALIZE_H
#define TRN_TEXT_NORMALIZE_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* Code points that normalizing `length` bytes of well-formed UTF-8 may take, one to spare. Local.
 */
int64_t trn_normalize_room(int64_t length);

/* Normalize text[length], well-formed UTF-8, to form C or, without `compose`, D; the result, as
 * bytes, takes the place of points[trn_normalize_room(length)]. Returns its bytes, or -1 if
 * utf8proc gives up. Local. */
int64_t trn_normalize_bytes(const char *text, int64_t length, bool compose, int32_t *points);

/* *normal = a normalized copy of `text`, to be freed with trn_free; NULL if it is so already, or
 * not well-formed. Fails with TRN_MEMORY. Local. */
trn_status_t trn_normalize(const char *text, bool compose, char **normal);

#endif
