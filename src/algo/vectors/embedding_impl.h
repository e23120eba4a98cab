/* embedding_impl.h: the inside of an embedding, for the files embedding*.c only. */
#ifndef TRN_ALGO_VECTORS_EMBEDDING_IMPL_H
#define TRN_ALGO_VECTORS_EMBEDDING_IMPL_H

#include "algo/vectors/embedding.h"

#include "io/rows/rows.h"
#include "text/lookup.h"

struct trn_embedding {
    MPI_Comm comm; /* borrowed */
    int rank, ranks;
    char *path;
    int64_t rows, dim;          /* rows of the file, but for those left out */
    char **words;               /* [rows], one allocation; all differ */
    int64_t *dropped, ndropped; /* rows of the file that are left out, ascending, from 0 */
    trn_reading_counts_t counts;
    int64_t held, reached;       /* bytes that opening holds, and held at most, on any rank */
    int64_t first_block, blocks; /* of this rank */
    float *values;               /* [blocks x TRN_EMBEDDING_BLOCK x dim] */
    trn_lookup_t *exact, *folded;
    /* Where the rows come from; only one is in use, until they are loaded. */
    trn_format_t format; /* of vectors; TRN_FORMAT_H5: rows with names of their own; NPY: with a
                          * list beside them */
    trn_vectors_t *vectors;
    trn_rows_t *source;
};

/* What writing it as `format` asks of io/rows, but for whose rows are whose. Local. */
trn_rows_make_t trn_embedding_make(const trn_embedding_t *e, const char *format);

/* Make the words of rows without names of `text`, the list in `file`: a word for each row, "" where
 * it is left out. Fails with TRN_INPUT, TRN_MEMORY. Local. */
trn_status_t trn_embedding_parse_names(trn_embedding_t *e, const trn_reading_t *reading,
                                       const char *file, const char *text);

/* Tell apart words from the first column of a matrix in text: a warning if all are whole numbers,
 * TRN_INPUT if all are numbers, some of them not whole, and nobody said that the file is GloVe
 * text. Local. */
trn_status_t trn_embedding_judge_words(const trn_embedding_t *e, const trn_reading_t *reading);

/* Leave out the rows without a word, and those whose word came before, and tell it. Collective.
 * Fails (agreed) with TRN_INPUT if repeated words are refused, TRN_MEMORY. */
trn_status_t trn_embedding_drop(trn_embedding_t *e, const trn_reading_t *reading);

#endif
