/* report_read.c: events, a line each, put to the run that they belong to. */
#include "report/report.h"

#include "base/mem.h"
#include "io/text/scan.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

enum { LINE_BYTES = 64 << 20 };

/* Which events have a curve, and what of them. */
static const struct {
    const char *event, *value;
} lists[TRN_REPORT_LISTS] = {{"epoch", "loss"}, {"valid", "mrr"}};

/* A run is over, of which only sizes are wanted: its curves' counters serve the next. */
static void reckon_curves(trn_report_t *report) {
    for (int64_t i = 0; i < report->room; i++) {
        report->bytes += 2 * trn_grown_bytes(report->curves[i].count, sizeof(double));
        report->curves[i].count = 0;
    }
}

static trn_status_t new_run(trn_report_t *report, json_t *manifest) {
    int64_t had = report->room, places = report->sizes_only ? 1 : report->count + 1;
    if (report->sizes_only) reckon_curves(report);
    TRN_TRY(trn_grow(&report->curves, &report->room, TRN_REPORT_LISTS * places,
                     sizeof *report->curves, "curves"));
    for (int64_t i = had; i < report->room; i++)
        report->curves[i] = (trn_report_curve_t){0};
    report->count++;
    if (report->sizes_only) return TRN_OK;
    if (!report->runs) report->runs = json_array();
    json_t *run =
        json_pack("{s:I, s:O}", "number", (json_int_t)report->count, "manifest", manifest);
    if (run && json_array_append_new(report->runs, run) == 0) return TRN_OK;
    return trn_fail(TRN_MEMORY, "no memory for a run");
}

/* To a curve of the run that came last. */
static trn_status_t add_point(trn_report_t *report, int list, const json_t *event) {
    int64_t place = report->sizes_only ? 0 : report->count - 1;
    trn_report_curve_t *curve = &report->curves[TRN_REPORT_LISTS * place + list];
    int64_t at = curve->count++;
    if (report->sizes_only) return TRN_OK;
    TRN_TRY(trn_grow(&curve->epoch, &curve->epochs, at + 1, sizeof(double), "a curve"));
    TRN_TRY(trn_grow(&curve->value, &curve->values, at + 1, sizeof(double), "a curve"));
    curve->epoch[at] = json_number_value(json_object_get(event, "epoch"));
    curve->value[at] = json_number_value(json_object_get(event, lists[list].value));
    return TRN_OK;
}

/* Put an event to the run that is at work; *at_work: there is one. */
static trn_status_t take_event(trn_report_t *report, json_t *event, bool *at_work, bool *kept) {
    const char *name = json_string_value(json_object_get(event, "event"));
    if (!name) return trn_fail(TRN_INPUT, "no event; give files that --log-json wrote");
    bool summary = strcmp(name, "summary") == 0;
    *kept = summary || strcmp(name, "manifest") == 0;
    if (*kept && !summary) {
        *at_work = true;
        return new_run(report, event);
    }
    if (!*at_work)
        return trn_fail(TRN_INPUT,
                        "an event before any manifest; give files that --log-json wrote");
    if (summary && !report->sizes_only)
        json_object_set(json_array_get(report->runs, (size_t)report->count - 1), name, event);
    for (int i = 0; i < TRN_REPORT_LISTS; i++)
        if (strcmp(name, lists[i].event) == 0) return add_point(report, i, event);
    return TRN_OK;
}

/* One line is one event. */
static trn_status_t take_line(trn_report_t *report, const char *line, int64_t bytes,
                              bool *at_work) {
    json_error_t error;
    bool kept = false;
    json_t *event = json_loadb(line, (size_t)bytes, 0, &error);
    if (!json_is_object(event)) {
        json_decref(event);
        return trn_fail(TRN_INPUT, "no JSON object; give files that --log-json wrote");
    }
    trn_status_t status = take_event(report, event, at_work, &kept);
    if (kept) report->kept += bytes;
    json_decref(event);
    return status;
}

/* A last line that is cut short is passed over, as a running job has it; any other one is an
 * error. */
trn_status_t trn_report_read(const char *path, trn_report_t *report) {
    trn_scan_t *scan;
    char *line, what[256];
    int64_t bytes, number = 0;
    bool run = false;
    trn_input_t input = {.path = path, .grows = true};
    TRN_TRY(trn_input_look(&input));
    TRN_TRY(trn_scan_open(&scan, &input, 0));
    trn_status_t status, bad = TRN_OK;
    while ((status = trn_scan_until(scan, '\n', LINE_BYTES, &line, &bytes)) == TRN_OK && line) {
        if (bad != TRN_OK) break; /* a line that is not the last */
        number++;
        bad = bytes > 0 ? take_line(report, line, bytes, &run) : TRN_OK;
        if (bad != TRN_OK) snprintf(what, sizeof what, "%s", trn_message());
    }
    bool more = status == TRN_OK && line;
    TRN_TRY(trn_scan_end(&scan, status));
    if (bad != TRN_OK && (more || !run))
        return trn_fail(bad, "%s:%" PRId64 ": %s", path, number, what);
    if (!run) return trn_fail(TRN_INPUT, "%s: holds no run; give a file of --log-json", path);
    return TRN_OK;
}

void trn_report_free(trn_report_t *report) {
    for (int64_t i = 0; i < report->room; i++) {
        trn_free(&report->curves[i].epoch);
        trn_free(&report->curves[i].value);
    }
    trn_free(&report->curves);
    json_decref(report->runs);
    *report = (trn_report_t){0};
}

/* Measured with jansson 2.14 and glibc. */
int64_t trn_report_bytes(const trn_report_t *report) {
    enum {
        JSON = 7 /* bytes for each of text */,
        BUFFERS = 256 << 10,
        RUN = 1024 /* series, names */
    };
    int64_t curves = report->bytes;
    for (int64_t i = 0; i < report->room && report->sizes_only; i++)
        curves += 2 * trn_grown_bytes(report->curves[i].count, sizeof(double));
    return curves + report->kept * JSON + BUFFERS + RUN * report->count;
}
