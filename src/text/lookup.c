#include "text/lookup.h"

#include "base/mem.h"

#include <string.h>
#include <utf8proc.h>

struct trn_lookup {
    int64_t count;
    char *const *words;
    bool fold;
    int64_t mask;  /* number of slots - 1, a power of two less one */
    int64_t *slot; /* index of a word, or -1; collisions go to the next slot */
};

/* Take one code point off *text, lowered if `fold`; 0 at the end. A byte that starts no valid
 * sequence counts as a code point of its own, beyond those of Unicode. */
static int32_t next_point(const char **text, bool fold) {
    utf8proc_int32_t point;
    unsigned char byte = (unsigned char)**text;
    if (byte < 0x80) { /* ASCII, the common case, and the end */
        *text += byte != 0;
        return fold && byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte;
    }
    utf8proc_ssize_t bytes = utf8proc_iterate((const utf8proc_uint8_t *)*text, -1, &point);
    if (bytes <= 0) {
        *text += 1;
        return 0x110000 + byte;
    }
    *text += bytes;
    return fold ? utf8proc_tolower(point) : point;
}

/* FNV-1a over code points (Fowler, Noll, Vo), the high bits folded into the low ones. */
static uint64_t hash(const char *word, bool fold) {
    uint64_t value = 0xcbf29ce484222325;
    for (int32_t point; (point = next_point(&word, fold)) != 0;)
        value = (value ^ (uint64_t)point) * 0x100000001b3;
    return value ^ value >> 32;
}

static bool same(const char *a, const char *b, bool fold) {
    int32_t point;
    do {
        point = next_point(&a, fold);
        if (point != next_point(&b, fold)) return false;
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

int64_t trn_lookup_bytes(int64_t count) {
    return slots_for(count) * (int64_t)sizeof(int64_t) + (int64_t)sizeof(trn_lookup_t);
}

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

trn_status_t trn_lower(const char *text, char **lower) {
    /* A lower-case letter takes at most one byte more than a capital of two. */
    TRN_TRY(trn_alloc(lower, (int64_t)strlen(text) * 3 / 2 + 1, 1, "lower-case text"));
    char *to = *lower;
    for (int32_t point; (point = next_point(&text, true)) != 0;) {
        if (point < 0x110000)
            to += utf8proc_encode_char(point, (utf8proc_uint8_t *)to);
        else
            *to++ = (char)(point - 0x110000);
    }
    *to = '\0';
    return TRN_OK;
}

bool trn_utf8_valid(const char *text) {
    for (int32_t point; (point = next_point(&text, false)) != 0;)
        if (point >= 0x110000) return false;
    return true;
}
