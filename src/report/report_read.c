/* report_read.c: events, a line each, put to the run that they belong to. */
#include "report/report.h"

#include "io/text/scan.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

enum { LINE_BYTES = 64 << 20 };

static json_t *new_run(json_t *runs, json_t *manifest) {
    json_t *run =
        json_pack("{s:I, s:O, s:[], s:[]}", "number", (json_int_t)json_array_size(runs) + 1,
                  "manifest", manifest, "epoch", "valid");
    return run && json_array_append_new(runs, run) == 0 ? run : NULL;
}

/* Put an event to the run that is at work; *run is the newest, NULL before the first. */
static trn_status_t take_event(json_t *runs, json_t *event, json_t **run) {
    const char *name = json_string_value(json_object_get(event, "event"));
    if (!name) return trn_fail(TRN_INPUT, "no event; give files that --log-json wrote");
    if (strcmp(name, "manifest") == 0) {
        *run = new_run(runs, event);
        return *run ? TRN_OK : trn_fail(TRN_MEMORY, "no memory for a run");
    }
    if (!*run)
        return trn_fail(TRN_INPUT,
                        "an event before any manifest; give files that --log-json wrote");
    if (strcmp(name, "summary") == 0) json_object_set(*run, name, event);
    json_t *list = json_object_get(*run, name);
    if (json_is_array(list)) json_array_append(list, event);
    return TRN_OK;
}

static trn_status_t take_line(json_t *runs, const char *line, int64_t bytes, json_t **run) {
    json_error_t error;
    json_t *event = json_loadb(line, (size_t)bytes, 0, &error);
    if (!json_is_object(event)) {
        json_decref(event);
        return trn_fail(TRN_INPUT, "no JSON object; give files that --log-json wrote");
    }
    trn_status_t status = take_event(runs, event, run);
    json_decref(event);
    return status;
}

trn_status_t trn_report_read(const char *path, json_t *runs) {
    trn_scan_t *scan;
    char *line, what[256];
    int64_t bytes, number = 0;
    json_t *run = NULL;
    trn_input_t input = {.path = path, .grows = true};
    TRN_TRY(trn_input_look(&input));
    TRN_TRY(trn_scan_open(&scan, &input, 0));
    trn_status_t status, bad = TRN_OK;
    while ((status = trn_scan_until(scan, '\n', LINE_BYTES, &line, &bytes)) == TRN_OK && line) {
        if (bad != TRN_OK) break; /* a line that is not the last */
        number++;
        bad = bytes > 0 ? take_line(runs, line, bytes, &run) : TRN_OK;
        if (bad != TRN_OK) snprintf(what, sizeof what, "%s", trn_message());
    }
    bool more = status == TRN_OK && line;
    TRN_TRY(trn_scan_end(&scan, status));
    if (bad != TRN_OK && (more || !run))
        return trn_fail(bad, "%s:%" PRId64 ": %s", path, number, what);
    if (!run) return trn_fail(TRN_INPUT, "%s: holds no run; give a file of --log-json", path);
    return TRN_OK;
}
