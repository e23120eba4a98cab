#include "graph/triple_line.h"

#include <stdbool.h>
#include <string.h>

/* Place of the separator in text[bytes], or its end. */
static int64_t find(const char *text, int64_t bytes, const char *separator, int64_t width) {
    for (int64_t at = 0; at + width <= bytes; at++) {
        const char *first = memchr(text + at, separator[0], (size_t)(bytes - width - at + 1));
        if (!first) break;
        at = first - text;
        if (memcmp(first, separator, (size_t)width) == 0) return at;
    }
    return bytes;
}

/* Move the text of the quoted field at line[at] to the field's beginning, without its quotes;
 * *bytes is its length. Returns where the field ends, or -1. */
static int64_t unquote(char *line, int64_t at, int64_t length, int64_t *bytes) {
    char *to = line + at;
    for (int64_t from = at + 1; from < length; from++) {
        if (line[from] == '"') {
            bool twice = from + 1 < length && line[from + 1] == '"'; /* stands for one */
            *bytes = to - (line + at);
            if (!twice) return from + 1;
            from++;
        }
        *to++ = line[from];
    }
    return -1;
}

trn_status_t trn_triple_line(char *line, int64_t length, const char *separator,
                             const char *column[TRN_TRIPLE_COLUMNS],
                             int64_t bytes[TRN_TRIPLE_COLUMNS]) {
    int64_t width = (int64_t)strlen(separator), at = 0;
    int columns = 0;
    bool csv = strcmp(separator, ",") == 0;
    if (length > 0 && line[length - 1] == '\r') length--;
    if (memchr(line, '\0', (size_t)length))
        return trn_fail(TRN_INPUT, "a NUL byte; give text in UTF-8");
    for (;;) {
        int64_t here = find(line + at, length - at, separator, width), text = here;
        if (csv && at < length && line[at] == '"') {
            here = unquote(line, at, length, &text) - at;
            if (here < 0 || (at + here < length && line[at + here] != ','))
                return trn_fail(TRN_INPUT,
                                "column %d: its quote is not closed before a comma or "
                                "the line's end; write a quote in it twice",
                                columns + 1);
        }
        if (columns < TRN_TRIPLE_COLUMNS) {
            column[columns] = line + at;
            bytes[columns] = text;
        }
        columns++;
        at += here;
        if (at == length) break;
        at += width;
    }
    if (columns != TRN_TRIPLE_COLUMNS)
        return trn_fail(TRN_INPUT, "the line has %d column%s, 3 wanted; is --separator right?",
                        columns, columns == 1 ? "" : "s");
    for (int i = 0; i < TRN_TRIPLE_COLUMNS; i++)
        if (bytes[i] == 0)
            return trn_fail(TRN_INPUT, "column %d is empty; give every name a letter", i + 1);
    return TRN_OK;
}
