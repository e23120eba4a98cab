/* tokens.h: bytes in pieces of any size to word numbers; blanks part words, a line is a sentence.
 */
#ifndef TRN_TEXT_TOKENS_H
#define TRN_TEXT_TOKENS_H

#include "base/status.h"
#include "text/rules.h"
#include "text/words.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    TRN_BREAK = -1,        /* the word number that stands for a line's end */
    TRN_TOKEN_BYTES = 4096 /* longest token; for a longer one there are rules */
};

typedef struct trn_token_options {
    bool lowercase;   /* text/lower.h */
    bool nfc;         /* Unicode normalization form C, after lowering */
    int64_t max_line; /* longest line in bytes; a longer one is bad input */
    trn_word_rules_t rules;
} trn_token_options_t;

/* Cuts text at TRN_BLANKS and numbers its words. Opaque. */
typedef struct trn_tokens trn_tokens_t;

/* Create a tokenizer that adds what it finds to `words` (borrowed). Fails with TRN_MEMORY. Local.
 */
trn_status_t trn_tokens_create(trn_tokens_t **tokens, trn_words_t *words,
                               const trn_token_options_t *options);

/* Free and set the pointer to NULL; NULL is fine. Local. */
void trn_tokens_destroy(trn_tokens_t **tokens);

/* Start on another stretch of text: lines count from 1 again. Local. */
void trn_tokens_begin(trn_tokens_t *tokens);

/* Take `bytes` more of the text. ids[bytes + 2] (the caller's) gets *count word numbers and, after
 * each line with words, one TRN_BREAK. Fails with TRN_INPUT (NUL byte, line too long, and what the
 * rules refuse; trn_tokens_line tells where), TRN_MEMORY. Local. Cost: about 15 ns a token. */
trn_status_t trn_tokens_feed(trn_tokens_t *tokens, const char *data, int64_t bytes, int32_t *ids,
                             int64_t *count);

/* The text ends, with or without a newline: ids[2] gets what was still open. Local. */
trn_status_t trn_tokens_finish(trn_tokens_t *tokens, int32_t *ids, int64_t *count);

/* Check a token of any bytes: TRN_INPUT if it holds NUL or invalid UTF-8 or is too long. Local. */
trn_status_t trn_token_check(const char *bytes, int64_t length);

/* Write a well-formed word the way that the options want words of a corpus: lowered, normalized.
 * *bytes then points into the tokenizer, until the next call. Fails with TRN_INPUT (a word that
 * cannot be normalized). Local. */
trn_status_t trn_tokens_rewrite(trn_tokens_t *tokens, const char **bytes, int64_t *length);

/* Number of the present line, from 1 at the last begin; lines and tokens since creation, and words
 * that were not as they should be. Local. */
int64_t trn_tokens_line(const trn_tokens_t *tokens);
int64_t trn_tokens_lines(const trn_tokens_t *tokens);
int64_t trn_tokens_total(const trn_tokens_t *tokens);
trn_word_counts_t trn_tokens_malformed(const trn_tokens_t *tokens);

#endif
