#define _GNU_SOURCE
#include "cli/sink.h"

#include "base/clock.h"
#include "base/emit.h"
#include "base/log.h"
#include "base/own.h"
#include "base/plain.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Plain progress lines are at least this many seconds apart, redrawn bars this many. */
static const double plain_pause = 2, bar_pause = 0.1;

static struct {
    int rank;
    bool quiet, progress, bar;
    bool drawn;         /* a bar stands on the present line */
    double start, last; /* seconds: opened; last progress shown */
    FILE *events;       /* --log-json, NULL: none */
    const char *path;   /* its name, borrowed */
    bool failed;        /* a line of it could not be written */
    int error;          /* errno of that */
} sink;

static const char *level_name(trn_log_level_t level) {
    static const char *const names[] = {[TRN_LOG_WARN] = "warn",
                                        [TRN_LOG_INFO] = "info",
                                        [TRN_LOG_PROGRESS] = "info",
                                        [TRN_LOG_DEBUG] = "debug"};
    return names[level];
}

static void on_event(void *user, const char *name, json_t *fields) {
    (void)user;
    if (!sink.events) return;
    char now[21];
    trn_utc(now);
    json_t *line = json_pack("{s:s, s:s, s:f}", "event", name, "time", now, "seconds",
                             trn_seconds() - sink.start);
    bool good = line && json_object_update_missing(line, fields) == 0 &&
                json_dumpf(line, sink.events, JSON_COMPACT) == 0 &&
                fputc('\n', sink.events) != EOF && fflush(sink.events) == 0;
    if (!good && !sink.failed) {
        sink.failed = true;
        sink.error = errno;
    }
    json_decref(line);
}

static void log_line(trn_log_level_t level, const char *topic, const char *text) {
    json_t *fields = json_pack("{s:s, s:s, s:o*}", "level", level_name(level), "topic", topic,
                               "text", trn_json_text(text));
    if (fields) on_event(NULL, "log", fields);
    json_decref(fields);
}

/* False when it is too early for another progress line. */
static bool progress_is_due(void) {
    double now = trn_seconds();
    if (now - sink.last < (sink.bar ? bar_pause : plain_pause)) return false;
    sink.last = now;
    return true;
}

static void clear_bar(void) {
    if (sink.drawn) fputs("\r\033[K", stderr);
    sink.drawn = false;
}

static void on_line(void *user, trn_log_level_t level, const char *topic, const char *text) {
    (void)user;
    if (level != TRN_LOG_WARN && sink.rank != 0) return;
    if (level == TRN_LOG_PROGRESS && !progress_is_due()) return;
    if (sink.events) log_line(level, topic, text);
    bool silent = level == TRN_LOG_DEBUG || (sink.quiet && level != TRN_LOG_WARN) ||
                  (level == TRN_LOG_PROGRESS && !sink.progress);
    if (silent) return;
    char shown[2048];
    trn_plain(shown, sizeof shown, text);
    clear_bar();
    if (level == TRN_LOG_PROGRESS && sink.bar) {
        fprintf(stderr, "%s: %s", topic, shown);
        sink.drawn = true;
        return;
    }
    char now[21];
    trn_utc(now);
    fprintf(stderr, "%s %s [%d] %s: %s\n", now, level_name(level), sink.rank, topic, shown);
}

/* Appended to as long as the run takes, so it is looked at first: a name in a shared directory may
 * have been set as a trap. */
static trn_status_t open_events(void) {
    const char *flaw;
    int fd = trn_own_append(sink.path, &flaw);
    sink.events = fd >= 0 ? fdopen(fd, "a") : NULL;
    if (sink.events) return TRN_OK;
    int error = errno;
    if (fd >= 0) close(fd);
    if (flaw)
        return trn_fail(TRN_IO,
                        "%s: is %s, in a directory where others can write; give another "
                        "--log-json",
                        sink.path, flaw);
    return trn_fail(TRN_IO, "%s: cannot append: %s; check --log-json", sink.path, strerror(error));
}

trn_status_t trn_sink_open(const trn_params_t *params, int rank, bool launched) {
    const char *mode = trn_params_text(params, "progress");
    memset(&sink, 0, sizeof sink);
    sink.rank = rank;
    sink.quiet = trn_params_bool(params, "quiet");
    sink.progress = strcmp(mode, "none") != 0;
    /* Under MPI every rank's stderr ends in the launcher, which knows nothing of redrawn lines. */
    sink.bar = strcmp(mode, "bar") == 0 ||
               (strcmp(mode, "auto") == 0 && !launched && isatty(STDERR_FILENO));
    sink.start = sink.last = trn_seconds();
    sink.path = trn_params_text(params, "log-json");
    if (sink.path && rank == 0) TRN_TRY(open_events());
    trn_log_to(&(trn_log_sink_t){.line = on_line, .event = on_event});
    return TRN_OK;
}

trn_status_t trn_sink_close(void) {
    trn_log_to(NULL);
    clear_bar();
    if (!sink.events) return TRN_OK;
    bool failed = fclose(sink.events) != 0 || sink.failed;
    sink.events = NULL;
    if (!failed) return TRN_OK;
    return trn_fail(TRN_IO, "%s: the log is not complete: %s; free some space", sink.path,
                    strerror(sink.failed ? sink.error : errno));
}
