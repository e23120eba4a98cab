/* trunnion cooccur: a corpus to co-occurrence counts. */
#include "algo/words/cooccur.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/command.h"
#include "io/text/input.h"
#include "mpi/agree.h"

#include <libgen.h>
#include <stdlib.h>
#include <string.h>

static const trn_param_t params[] = {
    {"output", 'o', TRN_PARAM_TEXT, .metavar = "X.h5", .required = true, .file = TRN_STORE_WRITTEN,
     .help = "store to write"},
    {"window", 0, TRN_PARAM_INT, "10", 1, TRN_WINDOW_MAX, .group = "Counting",
     .help = "how many words to each side are neighbours"},
    {"weighting", 0, TRN_PARAM_CHOICE, "harmonic", .choices = "harmonic|flat",
     .help = "what a neighbour at distance o counts: 1/o, or 1"},
    {"one-sided", 0, TRN_PARAM_BOOL, "false",
     .help = "count a pair only from its left word to its right one"},
    {"diagonal", 0, TRN_PARAM_BOOL, "true",
     .help = "add 1 to (w, w) for every occurrence of w, as Swivel's preparation does"},
    {"min-count", 0, TRN_PARAM_INT, "5", 1, 1e15, .group = "Words",
     .help = "a word must occur so often to be in the vocabulary"},
    {"vocab-size", 0, TRN_PARAM_INT, "262144", 0, 2147483646,
     .help = "keep only so many of the most frequent words; 0 means all"},
    {"vocab", 0, TRN_PARAM_TEXT, .metavar = "FILE", .file.use = TRN_FILE_READ,
     .excludes = "min-count vocab-size",
     .help = "take exactly these words instead of the frequent ones: a word a line, or a word and "
             "its counts; --lowercase and --nfc go for them too"},
    {"lowercase", 0, TRN_PARAM_BOOL, "false",
     .help = "lower words as Unicode has it for every language (which is not case folding: a sharp "
             "s stays)"},
    {"nfc", 0, TRN_PARAM_BOOL, "false", .help = "bring words to Unicode normalization form C"},
    TRN_WORD_PARAMS,
    {"max-line", 0, TRN_PARAM_SIZE, "128M", 1, 1e15,
     .help = "refuse lines longer than this; a line is a sentence, which windows never leave"},
    {"shard-size", 0, TRN_PARAM_INT, "0", 0, 1 << 20,
     .help = "noted in the output as the default of swivel --shard-size; 0 means automatic"},
    {0}};

/* Folder for temporary files: TMPDIR, or where the output goes. Borrowed from `copy`, trn_free'd
 * by the caller. */
static trn_status_t scratch_folder(const char *output, char **copy, const char **folder) {
    const char *given = getenv("TMPDIR");
    TRN_TRY(trn_strdup(copy, given && *given ? given : output));
    *folder = given && *given ? *copy : dirname(*copy);
    return TRN_OK;
}

static trn_cooccur_options_t options_of(const trn_run_t *run) {
    const trn_params_t *p = run->params;
    return (trn_cooccur_options_t){
        .tokens = {.lowercase = trn_params_bool(p, "lowercase"),
                   .nfc = trn_params_bool(p, "nfc"),
                   .max_line = trn_params_size(p, "max-line"),
                   .rules = trn_word_rules(trn_params_text(p, "invalid-utf8"),
                                           trn_params_text(p, "long-words"))},
        .window = {.size = trn_params_int(p, "window"),
                   .harmonic = strcmp(trn_params_text(p, "weighting"), "harmonic") == 0,
                   .symmetric = !trn_params_bool(p, "one-sided"),
                   .diagonal = trn_params_bool(p, "diagonal")},
        .vocab = trn_params_text(p, "vocab"),
        .refuse_repeated = strcmp(trn_params_text(p, "repeated-words"), "refuse") == 0,
        .min_count = trn_params_int(p, "min-count"),
        .vocab_size = trn_params_int(p, "vocab-size"),
        .memory = trn_params_size(p, "memory"),
    };
}

/* Put figures into the result and free them; jansson yields NULL when memory ran out. */
static trn_status_t note(trn_run_t *run, json_t *figures) {
    int failed = json_object_update(run->result, figures);
    json_decref(figures);
    return failed ? trn_fail(TRN_MEMORY, "no memory for a result") : TRN_OK;
}

/* The figures of the run, on rank 0. Collective. */
static trn_status_t report(trn_run_t *run, const trn_cooccur_stats_t *stats, double start) {
    double cpu = trn_cpu_seconds();
    MPI_Allreduce(MPI_IN_PLACE, &cpu, 1, MPI_DOUBLE, MPI_SUM, run->comm);
    if (run->rank != 0) return TRN_OK;
    json_t *figures = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:I, s:f, s:f, s:f, s:f, s:f}", "vocabulary",
        (json_int_t)stats->words, "lines", (json_int_t)stats->lines, "corpus_tokens",
        (json_int_t)stats->all_tokens, "invalid_words", (json_int_t)stats->malformed.invalid,
        "long_words", (json_int_t)stats->malformed.overlong, "tokens", (json_int_t)stats->tokens,
        "nonzeros", (json_int_t)stats->nonzeros, "sum", stats->sum, "spilled_bytes",
        (json_int_t)stats->spilled, "seconds_reading", stats->seconds_reading, "seconds_vocabulary",
        stats->seconds_vocabulary, "seconds_counting", stats->seconds_counting, "seconds",
        trn_seconds() - start, "cpu_seconds", cpu);
    return note(run, figures);
}

/* What a run would take; on rank 0. */
static trn_status_t predict(trn_run_t *run, const trn_cooccur_options_t *options, bool dry) {
    trn_cooccur_forecast_t f;
    TRN_TRY(trn_cooccur_predict(run->nfiles, run->files, run->ranks, options, &f));
    TRN_TRY(trn_cooccur_estimate(&f.sizes, options->memory, dry, run->result));
    if (!dry) return TRN_OK;
    json_t *figures = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "text_bytes", (json_int_t)f.text_bytes,
        "corpus_tokens", (json_int_t)f.corpus_tokens, "vocabulary", (json_int_t)f.vocabulary,
        "tokens", (json_int_t)f.tokens, "nonzeros", (json_int_t)f.nonzeros, "increments",
        (json_int_t)f.increments, "output_bytes", (json_int_t)f.output_bytes);
    return note(run, figures);
}

/* Read once only. What cannot be looked at is told by whoever opens it. */
static bool is_stream(const char *path) {
    trn_input_t input = {.path = path};
    return trn_input_look(&input) == TRN_OK && input.stream;
}

/* Whether what a run takes has to be known before it: when there is a limit, and the text can be
 * looked at twice. */
static bool predicts(const trn_run_t *run, const trn_cooccur_options_t *options, bool dry) {
    bool pipes = options->vocab && is_stream(options->vocab);
    for (int i = 0; i < run->nfiles; i++)
        pipes = pipes || is_stream(run->files[i]);
    return dry || (options->memory > 0 && !pipes);
}

static trn_status_t count_and_save(trn_run_t *run, const trn_cooccur_options_t *options,
                                   trn_store_t **store) {
    double start = trn_seconds();
    trn_cooccur_t *counts;
    trn_cooccur_stats_t stats;
    TRN_TRY(trn_cooccur_create(&counts, run->comm, run->nfiles, run->files, options));
    trn_status_t status =
        trn_cooccur_save(counts, store, trn_params_int(run->params, "shard-size"));
    trn_cooccur_stats(counts, &stats);
    trn_cooccur_destroy(&counts);
    return status == TRN_OK ? trn_agree(run->comm, report(run, &stats, start)) : status;
}

static trn_status_t run(trn_run_t *run) {
    const char *output = trn_params_text(run->params, "output");
    trn_cooccur_options_t options = options_of(run);
    trn_store_t *store = NULL;
    char *folder = NULL;
    bool dry = trn_params_bool(run->params, "dry-run");
    trn_status_t status = scratch_folder(output, &folder, &options.scratch);
    if (status == TRN_OK && run->rank == 0 && predicts(run, &options, dry))
        status = predict(run, &options, dry);
    status = trn_agree(run->comm, status);
    json_t *given = trn_params_json(run->params);
    /* Before the work, so that a folder that cannot be written is told at once. */
    if (!dry && status == TRN_OK)
        status =
            trn_store_create(&store, run->comm, output, "cooccurrence", run->command, given, 0);
    if (!dry && status == TRN_OK) status = count_and_save(run, &options, &store);
    trn_store_abandon(&store);
    json_decref(given);
    trn_free(&folder);
    return status;
}

const trn_command_t trn_command_cooccur = {
    .name = "cooccur",
    .summary = "count which words stand near each other in a corpus",
    .files = "CORPUS... -o X.h5",
    .description =
        "Counts neighbours within a window over text files (plain, .gz, .bz2, .xz or .zst) or "
        "pipes "
        "(- is standard input): words are "
        "parted by blanks (ASCII space, tab, VT, FF and CR; a no-break space is part of a word), a "
        "line is a sentence, words outside the vocabulary are taken out first. The result is one "
        "CSR matrix in vocabulary order with its marginals, exact and "
        "the same on any number of ranks. What does not fit into --memory goes through unnamed "
        "files in TMPDIR, or beside the output.",
    .examples = "count a corpus\ttrunnion cooccur corpus.txt -o X.h5\n"
                "compressed, lowered, two words to each side\ttrunnion cooccur corpus.txt.gz "
                "--lowercase --window 2 -o X2.h5",
    .min_files = 1,
    .max_files = 1 << 20,
    .operands = TRN_OPERANDS(TRN_READS("CORPUS")),
    .params = params,
    .run = run,
};
