#define _GNU_SOURCE
#include "cli/param.h"

#include "base/emit.h"
#include "base/mem.h"
#include "base/nearest.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 4096, LONG_CODE = 256 /* getopt codes from here on are long options */ };

/* Who gave the present value; a higher one wins. */
typedef enum origin { BY_DEFAULT, BY_TEXT, BY_FLAG } origin_t;

typedef struct value {
    const trn_param_t *row;
    origin_t origin;
    bool none;       /* no default and nothing given */
    int64_t integer; /* BOOL, INT, SIZE */
    double real;     /* REAL */
    char *text;      /* TEXT, CHOICE */
    char **words;    /* LIST: words[nwords], each owned */
    int nwords;
} value_t;

struct trn_params {
    value_t *values; /* [count], in table order */
    int count;
    struct option *longs; /* for getopt_long: value i has code LONG_CODE + 2i, its --no- form + 1 */
    char **negations;     /* [count]: "no-NAME" of a BOOL, else NULL */
    char *letters;        /* for getopt_long */
    char **arguments;     /* copy of argv for getopt; becomes the list of files */
};

static value_t *find(const trn_params_t *params, const char *name) {
    for (int i = 0; i < params->count; i++)
        if (strcmp(params->values[i].row->name, name) == 0) return &params->values[i];
    return NULL;
}

/* One value from text ------------------------------------------------------------------------- */

static trn_status_t refuse(const trn_param_t *row, const char *text) {
    char expects[256];
    trn_param_expects(row, expects, sizeof expects);
    return trn_fail(TRN_USAGE, "--%s: bad value '%s'; give %s", row->name, text, expects);
}

static bool within(const trn_param_t *row, double number) {
    return !(row->low < row->high) || (number >= row->low && number <= row->high);
}

static bool parse_int(const char *text, int64_t *number) {
    char *end;
    errno = 0;
    *number = strtoll(text, &end, 10);
    return end != text && *end == '\0' && errno == 0;
}

static bool parse_size(const char *text, int64_t *bytes) {
    static const char suffixes[] = "KMGT";
    char *end;
    errno = 0;
    *bytes = strtoll(text, &end, 10);
    if (end == text || errno != 0 || *bytes < 0) return false;
    if (*end == '\0') return true;
    const char *suffix = strchr(suffixes, *end & ~('a' ^ 'A'));
    if (!suffix || end[1] != '\0') return false;
    return !__builtin_mul_overflow(*bytes, INT64_C(1) << 10 * (suffix - suffixes + 1), bytes);
}

static bool parse_real(const char *text, double *number) {
    char *end;
    *number = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*number);
}

static bool is_choice(const char *choices, const char *text) {
    size_t length = strlen(text);
    for (const char *at = choices; *at; at += *at == '|') {
        size_t span = strcspn(at, "|");
        if (span == length && strncmp(at, text, span) == 0) return true;
        at += span;
    }
    return false;
}

static void clear_words(value_t *value) {
    for (int i = 0; i < value->nwords; i++)
        trn_free(&value->words[i]);
    trn_free(&value->words);
    value->nwords = 0;
}

static trn_status_t append_word(value_t *value, const char *word) {
    TRN_TRY(trn_realloc(&value->words, value->nwords + 1, sizeof *value->words, "a list"));
    value->words[value->nwords] = NULL;
    TRN_TRY(trn_strdup(&value->words[value->nwords], word));
    value->nwords++;
    return TRN_OK;
}

static trn_status_t set_words(value_t *value, const char *text) {
    char *copy, *state = NULL;
    TRN_TRY(trn_strdup(&copy, text));
    clear_words(value);
    trn_status_t status = TRN_OK;
    for (char *word = strtok_r(copy, " \t", &state); word; word = strtok_r(NULL, " \t", &state))
        if (status == TRN_OK) status = append_word(value, word);
    trn_free(&copy);
    return status;
}

static trn_status_t set_text(value_t *value, const char *text) {
    char *copy;
    TRN_TRY(trn_strdup(&copy, text));
    trn_free(&value->text);
    value->text = copy;
    return TRN_OK;
}

/* A refused text leaves the value as it was. */
static trn_status_t assign(value_t *value, const char *text, origin_t origin) {
    const trn_param_t *row = value->row;
    int64_t integer = 0;
    double real = 0;
    bool good = true;
    switch (row->type) {
    case TRN_PARAM_BOOL:
        integer = strcmp(text, "true") == 0;
        good = integer || strcmp(text, "false") == 0;
        break;
    case TRN_PARAM_INT:
        good = parse_int(text, &integer) && within(row, (double)integer);
        break;
    case TRN_PARAM_SIZE:
        good = parse_size(text, &integer) && within(row, (double)integer);
        break;
    case TRN_PARAM_REAL:
        good = parse_real(text, &real) && within(row, real);
        break;
    case TRN_PARAM_CHOICE:
        good = is_choice(row->choices, text);
        break;
    case TRN_PARAM_TEXT:
    case TRN_PARAM_LIST:
        break;
    }
    if (!good) return refuse(row, text);
    if (row->type == TRN_PARAM_TEXT || row->type == TRN_PARAM_CHOICE)
        TRN_TRY(set_text(value, text));
    if (row->type == TRN_PARAM_LIST) TRN_TRY(set_words(value, text));
    value->integer = integer;
    value->real = real;
    value->origin = origin;
    value->none = false;
    return TRN_OK;
}

/* One more word of a LIST from the command line, where a word may hold blanks. */
static trn_status_t append_flag(value_t *value, const char *word) {
    if (value->origin != BY_FLAG) clear_words(value);
    value->origin = BY_FLAG;
    value->none = false;
    return append_word(value, word);
}

/* Creation ------------------------------------------------------------------------------------ */

static trn_status_t add_row(trn_params_t *params, const trn_param_t *row) {
    for (int i = 0; i < params->count; i++) {
        const trn_param_t *other = params->values[i].row;
        if (strcmp(row->name, other->name) == 0 || (row->letter && row->letter == other->letter))
            return trn_fail(TRN_INTERNAL, "--%s: name or letter stands twice in the tables",
                            row->name);
    }
    value_t *value = &params->values[params->count++];
    *value = (value_t){.row = row, .none = true};
    if (!row->fallback) return TRN_OK;
    trn_status_t status = assign(value, row->fallback, BY_DEFAULT);
    if (status != TRN_USAGE) return status;
    return trn_fail(TRN_INTERNAL, "bad default: %s", trn_message());
}

/* Tell getopt_long about every value. The leading '-' returns other arguments in their place,
 * which lets a LIST take them; the ':' tells a missing value from an unknown name. */
static trn_status_t add_options(trn_params_t *params) {
    int64_t n = params->count;
    TRN_TRY(trn_alloc_zero(&params->longs, 2 * n + 1, sizeof *params->longs, "options"));
    TRN_TRY(trn_alloc_zero(&params->negations, n, sizeof *params->negations, "options"));
    TRN_TRY(trn_alloc_zero(&params->letters, 2 * n + 3, 1, "options"));
    struct option *option = params->longs;
    char *letter = stpcpy(params->letters, "-:");
    for (int i = 0; i < n; i++) {
        const trn_param_t *row = params->values[i].row;
        bool flag = row->type == TRN_PARAM_BOOL;
        int takes = flag ? no_argument : required_argument, code = LONG_CODE + 2 * i;
        *option++ = (struct option){.name = row->name, .has_arg = takes, .val = code};
        if (flag) {
            int64_t bytes = (int64_t)strlen(row->name) + 4;
            TRN_TRY(trn_alloc(&params->negations[i], bytes, 1, "options"));
            snprintf(params->negations[i], (size_t)bytes, "no-%s", row->name);
            *option++ = (struct option){.name = params->negations[i], .val = code + 1};
        }
        if (row->letter) *letter++ = row->letter;
        if (row->letter && !flag) *letter++ = ':';
    }
    return TRN_OK;
}

trn_status_t trn_params_create(trn_params_t **params, const trn_param_t *const *tables,
                               int ntables) {
    trn_params_t *made;
    trn_status_t status = TRN_OK;
    int64_t count = 0;
    for (int t = 0; t < ntables; t++)
        for (const trn_param_t *row = tables[t]; row->name; row++)
            count++;
    *params = NULL;
    TRN_TRY(trn_alloc_zero(&made, 1, sizeof *made, "parameters"));
    TRN_OR(out, trn_alloc_zero(&made->values, count, sizeof *made->values, "parameters"));
    for (int t = 0; t < ntables; t++)
        for (const trn_param_t *row = tables[t]; row->name; row++)
            TRN_OR(out, add_row(made, row));
    TRN_OR(out, add_options(made));
    *params = made;
    return TRN_OK;
out:
    trn_params_destroy(&made);
    return status;
}

void trn_params_destroy(trn_params_t **params) {
    trn_params_t *old = *params;
    if (!old) return;
    for (int i = 0; i < old->count; i++) {
        clear_words(&old->values[i]);
        trn_free(&old->values[i].text);
        if (old->negations) trn_free(&old->negations[i]);
    }
    trn_free(&old->values);
    trn_free(&old->longs);
    trn_free(&old->negations);
    trn_free(&old->letters);
    trn_free(&old->arguments);
    trn_free(params);
}

/* Parsing ------------------------------------------------------------------------------------- */

static trn_status_t unknown(const trn_params_t *params, const char *name) {
    trn_nearest_t nearest = {0};
    for (int i = 0; i < params->count; i++) {
        trn_nearest_try(&nearest, name, params->values[i].row->name);
        if (params->negations[i]) trn_nearest_try(&nearest, name, params->negations[i]);
    }
    if (nearest.name)
        return trn_fail(TRN_USAGE, "--%s: no such option; did you mean --%s?", name, nearest.name);
    return trn_fail(TRN_USAGE, "--%s: no such option; see --help", name);
}

static value_t *value_of_code(const trn_params_t *params, int code) {
    if (code >= LONG_CODE) return &params->values[(code - LONG_CODE) / 2];
    for (int i = 0; i < params->count; i++)
        if (params->values[i].row->letter == code) return &params->values[i];
    return NULL;
}

/* What getopt_long could not make sense of; `word` is the argument it was in. */
static trn_status_t misread(const trn_params_t *params, int code, const char *word) {
    if (optopt == 0) { /* a long name that is unknown or ambiguous */
        char name[128];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
        return unknown(params, name);
    }
    const value_t *value = value_of_code(params, optopt);
    if (!value) return trn_fail(TRN_USAGE, "-%c: no such option; see --help", optopt);
    if (code == ':')
        return trn_fail(TRN_USAGE, "--%s: the value is missing; see --help", value->row->name);
    return trn_fail(TRN_USAGE, "--%s: takes no value; write --%s or --no-%s", value->row->name,
                    value->row->name, value->row->name);
}

/* One option that getopt_long recognised; `word` is the argument it was in, `next` the one behind,
 * `index` its place among the long ones or -1. */
static trn_status_t take(trn_params_t *params, int code, int index, const char *word,
                         const char *next) {
    value_t *value = value_of_code(params, code);
    const char *name = value->row->name;
    /* getopt takes any clear start of a name; a script must not break when a name is added. */
    if (index >= 0 && strcspn(word + 2, "=") != strlen(params->longs[index].name))
        return misread(params, '?', word);
    if (value->row->type == TRN_PARAM_BOOL)
        return assign(value, code >= LONG_CODE && code % 2 ? "false" : "true", BY_FLAG);
    if (optarg == next && strncmp(next, "--", 2) == 0)
        return trn_fail(TRN_USAGE,
                        "--%s: the value is missing before '%s'; if that is it, write "
                        "--%s=%s",
                        name, next, name, next);
    if (value->row->type == TRN_PARAM_LIST) return append_flag(value, optarg);
    return assign(value, optarg, BY_FLAG);
}

static trn_status_t parse_flags(trn_params_t *params, int argc, char **argv, int *nfiles) {
    value_t *list = NULL; /* takes the words up to the next option */
    opterr = 0;
    optind = 0; /* glibc: start anew */
    for (;;) {
        int at = optind ? optind : 1, index = -1;
        optopt = 0;
        int code = getopt_long(argc, argv, params->letters, params->longs, &index);
        if (code == -1) break;
        if (code == 1 && list) {
            TRN_TRY(append_flag(list, optarg));
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
    TRN_TRY(trn_realloc(&params->arguments, argc + 2, sizeof *argv, "arguments"));
    params->arguments[0] = program;
    memcpy(params->arguments + 1, argv, (size_t)argc * sizeof *argv);
    params->arguments[argc + 1] = NULL;
    TRN_TRY(parse_flags(params, argc + 1, params->arguments, nfiles));
    *files = params->arguments;
    const value_t *config = find(params, "config");
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

static trn_status_t read_line(trn_params_t *params, char *line) {
    char *name = trim(line);
    if (*name == '\0') return TRN_OK;
    char *equals = strchr(name, '=');
    if (!equals) return trn_fail(TRN_USAGE, "--%.64s: no '='; write name = value", name);
    *equals = '\0';
    name = trim(name);
    value_t *value = find(params, name);
    if (!value) return unknown(params, name);
    if (strcmp(name, "config") == 0)
        return trn_fail(TRN_USAGE, "--config: a config file cannot name another; copy its lines");
    return value->origin == BY_FLAG ? TRN_OK : assign(value, trim(equals + 1), BY_TEXT);
}

trn_status_t trn_params_read(trn_params_t *params, const char *path) {
    FILE *file = fopen(path, "r");
    if (!file)
        return trn_fail(TRN_INPUT, "%s: cannot open: %s; check --config", path, strerror(errno));
    char line[LINE_BYTES];
    trn_status_t status = TRN_OK;
    for (int number = 1; status == TRN_OK && fgets(line, sizeof line, file); number++) {
        if (!strchr(line, '\n') && !feof(file))
            status = trn_fail(TRN_INPUT, "%s:%d: longer than %d bytes; is this a config file?",
                              path, number, LINE_BYTES - 2);
        else
            status = read_line(params, line);
        if (status == TRN_USAGE) /* its messages start with the two dashes of a flag */
            status = trn_fail(TRN_INPUT, "%s:%d: %s", path, number, trn_message() + 2);
    }
    if (status == TRN_OK && ferror(file))
        status = trn_fail(TRN_INPUT, "%s: cannot read: %s; check --config", path, strerror(errno));
    fclose(file);
    return status;
}

trn_status_t trn_params_set(trn_params_t *params, const char *name, const char *text) {
    value_t *value = find(params, name);
    return value ? assign(value, text, BY_TEXT) : unknown(params, name);
}

/* Values -------------------------------------------------------------------------------------- */

/* The value of that name if its type is one of two; a zero one stands in for programmers' slips. */
static const value_t *get(const trn_params_t *params, const char *name, trn_param_type_t type,
                          trn_param_type_t other) {
    static const value_t nothing;
    const value_t *value = find(params, name);
    bool found = value && (value->row->type == type || value->row->type == other);
    assert(found);
    return found ? value : &nothing;
}

bool trn_params_given(const trn_params_t *params, const char *name) {
    const value_t *value = find(params, name);
    assert(value);
    return value && value->origin != BY_DEFAULT;
}

bool trn_params_bool(const trn_params_t *params, const char *name) {
    return get(params, name, TRN_PARAM_BOOL, TRN_PARAM_BOOL)->integer != 0;
}

int64_t trn_params_int(const trn_params_t *params, const char *name) {
    return get(params, name, TRN_PARAM_INT, TRN_PARAM_INT)->integer;
}

double trn_params_real(const trn_params_t *params, const char *name) {
    return get(params, name, TRN_PARAM_REAL, TRN_PARAM_REAL)->real;
}

int64_t trn_params_size(const trn_params_t *params, const char *name) {
    return get(params, name, TRN_PARAM_SIZE, TRN_PARAM_SIZE)->integer;
}

const char *trn_params_text(const trn_params_t *params, const char *name) {
    return get(params, name, TRN_PARAM_TEXT, TRN_PARAM_CHOICE)->text;
}

int trn_params_list(const trn_params_t *params, const char *name, char *const **words) {
    const value_t *value = get(params, name, TRN_PARAM_LIST, TRN_PARAM_LIST);
    *words = value->words;
    return value->nwords;
}

static json_t *json_of(const value_t *value) {
    if (value->none) return json_null();
    switch (value->row->type) {
    case TRN_PARAM_BOOL:
        return json_boolean(value->integer);
    case TRN_PARAM_INT:
    case TRN_PARAM_SIZE:
        return json_integer(value->integer);
    case TRN_PARAM_REAL:
        return json_real(value->real);
    case TRN_PARAM_TEXT:
    case TRN_PARAM_CHOICE:
        return trn_json_text(value->text);
    case TRN_PARAM_LIST:
        break;
    }
    json_t *words = json_array();
    for (int i = 0; words && i < value->nwords; i++)
        if (json_array_append_new(words, trn_json_text(value->words[i])) != 0) {
            json_decref(words);
            return NULL;
        }
    return words;
}

json_t *trn_params_json(const trn_params_t *params) {
    json_t *all = json_object();
    for (int i = 0; all && i < params->count; i++)
        if (json_object_set_new(all, params->values[i].row->name, json_of(&params->values[i]))) {
            json_decref(all);
            return NULL;
        }
    return all;
}
