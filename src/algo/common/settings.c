/* settings.c: settings to text, and what differs between a text and settings. */
#include "algo/common/settings.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_BYTES = 256 /* longer texts are cut, as they always were at 200 */, TOLD_BYTES = 700 };

/* The value of a row as the text has it; numbers come back exactly. */
static void print_value(const trn_setting_t *row, const void *values, char text[VALUE_BYTES]) {
    const void *at = (const char *)values + row->offset;
    const double *real = at;
    const char *string;
    switch (row->type) {
    case TRN_SETTING_INT:
        snprintf(text, VALUE_BYTES, "%" PRId64, *(const int64_t *)at);
        break;
    case TRN_SETTING_SEED:
        snprintf(text, VALUE_BYTES, "%" PRIu64, *(const uint64_t *)at);
        break;
    case TRN_SETTING_HASH:
        snprintf(text, VALUE_BYTES, "%016" PRIx64, *(const uint64_t *)at);
        break;
    case TRN_SETTING_REAL:
        snprintf(text, VALUE_BYTES, "%.17g", *real);
        break;
    case TRN_SETTING_PAIR:
        snprintf(text, VALUE_BYTES, "%.17g,%.17g", real[0], real[1]);
        break;
    case TRN_SETTING_FLOAT:
        snprintf(text, VALUE_BYTES, "%.9g", (double)*(const float *)at);
        break;
    case TRN_SETTING_FLAG:
        snprintf(text, VALUE_BYTES, "%d", *(const bool *)at);
        break;
    case TRN_SETTING_CHOICE:
        snprintf(text, VALUE_BYTES, "%d", *(const int *)at);
        break;
    case TRN_SETTING_LETTER:
        snprintf(text, VALUE_BYTES, "%c", *(const char *)at);
        break;
    default:
        string = *(const char *const *)at;
        snprintf(text, VALUE_BYTES, "%.200s", string ? string : "");
    }
}

trn_status_t trn_settings_text(const trn_setting_t *table, const void *values, char *text,
                               size_t size) {
    char value[VALUE_BYTES];
    size_t used = 0;
    for (const trn_setting_t *row = table; row->key; row++) {
        print_value(row, values, value);
        if (row->absent && strcmp(value, row->absent) == 0) continue;
        int more =
            snprintf(text + used, size - used, "%s%s=%s", used > 0 ? " " : "", row->key, value);
        used += (size_t)more;
        if (used >= size)
            return trn_fail(TRN_INTERNAL, "settings: their text has more than %zu bytes", size);
    }
    return TRN_OK;
}

/* One entry of a text: "key=value", or "key" for "key=1". */
typedef struct entry {
    const char *key, *value;
    size_t key_bytes, value_bytes;
} entry_t;

static const trn_setting_t *row_of(const trn_setting_t *table, const entry_t *e) {
    for (const trn_setting_t *row = table; row->key; row++)
        if (strlen(row->key) == e->key_bytes && memcmp(row->key, e->key, e->key_bytes) == 0)
            return row;
    return NULL;
}

/* The entry that begins at *text, which moves behind it; false at the end. */
static bool next_entry(const trn_setting_t *table, const char **text, entry_t *e) {
    const char *at = *text + strspn(*text, " ");
    if (!*at) return false;
    size_t bytes = strcspn(at, " ");
    e->key = at;
    e->key_bytes = strcspn(at, " =");
    bool bare = e->key_bytes == bytes;
    e->value = bare ? "1" : at + e->key_bytes + 1;
    e->value_bytes = bare ? 1 : bytes - e->key_bytes - 1;
    const trn_setting_t *row = row_of(table, e);
    if (row && row->type == TRN_SETTING_REST && !bare) {
        e->value_bytes = strlen(e->value);
        bytes = e->key_bytes + 1 + e->value_bytes;
    }
    *text = at + bytes;
    return true;
}

/* The value that `text` gives to a row; false if it gives none. */
static bool find_value(const trn_setting_t *table, const trn_setting_t *row, const char *text,
                       char value[VALUE_BYTES]) {
    entry_t e;
    while (next_entry(table, &text, &e)) {
        if (row_of(table, &e) != row) continue;
        snprintf(value, VALUE_BYTES, "%.*s", (int)e.value_bytes, e.value);
        return true;
    }
    if (row->absent) snprintf(value, VALUE_BYTES, "%s", row->absent);
    return row->absent != NULL;
}

/* Name a choice by its number. */
static void name_choice(const char *choices, char value[VALUE_BYTES]) {
    long number = strtol(value, NULL, 10);
    while (number-- > 0 && choices) {
        choices = strchr(choices, '|');
        if (choices) choices++;
    }
    if (choices) snprintf(value, VALUE_BYTES, "%.*s", (int)strcspn(choices, "|"), choices);
}

/* Numbers for people are short ones, unless it takes all digits to tell the two apart. */
static void shorten(char then[VALUE_BYTES], char now[VALUE_BYTES]) {
    char brief[2][32];
    snprintf(brief[0], sizeof brief[0], "%g", strtod(then, NULL));
    snprintf(brief[1], sizeof brief[1], "%g", strtod(now, NULL));
    if (strcmp(brief[0], brief[1]) == 0) return;
    strcpy(then, brief[0]);
    strcpy(now, brief[1]);
}

/* Append "NAME THEN, now NOW" to what is told. */
static void tell(const trn_setting_t *row, char then[VALUE_BYTES], char now[VALUE_BYTES],
                 char told[TOLD_BYTES]) {
    size_t used = strlen(told);
    if (row->type == TRN_SETTING_REAL || row->type == TRN_SETTING_FLOAT) shorten(then, now);
    if (row->type == TRN_SETTING_CHOICE) {
        name_choice(row->choices, then);
        name_choice(row->choices, now);
    }
    snprintf(told + used, TOLD_BYTES - used, "%s%s %s, now %s", used > 0 ? "; " : "", row->name,
             *then ? then : "none", *now ? now : "none");
}

trn_status_t trn_settings_check(const trn_setting_t *table, const void *values, const char *path,
                                const char *text) {
    char then[VALUE_BYTES], now[VALUE_BYTES], told[TOLD_BYTES] = "";
    const char *at = text;
    entry_t e;
    for (const trn_setting_t *row = table; row->key; row++) {
        print_value(row, values, now);
        if (find_value(table, row, text, then) && strcmp(then, now) != 0)
            tell(row, then, now, told);
    }
    while (next_entry(table, &at, &e))
        if (!row_of(table, &e)) {
            size_t used = strlen(told);
            snprintf(told + used, TOLD_BYTES - used, "%s%.*s, which this program does not know",
                     used > 0 ? "; " : "", (int)e.key_bytes, e.key);
        }
    if (!*told) return TRN_OK;
    return trn_fail(TRN_USAGE,
                    "%s: the checkpoint was made with other settings: %s; give the same ones, or "
                    "--resume never",
                    path, told);
}
