/* vectors_impl.h: the inside of a file of vectors, for the files vectors*.c only. */
#ifndef TRN_IO_VECTORS_IMPL_H
#define TRN_IO_VECTORS_IMPL_H

#include "io/text/scan.h"
#include "io/vectors.h"

/* 2^20 numbers as %.18e writes them, and a word. */
enum { TRN_VECTORS_LONGEST_LINE = 1 << 25 /* bytes */ };

struct trn_vectors {
    char *path;
    trn_input_t input; /* of this rank */
    trn_format_t format;
    trn_word_rules_t rules;
    int64_t rows, dim;
    int64_t *offset; /* [blocks] byte where row TRN_VECTORS_BLOCK x block begins */
    trn_word_counts_t malformed;
    const int64_t *dropped; /* [ndropped] rows left out, ascending; borrowed */
    int64_t ndropped;
};

/* Cut the first field off *line: NUL behind it, *line at the rest; NULL if there is none. Local. */
char *trn_vectors_field(char **line);

/* *line = the next line of a text, NULL at the end. Fails with TRN_INPUT, TRN_MEMORY, TRN_IO.
 * Local.
 */
trn_status_t trn_vectors_next_line(const trn_vectors_t *v, trn_scan_t *scan, char **line);

/* *word[*bytes] = the next word of a binary file, any bytes, without the *ends line ends before it;
 * NULL at the end. The file stands at its numbers then. Fails as above. Local. */
trn_status_t trn_vectors_next_word(const trn_vectors_t *v, trn_scan_t *scan, char **word,
                                   int64_t *bytes, int64_t *ends);

/* Go through the file: fill v->rows, dim, offset and malformed, and *text[*bytes], the words, each
 * ended by NUL, to be freed with trn_free, also on failure. Fails as trn_vectors_open. Local. */
trn_status_t trn_vectors_scan_words(trn_vectors_t *v, char **text, int64_t *bytes);

#endif
