#include "graph/triple_line.h"

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

trn_status_t trn_triple_line(const char *line, int64_t length, const char *separator,
                             const char *column[TRN_TRIPLE_COLUMNS],
                             int64_t bytes[TRN_TRIPLE_COLUMNS]) {
    int64_t width = (int64_t)strlen(separator), at = 0;
    int columns = 0;
    if (length > 0 && line[length - 1] == '\r') length--;
    if (memchr(line, '\0', (size_t)length))
        return trn_fail(TRN_INPUT, "a NUL byte; give text in UTF-8");
    for (;;) {
        int64_t here = find(line + at, length - at, separator, width);
        if (columns < TRN_TRIPLE_COLUMNS) {
            column[columns] = line + at;
            bytes[columns] = here;
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
