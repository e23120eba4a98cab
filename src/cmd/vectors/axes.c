/* axes.c: the verb `axes`: how far every row lies along directions between pairs of rows. */
#include "algo/vectors/axes.h"

#include "base/emit.h"
#include "cli/command.h"
#include "mpi/agree.h"

#include <string.h>

static const trn_param_t params[] = {
    {"pairs", 0, TRN_PARAM_TEXT, .metavar = "FILE", .required = true, .file.use = TRN_FILE_READ,
     .help =
         "lines A<tab>B of words, such as antonyms; of numbers where the rows of E have no names"},
    {"output", 'o', TRN_PARAM_TEXT, .metavar = "S.h5", .required = true, .file = TRN_STORE_WRITTEN,
     .help = "store to write: /scores, /axes, /cosines, /spectrum, /pairs"},
    {"unknown", 0, TRN_PARAM_CHOICE, "refuse", .choices = "refuse|skip",
     .help = "words that no row has: refuse the list, or leave their pairs out and tell how many"},
    {0}};

typedef struct job {
    trn_tall_in_t e; /* first: the program looks at it */
    trn_axes_t axes;
    const char *output;
    json_t *made_with;
    trn_held_t held;
} job_t;

/* The rows of pairs are found here, for the number of axes is needed for a plan. */
static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    bool skip = strcmp(trn_params_text(run->params, "unknown"), "skip") == 0;
    job->output = trn_params_text(run->params, "output");
    job->made_with = trn_params_json(run->params);
    TRN_TRY(trn_matrix_in_names(&job->e.in, run->comm));
    TRN_TRY(trn_axes_read(&job->axes, run->comm, trn_params_text(run->params, "pairs"),
                          job->e.in.names.rows, skip));
    job->held = trn_held_now(run->comm);
    return trn_run_note(run, json_pack("{s:I, s:I, s:I}", "rows", (json_int_t)job->e.in.info.rows,
                                       "pairs", (json_int_t)job->axes.count, "left_out",
                                       (json_int_t)job->axes.left_out));
}

static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    int64_t own = trn_tall_rows(job->e.in.info.rows, ranks, rank) * job->axes.count;
    trn_held_take(ledger, &job->held);
    trn_tall_in_plan(ledger, &job->e, job->e.streams, ranks, rank);
    trn_axes_plan(ledger, &job->axes, &job->e, rank);
    trn_ledger_take(ledger, "saving", trn_store_write_bytes(own * (int64_t)sizeof(double)), 1);
    if (rank == 0) trn_ledger_take(ledger, "saving", trn_store_strings_bytes(), 1);
}

static void cost(const void *user, trn_cost_t *cost) {
    const job_t *job = user;
    double numbers = (double)job->e.in.info.rows * (double)job->e.in.info.cols;
    double n = (double)job->axes.count;
    *cost = (trn_cost_t){.flops = 2 * numbers * n + 9 * n * n * n,
                         .file_bytes = 8 * (numbers + (double)job->e.in.info.rows * n)};
}

/* Rows pass by as their scores are written, so how that went is known before the file is in place.
 * Collective. */
static trn_status_t save(const trn_run_t *run, job_t *job) {
    trn_store_t *store;
    TRN_TRY(
        trn_store_create(&store, run->comm, job->output, "axes", run->command, job->made_with, 0));
    trn_status_t status = trn_axes_declare(&job->axes, &job->e, store);
    if (status == TRN_OK) status = trn_matrix_in_declare(&job->e.in, store);
    status = trn_agree(run->comm, status);
    if (status == TRN_OK) status = trn_store_begin(store);
    if (status != TRN_OK) {
        trn_store_abandon(&store);
        return status;
    }
    status = trn_agree(run->comm, trn_axes_write(&job->axes, &job->e, store));
    return trn_store_commit_replace(&store, trn_tall_in_outcome(&job->e, status));
}

static trn_status_t work(trn_run_t *run, void *user) {
    job_t *job = user;
    TRN_TRY(trn_store_place(run->comm, job->output));
    TRN_TRY(trn_tall_in_open(&job->e, run->comm, job->e.streams));
    TRN_TRY(trn_axes_make(&job->axes, &job->e));
    return save(run, job);
}

static trn_status_t report(trn_run_t *run, void *user) {
    const job_t *job = user;
    json_t *values = json_array();
    for (int64_t i = 0; i < job->axes.count; i++)
        json_array_append_new(values, json_real(job->axes.spectrum[i]));
    return trn_run_note(run, json_pack("{s:o}", "spectrum", values));
}

static void job_free(void *user) {
    job_t *job = user;
    trn_axes_free(&job->axes);
    json_decref(job->made_with);
}

const trn_command_t trn_command_axes = {
    .name = "axes",
    .summary = "score rows along directions between pairs, such as antonyms",
    .files = "E --pairs FILE -o S.h5",
    .description =
        "The axis of a pair is the difference of its rows, of length 1. Written are the product of "
        "every row of E with every axis (/scores; `svd S.h5 --center` has their principal "
        "components), the axes, their cosines with each other, and the eigenvalues of these, which "
        "add up to the number of axes: few large ones say that the axes mean few things. To move a "
        "row by x along one axis moves its score on another by x times their cosine. Words are "
        "looked up as they are, then regardless of case and of Unicode's normalization forms. E is "
        "any file that convert reads, and may be larger than --memory.",
    .examples =
        "words along axes between antonyms\ttrunnion axes E.h5 --pairs antonyms.tsv -o S.h5\n"
        "the same of a list with words that are not there\ttrunnion axes E.h5 --pairs "
        "antonyms.tsv --unknown skip -o S.h5",
    .min_files = 1,
    .max_files = 1,
    .operands = TRN_OPERANDS({"E", {TRN_FILE_READ, .also = ".vocab"}}),
    .blas = true,
    .params = params,
    .steps = &(const trn_steps_t){.size = sizeof(job_t),
                                  .rows = true,
                                  .look = look,
                                  .plan = plan,
                                  .cost = cost,
                                  .work = work,
                                  .report = report,
                                  .free = job_free},
};
