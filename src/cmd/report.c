/* report.c: the verb `report`: a page about runs, from their event logs. */
#define _POSIX_C_SOURCE 200809L
#include "report/report.h"

#include "cli/command.h"
#include "io/output.h"
#include "mpi/agree.h"

#include <stdlib.h>

static const trn_param_t params[] = {
    {"output", 'o', TRN_PARAM_TEXT, .metavar = "PAGE.html", .required = true,
     .file = {TRN_FILE_WRITTEN, .endings = ".html .htm"}, .help = "page to write"},
    {0},
};

static trn_status_t write_page(const char *path, const json_t *runs) {
    char *page = NULL;
    size_t bytes = 0;
    trn_output_t *output = NULL;
    FILE *memory = open_memstream(&page, &bytes);
    if (!memory) return trn_fail(TRN_MEMORY, "no memory for a page");
    trn_status_t status = trn_report_write(memory, runs);
    if (fclose(memory) != 0 && status == TRN_OK)
        status = trn_fail(TRN_MEMORY, "no memory for a page");
    if (status == TRN_OK) status = trn_output_create(&output, path);
    if (status == TRN_OK) status = trn_output_write(output, page, (int64_t)bytes);
    status = trn_output_close(&output, status);
    free(page);
    return status;
}

/* Rank 0 alone. */
static trn_status_t report(trn_run_t *run, const char *output) {
    json_t *runs = json_array();
    trn_status_t status = runs ? TRN_OK : trn_fail(TRN_MEMORY, "no memory for runs");
    for (int i = 0; i < run->nfiles && status == TRN_OK; i++)
        status = trn_report_read(run->files[i], runs);
    if (status == TRN_OK) status = write_page(output, runs);
    if (status == TRN_OK) {
        json_object_set_new(run->result, "runs", json_integer((json_int_t)json_array_size(runs)));
    }
    json_decref(runs);
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
