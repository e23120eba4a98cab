/* words.h: the distinct words seen so far, numbered in order of arrival, with their counts. */
#ifndef TRN_TEXT_WORDS_H
#define TRN_TEXT_WORDS_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* An open-addressing hash table over an arena of bytes. Opaque. */
typedef struct trn_words trn_words_t;

/* Create an empty table. Fails with TRN_MEMORY. Local. */
trn_status_t trn_words_create(trn_words_t **words);

/* Free and set the pointer to NULL; NULL is fine. Local. */
void trn_words_destroy(trn_words_t **words);

/* Hash of a word (XXH3-64), equal on all ranks: also tells which rank merges it. Local. */
uint64_t trn_words_hash(const char *bytes, int64_t length);

/* Ask the cache for the slot of a hash that will be looked up soon. Local. */
void trn_words_prefetch(const trn_words_t *words, uint64_t hash);

/* Find the word of `length` bytes (any bytes), adding it if new, and add `count` to its count;
 * `hash` is trn_words_hash of it. *id gets its number. Fails with TRN_MEMORY, also beyond 2^31 - 1
 * words. Local. Cost: two cache misses. */
trn_status_t trn_words_add(trn_words_t *words, const char *bytes, int64_t length, uint64_t hash,
                           int64_t count, int32_t *id);

/* Number of the word, or -1 when it is not in the table. Local. */
int32_t trn_words_find(const trn_words_t *words, const char *bytes, int64_t length, uint64_t hash);

/* How many words there are; bytes (borrowed until the next add, not terminated), length, hash and
 * count of one. Local. */
int64_t trn_words_size(const trn_words_t *words);
const char *trn_words_bytes(const trn_words_t *words, int64_t id, int64_t *length);
uint64_t trn_words_hash_of(const trn_words_t *words, int64_t id);
int64_t trn_words_count(const trn_words_t *words, int64_t id);

#endif
