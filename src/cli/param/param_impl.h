/* param_impl.h: what param.c (values), param_parse.c (flags and config files) and param_rules.c
 * (what goes with what) know of each other. */
#ifndef TRN_CLI_PARAM_IMPL_H
#define TRN_CLI_PARAM_IMPL_H

#include "cli/param/param.h"

#include <getopt.h>

/* Who gave the present value; a higher one wins. */
typedef enum trn_origin { TRN_BY_DEFAULT, TRN_BY_PRESET, TRN_BY_TEXT, TRN_BY_FLAG } trn_origin_t;

typedef struct trn_value {
    const trn_param_t *row;
    trn_origin_t origin;
    bool none;        /* no default and nothing given */
    int64_t integer;  /* BOOL, INT, SIZE */
    double real;      /* REAL */
    char *text;       /* TEXT, CHOICE */
    char *redirected; /* TEXT: what trn_params_text says instead; NULL: `text` */
    char **words;     /* LIST: words[nwords], each owned */
    int nwords;
    const char *typed; /* by the flag that set it, borrowed from argv while that is parsed */
    int line;          /* of the config file being read that set it; 0: none */
} trn_value_t;

struct trn_params {
    trn_value_t *values; /* [count], in table order */
    int count;
    struct option *longs; /* for getopt_long: value i has code TRN_LONG_CODE + 2i, its --no- form
                           * one more */
    char **negations;     /* [count]: "no-NAME" of a BOOL, else NULL */
    char *letters;        /* for getopt_long */
    char **arguments;     /* copy of argv for getopt; becomes the list of files */
};

enum { TRN_LONG_CODE = 256 /* getopt codes from here on are long options */ };

/* The value of that name, or NULL. Local. */
trn_value_t *trn_value_find(const trn_params_t *params, const char *name);

/* Set a value from text; a refused text leaves it as it was. Fails with TRN_USAGE, TRN_MEMORY.
 * Local. */
trn_status_t trn_value_assign(trn_value_t *value, const char *text, trn_origin_t origin);

/* One more word of a LIST; the first by a flag drops what was there before. Fails with TRN_MEMORY.
 * Local. */
trn_status_t trn_value_append(trn_value_t *value, const char *word);

/* More words of a LIST, between blanks. Fails with TRN_MEMORY. Local. */
trn_status_t trn_value_extend(trn_value_t *value, const char *text);

/* That rows speak of each other by names that there are. Fails with TRN_INTERNAL. Local. */
trn_status_t trn_params_sound(const trn_params_t *params);

/* TRN_USAGE: no such option, with the nearest one. Local. */
trn_status_t trn_params_unknown(const trn_params_t *params, const char *name);

#endif
