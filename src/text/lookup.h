/* lookup.h: from a word to its index: exactly, or regardless of case. */
#ifndef TRN_TEXT_LOOKUP_H
#define TRN_TEXT_LOOKUP_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* A hash table over a list of words that it borrows. Opaque. */
typedef struct trn_lookup trn_lookup_t;

/* Index words[count] (borrowed: they must outlive the table), as they are or, if `fold`, regardless
 * of case (trn_lower_key). Of several words with one key the first is kept; *twice is then the
 * index of the second such word (the lowest), else -1; NULL: not wanted. Fails with TRN_MEMORY.
 * Local. */
trn_status_t trn_lookup_create(trn_lookup_t **lookup, int64_t count, char *const *words, bool fold,
                               int64_t *twice);

/* Free and set the pointer to NULL; NULL is fine. Local. */
void trn_lookup_destroy(trn_lookup_t **lookup);

/* Index of `word`, or -1. Local. Cost: O(1). */
int64_t trn_lookup_find(const trn_lookup_t *lookup, const char *word);

/* Bytes of the table over `count` words. Local. */
int64_t trn_lookup_bytes(int64_t count);

#endif
