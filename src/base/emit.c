/* emit.c: a result as text for people, out of the same JSON that machines get: objects as lines of
 * name and value, arrays of like objects as tables. Strings are made printable on the way. */
#include "base/emit.h"

#include "base/mem.h"
#include "base/plain.h"

#include <errno.h>
#include <string.h>

enum { CELL_BYTES = 512, INDENT = 2 };

/* JSON must be UTF-8; names of files and words need not be: bytes that are none are spelled out. */
json_t *trn_json_text(const char *text) {
    json_t *string = text ? json_string(text) : NULL;
    char *copy;
    if (string || !text) return string;
    size_t bytes = TRN_PLAIN_GROWS * strlen(text) + 1;
    if (trn_alloc(&copy, (int64_t)bytes, 1, "a name") != TRN_OK) return NULL;
    trn_plain_bytes(copy, bytes, text);
    string = json_string(copy);
    trn_free(&copy);
    return string;
}

/* A scalar as people read it. Arrays and objects inside a cell would be noise. */
static void format_cell(const json_t *value, char text[CELL_BYTES]) {
    switch (json_typeof(value)) {
    case JSON_STRING:
        trn_plain(text, CELL_BYTES, json_string_value(value));
        break;
    case JSON_INTEGER:
        snprintf(text, CELL_BYTES, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        snprintf(text, CELL_BYTES, "%.6g", json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        snprintf(text, CELL_BYTES, "%s", json_is_true(value) ? "yes" : "no");
        break;
    case JSON_NULL:
        snprintf(text, CELL_BYTES, "-");
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        snprintf(text, CELL_BYTES, "...");
        break;
    }
}

/* Columns that UTF-8 text takes: its bytes without continuation bytes. */
static int width_of(const char *text) {
    int width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

static bool is_scalar(const json_t *value) {
    return !json_is_object(value) && !json_is_array(value);
}

/* True for a non-empty array of objects that all have the keys of the first. */
static bool is_table(const json_t *array) {
    const json_t *first = json_array_get(array, 0);
    if (!json_is_object(first)) return false;
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *row = json_array_get(array, i);
        if (json_object_size(row) != json_object_size(first)) return false;
        const char *key;
        json_t *value;
        json_object_foreach((json_t *)first, key, value) {
            if (!json_object_get(row, key)) return false;
        }
    }
    return true;
}

/* Fill up by columns on the screen, not by bytes, which printf would do. */
static void put_cell(FILE *to, const char *text, int width, bool right) {
    int blanks = width > width_of(text) ? width - width_of(text) : 0;
    if (right) fprintf(to, "%*s", blanks, "");
    fputs(text, to);
    if (!right) fprintf(to, "%*s", blanks, "");
}

/* Width of a column, and whether it goes to the right: it does unless it holds a string. */
static int column_width(const json_t *table, const char *key, bool *right) {
    char text[CELL_BYTES];
    trn_plain(text, sizeof text, key);
    int width = width_of(text);
    *right = true;
    for (size_t i = 0; i < json_array_size(table); i++) {
        const json_t *value = json_object_get(json_array_get(table, i), key);
        format_cell(value, text);
        if (width_of(text) > width) width = width_of(text);
        if (json_is_string(value)) *right = false;
    }
    return width;
}

/* One line of a table: row `index`, or the header for -1. */
static void emit_row(FILE *to, const json_t *table, int64_t index, const int *widths,
                     const bool *rights, const char *lead) {
    json_t *first = json_array_get(table, 0);
    const char *key;
    json_t *value;
    size_t column = 0, columns = json_object_size(first);
    fputs(lead, to);
    json_object_foreach(first, key, value) {
        char text[CELL_BYTES];
        if (index < 0)
            trn_plain(text, sizeof text, key);
        else
            format_cell(json_object_get(json_array_get(table, (size_t)index), key), text);
        bool last = column + 1 == columns; /* no blanks at the end of a line */
        put_cell(to, text, last && !rights[column] ? 0 : widths[column], rights[column]);
        fputs(last ? "\n" : "  ", to);
        column++;
    }
}

/* Widths first, over all rows; then the lines, the header as row -1. */
trn_status_t trn_emit_table(FILE *to, const json_t *table, const char *head, const char *lead) {
    json_t *first = json_array_get(table, 0);
    int64_t columns = (int64_t)json_object_size(first), rows = (int64_t)json_array_size(table);
    int *widths;
    bool *rights;
    TRN_TRY(trn_alloc(&widths, columns, sizeof *widths, "a table"));
    trn_status_t status = trn_alloc(&rights, columns, sizeof *rights, "a table");
    if (status == TRN_OK) {
        const char *key;
        json_t *value;
        int column = 0;
        json_object_foreach(first, key, value) {
            widths[column] = column_width(table, key, &rights[column]);
            column++;
        }
        for (int64_t row = -1; row < rows; row++)
            emit_row(to, table, row, widths, rights, row < 0 ? head : lead);
    }
    trn_free(&rights);
    trn_free(&widths);
    return status;
}

/* Names of scalars are filled up to the longest of their object; what is nested stands below,
 * indented. */
static trn_status_t emit_object(FILE *to, const json_t *object, int indent);

/* An array that is no table: scalars on one line each, anything else as objects under a dash. */
static trn_status_t emit_array(FILE *to, const json_t *array, int indent) {
    if (is_table(array)) {
        char blanks[64];
        snprintf(blanks, sizeof blanks, "%*s", indent, "");
        return trn_emit_table(to, array, blanks, blanks);
    }
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *item = json_array_get(array, i);
        char text[CELL_BYTES];
        if (is_scalar(item)) {
            format_cell(item, text);
            fprintf(to, "%*s%s\n", indent, "", text);
        } else {
            fprintf(to, "%*s-\n", indent, "");
            TRN_TRY(json_is_object(item) ? emit_object(to, item, indent + INDENT)
                                         : emit_array(to, item, indent + INDENT));
        }
    }
    return TRN_OK;
}

static trn_status_t emit_object(FILE *to, const json_t *object, int indent) {
    const char *key;
    json_t *value;
    int width = 0;
    json_object_foreach((json_t *)object, key, value) {
        char text[CELL_BYTES];
        trn_plain(text, sizeof text, key);
        if (is_scalar(value) && width_of(text) > width) width = width_of(text);
    }
    json_object_foreach((json_t *)object, key, value) {
        char name[CELL_BYTES];
        trn_plain(name, sizeof name, key);
        fprintf(to, "%*s", indent, "");
        if (is_scalar(value)) {
            char text[CELL_BYTES];
            format_cell(value, text);
            put_cell(to, name, width + 2, false);
            fprintf(to, "%s\n", text);
            continue;
        }
        fprintf(to, "%s\n", name);
        TRN_TRY(json_is_object(value) ? emit_object(to, value, indent + INDENT)
                                      : emit_array(to, value, indent + INDENT));
    }
    return TRN_OK;
}

/* Flushed here, so that a full disk or closed pipe is found while it can still be told. */
trn_status_t trn_emit(FILE *to, const json_t *result, bool as_json) {
    errno = 0;
    if (as_json) {
        /* The dump also fails for want of memory; the stream's own flag tells which it was. */
        if (json_dumpf(result, to, JSON_INDENT(2)) != 0 && !ferror(to))
            return trn_fail(TRN_MEMORY, "the result does not fit into memory as JSON");
        fputc('\n', to);
    } else {
        TRN_TRY(emit_object(to, result, 0));
    }
    if (fflush(to) != 0 || ferror(to))
        return trn_fail(TRN_IO, "cannot write the result: %s; check where it is sent",
                        errno ? strerror(errno) : "write error");
    return TRN_OK;
}
