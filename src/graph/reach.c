/* reach.c: batches of walks (reach.h). "Items" are what bits are held for: components, or nodes. */
#include "graph/reach.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { WORD = TRN_REACH_WORD };

struct trn_reach {
    trn_reach_how_t how;
    int64_t nodes, items, blocks; /* blocks of 64 nodes */
    int words;
    int64_t sources, longest;
    const int32_t *source; /* borrowed during a run */
    uint64_t *bits;        /* [items x words]; all 0 but for what the last batch reached */
    uint64_t *marks;       /* [items / 64 + 1]; by levels: items of the level to come */
    int32_t *reached;      /* [items] those with bits */
    int64_t nreached;
    /* By levels: */
    uint64_t *front, *next; /* [items x words] bits of this level and of the next; else 0 */
    int32_t *now, *then;    /* [items] where they are */
    /* Rows: */
    uint64_t *room;  /* [64 words x blocks]: bitmaps of the sources, one after the other, or: */
    bool listed;     /* int32 lists of nodes */
    uint64_t *found; /* [blocks] nodes that some source reaches */
    int64_t first[WORD * TRN_REACH_WORDS + 1]; /* of the lists */
    int64_t count[WORD * TRN_REACH_WORDS];
    int32_t *row; /* [nodes] a bitmap written out; while lists are made: nodes that are reached */
};

static int64_t blocks_of(int64_t count) {
    return count / WORD + 1;
}

static trn_status_t fill(trn_reach_t *r) {
    int64_t bits = r->items * r->words;
    TRN_TRY(trn_alloc_zero(&r->bits, bits, sizeof *r->bits, "bits of sources"));
    TRN_TRY(trn_alloc_zero(&r->marks, blocks_of(r->items), sizeof *r->marks, "marks"));
    TRN_TRY(trn_alloc(&r->reached, r->items, sizeof *r->reached, "nodes that are reached"));
    if (!r->how.parts) {
        TRN_TRY(trn_alloc_zero(&r->front, bits, sizeof *r->front, "bits of a level"));
        TRN_TRY(trn_alloc_zero(&r->next, bits, sizeof *r->next, "bits of a level"));
        TRN_TRY(trn_alloc(&r->now, r->items, sizeof *r->now, "nodes of a level"));
        TRN_TRY(trn_alloc(&r->then, r->items, sizeof *r->then, "nodes of a level"));
    }
    TRN_TRY(trn_alloc(&r->room, WORD * r->words * r->blocks, sizeof *r->room, "rows"));
    TRN_TRY(trn_alloc_zero(&r->found, r->blocks, sizeof *r->found, "marks"));
    return trn_alloc(&r->row, r->nodes, sizeof *r->row, "a row");
}

trn_status_t trn_reach_create(trn_reach_t **reach, const trn_reach_how_t *how) {
    TRN_TRY(trn_alloc_zero(reach, 1, sizeof **reach, "walks"));
    trn_reach_t *r = *reach;
    r->how = *how;
    r->words = how->words;
    r->nodes = how->parts ? how->parts->nodes : how->graph->nodes;
    r->items = how->parts ? how->parts->parts : r->nodes;
    r->blocks = blocks_of(r->nodes);
    trn_status_t status = fill(r);
    if (status != TRN_OK) trn_reach_destroy(reach);
    return status;
}

void trn_reach_destroy(trn_reach_t **reach) {
    trn_reach_t *r = *reach;
    if (!r) return;
    trn_free(&r->bits);
    trn_free(&r->marks);
    trn_free(&r->reached);
    trn_free(&r->front);
    trn_free(&r->next);
    trn_free(&r->now);
    trn_free(&r->then);
    trn_free(&r->room);
    trn_free(&r->found);
    trn_free(&r->row);
    trn_free(reach);
}

void trn_reach_plan(trn_ledger_t *ledger, int64_t nodes, int words, bool levels) {
    int64_t bits = nodes * words, blocks = blocks_of(nodes);
    trn_ledger_take(ledger, "sources", 1, sizeof(trn_reach_t));
    trn_ledger_take(ledger, "sources", bits * (levels ? 3 : 1), sizeof(uint64_t));
    trn_ledger_take(ledger, "sources", nodes * (levels ? 4 : 2), sizeof(int32_t));
    trn_ledger_take(ledger, "sources", 2 * blocks, sizeof(uint64_t));
    trn_ledger_take(ledger, "sources", WORD * words * blocks, sizeof(uint64_t));
}

/* Walks by components -------------------------------------------------------------------------- */

/* Mark an item: whether it was not before. */
static bool mark(trn_reach_t *r, int32_t item) {
    uint64_t bit = (uint64_t)1 << item % WORD, *marks = &r->marks[item / WORD];
    bool fresh = !(*marks & bit);
    *marks |= bit;
    return fresh;
}

static void set_bit(uint64_t *bits, int64_t i) {
    bits[i / WORD] |= (uint64_t)1 << i % WORD;
}

static void join(uint64_t *to, const uint64_t *from, int words) {
    if (words == TRN_REACH_WORDS) {
        for (int k = 0; k < TRN_REACH_WORDS; k++)
            to[k] |= from[k];
        return;
    }
    for (int k = 0; k < words; k++)
        to[k] |= from[k];
}

/* Hand on the bits of a component, all of which it has by now; returns the marks that are new. */
static int64_t hand_on(trn_reach_t *r, int32_t item) {
    const trn_digraph_t *to = &r->how.parts->to;
    int64_t fresh = 0;
    const uint64_t *bits = r->bits + (int64_t)item * r->words;
    r->reached[r->nreached++] = item;
    for (int64_t e = to->start[item]; e < to->start[item + 1]; e++) {
        join(r->bits + (int64_t)to->to[e] * r->words, bits, r->words);
        fresh += mark(r, to->to[e]);
    }
    return fresh;
}

/* A node that is on no circle does not reach itself. */
static void take_back(trn_reach_t *r) {
    const trn_condensed_t *parts = r->how.parts;
    for (int64_t i = 0; i < r->sources; i++) {
        int32_t item = parts->part[r->source[i]];
        if (parts->cyclic[item]) continue;
        r->bits[(int64_t)item * r->words + i / WORD] &= ~((uint64_t)1 << i % WORD);
    }
}

/* Edges lead to lower numbers: from the highest mark downwards every component comes once, after
 * all that lead to it, until there is no mark. */
static void walk_parts(trn_reach_t *r) {
    const trn_condensed_t *parts = r->how.parts;
    int64_t marked = 0, block = 0;
    for (int64_t i = 0; i < r->sources; i++) {
        int32_t item = parts->part[r->source[i]];
        set_bit(r->bits + (int64_t)item * r->words, i);
        marked += mark(r, item);
        if (item / WORD > block) block = item / WORD;
    }
    for (; marked > 0; block--)
        while (r->marks[block] != 0) {
            int top = WORD - 1 - __builtin_clzll(r->marks[block]);
            r->marks[block] &= ~((uint64_t)1 << top);
            marked += hand_on(r, (int32_t)(block * WORD + top)) - 1;
        }
    if (!r->how.reflexive) take_back(r);
}

/* Walks by levels ------------------------------------------------------------------------------ */

/* Bits of `from` that `to` is not to have again go to the next level of `node`. */
static void step(trn_reach_t *r, int32_t node, const uint64_t *from, int64_t *coming) {
    int64_t at = (int64_t)node * r->words;
    uint64_t any = 0;
    for (int k = 0; k < r->words; k++) {
        uint64_t fresh = from[k] & ~r->bits[at + k];
        r->next[at + k] |= fresh;
        any |= fresh;
    }
    if (any == 0 || !mark(r, node)) return;
    r->then[(*coming)++] = node;
}

static bool is_empty(const uint64_t *bits, int words) {
    uint64_t any = 0;
    for (int k = 0; k < words; k++)
        any |= bits[k];
    return any == 0;
}

/* What came in becomes the level at hand. */
static void arrive(trn_reach_t *r, int64_t coming) {
    for (int64_t i = 0; i < coming; i++) {
        int64_t at = (int64_t)r->then[i] * r->words;
        if (is_empty(r->bits + at, r->words)) r->reached[r->nreached++] = r->then[i];
        join(r->bits + at, r->next + at, r->words);
        memcpy(r->front + at, r->next + at, (size_t)r->words * sizeof *r->front);
        memset(r->next + at, 0, (size_t)r->words * sizeof *r->next);
        r->marks[r->then[i] / WORD] = 0;
    }
    int32_t *old = r->now;
    r->now = r->then;
    r->then = old;
}

static void clear_front(trn_reach_t *r, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        memset(r->front + (int64_t)r->now[i] * r->words, 0, (size_t)r->words * sizeof *r->front);
}

/* The sources are no part of what is reached until an edge comes to them. */
static void walk_levels(trn_reach_t *r, trn_reach_met_t *met, void *user) {
    const trn_digraph_t *graph = r->how.graph;
    int64_t count = r->sources;
    for (int64_t i = 0; i < count; i++) {
        r->now[i] = r->source[i];
        set_bit(r->front + (int64_t)r->source[i] * r->words, i);
    }
    for (int64_t level = 1; count > 0 && (r->how.hops == 0 || level <= r->how.hops); level++) {
        int64_t coming = 0;
        for (int64_t i = 0; i < count; i++) {
            int32_t v = r->now[i];
            for (int64_t e = graph->start[v]; e < graph->start[v + 1]; e++)
                step(r, graph->to[e], r->front + (int64_t)v * r->words, &coming);
        }
        clear_front(r, count);
        arrive(r, coming);
        count = coming;
        if (count > 0) r->longest = level;
        for (int64_t i = 0; i < count && met; i++)
            met(user, level, r->now[i], r->front + (int64_t)r->now[i] * r->words);
    }
    clear_front(r, count);
    for (int64_t i = 0; i < r->sources && r->how.reflexive; i++) {
        uint64_t *bits = r->bits + (int64_t)r->source[i] * r->words;
        if (is_empty(bits, r->words)) r->reached[r->nreached++] = r->source[i];
        set_bit(bits, i);
    }
}

/* Rows ----------------------------------------------------------------------------------------- */

static int64_t size_of(const trn_reach_t *r, int32_t item) {
    const trn_condensed_t *parts = r->how.parts;
    return parts ? parts->first[item + 1] - parts->first[item] : 1;
}

static const uint64_t *bits_of(const trn_reach_t *r, int64_t node) {
    int64_t item = r->how.parts ? r->how.parts->part[node] : node;
    return r->bits + item * r->words;
}

static int64_t count_pairs(const trn_reach_t *r) {
    int64_t pairs = 0;
    for (int64_t i = 0; i < r->nreached; i++) {
        int64_t ones = 0;
        for (int k = 0; k < r->words; k++)
            ones += __builtin_popcountll(r->bits[(int64_t)r->reached[i] * r->words + k]);
        pairs += ones * size_of(r, r->reached[i]);
    }
    return pairs;
}

/* How many nodes each source reaches, by what is reached. */
static void count_rows(trn_reach_t *r) {
    memset(r->count, 0, sizeof r->count);
    for (int64_t i = 0; i < r->nreached; i++) {
        const uint64_t *bits = r->bits + (int64_t)r->reached[i] * r->words;
        int64_t size = size_of(r, r->reached[i]);
        for (int k = 0; k < r->words; k++)
            for (uint64_t left = bits[k]; left != 0; left &= left - 1)
                r->count[k * WORD + __builtin_ctzll(left)] += size;
    }
}

static int ascending(const void *a, const void *b) {
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* row[] = all nodes that are reached, ascending: few are sorted, many marked and looked up. */
static int64_t find_nodes(trn_reach_t *r) {
    enum { FEW = 64 /* of whose number a look at all marks costs as much as a sort */ };
    const trn_condensed_t *parts = r->how.parts;
    int64_t count = 0;
    for (int64_t i = 0; i < r->nreached; i++) {
        int32_t item = r->reached[i];
        if (!parts) r->row[count++] = item;
        for (int64_t m = parts ? parts->first[item] : 0; parts && m < parts->first[item + 1]; m++)
            r->row[count++] = parts->member[m];
    }
    if (count < r->blocks / FEW) {
        qsort(r->row, (size_t)count, sizeof *r->row, ascending);
        return count;
    }
    for (int64_t i = 0; i < count; i++)
        set_bit(r->found, r->row[i]);
    count = 0;
    for (int64_t b = 0; b < r->blocks; b++)
        for (; r->found[b] != 0; r->found[b] &= r->found[b] - 1)
            r->row[count++] = (int32_t)(b * WORD + __builtin_ctzll(r->found[b]));
    return count;
}

static void make_lists(trn_reach_t *r) {
    int32_t *list = (int32_t *)(void *)r->room;
    int64_t at[WORD * TRN_REACH_WORDS];
    count_rows(r);
    r->first[0] = 0;
    for (int64_t i = 0; i < WORD * r->words; i++) {
        at[i] = r->first[i];
        r->first[i + 1] = r->first[i] + r->count[i];
    }
    int64_t nodes = find_nodes(r);
    for (int64_t n = 0; n < nodes; n++) {
        const uint64_t *bits = bits_of(r, r->row[n]);
        for (int k = 0; k < r->words; k++)
            for (uint64_t left = bits[k]; left != 0; left &= left - 1)
                list[at[k * WORD + __builtin_ctzll(left)]++] = r->row[n];
    }
}

/* Bit j of x[i] to bit i of x[j]: squares of 32, 16, ... 1 bits beside the diagonal change places.
 */
static void transpose(uint64_t x[WORD]) {
    uint64_t mask = 0xffffffff;
    for (int width = WORD / 2; width > 0; width /= 2, mask ^= mask << width)
        for (int i = 0; i < WORD; i = (i + width + 1) & ~width) {
            uint64_t swap = (x[i] >> width ^ x[i + width]) & mask;
            x[i] ^= swap << width;
            x[i + width] ^= swap;
        }
}

static void make_bitmaps(trn_reach_t *r) {
    uint64_t square[WORD];
    memset(r->count, 0, sizeof r->count);
    for (int64_t b = 0; b < r->blocks; b++)
        for (int k = 0; k < r->words; k++) {
            int64_t n = r->nodes - b * WORD < WORD ? r->nodes - b * WORD : WORD;
            uint64_t any = 0;
            for (int64_t i = 0; i < WORD; i++) {
                square[i] = i < n ? bits_of(r, b * WORD + i)[k] : 0;
                any |= square[i];
            }
            if (any != 0) transpose(square);
            for (int64_t i = 0; i < WORD; i++) {
                r->room[(k * WORD + i) * r->blocks + b] = square[i];
                r->count[k * WORD + i] += __builtin_popcountll(square[i]);
            }
        }
}

/* Running -------------------------------------------------------------------------------------- */

static void forget(trn_reach_t *r) {
    for (int64_t i = 0; i < r->nreached; i++)
        memset(r->bits + (int64_t)r->reached[i] * r->words, 0, (size_t)r->words * sizeof *r->bits);
    r->nreached = 0;
    r->longest = 0;
}

void trn_reach_run(trn_reach_t *r, int64_t count, const int32_t *sources, trn_reach_met_t *met,
                   void *user) {
    forget(r);
    r->sources = count;
    r->source = sources;
    if (r->how.parts)
        walk_parts(r);
    else
        walk_levels(r, met, user);
    r->listed = count_pairs(r) <= 2 * r->words * r->nodes;
    if (r->listed)
        make_lists(r);
    else
        make_bitmaps(r);
}

int64_t trn_reach_count(const trn_reach_t *r, int64_t i) {
    return r->count[i];
}

const int32_t *trn_reach_row(trn_reach_t *r, int64_t i) {
    if (r->listed) return (const int32_t *)(const void *)r->room + r->first[i];
    int64_t count = 0;
    for (int64_t b = 0; b < r->blocks; b++)
        for (uint64_t left = r->room[i * r->blocks + b]; left != 0; left &= left - 1)
            r->row[count++] = (int32_t)(b * WORD + __builtin_ctzll(left));
    return r->row;
}

bool trn_reach_has(const trn_reach_t *r, int64_t i, int32_t node) {
    return bits_of(r, node)[i / WORD] >> i % WORD & 1;
}

int64_t trn_reach_longest(const trn_reach_t *r) {
    return r->longest;
}

const uint64_t *trn_reach_sources(const trn_reach_t *r, int32_t node) {
    return bits_of(r, node);
}
