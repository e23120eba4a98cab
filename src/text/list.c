/* list.c: a line of a list is a word and perhaps numbers. */
#include "text/list.h"

#include "text/rules.h"

#include <stdbool.h>
#include <string.h>

/* Nothing is copied: words are pointers into the text. */
trn_list_t trn_list_begin(const char *name, const char *text, int64_t bytes) {
    return (trn_list_t){.name = name, .at = text, .end = text + bytes};
}

/* A NUL is no blank, though strchr would find it. */
static bool is_blank(char c) {
    return c && strchr(TRN_BLANKS, c);
}

/* The first field of line[.. end); *length 0 if there is none. */
static const char *take_field(const char *line, const char *end, int64_t *length) {
    while (line < end && is_blank(*line))
        line++;
    *length = 0;
    while (line + *length < end && !is_blank(line[*length]))
        ++*length;
    return line;
}

/* Without the locale. */
static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Counts are whole or, smoothed, real numbers; they begin and end with a digit. */
static bool is_number(const char *field, int64_t length) {
    for (int64_t i = 1; i < length; i++)
        if (!is_digit(field[i]) && !memchr(".eE+-", field[i], 5)) return false;
    return is_digit(field[0]) && is_digit(field[length - 1]);
}

/* All lines must be like the first: a word alone, or with as many counts. So a file that is no list
 * is found at its first odd line. */
trn_status_t trn_list_next(trn_list_t *list, const char **word, int64_t *length) {
    *word = NULL;
    *length = 0;
    if (list->at == list->end) return TRN_OK;
    const char *stop = memchr(list->at, '\n', (size_t)(list->end - list->at));
    const char *end = stop ? stop : list->end, *field;
    list->line++;
    *word = take_field(list->at, end, length);
    list->at = stop ? stop + 1 : list->end;
    if (*length == 0) return TRN_OK;
    int64_t fields = 1, bytes;
    for (field = *word + *length; field = take_field(field, end, &bytes), bytes; field += bytes) {
        fields++;
        if (!is_number(field, bytes))
            return trn_fail(TRN_INPUT,
                            "%s:%lld: '%.*s' stands behind the word '%.*s'; a line is a word, or a "
                            "word and its counts: join the parts of a name, e.g. with _",
                            list->name, (long long)list->line, (int)(bytes < 40 ? bytes : 40),
                            field, (int)(*length < 40 ? *length : 40), *word);
    }
    if (list->fields == 0) {
        list->fields = fields;
        list->model = list->line;
    }
    if (fields == list->fields) return TRN_OK;
    return trn_fail(TRN_INPUT,
                    "%s:%lld: %lld fields, but %lld on line %lld; give every word its count or "
                    "none, and join the parts of a name, e.g. with _",
                    list->name, (long long)list->line, (long long)fields, (long long)list->fields,
                    (long long)list->model);
}
