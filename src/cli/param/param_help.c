/* param_help.c: tables of parameters as help, man page and words to complete. */
#include "cli/param/param.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { HELP_COLUMN = 26, HELP_WIDTH = 79 };

/* "64K" rather than 65536, where that is exact. */
static void format_bound(const trn_param_t *row, double bound, char *text, size_t size) {
    static const char *const suffixes[] = {"", "K", "M", "G", "T"};
    int power = 0;
    while (row->type == TRN_PARAM_SIZE && power < 4 && bound >= 1024 && fmod(bound, 1024) == 0) {
        bound /= 1024;
        power++;
    }
    snprintf(text, size, "%.15g%s", bound, suffixes[power]);
}

/* "from 1 to 10", "at least 1", "at most 10", or nothing. */
static void format_range(const trn_param_t *row, char *text, size_t size) {
    char low[32], high[32];
    format_bound(row, row->low, low, sizeof low);
    format_bound(row, row->high, high, sizeof high);
    bool bounded = row->low < row->high, floor = !isinf(row->low), ceiling = !isinf(row->high);
    if (bounded && floor && ceiling)
        snprintf(text, size, "from %s to %s", low, high);
    else if (bounded && floor)
        snprintf(text, size, "at least %s", low);
    else if (bounded && ceiling)
        snprintf(text, size, "at most %s", high);
    else
        snprintf(text, size, "%s", "");
}

void trn_param_expects(const trn_param_t *row, char *text, size_t size) {
    static const char *const kinds[] = {
        [TRN_PARAM_BOOL] = "true or false", [TRN_PARAM_INT] = "an integer",
        [TRN_PARAM_REAL] = "a number",      [TRN_PARAM_SIZE] = "bytes such as 512, 64K, 200M or 4G",
        [TRN_PARAM_TEXT] = "a text",        [TRN_PARAM_CHOICE] = "one of",
        [TRN_PARAM_LIST] = "words",
    };
    char range[96];
    format_range(row, range, sizeof range);
    const char *more = row->type == TRN_PARAM_CHOICE ? row->choices : range;
    snprintf(text, size, "%s%s%s", kinds[row->type], *more ? " " : "", more);
}

const char *trn_file_use_name(trn_file_use_t use) {
    static const char *const names[] = {
        [TRN_FILE_NONE] = "-",          [TRN_FILE_READ] = "read",
        [TRN_FILE_WRITTEN] = "written", [TRN_FILE_APPENDED] = "appended",
        [TRN_FILE_EITHER] = "either",   [TRN_FILE_FOLDER] = "folder",
    };
    return names[use];
}

static const char *metavar(const trn_param_t *row) {
    static const char *const names[] = {
        [TRN_PARAM_BOOL] = NULL,      [TRN_PARAM_INT] = "N",     [TRN_PARAM_REAL] = "X",
        [TRN_PARAM_SIZE] = "SIZE",    [TRN_PARAM_TEXT] = "TEXT", [TRN_PARAM_CHOICE] = NULL,
        [TRN_PARAM_LIST] = "WORD...",
    };
    if (row->metavar) return row->metavar;
    return row->type == TRN_PARAM_CHOICE ? row->choices : names[row->type];
}

/* Help, bounds and default: one paragraph. */
static void describe(const trn_param_t *row, char *text, size_t size) {
    char range[96], preset[128] = "";
    format_range(row, range, sizeof range);
    bool off = row->type == TRN_PARAM_BOOL && row->fallback && strcmp(row->fallback, "false") == 0;
    if (row->fallback && *row->fallback && !off)
        snprintf(preset, sizeof preset, "default %s", row->fallback);
    const char *comma = *range && *preset ? "; " : "";
    if (*range || *preset)
        snprintf(text, size, "%s (%s%s%s)", row->help, range, comma, preset);
    else
        snprintf(text, size, "%s", row->help);
}

void trn_text_wrap(FILE *to, const char *text, int column, int indent) {
    bool first = true; /* word of its line */
    for (;;) {
        int length = (int)strcspn(text, " \n");
        if (!first && column + 1 + length > HELP_WIDTH) {
            fputc('\n', to);
            column = 0;
            first = true;
        }
        int blanks = !first ? 1 : column < indent && length > 0 ? indent - column : 0;
        fprintf(to, "%*s%.*s", blanks, "", length, text);
        column += blanks + length;
        first = false;
        text += length;
        if (*text == '\0') break;
        if (*text++ != '\n') continue;
        fputc('\n', to);
        column = 0;
        first = true;
    }
    fputc('\n', to);
}

static bool is_on(const trn_param_t *row) {
    return row->type == TRN_PARAM_BOOL && row->fallback && strcmp(row->fallback, "true") == 0;
}

void trn_params_help(const trn_param_t *table, FILE *to) {
    for (const trn_param_t *row = table; row->name; row++) {
        char option[256], text[1024], letter[] = "  -?, ";
        if (row->group) fprintf(to, "\n%s:\n", row->group);
        letter[3] = row->letter;
        const char *value = metavar(row);
        snprintf(option, sizeof option, "%s--%s%s%s%s", row->letter ? letter : "      ",
                 is_on(row) ? "[no-]" : "", row->name, value ? " " : "", value ? value : "");
        describe(row, text, sizeof text);
        int used = (int)strlen(option);
        bool fits = used <= HELP_COLUMN - 2;
        fprintf(to, "%s%s", option, fits ? "" : "\n");
        trn_text_wrap(to, text, fits ? used : 0, HELP_COLUMN);
    }
}

void trn_man_text(FILE *to, const char *text) {
    for (bool start = true; *text; start = *text++ == '\n') {
        if (start && (*text == '.' || *text == '\'')) fputs("\\&", to);
        if (*text == '-')
            fputs("\\-", to);
        else if (*text == '\\')
            fputs("\\e", to);
        else
            fputc(*text, to);
    }
}

void trn_params_man(const trn_param_t *table, FILE *to) {
    for (const trn_param_t *row = table; row->name; row++) {
        char text[1024];
        if (row->group) {
            fputs(".SS ", to);
            trn_man_text(to, row->group);
            fputc('\n', to);
        }
        fputs(".TP\n", to);
        if (row->letter) fprintf(to, "\\fB\\-%c\\fR, ", row->letter);
        fputs("\\fB\\-\\-", to);
        trn_man_text(to, row->name);
        fputs("\\fR", to);
        if (metavar(row)) {
            fputs(" \\fI", to);
            trn_man_text(to, metavar(row));
            fputs("\\fR", to);
        }
        fputc('\n', to);
        describe(row, text, sizeof text);
        trn_man_text(to, text);
        fputc('\n', to);
    }
}

void trn_params_words(const trn_param_t *table, FILE *to) {
    for (const trn_param_t *row = table; row->name; row++) {
        fprintf(to, "--%s\n", row->name);
        if (is_on(row)) fprintf(to, "--no-%s\n", row->name);
    }
}
