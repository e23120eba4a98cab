/* window_ref.c: the count by its definition, pair by pair, for tests to compare with. */
#include "text/window.h"

void trn_window_ref(const trn_window_t *window, const int32_t *ids, int64_t count, int64_t words,
                    int64_t *cells) {
    for (int64_t left = 0; left < count; left++) {
        if (ids[left] < 0) continue;
        cells[ids[left] * words + ids[left]] += window->weight[0];
        for (int64_t o = 1; o <= window->options.size && left + o < count; o++) {
            int32_t right = ids[left + o];
            if (right < 0) break; /* the line ends */
            cells[ids[left] * words + right] += window->weight[o];
            if (window->options.symmetric) cells[right * words + ids[left]] += window->weight[o];
        }
    }
}
