/* corpus.h: text files on all ranks to streams of word numbers, each line on exactly one rank. */
#ifndef TRN_ALGO_WORDS_CORPUS_H
#define TRN_ALGO_WORDS_CORPUS_H

#include "base/status.h"
#include "io/spool.h"
#include "text/tokens.h"
#include "text/words.h"

#include <mpi.h>
#include <stdint.h>

/* What stood in this rank's share of a corpus. */
typedef struct trn_corpus_report {
    int64_t lines;
    trn_word_counts_t malformed; /* words that the rules changed or left out */
} trn_corpus_report_t;

/* Read this rank's share of the files: of the plain ones, taken end to end, the lines that begin in
 * its even share of the bytes; compressed ones whole, dealt out largest first. Adds words to
 * `words` and appends their local numbers and TRN_BREAKs (int32) to `stream`. Collective, equal
 * arguments. Fails (agreed) with TRN_INPUT as FILE:LINE (missing, damaged, not the same on all
 * ranks, what text/tokens.h refuses), TRN_MEMORY, TRN_IO. Cost: one pass; one Bcast of the files'
 * sizes. */
trn_status_t trn_corpus_read(MPI_Comm comm, int nfiles, char *const *files,
                             const trn_token_options_t *options, trn_words_t *words,
                             trn_spool_t *stream, trn_corpus_report_t *report);

#endif
