/* param_parse.c: values out of the command line and out of config files. */
#define _GNU_SOURCE
#include "cli/param/param_impl.h"

#include "base/mem.h"
#include "base/nearest.h"
#include "cli/param/synonyms.h"
#include "io/text/scan.h"

#include <string.h>

enum {
    LINE_BYTES = 4094,    /* of a config file; a longer one is something else */
    SCAN_BYTES = 1 << 20, /* read of it, so that its number can be told */
};

/* The command line
 * ------------------------------------------------------------------------------------- */

trn_status_t trn_params_unknown(const trn_params_t *params, const char *name) {
    trn_nearest_t nearest = {0};
    const char *other;
    for (int i = 0; (other = trn_option_synonym(name, i)); i++)
        if (trn_value_find(params, other))
            return trn_fail(TRN_USAGE, "--%s: no such option; did you mean --%s?", name, other);
    for (int i = 0; i < params->count; i++) {
        trn_nearest_try(&nearest, name, params->values[i].row->name);
        if (params->negations[i]) trn_nearest_try(&nearest, name, params->negations[i]);
    }
    if (nearest.name)
        return trn_fail(TRN_USAGE, "--%s: no such option; did you mean --%s?", name, nearest.name);
    return trn_fail(TRN_USAGE, "--%s: no such option; see --help", name);
}

static trn_value_t *value_of_code(const trn_params_t *params, int code) {
    if (code >= TRN_LONG_CODE) return &params->values[(code - TRN_LONG_CODE) / 2];
    for (int i = 0; i < params->count; i++)
        if (params->values[i].row->letter == code) return &params->values[i];
    return NULL;
}

/* What getopt_long could not make sense of; `word` is the argument it was in. */
static trn_status_t misread(const trn_params_t *params, int code, const char *word) {
    if (optopt == 0) { /* a long name that is unknown or ambiguous */
        char name[128];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
        return trn_params_unknown(params, name);
    }
    const trn_value_t *value = value_of_code(params, optopt);
    if (!value) return trn_fail(TRN_USAGE, "-%c: no such option; see --help", optopt);
    if (code == ':')
        return trn_fail(TRN_USAGE, "--%s: the value is missing; see --help", value->row->name);
    return trn_fail(TRN_USAGE, "--%s: takes no value; write --%s or --no-%s", value->row->name,
                    value->row->name, value->row->name);
}

/* A second value would have to win over the first, and nobody could tell which was meant. */
static trn_status_t take_once(trn_value_t *value, const char *typed) {
    const char *before = value->typed;
    value->typed = typed;
    if (!before) return TRN_OK;
    return trn_fail(TRN_USAGE, "--%s: given twice, as '%s' and as '%s'; give it once",
                    value->row->name, before, typed);
}

/* One option that getopt_long recognised; `word` is the argument it was in, `next` the one behind,
 * `index` its place among the long ones or -1. */
static trn_status_t take(trn_params_t *params, int code, int index, const char *word,
                         const char *next) {
    trn_value_t *value = value_of_code(params, code);
    const char *name = value->row->name;
    /* getopt takes any clear start of a name; a script must not break when a name is added. */
    if (index >= 0 && strcspn(word + 2, "=") != strlen(params->longs[index].name))
        return misread(params, '?', word);
    bool flag = value->row->type == TRN_PARAM_BOOL, off = code >= TRN_LONG_CODE && code % 2;
    if (flag) {
        TRN_TRY(take_once(value, word));
        return trn_value_assign(value, off ? "false" : "true", TRN_BY_FLAG);
    }
    if (optarg == next && strncmp(next, "--", 2) == 0)
        return trn_fail(TRN_USAGE,
                        "--%s: the value is missing before '%s'; if that is it, write "
                        "--%s=%s",
                        name, next, name, next);
    if (value->row->type == TRN_PARAM_LIST) return trn_value_append(value, optarg);
    TRN_TRY(take_once(value, optarg));
    return trn_value_assign(value, optarg, TRN_BY_FLAG);
}

static trn_status_t parse_flags(trn_params_t *params, int argc, char **argv, int *nfiles) {
    trn_value_t *list = NULL; /* takes the words up to the next option */
    opterr = 0;
    optind = 0; /* glibc: start anew */
    for (;;) {
        int at = optind ? optind : 1, index = -1;
        optopt = 0;
        int code = getopt_long(argc, argv, params->letters, params->longs, &index);
        if (code == -1) break;
        if (code == 1 && list) {
            TRN_TRY(trn_value_append(list, optarg));
        } else if (code == 1) {
            argv[(*nfiles)++] = optarg; /* a place already read: the program's name is first */
        } else if (code == '?' || code == ':') {
            return misread(params, code, argv[at]);
        } else {
            TRN_TRY(take(params, code, index, argv[at], argv[at + 1]));
            list = value_of_code(params, code);
            if (list->row->type != TRN_PARAM_LIST) list = NULL;
        }
    }
    while (optind < argc)
        argv[(*nfiles)++] = argv[optind++];
    return TRN_OK;
}

trn_status_t trn_params_parse(trn_params_t *params, int argc, char **argv, int *nfiles,
                              char ***files) {
    static char program[] = "trunnion";
    *nfiles = 0;
    *files = NULL;
    for (int i = 0; i < params->count; i++)
        params->values[i].typed = NULL;
    TRN_TRY(trn_realloc(&params->arguments, argc + 2, sizeof *argv, "arguments"));
    params->arguments[0] = program;
    memcpy(params->arguments + 1, argv, (size_t)argc * sizeof *argv);
    params->arguments[argc + 1] = NULL;
    TRN_TRY(parse_flags(params, argc + 1, params->arguments, nfiles));
    *files = params->arguments;
    const trn_value_t *config = trn_value_find(params, "config");
    return config && config->text ? trn_params_read(params, config->text) : TRN_OK;
}

/* Config files -------------------------------------------------------------------------------- */

/* Cut comment and blanks off both ends. */
static char *trim(char *text) {
    for (char *hash = strchr(text, '#'); hash; hash = strchr(hash + 1, '#'))
        if (hash == text || hash[-1] == ' ' || hash[-1] == '\t') {
            *hash = '\0';
            break;
        }
    static const char blanks[] = " \t\r\n";
    text += strspn(text, blanks);
    size_t length = strlen(text);
    while (length > 0 && strchr(blanks, text[length - 1]))
        text[--length] = '\0';
    return text;
}

/* A value out of line `number`. */
static trn_status_t read_value(trn_value_t *value, const char *text, int number) {
    int before = value->line;
    if (value->origin == TRN_BY_FLAG) return TRN_OK;
    value->line = number;
    if (before == 0) return trn_value_assign(value, text, TRN_BY_TEXT);
    if (value->row->type == TRN_PARAM_LIST) return trn_value_extend(value, text);
    return trn_fail(TRN_USAGE, "--%s: given twice, in line %d and here as '%s'; give it once",
                    value->row->name, before, text);
}

static trn_status_t read_line(trn_params_t *params, char *line, int number) {
    char *name = trim(line);
    if (*name == '\0') return TRN_OK;
    char *equals = strchr(name, '=');
    if (!equals) return trn_fail(TRN_USAGE, "--%.64s: no '='; write name = value", name);
    *equals = '\0';
    name = trim(name);
    trn_value_t *value = trn_value_find(params, name);
    if (!value) return trn_params_unknown(params, name);
    if (strcmp(name, "config") == 0)
        return trn_fail(TRN_USAGE, "--config: a config file cannot name another; copy its lines");
    return read_value(value, trim(equals + 1), number);
}

/* The lines of an open config file. */
static trn_status_t read_lines(trn_params_t *params, const char *path, trn_scan_t *scan) {
    for (int number = 1;; number++) {
        char *line;
        int64_t bytes;
        TRN_TRY(trn_scan_until(scan, '\n', SCAN_BYTES, &line, &bytes));
        if (!line) return TRN_OK;
        if (bytes > LINE_BYTES)
            return trn_fail(TRN_INPUT, "%s:%d: longer than %d bytes; is this a config file?", path,
                            number, LINE_BYTES);
        trn_status_t status = read_line(params, line, number);
        if (status == TRN_USAGE) /* its messages start with the two dashes of a flag */
            status = trn_fail(TRN_INPUT, "%s:%d: %s", path, number, trn_message() + 2);
        TRN_TRY(status);
    }
}

trn_status_t trn_params_read(trn_params_t *params, const char *path) {
    trn_input_t input = {.path = path};
    trn_scan_t *scan;
    for (int i = 0; i < params->count; i++)
        params->values[i].line = 0;
    TRN_TRY(trn_input_look(&input));
    TRN_TRY(trn_input_reread(&input, "every rank reads the settings"));
    TRN_TRY(trn_scan_open(&scan, &input, 0));
    return trn_scan_end(&scan, read_lines(params, path, scan));
}
