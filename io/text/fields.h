/* fields.h: fields of a line of a table: between tabs, commas, semicolons or blanks, some of them
 * in quotes ("" standing for one), as spreadsheets, pandas, R and numpy write them. */
#ifndef TRN_IO_TEXT_FIELDS_H
#define TRN_IO_TEXT_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

/* What the fields of a line are. Plain data. */
typedef struct trn_fields {
    int64_t fields, numbers; /* numbers: from the second field on */
    bool first;              /* the first field is a number, and no name */
    bool unnamed;            /* ... is empty */
} trn_fields_t;

/* Whether a line holds nothing but blanks. Local. */
bool trn_line_blank(const char *line);

/* What stands between the fields of a line: the first of tab, comma and semicolon that it has, else
 * ' ' for any run of blanks. Local. */
char trn_fields_mark(const char *line);

/* Take the next field from *at, ended by NUL in place, blanks around it and quotes aside; *at goes
 * behind its mark, and is NULL behind the last field. NULL: *at was. Local. */
char *trn_field_next(char **at, char mark);

/* Whether a field is a number and nothing else. Local. */
bool trn_field_is_number(const char *field);

/* Whether the first field of a line is in quotes and the second is not: a number in them is a name
 * then. Local. */
bool trn_fields_named(const char *line, char mark);

/* Look at all fields of a line, which is changed. Local. */
trn_fields_t trn_fields_look(char *line, char mark);

#endif
