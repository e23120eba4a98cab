/* fields.c: see fields.h. */
#include "io/text/fields.h"

#include "text/number.h"

#include <string.h>

bool trn_line_blank(const char *line) {
    return line[strspn(line, " \t\r\v\f")] == '\0';
}

/* Take a quoted field, "" standing for one quote, in place; *at goes behind its mark. */
static char *quoted_field(char **at, char mark) {
    char *field = *at, *from = field + 1, *to = field;
    while (*from && (*from != '"' || from[1] == '"')) {
        from += *from == '"';
        *to++ = *from++;
    }
    if (*from == '"') from++;
    char *next = mark == ' ' ? from + strspn(from, " \t") : from;
    if (mark != ' ' && *next == mark) {
        *at = next + 1;
    } else {
        *at = *next && mark == ' ' ? next : NULL;
    }
    *to = '\0';
    return field;
}

char *trn_field_next(char **at, char mark) {
    char *field = *at;
    if (!field) return NULL;
    field += strspn(field, mark == '\t' ? " " : " \t");
    if (*field == '"') {
        *at = field;
        return quoted_field(at, mark);
    }
    size_t length = mark == ' ' ? strcspn(field, " \t") : strcspn(field, (char[]){mark, '\0'});
    char *next = field + length;
    bool more = *next != '\0';
    while (length > 0 && (field[length - 1] == ' ' || field[length - 1] == '\t'))
        length--;
    field[length] = '\0';
    if (mark == ' ' && more) {
        next++;
        next += strspn(next, " \t");
        more = *next != '\0'; /* blanks at the end part nothing */
    } else {
        next++;
    }
    *at = more ? next : NULL;
    return field;
}

bool trn_field_is_number(const char *field) {
    double value;
    const char *end = trn_number_real(field, &value);
    return end && *end == '\0';
}

char trn_fields_mark(const char *line) {
    static const char marks[] = "\t,;";
    for (int i = 0; marks[i]; i++)
        if (strchr(line, marks[i])) return marks[i];
    return ' ';
}

bool trn_fields_named(const char *line, char mark) {
    const char *at = line + strspn(line, " ");
    if (*at != '"') return false;
    do
        at = strchr(at + 1, '"');
    while (at && at[1] == '"' && at++);
    if (!at) return false;
    at += 1 + strspn(at + 1, " ");
    if (*at == mark) at += 1 + strspn(at + 1, " ");
    return *at && *at != '"';
}

trn_fields_t trn_fields_look(char *line, char mark) {
    trn_fields_t shape = {0};
    char *at = line;
    bool named = trn_fields_named(line, mark);
    for (char *field = trn_field_next(&at, mark); field; field = trn_field_next(&at, mark)) {
        bool number = trn_field_is_number(field);
        if (shape.fields == 0) {
            shape.first = number && !named;
            shape.unnamed = !*field;
        } else {
            shape.numbers += number;
        }
        shape.fields++;
    }
    return shape;
}
