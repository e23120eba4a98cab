/* param_fill.c: one table of settings gives the text in checkpoints, the names of what differs,
 * and, here, the trainer's struct. */
#include "cli/param_fill.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Place of `text` among choices "a|b|c"; 0 if it is none of them. */
static int place_of(const char *choices, const char *text) {
    size_t length = strlen(text);
    int place = 0;
    for (const char *at = choices; at && *at; place++) {
        size_t bytes = strcspn(at, "|");
        if (bytes == length && memcmp(at, text, length) == 0) return place;
        at += bytes + (at[bytes] == '|');
    }
    return 0;
}

/* The options "--a,--b" of a pair. */
static void fill_pair(const trn_params_t *params, const char *name, double *pair) {
    char option[64];
    size_t first = strcspn(name, ",");
    memcpy(option, name + 2, first - 2);
    option[first - 2] = '\0';
    pair[0] = trn_params_real(params, option);
    pair[1] = trn_params_real(params, name + first + 3);
}

static void fill_row(const trn_params_t *params, const trn_setting_t *row, void *at) {
    const char *name = row->name + 2;
    switch (row->type) {
    case TRN_SETTING_INT:
        *(int64_t *)at = trn_params_int(params, name);
        break;
    case TRN_SETTING_SEED:
        *(uint64_t *)at = (uint64_t)trn_params_int(params, name);
        break;
    case TRN_SETTING_REAL:
        *(double *)at = trn_params_real(params, name);
        break;
    case TRN_SETTING_PAIR:
        fill_pair(params, row->name, at);
        break;
    case TRN_SETTING_FLOAT:
        *(float *)at = (float)trn_params_real(params, name);
        break;
    case TRN_SETTING_FLAG:
        *(bool *)at = trn_params_bool(params, name);
        break;
    case TRN_SETTING_CHOICE:
        *(int *)at = place_of(row->choices, trn_params_text(params, name));
        break;
    case TRN_SETTING_LETTER:
        *(char *)at = *trn_params_text(params, name);
        break;
    case TRN_SETTING_TEXT:
    case TRN_SETTING_REST:
        *(const char **)at = trn_params_text(params, name);
        break;
    case TRN_SETTING_HASH:
        break; /* no option has one */
    }
}

void trn_params_fill(const trn_params_t *params, const trn_setting_t *table, void *values) {
    for (const trn_setting_t *row = table; row->key; row++)
        if (strncmp(row->name, "--", 2) == 0 && !strchr(row->name, ' '))
            fill_row(params, row, (char *)values + row->offset);
}
