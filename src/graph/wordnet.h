/* wordnet.h: a line of WordNet's files data.noun, data.verb, data.adj and data.adv to a synset and
 * its pointers (format: the manual page wndb(5WN) of WordNet 3.0). */
#ifndef TRN_GRAPH_WORDNET_H
#define TRN_GRAPH_WORDNET_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum { TRN_WORDNET_FILES = 4 };

/* A synset; everything is borrowed from its line. */
typedef struct trn_synset {
    const char *word; /* the first, without the marker "(a)" of where an adjective stands */
    int word_bytes;
    int pointers;     /* that trn_synset_pointer has not given out yet */
    const char *next; /* the first of them; then what follows them */
    const char *end;  /* of the line */
} trn_synset_t;

/* From a synset to another. */
typedef struct trn_synset_pointer {
    const char *name; /* of the relation, "hypernym"; lives for ever */
    bool inverse;     /* says nothing that the other synset does not say: hyponym, holonym ... */
    int file;         /* that the other synset is in: as of trn_wordnet_file */
    int64_t offset;   /* byte there */
} trn_synset_pointer_t;

/* "data.noun", "data.verb", "data.adj", "data.adv" for 0 .. 3, and "n", "v", "a", "r". Local. */
const char *trn_wordnet_file(int file);
const char *trn_wordnet_letter(int file);

/* True for a line of the licence at a file's head: it begins with two spaces. Local. */
bool trn_wordnet_comment(const char *line, int64_t length);

/* Begin to read the synset of line[length] (without newline), which stands at byte `offset` of its
 * file. Fails with TRN_INPUT: another offset in the line, fields that miss or are no numbers; the
 * message lacks file and line. Local. */
trn_status_t trn_synset_read(trn_synset_t *synset, const char *line, int64_t length,
                             int64_t offset);

/* The next pointer, of a synset in file `file`; the caller calls it `pointers` times. Lexical
 * pointers, from word to word, count as pointers between the words' synsets. Fails with TRN_INPUT:
 * the line ends too early, an unknown symbol or part of speech. Local. */
trn_status_t trn_synset_pointer(trn_synset_t *synset, int file, trn_synset_pointer_t *pointer);

/* After the last pointer: that the line goes on as it should, with the frames of a verb and the
 * gloss. Fails with TRN_INPUT, so that a wrong count does not go by. Local. */
trn_status_t trn_synset_finish(trn_synset_t *synset, int file);

#endif
