/* window.h: what a pair of words is worth, as whole numbers of a unit, so that sums are exact. */
#ifndef TRN_TEXT_WINDOW_H
#define TRN_TEXT_WINDOW_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum { TRN_WINDOW_MAX = 1000 };

typedef struct trn_window_options {
    int64_t size;   /* words to each side, 1 .. TRN_WINDOW_MAX */
    bool harmonic;  /* a pair at distance o weighs 1/o; else 1 */
    bool symmetric; /* count (l, r) and (r, l); else only (l, r), l before r */
    bool diagonal;  /* each occurrence of w adds 1 to (w, w) */
} trn_window_options_t;

typedef struct trn_window {
    trn_window_options_t options;
    int64_t unit; /* units that make one count */
    /* Units for a pair at distance o; [0] is what an occurrence adds to its own diagonal. */
    int64_t weight[TRN_WINDOW_MAX + 1];
} trn_window_t;

/* Choose the unit for words that occur at most `most` times. Harmonic: lcm(1..size), every weight
 * exact, if no sum can reach 2^53 (so that units / unit is one rounding); else 2^32 or the largest
 * smaller power of two with which no sum can reach 2^62. Fails with TRN_USAGE (size). Local. */
trn_status_t trn_window_init(trn_window_t *window, const trn_window_options_t *options,
                             int64_t most);

/* The float64 nearest to units / unit. Local. */
double trn_window_value(const trn_window_t *window, int64_t units);

/* The slow, obvious count: add to cells[words x words] for a whole corpus ids[count] of word
 * numbers and TRN_BREAKs. Local. Cost: count x size steps. */
void trn_window_ref(const trn_window_t *window, const int32_t *ids, int64_t count, int64_t words,
                    int64_t *cells);

#endif
