/* trunnion bench cooccur: how fast a corpus is counted, phase by phase. */
#include "algo/cooccur.h"
#include "algo/bench.h"
#include "base/clock.h"
#include "base/rng.h"
#include "cmd/command.h"
#include "mpi/agree.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LINE_WORDS = 25 };

static const trn_param_t params[] = {{"words", 0, TRN_PARAM_INT, "2000000", 1000, 1e10, NULL, NULL,
                                      "length of the corpus that is made when no files are given"},
                                     {"vocab-size", 0, TRN_PARAM_INT, "32768", 0, 2147483646, NULL,
                                      NULL,
                                      "keep only so many of the most frequent words; 0 means all"},
                                     {"window", 0, TRN_PARAM_INT, "10", 1, TRN_WINDOW_MAX, NULL,
                                      NULL, "how many words to each side are neighbours"},
                                     {0}};

/* A corpus after Zipf's law: word r with a probability of about 1 / r; rank 0 writes it. */
static trn_status_t make_corpus(const char *path, int64_t words) {
    FILE *file = fopen(path, "w");
    double kinds = log(1e5); /* words e^0 .. e^kinds */
    for (int64_t i = 0; file && i < words; i += 4) {
        double uniform[4];
        trn_rng_uniform(1, (uint64_t)i, 0, 0, TRN_RNG_TEST, uniform);
        for (int64_t k = 0; k < 4; k++)
            fprintf(file, "w%.0f%c", floor(exp(kinds * uniform[k])),
                    (i + k) % LINE_WORDS == LINE_WORDS - 1 ? '\n' : ' ');
    }
    if (file && !ferror(file) && fclose(file) == 0) return TRN_OK;
    return trn_fail(TRN_IO, "%s: cannot write; set TMPDIR", path);
}

/* What must hold: every occurrence adds its own 1 and, at distance o, 1/o to each side that has a
 * word there; so the sum lies between the diagonal and that of one endless line. */
static bool plausible(const trn_cooccur_stats_t *stats, int64_t window) {
    double most = 1;
    for (int64_t o = 1; o <= window; o++)
        most += 2.0 / (double)o;
    return stats->sum >= (double)stats->tokens && stats->sum <= most * (double)stats->tokens &&
           stats->nonzeros >= stats->words && stats->nonzeros <= stats->words * stats->words;
}

static trn_cooccur_options_t options_of(const trn_run_t *run, const char *folder) {
    return (trn_cooccur_options_t){
        .tokens = {.max_line = INT64_MAX},
        .window = {trn_params_int(run->params, "window"), true, true, true},
        .min_count = 5,
        .vocab_size = trn_params_int(run->params, "vocab-size"),
        .memory = trn_params_size(run->params, "memory"),
        .scratch = folder};
}

/* For --dry-run: a forecast for files, a bound (every neighbour a new cell) for a made corpus. */
static trn_status_t predict(trn_run_t *run) {
    trn_cooccur_options_t options = options_of(run, NULL);
    trn_cooccur_forecast_t f;
    f.bytes_per_rank = (double)(trn_params_int(run->params, "words") / run->ranks *
                                (8 + 2 * options.window.size * 12));
    if (run->nfiles)
        TRN_TRY(trn_cooccur_predict(run->nfiles, run->files, run->ranks, &options, &f));
    json_object_set_new(run->result, "bytes_per_rank", json_integer((json_int_t)f.bytes_per_rank));
    return TRN_OK;
}

static trn_status_t measure(trn_run_t *run, int nfiles, char **files, const char *folder) {
    trn_cooccur_options_t options = options_of(run, folder);
    trn_cooccur_t *counts;
    trn_cooccur_stats_t s;
    double cpu = trn_cpu_seconds(), start = trn_seconds();
    TRN_TRY(trn_cooccur_create(&counts, run->comm, nfiles, files, &options));
    cpu = trn_cpu_seconds() - cpu;
    start = trn_seconds() - start;
    trn_cooccur_stats(counts, &s);
    trn_cooccur_destroy(&counts);
    int64_t peak = trn_peak_rss();
    MPI_Allreduce(MPI_IN_PLACE, &cpu, 1, MPI_DOUBLE, MPI_SUM, run->comm);
    MPI_Allreduce(MPI_IN_PLACE, &peak, 1, MPI_INT64_T, MPI_SUM, run->comm);
    if (run->rank != 0) return TRN_OK;
    double increments = 2.0 * (double)(s.tokens * options.window.size);
    return trn_bench_case(run->result, "{s:I,s:I,s:I,s:I,s:i,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:s}",
                          "tokens", (json_int_t)s.all_tokens, "V", (json_int_t)s.words, "window",
                          (json_int_t)options.window.size, "nonzeros", (json_int_t)s.nonzeros, "P",
                          run->ranks, "seconds", start, "cpu_seconds", cpu, "seconds_read",
                          s.seconds_reading, "seconds_count", s.seconds_counting, "Mtokens/s",
                          1e-6 * (double)s.all_tokens / start, "Mincrements/s",
                          1e-6 * increments / s.seconds_counting, "peak_MB", 1e-6 * (double)peak,
                          "verdict", plausible(&s, options.window.size) ? "PASSED" : "FAILED");
}

static trn_status_t run(trn_run_t *run) {
    const char *folder = getenv("TMPDIR");
    char made[4096], *one[] = {made};
    int64_t words = trn_params_int(run->params, "words");
    if (!folder || !*folder) folder = "/tmp";
    if (trn_params_bool(run->params, "dry-run"))
        return trn_agree(run->comm, run->rank == 0 ? predict(run) : TRN_OK);
    TRN_TRY(trn_bench_begin(run->comm, run->threads, run->result));
    int process = (int)getpid();
    MPI_Bcast(&process, 1, MPI_INT, 0, run->comm);
    snprintf(made, sizeof made, "%.4000s/trunnion-bench-%d.txt", folder, process);
    bool make = run->nfiles == 0;
    trn_status_t status = make && run->rank == 0 ? make_corpus(made, words) : TRN_OK;
    status = trn_agree(run->comm, status);
    if (status == TRN_OK)
        status = trn_agree(run->comm,
                           measure(run, make ? 1 : run->nfiles, make ? one : run->files, folder));
    if (make && run->rank == 0) remove(made);
    if (status == TRN_OK && run->rank == 0) status = trn_bench_verdict(run->result);
    return trn_agree(run->comm, status);
}

const trn_command_t trn_bench_cooccur = {
    .name = "bench cooccur",
    .summary = "time the counting of co-occurrences",
    .files = "[CORPUS...]",
    .description =
        "Counts the given files, or a corpus made after Zipf's law in TMPDIR that all "
        "ranks must see, and prints one line: seconds in all and by phase, words of text "
        "a second, and additions to matrix cells a second while counting. Nothing is "
        "written but the corpus, which is removed.",
    .min_files = 0,
    .max_files = 1 << 20,
    .params = params,
    .run = run,
};
