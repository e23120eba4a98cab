/* lines.h: the lines of a part of a text, one after the other. */
#ifndef TRN_IO_TEXT_LINES_H
#define TRN_IO_TEXT_LINES_H

#include "base/status.h"
#include "io/text/input.h"

#include <stdint.h>

/* Take a line of `length` bytes, ended by NUL, which begins at byte `offset` of the text; to be
 * changed at will. What is TRN_INPUT needs no file and line. */
typedef trn_status_t (*trn_line_t)(void *user, char *line, int64_t length, int64_t offset);

/* Call take for every line that begins in bytes [first, end) of what has been looked at; of a text
 * that can only be read whole `first` is 0. Fails with TRN_INPUT (FILE:LINE: what `take` says; a
 * line of more than `limit` bytes), TRN_MEMORY, TRN_IO, or as `take`. Local. */
trn_status_t trn_lines_each(const trn_input_t *input, int64_t first, int64_t end, int64_t limit,
                            trn_line_t take, void *user);

#endif
