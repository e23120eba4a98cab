/* param.c: values of parameters: from text, by name, as JSON. */
#define _GNU_SOURCE
#include "cli/param/param_impl.h"

#include "base/emit.h"
#include "base/mem.h"
#include "base/nearest.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

trn_value_t *trn_value_find(const trn_params_t *params, const char *name) {
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

static void clear_words(trn_value_t *value) {
    for (int i = 0; i < value->nwords; i++)
        trn_free(&value->words[i]);
    trn_free(&value->words);
    value->nwords = 0;
}

static trn_status_t append_word(trn_value_t *value, const char *word) {
    TRN_TRY(trn_realloc(&value->words, value->nwords + 1, sizeof *value->words, "a list"));
    value->words[value->nwords] = NULL;
    TRN_TRY(trn_strdup(&value->words[value->nwords], word));
    value->nwords++;
    return TRN_OK;
}

trn_status_t trn_value_extend(trn_value_t *value, const char *text) {
    char *copy, *state = NULL;
    TRN_TRY(trn_strdup(&copy, text));
    trn_status_t status = TRN_OK;
    for (char *word = strtok_r(copy, " \t", &state); word; word = strtok_r(NULL, " \t", &state))
        if (status == TRN_OK) status = append_word(value, word);
    trn_free(&copy);
    return status;
}

static trn_status_t set_text(trn_value_t *value, const char *text) {
    char *copy;
    TRN_TRY(trn_strdup(&copy, text));
    trn_free(&value->text);
    value->text = copy;
    return TRN_OK;
}

trn_status_t trn_value_assign(trn_value_t *value, const char *text, trn_origin_t origin) {
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
    if (row->type == TRN_PARAM_LIST) {
        clear_words(value);
        TRN_TRY(trn_value_extend(value, text));
    }
    value->integer = integer;
    value->real = real;
    value->origin = origin;
    value->none = false;
    return TRN_OK;
}

trn_status_t trn_value_append(trn_value_t *value, const char *word) {
    if (value->origin != TRN_BY_FLAG) clear_words(value);
    value->origin = TRN_BY_FLAG;
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
    trn_value_t *value = &params->values[params->count++];
    *value = (trn_value_t){.row = row, .none = true};
    if (!row->fallback) return TRN_OK;
    trn_status_t status = trn_value_assign(value, row->fallback, TRN_BY_DEFAULT);
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
        int takes = flag ? no_argument : required_argument, code = TRN_LONG_CODE + 2 * i;
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
    TRN_OR(out, trn_params_sound(made));
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
        trn_free(&old->values[i].redirected);
        if (old->negations) trn_free(&old->negations[i]);
    }
    trn_free(&old->values);
    trn_free(&old->longs);
    trn_free(&old->negations);
    trn_free(&old->letters);
    trn_free(&old->arguments);
    trn_free(params);
}

trn_status_t trn_params_set(trn_params_t *params, const char *name, const char *text) {
    trn_value_t *value = trn_value_find(params, name);
    return value ? trn_value_assign(value, text, TRN_BY_TEXT) : trn_params_unknown(params, name);
}

trn_status_t trn_params_suggest(trn_params_t *params, const char *name, const char *text) {
    trn_value_t *value = trn_value_find(params, name);
    if (!value) return trn_params_unknown(params, name);
    if (value->origin > TRN_BY_PRESET) return TRN_OK;
    return trn_value_assign(value, text, TRN_BY_PRESET);
}

trn_status_t trn_params_redirect(trn_params_t *params, const char *name, const char *path) {
    char *copy;
    trn_value_t *value = trn_value_find(params, name);
    assert(value && value->row->type == TRN_PARAM_TEXT);
    TRN_TRY(trn_strdup(&copy, path));
    trn_free(&value->redirected);
    value->redirected = copy;
    return TRN_OK;
}

/* Values -------------------------------------------------------------------------------------- */

/* The value of that name if its type is one of two; a zero one stands in for programmers' slips. */
static const trn_value_t *get(const trn_params_t *params, const char *name, trn_param_type_t type,
                              trn_param_type_t other) {
    static const trn_value_t nothing;
    const trn_value_t *value = trn_value_find(params, name);
    bool found = value && (value->row->type == type || value->row->type == other);
    assert(found);
    return found ? value : &nothing;
}

bool trn_params_given(const trn_params_t *params, const char *name) {
    const trn_value_t *value = trn_value_find(params, name);
    assert(value);
    return value && value->origin > TRN_BY_PRESET;
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
    const trn_value_t *value = get(params, name, TRN_PARAM_TEXT, TRN_PARAM_CHOICE);
    return value->redirected ? value->redirected : value->text;
}

int trn_params_list(const trn_params_t *params, const char *name, char *const **words) {
    const trn_value_t *value = get(params, name, TRN_PARAM_LIST, TRN_PARAM_LIST);
    *words = value->words;
    return value->nwords;
}

trn_status_t trn_params_files(const trn_params_t *params,
                              trn_status_t (*see)(void *data, const trn_param_t *row,
                                                  const char *file),
                              void *data) {
    for (int i = 0; i < params->count; i++) {
        const trn_value_t *value = &params->values[i];
        const trn_param_t *row = value->row;
        if (row->file.use == TRN_FILE_NONE) continue;
        if (row->type == TRN_PARAM_TEXT && trn_params_text(params, row->name))
            TRN_TRY(see(data, row, trn_params_text(params, row->name)));
        for (int w = 0; w < value->nwords; w++)
            TRN_TRY(see(data, row, value->words[w]));
    }
    return TRN_OK;
}

static json_t *json_of(const trn_value_t *value) {
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
