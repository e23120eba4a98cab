/* vocab.h: the words that are counted, in their final order, and the form in which words travel. */
#ifndef TRN_TEXT_VOCAB_H
#define TRN_TEXT_VOCAB_H

#include "base/status.h"
#include "text/tokens.h"
#include "text/words.h"

#include <stdint.h>

typedef struct trn_vocab {
    int64_t size;
    const char **words; /* [size], terminated; NULL-free UTF-8 */
    int64_t *counts;    /* [size] occurrences in the corpus */
    char *arena;        /* the words' bytes */
} trn_vocab_t;

/* Words travel as records: count, length (int64 each), bytes, filled up to 8 bytes. Size of the
 * record of a word of `length` bytes; write one and return the place behind it. Local. */
int64_t trn_vocab_record_bytes(int64_t length);
char *trn_vocab_pack(char *to, const char *bytes, int64_t length, int64_t count);

/* Add all records of data[bytes] to a word table. Fails with TRN_MEMORY. Local. */
trn_status_t trn_vocab_unpack(const char *data, int64_t bytes, trn_words_t *words);

/* Make a vocabulary of the records in data[bytes]: by falling count, ties by bytes; `cap` words at
 * most (0: all). Fails with TRN_MEMORY. Local. Cost: one sort. */
trn_status_t trn_vocab_create(trn_vocab_t **vocab, const char *data, int64_t bytes, int64_t cap);

/* What a list had besides words; start with {0}. */
typedef struct trn_vocab_report {
    trn_word_counts_t malformed; /* words that the rules changed or left out */
    int64_t repeated;            /* words left out because they came before */
    int64_t line;                /* of the first of these */
} trn_vocab_report_t;

/* Make a vocabulary of a list (text/list.h) in its order, counts 0: each word by the rules of
 * `options`, lowered and normalized as they say; of equal words the first. Blank lines are skipped.
 * Fails with TRN_INPUT (`name`:LINE: what trn_list_next and the rules refuse, NUL), TRN_MEMORY.
 * Local. */
trn_status_t trn_vocab_parse(trn_vocab_t **vocab, const char *name, const char *text, int64_t bytes,
                             const trn_token_options_t *options, trn_vocab_report_t *report);

/* Free and set the pointer to NULL; NULL is fine. Local. */
void trn_vocab_destroy(trn_vocab_t **vocab);

#endif
