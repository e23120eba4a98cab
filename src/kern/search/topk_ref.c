#include "kern/search/topk.h"

#include <math.h>

void trn_topk_ref(int64_t n, const float *score, int64_t first, int64_t k, trn_best_t *best) {
    trn_topk_clear(k, best);
    for (int64_t place = 0; place < k; place++) {
        for (int64_t i = 0; i < n; i++) {
            int taken = 0;
            for (int64_t j = 0; j < place; j++)
                taken |= best[j].index == first + i;
            /* Strictly greater: of equal scores the first one met has the lower index. */
            if (!taken && (double)score[i] > best[place].score)
                best[place] = (trn_best_t){.index = first + i, .score = score[i]};
        }
    }
}
