#include "cli/help.h"
#include "cli/verbs.h"

#include <string.h>

/* The fixed part of the script; two variables and two functions before it are generated. */
static const char script[] =
    "_trunnion() {\n"
    "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "    local verb=${COMP_WORDS[1]} words=\n"
    "    if [ \"$verb\" = bench ] && [ \"$COMP_CWORD\" -gt 2 ]; then\n"
    "        verb=\"bench ${COMP_WORDS[2]}\"\n"
    "    fi\n"
    "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
    "        words=\"$_trunnion_verbs help list man completion --help --version\"\n"
    "    elif [ \"$COMP_CWORD\" -eq 2 ] && [ \"$verb\" = bench ]; then\n"
    "        words=$_trunnion_benches\n"
    "    elif [ \"$verb\" = help ] || [ \"$verb\" = man ]; then\n"
    "        words=$_trunnion_verbs\n"
    "        [ \"$previous\" = bench ] && words=$_trunnion_benches\n"
    "    elif [ \"$verb\" = completion ]; then\n"
    "        words=bash\n"
    "    else\n"
    "        words=$(_trunnion_choices \"$verb\" \"$previous\")\n"
    "        if [ -z \"$words\" ] && [[ $current == -* ]]; then\n"
    "            words=$(_trunnion_options \"$verb\")\n"
    "        fi\n"
    "    fi\n"
    "    if [ -n \"$words\" ]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
    "    else\n"
    "        mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
    "    fi\n"
    "}\n"
    "complete -o filenames -F _trunnion trunnion\n";

static void put_names(FILE *to, const char *variable, const trn_command_t *const *table,
                      size_t skip, const char *more) {
    fprintf(to, "%s=\"%s", variable, more);
    for (; *table; table++)
        fprintf(to, " %s", (*table)->name + skip);
    fputs("\"\n", to);
}

/* One line of a `case`: the options of a verb. */
static void put_options(FILE *to, const trn_command_t *const *table) {
    for (; *table; table++) {
        fprintf(to, "    '%s') echo \"--help\n", (*table)->name);
        trn_params_words((*table)->params, to);
        trn_params_words(trn_common_params, to);
        fputs("\" ;;\n", to);
    }
}

/* Lines of a `case` over "VERB OPTION": what a CHOICE may be. */
static void put_choices(FILE *to, const char *verb, const trn_param_t *row) {
    for (; row->name; row++) {
        if (row->type != TRN_PARAM_CHOICE) continue;
        fprintf(to, "    %s' --%s') echo \"", verb, row->name);
        for (const char *at = row->choices; *at; at++)
            fputc(*at == '|' ? ' ' : *at, to);
        fputs("\" ;;\n", to);
    }
}

static void put_all_choices(FILE *to, const trn_command_t *const *table) {
    for (; *table; table++) {
        char quoted[64];
        snprintf(quoted, sizeof quoted, "'%s'", (*table)->name);
        put_choices(to, quoted, (*table)->params);
    }
}

void trn_completion_print(FILE *to) {
    fputs("# bash completion for trunnion, generated from its tables of parameters\n", to);
    put_names(to, "_trunnion_verbs", trn_commands, 0, "bench");
    put_names(to, "_trunnion_benches", trn_benches, strlen("bench "), "");
    fputs("_trunnion_options() {\n    case $1 in\n", to);
    put_options(to, trn_commands);
    put_options(to, trn_benches);
    fputs("    esac\n}\n_trunnion_choices() {\n    case \"$1 $2\" in\n", to);
    put_all_choices(to, trn_commands);
    put_all_choices(to, trn_benches);
    put_choices(to, "*", trn_common_params);
    fputs("    esac\n}\n", to);
    fputs(script, to);
}
