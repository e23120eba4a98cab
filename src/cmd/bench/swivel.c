/* bench swivel: epochs of Swivel on made-up or real counts, beside the machine's sgemm rate. */
#include "algo/words/swivel.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cli/bench.h"
#include "cli/command.h"
#include "io/store/store.h"
#include "mpi/agree.h"
#include "mpi/dist.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Made-up counts, one row at a time: gaps between columns are uniform with mean 1 / density. */
typedef struct made {
    trn_store_t *store;
    int64_t words, gap; /* gaps lie in [1, gap] */
    int32_t *col;       /* [words] */
    double *value;      /* [words] */
} made_t;

/* A row's cells depend on its number alone: any rank can make any row, and twice. */
static int64_t make_row(made_t *made, int64_t row) {
    int64_t count = 0, at = -1;
    for (uint32_t step = 0;; step++) {
        uint32_t draw[4];
        trn_rng_words(1, (uint64_t)row, step, 0, TRN_RNG_TEST, draw);
        for (int i = 0; i < 4; i += 2) {
            at += 1 + draw[i] % made->gap;
            if (at >= made->words) return count;
            made->col[count] = (int32_t)at;
            made->value[count++] = 0.1 + 1e-3 * (double)(draw[i + 1] % 10000);
        }
    }
}

/* Declare the store and write this rank's band of rows. Returns this rank's own outcome. */
static trn_status_t fill_store(trn_run_t *run, made_t *made, int64_t first, int64_t rows,
                               int64_t *row_ptr) {
    for (int64_t row = 0; row < rows; row++)
        row_ptr[row + 1] = row_ptr[row] + make_row(made, first + row);
    int64_t mine = row_ptr[rows], before = 0, total;
    MPI_Exscan(&mine, &before, 1, MPI_INT64_T, MPI_SUM, run->comm);
    MPI_Allreduce(&mine, &total, 1, MPI_INT64_T, MPI_SUM, run->comm);
    if (run->rank == 0) before = 0; /* which Exscan leaves undefined */
    for (int64_t row = 0; row <= rows; row++)
        row_ptr[row] += before;
    TRN_TRY(trn_store_dataset(made->store, "/row_sums", TRN_F64, made->words, 0));
    TRN_TRY(trn_store_dataset(made->store, "/col_sums", TRN_F64, made->words, 0));
    TRN_TRY(trn_store_dataset(made->store, "/row_ptr", TRN_I64, made->words + 1, 0));
    TRN_TRY(trn_store_dataset(made->store, "/col", TRN_I32, total, 0));
    TRN_TRY(trn_store_dataset(made->store, "/value", TRN_F64, total, 0));
    TRN_TRY(trn_store_begin(made->store));
    bool last = run->rank == run->ranks - 1;
    TRN_TRY(trn_store_write(made->store, "/row_ptr", first, rows + last, row_ptr));
    for (int64_t row = 0; row < rows; row++) {
        int64_t count = make_row(made, first + row);
        double sum = 0;
        for (int64_t i = 0; i < count; i++)
            sum += made->value[i];
        TRN_TRY(trn_store_write(made->store, "/row_sums", first + row, 1, &sum));
        TRN_TRY(trn_store_write(made->store, "/col_sums", first + row, 1, &sum));
        TRN_TRY(trn_store_write(made->store, "/col", row_ptr[row], count, made->col));
        TRN_TRY(trn_store_write(made->store, "/value", row_ptr[row], count, made->value));
    }
    return TRN_OK;
}

/* One string stands for all words: nobody reads them. */
static trn_status_t make_names(int64_t words, const char ***names) {
    TRN_TRY(trn_alloc(names, words, sizeof **names, "made-up words"));
    for (int64_t word = 0; word < words; word++)
        (*names)[word] = "word";
    return TRN_OK;
}

/* A store as cooccur writes it, so that the trainer is timed as it is used. */
static trn_status_t make_counts(trn_run_t *run, const char *path) {
    int64_t words = trn_params_int(run->params, "words");
    int64_t first = trn_part_start(words, run->ranks, run->rank);
    int64_t rows = trn_part_start(words, run->ranks, run->rank + 1) - first;
    made_t made = {.words = words,
                   .gap = (int64_t)(2 / trn_params_real(run->params, "density")) - 1};
    int64_t *row_ptr = NULL;
    const char **names = NULL;
    trn_status_t status = trn_alloc_zero(&row_ptr, rows + 1, sizeof *row_ptr, "row pointers");
    if (status == TRN_OK) status = trn_alloc(&made.col, words, sizeof *made.col, "columns");
    if (status == TRN_OK) status = trn_alloc(&made.value, words, sizeof *made.value, "counts");
    if (status == TRN_OK) status = make_names(words, &names);
    TRN_OR(done, trn_agree(run->comm, status));
    TRN_OR(done,
           trn_store_create(&made.store, run->comm, path, "cooccurrence", run->command, NULL, 0));
    TRN_OR(done, trn_store_strings(made.store, "/vocab", words, names));
    status = fill_store(run, &made, first, rows, row_ptr);
    status = trn_store_commit_replace(&made.store, status);
done:
    trn_store_abandon(&made.store);
    trn_free(&row_ptr);
    trn_free(&made.col);
    trn_free(&made.value);
    trn_free(&names);
    return status;
}

/* For the median. */
static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Train one epoch `repeats` times; every one must come to the same loss. */
static trn_status_t measure(trn_run_t *run, const char *counts_path, const char *output) {
    enum { MOST = 100 };
    double seconds[MOST], cpu = 0, waited = 0, loss = 0, off = 0;
    int repeats = (int)trn_params_int(run->params, "repeats");
    trn_swivel_options_t options = {.dim = trn_params_int(run->params, "dim"),
                                    .epochs = 1,
                                    .shard = trn_params_int(run->params, "shard-size"),
                                    .optimiser = TRN_ADAGRAD,
                                    .rate = 0.1,
                                    .final_rate = 1,
                                    .accumulator = 0.1,
                                    .base = 0.1,
                                    .scale = 0.25,
                                    .exponent = 0.5,
                                    .seed = 1};
    trn_trainer_run_t how = {
        .checkpoint = output, .resume = TRN_RESUME_NEVER, .created_by = run->command};
    trn_swivel_report_t report;
    for (int i = 0; i < repeats; i++) {
        trn_store_t *counts = NULL;
        TRN_TRY(trn_store_open(&counts, run->comm, counts_path, "cooccurrence"));
        trn_status_t status =
            trn_swivel_train(run->comm, counts, &options, &how, run->threads, output, &report);
        trn_store_close(&counts);
        TRN_TRY(status);
        seconds[i] = report.seconds;
        cpu += report.cpu_seconds / repeats;
        waited += report.waited / repeats;
        if (i == 0) loss = report.loss;
        off = fmax(off, fabs(report.loss - loss));
    }
    if (run->rank != 0) return TRN_OK;
    qsort(seconds, (size_t)repeats, sizeof *seconds, ascending);
    double median = seconds[repeats / 2], rate = report.flops / median;
    return trn_bench_case(
        run->result, "{s:I,s:I,s:I,s:I,s:i,s:i,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:s}", "words",
        (json_int_t)report.words, "dim", (json_int_t)options.dim, "shard", (json_int_t)report.shard,
        "nonzeros", (json_int_t)report.nonzeros, "P", run->ranks, "threads", run->threads,
        "seconds_min", seconds[0], "seconds_med", median, "cpu_seconds", cpu, "gflops", rate * 1e-9,
        "of_sgemm", rate / report.ceiling, "waiting", waited, "resid", off, "verdict",
        off == 0 && isfinite(loss) ? "PASSED" : "FAILED");
}

static trn_status_t run(trn_run_t *run) {
    const char *given = trn_params_text(run->params, "counts");
    trn_bench_files_t names;
    TRN_TRY(trn_bench_begin(run->comm, run->threads, run->result));
    TRN_TRY(trn_bench_files_open(&names, run->comm, trn_params_text(run->params, "dir")));
    trn_status_t status = given ? TRN_OK : make_counts(run, names.path[0]);
    if (status == TRN_OK)
        status = trn_agree(run->comm, measure(run, given ? given : names.path[0], names.path[1]));
    trn_bench_files_close(&names);
    TRN_TRY(status);
    return trn_agree(run->comm, run->rank == 0 ? trn_bench_verdict(run->result) : TRN_OK);
}

static const trn_param_t params[] = {
    {"counts", 0, TRN_PARAM_TEXT, .metavar = "X.h5", .file.use = TRN_FILE_READ,
     .excludes = "words density", .help = "use these counts; otherwise some are made up"},
    {"words", 0, TRN_PARAM_INT, "8192", 2, 1 << 30, .help = "vocabulary of made-up counts"},
    {"density", 0, TRN_PARAM_REAL, "0.04", 1e-6, 0.5,
     .help = "share of observed cells of made-up counts"},
    {"dim", 0, TRN_PARAM_INT, "128", 1, 65536, .help = "length of the vectors"},
    {"shard-size", 0, TRN_PARAM_INT, "512", 1, 65536, .help = "rows and columns of a shard"},
    {"repeats", 0, TRN_PARAM_INT, "3", 1, 100, .help = "epochs timed, each from the start"},
    {"dir", 0, TRN_PARAM_TEXT, ".", .metavar = "DIR", .help = "where temporary files go"},
    {0},
};

const trn_command_t trn_bench_swivel = {
    .name = "bench swivel",
    .summary = "time epochs of Swivel beside the machine's sgemm rate",
    .files = "",
    .description = "Trains one epoch several times, each from the start. gflops counts the three "
                   "GEMMs alone (6 V^2 d) over the whole epoch's time; of_sgemm is their share of "
                   "the sgemm rate of all ranks and threads, measured in the same run; waiting is "
                   "the share of time spent waiting for column blocks. PASSED: every repeat came "
                   "to the same loss (resid 0).",
    .max_files = 0,
    .params = params,
    .run = run,
};
