/* lookup.c: open addressing over indices into the borrowed list; keys are made as they are
 * compared, so that a table costs no memory for them. */
#include "text/lookup.h"

#include "base/mem.h"
#include "text/lower.h"

#include <string.h>
#include <xxhash.h>

struct trn_lookup {
    int64_t count;
    char *const *words;
    bool fold;
    int64_t mask;  /* number of slots - 1, a power of two less one */
    int64_t *slot; /* index of a word, or -1; collisions go to the next slot */
};

/* Hash of a word as it is, or FNV-1a (Fowler, Noll, Vo) over the code points that stand for it
 * regardless of case, the high bits brought into the low ones. */
static uint64_t hash(const char *word, bool fold) {
    if (!fold) return XXH3_64bits(word, strlen(word));
    uint64_t value = 0xcbf29ce484222325;
    for (int32_t point; (point = trn_lower_key(&word)) != 0;)
        value = (value ^ (uint64_t)point) * 0x100000001b3;
    return value ^ value >> 32;
}

/* Equal keys; with `fold` both are made anew, code point by code point, for keys are not kept. */
static bool same(const char *a, const char *b, bool fold) {
    if (!fold) return strcmp(a, b) == 0;
    int32_t point;
    do {
        point = trn_lower_key(&a);
        if (point != trn_lower_key(&b)) return false;
    } while (point != 0);
    return true;
}

/* The slot that holds `word`, or the free one where it belongs. */
static int64_t *slot_of(const trn_lookup_t *lookup, const char *word) {
    int64_t at = (int64_t)(hash(word, lookup->fold) & (uint64_t)lookup->mask);
    while (lookup->slot[at] >= 0 && !same(lookup->words[lookup->slot[at]], word, lookup->fold))
        at = (at + 1) & lookup->mask;
    return &lookup->slot[at];
}

/* A power of two, at most half full. */
static int64_t slots_for(int64_t count) {
    int64_t slots = 2;
    while (slots < 2 * count)
        slots *= 2;
    return slots;
}

/* What a dry run counts. */
int64_t trn_lookup_bytes(int64_t count) {
    return slots_for(count) * (int64_t)sizeof(int64_t) + (int64_t)sizeof(trn_lookup_t);
}

/* Of equal keys the first word counts; *twice tells of the first that came again, or -1. */
trn_status_t trn_lookup_create(trn_lookup_t **lookup, int64_t count, char *const *words, bool fold,
                               int64_t *twice) {
    *lookup = NULL;
    int64_t slots = slots_for(count);
    trn_lookup_t *l;
    TRN_TRY(trn_alloc(&l, 1, sizeof *l, "a word table"));
    *l = (trn_lookup_t){.count = count, .words = words, .fold = fold, .mask = slots - 1};
    trn_status_t status = trn_alloc(&l->slot, slots, sizeof *l->slot, "a word table");
    if (status != TRN_OK) {
        trn_free(&l);
        return status;
    }
    for (int64_t i = 0; i < slots; i++)
        l->slot[i] = -1;
    int64_t second = -1;
    for (int64_t i = 0; i < count; i++) {
        int64_t *slot = slot_of(l, words[i]);
        if (*slot < 0)
            *slot = i;
        else if (second < 0)
            second = i;
    }
    if (twice) *twice = second;
    *lookup = l;
    return TRN_OK;
}

void trn_lookup_destroy(trn_lookup_t **lookup) {
    if (!*lookup) return;
    trn_free(&(*lookup)->slot);
    trn_free(lookup);
}

int64_t trn_lookup_find(const trn_lookup_t *lookup, const char *word) {
    return *slot_of(lookup, word);
}
