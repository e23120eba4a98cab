/* topk.c: the k best of a stream of scores, in a sorted list. k is small and nearly all scores fall
 * short, so a strip is first looked at as a whole; equal scores rank by index, so that the list
 * does not depend on the order in which they come. */
#include "kern/search/topk.h"

#include <math.h>
#include <stdbool.h>

enum { STRIP = 64 /* scores looked at together: most strips hold none that enters */ };

/* NaN is never better: comparisons with it are false. */
static bool better(trn_best_t a, trn_best_t b) {
    return a.score > b.score || (a.score == b.score && a.index < b.index);
}

/* The worst one leaves. */
static void insert(trn_best_t entry, int64_t k, trn_best_t *best) {
    int64_t place = k - 1;
    for (; place > 0 && better(entry, best[place - 1]); place--)
        best[place] = best[place - 1];
    best[place] = entry;
}

bool trn_topk_enter(trn_best_t entry, int64_t k, trn_best_t *best) {
    if (!better(entry, best[k - 1])) return false;
    insert(entry, k, best);
    return true;
}

/* Index -1 marks a free place, which any score takes. */
void trn_topk_clear(int64_t k, trn_best_t *best) {
    for (int64_t i = 0; i < k; i++)
        best[i] = (trn_best_t){.index = -1, .score = -INFINITY};
}

/* True if any score reaches `bar`; an integer sum, so that the compiler may vectorize it. */
static bool any_reaches(int64_t n, const float *score, float bar) {
    int hits = 0;
    for (int64_t i = 0; i < n; i++)
        hits += score[i] >= bar;
    return hits > 0;
}

/* The bar is the worst of the list, which rises as it fills. */
void trn_topk_update(int64_t n, const float *score, int64_t first, int64_t k, trn_best_t *best) {
    for (int64_t start = 0; start < n; start += STRIP) {
        int64_t end = n - start < STRIP ? n : start + STRIP;
        if (!any_reaches(end - start, score + start, (float)best[k - 1].score)) continue;
        for (int64_t i = start; i < end; i++) {
            trn_best_t entry = {.index = first + i, .score = score[i]};
            if (better(entry, best[k - 1])) insert(entry, k, best);
        }
    }
}

/* Both are sorted: the first of `from` that does not enter ends it. */
void trn_topk_merge(int64_t k, const trn_best_t *from, trn_best_t *best) {
    for (int64_t i = 0; i < k && better(from[i], best[k - 1]); i++)
        insert(from[i], k, best);
}
