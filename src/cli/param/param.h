/* param.h: typed parameters: one table serves flags, config file, --help, man page, completion,
 * JSON and the record in every output file. */
#ifndef TRN_CLI_PARAM_H
#define TRN_CLI_PARAM_H

#include "base/status.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef enum trn_param_type {
    TRN_PARAM_BOOL,   /* --flag, --no-flag; in a config file true/false */
    TRN_PARAM_INT,    /* int64 within [low, high] */
    TRN_PARAM_REAL,   /* double within [low, high] */
    TRN_PARAM_SIZE,   /* bytes: 512, 64K, 200M, 4G, 1T (powers of 1024) */
    TRN_PARAM_TEXT,   /* any string; a default of NULL means "not given" */
    TRN_PARAM_CHOICE, /* one of `choices`, "a|b|c" */
    TRN_PARAM_LIST    /* one or more words: --name A B C, or repeated */
} trn_param_type_t;

/* What a file that an option or argument names is to the program. */
typedef enum trn_file_use {
    TRN_FILE_NONE,     /* it names no file */
    TRN_FILE_READ,     /* or a directory out of which is read */
    TRN_FILE_WRITTEN,  /* as a whole: what it held before is gone */
    TRN_FILE_APPENDED, /* grows */
    TRN_FILE_EITHER,   /* read or written, as other arguments decide */
    TRN_FILE_FOLDER    /* a directory, in which the files of `also` are written */
} trn_file_use_t;

typedef struct trn_file_rule {
    trn_file_use_t use;
    const char *endings; /* of a written file: those that fit its content, ".h5 .hdf5"; NULL: the
                          * verb sees to that */
    const char *also;    /* used in the same way: the name with each of these behind, ".prev" */
    const char *behind;  /* an option that is not given means --output with this behind */
    const char *words;   /* values that name no file, "self" */
    bool folder;         /* WRITTEN: may be a directory that is there; the verb sees to its files */
} trn_file_rule_t;

/* A store that is written; .prev is the one before. */
#define TRN_STORE_WRITTEN                                                                          \
    { TRN_FILE_WRITTEN, .endings = ".h5 .hdf5", .also = ".prev" }

/* One row of a parameter table; tables end with a row whose name is NULL. The first six fields are
 * given by place, the others by name: {"dim", 0, TRN_PARAM_INT, "128", 1, 65536, .help = "..."}.
 *
 * A condition is a list of terms between blanks, all of which must hold; a term is a list of
 * alternatives between commas, one of which must: "valid-every" (is on: a flag set, a number that
 * is not 0, a text or list that there is), or "loss=margin|bce" (has one of these values). */
typedef struct trn_param {
    const char *name; /* "min-count": the long option, config key and JSON key */
    char letter;      /* short option, or 0 */
    trn_param_type_t type;
    const char *fallback; /* default as the user would type it; NULL: none */
    double low, high;     /* bounds for INT, REAL and SIZE, both inclusive; used if low < high;
                           * INFINITY leaves a side open */
    const char *choices;  /* for CHOICE */
    const char *metavar;  /* "FILE", "MIN"; NULL: from the type */
    const char *help;     /* one or two sentences, lower case start, no full stop at the end */
    trn_file_rule_t file;
    bool required;        /* must be given; a file to be written not for --dry-run */
    const char *needs;    /* condition without which it has no effect, so that it is refused */
    const char *group;    /* heading in help of this row and those that follow; NULL: as before */
    const char *excludes; /* names between blanks: options that must not be given beside it */
} trn_param_t;

/* Values of several tables (a verb's own and the common ones) after parsing. Opaque. */
typedef struct trn_params trn_params_t;

/* Create values holding every default of `ntables` tables (borrowed, they must outlive the
 * values). Fails with TRN_MEMORY, TRN_INTERNAL (a name twice, a bad default). Local. */
trn_status_t trn_params_create(trn_params_t **params, const trn_param_t *const *tables,
                               int ntables);

/* Free the values and set the pointer to NULL. Local. */
void trn_params_destroy(trn_params_t **params);

/* Parse argv[0..argc), all of them arguments: options anywhere, "--" ends them; what is no option
 * is appended to `files` (pointers into argv; the array belongs to `params`). A LIST option takes
 * the words that follow it up to the next option, and as often as it comes; any other may come
 * once. Names must be written out. If there is a parameter `config`, its file is read after the
 * flags, which win over it. Fails with TRN_USAGE (unknown name with the nearest one suggested,
 * given twice, missing or bad value with its bounds; depends on argv alone), TRN_INPUT (config
 * file, as FILE:LINE), TRN_MEMORY. Local; getopt_long's globals make it unsafe beside other
 * threads. */
trn_status_t trn_params_parse(trn_params_t *params, int argc, char **argv, int *nfiles,
                              char ***files);

/* Read "name = value" lines (a word that starts with # starts a comment; a LIST may have several
 * lines) into the values that no flag has set. Fails with TRN_INPUT, TRN_MEMORY. Local. */
trn_status_t trn_params_read(trn_params_t *params, const char *path);

/* Set one parameter from text, whatever it was; a LIST is split at blanks. Fails with TRN_USAGE,
 * TRN_MEMORY. Local. */
trn_status_t trn_params_set(trn_params_t *params, const char *name, const char *text);

/* Set it as a preset does: only if the user has not, and it does not count as given. Fails with
 * TRN_USAGE, TRN_MEMORY. Local. */
trn_status_t trn_params_suggest(trn_params_t *params, const char *name, const char *text);

/* Let trn_params_text say `path` (copied) for a TEXT: the file that a link leads to, or a name made
 * of another. trn_params_json still has what was given. Fails with TRN_MEMORY. Local. */
trn_status_t trn_params_redirect(trn_params_t *params, const char *name, const char *path);

/* That what is required is there, that nothing was given which has no effect with the rest (a 0 or
 * a flag that is off is no matter), and nothing that excludes another. What was only suggested and
 * has no effect goes back to its default. Fails with TRN_USAGE, TRN_MEMORY. Local. */
trn_status_t trn_params_check(trn_params_t *params);

/* That exactly one of the options in `names` (between blanks) is given, or, with `more`, at least
 * one. Fails with TRN_USAGE. Local. */
trn_status_t trn_params_one_of(const trn_params_t *params, const char *names, bool more);

/* That the user gave none of the options in `names` (between blanks), which have no effect `where`
 * ("on a matrix"), as only the inputs tell. Fails with TRN_USAGE. Local. */
trn_status_t trn_params_idle(const trn_params_t *params, const char *names, const char *where);

/* True when the user gave the value (flag or config file) rather than a preset or the default.
 * Local. */
bool trn_params_given(const trn_params_t *params, const char *name);

/* Values by name; asking for an unknown name or another type is a bug and yields 0/NULL with an
 * assertion in debug builds. Strings are borrowed from `params`. Local. */
bool trn_params_bool(const trn_params_t *params, const char *name);
int64_t trn_params_int(const trn_params_t *params, const char *name);
double trn_params_real(const trn_params_t *params, const char *name);
int64_t trn_params_size(const trn_params_t *params, const char *name);
const char *trn_params_text(const trn_params_t *params, const char *name); /* TEXT and CHOICE */
int trn_params_list(const trn_params_t *params, const char *name, char *const **words);

/* The place of a CHOICE's value among its choices, from 0: an enum in their order. Local. */
int trn_params_choice(const trn_params_t *params, const char *name);

/* Numbers that a TEXT holds, "10,50,90". */
typedef struct trn_numbers_rule {
    int most;
    double low, high; /* both inclusive */
    bool whole;
    const char *such_as; /* an example, for the message */
} trn_numbers_rule_t;

/* values[*count] = the numbers of the TEXT `name`, between commas; values has room for rule->most.
 * Fails with TRN_USAGE (another number of them, out of bounds, no number). Local. */
trn_status_t trn_params_numbers(const trn_params_t *params, const char *name,
                                const trn_numbers_rule_t *rule, double *values, int *count);

/* *value = the INT `name`, which may not exceed `most`, of things that there are, as `has` says in
 * words ("a.npy is 5 x 3"): a default shrinks to `most` with a line in the log, what the user gave
 * is refused. Fails with TRN_USAGE. Local. */
trn_status_t trn_params_at_most(const trn_params_t *params, const char *name, int64_t most,
                                const char *has, int64_t *value);

/* Call see(data, row, file) for every file that the values name, a LIST's words one by one; stops
 * at the first failure and returns it. Local. */
trn_status_t trn_params_files(const trn_params_t *params,
                              trn_status_t (*see)(void *data, const trn_param_t *row,
                                                  const char *file),
                              void *data);

/* The same of `there` things called `noun` in the file `path`, of which at most `most`, at least 1,
 * can be asked for. Local. */
trn_status_t trn_params_of_those(const trn_params_t *params, const char *name, int64_t most,
                                 const char *path, int64_t there, const char *noun, int64_t *value);

/* All values as a JSON object in table order, owned by the caller (NULL when out of memory); what
 * has no value is null. Local. */
json_t *trn_params_json(const trn_params_t *params);

/* What a parameter takes, in words ("an integer from 1 to 10"), into text[size]. Local. */
void trn_param_expects(const trn_param_t *row, char *text, size_t size);

/* "read", "written", "appended", "either", "folder", or "-". Local. */
const char *trn_file_use_name(trn_file_use_t use);

/* Option lines of one table for --help, for a man page (troff), and the option words for
 * completion, one per line (--no-x only where x is on by default). Local. */
void trn_params_help(const trn_param_t *table, FILE *to);
void trn_params_man(const trn_param_t *table, FILE *to);
void trn_params_words(const trn_param_t *table, FILE *to);

/* Print `text` and a newline, broken at blanks to 79 columns: `column` of the present line are
 * taken already, every line starts at `indent`. Local. */
void trn_text_wrap(FILE *to, const char *text, int column, int indent);

/* Text for a man page, in which troff sees nothing to obey or to embellish. Local. */
void trn_man_text(FILE *to, const char *text);

#endif
