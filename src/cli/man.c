#include "cli/help.h"
#include "cli/verbs.h"
#include "version.h"

#include <ctype.h>
#include <string.h>

/* "bench comm" as part of a page's name: "bench-comm". */
static void put_name(FILE *to, const char *name, bool upper) {
    for (; *name; name++)
        if (upper)
            fputc(*name == ' ' ? '-' : toupper((unsigned char)*name), to);
        else
            trn_man_text(to, *name == ' ' ? "-" : (const char[]){*name, '\0'});
}

static void put_title(FILE *to, const trn_command_t *verb) {
    fputs(".TH TRUNNION", to);
    if (verb) fputc('-', to);
    put_name(to, verb ? verb->name : "", true);
    fprintf(to, " 1 \"\" \"trunnion %s\" \"Trunnion manual\"\n.SH NAME\ntrunnion", TRN_VERSION);
    if (verb) fputs("\\-", to);
    put_name(to, verb ? verb->name : "", false);
    fputs(" \\- ", to);
    trn_man_text(to, verb ? verb->summary : "distributed matrix engine and embedding trainer");
    fputs("\n.SH SYNOPSIS\n", to);
}

static void put_section(FILE *to, const char *heading, const char *text) {
    fprintf(to, ".SH %s\n", heading);
    trn_man_text(to, text);
    fputc('\n', to);
}

static void put_list(FILE *to, const trn_command_t *const *table) {
    for (; *table; table++) {
        fprintf(to, ".TP\n\\fB%s\\fR\n", (*table)->name);
        trn_man_text(to, (*table)->summary);
        fputc('\n', to);
    }
}

static void put_exit_codes(FILE *to) {
    put_section(to, "EXIT STATUS", "The same on all ranks:");
    for (const trn_exit_code_t *row = trn_exit_codes; row->meaning; row++) {
        fprintf(to, ".TP\n\\fB%d\\fR\n", row->code);
        trn_man_text(to, row->meaning);
        fputc('\n', to);
    }
}

static void put_examples(FILE *to, const char *examples) {
    fputs(".SH EXAMPLES\n", to);
    for (const char *at = examples; *at;) {
        size_t told = strcspn(at, "\t"), line = strcspn(at, "\n");
        char text[512];
        snprintf(text, sizeof text, "%.*s:", (int)told, at);
        fputs(".TP\n", to);
        trn_man_text(to, text);
        snprintf(text, sizeof text, "%.*s", (int)(line - told - 1), at + told + 1);
        fputs("\n\\fB", to);
        trn_man_text(to, text);
        fputs("\\fR\n", to);
        at += line + (at[line] == '\n');
    }
}

static void print_verb(FILE *to, const trn_command_t *verb) {
    put_title(to, verb);
    fprintf(to, "\\fBtrunnion %s\\fR [options] ", verb->name);
    trn_man_text(to, verb->files);
    fputc('\n', to);
    put_section(to, "DESCRIPTION", verb->description ? verb->description : verb->summary);
    if (verb->examples) put_examples(to, verb->examples);
    if (verb->params->name) fputs(".SH OPTIONS\n", to);
    trn_params_man(verb->params, to);
    char names[512];
    trn_common_names(names, sizeof names);
    put_section(to, "OPTIONS OF EVERY VERB", names);
    fputs("They are explained in \\fBtrunnion\\fR(1).\n", to);
    put_exit_codes(to);
    fputs(".SH SEE ALSO\n\\fBtrunnion\\fR(1)\n", to);
}

static void print_program(FILE *to) {
    put_title(to, NULL);
    fputs("\\fBtrunnion\\fR VERB [options] FILES\n.br\n"
          "\\fBmpirun \\-n\\fR RANKS \\fBtrunnion\\fR VERB [options] FILES\n",
          to);
    put_section(to, "DESCRIPTION",
                "Trunnion multiplies block-distributed matrices and trains embeddings on any "
                "number of MPI ranks; the number of ranks does not change the result. "
                "Standard output carries results only; the log goes to standard error.");
    fputs(".SH VERBS\n", to);
    put_list(to, trn_commands);
    put_list(to, trn_benches);
    fputs(".SH OPTIONS OF EVERY VERB\n", to);
    trn_params_man(trn_common_params, to);
    put_exit_codes(to);
}

void trn_man_print(FILE *to, const trn_command_t *verb) {
    if (verb)
        print_verb(to, verb);
    else
        print_program(to);
}
