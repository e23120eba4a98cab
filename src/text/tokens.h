/* tokens.h: bytes in pieces of any size to word numbers: whitespace tokens, a line a sentence. */
#ifndef TRN_TEXT_TOKENS_H
#define TRN_TEXT_TOKENS_H

#include "base/status.h"
#include "text/words.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    TRN_BREAK = -1,        /* the word number that stands for a line's end */
    TRN_TOKEN_BYTES = 4096 /* longest token; a longer one is bad input */
};

typedef struct trn_token_options {
    bool lowercase;   /* Unicode case folding */
    bool nfc;         /* Unicode normalisation form C */
    int64_t max_line; /* longest line in bytes; a longer one is bad input */
} trn_token_options_t;

/* Cuts text at ASCII whitespace and numbers its words. Opaque. */
typedef struct trn_tokens trn_tokens_t;

/* Create a tokeniser that adds what it finds to `words` (borrowed). Fails with TRN_MEMORY. Local.
 */
trn_status_t trn_tokens_create(trn_tokens_t **tokens, trn_words_t *words,
                               const trn_token_options_t *options);

/* Free and set the pointer to NULL; NULL is fine. Local. */
void trn_tokens_destroy(trn_tokens_t **tokens);

/* Start on another stretch of text: lines count from 1 again; at the start of a file a byte order
 * mark is skipped. Local. */
void trn_tokens_begin(trn_tokens_t *tokens, bool file_start);

/* Take `bytes` more of the text. ids[bytes + 2] (the caller's) gets *count word numbers and, after
 * each line with words, one TRN_BREAK. Fails with TRN_INPUT (NUL byte, invalid UTF-8, token or
 * line too long; trn_tokens_line tells where), TRN_MEMORY. Local. Cost: about 15 ns a token. */
trn_status_t trn_tokens_feed(trn_tokens_t *tokens, const char *data, int64_t bytes, int32_t *ids,
                             int64_t *count);

/* The text ends, with or without a newline: ids[2] gets what was still open. Local. */
trn_status_t trn_tokens_finish(trn_tokens_t *tokens, int32_t *ids, int64_t *count);

/* Check a token of any bytes: TRN_INPUT if it holds NUL or invalid UTF-8 or is too long. Local. */
trn_status_t trn_token_check(const char *bytes, int64_t length);

/* Number of the present line, from 1 at the last begin; lines and tokens since creation. Local. */
int64_t trn_tokens_line(const trn_tokens_t *tokens);
int64_t trn_tokens_lines(const trn_tokens_t *tokens);
int64_t trn_tokens_total(const trn_tokens_t *tokens);

#endif
