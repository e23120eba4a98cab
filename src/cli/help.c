#include "cli/help.h"

#include "cli/job.h"
#include "cli/verbs.h"
#include "io/formats/format.h"
#include "version.h"

#include <errno.h>
#include <string.h>

const trn_exit_code_t trn_exit_codes[] = {
    {TRN_OK, "all is well"},
    {TRN_USAGE, "wrong option, value or combination"},
    {TRN_INPUT, "an input file is missing or its content is bad"},
    {TRN_MEMORY, "not enough memory, or more than --memory allows"},
    {TRN_IO, "reading or writing failed: disk full, permission"},
    {TRN_NUMERIC, "NaN, infinity or divergence; a benchmark's result is wrong"},
    {TRN_MPI, "the message layer failed"},
    {TRN_INTERNAL, "a bug of ours, or no progress for --hang-timeout"},
    {TRN_STOPPED, "stopped by a signal or time limit with a good checkpoint: run it again"},
    {0}};

static const char usage[] = "usage: trunnion VERB [options] FILES\n"
                            "       mpirun -n RANKS trunnion VERB [options] FILES\n";

/* Lists and help ------------------------------------------------------------------------------ */

static void list(FILE *to, const trn_command_t *const *table, bool names_only) {
    for (; *table; table++)
        if (names_only)
            fprintf(to, "%s\n", (*table)->name);
        else
            fprintf(to, "  %-16s  %s\n", (*table)->name, (*table)->summary);
}

static void list_all(FILE *to, bool names_only) {
    list(to, trn_commands, names_only);
    list(to, trn_benches, names_only);
}

/* The tables for programs, tests among them: VERB, --OPTION or the number of an argument (the last
 * stands for all that follow), type, what the file is to it, a value that it takes, its letter. */
static void put_row(FILE *to, const char *verb, const trn_param_t *row) {
    static const char *const types[] = {
        [TRN_PARAM_BOOL] = "bool", [TRN_PARAM_INT] = "int",   [TRN_PARAM_REAL] = "real",
        [TRN_PARAM_SIZE] = "size", [TRN_PARAM_TEXT] = "text", [TRN_PARAM_CHOICE] = "choice",
        [TRN_PARAM_LIST] = "list"};
    const char *sample = row->fallback ? row->fallback : row->choices ? row->choices : "1";
    fprintf(to, "%s\t--%s\t%s\t%s\t%.*s\t-%c\n", verb, row->name, types[row->type],
            trn_file_use_name(row->file.use), (int)strcspn(sample, "|"), sample,
            row->letter ? row->letter : '-');
}

static void put_tables(FILE *to, const trn_command_t *const *table) {
    for (; *table; table++) {
        const trn_operand_t *operand = (*table)->operands;
        for (int i = 1; operand && operand->name; operand++, i++)
            fprintf(to, "%s\t%d\targument\t%s\t%s\n", (*table)->name, i,
                    trn_file_use_name(operand->file.use), operand->name);
        for (const trn_param_t *row = (*table)->params; row->name; row++)
            put_row(to, (*table)->name, row);
        for (const trn_param_t *row = trn_common_params; row->name; row++)
            put_row(to, (*table)->name, row);
    }
}

static void put_formats(FILE *to) {
    fputs("| format | what | endings | matrices | names of rows | written |\n"
          "|---|---|---|---|---|---|\n",
          to);
    for (int i = 0; trn_formats[i]; i++) {
        char line[512];
        trn_format_row(trn_formats[i], line, sizeof line);
        fprintf(to, "%s\n", line);
    }
}

static void help_program(FILE *to) {
    fprintf(to, "trunnion %s: distributed matrix engine and embedding trainer over MPI\n\n%s\n",
            TRN_VERSION, usage);
    fputs("Verbs:\n", to);
    list_all(to, false);
    fputs(
        "\nAbout the program:\n"
        "  help [VERB]       this text, or the options of a verb (also: VERB --help)\n"
        "  help common       the options of every verb\n"
        "  list [--names]    the verbs (--tables: all options, for programs; --formats: of files)\n"
        "  man [VERB]        manual page (troff)\n"
        "  completion bash   completion script; source <(trunnion completion bash)\n"
        "  --version         version and commit\n"
        "\nExit codes:\n",
        to);
    for (const trn_exit_code_t *row = trn_exit_codes; row->meaning; row++)
        fprintf(to, "  %2d  %s\n", row->code, row->meaning);
}

void trn_common_names(char *text, size_t size) {
    size_t used = 0;
    for (const trn_param_t *row = trn_common_params; row->name && used < size; row++)
        used += (size_t)snprintf(text + used, size - used, "--%s ", row->name);
    if (used < size) snprintf(text + used, size - used, "--help");
}

/* "What it does:" and the command below, for each. */
static void put_examples(FILE *to, const char *examples) {
    fputs("\nExamples:\n", to);
    for (const char *at = examples; *at;) {
        int told = (int)strcspn(at, "\t"), line = (int)strcspn(at, "\n");
        fprintf(to, "  %.*s:\n    %.*s\n", told, at, line - told - 1, at + told + 1);
        at += line + (at[line] == '\n');
    }
}

/* For programs: VERB, and a command. */
static void list_examples(FILE *to, const trn_command_t *const *table) {
    for (; *table; table++)
        for (const char *at = (*table)->examples; at && *at;) {
            int told = (int)strcspn(at, "\t"), line = (int)strcspn(at, "\n");
            fprintf(to, "%s\t%.*s\n", (*table)->name, line - told - 1, at + told + 1);
            at += line + (at[line] == '\n');
        }
}

static void help_verb(FILE *to, const trn_command_t *verb) {
    fprintf(to, "usage: trunnion %s [options]%s%s\n\n%s\n", verb->name, *verb->files ? " " : "",
            verb->files, verb->summary);
    if (verb->description) {
        fputc('\n', to);
        trn_text_wrap(to, verb->description, 0, 0);
    }
    if (verb->examples) put_examples(to, verb->examples);
    if (verb->params->name) fputs("\nOptions:\n", to);
    trn_params_help(verb->params, to);
    char names[512];
    trn_common_names(names, sizeof names);
    fputs("\nOptions of every verb (`trunnion help common` explains them):\n", to);
    trn_text_wrap(to, names, 0, 2);
}

static void help_common(FILE *to) {
    fputs("Options of every verb:\n", to);
    trn_params_help(trn_common_params, to);
    fputs("      --help              what a verb does, and its options\n", to);
}

static void help_benches(FILE *to) {
    fputs("usage: trunnion bench NAME [options]\n\nBenchmarks:\n", to);
    list(to, trn_benches, false);
}

/* Answers ------------------------------------------------------------------------------------- */

/* True if some word before "--" asks for help. */
static bool wants_help(int count, char **words) {
    for (int i = 0; i < count && strcmp(words[i], "--") != 0; i++)
        if (strcmp(words[i], "--help") == 0 || strcmp(words[i], "-h") == 0) return true;
    return false;
}

/* Help on what the words name: nothing, "bench", or a verb. */
static trn_status_t help(FILE *to, int count, char **words) {
    if (count == 0 || *words[0] == '-') {
        help_program(to);
    } else if (strcmp(words[0], "common") == 0) {
        help_common(to);
    } else if (strcmp(words[0], "bench") == 0 && (count == 1 || *words[1] == '-')) {
        help_benches(to);
    } else {
        const trn_command_t *verb;
        int used;
        TRN_TRY(trn_verb_find(count, words, &verb, &used));
        help_verb(to, verb);
    }
    return TRN_OK;
}

static trn_status_t man(FILE *to, int count, char **words) {
    const trn_command_t *verb = NULL;
    int used;
    if (count > 0) TRN_TRY(trn_verb_find(count, words, &verb, &used));
    trn_man_print(to, verb);
    return TRN_OK;
}

/* `list` and what of: verbs, or what `option` asks for. */
static trn_status_t list_some(FILE *to, const char *option) {
    if (strcmp(option, "--tables") == 0) {
        put_tables(to, trn_commands);
        put_tables(to, trn_benches);
    } else if (strcmp(option, "--examples") == 0) {
        list_examples(to, trn_commands);
        list_examples(to, trn_benches);
    } else if (strcmp(option, "--formats") == 0) {
        put_formats(to);
    } else if (*option == '\0' || strcmp(option, "--names") == 0) {
        list_all(to, *option != '\0');
    } else {
        return trn_fail(TRN_USAGE,
                        "%s: list knows only --names, --formats, --tables and --examples", option);
    }
    return TRN_OK;
}

/* Answer into `to` if words[0] is one of ours; *answered tells. */
static trn_status_t answer(FILE *to, int count, char **words, bool *answered) {
    const char *word = words[0], *next = count > 1 ? words[1] : "";
    *answered = true;
    if (strcmp(word, "help") == 0) return help(to, count - 1, words + 1);
    if (strcmp(word, "man") == 0) return man(to, count - 1, words + 1);
    if (wants_help(count, words)) return help(to, count, words);
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        fprintf(to, "trunnion %s (%s)\n", TRN_VERSION, *TRN_COMMIT ? TRN_COMMIT : "no commit");
    } else if (strcmp(word, "list") == 0) {
        return list_some(to, next);
    } else if (strcmp(word, "completion") == 0) {
        if (strcmp(next, "bash") != 0)
            return trn_fail(TRN_USAGE, "completion: for which shell? we know bash");
        trn_completion_print(to);
    } else {
        *answered = false;
    }
    return TRN_OK;
}

trn_status_t trn_help_answer(int count, char **words, bool *answered) {
    *answered = false;
    bool first = trn_launched_rank() <= 0;
    if (count == 0) {
        if (first) fputs(usage, stderr);
        return trn_fail(TRN_USAGE, "no verb given; see `trunnion help`");
    }
    FILE *to = first ? stdout : fopen("/dev/null", "w");
    if (!to) return trn_fail(TRN_IO, "/dev/null: cannot open: %s", strerror(errno));
    TRN_TRY(answer(to, count, words, answered));
    errno = 0;
    if (*answered && (fflush(to) != 0 || ferror(to)))
        return trn_fail(TRN_IO, "cannot write to standard output: %s; check where it is sent",
                        errno ? strerror(errno) : "write error");
    return TRN_OK;
}
