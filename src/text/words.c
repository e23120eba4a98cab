/* words.c: linear probing over slots of 8 bytes, eight to a cache line; words lie end to end in an
 * arena. Numbers are given in order of arrival, so they depend on how the text was cut: nothing
 * that is written may depend on them. */
#include "text/words.h"

#include "base/mem.h"

#include <string.h>
#include <xxhash.h>

enum { FIRST_SLOTS = 1 << 16, FIRST_WORDS = 1 << 14, FIRST_BYTES = 1 << 18 };

/* A slot holds the upper half of the hash, so that few probes reach for the word itself: the lower
 * half chose the slot, and words that agree in both are one in 2^32. */
typedef struct slot {
    uint32_t tag;
    int32_t id; /* -1: free */
} slot_t;

typedef struct word {
    uint64_t hash;
    int64_t start; /* in the arena */
    int64_t count;
    int64_t length;
} word_t;

struct trn_words {
    slot_t *slots; /* [mask + 1], at most half full */
    uint64_t mask;
    word_t *words; /* [room], `size` used */
    int64_t size, room;
    char *arena; /* [arena_room], `arena_used` used */
    int64_t arena_used, arena_room;
};

/* All free. */
static trn_status_t make_slots(slot_t **slots, uint64_t number) {
    TRN_TRY(trn_alloc(slots, (int64_t)number, sizeof **slots, "the word table"));
    memset(*slots, 0xff, number * sizeof **slots); /* every id -1 */
    return TRN_OK;
}

trn_status_t trn_words_create(trn_words_t **words) {
    TRN_TRY(trn_alloc_zero(words, 1, sizeof **words, "a word table"));
    trn_words_t *w = *words;
    w->mask = FIRST_SLOTS - 1;
    w->room = FIRST_WORDS;
    w->arena_room = FIRST_BYTES;
    /* Enough for small texts without growing, little enough to start any number of tables. */
    trn_status_t status = make_slots(&w->slots, FIRST_SLOTS);
    if (status == TRN_OK) status = trn_alloc(&w->words, w->room, sizeof *w->words, "words");
    if (status == TRN_OK) status = trn_alloc(&w->arena, w->arena_room, 1, "words' bytes");
    if (status != TRN_OK) trn_words_destroy(words);
    return status;
}

void trn_words_destroy(trn_words_t **words) {
    if (!*words) return;
    trn_free(&(*words)->slots);
    trn_free(&(*words)->words);
    trn_free(&(*words)->arena);
    trn_free(words);
}

/* Also the rank that merges a word is found by this hash, so it must be the same on all machines of
 * a job: XXH3 is defined by its output, not by the machine. */
uint64_t trn_words_hash(const char *bytes, int64_t length) {
    return XXH3_64bits(bytes, (size_t)length);
}

void trn_words_prefetch(const trn_words_t *words, uint64_t hash) {
    __builtin_prefetch(&words->slots[hash & words->mask]);
}

/* The slot that holds the word, or the free one where it belongs. */
static slot_t *probe(const trn_words_t *words, const char *bytes, int64_t length, uint64_t hash) {
    uint32_t tag = (uint32_t)(hash >> 32);
    for (uint64_t at = hash;; at++) {
        slot_t *slot = &words->slots[at & words->mask];
        if (slot->id < 0) return slot;
        if (slot->tag != tag) continue;
        const word_t *word = &words->words[slot->id];
        if (word->length == length &&
            memcmp(words->arena + word->start, bytes, (size_t)length) == 0)
            return slot;
    }
}

/* Into a table twice as large, by the hashes that are kept; words themselves are not touched. */
static trn_status_t double_slots(trn_words_t *words) {
    uint64_t number = 2 * (words->mask + 1);
    slot_t *slots;
    TRN_TRY(make_slots(&slots, number));
    trn_free(&words->slots);
    words->slots = slots;
    words->mask = number - 1;
    for (int64_t id = 0; id < words->size; id++) {
        uint64_t at = words->words[id].hash;
        while (slots[at & words->mask].id >= 0)
            at++;
        slots[at & words->mask] =
            (slot_t){.tag = (uint32_t)(words->words[id].hash >> 32), .id = (int32_t)id};
    }
    return TRN_OK;
}

/* Make room for one more word of `length` bytes. */
static trn_status_t grow(trn_words_t *words, int64_t length) {
    if (words->size == INT32_MAX)
        return trn_fail(TRN_MEMORY, "more than 2^31 - 1 distinct words; use more ranks");
    TRN_TRY(trn_grow(&words->words, &words->room, words->size + 1, sizeof *words->words, "words"));
    TRN_TRY(
        trn_grow(&words->arena, &words->arena_room, words->arena_used + length, 1, "words' bytes"));
    return 2 * (uint64_t)words->size > words->mask ? double_slots(words) : TRN_OK;
}

/* Growing may fail; a word is entered only after it, so that the table stays whole. */
trn_status_t trn_words_add(trn_words_t *words, const char *bytes, int64_t length, uint64_t hash,
                           int64_t count, int32_t *id) {
    slot_t *slot = probe(words, bytes, length, hash);
    if (slot->id >= 0) {
        *id = slot->id;
        words->words[*id].count += count;
        return TRN_OK;
    }
    TRN_TRY(grow(words, length));
    slot = probe(words, bytes, length, hash); /* growing may have moved it */
    *id = (int32_t)words->size++;
    *slot = (slot_t){.tag = (uint32_t)(hash >> 32), .id = *id};
    words->words[*id] =
        (word_t){.hash = hash, .start = words->arena_used, .count = count, .length = length};
    memcpy(words->arena + words->arena_used, bytes, (size_t)length);
    words->arena_used += length;
    return TRN_OK;
}

int32_t trn_words_find(const trn_words_t *words, const char *bytes, int64_t length, uint64_t hash) {
    return probe(words, bytes, length, hash)->id;
}

int64_t trn_words_size(const trn_words_t *words) {
    return words->size;
}
const char *trn_words_bytes(const trn_words_t *words, int64_t id, int64_t *length) {
    *length = words->words[id].length;
    return words->arena + words->words[id].start;
}
uint64_t trn_words_hash_of(const trn_words_t *words, int64_t id) {
    return words->words[id].hash;
}
int64_t trn_words_count(const trn_words_t *words, int64_t id) {
    return words->words[id].count;
}
