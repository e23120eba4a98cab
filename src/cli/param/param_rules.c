/* param_rules.c: which options go with which: what their rows in the tables ask for, checked before
 * anything else is done. */
#include "cli/param/param_impl.h"

#include <stdlib.h>
#include <string.h>

enum { WORDS = 512 /* bytes of a list of options in a message */ };

/* Conditions --------------------------------------------------------------------------------- */

/* A piece of a table's text: bytes [at, at + length). */
typedef struct piece {
    const char *at;
    size_t length;
} piece_t;

/* The next piece of *rest before one of `parts`; false at the end. */
static bool next_piece(const char **rest, const char *parts, piece_t *piece) {
    *rest += strspn(*rest, parts);
    *piece = (piece_t){*rest, strcspn(*rest, parts)};
    *rest += piece->length;
    return piece->length > 0;
}

static const trn_value_t *value_named(const trn_params_t *params, piece_t name) {
    for (int i = 0; i < params->count; i++) {
        const char *own = params->values[i].row->name;
        if (strlen(own) == name.length && memcmp(own, name.at, name.length) == 0)
            return &params->values[i];
    }
    return NULL;
}

/* Whether a value does anything at all. */
static bool is_on(const trn_value_t *value) {
    switch (value->row->type) {
    case TRN_PARAM_BOOL:
    case TRN_PARAM_INT:
    case TRN_PARAM_SIZE:
        return value->integer != 0;
    case TRN_PARAM_REAL:
        return value->real != 0;
    case TRN_PARAM_LIST:
        return value->nwords > 0;
    case TRN_PARAM_TEXT:
    case TRN_PARAM_CHOICE:
        return value->text != NULL;
    }
    return false;
}

/* Whether a value is what `text` says; numbers are compared as such. */
static bool equals(const trn_value_t *value, piece_t text) {
    double number = value->row->type == TRN_PARAM_REAL ? value->real : (double)value->integer;
    if (value->text)
        return strlen(value->text) == text.length && memcmp(value->text, text.at, text.length) == 0;
    return !value->none && strtod(text.at, NULL) == number;
}

/* "loss=margin|bce", or a name alone. */
static bool alternative_holds(const trn_params_t *params, piece_t alternative) {
    const char *equal = memchr(alternative.at, '=', alternative.length);
    size_t length = equal ? (size_t)(equal - alternative.at) : alternative.length;
    const trn_value_t *value = value_named(params, (piece_t){alternative.at, length});
    if (!value) return false; /* trn_params_sound has seen to it */
    if (!equal) return is_on(value);
    piece_t left = {equal + 1, alternative.length - length - 1};
    while (left.length > 0) {
        const char *bar = memchr(left.at, '|', left.length);
        size_t span = bar ? (size_t)(bar - left.at) : left.length;
        if (equals(value, (piece_t){left.at, span})) return true;
        left.at += span + (bar != NULL);
        left.length -= span + (bar != NULL);
    }
    return false;
}

/* One of the alternatives between commas. */
static bool term_holds(const trn_params_t *params, piece_t term) {
    for (size_t start = 0; start <= term.length;) {
        const char *from = term.at + start, *comma = memchr(from, ',', term.length - start);
        size_t span = comma ? (size_t)(comma - from) : term.length - start;
        if (alternative_holds(params, (piece_t){from, span})) return true;
        start += span + 1;
    }
    return false;
}

/* "pmi,loss=margin|bce" as "--pmi or --loss margin|bce". */
static void spell(piece_t term, char text[WORDS]) {
    size_t used = (size_t)snprintf(text, WORDS, "--");
    for (size_t i = 0; i < term.length && used + 8 < WORDS; i++) {
        if (term.at[i] == ',')
            used += (size_t)snprintf(text + used, WORDS - used, " or --");
        else
            text[used++] = term.at[i] == '=' ? ' ' : term.at[i];
        text[used] = '\0';
    }
}

/* The first name in a condition or list of names that no parameter has. */
static bool stranger(const trn_params_t *params, const char *text, piece_t *name) {
    const char *rest = text ? text : "";
    while (next_piece(&rest, " ,", name)) {
        const char *equal = memchr(name->at, '=', name->length);
        if (equal) name->length = (size_t)(equal - name->at);
        if (!value_named(params, *name)) return true;
    }
    return false;
}

trn_status_t trn_params_sound(const trn_params_t *params) {
    for (int i = 0; i < params->count; i++) {
        const trn_param_t *row = params->values[i].row;
        piece_t name;
        if (stranger(params, row->needs, &name) || stranger(params, row->excludes, &name))
            return trn_fail(TRN_INTERNAL, "--%s: its row speaks of --%.*s, which there is not",
                            row->name, (int)name.length, name.at);
    }
    return TRN_OK;
}

/* Rows ---------------------------------------------------------------------------------------- */

static trn_status_t missing(const trn_param_t *row) {
    const char *what = row->metavar ? row->metavar : "VALUE";
    if (row->letter)
        return trn_fail(TRN_USAGE, "--%s: missing; give -%c %s", row->name, row->letter, what);
    return trn_fail(TRN_USAGE, "--%s: missing; give --%s %s", row->name, row->name, what);
}

static trn_status_t check_required(const trn_params_t *params, const trn_value_t *value) {
    const trn_value_t *dry = trn_value_find(params, "dry-run");
    bool written = value->row->file.use == TRN_FILE_WRITTEN;
    if (is_on(value) || (written && dry && is_on(dry))) return TRN_OK;
    return missing(value->row);
}

static trn_status_t check_needs(const trn_params_t *params, const trn_value_t *value) {
    const char *rest = value->row->needs;
    piece_t term;
    while (next_piece(&rest, " ", &term)) {
        char wanted[WORDS];
        if (term_holds(params, term)) continue;
        spell(term, wanted);
        return trn_fail(TRN_USAGE, "--%s: has no effect without %s; give that too, or leave it out",
                        value->row->name, wanted);
    }
    return TRN_OK;
}

static bool is_given(const trn_value_t *value) {
    return value->origin > TRN_BY_PRESET && is_on(value);
}

static trn_status_t check_excludes(const trn_params_t *params, const trn_value_t *value) {
    const char *rest = value->row->excludes;
    piece_t name;
    while (next_piece(&rest, " ", &name)) {
        const trn_value_t *other = value_named(params, name);
        if (!other || !is_given(other)) continue;
        return trn_fail(TRN_USAGE, "--%s: give either this or --%s", value->row->name,
                        other->row->name);
    }
    return TRN_OK;
}

/* What a preset says and does nothing with what the user says falls away. One that does may have
 * made another do something. */
static trn_status_t drop_suggestions(trn_params_t *params) {
    for (bool again = true; again;) {
        again = false;
        for (int i = 0; i < params->count; i++) {
            trn_value_t *value = &params->values[i];
            if (value->origin != TRN_BY_PRESET || !value->row->needs || !value->row->fallback ||
                check_needs(params, value) == TRN_OK)
                continue;
            TRN_TRY(trn_value_assign(value, value->row->fallback, TRN_BY_DEFAULT));
            again = true;
        }
    }
    return TRN_OK;
}

trn_status_t trn_params_check(trn_params_t *params) {
    TRN_TRY(drop_suggestions(params));
    for (int i = 0; i < params->count; i++) {
        const trn_value_t *value = &params->values[i];
        if (value->row->required) TRN_TRY(check_required(params, value));
        if (!is_given(value)) continue;
        if (value->row->excludes) TRN_TRY(check_excludes(params, value));
        if (value->row->needs) TRN_TRY(check_needs(params, value));
    }
    return TRN_OK;
}

trn_status_t trn_params_one_of(const trn_params_t *params, const char *names, bool more) {
    char list[WORDS] = "", chosen[WORDS] = "";
    const char *rest = names;
    int count = 0;
    piece_t name;
    while (next_piece(&rest, " ", &name)) {
        const trn_value_t *value = value_named(params, name);
        size_t used = strlen(list), told = strlen(chosen);
        snprintf(list + used, WORDS - used, " --%.*s", (int)name.length, name.at);
        /* A number may well be given as 0: it says what is to be done, not how much. */
        bool given = value && value->origin > TRN_BY_PRESET &&
                     (value->row->type != TRN_PARAM_BOOL || is_on(value));
        if (!given) continue;
        count++;
        snprintf(chosen + told, WORDS - told, " --%.*s", (int)name.length, name.at);
    }
    if (count == 1 || (more && count > 0)) return TRN_OK;
    if (count == 0) return trn_fail(TRN_USAGE, "give %s of%s", more ? "some" : "one", list);
    return trn_fail(TRN_USAGE, "%s: only one of%s may be given", chosen + 1, list);
}

trn_status_t trn_params_idle(const trn_params_t *params, const char *names, const char *where) {
    const char *rest = names;
    piece_t name;
    while (next_piece(&rest, " ", &name)) {
        const trn_value_t *value = value_named(params, name);
        if (value && is_given(value))
            return trn_fail(TRN_USAGE, "--%s: has no effect %s; leave it out", value->row->name,
                            where);
    }
    return TRN_OK;
}
