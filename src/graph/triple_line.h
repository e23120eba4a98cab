/* triple_line.h: a line of text to the three names of a fact. */
#ifndef TRN_GRAPH_TRIPLE_LINE_H
#define TRN_GRAPH_TRIPLE_LINE_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum { TRN_TRIPLE_COLUMNS = 3 };

/* How the lines of a file are written. */
typedef struct trn_triple_format {
    const char *separator; /* between columns; not empty; borrowed */
    bool keep_blanks;      /* blanks at the ends of a name are part of it */
} trn_triple_format_t;

/* The columns of a line, borrowed from it: bytes[i] from column[i] on, not ended. */
typedef struct trn_triple_row {
    const char *column[TRN_TRIPLE_COLUMNS];
    int64_t bytes[TRN_TRIPLE_COLUMNS];
} trn_triple_row_t;

/* Cut line[length] (without its newline; a carriage return at its end is left out) at every
 * separator. Blanks (space, tab, vertical tab, form feed, carriage return) at the ends of a name
 * are cut off unless the format keeps them. Where a comma separates, a column may stand in quotes,
 * with blanks around them, and a quote in it is written twice, as in RFC 4180; the line is then
 * changed. Fails with TRN_INPUT: a NUL byte, another number of columns than three, a name that is
 * empty or of blanks alone (also where blanks are kept), an open quote; the message lacks file and
 * line. Local. Cost: one pass. */
trn_status_t trn_triple_line(char *line, int64_t length, const trn_triple_format_t *format,
                             trn_triple_row_t *row);

/* Cut blanks off the ends of text[bytes]. Local. */
void trn_triple_trim(const char **text, int64_t *bytes);

/* Whether a line holds blanks alone and no separator: such lines are skipped. Local. */
bool trn_triple_blank(const char *line, int64_t length, const trn_triple_format_t *format);

/* Whether every column is a usual heading for its part of a fact (`order` says which is which:
 * "hrt"), in any case of ASCII letters: head, subject, source, from ...; relation, predicate, edge,
 * label ...; tail, object, target, to .... Local. */
bool trn_triple_is_heading(const trn_triple_row_t *row, const char *order);

#endif
