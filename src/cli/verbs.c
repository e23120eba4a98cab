/* verbs.c: the options of every verb, and finding the one that a command line names. */
#include "cli/verbs.h"

#include "base/nearest.h"
#include "cli/param/synonyms.h"

#include <math.h>
#include <string.h>

const trn_param_t trn_common_params[] = {
    {"config", 0, TRN_PARAM_TEXT, .metavar = "FILE", .file.use = TRN_FILE_READ,
     .help = "read options from FILE, a line 'name = value' each; those given here win"},
    {"json", 0, TRN_PARAM_BOOL, "false", .help = "print the result as JSON instead of text"},
    {"log-json", 0, TRN_PARAM_TEXT, .metavar = "FILE", .file.use = TRN_FILE_APPENDED,
     .help = "append the log to FILE, one JSON object a line"},
    {"progress", 0, TRN_PARAM_CHOICE, "auto", .choices = "auto|bar|plain|none",
     .help = "how progress is shown; auto is a bar on a terminal without MPI, else plain lines"},
    {"quiet", 0, TRN_PARAM_BOOL, "false", .help = "say nothing but warnings and errors"},
    {"threads", 0, TRN_PARAM_INT, "0", 0, 1024,
     .help = "threads of each rank; 0 means OMP_NUM_THREADS, or 1 without that"},
    {"memory", 0, TRN_PARAM_SIZE, "0", 0, INFINITY,
     .help =
         "bytes of data that any rank may hold, beyond the some 30 MB of the program itself and "
         "its libraries; too little is refused before the work, with a number that is enough; "
         "0 means no limit"},
    {"dry-run", 0, TRN_PARAM_BOOL, "false",
     .help = "say what it would cost in memory and work, and stop before touching data"},
    {"ranks", 0, TRN_PARAM_TEXT, .metavar = "LIST", .needs = "dry-run",
     .help =
         "with --dry-run: plan for these numbers of ranks, such as 1-16,64,4096, which need not "
         "be there"},
    {"trace", 0, TRN_PARAM_TEXT, .metavar = "FILE", .file = {TRN_FILE_WRITTEN, .endings = ".json"},
     .help = "write when each rank did what to FILE, for Perfetto or chrome://tracing"},
    {"hang-timeout", 0, TRN_PARAM_REAL, "600", 0, 1e9, .metavar = "SECONDS",
     .help = "end the job when a rank makes no progress for so long; 0 means never"},
    {0}};

trn_status_t trn_verb_find(int count, char **words, const trn_command_t **verb, int *used) {
    bool bench = strcmp(words[0], "bench") == 0;
    const trn_command_t *const *table = bench ? trn_benches : trn_commands;
    size_t skip = bench ? strlen("bench ") : 0;
    if (bench && count < 2)
        return trn_fail(TRN_USAGE, "bench: which one? see `trunnion help bench`");
    const char *word = words[bench];
    trn_nearest_t nearest = {0};
    static const char *const others[] = {"help", "list", "man", "completion", "bench"};
    for (size_t i = 0; !bench && i < sizeof others / sizeof *others; i++)
        trn_nearest_try(&nearest, word, others[i]);
    for (; *table; table++) {
        const char *name = (*table)->name + skip;
        if (strcmp(name, word) == 0) {
            *verb = *table;
            *used = 1 + bench;
            return TRN_OK;
        }
        trn_nearest_try(&nearest, word, name);
    }
    if (!bench && trn_verb_synonym(word))
        return trn_fail(TRN_USAGE, "%s: no such verb; see %s", word, trn_verb_synonym(word));
    if (nearest.name)
        return trn_fail(TRN_USAGE, "%s: no such %s; did you mean %s?", word,
                        bench ? "benchmark" : "verb", nearest.name);
    return trn_fail(TRN_USAGE, "%s: no such %s; see `trunnion list`", word,
                    bench ? "benchmark" : "verb");
}

void trn_complain(const char *verb, int rank) {
    char who[32] = "";
    if (rank >= 0) snprintf(who, sizeof who, "rank %d: ", rank);
    fprintf(stderr, "trunnion%s%s: %s%s\n", verb ? " " : "", verb ? verb : "", who, trn_message());
}
