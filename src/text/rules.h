/* rules.h: which bytes make a word, the same for every reader of text: corpora, vectors, lists of
 * words, sets of questions. */
#ifndef TRN_TEXT_RULES_H
#define TRN_TEXT_RULES_H

#include "base/status.h"

#include <stdint.h>

/* Blanks part words, '\n' ends a line. They are the blanks of C and of fastText, all ASCII: a
 * no-break space (U+00A0) or an ideographic one (U+3000) is a letter of its word, as in word2vec
 * and GloVe. */
#define TRN_BLANKS " \t\v\f\r"

/* What is done with a word that holds ill-formed UTF-8, and with one of too many bytes. The names
 * are those of CHOICE parameters, in the order of the values. */
typedef enum trn_invalid {
    TRN_INVALID_REFUSE,
    TRN_INVALID_REPLACE,
    TRN_INVALID_SKIP
} trn_invalid_t;
typedef enum trn_overlong {
    TRN_OVERLONG_REFUSE,
    TRN_OVERLONG_SKIP,
    TRN_OVERLONG_CUT
} trn_overlong_t;
#define TRN_INVALID_NAMES  "refuse|replace|skip"
#define TRN_OVERLONG_NAMES "refuse|skip|cut"

typedef struct trn_word_rules {
    trn_invalid_t invalid;
    trn_overlong_t overlong;
} trn_word_rules_t;

/* Words that were not as they should be, each counted once: as overlong if it is that. */
typedef struct trn_word_counts {
    int64_t invalid, overlong;
} trn_word_counts_t;

/* The rules by the names of what is done. Local. */
trn_word_rules_t trn_word_rules(const char *invalid, const char *overlong);

/* Make *bytes[*length], any bytes but NUL, a word of at most `longest` bytes before and well-formed
 * UTF-8 afterwards. An overlong one is cut before the first character that does not fit, or left
 * out; then its ill-formed bytes are replaced (trn_utf8_replace) or it is left out. *bytes may
 * point into scratch[3 x longest] afterwards; *length is 0 if the word is left out. Fails with
 * TRN_INPUT where the rules refuse. Local. */
trn_status_t trn_word_admit(const trn_word_rules_t *rules, int64_t longest, const char **bytes,
                            int64_t *length, char *scratch, trn_word_counts_t *counts);

#endif
