/* segment.c: the corpus in memory, and for each word the places where it stands. With that index a
 * row of the matrix is summed at once, from all occurrences of its word, in one dense row; without
 * it every pair would be an access to a hash table. */
#include "text/segment.h"

#include "base/mem.h"
#include "text/tokens.h"

#include <string.h>

enum { FIRST = 1 << 20 /* numbers to begin with: from there on growing needs no copy */ };

/* A stretch of the corpus with context on both sides, which pairs reach into but which is counted
 * elsewhere: so every occurrence is counted once, on one rank. */
typedef struct piece {
    int64_t first, end; /* of what is to be counted in it */
} piece_t;

struct trn_segment {
    int64_t words;
    int32_t *ids;           /* [capacity]: break, piece, break, piece, ..., break */
    int64_t used, capacity; /* grows up to ... */
    int64_t room;
    piece_t *pieces; /* [piece_room] */
    int64_t npieces, piece_room;
    int64_t *start; /* [words + 1]: where a word's places start; NULL until indexed */
    uint32_t *places;
};

trn_status_t trn_segment_create(trn_segment_t **segment, int64_t words, int64_t room) {
    TRN_TRY(trn_alloc_zero(segment, 1, sizeof **segment, "a segment"));
    trn_segment_t *s = *segment;
    s->words = words;
    /* Places are uint32, at half the memory; a break goes before and behind all. */
    s->room = room + 2 < UINT32_MAX ? room + 2 : UINT32_MAX;
    s->capacity = s->room < FIRST ? s->room : FIRST;
    trn_status_t status = trn_alloc(&s->ids, s->capacity, sizeof *s->ids, "the corpus in memory");
    if (status == TRN_OK)
        trn_segment_clear(s);
    else
        trn_segment_destroy(segment);
    return status;
}

void trn_segment_destroy(trn_segment_t **segment) {
    if (!*segment) return;
    trn_free(&(*segment)->ids);
    trn_free(&(*segment)->pieces);
    trn_free(&(*segment)->start);
    trn_free(&(*segment)->places);
    trn_free(segment);
}

/* The piece and the break behind it. */
int trn_segment_fits(const trn_segment_t *segment, int64_t count) {
    return segment->used + count + 1 <= segment->room;
}

trn_status_t trn_segment_add(trn_segment_t *segment, const int32_t *ids, int64_t count,
                             int64_t before, int64_t after) {
    trn_segment_t *s = segment;
    if (s->npieces == s->piece_room) {
        int64_t room = 2 * s->piece_room + 64;
        TRN_TRY(trn_realloc(&s->pieces, room, sizeof *s->pieces, "corpus pieces"));
        s->piece_room = room;
    }
    TRN_TRY(trn_grow(&s->ids, &s->capacity, s->used + count + 1, sizeof *s->ids,
                     "the corpus in memory"));
    memcpy(s->ids + s->used, ids, (size_t)count * sizeof *ids);
    s->pieces[s->npieces++] = (piece_t){s->used + before, s->used + count - after};
    s->used += count;
    s->ids[s->used++] = TRN_BREAK;
    return TRN_OK;
}

trn_status_t trn_segment_index(trn_segment_t *segment) {
    trn_segment_t *s = segment;
    /* start[] is laid one place up, so that filling moves every entry to its final value. */
    TRN_TRY(trn_alloc_zero(&s->start, s->words + 2, sizeof *s->start, "the corpus index"));
    int64_t *next = s->start + 1;
    for (int64_t p = 0; p < s->npieces; p++)
        for (int64_t at = s->pieces[p].first; at < s->pieces[p].end; at++)
            if (s->ids[at] >= 0) next[s->ids[at] + 1]++;
    /* A counting sort of places by word: counts, sums, then every place to its word's next slot.
     * Places of a word stay ascending, as they are met. */
    for (int64_t word = 0; word < s->words; word++)
        next[word + 1] += next[word];
    TRN_TRY(trn_alloc(&s->places, next[s->words], sizeof *s->places, "the corpus index"));
    for (int64_t p = 0; p < s->npieces; p++)
        for (int64_t at = s->pieces[p].first; at < s->pieces[p].end; at++)
            if (s->ids[at] >= 0) s->places[next[s->ids[at]]++] = (uint32_t)at;
    return TRN_OK;
}

int64_t trn_segment_places(const trn_segment_t *segment, int64_t word, const uint32_t **places,
                           const int32_t **ids) {
    *places = segment->places + segment->start[word];
    *ids = segment->ids;
    return segment->start[word + 1] - segment->start[word];
}

/* The stream begins with a break, so that a window can look left of the first place without asking.
 */
void trn_segment_clear(trn_segment_t *segment) {
    trn_free(&segment->start);
    trn_free(&segment->places);
    segment->npieces = 0;
    segment->ids[0] = TRN_BREAK;
    segment->used = 1;
}
