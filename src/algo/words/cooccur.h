/* cooccur.h: co-occurrence counts of a corpus, exact and the same on any number of ranks.
 *
 * The way of a word: every rank reads its share of the text and numbers its words (algo/corpus.h);
 * the tables are merged into one vocabulary (algo/vocabulary.h); the streams of numbers, rid of
 * unknown words, are spread evenly over the ranks, each piece with a window of context on both
 * sides, so that every occurrence is counted on one rank. A rank inverts its part and sums the
 * matrix row by row in whole units (text/window.h). Rows are cut into bands; every band belongs to
 * one rank, which adds up what the others have found for it. What does not fit into memory goes
 * through unnamed files: a full part of the corpus is counted at once into a sorted run. */
#ifndef TRN_ALGO_WORDS_COOCCUR_H
#define TRN_ALGO_WORDS_COOCCUR_H

#include "algo/words/cooccur_plan.h"
#include "base/status.h"
#include "io/store/store.h"
#include "text/tokens.h"
#include "text/window.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct trn_cooccur_options {
    trn_token_options_t tokens;
    trn_window_options_t window;
    const char *vocab;    /* file with the vocabulary (borrowed), or NULL: the frequent words */
    bool refuse_repeated; /* words in it; else the first counts */
    int64_t min_count, vocab_size;
    int64_t memory;      /* bytes a rank may use; 0: no limit */
    int64_t part;        /* words of the corpus that a rank holds at a time; 0: as memory allows */
    int64_t batch;       /* words and cells moved at a time; 0: a million */
    const char *scratch; /* folder for what does not fit (borrowed) */
} trn_cooccur_options_t;

typedef struct trn_cooccur_stats {
    int64_t words, tokens; /* in the vocabulary */
    int64_t lines, all_tokens;
    trn_word_counts_t malformed; /* words that the rules changed or left out */
    int64_t nonzeros;
    double sum;
    int64_t spilled;           /* bytes that went through files, all ranks */
    double seconds_reading;    /* text to numbers */
    double seconds_vocabulary; /* merging the words, spreading the corpus */
    double seconds_counting;
} trn_cooccur_stats_t;

/* Counts, their rows spread over the ranks. Opaque. */
typedef struct trn_cooccur trn_cooccur_t;

/* Count the files. Collective, equal arguments. Fails (agreed) with TRN_INPUT (see algo/corpus.h
 * and algo/vocabulary.h; no words at all), TRN_MEMORY (with the figure that would do), TRN_IO (no
 * space in the scratch folder). Cost: 2 x window increments per token; on P ranks each nonzero of
 * another rank's rows travels once as 16 bytes. */
trn_status_t trn_cooccur_create(trn_cooccur_t **counts, MPI_Comm comm, int nfiles,
                                char *const *files, const trn_cooccur_options_t *options);

/* What counting would take, estimated from a sample of the text. */
typedef struct trn_cooccur_forecast {
    double text_bytes, corpus_tokens, vocabulary, tokens, nonzeros;
    double increments; /* additions to matrix cells */
    double output_bytes;
    trn_cooccur_sizes_t sizes; /* for trn_cooccur_estimate */
} trn_cooccur_forecast_t;

/* Read about 16 MB of the text, count it in halves and quarters, and extrapolate. Local. Fails
 * with TRN_INPUT (files that cannot be read, bad text in the sample), TRN_MEMORY. Error: a few per
 * cent for text of one kind; sizes are exact if the sample holds everything. */
trn_status_t trn_cooccur_predict(int nfiles, char *const *files, int ranks,
                                 const trn_cooccur_options_t *options,
                                 trn_cooccur_forecast_t *forecast);

/* Free and set the pointer to NULL; NULL is fine. Local. */
void trn_cooccur_destroy(trn_cooccur_t **counts);

/* Figures of the whole matrix, equal on all ranks. Local. */
void trn_cooccur_stats(const trn_cooccur_t *counts, trn_cooccur_stats_t *stats);

/* Declare, write and commit everything to a store just created: /vocab, /counts, /row_sums,
 * /col_sums [V], and the CSR matrix /row_ptr [V + 1], /col, /value [nonzeros] in vocabulary order.
 * The counts' rows are used up. Ends the store either way. Collective. Fails (agreed) with TRN_IO,
 * TRN_MEMORY. Cost: 12 bytes written and verified per nonzero. */
trn_status_t trn_cooccur_save(trn_cooccur_t *counts, trn_store_t **store, int64_t shard_size);

#endif
