/* pairs.h: word similarity sets as they are published: two words, and a score in some column.
 *
 *   separator  tabs, commas or semicolons if they part every line into three fields at least, else
 *              blanks; lines of WORD WORD SCORE parted by blanks are taken as such
 *   comments   lines that begin with '#' and a blank
 *   header     the first line, if its field in the column of the score is not a number
 *   score      the column named or numbered by the caller, else the first one behind the words that
 *              is a number on every line
 *
 * So are read: WordSim-353 (combined.tab, .csv, gensim's), SimLex-999, SimVerb-3500, MEN, RW,
 * MTurk, RG-65. */
#ifndef TRN_TEXT_PAIRS_H
#define TRN_TEXT_PAIRS_H

#include "base/status.h"

#include <stdint.h>

typedef struct trn_word_pair {
    const char *word[2];
    double score;
} trn_word_pair_t;

/* A set; the words lie in its text. Start with {0}. */
typedef struct trn_pairs {
    int64_t count;
    trn_word_pair_t *pair; /* [count] */
    int64_t column;        /* of the score, from 1 */
    int64_t columns;       /* fields of the first pair's line */
    const char *header;    /* what the header calls the score; NULL: there is no header */
} trn_pairs_t;

/* Make a set of `text` (ended by NUL, borrowed, cut up), `path` its name for messages; `column`:
 * the score's number or its name in the header, whose case does not count; NULL: find it. Fails
 * with TRN_INPUT as FILE:LINE: no such column, too few fields, no number, an empty word, no pairs;
 * TRN_MEMORY. Local. Cost: a few passes. */
trn_status_t trn_pairs_parse(trn_pairs_t *pairs, const char *path, char *text, const char *column);

/* Free what it holds; {0} is fine. Local. */
void trn_pairs_free(trn_pairs_t *pairs);

#endif
