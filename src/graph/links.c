#include "graph/links.h"

#include "base/mem.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>

int64_t trn_links_bytes(int64_t entities, int64_t triples) {
    return (entities + 1) * (int64_t)sizeof(int64_t) + 4 * triples * (int64_t)sizeof(int32_t);
}

static void link_up(trn_links_t *l, int64_t from, int32_t other, int64_t type) {
    int64_t at = l->start[from + 1]++;
    l->other[at] = other;
    l->type[at] = (int32_t)type;
}

trn_status_t trn_links_create(trn_links_t *links, int64_t entities, int64_t relations,
                              int64_t count, const trn_triple_t *triples) {
    *links = (trn_links_t){.entities = entities, .relations = relations};
    TRN_TRY(trn_alloc_zero(&links->start, entities + 2, sizeof *links->start, "links"));
    TRN_TRY(trn_alloc(&links->other, 2 * count, sizeof *links->other, "links"));
    TRN_TRY(trn_alloc(&links->type, 2 * count, sizeof *links->type, "links"));
    /* start[e + 1] first counts, then says where the next link of e goes, and so ends as the start
     * of e + 1. */
    int64_t *start = links->start;
    for (int64_t i = 0; i < count; i++) {
        start[triples[i].head + 2]++;
        start[triples[i].tail + 2]++;
    }
    for (int64_t e = 2; e <= entities; e++)
        start[e] += start[e - 1];
    for (int64_t i = 0; i < count; i++) {
        link_up(links, triples[i].head, triples[i].tail, triples[i].relation);
        link_up(links, triples[i].tail, triples[i].head, relations + triples[i].relation);
    }
    return TRN_OK;
}

void trn_links_free(trn_links_t *links) {
    trn_free(&links->start);
    trn_free(&links->other);
    trn_free(&links->type);
    *links = (trn_links_t){0};
}

int64_t trn_links_degree(const trn_links_t *links, int64_t entity) {
    return links->start[entity + 1] - links->start[entity];
}

/* One step of the walk from rank[] to next[]; share[] is scratch. The sum of changes. */
static double walk(const trn_links_t *l, double damping, const double *rank, double *share,
                   double *next) {
    double stray = 0, change = 0, n = (double)l->entities;
    for (int64_t e = 0; e < l->entities; e++) {
        int64_t degree = trn_links_degree(l, e);
        share[e] = degree > 0 ? rank[e] / (double)degree : 0;
        if (degree == 0) stray += rank[e];
    }
    double base = (1 - damping + damping * stray) / n;
    for (int64_t e = 0; e < l->entities; e++) {
        double sum = 0;
        for (int64_t i = l->start[e]; i < l->start[e + 1]; i++)
            sum += share[l->other[i]];
        next[e] = base + damping * sum;
        change += fabs(next[e] - rank[e]);
    }
    return change;
}

trn_status_t trn_links_pagerank(const trn_links_t *links, double damping, double *rank) {
    enum { ITERATIONS = 200 };
    int64_t n = links->entities;
    double *space = NULL;
    TRN_TRY(trn_alloc(&space, 2 * n, sizeof *space, "PageRank"));
    for (int64_t e = 0; e < n; e++)
        rank[e] = 1 / (double)n;
    double change = 1;
    for (int i = 0; i < ITERATIONS && change >= 1e-10; i++) {
        change = walk(links, damping, rank, space, space + n);
        for (int64_t e = 0; e < n; e++)
            rank[e] = space[n + e];
    }
    trn_free(&space);
    return TRN_OK;
}

static int ascending(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

void trn_links_context(const trn_links_t *links, int64_t entity, uint64_t seed, int64_t m,
                       int32_t padding, int64_t *scratch, int32_t *types) {
    int64_t count = trn_links_degree(links, entity), distinct = 0;
    for (int64_t i = 0; i < count; i++)
        scratch[i] = links->type[links->start[entity] + i];
    qsort(scratch, (size_t)count, sizeof *scratch, ascending);
    for (int64_t i = 0; i < count; i++)
        if (distinct == 0 || scratch[i] != scratch[distinct - 1]) scratch[distinct++] = scratch[i];
    if (distinct > m) { /* a random number above the type in each; back to types when chosen */
        for (int64_t i = 0; i < distinct; i++) {
            uint32_t words[4];
            trn_rng_words(seed, (uint64_t)entity, (uint32_t)scratch[i], 0, TRN_RNG_CONTEXT, words);
            scratch[i] |= (int64_t)(words[0] >> 1) << 32;
        }
        qsort(scratch, (size_t)distinct, sizeof *scratch, ascending);
        for (int64_t i = 0; i < m; i++)
            scratch[i] &= UINT32_MAX;
        qsort(scratch, (size_t)m, sizeof *scratch, ascending);
        distinct = m;
    }
    for (int64_t i = 0; i < m; i++)
        types[i] = i < distinct ? (int32_t)scratch[i] : padding;
}
