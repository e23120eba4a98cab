/* settings.h: what a trainer's state depends on, as a table: one row a setting.
 *
 * A checkpoint holds the settings it was made with as a text, "dim=200 rate=0.10000000000000001
 * ..."; a resume holds its own against it and names those that differ. Rows point into a struct of
 * the trainer's by offset, so that the same rows also fill it from options (cli/param_fill.h). */
#ifndef TRN_ALGO_COMMON_SETTINGS_H
#define TRN_ALGO_COMMON_SETTINGS_H

#include "base/status.h"

#include <stddef.h>

typedef enum trn_setting_type {
    TRN_SETTING_INT,    /* int64_t */
    TRN_SETTING_SEED,   /* uint64_t */
    TRN_SETTING_HASH,   /* uint64_t, hexadecimal */
    TRN_SETTING_REAL,   /* double */
    TRN_SETTING_PAIR,   /* double[2] */
    TRN_SETTING_FLOAT,  /* float */
    TRN_SETTING_FLAG,   /* bool */
    TRN_SETTING_CHOICE, /* an enum from 0 on, named by `choices` */
    TRN_SETTING_LETTER, /* char */
    TRN_SETTING_TEXT,   /* const char *, without blanks; NULL is as "" */
    TRN_SETTING_REST    /* the same, and blanks are fine: the last row */
} trn_setting_type_t;

typedef struct trn_setting {
    const char *key;  /* in the text */
    const char *name; /* for people: the option, "--dim", a PAIR's two with a comma between; or what
                         else it is, "the graph's entities" */
    trn_setting_type_t type;
    size_t offset;       /* in the trainer's struct */
    const char *choices; /* "softmax|bce" */
    const char *absent;  /* value where the text lacks the key: it is left out where it has this
                            value; NULL: written always, and not compared where it is lacking */
} trn_setting_t;

/* Write the values of a table, which ends with {0}, into text[size]. Local. Fails with
 * TRN_INTERNAL if it is too short. */
trn_status_t trn_settings_text(const trn_setting_t *table, const void *values, char *text,
                               size_t size);

/* Hold the values against the text of the checkpoint `path`. Local. Fails with TRN_USAGE: every
 * setting that differs is named with both values, and so is one that the table lacks. */
trn_status_t trn_settings_check(const trn_setting_t *table, const void *values, const char *path,
                                const char *text);

#endif
