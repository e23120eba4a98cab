/* report.c: the verb `report`: a page about runs, from their event logs. */
#include "report/report.h"

#include "algo/common/estimate.h"
#include "base/mem.h"
#include "cli/command.h"
#include "io/output.h"
#include "io/text/input.h"
#include "mpi/agree.h"

static const trn_param_t params[] = {
    {"output", 'o', TRN_PARAM_TEXT, .metavar = "PAGE.html", .required = true,
     .file = {TRN_FILE_WRITTEN, .endings = ".html .htm"}, .help = "page to write"},
    {0},
};

static trn_status_t write_page(const char *path, const trn_report_t *report) {
    trn_output_t *output = NULL;
    TRN_TRY(trn_output_create(&output, path));
    return trn_output_close(&output, trn_report_write(trn_output_stream(output), report));
}

/* A line of a log while it is read (io/text/scan.h), then all that is kept of the logs. */
static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    enum { READER = 3 << 19 };
    (void)ranks;
    if (rank > 0) return; /* it works alone */
    trn_ledger_take(ledger, "runs", trn_report_bytes(user), 1);
    trn_ledger_pass(ledger, "reading", READER, 1);
}

/* Read once for the sizes alone, unless a pipe is among the logs. */
static trn_status_t estimate(trn_run_t *run, bool dry) {
    trn_report_t sizes = {.sizes_only = true};
    trn_status_t status = TRN_OK;
    for (int i = 0; i < run->nfiles && status == TRN_OK; i++) {
        trn_input_t input = {.path = run->files[i], .grows = true};
        status = trn_input_look(&input);
        if (status == TRN_OK && input.stream && !dry) goto done;
        if (status == TRN_OK) status = trn_report_read(run->files[i], &sizes);
    }
    if (status == TRN_OK) status = trn_estimate(run->ranks, dry, plan, &sizes, run->result);
    if (status == TRN_OK) json_object_set_new(run->result, "runs", json_integer(sizes.count));
done:
    trn_report_free(&sizes);
    return status;
}

/* Rank 0 alone. */
static trn_status_t report(trn_run_t *run, const char *output) {
    trn_report_t runs = {0};
    bool dry = trn_params_bool(run->params, "dry-run");
    if (dry || trn_mem_limit_now() > 0) TRN_TRY(estimate(run, dry));
    if (dry) return TRN_OK;
    trn_status_t status = TRN_OK;
    for (int i = 0; i < run->nfiles && status == TRN_OK; i++)
        status = trn_report_read(run->files[i], &runs);
    if (status == TRN_OK) status = write_page(output, &runs);
    if (status == TRN_OK) json_object_set_new(run->result, "runs", json_integer(runs.count));
    trn_report_free(&runs);
    return status;
}

static trn_status_t run(trn_run_t *run) {
    const char *output = trn_params_text(run->params, "output");
    return trn_agree(run->comm, run->rank == 0 ? report(run, output) : TRN_OK);
}

const trn_command_t trn_command_report = {
    .name = "report",
    .summary = "show runs on a page: learning curves, scaling, phases, benchmarks",
    .files = "LOG.jsonl... -o PAGE.html",
    .description =
        "Reads what --log-json wrote, of any number of runs, and writes one HTML page that "
        "needs no other file: a table of the runs, loss and valid MRR by epoch, time over "
        "numbers of ranks where runs are alike but for that, where the time went, and the "
        "cases of benchmarks. cluster/bench-run.sh makes such a log.",
    .examples =
        "a page on two runs\ttrunnion report first.jsonl second.jsonl -o page.html\n"
        "the same from a folder of logs of a cluster\ttrunnion report logs/*.jsonl -o page.html",
    .min_files = 1,
    .max_files = 1 << 20,
    .operands = TRN_OPERANDS(TRN_READS("LOG.jsonl")),
    .params = params,
    .run = run,
};
