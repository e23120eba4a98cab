#include "graph/anchors.h"

#include "base/mem.h"
#include "base/rng.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* An entity and what it is judged by. */
typedef struct judged {
    double value;
    int64_t entity;
} judged_t;

static int better_first(const void *a, const void *b) {
    const judged_t *x = a, *y = b;
    if (x->value != y->value) return x->value > y->value ? -1 : 1;
    return (x->entity > y->entity) - (x->entity < y->entity);
}

typedef struct choice {
    int64_t entities, count, chosen;
    judged_t *order; /* [entities] */
    bool *taken;     /* [entities] */
    int32_t *anchor;
} choice_t;

static void take(choice_t *c, int64_t entity) {
    if (c->taken[entity]) return;
    c->taken[entity] = true;
    c->anchor[c->chosen++] = (int32_t)entity;
}

/* Take the best of what is in `order` until `total` are chosen. */
static void take_best(choice_t *c, int64_t total) {
    qsort(c->order, (size_t)c->entities, sizeof *c->order, better_first);
    for (int64_t i = 0; i < c->entities && c->chosen < total; i++)
        take(c, c->order[i].entity);
}

static trn_status_t choose(const trn_links_t *links, choice_t *c, double *rank, uint64_t seed) {
    int64_t n = c->entities, share = (2 * c->count + 4) / 5;
    for (int64_t e = 0; e < n; e++)
        c->order[e] = (judged_t){(double)trn_links_degree(links, e), e};
    take_best(c, share);
    TRN_TRY(trn_links_pagerank(links, 0.85, rank));
    for (int64_t e = 0; e < n; e++)
        c->order[e] = (judged_t){rank[e], e};
    take_best(c, 2 * share < c->count ? 2 * share : c->count);
    uint32_t words[4];
    trn_rng_words(seed, 0, 0, 0, TRN_RNG_ANCHOR, words);
    uint64_t order = (uint64_t)words[0] << 32 | words[1];
    for (int64_t i = 0; i < n && c->chosen < c->count; i++)
        take(c, trn_rng_permuted(order, n, i));
    for (int64_t i = 0, j = c->count - 1; i < j; i++, j--) {
        int32_t first = c->anchor[i];
        c->anchor[i] = c->anchor[j];
        c->anchor[j] = first;
    }
    return TRN_OK;
}

trn_status_t trn_anchors_choose(const trn_links_t *links, int64_t count, uint64_t seed,
                                int32_t *anchor) {
    int64_t n = links->entities;
    choice_t c = {.entities = n, .count = count, .anchor = anchor};
    double *rank = NULL;
    trn_status_t status = trn_alloc(&c.order, n, sizeof *c.order, "an order of entities");
    if (status == TRN_OK) status = trn_alloc_zero(&c.taken, n, sizeof *c.taken, "anchors");
    if (status == TRN_OK) status = trn_alloc(&rank, n, sizeof *rank, "PageRank");
    if (status == TRN_OK) status = choose(links, &c, rank, seed);
    trn_free(&c.order);
    trn_free(&c.taken);
    trn_free(&rank);
    return status;
}

void trn_near_clear(int64_t k, trn_near_t *near) {
    for (int64_t i = 0; i < k; i++)
        near[i] = (trn_near_t){INT32_MAX, -1};
}

void trn_near_insert(int64_t k, trn_near_t *near, int32_t distance, int32_t anchor) {
    int64_t i = k;
    for (; i > 0; i--) {
        const trn_near_t *before = &near[i - 1];
        if (before->distance < distance ||
            (before->distance == distance && before->anchor < anchor))
            break;
    }
    if (i == k) return;
    memmove(&near[i + 1], &near[i], (size_t)(k - 1 - i) * sizeof *near);
    near[i] = (trn_near_t){distance, anchor};
}

/* A search from 64 anchors at a time, a bit for each: where they were ever, have come to in the
 * last step, and come to in this one. */
typedef struct search {
    const trn_links_t *links;
    uint64_t *seen, *front, *next; /* [entities] each */
    int64_t k;
    trn_near_t *near;
} search_t;

static bool advance(search_t *s, int32_t distance, int64_t base) {
    const trn_links_t *l = s->links;
    bool moved = false;
    for (int64_t e = 0; e < l->entities; e++) {
        uint64_t bits = s->front[e];
        for (int64_t i = l->start[e]; bits && i < l->start[e + 1]; i++)
            s->next[l->other[i]] |= bits;
    }
    for (int64_t e = 0; e < l->entities; e++) {
        uint64_t fresh = s->next[e] & ~s->seen[e];
        s->next[e] = 0;
        s->front[e] = fresh;
        s->seen[e] |= fresh;
        moved = moved || fresh;
        for (; fresh; fresh &= fresh - 1)
            trn_near_insert(s->k, s->near + e * s->k, distance,
                            (int32_t)(base + __builtin_ctzll(fresh)));
    }
    return moved;
}

trn_status_t trn_anchors_reach(const trn_links_t *links, const int32_t *anchor, int64_t first,
                               int64_t count, int64_t hops, int64_t k, trn_near_t *near) {
    int64_t n = links->entities;
    uint64_t *space = NULL;
    TRN_TRY(trn_alloc(&space, 3 * n, sizeof *space, "a search from anchors"));
    search_t s = {links, space, space + n, space + 2 * n, k, near};
    for (int64_t base = first; base < first + count; base += 64) {
        memset(space, 0, (size_t)(3 * n) * sizeof *space);
        for (int64_t i = base; i < first + count && i < base + 64; i++) {
            s.front[anchor[i]] |= (uint64_t)1 << (i - base);
            trn_near_insert(k, near + anchor[i] * k, 0, (int32_t)i);
        }
        memcpy(s.seen, s.front, (size_t)n * sizeof *space);
        for (int32_t distance = 1; distance <= hops; distance++)
            if (!advance(&s, distance, base)) break;
    }
    trn_free(&space);
    return TRN_OK;
}

void trn_anchors_plan(trn_ledger_t *ledger, int64_t entities) {
    const int64_t word = 8, order = (int64_t)sizeof(judged_t);
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "search", entities, order + word + (int64_t)sizeof(bool));
    trn_ledger_pass(ledger, "search", entities, 2 * word); /* PageRank's; qsort's copy */
    trn_ledger_back(ledger, &before);
    trn_ledger_pass(ledger, "search", 3 * entities, word);
}
