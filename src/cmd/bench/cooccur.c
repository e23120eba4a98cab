/* bench cooccur: counting a corpus, from text to rows, without writing them. */
#include "algo/words/cooccur.h"
#include "base/clock.h"
#include "cli/bench.h"
#include "cli/command.h"
#include "mpi/agree.h"

#include <math.h>

/* What a count would take, from a sample; on rank 0. */
static trn_status_t foretell(trn_run_t *run, const trn_cooccur_options_t *options) {
    trn_cooccur_forecast_t f;
    if (run->rank != 0) return TRN_OK;
    TRN_TRY(trn_cooccur_predict(run->nfiles, run->files, run->ranks, options, &f));
    return trn_cooccur_estimate(&f.sizes, options->memory, true, run->result);
}

/* One repeat is one count of all files from the start. */
typedef struct counting {
    trn_run_t *run;
    trn_cooccur_options_t options;
    trn_cooccur_stats_t stats; /* of the last repeat */
    double first_sum, off;     /* of all counts; the most that a repeat differed */
    int64_t done;
} counting_t;

/* One repeat. Sums are exact in whole units, so repeats must agree to the bit. */
static trn_status_t count(void *data) {
    counting_t *c = data;
    trn_cooccur_t *counts;
    TRN_TRY(trn_cooccur_create(&counts, c->run->comm, c->run->nfiles, c->run->files, &c->options));
    trn_cooccur_stats(counts, &c->stats);
    trn_cooccur_destroy(&counts);
    if (c->done++ == 0) c->first_sum = c->stats.sum;
    c->off = fmax(c->off, fabs(c->stats.sum - c->first_sum));
    return TRN_OK;
}

static trn_status_t note_case(const counting_t *c, double shortest, double median, double cpu) {
    double increments = 2 * (double)c->options.window.size * (double)c->stats.tokens;
    return trn_bench_case(
        c->run->result, "{s:I,s:I,s:I,s:I,s:i,s:f,s:f,s:f,s:f,s:f,s:f,s:s}", "words",
        (json_int_t)c->stats.words, "window", (json_int_t)c->options.window.size, "tokens",
        (json_int_t)c->stats.tokens, "nonzeros", (json_int_t)c->stats.nonzeros, "P", c->run->ranks,
        "seconds_min", shortest, "seconds_med", median, "cpu_seconds", cpu, "Mtokens/s",
        1e-6 * (double)c->stats.all_tokens / median, "Mincrements/s", 1e-6 * increments / median,
        "resid", c->off, "verdict", c->off == 0 ? "PASSED" : "FAILED");
}

static trn_status_t run(trn_run_t *run) {
    int64_t repeats = trn_params_int(run->params, "repeats");
    counting_t c = {.run = run,
                    .options = {.tokens = {.max_line = INT64_C(1) << 40},
                                .window = {.size = trn_params_int(run->params, "window"),
                                           .harmonic = true,
                                           .symmetric = true,
                                           .diagonal = true},
                                .min_count = 5,
                                .vocab_size = trn_params_int(run->params, "vocab-size"),
                                .memory = trn_params_size(run->params, "memory"),
                                .scratch = trn_params_text(run->params, "dir")}};
    if (trn_params_bool(run->params, "dry-run"))
        return trn_agree(run->comm, foretell(run, &c.options));
    double shortest, median, cpu = -trn_cpu_seconds();
    TRN_TRY(trn_bench_begin(run->comm, run->threads, run->result));
    TRN_TRY(trn_bench_time(run->comm, repeats, count, &c, &shortest, &median));
    cpu = (cpu + trn_cpu_seconds()) / (double)c.done;
    MPI_Allreduce(MPI_IN_PLACE, &cpu, 1, MPI_DOUBLE, MPI_SUM, run->comm);
    trn_status_t status = TRN_OK;
    if (run->rank == 0) status = note_case(&c, shortest, median, cpu);
    if (run->rank == 0 && status == TRN_OK) status = trn_bench_verdict(run->result);
    return trn_agree(run->comm, status);
}

static const trn_param_t params[] = {
    {"vocab-size", 0, TRN_PARAM_INT, "32768", 0, 2147483646,
     .help = "keep only so many of the most frequent words; 0 means all"},
    {"window", 0, TRN_PARAM_INT, "10", 1, TRN_WINDOW_MAX,
     .help = "how many words to each side are neighbours"},
    {"repeats", 0, TRN_PARAM_INT, "3", 1, 1000, .help = "counts timed, after one to warm up"},
    {"dir", 0, TRN_PARAM_TEXT, ".", .metavar = "DIR",
     .help = "where what does not fit into memory goes"},
    {0}};

const trn_command_t trn_bench_cooccur = {
    .name = "bench cooccur",
    .summary = "time the counting of co-occurrences in a corpus",
    .files = "CORPUS...",
    .description =
        "Counts the files again and again, from text to rows that lie in memory: reading, "
        "decompressing, numbering words and counting, but not writing. tokens are those in the "
        "vocabulary, Mtokens/s goes by all of the text, Mincrements/s by 2 x window a token; "
        "cpu_seconds is one count on all ranks. PASSED: every repeat came to the same sum.",
    .min_files = 1,
    .max_files = 1 << 20,
    .operands = TRN_OPERANDS(TRN_READS("CORPUS")),
    .params = params,
    .run = run,
};
