/* The verbs for knowledge graphs, whole, with every allocation failing once on one rank: all ranks
 * return TRN_MEMORY, keep nothing, and leave no file. */
#define _DEFAULT_SOURCE
#include "harness.h"

#include "base/signal.h"
#include "cli/command.h"
#include "cli/files.h"
#include "cli/param/param.h"
#include "mpi/agree.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ENTITIES = 40, RELATIONS = 2, PATH = 512, MAX_WORDS = 24 };

extern const trn_command_t trn_command_kg_import, trn_command_kg_train, trn_command_kg_eval,
    trn_command_kg_predict, trn_command_kg_neighbors, trn_command_kg_rules;

/* Of the options that all verbs have, those that these ask for. */
static const trn_param_t common[] = {{"json", 0, TRN_PARAM_BOOL, "false", .help = ""},
                                     {"dry-run", 0, TRN_PARAM_BOOL, "false", .help = ""},
                                     {"memory", 0, TRN_PARAM_SIZE, "0", .help = ""},
                                     {"ranks", 0, TRN_PARAM_TEXT, .help = "-"},
                                     {0}};

static const char KEPT[] = "kept.h5"; /* if it is there: the checkpoint to go on from, c.h5 */
static char directory[256];
static int files_before;

typedef struct call {
    const trn_command_t *verb;
    const char *line; /* words; names of files are taken to be in the directory */
    const char *made; /* the file that success makes, or NULL */
    bool keep;
} call_t;

static int count_files(void) {
    int files = 0;
    DIR *dir = opendir(directory);
    while (dir && readdir(dir))
        files++;
    if (dir) closedir(dir);
    return files;
}

/* Parse the words and run the verb. */
static trn_status_t run_words(const call_t *call, int count, char **words) {
    const trn_param_t *const tables[] = {call->verb->params, common};
    trn_run_t run = {.comm = comm, .rank = rank, .ranks = ranks, .threads = 1, .command = "test"};
    trn_params_t *params = NULL;
    trn_status_t status = trn_params_create(&params, tables, 2);
    if (status == TRN_OK) status = trn_params_parse(params, count, words, &run.nfiles, &run.files);
    run.params = params;
    run.result = json_object();
    trn_files_t *files = NULL;
    if (status == TRN_OK)
        status = trn_files_create(&files, call->verb, params, run.nfiles, run.files);
    status = trn_agree(comm, status);
    if (status == TRN_OK) status = trn_steps_run(&run, call->verb->steps);
    status = trn_agree(comm, status); /* as the program does */
    json_decref(run.result);
    trn_files_destroy(&files);
    trn_params_destroy(&params);
    return status;
}

/* A copy, not a link: a file with two names is no checkpoint of ours. */
static void copy_kept(void) {
    FILE *from = fopen(KEPT, "rb"), *to = fopen("c.h5", "wb");
    CHECK(from && to);
    for (int byte; from && to && (byte = getc(from)) != EOF;)
        putc(byte, to);
    if (from) fclose(from);
    if (to) CHECK(fclose(to) == 0);
}

static trn_status_t run_call(void *argument) {
    const call_t *call = argument;
    char line[PATH], *words[MAX_WORDS], *rest = line;
    int count = 0;
    snprintf(line, sizeof line, "%s", call->line);
    for (char *word; count < MAX_WORDS && (word = strsep(&rest, " "));)
        words[count++] = word;
    bool resumes = rank == 0 && access(KEPT, R_OK) == 0;
    if (resumes) copy_kept();
    MPI_Barrier(comm);
    trn_status_t status = run_words(call, count, words);
    if (resumes) CHECK(unlink("c.h5") == 0 && (unlink("c.h5.prev") == 0 || errno == ENOENT));
    if (rank == 0) {
        CHECK_EQUAL(count_files(), files_before + (status == TRN_OK && call->made ? 1 : 0));
        if (status == TRN_OK && call->made && !call->keep) CHECK(unlink(call->made) == 0);
    }
    MPI_Barrier(comm);
    return status;
}

static void inject(const trn_command_t *verb, const char *line, const char *made) {
    if (rank == 0) files_before = count_files();
    harness_inject(run_call, &(call_t){verb, line, made, false});
}

static void prepare(const trn_command_t *verb, const char *line, const char *made) {
    if (rank == 0) files_before = count_files();
    CHECK_OK(run_call(&(call_t){verb, line, made, true}));
}

static void opens(void) {
    if (rank == 0) {
        snprintf(directory, sizeof directory, "%s/kg_verbsXXXXXX",
                 getenv("TMPDIR") ? getenv("TMPDIR") : P_tmpdir);
        CHECK(mkdtemp(directory) != NULL);
    }
    MPI_Bcast(directory, sizeof directory, MPI_CHAR, 0, comm);
    CHECK(chdir(directory) == 0);
    if (rank == 0) {
        FILE *facts = fopen("facts", "w"), *questions = fopen("questions", "w");
        FILE *given = fopen("given", "w"), *whole = fopen("whole", "w");
        CHECK(facts && questions && given && whole);
        if (given) fprintf(given, "e1\tr0\t?\te2\te7\te9\n?\tr1\te5\te3\te30\n");
        if (whole) fprintf(whole, "e1\tr0\te9\ne4\tr1\te5\n");
        if (given) fclose(given);
        if (whole) fclose(whole);
        for (int e = 0; facts && e < ENTITIES; e++)
            for (int r = 0; r < RELATIONS; r++)
                fprintf(facts, "e%d\tr%d\te%d\n", e, r, (e + r + 1) % ENTITIES);
        if (questions) fprintf(questions, "e1\tr0\t?\n?\tr1\te5\ne1\t?\te2\n");
        if (facts) fclose(facts);
        if (questions) fclose(questions);
    }
    MPI_Barrier(comm);
}

static void imports(void) {
    inject(&trn_command_kg_import, "--train facts facts --split 0.2 0.2 -o g.h5", "g.h5");
    prepare(&trn_command_kg_import, "--train facts --split 0.2 0.2 -o g.h5", "g.h5");
}

static void trains(void) {
    static const char *const lines[] = {
        "g.h5 -o m.h5 --model transe --dim 6 --epochs 2 --batch-size 16 --valid-every 1",
        "g.h5 -o m.h5 --model transr --dim 6 --epochs 1 --batch-size 16 --loss margin "
        "--negatives 4 --optimizer adam",
        "g.h5 -o m.h5 --model complex --dim 6 --epochs 1 --negatives 0 --all-answers --smoothing "
        "0.1 --entity-dropout 0.1 --optimizer adagrad-row",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        inject(&trn_command_kg_train, lines[i], "m.h5");
}

/* A checkpoint that a stop leaves, and going on from it. */
static void resumes(void) {
    call_t stopped = {&trn_command_kg_train,
                      "g.h5 -o m.h5 --model transe --dim 6 --epochs 2 --batch-size 16 "
                      "--checkpoint c.h5",
                      NULL, false};
    if (rank == 0) files_before = count_files() + 1;
    trn_signal_set_stop(1);
    CHECK_EQUAL(run_call(&stopped), TRN_STOPPED);
    trn_signal_set_stop(0);
    if (rank == 0) CHECK(rename("c.h5", KEPT) == 0);
    inject(&trn_command_kg_train,
           "g.h5 -o m.h5 --model transe --dim 6 --epochs 2 --batch-size 16 --checkpoint c.h5 "
           "--resume must",
           "m.h5");
    if (rank == 0) CHECK(unlink(KEPT) == 0);
    if (rank == 0) CHECK(unlink("m.h5") == 0 || errno == ENOENT);
    prepare(&trn_command_kg_train, "g.h5 -o m.h5 --model transe --dim 6 --epochs 1", "m.h5");
}

static void evaluates(void) {
    static const char *const lines[] = {"m.h5 g.h5 --raw --per-relation", "m.h5 g.h5 --types",
                                        "m.h5 g.h5 --sample 5", "m.h5 g.h5 --candidates given",
                                        "m.h5 g.h5 --classify whole --per-relation"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        inject(&trn_command_kg_eval, lines[i], NULL);
}

static void predicts(void) {
    inject(&trn_command_kg_predict, "m.h5 g.h5 questions --top 3", NULL);
    inject(&trn_command_kg_predict, "m.h5 g.h5 whole --score --calibrate", NULL);
}

static void finds_neighbors(void) {
    inject(&trn_command_kg_neighbors, "m.h5 e1 e2 --top 3", NULL);
}

static void finds_rules(void) {
    inject(&trn_command_kg_rules, "m.h5 g.h5 --length 1 2 --nearest 3 --inverse", NULL);
}

static void closes(void) {
    static const char *const files[] = {"facts", "questions", "given", "whole", "g.h5", "m.h5"};
    for (int i = 0; rank == 0 && i < 6; i++)
        CHECK(unlink(files[i]) == 0);
    if (rank == 0) CHECK(rmdir(directory) == 0);
}

HARNESS_MAIN({"opens", opens}, {"imports", imports}, {"trains", trains}, {"resumes", resumes},
             {"evaluates", evaluates}, {"predicts", predicts}, {"finds_neighbors", finds_neighbors},
             {"finds_rules", finds_rules}, {"closes", closes})
