/* param_values.c: values that verbs read further: a choice as a number, numbers between commas. */
#include "cli/param/param_impl.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int trn_params_choice(const trn_params_t *params, const char *name) {
    const char *text = trn_params_text(params, name);
    size_t length = strlen(text);
    int place = 0;
    for (const char *at = trn_value_find(params, name)->row->choices; *at; place++) {
        size_t word = strcspn(at, "|");
        if (word == length && strncmp(at, text, word) == 0) return place;
        at += word + (at[word] == '|');
    }
    assert(false);
    return 0;
}

trn_status_t trn_params_numbers(const trn_params_t *params, const char *name,
                                const trn_numbers_rule_t *rule, double *values, int *count) {
    const char *text = trn_params_text(params, name), *at = text;
    for (*count = 0; *count < rule->most; at++) {
        char *end;
        double value = strtod(at, &end);
        bool good = end != at && (*end == ',' || *end == '\0') && value >= rule->low &&
                    value <= rule->high && (!rule->whole || value == floor(value));
        if (!good) break;
        values[(*count)++] = value;
        if (*end == '\0') return TRN_OK;
        at = end;
    }
    return trn_fail(
        TRN_USAGE, "--%s %s: write %snumbers from %g to %g between commas, at most %d: %s", name,
        text, rule->whole ? "whole " : "", rule->low, rule->high, rule->most, rule->such_as);
}
