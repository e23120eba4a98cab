/* vectors.h: word vectors as word2vec text or binary and as GloVe text.
 *
 *   word2vec text    "V d" on the first line, then a line for each word: the word and d numbers
 *   word2vec binary  the same first line, then for each word: the word, a space, d little-endian
 *                    float32, and perhaps a line end
 *   GloVe            word2vec text without its first line
 *
 * Words hold no blanks (text/rules.h) and are well-formed UTF-8, numbers are finite. */
#ifndef TRN_IO_VECTORS_H
#define TRN_IO_VECTORS_H

#include "base/status.h"
#include "text/rules.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* How an embedding lies in a file. */
typedef enum trn_format {
    TRN_FORMAT_AUTO, /* find out */
    TRN_FORMAT_H5,
    TRN_FORMAT_NPY,
    TRN_FORMAT_WORD2VEC,
    TRN_FORMAT_BINARY,
    TRN_FORMAT_GLOVE
} trn_format_t;

/* The names of the formats, in the order of trn_format_t, for a CHOICE parameter. */
#define TRN_FORMAT_NAMES "auto|h5|npy|word2vec|binary|glove"

/* The format of that name; TRN_FORMAT_AUTO for an unknown one. Local. */
trn_format_t trn_format_named(const char *name);

/* A file of vectors whose words are known and whose numbers are yet to be read. Opaque. */
typedef struct trn_vectors trn_vectors_t;

enum {
    TRN_VECTORS_BLOCK = 1024,          /* rows whose place in the file is remembered together */
    TRN_VECTORS_LONGEST_WORD = 1 << 16 /* bytes; for a longer one there are rules */
};

/* Let rank 0 read the words of `path` (plain or compressed; `format` one of the last three) and
 * share them: *words is one allocation, to be freed with trn_free; a word that the rules leave out
 * is "". Words may be repeated. Collective, equal arguments. Fails (agreed) with TRN_INPUT naming
 * FILE:LINE or byte: missing, empty or damaged file, bad or impossible first line, other number of
 * rows than it says, empty line (but at the end), a word that the rules refuse, a binary file that
 * is truncated or out of step, as after a word with a blank; TRN_MEMORY, TRN_IO. Cost: one read of
 * the file by rank 0. */
trn_status_t trn_vectors_open(trn_vectors_t **vectors, MPI_Comm comm, const char *path,
                              trn_format_t format, const trn_word_rules_t *rules, char ***words);

/* Free and set the pointer to NULL; NULL is fine. Local. */
void trn_vectors_close(trn_vectors_t **vectors);

/* Number of rows and length of a vector; words that the rules changed or left out. Local. */
int64_t trn_vectors_rows(const trn_vectors_t *vectors);
int64_t trn_vectors_dim(const trn_vectors_t *vectors);
trn_word_counts_t trn_vectors_malformed(const trn_vectors_t *vectors);

/* Line of the file that holds a row (from 0); 0 in a binary file. Local. */
int64_t trn_vectors_line(const trn_vectors_t *vectors, int64_t row);

/* Leave out dropped[count], ascending (borrowed): from now on rows are numbered without them, for
 * trn_vectors_read. Local. */
void trn_vectors_skip(trn_vectors_t *vectors, int64_t count, const int64_t *dropped);

/* True if every word ("" aside) is a number, as where the first column of a matrix was taken for
 * words; *whole: all are whole numbers, as in vectors of the nodes of a graph. Local. */
bool trn_vectors_numbers(int64_t rows, char *const *words, bool *whole);

/* values[rows x dim] = rows [first, first + rows). Fails with TRN_INPUT naming FILE:LINE or byte:
 * too few or too many fields, no number, not finite; TRN_MEMORY, TRN_IO. Local. Cost: a read of
 * these rows and of less than TRN_VECTORS_BLOCK before them, of all before them if compressed. */
trn_status_t trn_vectors_read(const trn_vectors_t *vectors, int64_t first, int64_t rows,
                              float *values);

#endif
