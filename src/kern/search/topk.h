/* topk.h: the k best of many scores, the same whichever way the scores are cut and merged.
 *
 * "Better" is a total order: the higher score, and between equal scores the lower index. Hence a
 * list of the k best is unique, and lists merge in any order to the same bits. */
#ifndef TRN_KERN_SEARCH_TOPK_H
#define TRN_KERN_SEARCH_TOPK_H

#include <stdbool.h>
#include <stdint.h>

/* One entry of a list, best first. An unused entry has index -1 and score -infinity. */
typedef struct trn_best {
    int64_t index;
    double score; /* maybe a float32, widened: the struct has no padding and travels as bytes */
} trn_best_t;

/* Make best[k] a list of unused entries. Local. */
void trn_topk_clear(int64_t k, trn_best_t *best);

/* Let score[0..n), of the indices first, first + 1, ..., compete for the list best[k], k >= 1.
 * Scores of -infinity and NaN never enter. Local. Cost: one comparison a score, and k for each
 * that enters. */
void trn_topk_update(int64_t n, const float *score, int64_t first, int64_t k, trn_best_t *best);

/* Let one entry compete for best[k]: whether it entered. NaN never does. Local. Cost: k at most. */
bool trn_topk_enter(trn_best_t entry, int64_t k, trn_best_t *best);

/* Let the entries of from[k] compete for best[k]; both lists are sorted. Local. Cost: k^2 at
 * most. */
void trn_topk_merge(int64_t k, const trn_best_t *from, trn_best_t *best);

/* The same as trn_topk_clear and trn_topk_update, by k passes over the scores. Local. */
void trn_topk_ref(int64_t n, const float *score, int64_t first, int64_t k, trn_best_t *best);

#endif
