/* nearest.h: the word that a mistyped one was probably meant to be. */
#ifndef TRN_BASE_NEAREST_H
#define TRN_BASE_NEAREST_H

enum { TRN_NEAREST_LONGEST = 63 }; /* letters; longer names are nobody's typing mistake */

/* The best candidate so far; start with {0}. */
typedef struct trn_nearest {
    const char *name; /* borrowed from the caller; NULL: nothing is near */
    int distance;     /* edits from the typed word to `name` */
} trn_nearest_t;

/* Keep `candidate` if it is the nearest to `typed` so far and near at all: at most a third of the
 * letters edited, or the start of the candidate typed. An edit inserts, deletes or changes a
 * letter or swaps two neighbors. The first of equals stays. Local. Cost: product of lengths. */
void trn_nearest_try(trn_nearest_t *best, const char *typed, const char *candidate);

#endif
