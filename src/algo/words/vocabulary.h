/* vocabulary.h: the words of all ranks to one vocabulary, the same everywhere. */
#ifndef TRN_ALGO_WORDS_VOCABULARY_H
#define TRN_ALGO_WORDS_VOCABULARY_H

#include "base/status.h"
#include "text/vocab.h"
#include "text/words.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* The words that occur at least `min_count` times on all ranks together, by falling count, ties by
 * bytes, the first `cap` of them (0: all). Collective, equal arguments but for `words`. Fails
 * (agreed) with TRN_INPUT (less than two words), TRN_MEMORY. Cost: every word travels once to the
 * rank that its hash names, the frequent ones to all. */
trn_status_t trn_vocabulary_merge(MPI_Comm comm, const trn_words_t *words, int64_t min_count,
                                  int64_t cap, trn_vocab_t **vocab);

/* A file with a list of words, and how they are read. */
typedef struct trn_list_source {
    const char *path;
    const trn_token_options_t *options; /* of the corpus: its words are written the same way */
    bool refuse_repeated;               /* else the first of equal words counts, with a warning */
} trn_list_source_t;

/* The words listed in a file (text/vocab.h), in its order, with their counts on all ranks
 * together. Collective, equal arguments but for `words`. Fails (agreed) with TRN_INPUT (the file,
 * or less than two words), TRN_MEMORY, TRN_IO. Cost: one Allreduce of the counts. */
trn_status_t trn_vocabulary_read(MPI_Comm comm, const trn_list_source_t *source,
                                 const trn_words_t *words, trn_vocab_t **vocab);

/* map[trn_words_size(words)], allocated here and the caller's to trn_free: from this rank's numbers
 * to places in the vocabulary, -2 for words that are not in it. Fails with TRN_MEMORY. Local. */
trn_status_t trn_vocabulary_map(const trn_vocab_t *vocab, const trn_words_t *words, int32_t **map);

#endif
