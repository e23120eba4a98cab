/* embedding.h: an embedding spread over ranks: every rank has the words, each has some rows.
 *
 * Rows lie in blocks of TRN_EMBEDDING_BLOCK, fixed by the vocabulary and not by the number of
 * ranks; of k blocks rank r owns [kr/P, k(r+1)/P), hence a band of rows. Memory of the last block
 * is filled up with zero rows, so that every block can be multiplied as a whole. */
#ifndef TRN_ALGO_VECTORS_EMBEDDING_H
#define TRN_ALGO_VECTORS_EMBEDDING_H

#include "base/ledger.h"
#include "base/status.h"
#include "io/vectors.h"
#include "text/rules.h"

#include <jansson.h>
#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

enum { TRN_EMBEDDING_BLOCK = TRN_VECTORS_BLOCK };

typedef struct trn_embedding trn_embedding_t;

/* How a file is read; {0}: find out its format, refuse words that are not as they should be, of
 * repeated words keep the first. */
typedef struct trn_reading {
    trn_format_t format;
    const char *names; /* file with the words of a .npy file (text/list.h); NULL: PATH.vocab */
    trn_word_rules_t rules;
    bool refuse_repeated;
} trn_reading_t;

/* Rows that were left out or changed. */
typedef struct trn_reading_counts {
    int64_t repeated;
    trn_word_counts_t malformed;
} trn_reading_counts_t;

/* Open `path`, find out its sizes and read the words, not the vectors. Of rows with one word the
 * first is kept; the others, and those that the rules leave out, do not count as rows; a warning
 * tells of them. `comm` and `reading` (NULL: {0}) are borrowed. Collective, equal arguments. Fails
 * (agreed) with TRN_INPUT naming FILE:LINE or field, TRN_MEMORY, TRN_IO. */
trn_status_t trn_embedding_open(trn_embedding_t **embedding, MPI_Comm comm, const char *path,
                                const trn_reading_t *reading);

/* Read this rank's rows. Collective; once, after opening. Fails (agreed) with TRN_INPUT: damaged
 * file, a value that is not finite, TRN_MEMORY, TRN_IO. Cost: one read of the rank's rows. */
trn_status_t trn_embedding_load(trn_embedding_t *embedding);

/* Free and set the pointer to NULL; NULL is fine. Local. */
void trn_embedding_destroy(trn_embedding_t **embedding);

/* Number of words, length of a vector, the words and the communicator. Local. */
int64_t trn_embedding_rows(const trn_embedding_t *embedding);
int64_t trn_embedding_dim(const trn_embedding_t *embedding);
char *const *trn_embedding_words(const trn_embedding_t *embedding);
MPI_Comm trn_embedding_comm(const trn_embedding_t *embedding);

/* The format of the file it came from, and what was left out or changed in reading. Local. */
trn_format_t trn_embedding_format(const trn_embedding_t *embedding);
trn_reading_counts_t trn_embedding_counts(const trn_embedding_t *embedding);

/* First block of this rank and how many it has. Local. */
int64_t trn_embedding_first_block(const trn_embedding_t *embedding);
int64_t trn_embedding_blocks(const trn_embedding_t *embedding);

/* The rows of this rank's block b, [TRN_EMBEDDING_BLOCK x dim], and how many of them are words.
 * Local. */
const float *trn_embedding_block(const trn_embedding_t *embedding, int64_t b);
int64_t trn_embedding_block_rows(const trn_embedding_t *embedding, int64_t b);

/* What is done with an embedding, for a plan. */
typedef struct trn_embedding_use {
    bool finds;          /* trn_embedding_find is called */
    int64_t work;        /* bytes beside the vectors, once they are loaded */
    const char *path;    /* where it is written, NULL: it is not; */
    const char *written; /* as trn_embedding_write's `format` */
} trn_embedding_use_t;

/* What loading an embedding that is open and using it so takes on rank `rank` of `ranks`, with what
 * opening took and holds. Local. */
void trn_embedding_plan(trn_ledger_t *ledger, const trn_embedding_t *embedding,
                        const trn_embedding_use_t *use, int ranks, int rank);

/* Scale every row to length 1 (float64 sum, in column order); zero rows stay zero. Local. */
void trn_embedding_normalise(trn_embedding_t *embedding);

/* *row = the word's row: the word as it is, else the first one that is equal regardless of case
 * (trn_lower_key), else the same for its normalization forms C and D, else -1. The first call makes
 * the tables. Fails with TRN_MEMORY. Local. */
trn_status_t trn_embedding_find(trn_embedding_t *embedding, const char *word, int64_t *row);

/* The word most like `word`, for a suggestion; NULL: none is near. Borrowed. Local. Cost: all
 * words x length^2. */
const char *trn_embedding_suggest(const trn_embedding_t *embedding, const char *word);

/* rows[count x dim] = the rows of the given numbers (those of -1 are zero), on every rank.
 * Collective, equal arguments. Cost: an Allreduce of `rows`. */
void trn_embedding_gather(const trn_embedding_t *embedding, int64_t count, const int64_t *number,
                          float *rows);

/* Write the embedding as `format` (a name in the table of formats; NULL or "auto": by the ending),
 * whole or not at all; words that it cannot hold go to `names` (NULL: PATH.vocab). A store notes
 * created_by and params. Collective, equal arguments. Fails (agreed) as trn_rows_create and
 * trn_rows_commit. */
trn_status_t trn_embedding_write(const trn_embedding_t *embedding, const char *path,
                                 const char *format, const char *names, const char *created_by,
                                 const json_t *params);

#endif
