/* command.h: what a verb is. One file a verb: src/cmd/x.c defines trn_command_x, and
 * src/cmd/bench/x.c defines trn_bench_x for `trunnion bench x`; CMake generates the tables. */
#ifndef TRN_CLI_COMMAND_H
#define TRN_CLI_COMMAND_H

#include "base/status.h"
#include "cli/param/param.h"
#include "cli/steps.h"
#include "text/rules.h"

#include <jansson.h>
#include <mpi.h>

/* One run of a verb on one rank. */
struct trn_run {
    trn_params_t *params; /* the verb's own and the common parameters */
    int nfiles;
    char **files;        /* arguments that are no options */
    MPI_Comm comm;       /* MPI_Comm_split of the world with plain keys: safe for files */
    int rank, ranks;     /* of comm */
    int threads;         /* --threads, resolved: at least 1 */
    json_t *result;      /* object; rank 0 fills it and the program prints it to stdout */
    const char *command; /* the whole command line, for created_by */
    bool dry;            /* --dry-run */
};

/* Put figures into the result and free them; NULL, which is what jansson gives when memory runs
 * out, is a failure, too: TRN_MEMORY. Local. */
trn_status_t trn_run_note(trn_run_t *run, json_t *figures);

/* What an argument that is no option is. */
typedef struct trn_operand {
    const char *name; /* "CORPUS", for messages */
    trn_file_rule_t file;
} trn_operand_t;

/* A table of them, given row by row: TRN_OPERANDS(TRN_READS("IN"), TRN_WRITES("OUT")). */
#define TRN_READS(label)                                                                           \
    {                                                                                              \
        label, {                                                                                   \
            .use = TRN_FILE_READ                                                                   \
        }                                                                                          \
    }
#define TRN_WRITES(label)                                                                          \
    {                                                                                              \
        label, {                                                                                   \
            .use = TRN_FILE_WRITTEN                                                                \
        }                                                                                          \
    }
#define TRN_OPERANDS(...) ((const trn_operand_t[]){__VA_ARGS__, {0}})

typedef struct trn_command {
    const char *name;        /* "cooccur"; "bench swivel" for benchmarks */
    const char *summary;     /* one line for `trunnion list` */
    const char *files;       /* "CORPUS... -o X.h5", for the usage line */
    const char *description; /* a few sentences for help and man page; may hold newlines */
    int min_files, max_files;
    const trn_operand_t *operands; /* of the arguments in order, the last one of all that follow;
                                    * ends with a row whose name is NULL; NULL: none is a file */
    bool saves;                    /* its state, when a signal asks it to stop */
    bool blas;                     /* calls BLAS, whose memory is then looked for at the start */
    const trn_param_t *params;     /* ends with a row whose name is NULL */
    const char *one_of;            /* names of options, exactly one of which must be given */
    const char *some_of;           /* ... at least one of which must be given */
    /* Local, before MPI and before options are checked: presets. What it puts into `answer` is
     * printed, and nothing else done. */
    trn_status_t (*settle)(trn_params_t *params, json_t *answer);
    /* Two commands to learn it by, a line each: "what it does\ttrunnion ..."; tests/cli/examples.sh
     * runs them and brings the files that they name. */
    const char *examples;
    const trn_steps_t *steps; /* what it does; NULL: `run` */
    bool plans;               /* `run` knows of --ranks */
    /* Collective; returns the same status on every rank (agree first). */
    trn_status_t (*run)(trn_run_t *run);
} trn_command_t;

/* Rows of every trainer's table of parameters. */
/* clang-format off */
#define TRN_CHECKPOINT_PARAMS \
    {"checkpoint", 0, TRN_PARAM_TEXT, .metavar = "FILE", .group = "Checkpoints", \
     .file = {TRN_FILE_WRITTEN, .also = ".prev .damaged", .behind = ".checkpoint"}, \
     .help = "where the state is saved, with the one before as FILE.prev; default " \
             "OUTPUT.checkpoint, removed at the end"}, \
    {"checkpoint-every", 0, TRN_PARAM_REAL, "30", 0, 1e6, .metavar = "MIN", \
     .help = "minutes between checkpoints; 0: only when stopped"}, \
    {"save-behind", 0, TRN_PARAM_BOOL, "false", .needs = "checkpoint-every", \
     .help = "go on while a checkpoint is written, from a copy: takes the memory of the state " \
             "twice"}, \
    {"time-limit", 0, TRN_PARAM_TEXT, "auto", .metavar = "MIN", \
     .help = "minutes until the job is ended: early enough before it saves a checkpoint and ends " \
             "with exit code 85; auto: what Slurm says, none: no limit"}, \
    {"resume", 0, TRN_PARAM_CHOICE, "auto", .choices = "auto|never|must", \
     .help = "go on from the checkpoint: if there is one, never, or fail without one"}

/* Rows of every verb that reads words out of text: corpora, vectors, lists (text/rules.h). */
#define TRN_WORD_PARAMS \
    {"invalid-utf8", 0, TRN_PARAM_CHOICE, "refuse", .choices = TRN_INVALID_NAMES, \
     .help = "what to do with a word that is not valid UTF-8: refuse the file, put U+FFFD for what " \
             "is no character, or leave the word out; counted in the result"}, \
    {"long-words", 0, TRN_PARAM_CHOICE, "refuse", .choices = TRN_OVERLONG_NAMES, \
     .help = "the same for a word of more than 4096 bytes (in files of vectors 65536)"}, \
    {"repeated-words", 0, TRN_PARAM_CHOICE, "first", .choices = "first|refuse", \
     .help = "what to do with a word that is in a list or a file of vectors already: keep the first " \
             "and count the others in a warning, or refuse the file"}
/* clang-format on */

/* Generated by CMake; each ends with NULL. */
extern const trn_command_t *const trn_commands[];
extern const trn_command_t *const trn_benches[];

#endif
