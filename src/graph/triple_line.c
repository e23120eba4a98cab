/* triple_line.c: columns of a line of facts: separators, quotes, blanks, headings. */
#include "graph/triple_line.h"

#include <string.h>
#include <strings.h>

static bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r' && c != '\n');
}

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

static int64_t skip_blanks(const char *line, int64_t at, int64_t length) {
    while (at < length && is_blank(line[at]))
        at++;
    return at;
}

/* The quoted column that begins at line[at], with blanks before the quote or not: its name is
 * line[*text], *bytes long. Returns the byte behind it (a comma or the line's end), -1 if the quote
 * is not closed before one, `at` if the column is not in quotes. */
static int64_t cut_quoted(char *line, int64_t at, int64_t length, bool keep_blanks, int64_t *text,
                          int64_t *bytes) {
    *text = keep_blanks ? at : skip_blanks(line, at, length);
    if (*text == length || line[*text] != '"') return at;
    int64_t end = unquote(line, *text, length, bytes);
    if (end >= 0 && !keep_blanks) end = skip_blanks(line, end, length);
    return end < 0 || (end < length && line[end] != ',') ? -1 : end;
}

void trn_triple_trim(const char **text, int64_t *bytes) {
    while (*bytes > 0 && is_blank(**text)) {
        ++*text;
        --*bytes;
    }
    while (*bytes > 0 && is_blank((*text)[*bytes - 1]))
        --*bytes;
}

static trn_status_t check_names(trn_triple_row_t *row, bool keep_blanks) {
    for (int i = 0; i < TRN_TRIPLE_COLUMNS; i++) {
        bool empty = row->bytes[i] == 0;
        const char *text = row->column[i];
        int64_t bytes = row->bytes[i];
        trn_triple_trim(&text, &bytes);
        if (bytes == 0)
            return trn_fail(TRN_INPUT, "column %d is %s; give every name a letter", i + 1,
                            empty ? "empty" : "of blanks alone");
        if (!keep_blanks) row->column[i] = text, row->bytes[i] = bytes;
    }
    return TRN_OK;
}

trn_status_t trn_triple_line(char *line, int64_t length, const trn_triple_format_t *format,
                             trn_triple_row_t *row) {
    const char *separator = format->separator;
    int64_t width = (int64_t)strlen(separator), at = 0;
    int columns = 0;
    bool csv = strcmp(separator, ",") == 0;
    if (length > 0 && line[length - 1] == '\r') length--;
    if (memchr(line, '\0', (size_t)length))
        return trn_fail(TRN_INPUT, "a NUL byte; give text in UTF-8");
    for (;;) {
        int64_t text = at, bytes = 0;
        int64_t end = csv ? cut_quoted(line, at, length, format->keep_blanks, &text, &bytes) : at;
        if (end < 0)
            return trn_fail(TRN_INPUT,
                            "column %d: its quote is not closed before a comma or the line's end; "
                            "write a quote in it twice",
                            columns + 1);
        if (end == at) { /* not in quotes */
            text = at;
            bytes = find(line + at, length - at, separator, width);
            end = at + bytes;
        }
        if (columns < TRN_TRIPLE_COLUMNS) {
            row->column[columns] = line + text;
            row->bytes[columns] = bytes;
        }
        columns++;
        if (end == length) break;
        at = end + width;
    }
    if (columns != TRN_TRIPLE_COLUMNS)
        return trn_fail(TRN_INPUT, "the line has %d column%s, 3 wanted; is --separator right?",
                        columns, columns == 1 ? "" : "s");
    return check_names(row, format->keep_blanks);
}

bool trn_triple_blank(const char *line, int64_t length, const trn_triple_format_t *format) {
    int64_t width = (int64_t)strlen(format->separator);
    return skip_blanks(line, 0, length) == length &&
           find(line, length, format->separator, width) == length;
}

bool trn_triple_is_heading(const trn_triple_row_t *row, const char *order) {
    /* what exports of graphs and lists of edges call their columns */
    static const char *const heads[] = {"head", "head_id", "head_entity", "subject",   "subj",
                                        "from", "source",  "source_id",   "src",       "start",
                                        "x_id", "entity1", "node1",       ":start_id", NULL};
    static const char *const relations[] = {
        "relation",  "relation_id", "rel",      "relationship", "predicate", "pred",  "edge",
        "edge_type", "type",        "property", "label",        "link",      ":type", NULL};
    static const char *const tails[] = {
        "tail", "tail_id", "tail_entity", "object", "obj",     "to",    "target",  "target_id",
        "dst",  "dest",    "end",         "y_id",   "entity2", "node2", ":end_id", NULL};
    for (int i = 0; i < TRN_TRIPLE_COLUMNS; i++) {
        const char *const *words = order[i] == 'h' ? heads : order[i] == 'r' ? relations : tails;
        size_t bytes = (size_t)row->bytes[i];
        while (*words &&
               (strlen(*words) != bytes || strncasecmp(*words, row->column[i], bytes) != 0))
            words++;
        if (!*words) return false;
    }
    return true;
}
