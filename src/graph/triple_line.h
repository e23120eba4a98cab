/* triple_line.h: a line of text to the three names of a fact. */
#ifndef TRN_GRAPH_TRIPLE_LINE_H
#define TRN_GRAPH_TRIPLE_LINE_H

#include "base/status.h"

#include <stdint.h>

enum { TRN_TRIPLE_COLUMNS = 3 };

/* Cut line[length] (without its newline; a carriage return at its end is left out) at every
 * `separator`, which is not empty. column[i] gets the place of column i (borrowed, not ended) and
 * bytes[i] its length. Where a comma separates, a column may stand in quotes, and a quote in it is
 * written twice, as in RFC 4180; the line is then changed. Fails with TRN_INPUT: a NUL byte,
 * another number of columns than three, an empty name, an open quote; the message lacks file and
 * line. Local. Cost: one pass. */
trn_status_t trn_triple_line(char *line, int64_t length, const char *separator,
                             const char *column[TRN_TRIPLE_COLUMNS],
                             int64_t bytes[TRN_TRIPLE_COLUMNS]);

#endif
