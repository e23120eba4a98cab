/* list.h: lists of words: a word a line, or a word and its counts, as word2vec, GloVe and gensim
 * write them. */
#ifndef TRN_TEXT_LIST_H
#define TRN_TEXT_LIST_H

#include "base/status.h"

#include <stdint.h>

/* A list while it is read. */
typedef struct trn_list {
    const char *name;      /* of the file, for messages; borrowed, as is the text */
    const char *at, *end;  /* what is still to be read */
    int64_t line;          /* of the word last given, from 1 */
    int64_t fields, model; /* on each line with a word, 0: none yet; the first of these lines */
} trn_list_t;

/* Begin with text[bytes]. Local. */
trn_list_t trn_list_begin(const char *name, const char *text, int64_t bytes);

/* Take the next line: *word[*length] is its first field, *length 0 if it is blank; *word NULL:
 * there is no line left. A line of other fields than numbers behind the word, or of more or fewer
 * fields than the first, would lose half a name ("New York", "Boeing 747"): TRN_INPUT as FILE:LINE.
 * Local.
 */
trn_status_t trn_list_next(trn_list_t *list, const char **word, int64_t *length);

#endif
